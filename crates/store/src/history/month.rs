//! A UTC month, by which the files are cut.

use model::Timestamp;

const SUFFIX: &str = ".sqlite";

/// A UTC month: years times twelve and the month, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Month(i64);

impl Month {
    /// The month that holds a time.
    pub(super) fn of(at: Timestamp) -> Self {
        // RFC 3339 in UTC: `2026-03-…`, and an odd text for a time that no clock shows.
        let text = at.to_string();
        Self::parse(text.get(..7).unwrap_or_default()).unwrap_or(Self(0))
    }

    pub(super) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    pub(super) fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// Where it ends, and the next begins.
    pub(super) fn end(self) -> Timestamp {
        format!("{}-01T00:00:00Z", self.next().text())
            .parse()
            .unwrap_or_default()
    }

    pub(super) fn file_name(self) -> String {
        self.text() + SUFFIX
    }

    pub(super) fn named(file_name: &str) -> Option<Self> {
        Self::parse(file_name.strip_suffix(SUFFIX)?)
    }

    fn text(self) -> String {
        format!(
            "{:04}-{:02}",
            self.0.div_euclid(12),
            self.0.rem_euclid(12) + 1
        )
    }

    fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let number = |digits: &str, len| {
            let plain = digits.len() == len && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| digits.parse::<i64>().ok()).flatten()
        };
        let (year, month) = (number(year, 4)?, number(month, 2)?);
        (1..=12)
            .contains(&month)
            .then(|| Self(year * 12 + month - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_of_times() {
        for (at, name, end) in [
            (
                "2026-03-01T00:00:00Z",
                "2026-03.sqlite",
                "2026-04-01T00:00:00.000Z",
            ),
            (
                "2026-12-31T23:59:59.999Z",
                "2026-12.sqlite",
                "2027-01-01T00:00:00.000Z",
            ),
            (
                "1970-01-01T00:00:00Z",
                "1970-01.sqlite",
                "1970-02-01T00:00:00.000Z",
            ),
        ] {
            let month = Month::of(at.parse().unwrap());
            assert_eq!(month.file_name(), name);
            assert_eq!(month.end().to_string(), end);
            assert_eq!(Month::named(name), Some(month));
            assert_eq!(month.next().previous(), month);
        }
        for other in [
            "2026-13.sqlite",
            "2026-3.sqlite",
            "2026-03",
            "x.sqlite",
            "2026-03.sqlite.0.damaged",
        ] {
            assert_eq!(Month::named(other), None, "{other}");
        }
        assert!(Month::of(Timestamp::from_unix_ms(i64::MAX)) < Month::of(Timestamp::default()));
    }
}
