//! The log on disk, cut at every 64 octets of its last live frame, as a crash may leave it: what is
//! before that frame is all there, and the store goes on.

use crate::series::files;
use crate::series_fixture::{Fixture, copied, minute, options};
use foretell_store::series::log::frame::{self, HEADER_LEN, Seen};
use foretell_store::series::{Batch, Points, Resolved, SeriesStore};
use model::{DeviceId, Value};
use std::fs::{self, OpenOptions};

/// A switch of 48 ports.
const SERIES: usize = 480;
const POLLS: i64 = 6;
/// From cut to cut: less than any disk writes at once.
const STEP: usize = 64;

fn batch(device_id: DeviceId, series: &[Resolved], poll: i64) -> Batch {
    let values = series.iter().zip(0..).map(|(series, n)| {
        let number = poll.unsigned_abs() * 1_000_003 + n;
        let value = if n % 3 == 0 {
            Value::F64(number as f64 / 8.0)
        } else {
            Value::U64(number)
        };
        (series.column, value)
    });
    Batch {
        device_id,
        at: minute(poll),
        values: values.collect(),
    }
}

/// The polls that a series has.
fn check(store: &SeriesStore, device_id: DeviceId, series: &[Resolved], polls: i64, label: &str) {
    let ids: Vec<_> = series.iter().map(|series| series.id).collect();
    let read = store.read_many(device_id, &ids, minute(0), minute(1_000));
    for (n, points) in read.unwrap().into_iter().enumerate() {
        let sent = (0..polls).map(|poll| {
            let batch = batch(device_id, series, poll);
            (batch.at, batch.values[n].1)
        });
        assert_eq!(points, sent.collect::<Points>(), "{label}: series {n}");
    }
}

#[tokio::test]
async fn a_log_cut_anywhere_in_its_last_frame_holds_all_before_it() {
    let mut fixture = Fixture::new();
    let device_id = DeviceId::new();
    let series = fixture.series(device_id, SERIES).await;
    fixture.clock.set(minute(POLLS));
    for poll in 0..POLLS {
        let batch = batch(device_id, &series, poll);
        fixture.store().append(batch).await.unwrap();
    }
    fixture.shut();
    let segments = files(&fixture, "log");
    let segment = segments.last().unwrap().strip_prefix(fixture.path());
    let segment = segment.unwrap();
    let octets = fs::read(fixture.path().join(segment)).unwrap();
    let (mut begin, mut frames) = (0, 0);
    frame::scan(&octets[HEADER_LEN..], |seen| match seen {
        Seen::Frame { offset, .. } => (begin, frames) = (HEADER_LEN + offset, frames + 1),
        other => panic!("{other:?}"),
    });
    assert_eq!(frames, POLLS);
    let cuts = (begin..octets.len()).step_by(STEP);
    let cuts: Vec<usize> = cuts.chain([octets.len() - 1]).collect();
    assert!(cuts.len() > 30, "{}", cuts.len());
    for cut in cuts {
        let copy = copied(fixture.path());
        let file = OpenOptions::new()
            .write(true)
            .open(copy.path().join(segment));
        file.unwrap().set_len(cut as u64).unwrap();
        let opened = SeriesStore::open(copy.path(), options(), fixture.clock.clock());
        let (store, recovery) = opened.unwrap();
        let torn = recovery.damage.iter().filter(|what| what.contains("torn"));
        let expected = usize::from(cut > begin);
        assert_eq!(torn.count(), expected, "cut at {cut}: {recovery:?}");
        assert_eq!(
            recovery.damage.len(),
            expected,
            "cut at {cut}: {recovery:?}"
        );
        let label = format!("cut at {cut} of {begin} to {}", octets.len());
        check(&store, device_id, &series, POLLS - 1, &label);
        // What was not acknowledged comes again, as it does.
        let again = batch(device_id, &series, POLLS - 1);
        store.append(again).await.unwrap();
        store.close().await;
        drop(store);
        let (store, _) = SeriesStore::open(copy.path(), options(), fixture.clock.clock()).unwrap();
        check(&store, device_id, &series, POLLS, &label);
    }
}
