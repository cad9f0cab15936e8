//! What is written is read again, to the bit.

use super::*;
use bytes::Bytes;
use model::{DeviceId, SeriesId, Timestamp, Value};
use proptest::prelude::*;
use std::ops::ControlFlow;
use std::sync::Arc;

fn about(series: u8, device: u8) -> About {
    let interface = series.is_multiple_of(2).then(|| format!("eth{series}"));
    About {
        series_id: SeriesId::from_bytes([series; 16]),
        device_id: DeviceId::from_bytes([device; 16]),
        device: format!("switch-{device}"),
        metric: "if_in_octets".to_owned(),
        labels: format!(r#"{{"series":"{series}"}}"#),
        interface,
    }
}

type Samples = Vec<(About, Vec<(Timestamp, Value)>)>;

fn written(samples: &Samples, columns: Columns, rows: usize) -> (Vec<u8>, Vec<u64>, Written) {
    let said = [("foretell.format", "foretell-archive 1".to_owned())];
    let writer = SamplesWriter::new(Vec::new(), columns, &said).unwrap();
    let mut writer = writer.with_row_group_rows(rows);
    let first = samples
        .iter()
        .map(|(about, points)| writer.series(about, points).unwrap());
    let first = first.collect();
    let (octets, written) = writer.finish().unwrap();
    (octets, first, written)
}

/// The samples of a series, found by the row that it begins with.
fn read(file: &Arc<Bytes>, footer: &Footer, first: u64, rows: usize) -> Vec<(Timestamp, Value)> {
    let (mut group, mut behind) = (0, first);
    for rows in footer.row_groups() {
        if behind < rows {
            break;
        }
        (group, behind) = (group + 1, behind - rows);
    }
    let mut found = Vec::new();
    let mut take = |points: &[(Timestamp, Value)]| {
        found.extend_from_slice(points);
        ControlFlow::Continue(())
    };
    let range = (usize::try_from(behind).unwrap(), rows);
    samples_at(file, footer, group, range, &mut take).unwrap();
    found
}

fn bits(points: &[(Timestamp, Value)]) -> Vec<(i64, bool, u64)> {
    let bits = points.iter().map(|(at, value)| match value {
        Value::U64(number) => (at.unix_ms(), false, *number),
        Value::F64(number) => (at.unix_ms(), true, number.to_bits()),
    });
    bits.collect()
}

fn check(samples: &Samples, rows: usize) {
    let (octets, first, told) = written(samples, Columns::Archive, rows);
    let (again, _, _) = written(samples, Columns::Archive, rows);
    assert_eq!(octets, again, "the same samples give the same octets");
    let file = Arc::new(Bytes::from(octets));
    let footer = Footer::read(file.as_ref()).unwrap();
    let all: usize = samples.iter().map(|(_, points)| points.len()).sum();
    assert_eq!(footer.rows(), all as u64);
    assert_eq!(
        (told.rows, told.row_groups),
        (footer.rows(), footer.row_groups().len() as u64)
    );
    assert_eq!(footer.said("foretell.format"), Some("foretell-archive 1"));
    for ((_, points), first) in samples.iter().zip(first) {
        if !points.is_empty() {
            let found = read(&file, &footer, first, points.len());
            assert_eq!(bits(&found), bits(points));
        }
    }
    let (octets, _, _) = written(samples, Columns::WithLabels, rows);
    check_table(samples, octets);
}

/// All rows, by the columns that anybody reads.
fn check_table(samples: &Samples, octets: Vec<u8>) {
    let table = Table::open(Bytes::from(octets), &Bounds::default()).unwrap();
    let kinds: Vec<(&str, CellKind)> = table
        .columns()
        .iter()
        .map(|column| (column.name.as_str(), column.kind))
        .collect();
    let expected = [
        ("time", CellKind::Time(TimeUnit::Millis)),
        ("series_id", CellKind::Text),
        ("device_id", CellKind::Text),
        ("device", CellKind::Text),
        ("metric", CellKind::Text),
        ("interface", CellKind::Text),
        ("labels", CellKind::Text),
        ("value_u64", CellKind::Unsigned),
        ("value_f64", CellKind::Float),
    ];
    assert_eq!(kinds, expected);
    let mut rows = Vec::new();
    let mut take = |cells: &[Cells]| {
        let [
            Cells::Whole(times),
            Cells::Text(ids),
            Cells::Text(names),
            Cells::Whole(whole),
            Cells::Float(floats),
        ] = cells
        else {
            panic!("{cells:?}");
        };
        for row in 0..times.len() {
            let text = |cells: &[Option<::parquet::data_type::ByteArray>]| {
                cells[row]
                    .as_ref()
                    .map(|text| String::from_utf8(text.data().to_vec()).unwrap())
            };
            let value = match (whole[row], floats[row]) {
                (Some(bits), None) => (false, bits.cast_unsigned()),
                (None, Some(float)) => (true, float.to_bits()),
                both => panic!("{both:?}"),
            };
            rows.push((times[row].unwrap(), text(ids).unwrap(), text(names), value));
        }
        ControlFlow::Continue(())
    };
    table.batches(&[0, 1, 5, 7, 8], &mut take).unwrap();
    let expected: Vec<_> = samples
        .iter()
        .flat_map(|(about, points)| {
            bits(points).into_iter().map(|(at, float, bits)| {
                let id = about.series_id.to_string();
                (at, id, about.interface.clone(), (float, bits))
            })
        })
        .collect();
    assert_eq!(rows, expected);
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        prop_oneof![Just(0), Just((1 << 53) + 1), Just(u64::MAX), any::<u64>()]
            .prop_map(Value::U64),
        prop_oneof![Just(-0.0), Just(5e-324), Just(1e308), -1e6..1e6].prop_map(Value::F64),
    ]
}

