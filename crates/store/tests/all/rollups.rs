//! Roll-ups: what is answered of them is what the samples say, whatever came late, was lost or is
//! damaged.

use crate::series::files;
use crate::series_fixture::{Fixture, minute};
use foretell_store::pack::Pack;
use foretell_store::series::{
    Aggregation, Ask, Batch, Breaks, Grain, Part, Resolved, Stepped, aggregate, resets,
};
use model::{DeviceId, Labels, Metric, Timestamp, Value};
use proptest::prelude::*;
use std::fs;
use std::time::Duration;

pub(crate) const DAY: i64 = 24 * 60;
/// 2026-03-29T12:00:00Z, in minutes of test time: a month ends in three days.
const END_OF_MARCH: i64 = 28 * DAY;
/// From poll to poll.
pub(crate) const POLL: Duration = Duration::from_mins(4);

/// A device with a counter of 32 bits, one of 64, a gauge, a state and its uptime.
pub(crate) struct Polled {
    pub(crate) fixture: Fixture,
    pub(crate) device_id: DeviceId,
    pub(crate) series: Vec<Resolved>,
}

pub(crate) const METRICS: [Metric; 5] = [
    Metric::IF_IN_ERRORS,
    Metric::IF_HC_IN_OCTETS,
    Metric::ICMP_RTT,
    Metric::IF_OPER_STATUS,
    Metric::SYS_UP_TIME,
];
const UPTIME: usize = 4;

impl Polled {
    pub(crate) async fn new() -> Self {
        let fixture = Fixture::new();
        let device_id = DeviceId::new();
        let keys = METRICS.map(|metric| (metric, Labels::default())).to_vec();
        let series = fixture.store().resolve(device_id, keys).await.unwrap();
        Self {
            fixture,
            device_id,
            series,
        }
    }

    /// Appends polls, in any order, synced together.
    pub(crate) async fn append(&self, polls: &[Poll]) {
        for some in polls.chunks(512) {
            let mut waiting = Vec::new();
            for (at, values) in some {
                let values = values.iter().zip(&self.series);
                let values = values.filter_map(|(value, series)| Some((series.column, (*value)?)));
                let batch = Batch {
                    device_id: self.device_id,
                    at: *at,
                    values: values.collect(),
                };
                let store = self.fixture.store().clone();
                waiting.push(tokio::spawn(async move { store.append(batch).await }));
            }
            for append in waiting {
                append.await.unwrap().unwrap();
            }
        }
    }

    /// Seals and merges until all is done that can be done at that time.
    pub(crate) async fn settle(&self, at: i64) {
        for pass in 0..12 {
            self.fixture.maintain(at + 31 * pass).await;
        }
    }

    fn ask(&self, n: usize, ask: &Ask) -> Stepped {
        let ids = [self.series[n].id];
        let all = self.fixture.store().steps(self.device_id, &ids, ask);
        all.unwrap().pop().unwrap()
    }

    /// The same of the samples.
    fn expected(&self, n: usize, ask: &Ask) -> Vec<(Timestamp, Option<f64>)> {
        let margin = (ask.interval * 8).max(Duration::from_mins(5));
        let (from, to) = (ask.from.minus(margin), ask.to.plus(margin));
        let read = |n: usize| {
            self.fixture
                .store()
                .read(self.series[n].id, from, to)
                .unwrap()
        };
        let breaks = Breaks::new(ask.interval, resets(&read(UPTIME)), &ask.replaced);
        aggregate(&read(n), ask.from, ask.to, ask.step, ask.how, &breaks)
    }

    /// Holds an answer against the samples; answers it.
    pub(crate) fn check(&self, n: usize, ask: &Ask) -> Stepped {
        let (told, expected) = (self.ask(n, ask), self.expected(n, ask));
        assert_eq!(told.steps.len(), expected.len());
        for (told, expected) in told.steps.iter().zip(&expected) {
            let context = || format!("{} {ask:?}: {told:?}, not {expected:?}", METRICS[n].name());
            assert_eq!(told.0, expected.0);
            match (told.1, expected.1) {
                (Some(told), Some(expected)) if ask.how == Aggregation::Peak => {
                    let above = told - expected;
                    let most = 0.001 + expected.abs() * 1e-9;
                    assert!(
                        (-1e-9 * expected.abs()..=most).contains(&above),
                        "{}",
                        context()
                    );
                }
                (Some(told), Some(expected)) => {
                    let most = 1e-6 + expected.abs() * 1e-9;
                    assert!((told - expected).abs() <= most, "{}", context());
                }
                (told, expected) => assert_eq!(told, expected, "{}", context()),
            }
        }
        let mut from = ask.from;
        for part in &told.parts {
            assert_eq!(part.from, from, "{ask:?}: {:?}", told.parts);
            from = part.to;
        }
        assert_eq!(from, ask.to, "{ask:?}: {:?}", told.parts);
        told
    }
}

