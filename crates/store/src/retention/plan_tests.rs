//! Cases: policies, holds and files, and what goes of them.
//!
//! Each series has another number of samples in each file, a power of two, so that the samples that go
//! tell the series: core `ifHCInOctets` 1, core `icmp_rtt` 2, edge `ifHCInOctets` 4, of a device that was
//! deleted 8, of one that nobody knows 16.

use super::*;
use crate::pack::{EntryPart, Totals};
use crate::retention::hold::Columns;
use crate::retention::{Detail, DeviceView, HeldBy, Policy, PolicySet, View};
use std::time::Duration;

const NOW: &str = "2026-06-01T13:00:00Z";
const CORE: DeviceId = DeviceId::from_bytes([1; 16]);
const EDGE: DeviceId = DeviceId::from_bytes([2; 16]);
const DELETED: DeviceId = DeviceId::from_bytes([3; 16]);
const UNKNOWN: DeviceId = DeviceId::from_bytes([4; 16]);
const HOLD: HoldId = HoldId::from_bytes([9; 16]);

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn view() -> View {
    let device = |tags: &[&str], series: &[u16]| DeviceView {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        series: (0..).map(Column).zip(series.iter().copied()).collect(),
        deleted_below: 0,
    };
    let deleted = DeviceView {
        deleted_below: 5,
        ..DeviceView::default()
    };
    View {
        metrics: ["ifHCInOctets", "icmp_rtt"].map(str::to_owned).into(),
        devices: BTreeMap::from([
            (CORE, device(&["core"], &[0, 1])),
            (EDGE, device(&["edge", "lab"], &[0])),
            (DELETED, deleted),
        ]),
    }
}

/// A file of samples (`raw`) or roll-ups whose day ended so many days ago, with all or only the known
/// series.
fn file(level: Detail, age: u64, all: bool) -> Contents {
    let begun = now().minus(Duration::from_hours(24 * (age + 1)));
    let kind = match level {
        Detail::Raw => Kind::Samples,
        Detail::FiveMinutes => Kind::FiveMinutes,
        Detail::Hours => Kind::Hours,
    };
    let field = if level == Detail::Raw { 1 } else { 8 };
    let part = |device_id, samples: &[u64]| {
        let columns = (0..).map(|n| Column(n * field));
        let entries = columns.zip(samples).map(|(column, samples)| EntryPart {
            column,
            bytes: 100,
            samples: *samples,
        });
        let mut part = DevicePart {
            device_id,
            bytes: 0,
            rows: 16,
            times_bytes: 9,
            entries: entries.collect(),
        };
        part.bytes = part.bytes_with(|_| true);
        part
    };
    let mut devices = vec![part(CORE, &[1, 2]), part(EDGE, &[4])];
    if all {
        devices.extend([part(DELETED, &[8]), part(UNKNOWN, &[16])]);
    }
    let of_parts: u64 = devices.iter().map(|part| part.bytes).sum();
    let meta = PackMeta {
        id: PackId {
            start: Level::Day.start(begun),
            level: Level::Day,
            kind,
            class: 0,
            shard: 0,
            generation: age,
        },
        bytes: 200 + of_parts,
        totals: Totals {
            samples: devices.iter().map(DevicePart::samples).sum(),
            ..Totals::default()
        },
        crc: 0,
    };
    Contents {
        meta,
        devices,
        others: 0,
    }
}

/// `metrics tags level days priority`, with `-` for all.
fn policies(texts: &[&str]) -> PolicySet {
    let policy = |text: &&str| {
        let words: Vec<&str> = text.split(' ').collect();
        let list = |word: &str| {
            let words = word.split(',').filter(|word| *word != "-");
            words.map(str::to_owned).collect::<Vec<_>>()
        };
        let level = Detail::ALL
            .into_iter()
            .find(|level| level.name() == words[2]);
        Policy {
            id: PolicyId::new(),
            name: (*text).to_owned(),
            metrics: list(words[0]),
            device_tags: list(words[1]).into_iter().collect(),
            level: level.unwrap(),
            keep_days: words[3].parse().unwrap(),
            priority: words[4].parse().unwrap(),
            without_archive: false,
        }
    };
    PolicySet::new(texts.iter().map(policy).collect()).unwrap()
}

/// A hold of some columns of a device, of days that ended so many days ago at most.
fn hold(device_id: DeviceId, columns: Columns, oldest: u64) -> HeldBy {
    HeldBy {
        id: HOLD,
        from: Some(now().minus(Duration::from_hours(24 * (oldest + 1)))),
        to: None,
        series: BTreeMap::from([(device_id, columns)]),
    }
}

