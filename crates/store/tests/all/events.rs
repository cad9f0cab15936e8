//! Events from outside: what is kept, found and deleted.

use crate::fixture::Fixture;
use foretell_store::events::{Appended, EventOptions, EventQuery, EventStore, TEXT_LEN_MAX};
use model::device::LOCAL_VANTAGE;
use model::{DeviceId, EventId, EventKind, EventRecord, InterfaceId, Timestamp};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

/// A line of a log, from 192.0.2.1.
pub(crate) fn line(at: Timestamp, text: &str) -> EventRecord {
    EventRecord {
        id: EventId::received(at),
        at,
        vantage: LOCAL_VANTAGE.to_owned(),
        kind: EventKind::Log,
        device_id: None,
        interface_id: None,
        source: [192, 0, 2, 1].into(),
        severity: Some(5),
        text: text.to_owned(),
        body: json!({"facility": 23}),
    }
}

pub(crate) struct Events {
    pub(crate) fixture: Fixture,
    options: EventOptions,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self {
            fixture: Fixture::new(),
            options: EventOptions::default(),
        }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.fixture.dir.path().join("events")
    }

    pub(crate) fn open(&self) -> (EventStore, Vec<String>) {
        EventStore::open(&self.folder(), self.options, self.fixture.clock()).unwrap()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.fixture.now()
    }

    pub(crate) fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.folder())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm"))
            .collect();
        names.sort();
        names
    }
}

pub(crate) async fn texts(store: &EventStore, query: EventQuery) -> Vec<String> {
    let limit = if query.limit == 0 { 100 } else { query.limit };
    let page = store.query(EventQuery { limit, ..query }).await.unwrap();
    page.items.into_iter().map(|event| event.text).collect()
}

pub(crate) fn words(text: &str) -> EventQuery {
    EventQuery {
        text: text.to_owned(),
        ..EventQuery::default()
    }
}

/// An event as another process numbers it: the same counter, another random part behind it.
fn of_another_process(event: &EventRecord) -> EventRecord {
    let mut id = *event.id.as_bytes();
    id[12] ^= 0x5a;
    EventRecord {
        id: EventId::from_bytes(id),
        text: format!("{} elsewhere", event.text),
        ..event.clone()
    }
}

#[tokio::test]
async fn what_two_processes_number_alike_is_kept_of_both_and_each_once() {
    let events = Events::new();
    let (store, _) = events.open();
    let ours: Vec<EventRecord> = (0..1_000)
        .map(|n| line(events.now(), &format!("line {n}")))
        .collect();
    let theirs: Vec<EventRecord> = ours.iter().map(of_another_process).collect();
    for (batch, stored) in [(&ours, 1_000), (&theirs, 1_000), (&theirs, 0), (&ours, 0)] {
        let done = store.append(batch.clone()).await.unwrap();
        assert_eq!((done.stored, done.duplicates), (stored, 1_000 - stored));
    }
    for (text, count) in [
        ("line", 1_000),
        ("elsewhere", 1_000),
        ("line 17 elsewhere", 1),
    ] {
        let query = EventQuery {
            text: text.to_owned(),
            // Not a millisecond later: a number is of the time of its event.
            to: Some(events.now().plus(Duration::from_millis(1))),
            limit: 1_000,
            ..EventQuery::default()
        };
        let page = store.query(query).await.unwrap();
        assert_eq!(page.items.len(), count, "{text}");
    }
    store.close().await;
}

