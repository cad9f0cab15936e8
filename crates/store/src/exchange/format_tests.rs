//! What is written is read again, of all kinds of values and labels; and nothing that is read panics.

use super::{Exported, Format, Row, See, Whose, bad_labels, csv, lines, openmetrics, read};
use model::series::{NETWORK, Series, SeriesKey};
use model::{DeviceId, Labels, Metric, SeriesId, Timestamp, Value};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use std::ops::ControlFlow;

const TEXTS: [Format; 3] = [Format::Csv, Format::Lines, Format::Openmetrics];
/// 2096: times of ours are before it.
const MS_MAX: i64 = 4_000_000_000_000;

/// Series with their samples, in the order in which they are written.
type All = Vec<(Exported, Vec<(Timestamp, Value)>)>;

fn metrics() -> impl Strategy<Value = Metric> {
    prop::sample::select(vec![
        Metric::IF_HC_IN_OCTETS,
        Metric::IF_OPER_STATUS,
        Metric::SENSOR_OTHER,
        Metric::ICMP_RTT,
    ])
}

fn values() -> impl Strategy<Value = Value> {
    let special = prop::sample::select(vec![
        Value::U64(0),
        Value::U64(u64::MAX),
        Value::U64((1 << 53) + 1),
        Value::F64(0.0),
        Value::F64(-0.0),
        Value::F64(f64::MIN_POSITIVE / 4.0),
        Value::F64(f64::MAX),
        Value::F64(f64::MIN),
        Value::F64(1e16),
        Value::F64(0.1 + 0.2),
    ]);
    let float = any::<u64>().prop_map(f64::from_bits);
    let float = float.prop_filter("it is finite", |number| number.is_finite());
    prop_oneof![
        special,
        any::<u64>().prop_map(Value::U64),
        float.prop_map(Value::F64),
    ]
}

fn labels() -> impl Strategy<Value = Labels> {
    let names = prop_oneof![
        4 => "[A-Za-z_][A-Za-z0-9_]{0,8}",
        1 => prop::sample::select(vec!["device_id", "own_device_id", "own_own_device_id", "le"])
            .prop_map(str::to_owned),
    ];
    let texts = prop_oneof![
        3 => any::<String>(),
        1 => "[ ,\"\\\\\n\r\t{}#=;\u{feff}\u{0}']{1,12}",
        1 => "\\PC{1,30}",
    ];
    let labels = btree_map(names, texts, 0..6).prop_map(Labels);
    labels.prop_filter("users may bring them", |labels| {
        bad_labels(labels).is_none()
    })
}

fn all() -> impl Strategy<Value = All> {
    let points = btree_map(0..MS_MAX, values(), 1..20);
    let one = (metrics(), any::<bool>(), labels(), "\\PC{0,12}", points);
    vec(one, 1..6).prop_map(|series| {
        let mut all: All = Vec::new();
        for (metric, is_network, labels, device, points) in series {
            let device_id = if is_network { NETWORK } else { DeviceId::new() };
            let key = SeriesKey {
                device_id,
                metric,
                labels,
            };
            let series = Series {
                id: SeriesId::new(),
                key,
            };
            // The network has no name.
            let device = if is_network { String::new() } else { device };
            let points = points.into_iter();
            let points = points.map(|(ms, value)| (Timestamp::from_unix_ms(ms), value));
            all.push((Exported { series, device }, points.collect()));
        }
        // Families are not interleaved.
        all.sort_by_key(|(of, _)| of.series.key.metric.name());
        all
    })
}

fn written(format: Format, all: &All) -> Vec<u8> {
    let mut file = Vec::new();
    let mut family = None;
    match format {
        Format::Csv => csv::write_header(&mut file).unwrap(),
        Format::Lines => lines::write_first(&mut file).unwrap(),
        Format::Openmetrics | Format::Parquet => {}
    }
    for (of, points) in all {
        match format {
            Format::Csv => csv::write(&mut file, of, points).unwrap(),
            Format::Lines => lines::write(&mut file, of, points).unwrap(),
            Format::Openmetrics => {
                let metric = of.series.key.metric;
                if family.replace(metric) != Some(metric) {
                    openmetrics::write_family(&mut file, metric).unwrap();
                }
                openmetrics::write(&mut file, of, points).unwrap();
            }
            Format::Parquet => unreachable!("it is no text"),
        }
    }
    let samples: usize = all.iter().map(|(_, points)| points.len()).sum();
    match format {
        Format::Lines => {
            lines::write_last(&mut file, all.len() as u64, samples as u64).unwrap();
        }
        Format::Openmetrics => openmetrics::write_last(&mut file).unwrap(),
        Format::Csv | Format::Parquet => {}
    }
    file
}

