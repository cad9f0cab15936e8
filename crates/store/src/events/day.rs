//! A UTC day, by which the files are cut, and the number of an event in its day's file.

use model::{EventRecord, Timestamp};

const SUFFIX: &str = ".sqlite";
const DAY_MS: i64 = 86_400_000;
/// Bits of a number below the millisecond: as many as [`model::EventId::sequence`] has.
const SEQUENCE_BITS: u32 = 20;
/// Numbers that are tried for an event. Where nine of ten of its millisecond are another's, all of
/// these are once in 10^187.
const PLACES_MAX: i64 = 4_096;
/// How many of them lie one behind the other.
const PLACES_NEAR: i64 = 64;

/// A UTC day: days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(i64);

impl Day {
    /// The day that holds a time.
    pub(super) fn of(at: Timestamp) -> Self {
        Self(at.unix_ms().div_euclid(DAY_MS))
    }

    pub(super) fn start(self) -> Timestamp {
        Timestamp::from_unix_ms(self.0.saturating_mul(DAY_MS))
    }

    /// Where it ends, and the next begins.
    pub(super) fn end(self) -> Timestamp {
        Self(self.0.saturating_add(1)).start()
    }

    pub(super) fn file_name(self) -> String {
        // RFC 3339 in UTC: `2026-03-01T…`.
        let text = self.start().to_string();
        text.get(..10).unwrap_or(&text).to_owned() + SUFFIX
    }

    pub(super) fn named(file_name: &str) -> Option<Self> {
        let text = file_name.strip_suffix(SUFFIX)?;
        let day = Self::of(format!("{text}T00:00:00Z").parse().ok()?);
        (day.file_name() == file_name).then_some(day)
    }

    /// The first number of a time in this day; zero for one before it.
    pub(super) fn first_number(self, at: Timestamp) -> i64 {
        let ms = at.unix_ms().saturating_sub(self.start().unix_ms());
        ms.clamp(0, DAY_MS) << SEQUENCE_BITS
    }

    /// The number under which an event of this day is kept: its milliseconds since midnight, and
    /// below them what tells events of one millisecond apart. It is the order of events.
    pub(super) fn number(self, event: &EventRecord) -> i64 {
        self.first_number(event.at) | i64::from(event.id.sequence())
    }
}

/// The numbers that an event may have, each time in the same order, beginning with its own: where
/// that is another's, the next ones, then ever further ones of its millisecond. Processes that know
/// nothing of each other may number thousands of events of one millisecond alike: the step is of the
/// part of an id that tells processes apart, so that they do not meet again.
pub(super) fn places(number: i64, event: &EventRecord) -> impl Iterator<Item = i64> {
    const MASK: i64 = (1 << SEQUENCE_BITS) - 1;
    let (millisecond, sequence) = (number & !MASK, number & MASK);
    let [.., a, b, c, d] = *event.id.as_bytes();
    // Odd, so that it leads to every number.
    let step = i64::from(u32::from_be_bytes([a, b, c, d])) | 1;
    (0..PLACES_MAX).map(move |tried| {
        let distance = if tried < PLACES_NEAR {
            tried
        } else {
            tried * step
        };
        millisecond | ((sequence + distance) & MASK)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::EventId;

    #[test]
    fn places_are_of_the_same_millisecond_and_all_different() {
        let at = Timestamp::from_unix_ms(86_399_999);
        let event = EventRecord {
            id: EventId::received(at),
            at,
            vantage: model::device::LOCAL_VANTAGE.to_owned(),
            kind: model::EventKind::Log,
            device_id: None,
            interface_id: None,
            source: [192, 0, 2, 1].into(),
            severity: None,
            text: String::new(),
            body: serde_json::Value::Null,
        };
        let number = Day::of(at).number(&event);
        let found: Vec<i64> = places(number, &event).collect();
        assert_eq!(found[0], number);
        let in_it = (86_399_999 << SEQUENCE_BITS)..(86_400_000 << SEQUENCE_BITS);
        assert!(found.iter().all(|place| in_it.contains(place)));
        let far: std::collections::BTreeSet<i64> = found[64..].iter().copied().collect();
        assert_eq!(far.len(), found.len() - 64);
        assert_eq!(found, places(number, &event).collect::<Vec<_>>());
    }

    #[test]
    fn days_of_times() {
        for (at, name) in [
            ("1970-01-01T00:00:00Z", "1970-01-01.sqlite"),
            ("2026-03-01T23:59:59.999Z", "2026-03-01.sqlite"),
            ("2028-02-29T12:00:00Z", "2028-02-29.sqlite"),
        ] {
            let at: Timestamp = at.parse().unwrap();
            let day = Day::of(at);
            assert_eq!(day.file_name(), name);
            assert_eq!(Day::named(name), Some(day));
            assert!(day.start() <= at && at < day.end());
        }
        for other in [
            "2026-02-30.sqlite",
            "2026-3-1.sqlite",
            "2026-03-01",
            "2026-03-01.sqlite-wal",
            "2026-03-01.sqlite.0.damaged",
            "x.sqlite",
        ] {
            assert_eq!(Day::named(other), None, "{other}");
        }
    }
}
