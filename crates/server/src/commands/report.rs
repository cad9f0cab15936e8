//! `foretell report`: asks the running server how things were over a period, beside the one before.

use super::answer::{list, number, print, text, told};
use super::client::{Client, with_query, with_server};
use crate::cli::{Report, ReportFormat};
use crate::exit::Exit;
use anyhow::{Context as _, bail};
use model::Timestamp;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// Rows of a page that are asked for: as many as a server gives.
const PAGE_ROWS: u64 = 1_000;
/// Pages of a report that are read: ten times as many as one has.
const PAGES_MAX: usize = 100;
/// Columns that a line tells of a row: the first ones say what the report is about.
const COLUMNS_TOLD: usize = 4;

/// As what it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Lines,
    Json,
    As(ReportFormat),
}

/// Runs it.
pub fn run(report: &Report) -> anyhow::Result<Exit> {
    let written = written(report);
    let output = report.output.as_deref();
    with_server(&report.asked.to, async |server| match written {
        Written::As(format) => {
            let text = server.octets_of(&path(report, Some(format), None)).await?;
            match output {
                Some(file) => save(file, &text),
                None => Ok(told().write_all(&text)?),
            }
        }
        Written::Json | Written::Lines => {
            let whole = whole(server, report).await?;
            let Some(file) = output else {
                return Ok(print(&whole, written == Written::Json, &lines(&whole))?);
            };
            let text = match written {
                Written::Json => format!("{}\n", serde_json::to_string_pretty(&whole)?),
                _ => lines(&whole),
            };
            save(file, text.as_bytes())
        }
    })?;
    Ok(Exit::Done)
}

/// What was asked for, else what the name of the file says.
fn written(report: &Report) -> Written {
    if report.asked.json {
        return Written::Json;
    }
    if let Some(format) = report.format {
        return Written::As(format);
    }
    let ending = report.output.as_deref().and_then(Path::extension);
    let ending = ending.map(|ending| ending.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        Some("csv") => Written::As(ReportFormat::Csv),
        Some("html" | "htm") => Written::As(ReportFormat::Html),
        Some("json") => Written::Json,
        _ => Written::Lines,
    }
}

fn path(report: &Report, format: Option<ReportFormat>, page: Option<(&Period, &str)>) -> String {
    let mut query: Vec<(&str, String)> = Vec::new();
    let mut put = |name: &'static str, value: Option<String>| {
        query.extend(
            value
                .filter(|value| !value.is_empty())
                .map(|value| (name, value)),
        );
    };
    put("by", report.by.clone());
    put("of", report.of.clone());
    put("statistic", report.statistic.clone());
    put(
        "threshold_ratio",
        report.threshold_ratio.map(|ratio| ratio.to_string()),
    );
    let (from, until) = if let Some((period, _)) = page {
        (Some(period.from.clone()), Some(period.to.clone()))
    } else {
        let moment = |at: Option<Timestamp>| at.map(|at| at.to_string());
        (moment(report.from), moment(report.until))
    };
    put("from", from);
    put("to", until);
    put("site", Some(report.sites.join(",")));
    put("tag", Some(report.tags.join(",")));
    let devices: Vec<String> = report.devices.iter().map(ToString::to_string).collect();
    put("device_id", Some(devices.join(",")));
    put("sort", report.sort.clone());
    let format_name = match format {
        Some(ReportFormat::Csv) => "csv",
        Some(ReportFormat::Html) => "html",
        None => "json",
    };
    put("format", Some(format_name.to_owned()));
    if format.is_none() {
        put("limit", Some(PAGE_ROWS.to_string()));
        put("cursor", page.map(|(_, cursor)| cursor.to_owned()));
    }
    with_query(&format!("reports/{}", report.kind.name()), &query)
}

/// The period of the first page, which the others are of, too.
struct Period {
    from: String,
    to: String,
}

/// The whole report: its pages made one.
async fn whole(server: &Client, report: &Report) -> anyhow::Result<Value> {
    // With a period that does not move with the clock all pages are of one report.
    let mut whole = server.get(&path(report, None, None)).await?;
    let period = Period {
        from: text(&whole, "from").to_owned(),
        to: text(&whole, "to").to_owned(),
    };
    if !whole.get("next_cursor").is_some_and(Value::is_string) {
        return Ok(whole);
    }
    // A cursor is of the question as it was asked.
    whole = server.get(&path(report, None, Some((&period, "")))).await?;
    for _ in 0..PAGES_MAX {
        let next = text(&whole, "next_cursor").to_owned();
        if next.is_empty() {
            return Ok(whole);
        }
        let page = server
            .get(&path(report, None, Some((&period, &next))))
            .await?;
        let more: Vec<Value> = list(&page, "items").cloned().collect();
        let Some(items) = whole.get_mut("items").and_then(Value::as_array_mut) else {
            bail!("the server's answer is not that of a report");
        };
        items.extend(more);
        let next = page.get("next_cursor").cloned().unwrap_or_default();
        if let Some(whole) = whole.as_object_mut() {
            whole.insert("next_cursor".to_owned(), next);
        }
    }
    bail!("the report does not end")
}

