//! Files that are too much at once: days of many rows, disks that fill, two imports of one file.

use super::{Bench, DAY, Meanwhile, hold};
use foretell_store::disk::{Room, RoomOf};
use foretell_store::exchange::Format;
use foretell_store::exchange::export::{self, ExportError};
use foretell_store::exchange::import::{self, ImportError};
use foretell_store::progress::Progress;
use foretell_store::series::Batch;
use model::metric::Kind;
use model::{Labels, Metric, Timestamp, Value};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;

#[tokio::test(flavor = "multi_thread")]
async fn the_last_row_of_the_file_holds_however_many_parts_a_day_has() {
    let bench = Bench::new().await;
    let id = bench.device.id;
    let day = bench.fixture.now().unix_ms() / 86_400_000 - 5;
    let at = |n: i64| day * 86_400_000 + n * 60_000;
    let header = "time,value,metric,device_id,label:n\n";
    // What is there: a row that comes again has its value.
    let mut before = header.to_owned();
    for n in 0..40 {
        writeln!(before, "{},{n},sensor_other,{id},a", at(n)).unwrap();
    }
    assert_eq!(bench.import(Format::Csv, &before).await.added, 40);
    let mut text = header.to_owned();
    for n in 0..40 {
        writeln!(text, "{},7777,sensor_other,{id},a", at(n)).unwrap();
        writeln!(text, "{},1,sensor_other,{id},b", at(n)).unwrap();
        writeln!(text, "{},1,no_such_metric,{id},b", at(n)).unwrap();
    }
    for n in 0..40 {
        writeln!(text, "{},{n},sensor_other,{id},a", at(n)).unwrap();
        writeln!(text, "{},{},sensor_other,{id},b", at(n), n + 2).unwrap();
    }
    let options = import::Options {
        rows_a_part: Some(8),
        ..bench.options(Format::Csv, &text)
    };
    let (told, done) = bench.try_import(&text, options).await;
    done.unwrap();
    let counts = (told.rows, told.added, told.replaced, told.same);
    assert_eq!(counts, (200, 40, 0, 40), "{told:?}");
    assert_eq!((told.repeated, told.refused), (80, 40));
    let all = bench.all(&[Metric::SENSOR_OTHER]);
    for (place, ((_, labels), points)) in all.iter().enumerate() {
        let more = if place == 0 { 0 } else { 2 };
        let expected: Vec<_> = (0..40)
            .map(|n| (at(n), format!("U64({})", n + more)))
            .collect();
        assert_eq!(points, &expected, "{labels:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_brings_itself_is_not_held_against_it() {
    let bench = Bench::new().await;
    let id = bench.device.id;
    let now = bench.fixture.now();
    hold(&bench.store, now, None).await;
    let mut text = "time,value,metric,device_id\n".to_owned();
    for value in [1, 2] {
        for n in 0..20 {
            let at = now.minus(DAY * 3).plus(Duration::from_secs(n));
            writeln!(text, "{at},{value},sensor_other,{id}").unwrap();
        }
    }
    let options = import::Options {
        rows_a_part: Some(8),
        ..bench.options(Format::Csv, &text)
    };
    let (told, done) = bench.try_import(&text, options).await;
    done.unwrap();
    let counts = (told.added, told.repeated, told.refused);
    assert_eq!(counts, (20, 20, 0), "{told:?}");
    let all = bench.all(&[Metric::SENSOR_OTHER]);
    let points = all.values().next().unwrap();
    assert!(points.iter().all(|(_, value)| value == "U64(2)"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_corrected_and_held_while_an_import_seals_stays() {
    let bench = Bench::new().await;
    let id = bench.device.id;
    let now = bench.fixture.now();
    let begun = now.minus(DAY * 3);
    let at = move |n| begun.plus(Duration::from_secs(n));
    let mut text = "time,value,metric,device_id\n".to_owned();
    // More than a half-hour takes before it is sealed.
    for n in 0..1_100 {
        writeln!(text, "{},{n},sensor_other,{id}", at(n)).unwrap();
    }
    let labels = Labels::default().with(Labels::VANTAGE, "local");
    let wanted = vec![(Metric::SENSOR_OTHER, labels)];
    let series = bench.store.series.resolve(id, wanted).await.unwrap()[0];
    let (store, handle) = (bench.store.clone(), Handle::current());
    let is_done = AtomicBool::new(false);
    let correct = move || {
        let rows = store.series.read(series.id, begun, at(1)).unwrap();
        if rows.is_empty() || is_done.swap(true, Ordering::SeqCst) {
            return;
        }
        handle.block_on(async {
            let batch = Batch {
                device_id: id,
                at: at(1_000),
                values: vec![(series.column, Value::F64(7.5))],
            };
            let appended = store.series.append_at_any_age(vec![batch]).await;
            assert!(appended.iter().all(Result::is_ok), "{appended:?}");
            hold(&store, now, None).await;
        });
    };
    let room = Room::of(Arc::new(Meanwhile(correct)));
    let options = import::Options {
        room: RoomOf::new(room, bench.store.dir()),
        ..bench.options(Format::Csv, &text)
    };
    let (told, done) = bench.try_import(&text, options).await;
    done.unwrap();
    let counts = (told.added, told.replaced, told.reasons.get("held"));
    assert_eq!(counts, (1_099, 0, Some(&1)), "{told:?}");
    let all = bench.all(&[Metric::SENSOR_OTHER]);
    let points = all.values().next().unwrap();
    assert_eq!(points[1_000].1, "F64(7.5)");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_ends_an_import_and_what_it_had_done_stays() {
    let bench = Bench::new().await;
    let id = bench.device.id;
    let now = bench.fixture.now();
    let mut text = "time,value,metric,device_id\n".to_owned();
    for n in 0..40_u32 {
        let at = now.minus(Duration::from_hours(6) * n);
        writeln!(text, "{at},{n},sensor_other,{id}").unwrap();
    }
    // At the beginning, when rows are put by, at the third of its days.
    for (times, days) in [(0, 0), (1, 0), (4, 2)] {
        let options = import::Options {
            room: bench.room(times),
            ..bench.options(Format::Csv, &text)
        };
        let (told, done) = bench.try_import(&text, options).await;
        let error = done.unwrap_err();
        assert!(matches!(error, ImportError::NoRoom(_)), "{error}");
        assert!(error.to_string().contains("octets of free room"), "{error}");
        assert_eq!(told.days_done, days, "{times}");
        assert_eq!(told.added > 0, days > 0, "{told:?}");
    }
    let told = bench.import(Format::Csv, &text).await;
    assert_eq!((told.added + told.same, told.refused), (40, 0));
    assert!(told.same > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_ends_an_export() {
    let bench = Bench::new().await;
    let id = bench.device.id;
    let at = bench.fixture.now().minus(DAY);
    let text = format!("time,value,metric,device_id\n{at},1,sensor_other,{id}\n");
    bench.import(Format::Csv, &text).await;
    let store = bench.store.clone();
    let room = bench.room(0);
    let work = move || {
        let options = export::Options {
            format: Format::Csv,
            selector: "sensor_other".parse().unwrap(),
            from: Timestamp::from_unix_ms(0),
            to: Timestamp::from_unix_ms(i64::MAX),
            bytes_max: 1 << 30,
            room,
        };
        let (series, inventory) = (&store.series, &store.inventory);
        let mut text = Vec::new();
        export::run(series, inventory, &mut text, &options, &Progress::default())
    };
    let done = tokio::task::spawn_blocking(work).await.unwrap();
    assert!(matches!(done, Err(ExportError::NoRoom(_))), "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_of_a_counter_is_none_of_a_gauge_of_its_name() {
    let bench = Bench::new().await;
    let id = bench.device.id;
    let gauge = bench.metric("exchange_both", Kind::Gauge).await;
    let counter = bench.metric("exchange_both_total", Kind::Counter).await;
    let text = format!(
        "# TYPE exchange_both counter\nexchange_both_total{{device_id=\"{id}\"}} 5 1790000000\n# EOF\n"
    );
    assert_eq!(bench.import(Format::Openmetrics, &text).await.added, 1);
    let all = bench.all(&[gauge, counter]);
    let metrics: Vec<Metric> = all.keys().map(|(metric, _)| *metric).collect();
    assert_eq!(metrics, [counter]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_imports_of_one_file_at_a_time_are_as_one() {
    let bench = Bench::new().await;
    let id = bench.device.id;
    let now = bench.fixture.now();
    let mut text = "time,value,metric,device_id,label:n\n".to_owned();
    for n in 0..2_000_u32 {
        let at = now.minus(Duration::from_mins(7) * n);
        writeln!(text, "{at},{n},sensor_other,{id},{}", n % 5).unwrap();
    }
    let options = |name: &str| import::Options {
        spool: bench.store.dir().join("exchange").join(name),
        ..bench.options(Format::Csv, &text)
    };
    let both = tokio::join!(
        bench.try_import(&text, options("one")),
        bench.try_import(&text, options("two"))
    );
    for (told, done) in [both.0, both.1] {
        done.unwrap();
        assert_eq!((told.added + told.same, told.replaced), (2_000, 0));
    }
    assert_eq!(bench.store.series.count_of(id), 5);
    let all = bench.all(&[Metric::SENSOR_OTHER]);
    assert_eq!(all.values().map(Vec::len).sum::<usize>(), 2_000);
}
