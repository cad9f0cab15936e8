//! The head beside a map: out of order, twice for a time, with columns that change from poll to
//! poll, over several half-hours, sealed in between.

use super::*;
use crate::series::head::frozen::ROWS;
use model::Value;
use proptest::prelude::*;
use std::collections::BTreeMap;

const DEVICES: u8 = 2;
const COLUMNS: u32 = 40;

/// By device, column and time.
type Model = BTreeMap<(u8, u32, i64), Value>;

#[derive(Clone, Debug)]
enum Step {
    /// Polls one after the other, each of the columns of a range that `skip` does not leave out.
    Polls {
        device: u8,
        at: i64,
        count: usize,
        columns: std::ops::Range<u32>,
        skip: u32,
    },
    /// The same poll again, after others or at once.
    Again {
        device: u8,
        back: i64,
    },
    /// What has ended by a minute is taken, more may come, and it is sealed.
    Seal {
        minute: i64,
        more: bool,
    },
    Remove {
        device: u8,
    },
}

fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 16])
}

fn at_minute(minute: i64) -> Timestamp {
    Timestamp::from_unix_ms(minute * 60_000)
}

fn value(column: u32, seed: u64) -> Value {
    let number = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .rotate_left(column);
    match column % 4 {
        0 => Value::U64(12_345),
        1 => Value::U64(seed * 1_000_003 + number % 4_096),
        2 if number.is_multiple_of(5) => Value::U64(number % 9),
        _ => Value::F64((number % 64_000) as f64 / 1_000.0 - 7.0),
    }
}

struct Both {
    head: Head,
    model: Model,
    seed: u64,
}

impl Both {
    fn add(&mut self, n: u8, at: i64, columns: impl Iterator<Item = u32>) {
        self.seed += 1;
        let values: Vec<(Column, Value)> = columns
            .map(|column| (Column(column), value(column, self.seed)))
            .collect();
        for (column, value) in &values {
            self.model.insert((n, column.0, at), *value);
        }
        self.head.add(&Batch {
            device_id: device(n),
            at: at_minute(at),
            values,
        });
    }

    fn check(&self) {
        let rows: BTreeSet<(u8, i64)> = self.model.keys().map(|(n, _, at)| (*n, *at)).collect();
        assert_eq!(self.head.size(), (rows.len(), self.model.len()));
        for n in 0..DEVICES {
            for (from, to) in [(-100, 200), (-7, 13), (5, 6), (9, 9)] {
                let columns: Vec<Column> = (0..COLUMNS).rev().map(Column).collect();
                let told =
                    self.head
                        .points_together(device(n), &columns, at_minute(from), at_minute(to));
                for (column, points) in columns.iter().zip(told) {
                    let of_column = self.model.range((n, column.0, from)..);
                    let expected: Points = of_column
                        .take_while(|((m, c, at), _)| (*m, *c) == (n, column.0) && *at < to)
                        .map(|((_, _, at), value)| (at_minute(*at), *value))
                        .collect();
                    assert_eq!(points, expected, "device {n} {column:?} in {from}..{to}");
                }
            }
        }
    }

    /// Takes what has ended, checks it as a block, and seals it.
    fn seal(&mut self, minute: i64, more: bool) {
        let starts = self.head.ended(at_minute(minute));
        let taken = self.head.snapshot(&starts);
        if let (true, Some((device_id, views))) = (more, taken.first()) {
            let n = device_id.as_bytes()[0];
            let start = views[0].0 / 60_000;
            self.add(n, start + 11, [1, 5, 30].into_iter());
            // It is taken with what came to it the next time.
            self.head.sealed(*device_id, views[0].0, &views[0].1);
            self.check();
        }
        for (device_id, views) in self.head.snapshot(&starts) {
            for (start, view) in views {
                let block = view.block();
                assert_eq!(view.dense(), Dense::try_from(&block));
                let n = device_id.as_bytes()[0];
                let range = start / 60_000..start / 60_000 + 30;
                let mut expected = Block::new();
                for ((m, column, at), value) in &self.model {
                    if *m == n && range.contains(at) {
                        expected.set(at_minute(*at), &[(Column(*column), *value)]);
                    }
                }
                assert_eq!(block, expected);
                self.head.sealed(device_id, start, &view);
                self.model
                    .retain(|(m, _, at), _| *m != n || !range.contains(at));
            }
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let columns = prop_oneof![
        4 => Just(0..COLUMNS),
        2 => Just(0..20),
        1 => (1..=COLUMNS).prop_map(|end| 0..end),
        1 => (0..COLUMNS).prop_map(|begin| begin..COLUMNS),
    ];
    prop_oneof![
        8 => (0..DEVICES, -40i64..80, 1usize..25, columns, 0u32..6).prop_map(
            |(device, at, count, columns, skip)| Step::Polls { device, at, count, columns, skip }
        ),
        2 => (0..DEVICES, 0i64..12).prop_map(|(device, back)| Step::Again { device, back }),
        1 => (-30i64..90, any::<bool>()).prop_map(|(minute, more)| Step::Seal { minute, more }),
        1 => (0..DEVICES).prop_map(|device| Step::Remove { device }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_head_holds_what_a_map_holds(steps in prop::collection::vec(step(), 1..30)) {
        let mut both = Both { head: Head::default(), model: Model::new(), seed: 0 };
        let mut last = [0i64; 2];
        for step in steps {
            match step {
                Step::Polls { device, at, count, columns, skip } => {
                    for at in (at..).take(count) {
                        let left = |column: &u32| skip < 2 || !column.is_multiple_of(skip);
                        let columns: Vec<u32> = columns.clone().filter(left).collect();
                        both.add(device, at, columns.into_iter());
                        last[usize::from(device)] = at;
                    }
                }
                Step::Again { device, back } => {
                    both.add(device, last[usize::from(device)] - back, (0..COLUMNS).step_by(3));
                }
                Step::Seal { minute, more } => both.seal(minute, more),
                Step::Remove { device: n } => {
                    both.head.remove(device(n));
                    both.model.retain(|(m, _, _), _| *m != n);
                }
            }
            both.check();
        }
    }
}

#[test]
fn polls_of_the_same_columns_are_frozen_and_others_kept_apart() {
    let mut both = Both {
        head: Head::default(),
        model: Model::new(),
        seed: 0,
    };
    // Each poll has other columns: more lists of them than there are tracks.
    for at in 0..29i64 {
        let begin = u32::try_from(at).unwrap();
        both.add(0, at, std::iter::once(begin));
    }
    both.check();
    for at in 0..29 {
        both.add(1, at, 0..COLUMNS);
    }
    both.check();
    let all = both.head.all();
    let tracks = |n: u8| {
        let (_, device) = all.iter().find(|(id, _)| *id == device(n)).unwrap();
        format!("{:?}", lock(device).windows[0].window)
            .matches("Track {")
            .count()
    };
    assert_eq!((tracks(0), tracks(1)), (8, 1));
    both.add(1, 31, 0..COLUMNS);
    both.check();
    assert_eq!(
        ROWS, 10,
        "the polls above are more than are frozen together"
    );
}

#[test]
fn a_device_that_is_removed_while_it_is_added_to_is_begun_anew() {
    let mut both = Both {
        head: Head::default(),
        model: Model::new(),
        seed: 0,
    };
    both.add(0, 1, 0..3);
    let held = both.head.device(device(0)).unwrap();
    both.head.remove(device(0));
    assert!(lock(&held).gone);
    both.model.clear();
    both.check();
    both.add(0, 2, 0..3);
    both.check();
}
