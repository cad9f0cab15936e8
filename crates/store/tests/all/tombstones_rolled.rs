//! Deleting a range of days of which roll-ups are all there is: what is left of them stands, what is deleted
//! does not come back, and what is written again is there.

use crate::series_fixture::{Fixture, minute};
use foretell_store::series::{Aggregation, Ask, Batch, Grave, Resolved};
use model::{DeviceId, Labels, Metric, Value};
use std::fs;
use std::time::Duration;

const DAY: i64 = 24 * 60;
/// 2026-03-02T00:00:00Z, in minutes of test time.
const SECOND: i64 = DAY / 2;
/// Minutes from poll to poll.
const POLL: i64 = 10;
/// What a counter grows by from poll to poll.
const GROWS: u64 = 1_000;

/// A device with a gauge and a counter.
struct Rolled {
    fixture: Fixture,
    device_id: DeviceId,
    gauge: Resolved,
    counter: Resolved,
    /// Days of which roll-ups are all there is.
    lost: &'static [&'static str],
}

impl Rolled {
    /// Three days and a half of polls, but for the hours from the second on that `is_away` names; of the
    /// second day roll-ups are all there is.
    async fn new() -> Self {
        Self::of(&["packs/2026-03-02"], |_| false).await
    }

    async fn of(lost: &'static [&'static str], is_away: impl Fn(i64) -> bool) -> Self {
        let fixture = Fixture::new();
        let device_id = DeviceId::new();
        let keys = [Metric::SENSOR_OTHER, Metric::IF_HC_IN_OCTETS];
        let keys = keys.map(|metric| (metric, Labels::default())).to_vec();
        let series = fixture.store().resolve(device_id, keys).await.unwrap();
        let mut rolled = Self {
            fixture,
            device_id,
            gauge: series[0],
            counter: series[1],
            lost,
        };
        for hour in 0..84 {
            let begin = hour * 60;
            rolled.fixture.clock.set(minute(begin + 60));
            if !is_away((begin - SECOND).div_euclid(60)) {
                rolled.poll(begin, begin + 60).await;
            }
            rolled.fixture.store().maintain().await.unwrap();
        }
        for pass in 0..12 {
            rolled.fixture.maintain(84 * 60 + 60 + pass * 31).await;
        }
        rolled.lose_samples();
        rolled
    }

    async fn poll(&self, from: i64, to: i64) {
        let batches = (from..to).step_by(10).map(|at| Batch {
            device_id: self.device_id,
            at: minute(at),
            values: vec![
                (self.gauge.column, Value::U64(3)),
                (
                    self.counter.column,
                    Value::U64((at / POLL).unsigned_abs() * GROWS),
                ),
            ],
        });
        let done = self.fixture.store().append_at_any_age(batches.collect());
        assert!(done.await.into_iter().all(|one| one.is_ok()));
    }

    fn lose_samples(&mut self) {
        self.fixture.shut();
        for day in self.lost {
            let folder = self.fixture.path().join(day);
            if folder.is_dir() {
                fs::remove_dir_all(folder).unwrap();
            }
        }
        self.fixture.reopen();
    }

    /// Deletes minutes of the second day.
    async fn delete(&self, from: i64, to: i64) {
        let store = self.fixture.store().clone();
        let graves = vec![Grave {
            device_id: self.device_id,
            columns: None,
        }];
        let range = (minute(SECOND + from), minute(SECOND + to));
        let done = tokio::task::spawn_blocking(move || store.bury(graves, range));
        done.await.unwrap().unwrap();
    }

    /// By hours of a day, the second being 0: numbers, and `-` for none.
    fn hours(&self, day: i64, how: Aggregation) -> String {
        let series = if how == Aggregation::Increase {
            self.counter
        } else {
            self.gauge
        };
        let ask = Ask {
            from: minute(SECOND + day * DAY),
            to: minute(SECOND + day * DAY + DAY),
            step: Duration::from_hours(1),
            how,
            interval: Duration::from_mins(10),
            replaced: Vec::new(),
            until: None,
        };
        let store = self.fixture.store();
        let told = store.steps(self.device_id, &[series.id], &ask).unwrap();
        let steps = told[0].steps.iter().map(|(_, number)| match number {
            Some(number) => format!("{number:.0}"),
            None => "-".to_owned(),
        });
        steps.collect::<Vec<_>>().join(" ")
    }

    fn told(&self) -> [String; 2] {
        [Aggregation::Count, Aggregation::Increase].map(|how| self.hours(0, how))
    }

    /// Lets time pass until no tombstone is left, and holds what is told in between against what it was.
    async fn settle(&mut self, from: i64, told: &[String; 2]) {
        for pass in 0.. {
            assert!(pass < 60, "a tombstone is left");
            self.fixture.maintain(from + pass * 31).await;
            assert_eq!(self.told(), *told, "pass {pass}");
            if self.fixture.store().tombstones() == 0 {
                break;
            }
        }
        assert_eq!(self.fixture.store().stats().tombstone_oldest_secs, 0);
        self.fixture.reopen();
        assert_eq!(self.told(), *told);
    }
}

