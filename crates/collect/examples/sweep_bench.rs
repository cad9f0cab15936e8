//! A sweep: one echo request for each of the 65,534 hosts of 127.0.0.0/16, as a discovery sends
//! them. Prints one JSON object; what it cost is for its parent to ask.
//!
//! `cargo run --release -p foretell-collect --example sweep_bench`
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use foretell_collect::icmp::{Echoes, Pinger};
use futures_util::{StreamExt as _, stream};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

/// The first and the last host of 127.0.0.0/16.
const FIRST: u32 = 0x7f00_0001;
const LAST: u32 = 0x7f00_fffe;
/// Addresses asked at the same time: what the pinger keeps under way.
const AT_ONCE: usize = 512;

#[tokio::main(worker_threads = 2)]
async fn main() {
    // On a worker, as everything in the server is.
    tokio::spawn(sweep()).await.unwrap();
}

async fn sweep() {
    let pinger = Pinger::open().even_on_loopback();
    let begun = Instant::now();
    let (mut alive, mut sent) = (0_u32, 0_u32);
    let mut echoes = stream::iter(FIRST..=LAST)
        .map(|address| {
            let address = IpAddr::V4(Ipv4Addr::from(address));
            pinger.ping(address, Echoes::SWEEP)
        })
        .buffer_unordered(AT_ONCE);
    while let Some(echo) = echoes.next().await {
        let echo = echo.unwrap();
        alive += u32::from(echo.received.min(1));
        sent += u32::from(echo.sent);
    }
    println!(
        r#"{{"sweep_addresses": {}, "sweep_alive": {alive}, "sweep_sent": {sent}, "sweep_wall_ms": {}}}"#,
        LAST - FIRST + 1,
        begun.elapsed().as_millis()
    );
}
