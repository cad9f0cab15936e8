//! Rows of time and value: what `detect` reads of a CSV.

use model::Timestamp;

/// From here on a number is a time in milliseconds: in seconds it would be the year 5138.
const MILLISECONDS_FROM: f64 = 1e11;
/// Seconds of the last time that is taken: the end of the year 9999.
const SECONDS_MAX: f64 = 253_402_300_799.0;

/// Where in a row its time and its value are, by the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns {
    time: usize,
    value: usize,
    count: usize,
}

/// A row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row<'a> {
    /// Its time as it was given.
    pub time_given: &'a str,
    /// Its time, in Unix seconds.
    pub at_secs: i64,
    /// Its value; none where it is missing.
    pub value: Option<f64>,
}

impl Columns {
    /// Reads a header, which names the columns `timestamp` and `value` each once.
    pub fn parse(header: &str) -> Result<Self, String> {
        let names: Vec<&str> = fields(header)?;
        let place = |wanted: &str| {
            let mut places = (0..)
                .zip(&names)
                .filter(|(_, name)| bare(name).eq_ignore_ascii_case(wanted));
            match (places.next(), places.next()) {
                (Some((place, _)), None) => Ok(place),
                (None, _) => Err(format!(
                    "a header with the columns timestamp and value is expected, and there is no {wanted}"
                )),
                _ => Err(format!("there are two columns {wanted}")),
            }
        };
        Ok(Self {
            time: place("timestamp")?,
            value: place("value")?,
            count: names.len(),
        })
    }

    /// Reads a row.
    pub fn row<'a>(&self, line: &'a str) -> Result<Row<'a>, String> {
        let fields = fields(line)?;
        if fields.len() != self.count {
            return Err(format!(
                "it has {} columns, and the header {}",
                fields.len(),
                self.count
            ));
        }
        let field = |place: usize| fields.get(place).copied().unwrap_or_default();
        let time_given = field(self.time);
        Ok(Row {
            time_given,
            at_secs: seconds(bare(time_given))?,
            value: number(bare(field(self.value)))?,
        })
    }
}

/// A number; none where it is missing, that is empty, NaN, null or not finite.
pub fn number(text: &str) -> Result<Option<f64>, String> {
    if text.is_empty() || text.eq_ignore_ascii_case("null") {
        return Ok(None);
    }
    let number: f64 = text
        .parse()
        .map_err(|_| format!("`{}` is no number", shown(text)))?;
    Ok(Some(number).filter(|number| number.is_finite()))
}

/// A time in Unix seconds, whole ones.
pub fn seconds(text: &str) -> Result<i64, String> {
    let wrong = || {
        format!(
            "`{}` is no time (Unix seconds or 2026-03-01 12:00:00)",
            shown(text)
        )
    };
    if let Ok(number) = text.parse::<f64>() {
        let is_milliseconds = number.abs() >= MILLISECONDS_FROM;
        let seconds = if is_milliseconds {
            number / 1000.0
        } else {
            number
        };
        if seconds.is_nan() || seconds.abs() > SECONDS_MAX {
            return Err(wrong());
        }
        // Within the bound above.
        #[allow(clippy::cast_possible_truncation)]
        return Ok(seconds.floor() as i64);
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant.unix_ms().div_euclid(1000));
    }
    let written: jiff::civil::DateTime = text.parse().map_err(|_| wrong())?;
    let utc = jiff::tz::TimeZone::UTC.to_timestamp(written);
    let utc = utc.map_err(|_| wrong())?;
    Ok(utc.as_millisecond().div_euclid(1000))
}

/// The fields of a line, quotes and all (RFC 4180).
fn fields(line: &str) -> Result<Vec<&str>, String> {
    if !line.contains('"') {
        return Ok(line.split(',').collect());
    }
    let (mut all, mut begin, mut is_quoted) = (Vec::new(), 0, false);
    for (place, octet) in line.bytes().enumerate() {
        match octet {
            b'"' => is_quoted = !is_quoted,
            b',' if !is_quoted => {
                all.extend(line.get(begin..place));
                begin = place + 1;
            }
            _ => {}
        }
    }
    if is_quoted {
        return Err("a quote is not closed".to_owned());
    }
    all.extend(line.get(begin..));
    Ok(all)
}

/// A field without quotes and spaces around it.
fn bare(field: &str) -> &str {
    let field = field.trim();
    let quoted = field.strip_prefix('"');
    quoted
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(field)
        .trim()
}

/// A text of an error, not without end.
fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_the_header() {
        let columns = Columns::parse("host,Value,\"timestamp\"").unwrap();
        let row = columns.row("\"a,b\",2.5,\"1700000000\"").unwrap();
        assert_eq!(row.time_given, "\"1700000000\"");
        assert_eq!((row.at_secs, row.value), (1_700_000_000, Some(2.5)));
        for (header, wrong) in [
            ("1700000000,2", "there is no timestamp"),
            ("timestamp", "there is no value"),
            ("value,timestamp,value", "two columns value"),
            ("\"timestamp,value", "not closed"),
        ] {
            let error = Columns::parse(header).unwrap_err();
            assert!(error.contains(wrong), "{header}: {error}");
        }
    }

    #[test]
    fn values_may_be_missing_and_nothing_else() {
        let columns = Columns::parse("timestamp,value").unwrap();
        for missing in [
            "", " ", "NaN", "nan", "null", "NULL", "inf", "-inf", "1e999",
        ] {
            let row = columns.row(&format!("5,{missing}")).unwrap().value;
            assert_eq!(row, None, "{missing}");
        }
        for (line, wrong) in [
            ("5", "1 columns, and the header 2"),
            ("5,6,7", "3 columns"),
            ("5,x", "`x` is no number"),
            (",6", "`` is no time"),
            ("NaN,6", "is no time"),
            ("1e300,6", "is no time"),
            ("2026-02-30 00:00:00,6", "is no time"),
        ] {
            let error = columns.row(line).unwrap_err();
            assert!(error.contains(wrong), "{line}: {error}");
        }
    }

    #[test]
    fn times_are_read_in_every_way() {
        for (text, secs) in [
            ("1469376000", 1_469_376_000),
            ("1469376000.9", 1_469_376_000),
            ("1469376000123", 1_469_376_000),
            ("-1.5", -2),
            ("2015-02-26 21:42:53", 1_424_986_973),
            ("2015-02-26T21:42:53.5", 1_424_986_973),
            ("2015-02-26T21:42:53Z", 1_424_986_973),
            ("2015-02-26T22:42:53+01:00", 1_424_986_973),
        ] {
            assert_eq!(seconds(text), Ok(secs), "{text}");
        }
    }
}
