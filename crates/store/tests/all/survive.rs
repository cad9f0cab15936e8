//! `kill -9` at random points of appending, of changing segments, of sealing and of merging: nothing
//! that was acknowledged is lost, nothing is there twice, and the store opens again. And: a second
//! server is refused for as long as the first one lives, and no longer.
//!
//! Each test runs this program again, as a child that says when it comes to its point and when it is
//! past it, and kills it in between. `FORETELL_CRASH_ROUNDS` sets how often; `cargo xtask bench crash`
//! does it a thousand times.

use crate::fixture::Fixture;
use crate::killing;
use crate::series_fixture::{Chance, TestClock, minute, times};
use foretell_store::series::{Batch, Resolved, SeriesOptions, SeriesStore, SyncPolicy};
use foretell_store::{OpenError, Store, StoreOptions};
use model::{DeviceId, Labels, Metric, Timestamp, Value};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, Instant};

/// What the child does: `POINT|BEGIN|FOLDER`. Without it the child's test does nothing.
const CHILD: &str = "FORETELL_SURVIVE";
const ROUNDS_VARIABLE: &str = "FORETELL_CRASH_ROUNDS";
/// Rounds of each point.
const ROUNDS: u64 = 50;
/// Rounds on one folder: all that was acknowledged is read again in each.
const ROUNDS_OF_A_FOLDER: u64 = 50;
/// How long the first pass is taken to last, until one was seen.
const FIRST_PASS: Duration = Duration::from_millis(2);
const DEVICES: u8 = 3;
const SERIES: usize = 4;

/// Where the child is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    /// Between a batch that is given and its acknowledgement.
    Append,
    /// The same, where each sync of the log is the first of a segment, and old segments are deleted.
    Rotate,
    /// While half-hours become packs.
    Seal,
    /// While packs become larger packs: of two hours, and of days.
    Merge,
}

impl Point {
    const ALL: [Self; 4] = [Self::Append, Self::Rotate, Self::Seal, Self::Merge];

    fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Rotate => "rotate",
            Self::Seal => "seal",
            Self::Merge => "merge",
        }
    }

    /// Minutes from poll to poll.
    fn minutes(self) -> i64 {
        match self {
            Self::Append | Self::Rotate | Self::Seal => 3,
            Self::Merge => 15,
        }
    }

    fn at(self, poll: u64) -> Timestamp {
        minute(i64::try_from(poll).unwrap() * self.minutes())
    }

    /// So often the child comes to its point at most before it is killed there.
    fn passes_max(self) -> u64 {
        match self {
            Self::Append | Self::Rotate => 40,
            Self::Seal | Self::Merge => 3,
        }
    }

    /// Whether sealing and merging are looked for after a poll.
    fn maintains(self, poll: u64) -> bool {
        match self {
            Self::Append => false,
            // Some segments are there to be deleted.
            Self::Rotate => poll.is_multiple_of(10),
            Self::Seal | Self::Merge => true,
        }
    }

    /// Whether that is what the child is killed in: there is something to seal, or to merge.
    fn is_in_maintenance(self, poll: u64) -> bool {
        let minute = i64::try_from(poll).unwrap() * self.minutes();
        match self {
            Self::Append | Self::Rotate => false,
            Self::Seal => minute % 30 == 3,
            // Two hours are over, or a day; test time begins at noon.
            Self::Merge => minute % 120 == 15 || minute % 1_440 == 720 + 45,
        }
    }

    fn options(self) -> SeriesOptions {
        SeriesOptions {
            sync: SyncPolicy::Every(Duration::from_millis(1)),
            maintain_every: None,
            segment_bytes_max: if self == Self::Rotate { 1 } else { 4_096 },
            ..SeriesOptions::default()
        }
    }

    fn open(self, folder: &Path, clock: &TestClock) -> SeriesStore {
        let opened = SeriesStore::open(folder, self.options(), clock.clock());
        let (store, recovery) = opened.unwrap();
        // A torn tail is what a crash leaves; anything else is damage that we did.
        let mut damage = recovery.damage.iter();
        assert!(damage.all(|what| what.contains("torn")), "{recovery:?}");
        store
    }
}

fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([n + 1; 16])
}

/// What a series holds at a poll.
fn value(device: u8, series: usize, poll: u64) -> Value {
    let number = poll * 1_000 + u64::from(device) * 10 + series as u64;
    if series.is_multiple_of(2) {
        Value::U64(number + (1 << 60))
    } else {
        Value::F64(number as f64 / 8.0)
    }
}

