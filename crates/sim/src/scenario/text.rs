//! Durations and moments as people write them: `90s`, `1h30m`, `-2d`, `2026-03-02T08:00:00Z`.

use model::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Milliseconds of the longest duration: ten years.
const SPAN_MS_MAX: u64 = 10 * 366 * 86_400_000;

/// A duration, as `90s`, `250ms`, `1h30m` or `3d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A moment: a date, or a time from the start of the simulation, which may be before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// So many milliseconds after the start; before it where negative.
    After(i64),
    /// On this date.
    On(Timestamp),
}

impl Moment {
    /// The moment, where the simulation starts at `start`.
    pub fn from_start(self, start: Timestamp) -> Timestamp {
        match self {
            Self::After(ms) => Timestamp::from_unix_ms(start.unix_ms().saturating_add(ms)),
            Self::On(at) => at,
        }
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is no duration, as 90s or 1h30m is", cut(text));
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(wrong());
        }
        let mut total_ms = 0_u64;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let (number, after) = rest.split_at_checked(digits).ok_or_else(wrong)?;
            let letters = after
                .find(|c: char| !c.is_ascii_alphabetic())
                .unwrap_or(after.len());
            let (unit, after) = after.split_at_checked(letters).ok_or_else(wrong)?;
            let unit_ms = match unit {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                "w" => 604_800_000,
                _ => return Err(wrong()),
            };
            let number: u64 = number.parse().map_err(|_| wrong())?;
            total_ms = number
                .checked_mul(unit_ms)
                .and_then(|ms| ms.checked_add(total_ms))
                .filter(|&ms| ms <= SPAN_MS_MAX)
                .ok_or_else(|| format!("`{}` is longer than ten years", cut(text)))?;
            rest = after;
        }
        Ok(Self(Duration::from_millis(total_ms)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ms = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if ms == 0 {
            return f.write_str("0s");
        }
        for (unit_ms, unit) in [
            (86_400_000, "d"),
            (3_600_000, "h"),
            (60_000, "m"),
            (1_000, "s"),
            (1, "ms"),
        ] {
            if ms >= unit_ms {
                write!(f, "{}{unit}", ms / unit_ms)?;
                ms %= unit_ms;
            }
        }
        Ok(())
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::On(at));
        }
        let (sign, rest) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let Span(span) = rest.parse().map_err(|_| {
            format!(
                "`{}` is no moment, as 10m (after the start), -2d (before it) or 2026-03-02T08:00:00Z are",
                cut(text)
            )
        })?;
        Ok(Self::After(
            sign * i64::try_from(span.as_millis()).unwrap_or(i64::MAX),
        ))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On(at) => at.fmt(f),
            Self::After(ms) => {
                let sign = if *ms < 0 { "-" } else { "" };
                write!(
                    f,
                    "{sign}{}",
                    Span(Duration::from_millis(ms.unsigned_abs()))
                )
            }
        }
    }
}

macro_rules! as_text {
    ($($name:ident)*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(D::Error::custom)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
    )*};
}
as_text!(Span Moment);

fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_moments_both_ways() {
        for (text, ms) in [
            ("90s", 90_000),
            ("1h30m", 5_400_000),
            ("250ms", 250),
            ("3d", 259_200_000),
            ("1w", 604_800_000),
            ("0s", 0),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.0.as_millis(), ms, "{text}");
            assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
        }
        for wrong in [
            "",
            "5",
            "m",
            "5 m",
            "5y",
            "-5m",
            "99999999999999999999s",
            "9999w",
        ] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
        for (text, moment) in [
            ("10m", Moment::After(600_000)),
            ("+10m", Moment::After(600_000)),
            ("-2d", Moment::After(-172_800_000)),
        ] {
            assert_eq!(text.parse::<Moment>().unwrap(), moment);
            assert_eq!(moment.to_string().parse::<Moment>().unwrap(), moment);
        }
        let on: Moment = "2026-03-02T08:00:00Z".parse().unwrap();
        assert_eq!(on.to_string(), "2026-03-02T08:00:00.000Z");
        assert!("tomorrow".parse::<Moment>().is_err());
    }
}
