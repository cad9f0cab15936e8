//! What kind of traffic a series is, of its hours.

use super::input::Input;
use super::place::Place;
use analytics::pattern::{Kind, Pattern, Unclassified, classify};
use model::pattern::{PatternEvidence, PatternKind, TrafficPattern};
use std::time::Duration;

/// How far back is looked for the kind of a series: long enough for its week, short enough that what it was
/// long ago does not count.
pub const BACK: Duration = Duration::from_hours(24 * 56);

/// Each kind by both of its names.
const KINDS: [(Kind, PatternKind); 8] = [
    (Kind::Idle, PatternKind::Idle),
    (Kind::Flat, PatternKind::Flat),
    (Kind::OfficeHours, PatternKind::OfficeHours),
    (Kind::Evening, PatternKind::Evening),
    (Kind::NightBatch, PatternKind::NightBatch),
    (Kind::PeriodicJob, PatternKind::PeriodicJob),
    (Kind::Bursty, PatternKind::Bursty),
    (Kind::Growing, PatternKind::Growing),
];

/// Steps as (seconds since 1970 by the clock of the place, value); those without a value are left out.
pub fn local_samples(input: &Input, place: &Place) -> Vec<(i64, f64)> {
    let step_secs = i64::try_from(input.step.as_secs()).unwrap_or(i64::MAX);
    let from_secs = input.from.unix_ms().div_euclid(1_000);
    let all = (0_i64..).zip(&input.values);
    all.filter(|(_, value)| value.is_finite())
        .map(|(nth, value)| {
            (
                place.shown_secs(from_secs.saturating_add(nth * step_secs)),
                *value,
            )
        })
        .collect()
}

/// The figures of a series and how well each kind fits. The kind told `before` stays while it fits about as well as
/// another. O(n log n): some milliseconds for eight weeks of hours.
pub fn look(samples: &[(i64, f64)], before: Option<PatternKind>) -> Result<Pattern, Unclassified> {
    let before = KINDS.iter().find(|(_, kind)| Some(*kind) == before);
    classify(samples, before.map(|(kind, _)| *kind))
}

/// The kind of a series by its last [`BACK`]; none where too little is known or no kind fits.
pub fn pattern(
    hours: &Input,
    place: &Place,
    before: Option<PatternKind>,
) -> Option<TrafficPattern> {
    let mut samples = local_samples(hours, place);
    let last = samples.last()?.0;
    let back = i64::try_from(BACK.as_secs()).unwrap_or(i64::MAX);
    samples.retain(|(at, _)| *at > last.saturating_sub(back));
    told(&look(&samples, before).ok()?)
}

/// The kind that fits and why; none where none does.
pub fn told(pattern: &Pattern) -> Option<TrafficPattern> {
    let fit = pattern
        .fits
        .iter()
        .find(|fit| Some(fit.kind) == pattern.kind)?;
    let evidence = fit.evidence.iter().map(|one| PatternEvidence {
        figure: one.figure.to_owned(),
        value: finite(one.value),
        against: one.against,
        wholly: one.wholly,
        fits: one.fits,
    });
    Some(TrafficPattern {
        kind: name_of(fit.kind),
        confidence: fit.fits,
        evidence: evidence.collect(),
    })
}

/// The name of a kind as it is kept and shown.
pub fn name_of(kind: Kind) -> PatternKind {
    let found = KINDS.iter().find(|(known, _)| *known == kind);
    found.map_or(PatternKind::Flat, |(_, name)| *name)
}

/// JSON has no number that is not finite.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;

    /// Hours from a Monday on, 2026-03-02T00:00:00Z.
    fn hours(of_hour: impl Fn(usize) -> f64) -> Input {
        Input {
            from: Timestamp::from_unix_ms(1_772_409_600_000),
            step: Duration::from_hours(1),
            values: (0..28 * 24).map(of_hour).collect(),
        }
    }

    fn office(hour: usize) -> f64 {
        let (day, of_day) = (hour / 24 % 7, hour % 24);
        let is_busy = day < 5 && (8..18).contains(&of_day);
        let noise = (hour * 7_919 % 100) as f64;
        if is_busy {
            9_000.0 + noise
        } else {
            1_000.0 + noise
        }
    }

    #[test]
    fn every_kind_has_one_name() {
        for (kind, name) in KINDS {
            assert_eq!(name_of(kind), name);
        }
    }

    #[test]
    fn an_office_is_told_with_its_evidence_by_the_clock_of_the_place() {
        let input = hours(office);
        let found = pattern(&input, &Place::default(), None).unwrap();
        assert_eq!(found.kind, PatternKind::OfficeHours, "{found:?}");
        assert!(found.confidence > 0.9 && found.evidence.len() == 5);
        assert!(
            found
                .evidence
                .iter()
                .all(|one| one.fits >= found.confidence)
        );
        // The same eleven hours to the east is no office.
        let east = Place::new("Pacific/Noumea", &[]).unwrap();
        let shifted = pattern(&input, &east, None);
        assert_ne!(
            shifted.map(|found| found.kind),
            Some(PatternKind::OfficeHours)
        );
    }

    #[test]
    fn little_says_nothing() {
        let mut input = hours(office);
        input.values.truncate(70);
        assert_eq!(pattern(&input, &Place::default(), None), None);
        input.values.clear();
        assert_eq!(pattern(&input, &Place::default(), None), None);
    }
}