async fn series(store: &SeriesStore, device_id: DeviceId) -> Vec<Resolved> {
    let key = |n: usize| {
        let labels = Labels::default().with("sensor", n.to_string());
        (Metric::SENSOR_OTHER, labels)
    };
    let keys = (0..SERIES).map(key).collect();
    store.resolve(device_id, keys).await.unwrap()
}

/// The child: does nothing unless it was called.
#[test]
fn child() {
    let Ok(told) = std::env::var(CHILD) else {
        return;
    };
    let words: Vec<&str> = told.splitn(3, '|').collect();
    let point = Point::ALL
        .into_iter()
        .find(|point| point.name() == words[0]);
    let (point, begin) = (point.unwrap(), words[1].parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(go_on(point, begin, Path::new(words[2])));
}

async fn go_on(point: Point, begin: u64, folder: &Path) {
    let clock = TestClock::new();
    clock.set(point.at(begin));
    let store = point.open(folder, &clock);
    let mut columns = Vec::new();
    for n in 0..DEVICES {
        columns.push(series(&store, device(n)).await);
    }
    for poll in begin.. {
        clock.set(point.at(poll));
        let in_append = matches!(point, Point::Append | Point::Rotate);
        say_around(in_append, append(&store, point, &columns, poll)).await;
        if point.maintains(poll) {
            let maintain = async {
                store.maintain().await.unwrap();
            };
            say_around(point.is_in_maintenance(poll), maintain).await;
        }
    }
}

/// Says that the point is reached, and that it is passed.
async fn say_around(is_point: bool, work: impl Future<Output = ()>) {
    if is_point {
        println!("\nthere whole");
    }
    work.await;
    if is_point {
        println!("\npast whole");
    }
}

async fn append(store: &SeriesStore, point: Point, columns: &[Vec<Resolved>], poll: u64) {
    let appends: Vec<_> = (0..DEVICES)
        .zip(columns)
        .map(|(n, columns)| {
            let values = columns.iter().enumerate();
            let values = values.map(|(s, series)| (series.column, value(n, s, poll)));
            let batch = Batch {
                device_id: device(n),
                at: point.at(poll),
                values: values.collect(),
            };
            let store = store.clone();
            tokio::spawn(async move {
                store.append(batch).await.unwrap();
                println!("\nack {n} {poll} whole");
            })
        })
        .collect();
    for append in appends {
        append.await.unwrap();
    }
}

/// What came of a round.
struct Killed {
    /// Devices and polls that were acknowledged.
    acked: Vec<(u8, u64)>,
    /// The kill came before the child was past its point.
    is_inside: bool,
}

/// Runs the child until it has come to its point so often, kills it somewhere in it, and answers what
/// it had told. `pass` is how long the point lasted last.
fn run_and_kill(
    point: Point,
    folder: &Path,
    begin: u64,
    pass: &mut Duration,
    chance: &mut Chance,
) -> Killed {
    let passes = 1 + chance.below(point.passes_max());
    let told = format!("{}|{begin}|{}", point.name(), folder.display());
    let (mut child, lines) = killing::start("survive::child", &[(CHILD, OsStr::new(&told))]);
    let mut killed = Killed {
        acked: Vec::new(),
        is_inside: false,
    };
    let (mut came, mut since, mut is_killed) = (0, Instant::now(), false);
    // Lines that were printed before the kill are read to the end: they were acknowledged.
    for line in lines.map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["ack", n, poll, "whole"] => {
                killed
                    .acked
                    .push((n.parse().unwrap(), poll.parse().unwrap()));
            }
            ["there", "whole"] => {
                (came, since) = (came + 1, Instant::now());
                if came == passes {
                    let nanos = u64::try_from(pass.as_nanos()).unwrap().max(1);
                    let wait = Duration::from_nanos(chance.below(nanos));
                    // Sleeping takes some 50 microseconds longer than it is told.
                    while since.elapsed() < wait {
                        std::hint::spin_loop();
                    }
                    child.kill().unwrap();
                    (is_killed, killed.is_inside) = (true, true);
                }
            }
            ["past", "whole"] if is_killed => killed.is_inside = false,
            ["past", "whole"] => *pass = since.elapsed(),
            _ => {}
        }
    }
    child.wait().unwrap();
    assert!(is_killed, "the child ended by itself");
    killed
}

/// What is not as it must be.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wrong {
    /// Acknowledged samples that are not there.
    lost: u64,
    /// Samples that are there twice, or were never sent.
    twice_or_other: u64,
}

