//! Forecasts held against what came true, for each lead; what is long ago counts less.

use super::input::Input;
use model::Timestamp;
use model::forecast::{Course, Lead, Score, Waiting};
use std::time::Duration;

/// After so many values each counts half: thirty days of hours.
const HALF_AFTER: f64 = 720.0;
/// Pieces that wait at most: of a lead of an hour and of a day one each, of a week one for each day, and some
/// more where forecasts are made more often than daily.
pub const WAITING_MAX: usize = 16;
/// The day, in hours: what was a day before is what a forecast is compared to.
const DAY: usize = 24;

/// A value that was forecast and has come, or has not been measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Came {
    /// How long before.
    pub lead: Lead,
    /// When its hour begins.
    pub at: Timestamp,
    /// What was expected.
    pub median: f64,
    /// The bounds of 95 %.
    pub band: (f64, f64),
}

/// The mean change from one day to the next, or from hour to hour where there are no two days: what errors are
/// held against. None where it is nothing.
pub fn scale(values: &[f64]) -> Option<f64> {
    let lag = if values.len() >= 2 * DAY { DAY } else { 1 };
    let (mut sum, mut count) = (0.0, 0.0);
    for (before, after) in values.iter().zip(values.iter().skip(lag)) {
        let change = (after - before).abs();
        if change.is_finite() {
            sum += change;
            count += 1.0;
        }
    }
    Some(sum / count).filter(|scale: &f64| *scale > 0.0 && scale.is_finite())
}

/// The pieces of a course of hours that wait for their time.
pub fn pieces(from: Timestamp, course: &Course) -> Vec<Waiting> {
    let piece = |lead: Lead| {
        let (first, end) = lead.hours();
        let part = course.part(first, end);
        let hours = Duration::from_hours(first as u64);
        (!part.median.is_empty()).then(|| Waiting {
            lead,
            from: from.plus(hours),
            course: part,
        })
    };
    Lead::ALL.into_iter().filter_map(piece).collect()
}

/// Takes out of what waits all whose time is over by the end of what is known, scores it, and says what it was.
/// A later forecast of the same lead takes the place of an earlier one from its beginning on.
pub fn settle(
    waiting: &mut Vec<Waiting>,
    scores: &mut Vec<Score>,
    known: &Input,
    is_backcast: bool,
) -> Vec<Came> {
    let scale = scale(&known.values);
    let end = known.to();
    let mut came = Vec::new();
    for piece in waiting.iter_mut() {
        let steps = end.since(piece.from).as_millis() / known.step.as_millis().max(1);
        let over = usize::try_from(steps).unwrap_or(usize::MAX);
        let over = over.min(piece.course.median.len());
        for at in 0..over {
            let begin = piece
                .from
                .plus(known.step * u32::try_from(at).unwrap_or(u32::MAX));
            let number = |all: &[f64]| all.get(at).copied().unwrap_or(f64::NAN);
            let one = Came {
                lead: piece.lead,
                at: begin,
                median: number(&piece.course.median),
                band: (number(&piece.course.lower95), number(&piece.course.upper95)),
            };
            came.push(one);
            if let Some(value) = known.at(begin) {
                add(scores, one, value, (scale, is_backcast));
            }
        }
        piece.course = piece.course.part(over, usize::MAX);
        piece.from = piece
            .from
            .plus(known.step * u32::try_from(over).unwrap_or(u32::MAX));
    }
    waiting.retain(|piece| !piece.course.median.is_empty());
    came
}

/// Adds pieces of a new forecast to those that wait, in the place of what an earlier one says of the same hours at
/// the same lead.
pub fn wait_for(waiting: &mut Vec<Waiting>, new: Vec<Waiting>) {
    for piece in new {
        for before in waiting.iter_mut().filter(|one| one.lead == piece.lead) {
            let hours = piece.from.since(before.from).as_secs() / 3_600;
            let keep = usize::try_from(hours).unwrap_or(usize::MAX);
            before.course = before.course.part(0, keep);
        }
        waiting.push(piece);
    }
    waiting.retain(|piece| !piece.course.median.is_empty());
    let over = waiting.len().saturating_sub(WAITING_MAX);
    waiting.drain(..over);
}

