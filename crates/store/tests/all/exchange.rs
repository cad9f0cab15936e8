//! Samples to files and back: what is written is read again bit for bit, what is broken costs itself,
//! and an import may be done again.

#[path = "exchange/parts.rs"]
mod parts;

use crate::exchange_formats::rows;
use crate::fixture::{Fixture, device};
use foretell_store::Store;
use foretell_store::disk::{Disk, DiskFile, RealDisk, Room, RoomOf, Space};
use foretell_store::exchange::Format;
use foretell_store::exchange::export::{self, Written};
use foretell_store::exchange::find::{Defaults, Ground};
use foretell_store::exchange::import::{self, ImportError, Imported, Source};
use foretell_store::progress::Progress;
use foretell_store::retention::Hold;
use foretell_store::series::{Batch, Points, SeriesStore};
use model::device::Device;
use model::metric::Kind;
use model::metric::own::NewMetric;
use model::{DeviceId, HoldId, Labels, Metric, SeriesId, Timestamp, Value};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

const DAY: Duration = Duration::from_hours(24);
const TEXTS: [Format; 3] = [Format::Csv, Format::Lines, Format::Openmetrics];
const ALL: [Format; 4] = [
    Format::Csv,
    Format::Lines,
    Format::Openmetrics,
    Format::Parquet,
];

/// A disk of a terabyte that has room so many times that it is asked, and then none.
struct Counted(AtomicU64);

impl Disk for Counted {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.create(path)
    }

    fn space(&self, _: &Path) -> io::Result<Space> {
        let left = |left: u64| Some(left.saturating_sub(1));
        let left = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left);
        Ok(Space {
            free_bytes: if left == Ok(0) { 0 } else { 1 << 40 },
            all_bytes: 1 << 40,
        })
    }
}

/// A disk of a terabyte that has something done each time that its room is asked for.
struct Meanwhile<F>(F);

impl<F: Fn() + Send + Sync + 'static> Disk for Meanwhile<F> {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.create(path)
    }

    fn space(&self, _: &Path) -> io::Result<Space> {
        (self.0)();
        Ok(Space {
            free_bytes: 1 << 40,
            all_bytes: 1 << 40,
        })
    }
}

struct Bench {
    fixture: Fixture,
    store: Store,
    device: Device,
}

impl Bench {
    async fn new() -> Self {
        let fixture = Fixture::new();
        let device = device(1, fixture.now());
        Self::with(fixture, device).await
    }

    async fn with(fixture: Fixture, device: Device) -> Self {
        let store = fixture.open().await;
        store.inventory.create(device.clone()).await.unwrap();
        Self {
            fixture,
            store,
            device,
        }
    }

    /// A disk that has room so many times that it is asked, and then none.
    fn room(&self, times: u64) -> RoomOf {
        let disk = Counted(AtomicU64::new(times));
        RoomOf::new(Room::of(Arc::new(disk)), self.store.dir())
    }

    fn options(&self, format: Format, text: impl AsRef<[u8]>) -> import::Options {
        import::Options {
            format,
            dry_run: false,
            default_time: None,
            defaults: Defaults::default(),
            length: text.as_ref().len() as u64,
            spool: self.store.dir().join("exchange").join("test"),
            room: self.room(u64::MAX),
            rows_a_part: None,
        }
    }

    async fn try_import(
        &self,
        text: impl AsRef<[u8]>,
        options: import::Options,
    ) -> (Imported, Result<(), ImportError>) {
        let store = self.store.clone();
        let text = text.as_ref().to_vec();
        let handle = Handle::current();
        let work = move || {
            let (progress, mut told) = (Progress::default(), Imported::default());
            let mut octets = text.as_slice();
            let mut file = tempfile::tempfile().unwrap();
            let source = if options.format == Format::Parquet {
                file.write_all(octets).unwrap();
                Source::File(file)
            } else {
                Source::Text(&mut octets)
            };
            let done = import::run(
                &Ground::of(&store),
                &store.retention,
                &handle,
                source,
                &options,
                &progress,
                &mut told,
            );
            if done.is_ok() {
                assert_eq!(progress.read().0, options.length, "all is told as done");
            }
            assert!(!options.spool.exists());
            (told, done)
        };
        tokio::task::spawn_blocking(work).await.unwrap()
    }

    async fn import(&self, format: Format, text: impl AsRef<[u8]>) -> Imported {
        let options = self.options(format, &text);
        let (told, done) = self.try_import(text, options).await;
        done.unwrap();
        told
    }