#[tokio::test]
async fn what_is_appended_is_read_back_as_it_was() {
    let events = Events::new();
    let (store, damage) = events.open();
    assert_eq!(damage, Vec::<String>::new());
    let (device_id, interface_id) = (DeviceId::new(), InterfaceId::new());
    let kept = [
        line(events.now(), "plain"),
        EventRecord {
            kind: EventKind::Trap,
            device_id: Some(device_id),
            interface_id: Some(interface_id),
            source: "2001:db8::7".parse().unwrap(),
            severity: None,
            vantage: "branch".to_owned(),
            body: serde_json::Value::Null,
            ..line(events.now(), "linkDown Ärger\n\0\u{1f600}")
        },
        EventRecord {
            kind: EventKind::FlowTop,
            severity: Some(0),
            body: json!([1.5, {"a": [null, true]}]),
            ..line(events.now(), "")
        },
    ];
    let done = store.append(kept.to_vec()).await.unwrap();
    let expected = Appended {
        stored: 3,
        ..Appended::default()
    };
    assert_eq!(done, expected);
    for _ in 0..2 {
        let again = store.append(kept.to_vec()).await.unwrap();
        assert_eq!((again.stored, again.duplicates), (0, 3));
    }
    let mut newest_first = kept.to_vec();
    newest_first.reverse();
    let query = EventQuery {
        limit: 10,
        ..EventQuery::default()
    };
    let page = store.query(query.clone()).await.unwrap();
    assert_eq!(page.items, newest_first);
    assert!(page.next.is_none() && !page.cut_short);
    store.close().await;
    assert!(store.append(kept.to_vec()).await.is_err());
    drop(store);
    let (store, _) = events.open();
    assert_eq!(store.query(query).await.unwrap().items, newest_first);
}

/// Some lines of two devices and of others, and the store that keeps them.
async fn some_lines(
    events: &Events,
    one: DeviceId,
    two: DeviceId,
) -> (EventStore, Vec<EventRecord>) {
    let (store, _) = events.open();
    let mut kept = Vec::new();
    for (n, (text, device_id, severity)) in [
        (
            "%LINK-3-UPDOWN: Interface Gi0/1, changed state to down",
            Some(one),
            Some(3),
        ),
        (
            "%LINK-3-UPDOWN: Interface Gi0/11, changed state to up",
            Some(two),
            Some(3),
        ),
        (
            "sshd: accepted publickey for root from 10.0.0.12",
            Some(one),
            Some(6),
        ),
        ("Überlast in Zürich 100%", None, Some(0)),
        ("no severity", None, None),
    ]
    .into_iter()
    .enumerate()
    {
        kept.push(EventRecord {
            device_id,
            severity,
            source: [192, 0, 2, u8::try_from(n).unwrap()].into(),
            ..line(events.now().plus(Duration::from_secs(n as u64)), text)
        });
    }
    store.append(kept.clone()).await.unwrap();
    (store, kept)
}

/// Which of the lines a query finds.
async fn found(store: &EventStore, kept: &[EventRecord], query: EventQuery) -> Vec<usize> {
    let at = |text: &String| kept.iter().position(|event| event.text == *text).unwrap();
    texts(store, query).await.iter().map(at).collect()
}

/// More lines than are read without the index, all newer than others and of no use.
async fn fill(events: &Events, store: &EventStore) {
    let at = events.now().plus(Duration::from_mins(1));
    let filler = (0..2_100).map(|_| line(at, "filler"));
    store.append(filler.collect()).await.unwrap();
}

#[tokio::test]
async fn words_are_found_whole_or_by_their_beginning() {
    let events = Events::new();
    let (store, kept) = some_lines(&events, DeviceId::new(), DeviceId::new()).await;
    check_words(&store, &kept).await;
    // The same by the index.
    fill(&events, &store).await;
    check_words(&store, &kept).await;
}

async fn check_words(store: &EventStore, kept: &[EventRecord]) {
    for (typed, expected) in [
        ("link", vec![1, 0]),
        ("UPDOWN down", vec![0]),
        ("gi0/1", vec![0]),
        ("gi0/1,", vec![0]),
        ("gi0/11", vec![1]),
        ("10.0.0.12", vec![2]),
        ("10.0.0.1", vec![]),
        ("überlast", vec![3]),
        ("ÜBER zürich", vec![3]),
        ("100%", vec![3]),
        ("%", vec![3, 1, 0]),
        ("sev", vec![4]),
        ("se", vec![]),
        ("nothing of it", vec![]),
        ("state to", vec![1, 0]),
        // Words of the filters are in the index, and are not found by typing them.
        ("zzk1", vec![]),
        ("zzs3", vec![]),
    ] {
        assert_eq!(found(store, kept, words(typed)).await, expected, "{typed}");
    }
}

