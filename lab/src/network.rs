//! The network of the lab: six routers, five in a ring and a stub behind one of them.
//!
//! ```text
//!        r1 --- r2
//!       /         \
//!     r5           r3 --- r6
//!       \         /
//!        `- r4 --'
//! ```
//!
//! Each router has a management interface on a bridge in the server's namespace; the links between
//! routers carry LLDP and traffic. The host reaches the server over a link of its own.

use crate::agent::{Agents, COMMUNITY, tell};
use crate::namespace::{Namespace, ip, join, join_host, remove_leftovers};
use crate::wait::until;
use anyhow::Context as _;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{File, Permissions, set_permissions};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// How many routers there are.
pub const ROUTERS: usize = 6;
/// Links between routers, by their numbers.
pub const LINKS: [(usize, usize); 6] = [(1, 2), (2, 3), (3, 4), (4, 5), (5, 1), (3, 6)];
/// Where the server listens, as the host and the browser on it see it.
pub const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 78, 0, 2), 8080);
/// The network that the management interfaces are in.
pub const MANAGEMENT: &str = "10.77.0.0/24";

/// Where the host's end of its link to the server is.
const HOST: &str = "10.78.0.1/30";
const HOST_END: &str = "fl-host";
/// LLDP is sent every 2 s; agents of a busy machine may take a few rounds.
const CONVERGED_WITHIN: Duration = Duration::from_secs(30);
/// A killed run leaves its folder; it is found by this.
const FOLDER_PREFIX: &str = "foretell-lab-";
/// Another run of the lab on this machine may take this long.
const LOCK: &str = "/run/foretell-lab.lock";

/// A router.
pub struct Router {
    /// Its agents. Before the namespace: they are stopped before it goes.
    pub agents: Agents,
    /// Its namespace.
    pub namespace: Namespace,
    /// `r1` and so on: its host name.
    pub name: String,
    /// Where its agent is asked.
    pub management: Ipv4Addr,
    /// Its links: the interface here, the other router's number, the interface there.
    pub links: Vec<Port>,
}

/// One end of a link.
pub struct Port {
    /// The interface here.
    pub interface: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// The router at the other end, by its number from 1.
    pub other: usize,
    /// The interface there.
    pub other_interface: String,
}

/// The lab's network. Dropping it takes it down.
pub struct Network {
    routers: Vec<Router>,
    /// Where the server runs.
    pub server: Namespace,
    folder: TempDir,
    _lock: Flock<File>,
}

impl Network {
    /// Builds it and waits until every router sees its neighbours. One lab at a time stands on a
    /// machine: this waits for its turn.
    pub fn up() -> anyhow::Result<Self> {
        let lock = File::create(LOCK)?;
        let lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, errno)| errno)?;
        remove_leftovers()?;
        remove_old_folders()?;
        let folder = TempDir::with_prefix(FOLDER_PREFIX)?;
        // lldpd's unprivileged half must reach its sockets in it.
        set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        let server = Namespace::create("server")?;
        server.ip(&["link", "add", "name", "br0", "type", "bridge"])?;
        server.ip(&["address", "add", "10.77.0.1/24", "dev", "br0"])?;
        server.set_link("br0", true)?;
        join_host(HOST_END, &server, "host0")?;
        ip(&["address", "add", HOST, "dev", HOST_END])?;
        let address = format!("{}/30", SERVER.ip());
        server.ip(&["address", "add", &address, "dev", "host0"])?;
        let mut namespaces = Vec::new();
        for number in 1..=ROUTERS {
            namespaces.push(Namespace::create(&format!("r{number}"))?);
        }
        let mut ports = wire(&server, &namespaces)?;
        let mut routers = Vec::new();
        for (position, namespace) in namespaces.into_iter().enumerate() {
            let name = format!("r{}", position + 1);
            let management = management(position + 1)?;
            let agents = Agents::start(&namespace, folder.path(), &name, management)?;
            routers.push(Router {
                agents,
                namespace,
                name,
                management,
                links: ports
                    .get_mut(position)
                    .map(std::mem::take)
                    .unwrap_or_default(),
            });
        }
        let network = Self {
            routers,
            server,
            folder,
            _lock: lock,
        };
        for router in network.routers() {
            network.wait_for_neighbors(router)?;
        }
        Ok(network)
    }

    /// All routers, r1 first.
    pub fn routers(&self) -> &[Router] {
        &self.routers
    }

    /// The router of that number, from 1.
    pub fn router(&self, number: usize) -> &Router {
        number
            .checked_sub(1)
            .and_then(|position| self.routers.get(position))
            .expect("the lab has routers 1 to 6")
    }

    /// A folder that goes with the network.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn wait_for_neighbors(&self, router: &Router) -> anyhow::Result<()> {
        let what = format!("LLDP neighbours of {}", router.name);
        let waited = until(&what, CONVERGED_WITHIN, || {
            // LLDP-MIB::lldpRemSysName and lldpRemManAddrIfSubtype.
            let rows = |oid: &str| {
                let mut walk = self.server.command("snmpwalk");
                walk.args(["-v2c", "-c", COMMUNITY, "-Oqn", "-t", "1", "-r", "1"]);
                walk.arg(router.management.to_string()).arg(oid);
                let told = tell(&mut walk).unwrap_or_default();
                let row = |line: &&str| line.starts_with(".1.0.8802") && !line.contains("No Such");
                told.lines().filter(row).count()
            };
            let names = rows("1.0.8802.1.1.2.1.4.1.1.9");
            let addresses = rows("1.0.8802.1.1.2.1.4.2.1.3");
            if names >= router.links.len() && addresses >= router.links.len() {
                return Ok(Ok(()));
            }
            Ok(Err(format!("{names} names, {addresses} addresses")))
        });
        waited
            .with_context(|| router.agents.neighbors_as_lldpd_says())
            .map(drop)
    }
}