    async fn export(&self, format: Format, selector: &str) -> (Vec<u8>, Written) {
        let store = self.store.clone();
        let options = export::Options {
            format,
            selector: selector.parse().unwrap(),
            from: Timestamp::from_unix_ms(0),
            to: Timestamp::from_unix_ms(i64::MAX),
            bytes_max: 1 << 30,
            room: self.room(u64::MAX),
        };
        let work = move || {
            let mut text = Vec::new();
            let progress = Progress::default();
            let (series, inventory) = (&store.series, &store.inventory);
            let written = export::run(series, inventory, &mut text, &options, &progress);
            let written = written.unwrap();
            assert_eq!(written.bytes, text.len() as u64);
            (text, written)
        };
        tokio::task::spawn_blocking(work).await.unwrap()
    }

    async fn metric(&self, name: &str, kind: Kind) -> Metric {
        let new = NewMetric {
            name: name.to_owned(),
            unit: "octets".to_owned(),
            kind,
            help: "Of a \"test\" \\ of files.".to_owned(),
        };
        // Tests of one process share them.
        let _ = self.store.metrics.create(new, &self.store.series).await;
        Metric::named(name).unwrap()
    }

    /// All samples, by what their series are.
    fn all(&self, metrics: &[Metric]) -> BTreeMap<(Metric, Labels), Vec<(i64, String)>> {
        let series = self.store.series.series_of(self.device.id);
        let mine = series
            .into_iter()
            .filter(|one| metrics.contains(&one.key.metric));
        mine.map(|one| {
            let points = points(&self.store.series, one.id);
            // As text, so that bits are compared.
            let points = points
                .iter()
                .map(|(at, value)| (at.unix_ms(), format!("{value:?}")));
            ((one.key.metric, one.key.labels), points.collect())
        })
        .collect()
    }
}

fn points(series: &SeriesStore, id: SeriesId) -> Points {
    let (from, to) = (0, 4_000_000_000_000);
    let [from, to] = [from, to].map(Timestamp::from_unix_ms);
    series.read(id, from, to).unwrap()
}

/// Places a hold on `sensor_other` of all devices.
async fn hold(store: &Store, now: Timestamp, from: Option<Timestamp>) {
    let hold = Hold {
        id: HoldId::new(),
        selector: "sensor_other".to_owned(),
        from,
        to: None,
        reason: "a dispute".to_owned(),
        by: "admin".to_owned(),
        since: now,
    };
    let selector = hold.selector.parse().unwrap();
    let attached = store.inventory.attached();
    let placed = store
        .retention
        .place(&hold, selector, &store.series, attached);
    placed.await.unwrap();
}

async fn append(bench: &Bench, metric: Metric, labels: Labels, points: &[(Timestamp, Value)]) {
    let id = bench.device.id;
    let series = bench.store.series.resolve(id, vec![(metric, labels)]);
    let column = series.await.unwrap()[0].column;
    let batches = points.iter().map(|(at, value)| Batch {
        device_id: id,
        at: *at,
        values: vec![(column, *value)],
    });
    let appended = bench.store.series.append_at_any_age(batches.collect());
    for done in appended.await {
        done.unwrap();
    }
}

fn strange_labels() -> Vec<Labels> {
    let vantage = || Labels::default().with(Labels::VANTAGE, "local");
    vec![
        vantage(),
        vantage().with("text", "a \"quoted\", \\ and\nbroken\r\nline"),
        vantage().with("text", "größe 测量 # {x} 1"),
        vantage().with("le", "+Inf").with("quantile", "0.5"),
        vantage()
            .with("device_id", "not one")
            .with("own_device_id", "nor this")
            .with("text", " blank "),
    ]
}

