//! Services, who calls whom, and what was measured of them: what `rank` reads.

use super::rows::{number, seconds};
use analytics::rank::{CALLS_MAX, Kind, NODES_MAX};
use std::collections::BTreeMap;

/// The most columns of a table of metrics.
const COLUMNS_MAX: usize = 100_000;
/// The most rows.
const ROWS_MAX: usize = 1_000_000;
/// The most values of a table.
const VALUES_MAX: usize = 50_000_000;

/// One metric of a service: what it tells, and which statistic of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    /// The service.
    pub service: String,
    /// The metric, as `latency`.
    pub metric: String,
    /// The statistic, as `p99`.
    pub statistic: String,
}

/// What was measured: for each metric of each service a value at each time; NaN where it is missing.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Times in Unix seconds.
    pub at_secs: Vec<i64>,
    /// Values, as many as times.
    pub values: BTreeMap<Column, Vec<f64>>,
}

/// Who calls whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calls {
    /// The services.
    pub services: Vec<String>,
    /// The places of one that calls and of one that it calls.
    pub calls: Vec<(usize, usize)>,
}

/// What a metric tells, by its name; none of one that is not known.
pub fn kind(metric: &str) -> Option<Kind> {
    match metric {
        "latency" => Some(Kind::Latency),
        "availability" => Some(Kind::Availability),
        "requests" => Some(Kind::Traffic),
        "errors" | "error" | "faults" | "fault" => Some(Kind::Errors),
        "cpu" | "memory" | "utilization" | "saturation" => Some(Kind::Saturation),
        _ => None,
    }
}

impl Measured {
    /// Reads a table: rows that begin with `microservice`, `metric` and `statistic` say what the columns are, one that
    /// begins with `unix_timestamp` names the first; the others are times with their values. An error says its line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let mut heads: [Vec<String>; 3] = Default::default();
        let mut at_secs = Vec::new();
        let mut columns: Vec<(Column, Vec<f64>)> = Vec::new();
        let mut count = 0;
        for record in reader.records() {
            let record = record.map_err(|error| error.to_string())?;
            let line = record.position().map_or(0, csv::Position::line);
            let wrong = |detail: &str| format!("line {line}: {detail}");
            let first = record.get(0).unwrap_or_default();
            let head = ["microservice", "metric", "statistic"]
                .iter()
                .position(|name| *name == first);
            if let Some(head) = head.and_then(|head| heads.get_mut(head)) {
                if record.len() > COLUMNS_MAX {
                    return Err(wrong(&format!("there are more than {COLUMNS_MAX} columns")));
                }
                *head = record.iter().skip(1).map(str::to_owned).collect();
                continue;
            }
            if first == "unix_timestamp" {
                continue;
            }
            if columns.is_empty() {
                columns = of_heads(&heads).map_err(|detail| wrong(&detail))?;
            }
            let at = seconds(first).map_err(|detail| wrong(&detail))?;
            if record.len() != columns.len() + 1 {
                let detail = format!(
                    "it has {} columns, and the header {}",
                    record.len(),
                    columns.len() + 1
                );
                return Err(wrong(&detail));
            }
            count += columns.len();
            if at_secs.len() >= ROWS_MAX || count > VALUES_MAX {
                return Err(wrong(&format!(
                    "there are more than {ROWS_MAX} rows or {VALUES_MAX} values"
                )));
            }
            at_secs.push(at);
            for (field, (_, values)) in record.iter().skip(1).zip(&mut columns) {
                let value = number(field.trim()).map_err(|detail| wrong(&detail))?;
                values.push(value.unwrap_or(f64::NAN));
            }
        }
        let mut values = BTreeMap::new();
        for (column, of) in columns {
            if values.insert(column, of).is_some() {
                return Err("two columns have one service, metric and statistic".to_owned());
            }
        }
        Ok(Self { at_secs, values })
    }
}

