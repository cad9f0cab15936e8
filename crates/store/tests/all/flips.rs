//! One flipped bit in each kind of file, a thousand times: the store opens, what is damaged is told and
//! counted, what is not is there and exact, and the store goes on. `FORETELL_FLIPS` sets how often.
//!
//! Here is what all kinds have in common, and documents, history and events; the files of series are in
//! [`crate::flips_series`]. What may change without a word is only what no answer depends on: a page
//! that SQLite does not use, a table that is made anew from another.

use crate::damage;
use crate::events::{Events, line};
use crate::fixture::Fixture;
use crate::series_fixture::{Chance, copied, quick_folder, times};
use foretell_store::documents::sqlite::SqliteDocuments;
use foretell_store::documents::{Documents as _, Query};
use foretell_store::events::{EventOptions, EventQuery, EventStore};
use foretell_store::history::{History, HistoryOptions, Record};
use model::history::{DeviceFound, IfStates, InterfaceFound};
use model::interface::IfStatus;
use model::{DeviceId, EventRecord, InterfaceId, Status, Timestamp};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const FLIPS: u64 = 1_000;
const FLIPS_VARIABLE: &str = "FORETELL_FLIPS";

/// How files of SQLite begin, and the octets of their header.
const SQLITE: &[u8] = b"SQLite format 3\0";
const SQLITE_HEADER_LEN: u64 = 100;
/// Where the first page ends, which defines the tables.
const DEFINITIONS_END: usize = 4_096;

/// What a flip did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    /// Something said so: an opening, a reading, a counter.
    pub(crate) is_told: bool,
    /// Samples, rows or documents that are not there any more, or as they were before they were
    /// changed last.
    pub(crate) lost: u64,
}

/// How it went, of all flips of a kind.
#[derive(Debug, Default)]
struct Tally {
    flips: u64,
    told: u64,
    lossy: u64,
    lost: u64,
    lost_max: u64,
}

/// What is wanted of a kind of file.
pub(crate) struct Wanted {
    pub(crate) kind: &'static str,
    /// Each octet is under a checksum: no flip may go unnoticed.
    pub(crate) is_all_told: bool,
    /// The most that one flip may cost.
    pub(crate) lost_max: u64,
}