fn add(scores: &mut Vec<Score>, came: Came, value: f64, (scale, is_backcast): (Option<f64>, bool)) {
    let place = scores.iter().position(|score| score.lead == came.lead);
    let place = place.unwrap_or_else(|| {
        scores.push(Score::new(came.lead));
        scores.len() - 1
    });
    let Some(score) = scores.get_mut(place) else {
        return;
    };
    let keep = 0.5f64.powf(1.0 / HALF_AFTER);
    score.inside *= keep;
    score.weight = score.weight * keep + 1.0;
    if (came.band.0..=came.band.1).contains(&value) {
        score.inside += 1.0;
    }
    let error = scale.map(|scale| (value - came.median).abs() / scale);
    if let Some(error) = error.filter(|error| error.is_finite()) {
        score.error = score.error * keep + error;
        score.scaled = score.scaled * keep + 1.0;
    }
    score.count += 1;
    score.backcast += u64::from(is_backcast);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: u64) -> Timestamp {
        Timestamp::from_unix_ms(0).plus(Duration::from_hours(hours))
    }

    fn known(hours: usize) -> Input {
        let value = |hour: usize| if hour.is_multiple_of(2) { 10.0 } else { 20.0 };
        Input {
            from: at(0),
            step: Duration::from_hours(1),
            values: (0..hours).map(value).collect(),
        }
    }

    fn flat(hours: usize, value: f64) -> Course {
        Course {
            median: vec![value; hours],
            lower80: vec![value - 1.0; hours],
            upper80: vec![value + 1.0; hours],
            lower95: vec![value - 2.0; hours],
            upper95: vec![value + 2.0; hours],
        }
    }

    #[test]
    fn what_came_is_scored_once_and_the_rest_waits_on() {
        let mut waiting = Vec::new();
        wait_for(&mut waiting, pieces(at(30), &flat(168, 10.0)));
        assert_eq!(waiting.len(), 3);
        let mut scores = Vec::new();
        // Of the day 10 hours are over, half of them as forecast; the change from hour to hour is 10.
        let came = settle(&mut waiting, &mut scores, &known(40), false);
        assert_eq!(came.len(), 11);
        let day = scores.iter().find(|score| score.lead == Lead::Day).unwrap();
        let accuracy = day.accuracy();
        assert_eq!((accuracy.count, accuracy.backcast), (10, 0));
        assert!((accuracy.mase.unwrap() - 0.5).abs() < 0.01, "{accuracy:?}");
        assert!((accuracy.coverage.unwrap() - 0.5).abs() < 0.01);
        assert!(settle(&mut waiting, &mut scores, &known(40), false).is_empty());
        let leads: Vec<_> = waiting
            .iter()
            .map(|one| (one.lead, one.course.median.len()))
            .collect();
        assert_eq!(leads, [(Lead::Day, 14), (Lead::Week, 24)]);
        // What is never measured is not scored, and waits no longer.
        let mut gap = known(400);
        gap.values[40..].fill(f64::NAN);
        settle(&mut waiting, &mut scores, &gap, false);
        assert!(waiting.is_empty());
        assert_eq!(scores.iter().map(|score| score.count).sum::<u64>(), 11);
    }

    #[test]
    fn a_later_forecast_takes_the_place_of_an_earlier_one() {
        let mut waiting = Vec::new();
        wait_for(&mut waiting, pieces(at(0), &flat(168, 1.0)));
        wait_for(&mut waiting, pieces(at(6), &flat(168, 2.0)));
        let days: Vec<_> = waiting.iter().filter(|one| one.lead == Lead::Day).collect();
        assert_eq!(days[0].course.median, [1.0; 6]);
        assert_eq!(days[1].course.median, [2.0; 24]);
        for n in 0..100 {
            wait_for(&mut waiting, pieces(at(24 * n), &flat(168, 1.0)));
            assert!(waiting.len() <= WAITING_MAX);
        }
    }

    #[test]
    fn nothing_is_scaled_by_nothing() {
        assert_eq!(scale(&[]), None);
        assert_eq!(scale(&[1.0]), None);
        assert_eq!(scale(&[5.0; 100]), None);
        assert_eq!(scale(&[f64::NAN; 100]), None);
        let mut scores = Vec::new();
        let mut waiting = pieces(at(10), &flat(24, 7.0));
        let mut flat = known(40);
        flat.values.fill(7.0);
        settle(&mut waiting, &mut scores, &flat, true);
        let day = scores[1].accuracy();
        assert_eq!(
            (day.mase, day.coverage, day.count, day.backcast),
            (None, Some(1.0), 24, 24)
        );
    }
}