fn of_heads(heads: &[Vec<String>; 3]) -> Result<Vec<(Column, Vec<f64>)>, String> {
    let [services, metrics, statistics] = heads;
    if services.is_empty() || metrics.len() != services.len() || statistics.len() != services.len()
    {
        return Err(
            "rows `microservice`, `metric` and `statistic` of one length are expected before"
                .to_owned(),
        );
    }
    let columns = services.iter().zip(metrics).zip(statistics);
    let columns = columns.map(|((service, metric), statistic)| {
        let column = Column {
            service: service.clone(),
            metric: metric.clone(),
            statistic: statistic.clone(),
        };
        (column, Vec::new())
    });
    Ok(columns.collect())
}

/// Reads who calls whom: a square of services, with a number over 0 in the row of one that calls and the column of one
/// that is called.
pub fn calls(text: &str) -> Result<Calls, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut services: Vec<String> = Vec::new();
    let (mut calls, mut rows) = (Vec::new(), 0);
    for (row, record) in reader.records().enumerate() {
        let record = record.map_err(|error| error.to_string())?;
        let line = record.position().map_or(0, csv::Position::line);
        let wrong = |detail: &str| format!("line {line}: {detail}");
        rows = row;
        let Some(caller) = row.checked_sub(1) else {
            services = record.iter().skip(1).map(str::to_owned).collect();
            if services.len() > NODES_MAX {
                return Err(wrong(&format!("there are more than {NODES_MAX} services")));
            }
            continue;
        };
        let is_same = services.get(caller).map(String::as_str) == record.get(0);
        if !is_same || record.len() != services.len() + 1 {
            return Err(wrong(
                "the rows are the services of the header, in its order, with a column for each",
            ));
        }
        for (callee, field) in record.iter().skip(1).enumerate() {
            let number = number(field.trim()).map_err(|detail| wrong(&detail))?;
            if number.is_some_and(|number| number > 0.0) {
                calls.push((caller, callee));
            }
        }
        if calls.len() > CALLS_MAX {
            return Err(wrong(&format!("there are more than {CALLS_MAX} calls")));
        }
    }
    if rows != services.len() {
        let count = services.len();
        return Err(format!(
            "it has {rows} rows of services, and the header {count}"
        ));
    }
    Ok(Calls { services, calls })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "microservice,A,\"B,1\"\nmetric,latency,requests\nstatistic,p50,Sum\nunix_timestamp,,\n";

    #[test]
    fn metrics_are_read_by_their_heads() {
        let measured =
            Measured::parse(&format!("{HEAD}1681350000.0,,3\n1681350300.0,0.5,4\n")).unwrap();
        assert_eq!(measured.at_secs, [1_681_350_000, 1_681_350_300]);
        let column = |service: &str, metric: &str, statistic: &str| Column {
            service: service.to_owned(),
            metric: metric.to_owned(),
            statistic: statistic.to_owned(),
        };
        assert_eq!(
            measured.values[&column("B,1", "requests", "Sum")],
            [3.0, 4.0]
        );
        let latency = &measured.values[&column("A", "latency", "p50")];
        assert!(latency[0].is_nan());
        assert_eq!(latency[1..], [0.5]);
        assert!(Measured::parse("").unwrap().values.is_empty());
        for (text, wrong) in [
            ("1681350000.0,1", "line 1: rows `microservice`"),
            (
                &format!("{HEAD}1681350000.0,1"),
                "line 5: it has 2 columns, and the header 3",
            ),
            (&format!("{HEAD}x,1,2"), "line 5: `x` is no time"),
            (
                &format!("{HEAD}1681350000.0,1,x"),
                "line 5: `x` is no number",
            ),
            (
                "microservice,A,A\nmetric,l,l\nstatistic,p,p\n5,1,1",
                "two columns",
            ),
        ] {
            let error = Measured::parse(text).unwrap_err();
            assert!(error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn calls_are_a_square() {
        let read = calls(",A,B\nA,0.0,1.0\nB,,0\n").unwrap();
        assert_eq!((read.services.len(), read.calls), (2, vec![(0, 1)]));
        for (text, wrong) in [
            (",A,B\nB,0,0\n", "line 2: the rows are"),
            (",A\nA,x\n", "line 2: `x`"),
            (",A,B\nA,0\n", "line 2: the rows are"),
            (",A,B\nA,0,0\n", "1 rows of services, and the header 2"),
        ] {
            let error = calls(text).unwrap_err();
            assert!(error.contains(wrong), "{error}");
        }
    }
}
