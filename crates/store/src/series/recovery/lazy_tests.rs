//! What is replayed when, and what happens where the log changes after the scan.

use super::*;
use crate::series::registry::metrics::Measured;
use crate::series::registry::table::Change;
use crate::series::{Batch, Resolved, SeriesRecovery, recovery};
use model::{Metric, SeriesId, Timestamp};
use std::fs;
use std::path::PathBuf;

const DEVICES: u8 = 3;
const POLLS: i64 = 25;

struct Fixture {
    folder: tempfile::TempDir,
    lazy: Lazy,
}

fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 16])
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_unix_ms(minute * 60_000)
}

/// Two segments of polls of some devices that were scanned; the second poll of each is sent again at
/// the end, with another value.
fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let segments = Arc::new(Segments::new(folder.path()));
    let index = Shared::default();
    let minutes: Vec<i64> = (0..POLLS).chain([1]).collect();
    let mut segment = [frame::header(1).to_vec(), frame::header(2).to_vec()];
    for n in 0..DEVICES {
        index.write().unwrap().apply(Change::Register {
            device_id: device(n),
            series: Resolved {
                id: SeriesId::new(),
                column: Column(0),
            },
            metric: Measured::Known(Metric::ICMP_RTT),
            labels: "{}".to_owned(),
            interface: None,
        });
        for (poll, minute) in minutes.iter().enumerate() {
            let batch = Batch {
                device_id: device(n),
                at: at(*minute),
                values: vec![(Column(0), Value::U64(poll as u64))],
            };
            frame::encode(&batch, &mut segment[usize::from(poll >= 10)]);
        }
    }
    for (number, octets) in (1..).zip(segment) {
        fs::write(segments.path(number), octets).unwrap();
    }
    let counters = Arc::new(Counters::default());
    let mut told = SeriesRecovery::default();
    let (frames, next) =
        recovery::scan(&segments, folder.path(), &index, &counters, &mut told).unwrap();
    assert_eq!((next, told.damage.len()), (3, 0), "{told:?}");
    assert_eq!(told.samples, u64::from(DEVICES) * minutes.len() as u64);
    let head = Arc::new(Head::default());
    let lazy = Lazy::new(frames, segments, index, (head, Arc::default()), counters);
    Fixture { folder, lazy }
}

impl Fixture {
    /// The values of a device, in the order of their times.
    fn values(&self, n: u8) -> Vec<Value> {
        let head = &self.lazy.head;
        let mut all = head.points_together(device(n), &[Column(0)], at(0), at(1_000));
        all.pop()
            .unwrap()
            .into_iter()
            .map(|(_, value)| value)
            .collect()
    }

    fn segment(&self, number: u64) -> PathBuf {
        self.lazy.segments.path(number)
    }

    fn defect(&self, kind: &str) -> Option<u64> {
        self.lazy.counters.snapshot().defects.get(kind).copied()
    }
}

/// All polls, the second with what came last.
fn all() -> Vec<Value> {
    let last = POLLS.unsigned_abs();
    let poll = |n| Value::U64(if n == 1 { last } else { n });
    (0..last).map(poll).collect()
}

#[test]
fn a_device_is_replayed_when_it_is_touched_and_the_rest_behind() {
    let fixture = fixture();
    let lazy = &fixture.lazy;
    assert_eq!(lazy.left(), 3);
    lazy.touch(device(1)).unwrap();
    assert_eq!((lazy.left(), lazy.is_waiting(device(1))), (2, false));
    assert!(lazy.is_waiting(device(0)));
    assert_eq!(fixture.values(1), all());
    assert_eq!(fixture.values(0), []);
    lazy.touch(device(9)).unwrap();
    lazy.forget(device(2));
    assert_eq!(lazy.left(), 1);
    lazy.stop();
    assert!(matches!(lazy.finish(), Err(NotReplayed::Stopped)));
    lazy.touch(device(0)).unwrap();
    lazy.finish().unwrap();
    assert_eq!((lazy.left(), fixture.values(0)), (0, all()));
    assert_eq!(fixture.values(2), [], "it was deleted");
    assert_eq!(lazy.head.size(), (50, 50));
}

#[test]
fn many_that_want_the_same_have_it_replayed_once() {
    let fixture = fixture();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..DEVICES {
                    fixture.lazy.touch(device(n)).unwrap();
                    assert_eq!(fixture.values(n), all());
                }
                fixture.lazy.run();
            });
        }
    });
    assert_eq!(fixture.lazy.left(), 0);
}

#[test]
fn a_log_that_cannot_be_read_is_tried_again() {
    let fixture = fixture();
    let (segment, aside) = (fixture.segment(2), fixture.folder.path().join("aside"));
    fs::rename(&segment, &aside).unwrap();
    // A folder is opened as a file is, and cannot be read.
    fs::create_dir(&segment).unwrap();
    for _ in 0..2 {
        assert!(matches!(fixture.lazy.finish(), Err(NotReplayed::Unread(_))));
        assert_eq!(fixture.lazy.left(), 3);
    }
    assert_eq!(fixture.defect("replay_failed"), Some(6));
    fs::remove_dir(&segment).unwrap();
    fs::rename(&aside, &segment).unwrap();
    fixture.lazy.finish().unwrap();
    assert_eq!((fixture.lazy.left(), fixture.values(0)), (0, all()));
}

#[test]
fn a_log_that_is_never_read_is_left_out_and_kept() {
    let mut fixture = fixture();
    let segment = fixture.segment(2);
    fs::remove_file(&segment).unwrap();
    fs::create_dir(&segment).unwrap();
    assert!(matches!(fixture.lazy.finish(), Err(NotReplayed::Unread(_))));
    fixture.lazy.give_up_after = Duration::ZERO;
    fixture.lazy.finish().unwrap();
    assert_eq!(fixture.lazy.left(), 0);
    let polls = u64::from(DEVICES) * 16;
    assert_eq!(fixture.defect("damaged_frame"), Some(polls));
    assert_eq!(
        fixture.values(0),
        all()[..10]
            .iter()
            .enumerate()
            .map(|(n, _)| Value::U64(n as u64))
            .collect::<Vec<_>>()
    );
    let segments = &fixture.lazy.segments;
    segments.sealed(3, &segments.starts()).unwrap();
    assert_eq!(segments.list().unwrap(), [0u64; 0]);
    assert!(segment.with_extension("log.damaged").exists());
}

#[test]
fn what_changes_in_the_log_after_the_start_costs_what_it_hits() {
    let fixture = fixture();
    let mut octets = fs::read(fixture.segment(1)).unwrap();
    let frame = (octets.len() - frame::HEADER_LEN) / 30;
    octets[frame::HEADER_LEN + frame + frame / 2] ^= 1;
    fs::write(fixture.segment(1), octets).unwrap();
    let octets = fs::read(fixture.segment(2)).unwrap();
    fs::write(fixture.segment(2), &octets[..octets.len() - 1]).unwrap();
    fixture.lazy.finish().unwrap();
    assert_eq!(fixture.defect("damaged_frame"), Some(2));
    let first = fixture.values(0);
    assert_eq!(first, all(), "the second poll was sent again");
    let mut last = all();
    last[1] = Value::U64(1);
    assert_eq!(fixture.values(2), last, "what was sent again is cut off");
    fs::remove_file(fixture.segment(2)).unwrap();
}