fn samples() -> impl Strategy<Value = Samples> {
    let points = prop::collection::btree_map(0..90_000_000_i64, value(), 0..40);
    let series = points.prop_map(|points| {
        let points = points.into_iter();
        points
            .map(|(at, value)| (Timestamp::from_unix_ms(at), value))
            .collect()
    });
    prop::collection::vec(series, 1..12).prop_map(|all: Vec<Vec<_>>| {
        let place = |place: usize| u8::try_from(place).unwrap();
        let named = all.into_iter().enumerate();
        named
            .map(|(n, points)| (about(place(n + 1), place(n / 3 + 1)), points))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(samples in samples(), rows in 1..200_usize) {
        check(&samples, rows);
    }
}

#[test]
fn one_row_is_a_file() {
    let points = vec![(Timestamp::from_unix_ms(-1), Value::U64(7))];
    check(&vec![(about(1, 1), points)], 1 << 20);
}

#[test]
fn many_rows_are_read_from_the_middle_of_pages() {
    let points = |from: i64| {
        let rows = from..from + 23_000;
        rows.map(|n| {
            (
                Timestamp::from_unix_ms(n * 1_000),
                Value::U64(n.cast_unsigned() * 77),
            )
        })
        .collect::<Vec<_>>()
    };
    let samples = (1..4)
        .map(|n| (about(n, 1), points(i64::from(n))))
        .collect();
    check(&samples, 40_000);
}

#[test]
fn what_is_beyond_the_bounds_is_refused() {
    let points = vec![(Timestamp::from_unix_ms(1), Value::U64(7)); 3];
    let (octets, _, _) = written(&vec![(about(1, 1), points)], Columns::Archive, 10);
    let bounds = Bounds {
        row_group_rows: 2,
        ..Bounds::default()
    };
    let refused = Table::open(Bytes::from(octets.clone()), &bounds);
    let refused = refused.err().map(|error| error.to_string());
    let expected =
        "a file of Parquet has 3 rows in a row group, and no more than 2 are read".to_owned();
    assert_eq!(refused, Some(expected));
    for cut in [0, 7, octets.len() / 2, octets.len() - 1] {
        let cut = Bytes::from(octets[..cut].to_vec());
        assert!(guarded(|| Table::open(cut, &Bounds::default())).is_err());
    }
}