/// A report in lines: what it is of, then a row each with its first columns and what it rests on.
fn lines(report: &Value) -> String {
    let mut lines = format!(
        "{}, from {} to {}, {} rows\n",
        text(report, "title"),
        text(report, "from"),
        text(report, "to"),
        number(report, "rows"),
    );
    if number(report, "left_out") > 0 {
        let _ = writeln!(
            lines,
            "PARTIAL: {} rows are left out",
            number(report, "left_out")
        );
    }
    for note in list(report, "notes").filter_map(Value::as_str) {
        let _ = writeln!(lines, "note: {note}");
    }
    let columns: Vec<&Value> = list(report, "columns").collect();
    let measured = columns
        .iter()
        .filter(|column| text(column, "name") == "measured_ratio");
    let told: Vec<&Value> = columns
        .iter()
        .take(COLUMNS_TOLD)
        .chain(measured)
        .copied()
        .collect();
    for row in list(report, "items") {
        let name = match text(row, "name") {
            "" => "(none)",
            name => name,
        };
        let _ = write!(lines, "{name:<30}");
        for column in &told {
            let name = text(column, "name");
            let value = row.get("values").and_then(|values| values.get(name));
            let _ = write!(
                lines,
                "  {name} {}",
                shown(value.unwrap_or(&json!(null)), text(column, "unit"))
            );
        }
        lines.push('\n');
    }
    lines
}

/// A value with its unit; a share as a percentage.
fn shown(value: &Value, unit: &str) -> String {
    match (value, unit) {
        (Value::String(text), _) => text.clone(),
        (Value::Number(number), "ratio") => {
            format!("{:.3} %", number.as_f64().unwrap_or_default() * 100.0)
        }
        (Value::Number(number), _) if number.is_f64() => {
            format!("{:.3} {unit}", number.as_f64().unwrap_or_default())
        }
        (Value::Number(number), _) => format!("{number} {unit}"),
        _ => "-".to_owned(),
    }
}

fn save(file: &Path, octets: &[u8]) -> anyhow::Result<()> {
    std::fs::write(file, octets).with_context(|| format!("writing {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Asked, ReportKind, ToServer};
    use crate::commands::standin::server;
    use std::path::PathBuf;

    fn report(output: Option<&Path>, url: String, password: &Path) -> Report {
        Report {
            kind: ReportKind::Trend,
            by: Some("site".to_owned()),
            of: None,
            statistic: None,
            threshold_ratio: None,
            from: None,
            until: None,
            sites: vec!["a&b".to_owned(), "c".to_owned()],
            tags: Vec::new(),
            devices: Vec::new(),
            sort: Some("-mean".to_owned()),
            format: None,
            output: output.map(Path::to_path_buf),
            asked: Asked {
                json: false,
                to: ToServer {
                    server: Some(url),
                    user: None,
                    password_env: None,
                    password_file: Some(password.to_path_buf()),
                },
            },
        }
    }

    fn secret() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, "hunter2").unwrap();
        (folder, password)
    }

    const FIRST: &str = r#"{"title":"Trends","from":"2026-01-01T00:00:00.000Z","to":"2026-02-01T00:00:00.000Z",
        "rows":2,"left_out":1,"notes":["1 row is left out"],"next_cursor":"abc",
        "columns":[{"name":"mean","unit":"bit/s"},{"name":"measured_ratio","unit":"ratio"}],
        "items":[{"name":"lyon","values":{"mean":8.5,"measured_ratio":0.5}}]}"#;
    const SECOND: &str =
        r#"{"next_cursor":null,"items":[{"name":"","values":{"mean":null,"measured_ratio":0.0}}]}"#;

    #[test]
    fn all_pages_of_one_period_are_one_report() {
        let (folder, password) = secret();
        let (url, asked) = server(vec![
            ("200 OK", r#"{"token":"one"}"#),
            ("200 OK", FIRST),
            ("200 OK", FIRST),
            ("200 OK", SECOND),
        ]);
        let file = folder.path().join("report.json");
        run(&report(Some(&file), url, &password)).unwrap();
        let saved: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(saved["items"].as_array().map(Vec::len), Some(2));
        assert_eq!(saved["next_cursor"], json!(null));
        let asked = asked.join().unwrap();
        let path =
            "/api/v1/reports/trend?by=site&site=a%26b%2Cc&sort=-mean&format=json&limit=1000 one ";
        assert_eq!(asked[1], path);
        assert!(asked[3].contains("from=2026-01-01T00") && asked[3].contains("cursor=abc"));
        let lines = lines(&saved);
        assert!(lines.contains("PARTIAL: 1 rows are left out"), "{lines}");
        assert!(
            lines.contains("mean 8.500 bit/s  measured_ratio 50.000 %"),
            "{lines}"
        );
        assert!(
            lines.contains("(none)") && lines.contains("mean -"),
            "{lines}"
        );
    }

    #[test]
    fn a_file_is_written_as_its_name_says() {
        let (folder, password) = secret();
        let (url, asked) = server(vec![
            ("200 OK", r#"{"token":"one"}"#),
            ("200 OK", "<!DOCTYPE html>"),
        ]);
        let file = folder.path().join("report.HTML");
        run(&report(Some(&file), url, &password)).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "<!DOCTYPE html>");
        assert!(asked.join().unwrap()[1].contains("format=html "));
    }

    #[test]
    fn what_the_server_refuses_is_told() {
        let (_folder, password) = secret();
        let refused = r#"{"detail":"no","errors":[{"pointer":"?by","detail":"unknown variant"}]}"#;
        let (url, asked) = server(vec![
            ("200 OK", r#"{"token":"one"}"#),
            ("400 Bad Request", refused),
        ]);
        let file = std::env::temp_dir().join("foretell-report-that-is-not-written.csv");
        let error = run(&report(Some(&file), url, &password)).unwrap_err();
        assert_eq!(error.to_string(), "?by: unknown variant");
        assert_eq!(Exit::of(&error), Exit::Usage);
        assert!(!file.exists());
        asked.join().unwrap();
    }
}
