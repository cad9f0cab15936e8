//! Days and times as they are typed.

use model::Timestamp;

/// A time (RFC 3339), or the beginning of a UTC day.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    let wrong = || format!("`{text}` is no day, as 2026-03-01 is, and no time");
    let whole = if text.contains('T') {
        text.to_owned()
    } else {
        format!("{text}T00:00:00Z")
    };
    whole.parse().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_days_or_times() {
        let at = |text: &str| moment(text).map(Timestamp::unix_ms);
        assert_eq!(at("2026-03-01"), Ok(1_772_323_200_000));
        assert_eq!(at("2026-03-01T01:00:00Z"), Ok(1_772_326_800_000));
        assert!(at("yesterday").is_err());
        assert!(at("2026-02-30").is_err());
    }
}
