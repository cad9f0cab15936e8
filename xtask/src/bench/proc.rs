//! What processes use, from outside. Source: proc(5).

use anyhow::Context as _;
use std::fs;

/// USER_HZ, which is 100 on every architecture that Linux shows to programs (time(7)).
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time of a process and its threads so far, in seconds.
pub(crate) fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold spaces; utime and stime are fields 14 and 15.
    let (_, rest) = stat.rsplit_once(')').context("no name in stat")?;
    let mut ticks = rest.split_whitespace().skip(11);
    let mut next = || ticks.next().and_then(|field| field.parse::<f64>().ok());
    Ok((next().context("no utime")? + next().context("no stime")?) / TICKS_PER_SECOND)
}

/// The most memory that a process had in RAM, in MiB.
pub(crate) fn peak_memory_mib(pid: u32) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    Ok(kib.context("no VmHWM")? / 1024.0)
}

/// The value of one line of `/metrics`; `name` is as it stands there, labels and all.
pub(crate) fn metric(metrics: &str, name: &str) -> anyhow::Result<f64> {
    let value = metrics
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = value.and_then(|value| value.split_whitespace().next()?.parse().ok());
    value.with_context(|| format!("/metrics has no {name}"))
}

/// CPU time of a part of the server so far, in seconds.
pub(crate) fn part_seconds(metrics: &str, part: &str) -> anyhow::Result<f64> {
    metric(
        metrics,
        &format!("foretell_cpu_seconds_total{{part=\"{part}\"}}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_found_by_name_and_labels() {
        let text = "# TYPE a counter\na_total 5\nforetell_cpu_seconds_total{part=\"poll\"} 1.25\n";
        assert!((metric(text, "a_total").unwrap() - 5.0).abs() < 1e-9);
        assert!((part_seconds(text, "poll").unwrap() - 1.25).abs() < 1e-9);
        assert!(metric(text, "a").is_err());
    }

    #[test]
    fn a_process_uses_something() {
        assert!(cpu_seconds(std::process::id()).is_ok());
        assert!(peak_memory_mib(std::process::id()).unwrap() > 0.5);
    }
}