/// A poll, with a value of each series that has one.
pub(crate) type Poll = (Timestamp, [Option<Value>; 5]);

/// Chance that is the same for a seed.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    /// From 0 on, below a number.
    fn below(&mut self, n: i64) -> i64 {
        i64::try_from(self.next() % n.unsigned_abs()).unwrap()
    }
    fn one_in(&mut self, n: i64) -> bool {
        self.below(n) == 0
    }
}

/// Polls from a minute on to another, with jitter, lost ones, silences, restarts and wraps.
pub(crate) fn polls(chance: &mut Chance, from: i64, to: i64) -> Vec<Poll> {
    let mut at = minute(from).unix_ms();
    let mut up_since = at - 3_600_000;
    let (mut small, mut large) = (4_294_000_000u64, 1u64 << 60);
    let mut uptime_is_lost = 0;
    let mut polls = Vec::new();
    while at < minute(to).unix_ms() {
        small = (small + chance.next() % 40_000) % (1 << 32);
        large += chance.next() % 5_000_000_000;
        if chance.one_in(150) {
            up_since = at - chance.below(200_000);
            (small, large) = (chance.next() % 1_000, chance.next() % 1_000);
        }
        if chance.one_in(60) {
            uptime_is_lost = chance.below(30);
        }
        uptime_is_lost -= 1;
        let uptime = (at - up_since) as f64 / 1e3;
        let celsius = chance.below(1_000_000) as f64 / 1e3;
        let mut values = [
            Some(Value::U64(small)),
            Some(Value::U64(large)),
            Some(Value::F64(celsius)),
            Some(Value::U64(1 + chance.next() % 7)),
            Some(Value::F64(uptime)).filter(|_| uptime_is_lost < 0),
        ];
        if chance.one_in(20) {
            values[usize::try_from(chance.below(4)).unwrap()] = None;
        }
        if values.iter().any(Option::is_some) {
            polls.push((Timestamp::from_unix_ms(at), values));
        }
        let poll_ms = i64::try_from(POLL.as_millis()).unwrap();
        at += poll_ms - 10_000 + chance.below(20_000);
        if chance.one_in(40) {
            at += chance.below(3 * 3_600_000);
        }
        if chance.one_in(600) {
            at += chance.below(40 * 3_600_000);
        }
    }
    polls
}

pub(crate) const WAYS: [Aggregation; 10] = [
    Aggregation::Rate,
    Aggregation::Increase,
    Aggregation::Peak,
    Aggregation::Min,
    Aggregation::Max,
    Aggregation::Avg,
    Aggregation::Sum,
    Aggregation::Count,
    Aggregation::Last,
    Aggregation::Stddev,
];

/// A question over `[from, to)` minutes.
pub(crate) fn over(from: i64, to: i64, step_secs: u64, how: Aggregation) -> Ask {
    Ask {
        from: minute(from),
        to: minute(to),
        step: Duration::from_secs(step_secs),
        how,
        interval: POLL,
        replaced: Vec::new(),
        until: None,
    }
}