/// So many times a word, with others from the front and from the back.
fn hours(front: &[&str], word: &str, back: &[&str]) -> String {
    let middle = std::iter::repeat_n(word, 24 - front.len() - back.len());
    let all = front.iter().copied().chain(middle);
    all.chain(back.iter().copied())
        .collect::<Vec<_>>()
        .join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_stand_where_edges_of_the_day_were_deleted() {
    let mut rolled = Rolled::new().await;
    assert_eq!(
        rolled.told(),
        [hours(&[], "6", &[]), hours(&[], "6000", &[])]
    );
    // Some of the first samples; the pairs of before and behind are known of the others.
    rolled.delete(20, 40).await;
    let told = [hours(&["-"], "6", &[]), hours(&["5000"], "6000", &[])];
    assert_eq!(rolled.told(), told);
    rolled.settle(4 * DAY, &told).await;
    // All the first, and the last.
    rolled.delete(0, 2 * 60).await;
    rolled.delete(22 * 60, DAY).await;
    let ends = ["-", "-"];
    let told = [hours(&ends, "6", &ends), hours(&ends, "6000", &ends)];
    assert_eq!(rolled.told(), told);
    rolled.settle(6 * DAY, &told).await;
    // Once more, in the midst.
    rolled.delete(12 * 60 + 5, 12 * 60 + 15).await;
    let [count, increase] = &told;
    let without = |told: &String| {
        let mut words: Vec<&str> = told.split(' ').collect();
        words[12] = "-";
        words.join(" ")
    };
    let told = [without(count), without(increase)];
    assert_eq!(rolled.told(), told);
    rolled.settle(8 * DAY, &told).await;
    // Also of a month that is one file.
    rolled.settle(34 * DAY, &told).await;
    rolled.fixture.maintain(40 * DAY).await;
    rolled.fixture.maintain(41 * DAY).await;
    assert_eq!(rolled.told(), told);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_keeps_the_edges_of_days_of_which_nothing_was_deleted() {
    // The third day begins at eight.
    let lost = &["packs/2026-03-02", "packs/2026-03-03"];
    let rolled = Rolled::of(lost, |hour| (24..32).contains(&hour)).await;
    let third = [Aggregation::Count, Aggregation::Increase].map(|how| rolled.hours(1, how));
    let away = ["-"; 8];
    assert_eq!(third, [hours(&away, "6", &[]), hours(&away, "6000", &[])]);
    // The second day, and the third until six.
    rolled.delete(0, DAY + 6 * 60).await;
    for pass in 0..6 {
        rolled.fixture.maintain(40 * DAY + pass * DAY).await;
        let told = [Aggregation::Count, Aggregation::Increase].map(|how| rolled.hours(1, how));
        assert_eq!(told, third, "pass {pass}");
        assert_eq!(rolled.told(), [hours(&[], "-", &[]), hours(&[], "-", &[])]);
    }
    assert_eq!(rolled.fixture.store().tombstones(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_again_is_told_beside_what_is_left() {
    let mut rolled = Rolled::new().await;
    rolled.delete(13 * 60 + 10, 13 * 60 + 20).await;
    let with = |all: &str, word: &str| {
        let all = hours(&[], all, &[]);
        let mut words: Vec<&str> = all.split(' ').collect();
        words[13] = word;
        words.join(" ")
    };
    assert_eq!(rolled.told(), [with("6", "-"), with("6000", "-")]);
    rolled
        .poll(SECOND + 13 * 60 + 10, SECOND + 13 * 60 + 20)
        .await;
    let told = [with("6", "1"), with("6000", "-")];
    assert_eq!(rolled.told(), told);
    rolled.settle(4 * DAY, &told).await;
    // What was written again is gone by age, too.
    rolled.lose_samples();
    assert_eq!(rolled.told(), told);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_that_is_written_again_than_is_left_costs_nothing_of_that() {
    let mut rolled = Rolled::new().await;
    rolled.delete(0, 23 * 60).await;
    rolled.poll(SECOND + 3 * 60, SECOND + 8 * 60).await;
    let told = |of: &str, last: &str| {
        let hours = (0..24).map(|hour| match hour {
            3..7 | 23 => of,
            7 => last,
            _ => "-",
        });
        hours.collect::<Vec<_>>().join(" ")
    };
    let told = [told("6", "6"), told("6000", "5000")];
    assert_eq!(rolled.told(), told);
    rolled.settle(4 * DAY, &told).await;
    rolled.lose_samples();
    assert_eq!(rolled.told(), told);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_after_it_was_let_go_of_is_told_too() {
    let mut rolled = Rolled::new().await;
    rolled.delete(6 * 60, 18 * 60).await;
    let told = |of: &str, between: &str| {
        let hours = (0..24).map(|hour| if (6..18).contains(&hour) { between } else { of });
        hours.collect::<Vec<_>>().join(" ")
    };
    rolled
        .settle(4 * DAY, &[told("6", "-"), told("6000", "-")])
        .await;
    rolled.poll(SECOND + 6 * 60, SECOND + 18 * 60).await;
    // The pair across its end is nobody's.
    let rates = (0..24).map(|hour| if hour == 17 { "5000" } else { "6000" });
    let rates: Vec<&str> = rates.collect();
    let told = [told("6", "6"), rates.join(" ")];
    assert_eq!(rolled.told(), told);
    for pass in 0..4 {
        rolled.fixture.maintain(8 * DAY + pass * 31).await;
        assert_eq!(rolled.told(), told, "pass {pass}");
    }
    rolled.lose_samples();
    assert_eq!(rolled.told(), told);
}