#[tokio::test]
async fn filters_narrow() {
    let events = Events::new();
    let (one, two) = (DeviceId::new(), DeviceId::new());
    let (store, kept) = some_lines(&events, one, two).await;
    let all = EventQuery::default;
    let device_id = Some(one);
    let (from, to) = (Some(kept[1].at), Some(kept[3].at));
    let source = Some("::ffff:192.0.2.2".parse().unwrap());
    for (query, expected) in [
        (EventQuery { device_id, ..all() }, vec![2, 0]),
        (
            EventQuery {
                device_id,
                ..words("down")
            },
            vec![0],
        ),
        (
            EventQuery {
                severity_max: Some(3),
                ..all()
            },
            vec![3, 1, 0],
        ),
        (
            EventQuery {
                severity_max: Some(7),
                ..all()
            },
            vec![4, 3, 2, 1, 0],
        ),
        (EventQuery { source, ..all() }, vec![2]),
        (
            EventQuery {
                kind: Some(EventKind::Log),
                ..all()
            },
            vec![4, 3, 2, 1, 0],
        ),
        (
            EventQuery {
                kind: Some(EventKind::Trap),
                ..all()
            },
            vec![],
        ),
        (EventQuery { from, to, ..all() }, vec![2, 1]),
        (
            EventQuery {
                from,
                to,
                ..words("link")
            },
            vec![1],
        ),
    ] {
        let said = format!("{query:?}");
        assert_eq!(found(&store, &kept, query).await, expected, "{said}");
    }
}