/// A question within some minutes, aligned or not.
fn any_ask(chance: &mut Chance, from: i64, to: i64) -> Ask {
    let a = from + chance.below(to - from);
    let b = from + chance.below(to - from);
    let steps = [60, 300, 600, 3_600, 7_200, 25_200, 86_400];
    let step = steps[usize::try_from(chance.below(7)).unwrap()];
    let how = WAYS[usize::try_from(chance.below(10)).unwrap()];
    let mut ask = over(a.min(b), a.max(b) + 1, step, how);
    match chance.below(3) {
        // From midnight to midnight, or noon to noon.
        0 => {
            let days = (to - from) / 720;
            let (a, b) = (chance.below(days), chance.below(days));
            (ask.from, ask.to) = (
                minute(from + 720 * a.min(b)),
                minute(from + 720 * (a.max(b) + 1)),
            );
        }
        1 => (ask.from, ask.to) = (minute(from), minute(to)),
        _ => ask.from = ask.from.plus(Duration::from_millis(chance.next() % 60_000)),
    }
    if ask.from >= ask.to {
        ask.to = ask.from.plus(Duration::from_hours(30));
    }
    // A step of a minute over days has more than are answered.
    if ask.to.since(ask.from) > ask.step * 15_000 {
        ask.step = Duration::from_hours(1);
    }
    if chance.one_in(4) {
        ask.replaced = vec![minute(from + chance.below(to - from))];
    }
    ask
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn steps_are_what_the_samples_say(seed in 1u64..) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut chance = Chance(seed);
            let mut polled = Polled::new().await;
            let (from, to) = (END_OF_MARCH, END_OF_MARCH + 9 * DAY / 2);
            let (mut late, mut polls): (Vec<Poll>, Vec<Poll>) =
                polls(&mut chance, from, to).into_iter().partition(|_| chance.one_in(30));
            polled.fixture.clock.set(minute(to));
            // What was polled on the last day comes when some days are closed.
            let today = polls.partition_point(|(at, _)| *at < minute(to - DAY));
            let rest = polls.split_off(today);
            polled.append(&polls).await;
            let check = |polled: &Polled, chance: &mut Chance| {
                for _ in 0..10 {
                    let ask = any_ask(chance, from - DAY / 2, to + DAY / 2);
                    for n in 0..METRICS.len() {
                        polled.check(n, &ask);
                    }
                }
            };
            check(&polled, &mut chance);
            polled.fixture.maintain(to).await;
            check(&polled, &mut chance);
            polled.settle(to).await;
            check(&polled, &mut chance);
            polled.append(&rest).await;
            let some = late.split_off(late.len() / 2);
            polled.append(&some).await;
            check(&polled, &mut chance);
            polled.fixture.maintain(to + 400).await;
            check(&polled, &mut chance);
            polled.settle(to + 2 * DAY).await;
            check(&polled, &mut chance);
            polled.append(&late).await;
            polled.fixture.reopen();
            check(&polled, &mut chance);
            for day in 3..5 {
                polled.settle(to + day * DAY).await;
                check(&polled, &mut chance);
            }
            // By now all of it is rolled up.
            let ask = over(from + DAY / 2, from + 7 * DAY / 2, 3_600, Aggregation::Count);
            assert_eq!(polled.check(3, &ask).coarsest(), Grain::Hours);
        });
    }
}

/// Parts by days of the test: `1h 1-3 raw 3-4`.
pub(crate) fn told(parts: &[Part]) -> String {
    let day = |at: Timestamp| at.since(minute(-DAY / 2)).as_secs_f64() / 86_400.0;
    let part = |part: &Part| format!("{} {}-{}", part.grain.name(), day(part.from), day(part.to));
    parts.iter().map(part).collect::<Vec<_>>().join(" ")
}

/// A device that was polled from the first of March, noon, for some days, and all is rolled up.
pub(crate) async fn rolled_up(days: i64) -> Polled {
    let polled = Polled::new().await;
    let all = polls(&mut Chance(7), 0, days * DAY);
    polled.fixture.clock.set(minute(days * DAY));
    polled.append(&all).await;
    polled.settle(days * DAY).await;
    polled.settle((days + 1) * DAY).await;
    polled
}

#[tokio::test]
async fn the_coarsest_level_that_answers_a_step_is_used() {
    let polled = rolled_up(3).await;
    let parts = |from, to, step_secs, how| {
        let ask = over(from, to, step_secs, how);
        told(&polled.check(1, &ask).parts)
    };
    let (from, to) = (-DAY / 2, 3 * DAY + DAY / 2);
    assert_eq!(parts(from, to, 3_600, Aggregation::Rate), "1h 0-4");
    assert_eq!(parts(from, to, 7_200, Aggregation::Increase), "1h 0-4");
    assert_eq!(parts(from, to, 900, Aggregation::Peak), "5m 0-4");
    assert_eq!(parts(from, to, 60, Aggregation::Last), "raw 0-4");
    assert_eq!(parts(from, to, 3_600, Aggregation::Stddev), "raw 0-4");
    // The days at the edges are not whole.
    assert_eq!(
        parts(0, 3 * DAY, 3_600, Aggregation::Count),
        "raw 0.5-1 1h 1-3 raw 3-3.5"
    );
    // Another machine took the place of the device at noon of the third day.
    let mut ask = over(from, to, 3_600, Aggregation::Rate);
    ask.replaced = vec![minute(2 * DAY)];
    assert_eq!(told(&polled.check(1, &ask).parts), "1h 0-2 raw 2-3 1h 3-4");
    assert_eq!(polled.check(1, &ask).coarsest(), Grain::Hours);
}

