//! `foretell-lab`: the lab's network by hand, the ends of its traffic, and who answers its
//! echo requests.
#![allow(clippy::print_stdout)] // What it prints is its product.

use anyhow::bail;
use foretell_lab::agent::{COMMUNITY, USER};
use foretell_lab::echo::{self, Manner};
use foretell_lab::network::{MANAGEMENT, Network};
use foretell_lab::traffic;

const USAGE: &str = "usage: foretell-lab up | send ADDRESS:PORT OCTETS_PER_SECOND | sink PORT | \
     echo DELAY_MS LONGER_MS LOST_OF";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["up"] => up(),
        ["send", to, rate] => traffic::send(to.parse()?, rate.parse()?),
        ["sink", port] => traffic::sink(port.parse()?),
        ["echo", delay, longer, lost_of] => echo::answer(Manner {
            delay_ms: delay.parse()?,
            longer_ms: longer.parse()?,
            lost_of: lost_of.parse()?,
        }),
        _ => bail!(USAGE),
    }
}

/// Builds the network and leaves it standing until Enter is pressed.
fn up() -> anyhow::Result<()> {
    let network = Network::up()?;
    println!("{MANAGEMENT}, community {COMMUNITY}, SNMPv3 user {USER}");
    for router in network.routers() {
        let name = router.namespace.name();
        println!(
            "{}  {}  ip netns exec {name} sh",
            router.name, router.management
        );
        for port in &router.links {
            let (here, there) = (&port.interface, &port.other_interface);
            println!("    {here} - r{} {there}", port.other);
        }
    }
    println!(
        "Run the server with: ip netns exec {} ...",
        network.server.name()
    );
    println!("Enter takes it down.");
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}