/// The files of a folder and below, relative to it, of which the name is meant.
pub(crate) fn named(folder: &Path, is_meant: fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if is_meant(entry.file_name().to_str().unwrap()) {
                found.push(path.strip_prefix(folder).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Flips bits of these files in copies of the folder, each by chance, and has each looked at.
pub(crate) async fn flip(
    wanted: Wanted,
    folder: &Path,
    files: &[PathBuf],
    mut look: impl AsyncFnMut(&Path, &str, u64) -> Told,
) {
    let mut chance = Chance::new();
    let length = |file: &PathBuf| fs::metadata(folder.join(file)).unwrap().len();
    let octets: u64 = files.iter().map(length).sum();
    assert!(octets > 0, "{}: no octets", wanted.kind);
    let mut tally = Tally::default();
    for n in 0..times(FLIPS_VARIABLE, FLIPS) {
        let copy = copied(folder);
        let mut bit = chance.below(octets * 8);
        let file = files.iter().find(|file| {
            let is_it = bit < length(file) * 8;
            if !is_it {
                bit -= length(file) * 8;
            }
            is_it
        });
        let file = file.unwrap();
        let mut bytes = fs::read(copy.path().join(file)).unwrap();
        let mut octet = usize::try_from(bit / 8).unwrap();
        if bytes.starts_with(SQLITE) {
            // Each octet of the header once. Then by chance, and a quarter of them where the tables are
            // defined; not always where nothing is.
            octet = if n < SQLITE_HEADER_LEN {
                usize::try_from(n).unwrap()
            } else {
                octet
            };
            if n >= SQLITE_HEADER_LEN && n % 4 == 1 {
                octet %= DEFINITIONS_END;
            }
            while n > SQLITE_HEADER_LEN && !n.is_multiple_of(4) && bytes[octet] == 0 {
                let end = if n % 4 == 1 {
                    DEFINITIONS_END
                } else {
                    bytes.len()
                };
                octet = usize::try_from(chance.below(end as u64)).unwrap();
            }
        }
        bytes[octet] ^= 1 << (bit % 8);
        fs::write(copy.path().join(file), bytes).unwrap();
        let label = format!("{}: bit {} of octet {octet}", file.display(), bit % 8);
        let told = look(copy.path(), &label, n).await;
        tally.flips += 1;
        tally.told += u64::from(told.is_told);
        tally.lossy += u64::from(told.lost > 0);
        tally.lost += told.lost;
        tally.lost_max = tally.lost_max.max(told.lost);
        assert!(
            told.is_told || told.lost == 0,
            "{label}: {} are lost without a word",
            told.lost
        );
        assert!(
            told.is_told || !wanted.is_all_told,
            "{label}: nobody noticed"
        );
        assert!(
            told.lost <= wanted.lost_max,
            "{label}: {} are lost",
            told.lost
        );
    }
    println!("{} of {octets} octets: {tally:?}", wanted.kind);
}

#[tokio::test]
async fn a_flipped_bit_of_the_documents_is_told_and_costs_a_page_at_most() {
    const NOTES: usize = 60;
    let folder = quick_folder();
    let name = "documents.sqlite3";
    let path = folder.path().join(name);
    damage::filled(&path, NOTES).await;
    let all = async |documents: &SqliteDocuments| {
        let query = Query {
            limit: 1_000,
            ..Query::default()
        };
        let page = documents.page(&damage::NOTES, query).await.unwrap();
        let notes = page.items.into_iter();
        notes
            .map(|note| (note.id, note.body))
            .collect::<BTreeMap<_, _>>()
    };
    let sound = damage::open(&path);
    let model = all(&sound).await;
    sound.close().await.unwrap();
    drop(sound);
    assert_eq!(model.len(), NOTES);
    let wanted = Wanted {
        kind: "documents",
        is_all_told: false,
        // What a page holds.
        lost_max: 11,
    };
    let files = named(folder.path(), |name| name == "documents.sqlite3");
    flip(wanted, folder.path(), &files, async |folder, label, _| {
        let documents = damage::open(&folder.join(name));
        let left = all(&documents).await;
        for (id, body) in &left {
            assert_eq!(Some(body), model.get(id), "{label}: {id}");
        }
        let damaged = documents.damaged().await.unwrap();
        documents.write(vec![damage::put(500, 10)]).await.unwrap();
        documents.close().await.unwrap();
        Told {
            is_told: !damaged.is_empty(),
            lost: (NOTES - left.len()) as u64,
        }
    })
    .await;
}

const CHANGES: u64 = 60;

fn found(at: Timestamp, down: bool) -> DeviceFound {
    DeviceFound {
        at,
        status: if down { Status::Down } else { Status::Up },
        interfaces_read: !down,
        evidence: Vec::new(),
    }
}

fn states(is_up: bool) -> IfStates {
    let oper = if is_up { IfStatus::Up } else { IfStatus::Down };
    IfStates {
        oper: Some(oper),
        admin: Some(IfStatus::Up),
    }
}

/// What is found of a device and of an interface.
type Past = (Vec<DeviceFound>, Vec<InterfaceFound>);

fn past(history: &History, id: DeviceId, port: InterfaceId, until: Timestamp) -> Past {
    let begin = Timestamp::default();
    let of_device = history.device(id, begin, until, true).unwrap();
    (
        of_device,
        history.interface(port, begin, until).unwrap().found,
    )
}

#[tokio::test]
async fn a_flipped_bit_of_the_history_is_told_and_nothing_is_made_up() {
    let fixture = Fixture::new();
    let folder = quick_folder();
    let open = |folder: &Path| History::open(folder, HistoryOptions::default(), fixture.clock());
    let ids: Vec<_> = (0..4)
        .map(|_| (DeviceId::new(), InterfaceId::new()))
        .collect();
    let (history, _) = open(folder.path()).unwrap();
    for n in 0..CHANGES {
        fixture.pass(Duration::from_mins(1));
        let (at, is_odd) = (fixture.now(), n % 2 == 1);
        let records = ids.iter().flat_map(|(id, port)| {
            let of_port = InterfaceFound {
                at,
                before: Some(states(!is_odd)),
                now: states(is_odd),
            };
            [
                Record::Device {
                    id: *id,
                    found: found(at, is_odd),
                },
                Record::Interface {
                    id: *port,
                    found: of_port,
                },
            ]
        });
        history.append(records.collect()).await.unwrap();
    }
    let until = fixture.now().plus(Duration::from_mins(1));
    let model: Vec<Past> = ids
        .iter()
        .map(|(id, port)| past(&history, *id, *port, until))
        .collect();
    history.close().await;
    drop(history);
    let count =
        |past: &[Past]| -> u64 { past.iter().map(|(a, b)| (a.len() + b.len()) as u64).sum() };
    assert_eq!(count(&model), 8 * CHANGES);
    let wanted = Wanted {
        kind: "history",
        is_all_told: false,
        // What a page holds, or a few.
        lost_max: 8 * CHANGES,
    };
    let files = named(folder.path(), |name| name.ends_with(".sqlite"));
    flip(wanted, folder.path(), &files, async |folder, label, _| {
        let (history, damage) = open(folder).unwrap();
        let look = || -> Vec<Past> {
            let pasts = ids.iter();
            pasts
                .map(|(id, port)| past(&history, *id, *port, until))
                .collect()
        };
        // What reading finds damaged is mended with the next sign of life.
        look();
        let other = Record::Device {
            id: DeviceId::new(),
            found: found(fixture.now(), true),
        };
        assert_eq!(
            history.append(vec![other]).await.unwrap(),
            [true],
            "{label}"
        );
        history.alive().await.unwrap();
        let left = look();
        for ((of_device, of_port), sound) in left.iter().zip(&model) {
            assert!(of_device.iter().all(|one| sound.0.contains(one)), "{label}");
            assert!(of_port.iter().all(|one| sound.1.contains(one)), "{label}");
        }
        let is_told = !damage.is_empty() || history.stats().damaged > 0;
        history.close().await;
        Told {
            is_told,
            lost: count(&model).saturating_sub(count(&left)),
        }
    })
    .await;
}

const EVENTS: i64 = 300;

async fn listed(store: &EventStore) -> Vec<EventRecord> {
    let query = EventQuery {
        limit: 1_000,
        ..EventQuery::default()
    };
    store.query(query).await.unwrap().items
}

#[tokio::test]
async fn a_flipped_bit_of_the_events_is_told_and_nothing_is_made_up() {
    let events = Events::new();
    let folder = quick_folder();
    let clock = events.fixture.clock();
    let open = |folder: &Path| EventStore::open(folder, EventOptions::default(), clock.clone());
    let (store, _) = open(folder.path()).unwrap();
    let kept = (0..EVENTS).map(|n| {
        let at = events.now().plus(Duration::from_millis(n.unsigned_abs()));
        line(
            at,
            &format!("link {n} changed its state to down for the {n}th time"),
        )
    });
    store.append(kept.collect()).await.unwrap();
    let model = listed(&store).await;
    store.close().await;
    drop(store);
    assert_eq!(model.len() as u64, EVENTS.unsigned_abs());
    let wanted = Wanted {
        kind: "events",
        is_all_told: false,
        lost_max: EVENTS.unsigned_abs(),
    };
    let files = named(folder.path(), |name| name.ends_with(".sqlite"));
    flip(wanted, folder.path(), &files, async |folder, label, _| {
        let (store, damage) = open(folder).unwrap();
        let left = listed(&store).await;
        // What reading finds damaged is set aside and told then, and what can be read of it saved.
        store.tend().await.unwrap();
        let again = listed(&store).await;
        for event in left.iter().chain(&again) {
            assert!(model.contains(event), "{label}: {event:?}");
        }
        let more = vec![line(events.now(), "goes on")];
        assert_eq!(store.append(more).await.unwrap().stored, 1, "{label}");
        let is_told = !damage.is_empty() || store.stats().damaged > 0;
        store.close().await;
        Told {
            is_told,
            lost: model.len().saturating_sub(left.len()) as u64,
        }
    })
    .await;
}
