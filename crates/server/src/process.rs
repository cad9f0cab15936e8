//! What this process uses, from `/proc/self`. Absent where there is no such file system.

use std::fs;
use std::path::Path;

/// CPU time used by the process so far, in seconds, of all its threads.
pub fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may hold spaces; utime and stime are fields 14 and 15 (proc(5)).
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let utime: f64 = fields.next()?.parse().ok()?;
    let stime: f64 = fields.next()?.parse().ok()?;
    Some((utime + stime) / TICKS_PER_SECOND)
}

/// USER_HZ, which is 100 on every architecture that Linux shows to programs (time(7)).
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time of the calling thread, in nanoseconds.
pub fn thread_cpu_nanos() -> Option<u64> {
    scheduled(Path::new("/proc/thread-self"))
}

/// The name and the CPU time in nanoseconds of each thread there is.
pub fn threads_cpu_nanos() -> Vec<(String, u64)> {
    let Ok(threads) = fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let told = threads.filter_map(|thread| {
        let path = thread.ok()?.path();
        let name = fs::read_to_string(path.join("comm")).ok()?;
        Some((name.trim_end().to_owned(), scheduled(&path)?))
    });
    told.collect()
}

/// Nanoseconds on a processor: the first number of schedstat (kernel, sched-stats).
fn scheduled(thread: &Path) -> Option<u64> {
    let told = fs::read_to_string(thread.join("schedstat")).ok()?;
    told.split_whitespace().next()?.parse().ok()
}

/// Memory of the process that is in RAM, in octets.
pub fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

/// Open file descriptors of the process.
pub fn open_fds() -> Option<u64> {
    let entries = fs::read_dir("/proc/self/fd").ok()?.count();
    // Reading the list holds one itself.
    Some(entries.saturating_sub(1) as u64)
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn linux_tells() {
        assert!(super::cpu_seconds().is_some());
        assert!(super::resident_bytes().is_some_and(|bytes| bytes > 1 << 20));
        assert!(super::open_fds().is_some_and(|fds| fds >= 3));
    }
}