const STRANGE: [Value; 9] = [
    Value::U64(0),
    Value::U64(u64::MAX),
    Value::U64((1 << 53) + 1),
    Value::F64(-0.0),
    Value::F64(5e-324),
    Value::F64(1.797_693_134_862_315_7e308),
    Value::F64(0.1),
    Value::F64(-17.0),
    Value::F64(1e21),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_is_imported_bit_for_bit() {
    let from = Bench::new().await;
    let gauge = from.metric("exchange_there_gauge", Kind::Gauge).await;
    let total = from.metric("exchange_there_total", Kind::Counter).await;
    let counter = from.metric("exchange_there_counter", Kind::Counter).await;
    let metrics = [gauge, total, counter];
    let begin = from.fixture.now().minus(DAY * 40);
    for (n, labels) in strange_labels().into_iter().enumerate() {
        for metric in metrics {
            let whole = |value: &Value| matches!(value, Value::U64(_)) || metric == gauge;
            let values = STRANGE.iter().cycle().skip(n).filter(|value| whole(value));
            let times =
                (0..100_u32).map(|n| begin.plus(Duration::from_millis(40_000_123) * n / 10));
            let points: Vec<_> = times.zip(values.copied()).collect();
            append(&from, metric, labels.clone(), &points).await;
        }
    }
    from.store.series.maintain().await.unwrap();
    let expected = from.all(&metrics);
    assert_eq!(expected.len(), 15);
    for format in ALL {
        let (text, written) = from.export(format, "{metric=~\"exchange_there_.*\"}").await;
        assert_eq!((written.series, written.samples), (15, 1_500), "{format:?}");
        let to = Bench::with(Fixture::new(), from.device.clone()).await;
        for metric in metrics {
            to.metric(metric.name(), metric.kind()).await;
        }
        let told = to.import(format, &text).await;
        let counts = (told.rows, told.added, told.refused, told.cut_short);
        assert_eq!(counts, (1_500, 1_500, 0, false), "{format:?} {told:?}");
        assert_eq!((told.series, told.new_series), (15, 15));
        assert_eq!(to.all(&metrics), expected, "{format:?}");
        let again = to.import(format, &text).await;
        assert_eq!((again.same, again.added), (1_500, 0), "{format:?}");
        let (same, _) = to.export(format, "{metric=~\"exchange_there_.*\"}").await;
        if format == Format::Openmetrics {
            assert_eq!(same, text, "it has no ids");
        }
        to.store.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_says_what_became_of_each_row() {
    let bench = Bench::new().await;
    let id = bench.device.id;
    let name = bench.device.name();
    let now = bench.fixture.now();
    let at = |days: u32| now.minus(DAY * days).to_string();
    let ahead = now.plus(DAY).to_string();
    let text = format!(
        "time,value,metric,device_id,device,label:sensor\n\
         {},17.0,ifHCInOctets,{id},,\n\
         {},17.0,sensor_other,,{name},a\n\
         {},18,sensor_other,,{name},a\n\
         {ahead},1,sensor_other,{id},,a\n\
         {},1,nothing_known,{id},,a\n\
         {},1,sensor_other,{},,a\n\
         {},1,sensor_other,,nobody,a\n\
         ,1,sensor_other,{id},,a\n\
         {},1,sensor_other,{id},,{}\n\
         {},2,network_health,,,\n",
        at(1),
        at(50),
        at(50),
        at(1),
        at(1),
        DeviceId::new(),
        at(1),
        at(1),
        "x".repeat(257),
        at(2),
    );
    let dry = import::Options {
        dry_run: true,
        ..bench.options(Format::Csv, &text)
    };
    let (told, done) = bench.try_import(&text, dry).await;
    done.unwrap();
    assert_eq!((told.rows, told.refused, told.new_series), (10, 6, 3));
    assert_eq!(bench.store.series.count_of(id), 0, "nothing is made");
    let told = bench.import(Format::Csv, &text).await;
    assert_eq!((told.added, told.repeated, told.refused), (3, 1, 6));
    let reasons: Vec<(&str, u64)> = told.reasons.iter().map(|(r, n)| (r.as_str(), *n)).collect();
    assert_eq!(
        reasons,
        [
            ("bad_labels", 1),
            ("no_time", 1),
            ("out_of_time", 1),
            ("unknown_device", 2),
            ("unknown_metric", 1),
        ]
    );
    assert_eq!(told.faults[0].line, 5);
    assert_eq!((told.days, told.days_done), (3, 3));
    let all = bench.all(&[Metric::IF_HC_IN_OCTETS, Metric::SENSOR_OTHER]);
    let values: Vec<&str> = all.values().map(|points| points[0].1.as_str()).collect();
    assert_eq!(
        values,
        ["U64(17)", "U64(18)"],
        "what counts is whole; the later row holds"
    );
    let fallback = import::Options {
        default_time: Some(now.minus(DAY * 3)),
        defaults: Defaults {
            device_id: Some(id),
            create_metrics: false,
        },
        ..bench.options(Format::Csv, "")
    };
    let text = "metric,value\nsensor_other,1.5\n";
    let options = import::Options {
        length: text.len() as u64,
        ..fallback
    };
    let (told, done) = bench.try_import(text, options).await;
    done.unwrap();
    assert_eq!(told.added, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hold_keeps_is_not_corrected() {
    let bench = Bench::new().await;
    let id = bench.device.id;
    let now = bench.fixture.now();
    let since = now.minus(DAY * 3);
    let row = |at: Timestamp, value: u32| format!("{at},{value},sensor_other,{id}\n");
    let header = "time,value,metric,device_id\n";
    let text = format!("{header}{}{}", row(since, 1), row(since.minus(DAY), 1));
    assert_eq!(bench.import(Format::Csv, &text).await.added, 2);
    hold(&bench.store, now, Some(since)).await;
    let text = format!(
        "{header}{}{}{}{}",
        row(since, 2),
        row(since.minus(DAY), 2),
        row(since.plus(Duration::from_mins(1)), 2),
        row(since, 1),
    );
    let told = bench.import(Format::Csv, &text).await;
    // The last row of `since` has the value that is there.
    assert_eq!(
        (told.replaced, told.added, told.same, told.refused),
        (1, 1, 1, 0)
    );
    let told = bench
        .import(Format::Csv, &format!("{header}{}", row(since, 2)))
        .await;
    assert_eq!((told.refused, told.reasons["held"]), (1, 1));
    let all = bench.all(&[Metric::SENSOR_OTHER]);
    let values: Vec<&str> = all
        .values()
        .next()
        .unwrap()
        .iter()
        .map(|p| p.1.as_str())
        .collect();
    assert_eq!(values, ["U64(2)", "U64(1)", "U64(2)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_asked_each_second_is_imported_and_a_day_has_a_bound() {
    let bench = Bench::new().await;
    let id = bench.device.id;
    let midnight = bench.fixture.now().unix_ms() / 86_400_000 * 86_400_000;
    let begin = midnight - 20 * 86_400_000;
    let text = |step_ms: i64, rows: i64| {
        let mut text = "time,value,metric,device_id\n".to_owned();
        for n in 0..rows {
            writeln!(text, "{},{n},sensor_other,{id}", begin + n * step_ms).unwrap();
        }
        text
    };
    // More in a half-hour than the head holds of it.
    let told = bench.import(Format::Csv, &text(500, 7_300)).await;
    assert_eq!((told.added, told.refused), (7_300, 0), "{:?}", told.reasons);
    let series = bench.store.series.series_of(id);
    assert_eq!(points(&bench.store.series, series[0].id).len(), 7_300);
    let again = bench.import(Format::Csv, &text(500, 7_300)).await;
    assert_eq!(again.same, 7_300);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_ended_where_it_is_and_may_be_done_again() {
    let bench = Bench::new().await;
    let id = bench.device.id;
    let now = bench.fixture.now();
    let mut text = "time,value,metric,device_id\n".to_owned();
    for n in 0..500_u32 {
        let at = now.minus(Duration::from_mins(30) * n);
        writeln!(text, "{at},{n},sensor_other,{id}").unwrap();
    }
    let store = bench.store.clone();
    let (handle, options) = (Handle::current(), bench.options(Format::Csv, &text));
    let cut = text.clone();
    let work = move || {
        let (progress, mut told) = (Progress::default(), Imported::default());
        progress.stop();
        let done = import::run(
            &Ground::of(&store),
            &store.retention,
            &handle,
            Source::Text(&mut cut.as_bytes()),
            &options,
            &progress,
            &mut told,
        );
        assert!(matches!(done, Err(ImportError::Stopped(_))));
        assert!(!options.spool.exists());
    };
    tokio::task::spawn_blocking(work).await.unwrap();
    let told = bench.import(Format::Csv, &text).await;
    assert_eq!((told.added, told.days_done), (500, told.days));
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_made_of_what_a_file_says() {
    let bench = Bench::new().await;
    let id = bench.device.id;
    let text = format!(
        "# TYPE exchange_made_octets counter\n\
         # UNIT exchange_made_octets octets\n\
         # HELP exchange_made_octets Sent.\n\
         exchange_made_octets_total{{device_id=\"{id}\"}} 5 1790000000\n\
         # TYPE exchange_made_depth gauge\n\
         exchange_made_depth{{device_id=\"{id}\"}} 5 1790000000\n\
         exchange_unsaid 1 1790000000\n\
         # EOF\n"
    );
    let told = bench.import(Format::Openmetrics, &text).await;
    assert_eq!(told.reasons["unknown_metric"], 3);
    let options = import::Options {
        defaults: Defaults {
            device_id: None,
            create_metrics: true,
        },
        ..bench.options(Format::Openmetrics, &text)
    };
    let (told, done) = bench.try_import(&text, options).await;
    done.unwrap();
    assert_eq!((told.added, told.refused), (2, 1), "{told:?}");
    let made = bench.store.metrics.list().await.unwrap();
    let made: Vec<_> = made
        .iter()
        .map(|m| (m.id.as_str(), m.body.unit.as_str(), m.body.kind))
        .collect();
    assert_eq!(
        made,
        [
            ("exchange_made_depth", "count", Kind::Gauge),
            ("exchange_made_octets", "octets", Kind::Counter),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_metric_of_users_is_known_after_a_restart_and_what_is_not_known_is_kept() {
    let bench = Bench::new().await;
    let metric = bench.metric("exchange_restart", Kind::Gauge).await;
    let now = bench.fixture.now();
    append(&bench, metric, Labels::default(), &[(now, Value::F64(1.5))]).await;
    let in_use = bench
        .store
        .metrics
        .get("exchange_restart")
        .await
        .unwrap()
        .unwrap();
    let expect = foretell_store::Expect::Revision(in_use.revision);
    let deleted = bench
        .store
        .metrics
        .delete("exchange_restart", expect, &bench.store.series);
    assert!(deleted.await.is_err(), "a series has it");
    let id = bench.store.series.series_of(bench.device.id)[0].id;
    bench.store.close().await.unwrap();
    let Bench {
        fixture,
        store,
        device,
    } = bench;
    drop(store);
    let store = fixture.open().await;
    assert_eq!(store.series.series(id).unwrap().key.metric, metric);
    // As a process that never heard of it.
    let catalog = &foretell_store::catalog::METRICS;
    let kept: foretell_store::documents::Collection<foretell_store::own_metrics::OwnMetric> =
        foretell_store::documents::Collection::new(store.documents.clone(), catalog);
    kept.delete("exchange_restart", foretell_store::Expect::Any)
        .await
        .unwrap();
    store.close().await.unwrap();
    drop((store, kept));
    metric.forget();
    let store = fixture.open().await;
    assert!(store.series.series(id).is_none());
    assert_eq!(store.series.count_of(device.id), 1, "it is kept");
    let new = NewMetric {
        name: "exchange_restart".to_owned(),
        unit: "octets".to_owned(),
        kind: Kind::Gauge,
        help: String::new(),
    };
    store.metrics.create(new, &store.series).await.unwrap();
    assert_eq!(store.series.series(id).unwrap().key.metric, metric);
    assert_eq!(points(&store.series, id), [(now, Value::F64(1.5))]);
}

/// Rows a second of each format, and of an import by one day and by twenty. Told, not asserted.
#[tokio::test(flavor = "multi_thread")]
async fn how_fast_files_are_read_and_imported() {
    let bench = Bench::new().await;
    let id = bench.device.id;
    let midnight = bench.fixture.now().unix_ms() / 86_400_000 * 86_400_000;
    for days in [1_i64, 20] {
        let mut text = "time,value,metric,device_id,label:n\n".to_owned();
        let rows = 4_000;
        for n in 0..rows {
            let (series, time) = (n / 400, n % 400);
            let at = midnight - (days + 30) * 86_400_000 + time * days * 86_400_000 / 400;
            writeln!(text, "{at},{n},sensor_other,{id},{days}-{series}").unwrap();
        }
        let began = Instant::now();
        let told = bench.import(Format::Csv, &text).await;
        assert_eq!(told.added, rows.unsigned_abs(), "{:?}", told.reasons);
        println!(
            "import of {rows} rows of 10 series by {days} days: {:?}",
            began.elapsed()
        );
    }
    for format in TEXTS {
        let (text, written) = bench.export(format, "sensor_other").await;
        let began = Instant::now();
        let (taken, refused, _) = rows(format, &text);
        assert_eq!((taken.len() as u64, refused.len()), (written.samples, 0));
        println!(
            "reading {} rows of {format:?}: {:?}",
            taken.len(),
            began.elapsed()
        );
    }
}