fn planned(policies: PolicySet, holds: &[HeldBy], files: &[Contents]) -> Plan {
    let terms = Terms::new(policies, holds.to_vec(), view(), now());
    let (mut whole, mut inside) = (Vec::new(), Vec::new());
    for file in files {
        match terms.look(&file.meta.id) {
            Look::Stays => {}
            Look::Goes => whole.push(file.meta),
            Look::Inside => {
                let mut file = file.clone();
                let id = file.meta.id;
                file.devices.retain(|part| {
                    let stays = !terms.may_lose(&id, part.device_id);
                    file.others += u64::from(stays);
                    !stays
                });
                inside.push(file);
            }
        }
    }
    plan(&terms, &whole, &inside, &[], &[])
}

/// As `age:samples`, with `!` behind where the file goes as a whole, and what is held.
fn told(plan: &Plan) -> String {
    let file = |file: &FileFate| {
        let whole = if file.whole { "!" } else { "" };
        format!("{}:{}{whole}", file.id.generation, file.samples_gone)
    };
    let mut told: Vec<String> = plan.files.iter().rev().map(file).collect();
    let held = plan.by_hold.values();
    told.extend(held.map(|held| format!("held:{}", held.samples)));
    told.join(" ")
}

fn check(level: Detail, texts: &[&str], holds: &[HeldBy], expected: &str) {
    let files: Vec<Contents> = [2, 20, 200, 399, 400, 2_000]
        .map(|age| file(level, age, true))
        .into();
    let plan = planned(policies(texts), holds, &files);
    assert_eq!(told(&plan), expected, "{texts:?}");
    // What goes by each policy adds up to what goes of each file.
    let by_policy = plan
        .by_policy
        .values()
        .fold(Amount::default(), |mut sum, one| {
            sum.add(one.bytes, one.samples);
            sum
        });
    assert_eq!(by_policy, plan.total(), "{texts:?}");
    for gone in &plan.files {
        let before = files.iter().find(|file| file.meta.id == gone.id).unwrap();
        assert_eq!(gone.whole, gone.bytes_gone == gone.bytes, "{texts:?}");
        assert_eq!(gone.bytes, before.meta.bytes);
    }
}

#[test]
fn what_is_younger_than_the_built_in_policies_say_is_never_touched() {
    check(Detail::Raw, &[], &[], "400:31! 2000:31!");
    check(Detail::FiveMinutes, &[], &[], "2000:31!");
    check(Detail::Hours, &[], &[], "");
    check(Detail::Hours, &["- - raw 1 1"], &[], "");
}

/// Not only where one policy decides for all: the heads of ten thousand devices need not be read for it.
#[test]
fn what_is_over_by_all_that_decide_goes_without_a_look() {
    let look = |holds: &[HeldBy], age: u64| {
        let policies = policies(&["icmp_.* - raw 10 2", "- core raw 30 1"]);
        let terms = Terms::new(policies, holds.to_vec(), view(), now());
        terms.look(&file(Detail::Raw, age, true).meta.id)
    };
    assert_eq!(look(&[], 2), Look::Stays);
    for age in [10, 20, 30, 399] {
        assert_eq!(look(&[], age), Look::Inside, "{age}");
    }
    assert_eq!(look(&[], 400), Look::Goes);
    let held = [hold(EDGE, Columns::All, 500)];
    assert_eq!(look(&held, 400), Look::Inside);
    assert_eq!(look(&held, 600), Look::Goes);
}

#[test]
fn policies_by_metric_tag_and_priority() {
    // What deleted devices left goes along; what nobody knows is kept as long as anything may be.
    check(
        Detail::Raw,
        &["icmp_.* - raw 10 1"],
        &[],
        "20:10 200:10 399:10 400:31! 2000:31!",
    );
    check(
        Detail::Raw,
        &["- core,other raw 10 1"],
        &[],
        "20:11 200:11 399:11 400:31! 2000:31!",
    );
    check(
        Detail::Raw,
        &["icmp_rtt edge raw 10 1"],
        &[],
        "400:31! 2000:31!",
    );
    // Names are whole.
    check(Detail::Raw, &["icmp - raw 10 1"], &[], "400:31! 2000:31!");
    check(
        Detail::Raw,
        &["- - raw 10 1", "if.* - raw 100 2"],
        &[],
        "20:10 200:15 399:15 400:31! 2000:31!",
    );
    check(
        Detail::Raw,
        &["if.* - raw 100 2", "- - raw 10 3"],
        &[],
        "20:15 200:15 399:15 400:31! 2000:31!",
    );
    // Of equal priority the longest decides.
    check(
        Detail::Raw,
        &["- core raw 10 1", "if.* - raw 3000 1"],
        &[],
        "20:10 200:10 399:10 400:10 2000:10",
    );
}