#[tokio::test]
async fn what_comes_late_is_seen_at_once_and_rolled_up_anew() {
    let mut polled = rolled_up(3).await;
    let ask = over(-DAY / 2, 3 * DAY + DAY / 2, 3_600, Aggregation::Max);
    let before = polled.check(2, &ask);
    assert_eq!(told(&before.parts), "1h 0-4");
    let late = (
        minute(DAY).plus(Duration::from_secs(7)),
        [None, None, Some(Value::F64(1e6)), None, None],
    );
    polled.append(&[late]).await;
    let after = polled.check(2, &ask);
    assert_ne!(after.steps, before.steps);
    assert_eq!(told(&after.parts), "1h 0-1 raw 1-2 1h 2-4");
    // Sealed beside the day, and after a restart, it is the same.
    polled.fixture.maintain(4 * DAY + 500).await;
    assert_eq!(polled.check(2, &ask), after);
    polled.fixture.reopen();
    assert_eq!(polled.check(2, &ask), after);
    polled.settle(5 * DAY + 500).await;
    let again = polled.check(2, &ask);
    assert_eq!(
        (&again.steps, told(&again.parts)),
        (&after.steps, "1h 0-4".to_owned())
    );
}

#[tokio::test]
async fn a_day_without_roll_ups_gets_them_later() {
    let mut polled = rolled_up(2).await;
    let ask = over(-DAY / 2, 2 * DAY + DAY / 2, 3_600, Aggregation::Increase);
    assert_eq!(told(&polled.check(1, &ask).parts), "1h 0-3");
    polled.fixture.shut();
    for file in files(&polled.fixture, "packs/2026-03") {
        fs::remove_file(file).unwrap();
    }
    let recovery = polled.fixture.reopen();
    assert_eq!(recovery.damage.len(), 6, "{recovery:?}");
    assert_eq!(told(&polled.check(1, &ask).parts), "raw 0-3");
    // One a pass, the newest first.
    assert_eq!(polled.fixture.maintain(5 * DAY).await.rolled, 1);
    assert_eq!(told(&polled.check(1, &ask).parts), "raw 0-2 1h 2-3");
    polled.settle(5 * DAY + 1).await;
    assert_eq!(told(&polled.check(1, &ask).parts), "1h 0-3");
    let done = polled.fixture.maintain(7 * DAY).await;
    assert_eq!((done.rolled, done.days), (0, 0), "once");
}

#[tokio::test]
async fn damage_in_roll_ups_is_told_and_samples_are_read_instead() {
    let mut polled = rolled_up(2).await;
    let ask = over(-DAY / 2, 2 * DAY + DAY / 2, 3_600, Aggregation::Increase);
    let sound = polled.check(1, &ask);
    polled.fixture.shut();
    let hours: Vec<_> = files(&polled.fixture, "packs/2026-03")
        .into_iter()
        .filter(|file| file.to_string_lossy().contains("1h-d02"))
        .collect();
    let pack = Pack::open(&hours[0]).unwrap();
    let octets = pack.find(polled.device_id).unwrap().bytes();
    let whole = fs::read(&hours[0]).unwrap();
    let mut found = 0;
    for at in (64..64 + usize::try_from(octets).unwrap()).step_by(37) {
        let mut bad = whole.clone();
        bad[at] ^= 4;
        fs::write(&hours[0], bad).unwrap();
        polled.fixture.reopen();
        for n in 0..METRICS.len() {
            for how in [Aggregation::Increase, Aggregation::Last, Aggregation::Count] {
                polled.check(n, &Ask { how, ..ask.clone() });
            }
        }
        let told = polled.check(1, &ask);
        let damage = polled.fixture.store().stats().defects;
        if told.parts != sound.parts {
            found += 1;
            assert!(damage["damaged_block"] > 0, "{at}: {damage:?}");
        }
    }
    assert!(found > 3, "{found}");
}

