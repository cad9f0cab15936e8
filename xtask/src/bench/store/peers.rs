//! The store beside VictoriaMetrics and Prometheus as Debian ships them: the same samples, the same
//! questions, one after the other in one run.
//!
//! What differs is printed with the figures: ours is called within its process, by series that were
//! resolved before; the peers get labels and values over HTTP by remote write, and questions as text.
//! A collector that writes to them has to do that, and ours has not; it is no more than that.

use super::super::{example, proc};
use super::EXAMPLE;
use crate::bench::figure::{Bound, Outcome, Peer, Want};
use crate::http;
use crate::install::ensure_peer;
use crate::programs::{output, root, target_dir};
use crate::service::{Interrupt, Service};
use anyhow::{Context as _, ensure};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// 100,800 series.
const DEVICES: u32 = 210;
/// Two hours: what ours merges and Prometheus makes a block of.
const POLLS: u32 = 120;
/// Where the load begins (2026-03-01T08:00:00Z), and its last hour, in seconds.
const BEGIN_SECS: u32 = 1_772_323_200 + 8 * 3_600;
const END_SECS: u32 = BEGIN_SECS + POLLS * 60;
const HOUR_SECS: u32 = 3_600;
/// Devices whose ports' octets in are a thousand series.
const DEVICES_OF_THOUSAND: usize = 21;

const READY_WITHIN: Duration = Duration::from_mins(1);
/// How long a peer may go on merging what it was given.
const QUIET_WITHIN: Duration = Duration::from_mins(2);
/// It is quiet where it used no more than that over a second, in seconds of CPU.
const QUIET_SECS: f64 = 0.05;
/// Each question is asked until it has taken so much CPU, whose ticks are 0.01 s.
const LONG_ENOUGH_SECS: f64 = 1.0;

pub(crate) const WANTS: &[Want] = &[
    Want {
        name: "peers_bytes_ratio_to_smallest",
        floor: Bound::Most(1.0),
        target: None,
        peer: Peer::None,
    },
    beside(
        "peers_ours_bytes_per_sample",
        "peers_victoriametrics_bytes_per_sample",
    ),
    beside(
        "peers_ours_all_bytes_per_sample",
        "peers_prometheus_bytes_per_sample",
    ),
    beside(
        "peers_ours_cpu_us_per_sample",
        "peers_victoriametrics_cpu_us_per_sample",
    ),
    beside(
        "peers_ours_query_1_series_cpu_ms",
        "peers_victoriametrics_query_1_series_cpu_ms",
    ),
    beside(
        "peers_ours_query_1000_series_1_h_cpu_ms",
        "peers_victoriametrics_query_1000_series_1_h_cpu_ms",
    ),
    beside(
        "peers_ours_query_top_10_1_h_cpu_ms",
        "peers_victoriametrics_query_top_10_1_h_cpu_ms",
    ),
];

const fn beside(name: &'static str, peer: &'static str) -> Want {
    Want {
        name,
        floor: Bound::Less,
        target: None,
        peer: Peer::Measured(peer),
    }
}

/// A peer.
struct Program {
    /// In the names of figures.
    name: &'static str,
    /// Of Debian, as the program in it.
    package: &'static str,
    /// Where samples are written to.
    path: &'static str,
    ready: &'static str,
    arguments: fn(folder: &Path, address: &str) -> Vec<String>,
    /// Asked once all is sent, so that it is on disk; what it answers.
    settle: (&'static str, &'static str),
    /// What of its folder is counted, by what settling answered.
    kept: fn(folder: &Path, answer: &str) -> anyhow::Result<PathBuf>,
}

const PROGRAMS: [Program; 2] = [
    Program {
        name: "victoriametrics",
        package: "victoria-metrics",
        path: "/api/v1/write",
        ready: "/health",
        arguments: |folder, address| {
            // The samples are older than the month that it keeps by default.
            vec![
                format!("-storageDataPath={}", folder.display()),
                format!("-httpListenAddr={address}"),
                "-retentionPeriod=100y".to_owned(),
            ]
        },
        settle: ("GET", "/internal/force_flush"),
        kept: |folder, _| Ok(folder.to_owned()),
    },
    Program {
        name: "prometheus",
        package: "prometheus",
        path: "/api/v1/write",
        ready: "/-/ready",
        arguments: |folder, address| {
            vec![
                format!("--config.file={}", folder.join("none.yml").display()),
                format!("--storage.tsdb.path={}", folder.join("data").display()),
                format!("--web.listen-address={address}"),
                "--web.enable-remote-write-receiver".to_owned(),
                "--web.enable-admin-api".to_owned(),
            ]
        },
        // Makes a block of what is in memory, as it does by itself each two hours; without its log.
        settle: ("POST", "/api/v1/admin/tsdb/snapshot"),
        kept: |folder, answer| {
            let told: serde_json::Value = serde_json::from_str(answer)?;
            let name = told["data"]["name"].as_str().context("no snapshot")?;
            Ok(folder.join("data/snapshots").join(name))
        },
    },
];

