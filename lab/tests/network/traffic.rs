//! What is charted is what was sent.

use crate::stand::{INTERVAL, Stand, figure};
use foretell_lab::namespace::Namespace;
use foretell_lab::server::User;
use foretell_lab::traffic::Traffic;
use foretell_lab::wait::until_async;
use jiff::Timestamp;
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// 2 Mbit/s: far above LLDP and ARP, far below what a busy machine can pace.
const OCTETS_PER_SECOND: u32 = 250_000;
const ERROR_MAX: f64 = 0.05;
/// Nine polls: a chart of several points.
const CHARTED: Duration = Duration::from_secs(45);
/// A clock that is set by more in that time is not only kept right.
const CLOCK_SET_MAX: Duration = Duration::from_millis(50);
/// How old the counters of the lab's agents may be, which read them anew once a second by a clock of
/// their own. Where the age changes between two polls, because that clock drifts past them or the
/// machine is late, what is charted is older or younger by no more than that: a fifth of an interval,
/// which says nothing of the server. Such a span is charted anew, so many times.
const CACHED: Duration = Duration::from_secs(1);
const SPANS_MAX: usize = 4;
/// What the kernel counts in an interval may differ by so much from what was to be sent: a few
/// datagrams, and when it was looked.
const UNSTEADY_MAX: f64 = 0.03;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root; run cargo xtask lab"]
async fn traffic_at_a_known_rate_is_charted_within_5_percent() {
    let stand = Stand::up(User::Root).await;
    let devices = stand.watch().await;
    let (from, to) = (stand.network.router(1), stand.network.router(2));
    let (out, into) = (from.link_to(2).unwrap(), to.link_to(1).unwrap());
    let binary = std::env::var("FORETELL_LAB_BIN").expect("set by cargo xtask lab");
    let traffic = Traffic::start(
        Path::new(&binary),
        &from.namespace,
        &to.namespace,
        into.address,
        OCTETS_PER_SECOND,
    )
    .unwrap();
    // The first poll interval in which the traffic began is not a steady one.
    tokio::time::sleep(2 * INTERVAL).await;
    let id = |name: &str| devices[name]["id"].as_str().unwrap().to_owned();
    let mut series = Vec::new();
    for (device, interface, metric) in [
        (id("r1"), &out.interface, "ifHCOutOctets"),
        (id("r2"), &into.interface, "ifHCInOctets"),
    ] {
        series.push((metric, stand.series(&device, interface, metric).await));
    }
    let mut spans_left = SPANS_MAX;
    'spans: loop {
        spans_left -= 1;
        let (begin, end) = charted(&from.namespace, &out.interface).await;
        for (metric, series) in &series {
            let path = format!(
                "series/{series}/samples?from={begin}&to={end}&step_secs={}&aggregation=rate",
                INTERVAL.as_secs()
            );
            let chart = stand.client.get(&path).await.unwrap();
            let rates: Vec<f64> = points(&chart).filter_map(|(_, rate)| rate).collect();
            assert!(rates.len() >= 7, "{chart}");
            let error = |rate: f64| rate / f64::from(OCTETS_PER_SECOND) - 1.0;
            let younger = rates.iter().scan(0.0, |secs, rate| {
                *secs += INTERVAL.as_secs_f64() * error(*rate);
                Some(*secs)
            });
            let ages: Vec<f64> = younger.map(|secs: f64| -secs).collect();
            let oldest = ages.iter().copied().fold(0.0, f64::max);
            let youngest = ages.iter().copied().fold(0.0, f64::min);
            let mean = rates.iter().sum::<f64>() / rates.len() as f64;
            let worst = rates.iter().map(|rate| error(*rate).abs());
            let worst = worst.fold(0.0, f64::max);
            figure(
                &format!("{metric}_error_mean_percent"),
                100.0 * error(mean).abs(),
            );
            figure(&format!("{metric}_error_worst_percent"), 100.0 * worst);
            if worst >= ERROR_MAX {
                figure("agent_older_by_secs", ages.last().copied().unwrap_or(0.0));
                let is_age = oldest - youngest < 1.2 * CACHED.as_secs_f64();
                assert!(is_age && spans_left > 0, "{rates:?}");
                continue 'spans;
            }
        }
        break;
    }

    // The number beside the interface agrees with the chart.
    let expected = 8.0 * f64::from(OCTETS_PER_SECOND);
    let r1 = id("r1");
    until_async("out_bps of the interface", 2 * INTERVAL, async || {
        let interface = stand.client.interfaces(&r1).await?[&out.interface].clone();
        let rate = interface["out_bps"].as_f64().unwrap_or_default();
        Ok(if (rate / expected - 1.0).abs() < ERROR_MAX {
            Ok(())
        } else {
            Err(interface.to_string())
        })
    })
    .await
    .unwrap();
    drop(traffic);
}

/// A span of time that is charted. One over which the machine's clock was set is none: it would be
/// charted as other traffic than was sent. Nor is one in which the kernel itself counted something
/// else, as where the machine stood still and what the sender made up for was more than its queue.
async fn charted(namespace: &Namespace, interface: &str) -> (Timestamp, Timestamp) {
    loop {
        let (begin, started) = (Timestamp::now(), Instant::now());
        let mut counted = vec![(started, sent(namespace, interface))];
        while started.elapsed() < CHARTED {
            tokio::time::sleep(INTERVAL).await;
            counted.push((Instant::now(), sent(namespace, interface)));
        }
        let (end, took) = (Timestamp::now(), started.elapsed());
        let by_the_clock = Duration::try_from(end - begin).unwrap_or_default();
        let set_by = by_the_clock.abs_diff(took);
        let pairs = counted.iter().zip(counted.iter().skip(1));
        let errors = pairs.map(|((earlier, before), (later, after))| {
            let rate = (after - before) as f64 / later.duration_since(*earlier).as_secs_f64();
            (rate / f64::from(OCTETS_PER_SECOND) - 1.0).abs()
        });
        let unsteady = errors.fold(0.0, f64::max);
        if set_by < CLOCK_SET_MAX && unsteady < UNSTEADY_MAX {
            return (begin, end);
        }
        figure("clock_was_set_by_secs", set_by.as_secs_f64());
        figure("sender_unsteady_percent", 100.0 * unsteady);
    }
}

/// Octets that an interface has sent, by the kernel's own count.
fn sent(namespace: &Namespace, interface: &str) -> u64 {
    let told = namespace.command("cat").arg("/proc/net/dev").output();
    let told = String::from_utf8(told.unwrap().stdout).unwrap();
    let mut lines = told.lines().filter_map(|line| line.split_once(':'));
    let (_, counts) = lines.find(|(name, _)| name.trim() == interface).unwrap();
    // Eight counts of what was received stand before.
    let octets = counts.split_whitespace().nth(8).unwrap();
    octets.parse().unwrap()
}

/// The points of a chart: (Unix milliseconds, value or a gap).
fn points(chart: &Value) -> impl Iterator<Item = (i64, Option<f64>)> {
    let points = chart["points"].as_array().into_iter().flatten();
    points.filter_map(|point| Some((point[0].as_i64()?, point[1].as_f64())))
}
