//! CSV (RFC 4180) with a header: `address` is needed; `port`, `name`, `credential`, `tags` (with
//! commas or semicolons between), `site`, `location` and `interval_secs` may be there, in any order.

use super::{ROWS_MAX, Read, Refused, Row, Unreadable, line_ends, said, short, too_many};
use ::csv::{ReaderBuilder, StringRecord, Trim};
use std::net::IpAddr;

/// The columns that are known.
const COLUMNS: [&str; 8] = [
    "address",
    "port",
    "name",
    "credential",
    "tags",
    "site",
    "location",
    "interval_secs",
];

pub(super) fn read(text: &str) -> Result<Vec<Read>, Unreadable> {
    let mut reader = ReaderBuilder::new()
        .trim(Trim::All)
        .flexible(true)
        .delimiter(delimiter(text))
        .from_reader(text.as_bytes());
    let header = reader
        .headers()
        .map_err(|error| unreadable(&error))?
        .clone();
    let columns = columns(&header)?;
    let mut rows = Vec::new();
    let mut lines = Lines {
        text: text.as_bytes(),
        at: 0,
        line: 1,
    };
    for record in reader.records() {
        let record = record.map_err(|error| unreadable(&error))?;
        let line = lines.of(&record);
        if record.iter().all(str::is_empty) {
            continue;
        }
        if rows.len() >= ROWS_MAX {
            return Err(too_many(line));
        }
        rows.push(row(&columns, &record, line));
    }
    Ok(rows)
}

/// Counts lines: the reader counts none that is empty, and those of CR LF in part.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line that a record begins on; records come in their order.
    fn of(&mut self, record: &StringRecord) -> u64 {
        let position = record.position().map_or(0, ::csv::Position::byte);
        let mut begins = usize::try_from(position).unwrap_or(self.at);
        while matches!(self.text.get(begins), Some(b'\r' | b'\n')) {
            begins += 1;
        }
        let between = self.text.get(self.at..begins).unwrap_or_default();
        self.line += line_ends(between);
        self.at = begins;
        self.line
    }
}

/// Spreadsheets of many countries write semicolons.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    if first.contains(';') && !first.contains(',') {
        b';'
    } else {
        b','
    }
}

fn unreadable(error: &::csv::Error) -> Unreadable {
    let line = error.position().map_or(1, ::csv::Position::line);
    Unreadable {
        line,
        reason: format!("no CSV: {error}"),
    }
}

/// The place of each column in [`COLUMNS`]; a header that is not known is a mistake, and not skipped.
fn columns(header: &StringRecord) -> Result<Vec<usize>, Unreadable> {
    let wrong = |reason: String| Unreadable { line: 1, reason };
    let mut places = Vec::with_capacity(header.len());
    for name in header {
        let name = name.trim().to_ascii_lowercase();
        // The name that people think of first.
        let name = if name == "interval" {
            "interval_secs"
        } else {
            &name
        };
        let place = COLUMNS.iter().position(|known| *known == name);
        let place = place.ok_or_else(|| {
            let known = COLUMNS.join(", ");
            wrong(format!(
                "there is no column `{}`; there are {known}",
                short(name)
            ))
        })?;
        if places.contains(&place) {
            return Err(wrong(format!("the column `{name}` is there twice")));
        }
        places.push(place);
    }
    if places.contains(&0) {
        Ok(places)
    } else {
        Err(wrong("the header has no column `address`".to_owned()))
    }
}

fn row(columns: &[usize], record: &StringRecord, line: u64) -> Read {
    let mut cells: [Option<&str>; COLUMNS.len()] = [None; COLUMNS.len()];
    for (place, cell) in columns.iter().zip(record) {
        if let Some(slot) = cells.get_mut(*place) {
            *slot = Some(cell).filter(|cell| !cell.is_empty());
        }
    }
    let [
        address,
        port,
        name,
        credential,
        tags,
        site,
        location,
        interval,
    ] = cells;
    let refused = |reason: String| Refused {
        line,
        name: name.or(address).map(short),
        reason,
    };
    if record.len() > columns.len() {
        return Err(refused(format!(
            "{} fields are there, and the header has {}",
            record.len(),
            columns.len()
        )));
    }
    let Some(address) = address else {
        return Err(refused("it has no address".to_owned()));
    };
    let address: IpAddr = address
        .parse()
        .map_err(|_| refused(format!("`{}` is not an address", short(address))))?;
    let mut row = Row::at(line, address);
    if let Some(port) = port {
        let number = port.parse().ok().filter(|port| *port != 0);
        row.port =
            Some(number.ok_or_else(|| {
                refused(format!("`{}` is not a port from 1 to 65535", short(port)))
            })?);
    }
    if let Some(interval) = interval {
        row.interval_secs = Some(interval.parse().map_err(|_| {
            let given = short(interval);
            refused(format!("`{given}` is not a whole number of seconds"))
        })?);
    }
    row.name = name.and_then(said);
    row.credential = credential.and_then(said);
    row.site = site.and_then(said);
    row.location = location.and_then(said);
    let tags = tags.unwrap_or_default().split([',', ';']);
    row.tags = tags.filter_map(said).collect();
    Ok(row)
}
