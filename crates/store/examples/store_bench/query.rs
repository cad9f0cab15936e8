//! Queries, at the end of a day: when the most files have to be looked into.

use super::load::{BEGIN_MS, Hand, Network, POLL_MS, open, workers};
use super::proc;
use foretell_store::series::across::{Across, End, Grouping};
use foretell_store::series::attached::OfDevice;
use foretell_store::series::query::{self, Put, Query, SAMPLES_MAX};
use foretell_store::series::{Aggregation, Attached, Breaks, aggregate};
use model::{Metric, Timestamp};
use std::time::{Duration, Instant};

/// 100,800 series.
const DEVICES: usize = 210;
const POLLS: i64 = 24 * 60;
const HOUR: Duration = Duration::from_hours(1);
const STEP: Duration = Duration::from_mins(5);
/// Each question is asked until it has taken so much CPU, and its mean is told.
const LONG_ENOUGH: Duration = Duration::from_millis(500);

pub(crate) fn run() {
    workers(1).block_on(measure());
}

async fn measure() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let hand = Hand::new();
    let mut network = Network::new(DEVICES);
    let store = open(folder.path(), &hand);
    network.register(&store).await;
    for poll in 0..POLLS {
        hand.set(BEGIN_MS + (poll + 1) * POLL_MS);
        network.poll(&store, poll).await;
        if poll % 30 == 5 {
            store.maintain().await.unwrap();
        }
    }
    let network = &network;
    let now = Timestamp::from_unix_ms(BEGIN_MS + POLLS * POLL_MS);
    let day = now.minus(Duration::from_hours(24));
    let hour = now.minus(HOUR);

    let one_day = per_question(|n| {
        let device = network.devices[n % DEVICES].id;
        let all = store.series_named(device, Metric::IF_HC_IN_OCTETS);
        let series = &all[n % all.len()];
        let points = store.read(series.id, day, now).unwrap();
        assert_eq!(points.len() as i64, POLLS);
        let breaks = Breaks::new(Duration::from_mins(1), Vec::new(), &[]);
        let told = aggregate(&points, day, now, STEP, Aggregation::Rate, &breaks);
        assert_eq!(told.len(), 288);
    });
    // Of a site of 21 devices: one metric of all their ports.
    let of_device = |n: usize| OfDevice {
        site: Some(if n < 21 { "x" } else { "y" }.to_owned()),
        interval: Some(Duration::from_mins(1)),
        ..OfDevice::default()
    };
    let devices = network.devices.iter().enumerate();
    let attached = Attached::new(devices.map(|(n, device)| (device.id, of_device(n))), []);
    let ask = |question: &Query| query::run(&store, question, &attached).unwrap();
    let mut question = Query {
        selector: r#"ifHCInOctets{site="x"}"#.parse().unwrap(),
        from: hour,
        to: now,
        step: STEP,
        over: None,
        across: Put::Together(Across::Sum, Grouping::all()),
        rows_max: 100,
        samples_max: SAMPLES_MAX,
        until: Instant::now() + Duration::from_hours(1),
    };
    let thousand_hours = per_question(|_| {
        let answer = ask(&question);
        assert_eq!((answer.rows.len(), answer.rows[0].count), (1, 1_008));
        assert_eq!(answer.rows[0].values.len(), 12);
    });
    // One of all devices, which is the most to be read for a thousand series.
    question.selector = r#"{interface=~".*/0/[0-4]",metric="ifHCInOctets"}"#
        .parse()
        .unwrap();
    let spread = per_question(|_| {
        let answer = ask(&question);
        assert_eq!(answer.rows[0].count, 1_050);
    });
    question.selector = "{}".parse().unwrap();
    question.step = HOUR;
    question.across = Put::First {
        k: 10,
        end: End::Top,
        grouping: Grouping::all(),
    };
    let top = per_question(|_| {
        let answer = ask(&question);
        assert_eq!((answer.rows.len(), answer.cost.series), (10, 100_800));
    });
    println!(
        "{}",
        serde_json::json!({
            "query_1_series_24_h_cpu_ms": one_day,
            "query_1000_series_1_h_cpu_ms": thousand_hours,
            "query_1000_series_of_all_devices_1_h_cpu_ms": spread,
            "query_top_10_of_100000_cpu_ms": top,
        })
    );
}

/// Milliseconds of CPU that a question takes. It is answered by this thread.
pub(crate) fn per_question(mut ask: impl FnMut(usize)) -> f64 {
    // What is read the first time is kept by the system.
    ask(0);
    let begun = proc::this_thread();
    let mut asked = 0;
    loop {
        asked += 1;
        ask(asked);
        let took = proc::this_thread().saturating_sub(begun);
        if took >= LONG_ENOUGH {
            return took.as_secs_f64() * 1e3 / asked as f64;
        }
    }
}
