//! What this process and its threads have used, as the kernel tells it.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// CPU time of this process so far, by `/proc/self/stat`, in hundredths of a second. Threads that
/// have ended count.
pub(crate) fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    // Behind the name, which is in brackets.
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks = |n: usize| fields[n].parse::<u64>().unwrap();
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// CPU time of this thread so far.
pub(crate) fn this_thread() -> Duration {
    ran(&fs::read_to_string("/proc/thread-self/schedstat").unwrap())
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
        *used.entry(name.trim().to_owned()).or_default() += ran(&told);
    }
    used
}

/// The first number of a `schedstat`: nanoseconds on a processor.
fn ran(schedstat: &str) -> Duration {
    let nanos = schedstat.split(' ').next();
    Duration::from_nanos(nanos.and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
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
