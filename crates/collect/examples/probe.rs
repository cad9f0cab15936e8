//! Prints one facts object: `probe ADDRESS:PORT COMMUNITY`.
#![allow(clippy::print_stdout, missing_docs)]

use foretell_collect::snmp::{Groups, read};
use snmp::{Credentials, Session, SessionOptions, Transport};
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut args = std::env::args().skip(1);
    let (agent, community) = args
        .next()
        .zip(args.next())
        .expect("ADDRESS:PORT COMMUNITY");
    let transport = Transport::bind().expect("a socket");
    let options = SessionOptions {
        timeout: Duration::from_secs(5),
        retries: 2,
    };
    let clock = model::Clock::new(|| model::Timestamp::from_unix_ms(0));
    let mut session = Session::open(
        &transport,
        agent.parse().expect("ADDRESS:PORT"),
        &Credentials::v2c(community),
        options,
    );
    let look = read(&mut session, Groups::ALL, &clock).await;
    eprintln!("{:?} {:?} {:?}", look.complete, look.defects, look.error);
    if look.answered_at.is_none() {
        std::process::exit(3);
    }
    println!(
        "{}",
        serde_json::to_string(&look.facts).expect("facts are JSON")
    );
}