#[test]
fn a_hold_wins() {
    let all = hold(CORE, Columns::All, 300);
    check(
        Detail::Raw,
        &["- core raw 10 1"],
        &[all],
        "20:8 200:8 399:11 400:31! 2000:31! held:6",
    );
    let one = hold(CORE, Columns::These(vec![Column(1)]), 5_000);
    check(
        Detail::Raw,
        &["- core raw 10 1"],
        std::slice::from_ref(&one),
        "20:9 200:9 399:9 400:29 2000:29 held:10",
    );
    check(Detail::Raw, &[], &[one], "400:29 2000:29 held:4");
    let deleted = hold(DELETED, Columns::All, 5_000);
    check(Detail::Raw, &[], &[deleted], "400:23 2000:23 held:16");
}

#[test]
fn what_several_holds_keep_is_kept_by_none_alone() {
    let all = hold(CORE, Columns::All, 5_000);
    let one = HeldBy {
        id: HoldId::from_bytes([8; 16]),
        ..hold(CORE, Columns::These(vec![Column(1)]), 5_000)
    };
    let files = [20, 200].map(|age| file(Detail::Raw, age, true));
    let plan = planned(policies(&["- core raw 10 1"]), &[all, one], &files);
    assert_eq!(told(&plan), "20:8 200:8 held:2");
    let kept: Vec<HoldId> = plan.by_hold.keys().copied().collect();
    assert_eq!((kept, plan.by_several_holds.samples), (vec![HOLD], 4));
    assert_eq!(plan.held().samples, 6);
}

#[test]
fn roll_ups_go_as_whole_files() {
    let all = &["- - 5m 10 1"];
    // What nobody knows keeps the file.
    check(Detail::FiveMinutes, all, &[], "2000:31!");
    let files = [20, 2_000].map(|age| file(Detail::FiveMinutes, age, false));
    let plan = planned(policies(all), &[], &files);
    assert_eq!(told(&plan), "20:7! 2000:7!");
    let some = planned(policies(&["icmp_rtt - 5m 10 1"]), &[], &files);
    assert_eq!(told(&some), "2000:7!");
    let held = hold(EDGE, Columns::These(vec![Column(0)]), 5_000);
    let held = planned(policies(all), &[held], &files);
    assert_eq!(told(&held), "held:8");
}

#[test]
fn patches_go_where_all_of_them_does() {
    let patch = |age: u64, columns: &[u32]| Patch {
        key: BlockKey::holding(
            CORE,
            Level::HalfHour,
            now().minus(Duration::from_hours(24 * (age + 1))),
        ),
        bytes: 70,
        columns: columns.iter().map(|column| (Column(*column), 3)).collect(),
    };
    let policies = policies(&["icmp_rtt - raw 10 1"]);
    let terms = Terms::new(policies, Vec::new(), view(), now());
    let patches = [patch(5, &[1]), patch(20, &[1]), patch(30, &[0, 1])];
    let plan = plan(&terms, &[], &[], &[], &patches);
    let expected = Amount {
        bytes: 70,
        samples: 3,
    };
    assert_eq!(plan.patches, BTreeMap::from([(patches[1].key, expected)]));
    assert_eq!(plan.total(), expected);
}

#[test]
fn what_waits_for_the_archive_stays_in_a_file_of_which_other_series_do_not_wait() {
    let octets = Policy {
        id: PolicyId::new(),
        name: "octets".to_owned(),
        metrics: vec!["ifHCInOctets".to_owned()],
        device_tags: BTreeSet::new(),
        level: Detail::Raw,
        keep_days: 1_000,
        priority: 1,
        without_archive: true,
    };
    let file = file(Detail::Raw, 2_000, true);
    let archived = crate::retention::Archived::new(BTreeMap::new());
    let archived = archived.held_against(&[file.meta], &[]);
    let terms = |policies: Vec<Policy>| {
        let policies = PolicySet::new(policies).unwrap();
        let terms = Terms::new(policies, Vec::new(), view(), now());
        terms.with_archived(archived.clone())
    };
    // All is over by whichever, but of the round trips it is the built-in policy that says so.
    let mixed = terms(vec![octets]);
    assert_eq!(mixed.look(&file.meta.id), Look::Inside);
    let plan = plan(&mixed, &[], std::slice::from_ref(&file), &[], &[]);
    assert_eq!(plan.waits_for_archive.samples, 2);
    assert!(!plan.files[0].whole);
    assert_eq!(plan.files[0].samples_gone, 1 + 4 + 8 + 16);
    assert_eq!(terms(Vec::new()).look(&file.meta.id), Look::Goes);
}