pub(crate) fn run() -> anyhow::Result<Outcome> {
    let example = example::build(EXAMPLE.0, EXAMPLE.1)?;
    let interrupt = Interrupt::listen()?;
    let mut outcome = Outcome::default();
    eprintln!("==> ours");
    let told = output(
        Command::new(&example)
            .args(["beside", &DEVICES.to_string(), &POLLS.to_string()])
            .current_dir(root()),
    )?;
    for (name, value) in example::figures(&told)? {
        outcome.add(&format!("peers_ours_{name}"), value);
    }
    for program in &PROGRAMS {
        eprintln!("==> {}", program.name);
        if ensure_peer(program.package, program.package) {
            let measured = measure(program, &example, &interrupt, &mut outcome);
            measured.with_context(|| program.name.to_owned())?;
        } else {
            let why = "it cannot be installed here".to_owned();
            outcome.skipped.push((program.package, why));
        }
    }
    let of = |name: &str| {
        let name = format!("peers_{name}_bytes_per_sample");
        outcome.figures.get(&name).copied()
    };
    // With the registry and what is left of the log, as theirs are with their index.
    let ours = of("ours_all").context("no octets of ours")?;
    let theirs = PROGRAMS.iter().filter_map(|program| of(program.name));
    if let Some(smallest) = theirs.reduce(f64::min) {
        outcome.add("peers_bytes_ratio_to_smallest", ours / smallest);
    }
    println!(
        "ours: called in the process, series resolved before; peers: labels and values over HTTP by \
         remote write (snappy without compression), questions as PromQL, answers as JSON; their ten \
         greatest are of last values, ours of rates"
    );
    Ok(outcome)
}

