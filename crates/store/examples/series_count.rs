//! Counts what a data folder holds of a range of time: whether each series of each device has a sample
//! for every poll. The server that it is of must be stopped. Prints one JSON object.
//!
//! `cargo run --release -p foretell-store --example series_count -- DATA_DIR FROM_MS TO_MS INTERVAL_MS`
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use foretell_store::{Store, StoreOptions};
use model::{Clock, Metric, Timestamp};
use std::path::PathBuf;
use std::time::SystemTime;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap());
    let mut number = || arguments.next().unwrap().parse::<i64>().unwrap();
    let (from, to, interval_ms) = (number(), number(), number());
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let (store, _) = runtime.block_on(async {
        let clock = Clock::new(|| {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            Timestamp::from_unix_ms(i64::try_from(since.unwrap().as_millis()).unwrap())
        });
        Store::open(StoreOptions::new(folder), clock).await.unwrap()
    });
    let polls = (to - from) / interval_ms;
    let (from, to) = (Timestamp::from_unix_ms(from), Timestamp::from_unix_ms(to));
    let (mut devices, mut series, mut samples, mut lost) = (0_u64, 0_u64, 0_i64, 0_i64);
    for device in store.inventory.devices() {
        devices += 1;
        let of_device = store.series.series_of(device.device.body.id);
        // A poll at either edge may lie just outside: what every poll has tells how many there were.
        let up_time = of_device
            .iter()
            .find(|one| one.key.metric == Metric::SYS_UP_TIME);
        let count = |id| i64::try_from(store.series.read(id, from, to).unwrap().len()).unwrap();
        let polled = up_time.map_or(0, |one| count(one.id));
        // Polls keep their second of the minute, so all but one at an edge are in the range.
        let expected = polled.max(polls - 1);
        for one in &of_device {
            series += 1;
            let found = count(one.id);
            samples += found;
            lost += (expected - found).max(0);
        }
    }
    runtime.block_on(async { store.close().await.unwrap() });
    println!(
        r#"{{"devices": {devices}, "series": {series}, "samples": {samples}, "lost": {lost}}}"#
    );
}
