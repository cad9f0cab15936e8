//! Which moments of the past have samples: close together lately, further apart the older they are,
//! as nobody looks at the minutes of last week, and two weeks are to be made in seconds.

use model::Timestamp;
use std::time::Duration;

/// The least history: shorter than this nothing can be seen.
pub const SPAN_MIN: Duration = Duration::from_hours(1);
/// The most: a quarter of a year takes some minutes.
pub const SPAN_MAX: Duration = Duration::from_hours(24 * 92);

/// How far apart samples are, by how old they are at most.
const SPACINGS: [(Duration, Duration); 4] = [
    (Duration::from_hours(6), Duration::from_mins(1)),
    (Duration::from_hours(48), Duration::from_mins(5)),
    (Duration::from_hours(7 * 24), Duration::from_mins(15)),
    (Duration::MAX, Duration::from_mins(30)),
];

/// The moments of a history of `span` that ends before `until`, ascending.
pub(super) fn moments(until: Timestamp, span: Duration) -> Vec<Timestamp> {
    let mut moments = Vec::new();
    let mut at = until;
    loop {
        let age = until.since(at);
        let spacing = SPACINGS
            .iter()
            .find(|(oldest, _)| age < *oldest)
            .map_or(SPACINGS[3].1, |(_, spacing)| *spacing);
        at = at.minus(spacing);
        if until.since(at) > span || at.unix_ms() < 0 {
            break;
        }
        moments.push(at);
    }
    moments.reverse();
    moments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_ascend_end_before_the_first_poll_and_thin_out_with_age() {
        let until = Timestamp::from_unix_ms(1_800_000_000_000);
        let day = Duration::from_hours(24);
        for (days, wanted) in [
            (1, 360 + 18 * 12),
            (14, 360 + 42 * 12 + 5 * 24 * 4 + 7 * 24 * 2),
        ] {
            let moments = moments(until, day * days);
            assert_eq!(moments.len(), wanted, "{days}");
            assert_eq!(moments.last(), Some(&until.minus(Duration::from_mins(1))));
            assert_eq!(moments.first(), Some(&until.minus(day * days)));
            assert!(moments.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