fn measure(
    program: &Program,
    example: &Path,
    interrupt: &Interrupt,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let folder = target_dir().join("bench").join(program.name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    // Prometheus wants one, and scrapes nothing by it.
    fs::write(folder.join("none.yml"), "")?;
    let address = free_address()?;
    let log = target_dir()
        .join("bench")
        .join(format!("{}.log", program.name));
    let service = Service::start_silent(
        program.name,
        Command::new(program.package).args((program.arguments)(&folder, &address)),
        &log,
    )?;
    let ready = || {
        let answer = http::ask(&address, "GET", program.ready, None, None);
        Ok(answer
            .ok()
            .filter(|answer| answer.status == 200)
            .map(|_| ()))
    };
    interrupt.or_until("the peer is ready", READY_WITHIN, ready)?;
    let before = proc::cpu_seconds(service.pid())?;
    let told = output(
        Command::new(example)
            .args(["send", &address, program.path])
            .args([DEVICES.to_string(), POLLS.to_string()])
            .current_dir(root()),
    )?;
    let sent = example::figures(&told)?;
    let samples = sent.get("samples").copied().context("no samples")?;
    let (method, path) = program.settle;
    let settled = http::ask(&address, method, path, None, None)?;
    ensure!(settled.status == 200, "{path} answered {}", settled.status);
    quiet(&service, interrupt)?;
    let used = proc::cpu_seconds(service.pid())? - before;
    let mut add = |name: &str, value| outcome.add(&format!("peers_{}_{name}", program.name), value);
    add("cpu_us_per_sample", used * 1e6 / samples);
    for (name, value) in questions(&service, &address)? {
        add(name, value);
    }
    add("peak_memory_mib", proc::peak_memory_mib(service.pid())?);
    let kept = (program.kept)(&folder, &settled.body)?;
    service.stop()?;
    add("bytes_per_sample", octets(&kept)? as f64 / samples);
    fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Waits until it has merged what it was given.
fn quiet(service: &Service, interrupt: &Interrupt) -> anyhow::Result<()> {
    let mut last = proc::cpu_seconds(service.pid())?;
    let look = || {
        std::thread::sleep(Duration::from_secs(1));
        let now = proc::cpu_seconds(service.pid())?;
        let used = now - last;
        last = now;
        Ok((used <= QUIET_SECS).then_some(()))
    };
    interrupt.or_until("the peer is quiet", QUIET_WITHIN, look)
}

/// The three questions, as ours are asked; milliseconds of CPU of each.
fn questions(service: &Service, address: &str) -> anyhow::Result<[(&'static str, f64); 3]> {
    let names = devices(address)?;
    ensure!(names.len() == DEVICES as usize, "{} devices", names.len());
    let hour_ago = END_SECS - HOUR_SECS;
    let each = |ask: &mut dyn FnMut(usize) -> anyhow::Result<String>| {
        // What is read the first time is kept by the system.
        let answer = ask(0)?;
        ensure!(
            answer.contains("\"values\":[[") || answer.contains("\"value\":["),
            "{answer}"
        );
        let before = proc::cpu_seconds(service.pid())?;
        let mut asked = 0;
        loop {
            asked += 1;
            ask(asked)?;
            let used = proc::cpu_seconds(service.pid())? - before;
            if used >= LONG_ENOUGH_SECS {
                return Ok(used * 1e3 / asked as f64);
            }
        }
    };
    let one = each(&mut |n| {
        let device = names.get(n % names.len()).context("no device")?;
        let port = format!("GigabitEthernet1/0/{}", n % 48);
        let query = format!("rate(ifHCInOctets{{device=\"{device}\",interface=\"{port}\"}}[5m])");
        range(address, &query, BEGIN_SECS)
    })?;
    let some = names.iter().take(DEVICES_OF_THOUSAND);
    let some = some.map(String::as_str).collect::<Vec<_>>().join("|");
    let query = format!("sum(rate(ifHCInOctets{{device=~\"{some}\"}}[5m]))");
    let thousand = each(&mut |_| range(address, &query, hour_ago))?;
    // A rate would lose the name, by which series of one port are told apart.
    let query = "topk(10, last_over_time({device!=\"\"}[1h]))";
    let top = each(&mut |_| {
        let path = format!(
            "/api/v1/query?nocache=1&time={END_SECS}&query={}",
            encoded(query)
        );
        answer(address, &path)
    })?;
    Ok([
        ("query_1_series_cpu_ms", one),
        ("query_1000_series_1_h_cpu_ms", thousand),
        ("query_top_10_1_h_cpu_ms", top),
    ])
}

/// The devices that the peer knows.
fn devices(address: &str) -> anyhow::Result<Vec<String>> {
    let path = format!("/api/v1/label/device/values?start={BEGIN_SECS}&end={END_SECS}");
    let told: serde_json::Value = serde_json::from_str(&answer(address, &path)?)?;
    let names = told["data"].as_array().context("no values")?.iter();
    Ok(names
        .filter_map(|name| Some(name.as_str()?.to_owned()))
        .collect())
}

/// A question over a range to the end of the load, in buckets of five minutes. Without answers that
/// were kept, of peers that keep them.
fn range(address: &str, query: &str, from_secs: u32) -> anyhow::Result<String> {
    let query = encoded(query);
    answer(
        address,
        &format!(
            "/api/v1/query_range?nocache=1&step=300&start={from_secs}&end={END_SECS}&query={query}"
        ),
    )
}

fn answer(address: &str, path: &str) -> anyhow::Result<String> {
    let answer = http::ask(address, "GET", path, None, None)?;
    ensure!(
        answer.status == 200,
        "{path} answered {}: {}",
        answer.status,
        answer.body
    );
    Ok(answer.body)
}

/// A value of a query. Source: RFC 3986 section 2.1.
fn encoded(text: &str) -> String {
    let octets = text.bytes().map(|octet| match octet {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(octet).to_string()
        }
        octet => format!("%{octet:02X}"),
    });
    octets.collect()
}

/// Octets of the files in a folder and below.
fn octets(folder: &Path) -> anyhow::Result<u64> {
    let mut octets = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let told = entry.metadata()?;
        octets += if told.is_dir() {
            self::octets(&entry.path())?
        } else {
            told.len()
        };
    }
    Ok(octets)
}

/// An address that nobody listens on. Another program may take it before the peer does, which then
/// says so and ends.
fn free_address() -> anyhow::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_encoded() {
        assert_eq!(
            encoded("rate(a{b=\"c|d\"}[5m])"),
            "rate%28a%7Bb%3D%22c%7Cd%22%7D%5B5m%5D%29"
        );
    }
}
