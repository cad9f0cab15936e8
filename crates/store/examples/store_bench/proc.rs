//! What this process and its threads have used, as the kernel tells it.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// CPU time of this process so far; exact where the kernel counts it (`/proc/PID/task/*/schedstat`),
/// of the threads that live.
pub(crate) fn cpu() -> Duration {
    threads().values().sum()
}

/// CPU time of the threads that live, by their names.
pub(crate) fn threads() -> BTreeMap<String, Duration> {
    let mut used = BTreeMap::new();
    for task in fs::read_dir("/proc/self/task").unwrap() {
        let task = task.unwrap().path();
        // One may end meanwhile.
        let (Ok(name), Ok(told)) = (
            fs::read_to_string(task.join("comm")),
            fs::read_to_string(task.join("schedstat")),
        ) else {
            continue;
        };
        let nanos = told.split(' ').next().and_then(|told| told.parse().ok());
        *used.entry(name.trim().to_owned()).or_default() +=
            Duration::from_nanos(nanos.unwrap_or(0));
    }
    used
}

/// Memory of this process in octets, from `/proc/self/status`.
pub(crate) fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