impl Router {
    /// Its link to another router.
    pub fn link_to(&self, other: usize) -> anyhow::Result<&Port> {
        self.links
            .iter()
            .find(|port| port.other == other)
            .with_context(|| format!("{} has no link to r{other}", self.name))
    }
}

fn remove_old_folders() -> anyhow::Result<()> {
    for entry in std::fs::read_dir(std::env::temp_dir())? {
        let entry = entry?;
        if entry
            .file_name()
            .to_string_lossy()
            .starts_with(FOLDER_PREFIX)
        {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Lays the cables; gives each router's ports.
fn wire(server: &Namespace, routers: &[Namespace]) -> anyhow::Result<Vec<Vec<Port>>> {
    let mut ports: Vec<Vec<Port>> = Vec::new();
    for (number, router) in (1..).zip(routers) {
        let end = format!("m{number}");
        join(server, &end, router, "mgmt0")?;
        server.ip(&["link", "set", &end, "master", "br0"])?;
        let address = format!("{}/24", management(number)?);
        router.ip(&["address", "add", &address, "dev", "mgmt0"])?;
        ports.push(Vec::new());
    }
    for (net, (a, b)) in (0u8..).zip(LINKS) {
        let mut ends = Vec::new();
        for number in [a, b] {
            let namespace = routers.get(number - 1).context("LINKS names no router")?;
            let taken = ports.get(number - 1).map_or(0, Vec::len);
            ends.push((number, namespace, format!("eth{}", taken + 1)));
        }
        let [(_, from, from_end), (_, to, to_end)] = ends.as_slice() else {
            anyhow::bail!("a link has two ends");
        };
        join(from, from_end, to, to_end)?;
        for (host, here, there) in [(1, 0, 1), (2, 1, 0)] {
            let (Some((number, namespace, end)), Some((other, _, other_end))) =
                (ends.get(here), ends.get(there))
            else {
                anyhow::bail!("a link has two ends");
            };
            let address = Ipv4Addr::new(10, 76, net, host);
            namespace.ip(&["address", "add", &format!("{address}/30"), "dev", end])?;
            ports
                .get_mut(number - 1)
                .context("no such router")?
                .push(Port {
                    interface: end.clone(),
                    address,
                    other: *other,
                    other_interface: other_end.clone(),
                });
        }
    }
    Ok(ports)
}

fn management(number: usize) -> anyhow::Result<Ipv4Addr> {
    Ok(Ipv4Addr::new(10, 77, 0, u8::try_from(10 + number)?))
}