/// The rows of a file that has no other.
fn rows(read: impl FnOnce(&mut See<'_>) -> Result<super::End, super::ReadError>) -> Vec<Row> {
    let mut rows = Vec::new();
    let end = read(&mut |row| {
        rows.push(row.unwrap());
        ControlFlow::Continue(())
    });
    assert!(!end.unwrap().cut_short);
    rows
}

fn check(format: Format, all: &All, rows: &[Row]) {
    let expected = all
        .iter()
        .flat_map(|(of, points)| points.iter().map(move |point| (of, point)));
    assert_eq!(rows.len(), expected.clone().count());
    for (row, (of, (at, value))) in rows.iter().zip(expected) {
        let key = &of.series.key;
        assert_eq!(row.at, Some(*at));
        // As text, so that bits are compared.
        assert_eq!(format!("{:?}", row.value), format!("{value:?}"));
        let named = row.of.named.as_ref().unwrap();
        assert_eq!(named.labels, key.labels);
        let whose = match key.device_id {
            NETWORK if format != Format::Parquet => Whose::Unsaid,
            id => Whose::Id(id),
        };
        assert_eq!(named.device, whose);
        let name = key.metric.name();
        if format == Format::Openmetrics {
            let either = [Some(named.metric.as_str()), named.or_metric.as_deref()];
            assert!(either.contains(&Some(name)), "{either:?} {name}");
        } else {
            assert_eq!(row.of.id, Some(of.series.id));
            assert_eq!(named.metric, name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn texts_are_read_as_they_were_written(all in all()) {
        for format in TEXTS {
            let file = written(format, &all);
            let rows = rows(|see| read(format, &mut &file[..], see));
            check(format, &all, &rows);
        }
    }

    #[test]
    fn texts_that_are_broken_are_read_without_a_panic(
        all in all(), at in any::<prop::sample::Index>(), cut in any::<bool>(),
        put in vec(any::<u8>(), 0..4),
    ) {
        for format in TEXTS {
            let mut file = written(format, &all);
            let at = at.index(file.len());
            let end = if cut { file.len() } else { (at + put.len()).min(file.len()) };
            file.splice(at..end, put.clone());
            let mut told = 0_u64;
            let read = read(format, &mut &file[..], &mut |_| {
                told += 1;
                ControlFlow::Continue(())
            });
            let _ = read;
            prop_assert!(told <= file.len() as u64);
        }
    }

    #[test]
    fn octets_are_read_without_a_panic(octets in vec(any::<u8>(), 0..400)) {
        for format in TEXTS {
            for begin in [
                &b""[..], b"time,value,metric,labels,label:a\n",
                b"{\"format\":\"foretell-samples\",\"version\":1}\n", b"# TYPE a counter\n",
            ] {
                let file = [begin, &octets].concat();
                let _ = read(format, &mut &file[..], &mut |_| ControlFlow::Continue(()));
            }
        }
    }
}

#[cfg(feature = "archive")]
mod parquet {
    use super::super::{End, ReadError, Refused};
    use super::*;
    use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
    use ::parquet::file::writer::SerializedFileWriter;
    use ::parquet::schema::parser::parse_message_type;
    use std::io::Write as _;
    use std::sync::Arc;

    fn written(all: &All) -> Vec<u8> {
        let mut writer = super::super::parquet::Writer::new(Vec::new()).unwrap();
        for (of, points) in all {
            writer.write(of, points).unwrap();
        }
        writer.finish().unwrap()
    }

    fn file(octets: &[u8]) -> std::fs::File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(octets).unwrap();
        file
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn parquet_is_read_as_it_was_written(all in all()) {
            let file = file(&written(&all));
            let rows = rows(|see| super::super::read_parquet(file, see));
            check(Format::Parquet, &all, &rows);
        }

        #[test]
        fn parquet_that_is_broken_is_read_without_a_panic(
            all in all(), at in any::<prop::sample::Index>(), bit in 0..8_u32, cut in any::<bool>(),
        ) {
            let mut octets = written(&all);
            let at = at.index(octets.len());
            if cut {
                octets.truncate(at);
            } else {
                octets[at] ^= 1 << bit;
            }
            let see: &mut See<'_> = &mut |_| ControlFlow::Continue(());
            let _ = super::super::read_parquet(file(&octets), see);
        }
    }

    /// What a column of others holds; all have a value in each row, or none at all.
    enum Column<'a> {
        Whole(&'a [i64]),
        Float(&'a [f64]),
        Text(&'a [&'a [u8]]),
        /// It is of another type, and the file has no rows.
        None,
    }

    /// A file of others, with these columns.
    fn of_others(fields: &str, columns: &[Column<'_>]) -> std::fs::File {
        let schema = parse_message_type(&format!("message others {{ {fields} }}")).unwrap();
        let mut writer =
            SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::default()).unwrap();
        if !columns.iter().any(|column| matches!(column, Column::None)) {
            let mut group = writer.next_row_group().unwrap();
            for column in columns {
                let mut open = group.next_column().unwrap().unwrap();
                let ones = |rows: usize| vec![1_i16; rows];
                match column {
                    Column::Whole(cells) => {
                        let levels = ones(cells.len());
                        let open = open.typed::<Int64Type>();
                        open.write_batch(cells, Some(&levels), None).unwrap();
                    }
                    Column::Float(cells) => {
                        let levels = ones(cells.len());
                        let open = open.typed::<DoubleType>();
                        open.write_batch(cells, Some(&levels), None).unwrap();
                    }
                    Column::Text(cells) => {
                        let levels = ones(cells.len());
                        let cells = cells.iter().map(|text| ByteArray::from(text.to_vec()));
                        let cells: Vec<ByteArray> = cells.collect();
                        let open = open.typed::<ByteArrayType>();
                        open.write_batch(&cells, Some(&levels), None).unwrap();
                    }
                    Column::None => {}
                }
                open.close().unwrap();
            }
            group.close().unwrap();
        }
        file(&writer.into_inner().unwrap())
    }

    fn read_all(file: std::fs::File) -> (Vec<Result<Row, Refused>>, Result<End, ReadError>) {
        let mut rows = Vec::new();
        let end = super::super::read_parquet(file, &mut |row| {
            rows.push(row);
            ControlFlow::Continue(())
        });
        (rows, end)
    }

    const METRIC: &str = "optional binary metric (UTF8);";

    #[test]
    fn times_of_all_units_are_milliseconds() {
        for (kind, raw) in [
            ("(TIMESTAMP(MILLIS,true))", 1_772_366_400_001),
            ("(TIMESTAMP(MILLIS,false))", 1_772_366_400_001),
            ("(TIMESTAMP(MICROS,true))", 1_772_366_400_001_999),
            ("(TIMESTAMP(MICROS,false))", 1_772_366_400_001_999),
            ("(TIMESTAMP(NANOS,true))", 1_772_366_400_001_999_999),
            ("(TIMESTAMP(NANOS,false))", 1_772_366_400_001_999_999),
            ("(TIMESTAMP_MILLIS)", 1_772_366_400_001),
            ("(TIMESTAMP_MICROS)", 1_772_366_400_001_999),
        ] {
            let fields = format!("{METRIC} optional int64 time {kind}; optional double value;");
            let columns = [
                Column::Text(&[b"m"]),
                Column::Whole(&[raw]),
                Column::Float(&[1.5]),
            ];
            let (rows, end) = read_all(of_others(&fields, &columns));
            end.unwrap();
            let row = rows[0].as_ref().unwrap();
            assert_eq!(row.at, Some(Timestamp::from_unix_ms(1_772_366_400_001)));
            assert_eq!(row.value, Value::F64(1.5), "{kind}");
        }
    }

    #[test]
    fn whole_numbers_are_what_they_are_said_to_be() {
        let text = Column::Text(&[b"m"]);
        for (kind, raw, expected) in [
            ("", 5, Value::U64(5)),
            ("", -5, Value::F64(-5.0)),
            ("(UINT_64)", -1, Value::U64(u64::MAX)),
            ("(INTEGER(64,false))", -1, Value::U64(u64::MAX)),
            ("(INT_64)", i64::MAX, Value::U64(i64::MAX.unsigned_abs())),
        ] {
            let fields = format!("{METRIC} optional int64 value {kind};");
            let cells = [raw];
            let columns = [Column::Text(&[b"m"]), Column::Whole(&cells)];
            let (rows, end) = read_all(of_others(&fields, &columns));
            end.unwrap();
            assert_eq!(rows[0].as_ref().unwrap().value, expected, "{kind}");
        }
        let two = "optional int64 value_u64 (UINT_64); optional double value_f64;";
        let columns = [text, Column::Whole(&[1]), Column::Float(&[1.0])];
        let (rows, end) = read_all(of_others(&format!("{METRIC} {two}"), &columns));
        end.unwrap();
        assert_eq!(rows[0].as_ref().unwrap_err().why.name(), "bad_value");
    }

    #[test]
    fn a_text_that_is_none_costs_its_row() {
        let fields = format!("{METRIC} optional double value;");
        let columns = [
            Column::Text(&[b"m", b"\xff", b"m"]),
            Column::Float(&[1.0, 2.0, f64::NAN]),
        ];
        let (rows, end) = read_all(of_others(&fields, &columns));
        end.unwrap();
        let told: Vec<_> = rows
            .iter()
            .map(|row| row.as_ref().map_or_else(|r| r.why.name(), |_| "taken"))
            .collect();
        assert_eq!(told, ["taken", "malformed", "not_finite"]);
    }

    #[test]
    fn what_would_be_taken_for_something_else_is_refused() {
        let value = "optional double value;";
        let map = "optional group labels (MAP) { repeated group key_value { \
                   required binary key (UTF8); optional binary value (UTF8); } }";
        for fields in [
            format!("{METRIC} {value} optional int96 time;"),
            format!("{METRIC} {value} optional int64 time;"),
            format!("{METRIC} {value} optional int32 time (DATE);"),
            format!("{METRIC} {value} {map}"),
            format!("{METRIC} optional int64 value (DECIMAL(10,2));"),
            format!("{METRIC} optional int64 value (TIMESTAMP_MILLIS);"),
            format!("{METRIC} optional binary value (UTF8);"),
            format!("{METRIC} repeated double value;"),
            format!("{value} optional int64 metric;"),
            value.to_owned(),
            METRIC.to_owned(),
        ] {
            let (rows, end) = read_all(of_others(&fields, &[Column::None]));
            assert!(matches!(end, Err(ReadError::NotIt { .. })), "{fields}");
            assert!(rows.is_empty());
        }
    }
}
