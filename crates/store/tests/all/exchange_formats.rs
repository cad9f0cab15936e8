//! Files of samples as they are read: what is broken costs itself, what is no such file is not taken.

use foretell_store::exchange::{Format, ReadError, Refused, Row, read};
use model::metric::Kind;
use model::{Timestamp, Value};
use std::ops::ControlFlow;

pub(crate) fn rows(
    format: Format,
    text: &[u8],
) -> (Vec<Row>, Vec<Refused>, Result<bool, ReadError>) {
    let (mut rows, mut refused) = (Vec::new(), Vec::new());
    let end = read(format, &mut &text[..], &mut |row| {
        match row {
            Ok(row) => rows.push(row),
            Err(one) => refused.push(one),
        }
        ControlFlow::Continue(())
    });
    (rows, refused, end.map(|end| end.cut_short))
}

fn values(rows: &[Row]) -> Vec<Value> {
    rows.iter().map(|row| row.value).collect()
}

#[test]
fn the_example_of_the_specification_is_read() {
    let text = include_str!("exchange/openmetrics-1.txt");
    let (rows, refused, end) = rows(Format::Openmetrics, text.as_bytes());
    assert_eq!((refused.len(), end.unwrap()), (0, false));
    let seen: Vec<(u64, &str, Option<&str>)> = rows
        .iter()
        .map(|row| {
            let named = row.of.named.as_ref().unwrap();
            (row.line, named.metric.as_str(), named.or_metric.as_deref())
        })
        .collect();
    let seconds = "acme_http_router_request_seconds";
    let (sum, count) = (format!("{seconds}_sum"), format!("{seconds}_count"));
    assert_eq!(
        seen,
        [
            (4, sum.as_str(), None),
            (5, count.as_str(), None),
            (7, sum.as_str(), None),
            (8, count.as_str(), None),
            (12, "go_goroutines", None),
            (16, "process_cpu_seconds", Some("process_cpu_seconds_total")),
        ]
    );
    assert_eq!(rows[4].value, Value::U64(69));
    assert_eq!(rows[5].value, Value::F64(4_200_722.46));
    let labels = &rows[0].of.named.as_ref().unwrap().labels;
    assert_eq!(labels.get("path"), Some("/api/v1"));
    let said = rows[5].of.named.as_ref().unwrap().said.clone().unwrap();
    assert_eq!((said.kind, said.unit.as_str()), (Kind::Counter, "seconds"));
}

#[test]
fn what_is_broken_costs_itself() {
    let lines = |whys: &[Refused]| -> Vec<(u64, &'static str)> {
        whys.iter().map(|one| (one.line, one.why.name())).collect()
    };
    let csv = "\u{feff}time,value,metric,label:a\r\n\
               1000,1,m,x\r\n\
               \r\n\
               soon,2,m,x\r\n\
               1000,two,m,x\r\n\
               1000,3\r\n\
               1000,4,m,\"a\r\nb\"\r\n\
               1000,NaN,m,x\r\n\
               2026-03-01T00:00:00Z,5.0,m,\"open\r\n1000,6,m,x";
    let (taken, refused, end) = rows(Format::Csv, csv.as_bytes());
    assert_eq!(values(&taken), [Value::U64(1), Value::U64(4)]);
    assert_eq!(
        taken[1].of.named.as_ref().unwrap().labels.get("a"),
        Some("a\r\nb")
    );
    assert_eq!(
        lines(&refused),
        [
            (4, "bad_time"),
            (5, "bad_value"),
            (6, "malformed"),
            (9, "not_finite"),
            (10, "malformed"),
        ]
    );
    assert!(!end.unwrap());

    let first = r#"{"format":"foretell-samples","version":1}"#;
    let jsonl = format!(
        "{first}\n{}\nnonsense\n{}\n{}\n{}\n",
        r#"{"metric":"m","labels":{"a":"b"},"points":[[1000,1],[2000,2.5],[3000,-3]]}"#,
        r#"{"metric":"m","value":18446744073709551615,"at":"2026-03-01T00:00:00Z"}"#,
        r#"{"metric":"m","points":[],"value":1}"#,
        r#"{"end":true,"series":1,"samples":4}"#,
    );
    let (taken, refused, end) = rows(Format::Lines, jsonl.as_bytes());
    let expected = [
        Value::U64(1),
        Value::F64(2.5),
        Value::F64(-3.0),
        Value::U64(u64::MAX),
    ];
    assert_eq!(values(&taken), expected);
    assert_eq!(lines(&refused), [(3, "malformed"), (5, "malformed")]);
    assert!(!end.unwrap());
    let cut = &jsonl[..jsonl.len() - 40];
    let (taken, _, end) = rows(Format::Lines, cut.as_bytes());
    assert_eq!(
        (taken.len(), end.unwrap()),
        (4, true),
        "it is told as cut short"
    );

    let text = "# TYPE m gauge\n\
                m{a=\"b\"} 1 1.5\n\
                m{a=b} 2 1.5\n\
                m 3 1.5\r\n\
                m NaN 1.5\n\
                m 4 1.5e3 # {trace=\"x\"} 1\n\
                m_created 5\n\
                # EOF\n";
    let (taken, refused, end) = rows(Format::Openmetrics, text.as_bytes());
    assert_eq!(values(&taken), [Value::U64(1), Value::U64(4)]);
    assert_eq!(taken[1].at, Some(Timestamp::from_unix_ms(1_500_000)));
    let expected = [(3, "malformed"), (4, "bad_time"), (5, "not_finite")];
    assert_eq!(lines(&refused), expected);
    assert!(!end.unwrap());
    let (taken, _, end) = rows(
        Format::Openmetrics,
        text.trim_end_matches("# EOF\n").as_bytes(),
    );
    assert_eq!((taken.len(), end.unwrap()), (2, true));
}

#[test]
fn what_is_no_such_file_is_not_taken() {
    for (format, text, says) in [
        (Format::Csv, "", "no column `value`"),
        (Format::Csv, "time,value\n", "neither a column"),
        (Format::Csv, "time,value,metric,colour\n", "`colour`"),
        (Format::Csv, "time,value,metric,value\n", "twice"),
        (Format::Lines, "", "the first line"),
        (
            Format::Lines,
            "{\"metric\":\"m\",\"value\":1}\n",
            "the first line",
        ),
        (
            Format::Lines,
            "{\"format\":\"foretell-samples\",\"version\":2}\n",
            "version 2",
        ),
        (Format::Openmetrics, "\u{feff}# EOF\n", "byte order mark"),
        (
            Format::Openmetrics,
            "m 1 1\n# EOF\nm 2 2\n",
            "behind `# EOF`",
        ),
        (
            Format::Openmetrics,
            "m 1 1772366400000\nm 2 1\n",
            "milliseconds",
        ),
    ] {
        let (_, _, end) = rows(format, text.as_bytes());
        let error = end.unwrap_err().to_string();
        assert!(error.contains(says), "{format:?}: {error}");
    }
}
