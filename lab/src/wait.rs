//! Waiting for a state, with a deadline and the reason it was not reached.

use anyhow::bail;
use std::time::{Duration, Instant};

/// Time between two looks at a state.
const BETWEEN: Duration = Duration::from_millis(100);

/// Looks until `look` is done, or tells what it saw last. Gives how long it took.
pub fn until(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> anyhow::Result<Result<(), String>>,
) -> anyhow::Result<Duration> {
    let started = Instant::now();
    loop {
        let seen = match look()? {
            Ok(()) => return Ok(started.elapsed()),
            Err(seen) => seen,
        };
        if started.elapsed() > within {
            bail!("{what}: not within {within:?}; last seen: {seen}");
        }
        std::thread::sleep(BETWEEN);
    }
}

/// As [`until`], for what is asked over the network.
pub async fn until_async(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> anyhow::Result<Result<(), String>>,
) -> anyhow::Result<Duration> {
    let started = Instant::now();
    loop {
        let seen = match look().await? {
            Ok(()) => return Ok(started.elapsed()),
            Err(seen) => seen,
        };
        if started.elapsed() > within {
            bail!("{what}: not within {within:?}; last seen: {seen}");
        }
        tokio::time::sleep(BETWEEN).await;
    }
}