impl Wrong {
    /// Every acknowledged sample is there, once and exact; what else is there was at least sent.
    async fn look(&mut self, store: &SeriesStore, point: Point, acked: &BTreeSet<(u8, u64)>) {
        for n in 0..DEVICES {
            for (s, series) in series(store, device(n)).await.into_iter().enumerate() {
                let points = store.read(series.id, minute(0), minute(1 << 30)).unwrap();
                let mut polls = BTreeSet::new();
                for (time, found) in points {
                    let apart = time.since(minute(0)).as_millis();
                    let poll =
                        u64::try_from(apart).unwrap() / (60_000 * point.minutes().unsigned_abs());
                    let sent = time == point.at(poll) && found == value(n, s, poll);
                    self.twice_or_other += u64::from(!polls.insert(poll) || !sent);
                }
                let own = acked.iter().filter(|(device, _)| *device == n);
                self.lost += own.filter(|(_, poll)| !polls.contains(poll)).count() as u64;
            }
        }
    }
}

fn check(point: Point) {
    let rounds = times(ROUNDS_VARIABLE, ROUNDS);
    let mut chance = Chance::new();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let (mut wrong, mut acknowledged, mut inside) = (Wrong::default(), 0, 0);
    let mut pass = FIRST_PASS;
    let mut left = rounds;
    while left > 0 {
        let folder = tempfile::tempdir().unwrap();
        let mut acked: BTreeSet<(u8, u64)> = BTreeSet::new();
        for round in 0..left.min(ROUNDS_OF_A_FOLDER) {
            let next = acked.iter().map(|(_, poll)| poll + 1).max().unwrap_or(0);
            let killed = run_and_kill(point, folder.path(), next, &mut pass, &mut chance);
            inside += u64::from(killed.is_inside);
            acked.extend(killed.acked);
            let clock = TestClock::new();
            clock.set(point.at(acked.iter().map(|(_, poll)| *poll).max().unwrap_or(0)));
            let store = point.open(folder.path(), &clock);
            runtime.block_on(async {
                wrong.look(&store, point, &acked).await;
                if round % 5 == 4 {
                    store.maintain().await.unwrap();
                    wrong.look(&store, point, &acked).await;
                }
            });
            assert_eq!(wrong, Wrong::default(), "{point:?}, round {round}");
        }
        acknowledged += acked.len() * SERIES;
        left -= left.min(ROUNDS_OF_A_FOLDER);
    }
    // Read by `cargo xtask bench crash`.
    let name = point.name();
    println!(
        "\nFIGURES {{\"crash_{name}_rounds\": {rounds}, \"crash_{name}_rounds_inside\": {inside}, \
         \"crash_{name}_samples_acknowledged\": {acknowledged}, \"crash_{name}_samples_lost\": {}, \
         \"crash_{name}_samples_twice_or_other\": {}}}",
        wrong.lost, wrong.twice_or_other
    );
    assert!(
        inside * 5 >= rounds,
        "only {inside} of {rounds} kills hit {name}"
    );
}

#[test]
fn a_kill_while_it_appends_loses_nothing_acknowledged() {
    check(Point::Append);
}

#[test]
fn a_kill_while_segments_come_and_go_loses_nothing_acknowledged() {
    check(Point::Rotate);
}

#[test]
fn a_kill_while_it_seals_loses_nothing_acknowledged() {
    check(Point::Seal);
}

#[test]
fn a_kill_while_it_merges_loses_nothing_acknowledged() {
    check(Point::Merge);
}

/// Where [`holder`] finds its folder.
const HOLDER: &str = "FORETELL_SURVIVE_HOLDER";

/// The first server: does nothing unless it was called.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn holder() {
    let Ok(folder) = std::env::var(HOLDER) else {
        return;
    };
    let clock = Fixture::new().clock();
    let opened = Store::open(StoreOptions::new(folder), clock).await.unwrap();
    println!("\nopen {}", std::process::id());
    // Until it is killed.
    tokio::time::sleep(Duration::from_mins(10)).await;
    drop(opened);
}

#[tokio::test]
async fn a_second_server_is_refused_while_the_first_one_lives() {
    let fixture = Fixture::new();
    let told = fixture.dir.path().display().to_string();
    let (mut child, mut lines) = killing::start("survive::holder", &[(HOLDER, OsStr::new(&told))]);
    let opened = loop {
        let line = lines.next().unwrap().unwrap();
        if let Some(pid) = line.strip_prefix("open ") {
            break pid.parse::<u32>().unwrap();
        }
    };
    for _ in 0..3 {
        let opened_again = Store::open(fixture.options(), fixture.clock()).await;
        let refused = opened_again.err().unwrap();
        let of_the_first = matches!(refused, OpenError::InUse { pid, .. } if pid == Some(opened));
        assert!(of_the_first, "{refused:?}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    fixture.open().await.close().await.unwrap();
}