/// A line may hold the words of another's filters; it is not found by them.
#[tokio::test]
async fn a_text_does_not_forge_its_device() {
    let events = Events::new();
    let (store, _) = events.open();
    let device_id = DeviceId::new();
    let hex = device_id.to_string().replace('-', "");
    let forged = line(events.now(), &format!("zzd{hex} zzac0000209 zzk2 zzs0"));
    store.append(vec![forged]).await.unwrap();
    for query in [
        EventQuery {
            device_id: Some(device_id),
            ..EventQuery::default()
        },
        EventQuery {
            kind: Some(EventKind::Trap),
            ..EventQuery::default()
        },
        EventQuery {
            severity_max: Some(0),
            ..EventQuery::default()
        },
        EventQuery {
            source: Some([192, 0, 2, 9].into()),
            ..EventQuery::default()
        },
    ] {
        assert_eq!(texts(&store, query).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn nothing_that_is_typed_is_an_error() {
    let events = Events::new();
    let (store, _) = events.open();
    store
        .append(vec![line(events.now(), "a line")])
        .await
        .unwrap();
    for typed in [
        "\"", "'", "\"\"", "AND", "OR", "NOT", "NEAR(", "a AND", "(a", "a)", "text:a", "-a", "^a",
        "*", "a*", "a + b", "{a b}: c", "\0", "\u{fffe}", "\u{301}", "é\"*", ";", "--", "?1",
    ] {
        let _ = texts(&store, words(typed)).await;
        let _ = texts(&store, words(&format!("{typed} {typed}{typed}"))).await;
    }
    let _ = texts(&store, words(&"a b\u{1f600}".repeat(1_000))).await;
    let _ = texts(&store, words(&"x".repeat(100_000))).await;
}

#[tokio::test]
async fn pages_go_on_across_days_without_gap_or_double() {
    let events = Events::new();
    let (store, _) = events.open();
    let mut kept = Vec::new();
    for day in (0..3).rev() {
        let at = events.now().minus(DAY * day);
        // More of one millisecond than a page has.
        kept.extend((0..25).map(|n| line(at, &format!("event {day} {n}"))));
    }
    store.append(kept.clone()).await.unwrap();
    for text in ["", "event"] {
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let query = EventQuery {
                limit: 10,
                cursor,
                ..words(text)
            };
            let page = store.query(query).await.unwrap();
            seen.extend(page.items);
            // What arrives meanwhile is newer.
            store
                .append(vec![line(events.now(), "event late")])
                .await
                .unwrap();
            let Some(next) = page.next else { break };
            cursor = Some(next.to_string().parse().unwrap());
        }
        seen.retain(|event| event.text != "event late");
        seen.reverse();
        assert_eq!(seen, kept);
    }
    assert_eq!(events.files().len(), 3);
}

#[tokio::test]
async fn old_days_go_and_what_is_out_of_time_is_refused() {
    let mut events = Events::new();
    events.options.retention = DAY * 2;
    let (store, _) = events.open();
    let now = events.now();
    let kept = vec![
        line(now.minus(DAY * 2), "oldest"),
        line(now, "newest"),
        line(now.minus(DAY * 4), "too old"),
        line(now.plus(DAY), "ahead"),
        line(Timestamp::from_unix_ms(-1), "before time"),
        line(Timestamp::from_unix_ms(i64::MAX), "after time"),
    ];
    let done = store.append(kept).await.unwrap();
    assert_eq!((done.stored, done.refused), (2, 4));
    assert_eq!(store.stats().out_of_time, 4);
    store.tend().await.unwrap();
    assert_eq!(texts(&store, words("")).await, ["newest", "oldest"]);
    events.fixture.pass(DAY);
    store.tend().await.unwrap();
    assert_eq!(texts(&store, words("")).await, ["newest"]);
    assert_eq!(events.files().len(), 1);
    assert_eq!(store.stats().days_deleted, 1);
    events.fixture.pass(DAY * 30);
    store.tend().await.unwrap();
    assert_eq!(texts(&store, words("")).await, Vec::<String>::new());
    assert_eq!(events.files(), Vec::<String>::new());
}

#[tokio::test]
async fn too_much_takes_the_oldest_days_and_then_no_more() {
    let mut events = Events::new();
    events.options.size_max = 1 << 20;
    let (store, _) = events.open();
    let now = events.now();
    let many =
        |at: Timestamp| (0..2_000).map(move |n| line(at, &format!("{n} {}", "x".repeat(300))));
    for day in (1..4).rev() {
        store
            .append(many(now.minus(DAY * day)).collect())
            .await
            .unwrap();
    }
    let done = store.append(vec![line(now, "new")]).await.unwrap();
    assert_eq!(done.stored, 1);
    store.tend().await.unwrap();
    assert!(store.stats().days_deleted >= 2, "{:?}", store.stats());
    assert!(store.stats().size <= 1 << 20, "{:?}", store.stats());
    for _ in 0..2 {
        store.append(many(now).collect()).await.unwrap();
    }
    let done = store.append(many(now).collect()).await.unwrap();
    assert_eq!((done.stored, done.refused), (0, 2_000));
    assert_eq!(events.files().len(), 1);
    assert_eq!(store.stats().over_size, 2_000);
    // The next day has a file of its own, and this one gives way to it.
    events.fixture.pass(DAY);
    let done = store
        .append(vec![line(events.now(), "tomorrow")])
        .await
        .unwrap();
    assert_eq!(done.stored, 1);
    store.tend().await.unwrap();
    assert_eq!(texts(&store, words("")).await, ["tomorrow"]);
}

#[tokio::test]
async fn texts_and_bodies_are_bounded() {
    let events = Events::new();
    let (store, _) = events.open();
    let long = EventRecord {
        body: json!("y".repeat(100_000)),
        ..line(events.now(), &format!("head {}", "é".repeat(TEXT_LEN_MAX)))
    };
    store.append(vec![long]).await.unwrap();
    let query = EventQuery {
        limit: 1,
        ..words("head")
    };
    let page = store.query(query).await.unwrap();
    assert!(page.items[0].text.len() <= TEXT_LEN_MAX);
    assert!(page.items[0].body.is_null());
    assert_eq!(store.stats().cut, 2);
}

/// A word of signs only is not in the index: what a query reads is bounded, and it says so.
#[tokio::test]
async fn a_query_that_looks_at_much_is_cut_short_and_goes_on() {
    let events = Events::new();
    let (store, _) = events.open();
    let mut kept: Vec<EventRecord> = (0..30_000).map(|_| line(events.now(), "a")).collect();
    // A millisecond has room for a million in their order, from where the counter happens to be.
    let before = events.now().minus(Duration::from_millis(1));
    kept[0] = line(before, "§§ %% first");
    store.append(kept).await.unwrap();
    let query = EventQuery {
        limit: 10,
        ..words("%%")
    };
    let page = store.query(query.clone()).await.unwrap();
    assert!(page.cut_short && page.items.is_empty());
    let query = EventQuery {
        cursor: page.next,
        ..query
    };
    let page = store.query(query).await.unwrap();
    assert_eq!((page.items.len(), page.next), (1, None));
    assert_eq!(store.stats().queries_cut_short, 1);
}

/// Files of version 1 are read for ever: rows as they are on disk.
#[tokio::test]
async fn the_form_on_disk_stays() {
    let events = Events::new();
    let at = Timestamp::from_unix_ms(1_800_000_000_123);
    let id = EventId::from_bytes([0x01, 0x93, 0, 0, 0, 0, 0x70, 1, 0x80, 0, 0, 9, 1, 2, 3, 4]);
    let kept = EventRecord {
        id,
        ..line(at, "x")
    };
    let (store, _) = events.open();
    store.append(vec![kept.clone()]).await.unwrap();
    store.close().await;
    let path = events.folder().join("2027-01-15.sqlite");
    let file = rusqlite::Connection::open(path).unwrap();
    let (number, severity, source, text, body, crc): (i64, i64, Vec<u8>, String, Vec<u8>, i64) =
        file.query_row(
            "SELECT number, severity, source, text, body, crc FROM event",
            [],
            |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                    row.get(5)?,
                ))
            },
        )
        .unwrap();
    assert_eq!(number, ((at.unix_ms() % 86_400_000) << 20) | 9);
    assert_eq!(
        (severity, source, text),
        (5, vec![192, 0, 2, 1], "x".to_owned())
    );
    assert_eq!(body, b"{\"facility\":23}");
    assert_eq!(crc, 1_644_141_680);
}

/// Whatever a text says, each of its words finds it; whatever is typed is answered.
#[test]
fn every_word_of_a_text_finds_it() {
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let events = Events::new();
    let store = runtime.block_on(async {
        let store = events.open().0;
        fill(&events, &store).await;
        store
    });
    let mut runner =
        proptest::test_runner::TestRunner::new(proptest::test_runner::Config::with_cases(64));
    let texts_of = ("\\PC{0,60}", "\\PC{0,20}");
    let done = runner.run(&texts_of, |(text, typed)| {
        runtime.block_on(async {
            let kept = line(events.now(), &text);
            store.append(vec![kept.clone()]).await.unwrap();
            for word in text.split_whitespace().chain([text.as_str()]).take(15) {
                let query = EventQuery {
                    limit: 1_000,
                    ..words(word)
                };
                let page = store.query(query).await.unwrap();
                let is_found = page.items.iter().any(|event| event.id == kept.id);
                proptest::prop_assert!(is_found || page.next.is_some(), "{word:?} of {text:?}");
            }
            store.query(words(&typed)).await.unwrap();
            Ok(())
        })
    });
    done.unwrap();
}