#[tokio::test]
async fn where_samples_are_gone_roll_ups_answer_whatever_the_step() {
    let mut polled = rolled_up(2).await;
    let whole = |step_secs, how| over(-DAY / 2, 2 * DAY + DAY / 2, step_secs, how);
    let rates = whole(3_600, Aggregation::Rate);
    let before = polled.check(1, &rates);
    polled.fixture.shut();
    for file in files(&polled.fixture, "packs/2026-03-02") {
        fs::remove_file(file).unwrap();
    }
    polled.fixture.reopen();
    assert_eq!(polled.ask(1, &rates).parts, before.parts);
    let close = |told: &Stepped| {
        let pairs = told.steps.iter().zip(&before.steps);
        pairs.for_each(|(told, before)| match (told.1, before.1) {
            (Some(told), Some(before)) => assert!((told - before).abs() <= before * 1e-9),
            (told, before) => assert_eq!(told, before),
        });
    };
    close(&polled.ask(1, &rates));
    // Finer than they are, and of a part of the day.
    let fine = polled.ask(1, &whole(60, Aggregation::Increase));
    assert_eq!(told(&fine.parts), "raw 0-1 5m 1-2 raw 2-3");
    let sum = |told: &Stepped| {
        told.steps
            .iter()
            .filter_map(|(_, value)| *value)
            .sum::<f64>()
    };
    let all = sum(&polled.ask(1, &whole(86_400, Aggregation::Increase)));
    assert!(
        (sum(&fine) - all).abs() <= all * 1e-9,
        "{} {all}",
        sum(&fine)
    );
    let part = polled.ask(2, &over(DAY - 30, DAY + 90, 3_600, Aggregation::Max));
    assert_eq!(part.coarsest(), Grain::Hours);
    assert!(part.steps.iter().any(|(_, value)| value.is_some()));
    // A sample that comes now is not all of the day.
    let late = (minute(DAY), [None, Some(Value::U64(1)), None, None, None]);
    polled.append(&[late]).await;
    close(&polled.ask(1, &rates));
    for day in 5..8 {
        polled.settle(day * DAY).await;
        close(&polled.ask(1, &rates));
    }
}

#[tokio::test]
async fn a_month_that_is_over_is_one_pack_of_each_kind() {
    let polled = Polled::new().await;
    // From the first of March on, some polls a day, and at least one.
    let to = 35 * DAY;
    let some = [
        Some(Value::U64(1)),
        Some(Value::U64(1)),
        Some(Value::F64(1.5)),
        Some(Value::U64(1)),
        None,
    ];
    let each_day = (0..35).map(|day| (minute(day * DAY + 13), some));
    let all: Vec<Poll> = polls(&mut Chance(11), 0, to)
        .into_iter()
        .step_by(24)
        .chain(each_day)
        .collect();
    polled.fixture.clock.set(minute(to));
    polled.append(&all).await;
    let mut done = 0;
    for pass in 0..60 {
        done += polled.fixture.maintain(to + pass).await.months;
    }
    assert_eq!(done, 2);
    let names = |folder: &str| {
        let files = files(&polled.fixture, folder);
        let name = |path: &std::path::PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.split("-c0").next().unwrap().to_owned()
        };
        files.iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(names("packs/2026-03"), ["1h-month", "5m-month"]);
    assert!(names("packs/2026-04").contains(&"1h-d01".to_owned()));
    let ask = |how, step_secs| over(-DAY / 2, 34 * DAY + DAY / 2, step_secs, how);
    let check = || {
        for n in 0..METRICS.len() {
            for how in WAYS {
                polled.check(n, &ask(how, 3_600));
            }
        }
        polled.check(1, &ask(Aggregation::Rate, 300));
        told(&polled.check(1, &ask(Aggregation::Rate, 3_600)).parts)
    };
    assert_eq!(check(), "1h 0-35");
    // Something late makes a day anew, which lies over the month, and later the month.
    let late = (
        minute(10 * DAY + 1),
        [
            Some(Value::U64(5)),
            Some(Value::U64(6)),
            Some(Value::F64(7.5)),
            Some(Value::U64(8)),
            None,
        ],
    );
    polled.append(&[late]).await;
    polled.fixture.maintain(to + 300).await;
    assert_eq!(check(), "1h 0-10 raw 10-11 1h 11-35");
    polled.settle(to + DAY + 300).await;
    assert_eq!(check(), "1h 0-35");
    polled.settle(to + 3 * DAY).await;
    assert_eq!(check(), "1h 0-35");
    assert_eq!(names("packs/2026-03"), ["1h-month", "5m-month"]);
}
