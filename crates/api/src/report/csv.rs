//! A report as CSV (RFC 4180): base units, times as RFC 3339. Each row tells its period and whether the report is
//! whole, so that it still says so when rows of several are put together.

use super::{Cell, Report};

/// Columns before those of the kind.
const BEFORE: [&str; 6] = ["by", "id", "name", "site", "device_id", "interface_id"];
/// Columns behind them.
const BEHIND: [&str; 5] = ["from", "to", "before_from", "partial", "left_out (count)"];

/// All rows in the order of a column.
pub(crate) fn write(report: &Report, sort: (&str, bool)) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    let columns = report.columns.iter().map(|column| match column.unit {
        "" => column.name.to_owned(),
        unit => format!("{} ({unit})", column.name),
    });
    let titles = BEFORE.into_iter().map(str::to_owned).chain(columns);
    writer.write_record(titles.chain(BEHIND.into_iter().map(str::to_owned)))?;
    let by = report.question.by.name();
    let about = [
        report.question.span.from.to_string(),
        report.question.span.to.to_string(),
        report.before.from.to_string(),
        report.is_partial().to_string(),
        report.left_out.to_string(),
    ];
    for row in report.sorted(sort) {
        let id = |id: Option<String>| id.unwrap_or_default();
        let of = [
            by.to_owned(),
            guarded(&row.group.id),
            guarded(&row.group.name),
            guarded(row.site().unwrap_or_default()),
            id(row.device_id().map(|id| id.to_string())),
            id(row.interface_id().map(|id| id.to_string())),
        ];
        let cells = row.cells.iter().map(|cell| match cell {
            Cell::Count(count) => count.to_string(),
            Cell::Number(number) => number.to_string(),
            Cell::Text(text) => guarded(text),
            Cell::Missing => String::new(),
        });
        let cells: Vec<String> = of.into_iter().chain(cells).collect();
        writer.write_record(cells.iter().chain(&about))?;
    }
    writer
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}

/// Text that no spreadsheet takes for a formula: one that begins as formulas do, or with what is cut off before
/// that is looked at, gets an apostrophe before it (OWASP, "CSV Injection").
fn guarded(text: &str) -> String {
    let begins_so = |text: &str| {
        text.starts_with([
            '=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
        ])
    };
    let is_cut = |character: char| character.is_whitespace() || character.is_control();
    if begins_so(text.trim_start_matches(is_cut)) || text.starts_with(char::is_control) {
        return format!("'{text}");
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn formulas_are_text() {
        for text in [
            "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "\u{0}x",
        ] {
            assert!(guarded(text).starts_with('\''), "{text:?}");
        }
        for text in ["core-1", "a=b", "", "10.0.0.1", "é"] {
            assert_eq!(guarded(text), text);
        }
    }

    proptest! {
        #[test]
        fn no_text_is_a_formula_and_all_is_read_back(texts in prop::collection::vec(any::<String>(), 1..8)) {
            let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
            let cells: Vec<String> = texts.iter().map(|text| guarded(text)).collect();
            writer.write_record(&cells).unwrap();
            let written = writer.into_inner().unwrap();
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(written.as_slice());
            let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
            // A single empty cell is a line with nothing in it but quotes.
            prop_assert_eq!(rows.len(), 1);
            for (cell, text) in rows[0].iter().zip(&texts) {
                prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']));
                prop_assert_eq!(cell.strip_prefix('\'').filter(|_| !text.starts_with('\'')).unwrap_or(cell), text);
            }
        }
    }
}
