//! The Numenta Anomaly Benchmark: scores that reward the first detection in a window, the more the earlier,
//! and take for each one outside (Lavin and Ahmad, "Evaluating Real-Time Anomaly Detection Algorithms: the
//! Numenta Anomaly Benchmark", IEEE ICMLA 2015; rules of version 1.1).

use crate::number::{count, whole};
use crate::read::{Table, json};
use anyhow::{Context as _, ensure};
use jiff::civil::DateTime;
use std::collections::BTreeMap;
use std::path::Path;

/// What each outcome weighs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// Of the first detection in a window.
    pub hit: f64,
    /// Of one that is outside of windows.
    pub false_alarm: f64,
    /// Of a window without any.
    pub miss: f64,
}

/// The three of the benchmark, by the names of its scores.
pub const PROFILES: [(&str, Profile); 3] = [
    (
        "standard",
        Profile {
            hit: 1.0,
            false_alarm: 0.11,
            miss: 1.0,
        },
    ),
    (
        "reward_low_FP",
        Profile {
            hit: 1.0,
            false_alarm: 0.22,
            miss: 1.0,
        },
    ),
    (
        "reward_low_FN",
        Profile {
            hit: 1.0,
            false_alarm: 0.11,
            miss: 2.0,
        },
    ),
];

/// The first rows of a file, in which a detector may learn and is not scored: this share of it,
const PROBATION_SHARE: f64 = 0.15;
/// and at most that share of so many rows.
const PROBATION_ROWS: f64 = 5_000.0;
/// A detection so many widths of a window behind it counts as wholly false.
const BEHIND_MAX: f64 = 3.0;

/// A row that is scored.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Row {
    /// How anomalous the detector calls it.
    score: f64,
    /// What a detection here is worth, -1 to 1, before the profile.
    worth: f64,
    /// The window that it is in.
    window: Option<usize>,
}

/// All rows of a set, and its windows.
#[derive(Debug, Default)]
pub struct Set {
    rows: Vec<Row>,
    windows: usize,
}

/// The score by one profile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// At the threshold that is best for this set: 100 is perfect, 0 what detecting nothing gets.
    pub best: f64,
    /// That threshold.
    pub threshold: f64,
}

impl Set {
    /// Reads answers beside the data and the windows.
    pub fn read(data: &Path, windows: &Path, answers: &Path) -> anyhow::Result<Self> {
        let windows: BTreeMap<String, Vec<(String, String)>> = json(windows)?;
        let mut set = Self::default();
        for (file, windows) in windows {
            let told = Table::read(&data.join(&file))?;
            let times = told.texts("timestamp")?;
            let times = times.into_iter().map(time).collect::<Result<Vec<_>, _>>();
            let times = times.with_context(|| file.clone())?;
            let answer = Table::read(&answers.join(&file))?;
            let scores = answer.numbers("anomaly_score")?;
            let (found, wanted) = (scores.len(), times.len());
            ensure!(
                found == wanted,
                "{file}: {found} rows are answered of {wanted}"
            );
            let place = |text: &str| {
                let at = time(text)?;
                let place = times.iter().position(|time| *time == at);
                place.with_context(|| format!("{file}: no row is of {text}"))
            };
            let mut spans = Vec::with_capacity(windows.len());
            for (begin, end) in &windows {
                spans.push((place(begin)?, place(end)?));
            }
            set.add(&scores, &spans)?;
        }
        Ok(set)
    }

    /// Adds a file: the score of each of its rows, and its windows as first and last row, in order.
    pub fn add(&mut self, scores: &[f64], windows: &[(usize, usize)]) -> anyhow::Result<()> {
        let probation = (PROBATION_SHARE * count(scores.len())).floor();
        let probation = whole(probation.min(PROBATION_SHARE * PROBATION_ROWS));
        let ordered = windows.windows(2).all(|two| two[0].1 < two[1].0);
        let inside = windows
            .iter()
            .all(|(begin, end)| begin <= end && *end < scores.len());
        ensure!(
            ordered && inside,
            "windows overlap or are none: {windows:?}"
        );
        for (at, score) in scores.iter().enumerate().skip(probation) {
            let before = windows.iter().rposition(|(begin, _)| *begin <= at);
            let (worth, window) = match before.map(|nth| (nth, windows[nth])) {
                None => (-1.0, None),
                Some((nth, (begin, end))) if at <= end => {
                    // From -1 at its first row to nearly 0 at its last.
                    let place = -count(end - at + 1) / count(end - begin + 1);
                    (sigmoid(place) / sigmoid(-1.0), Some(self.windows + nth))
                }
                Some((_, (begin, end))) => {
                    let behind = count(at - end) / count((end - begin).max(1));
                    (
                        if behind > BEHIND_MAX {
                            -1.0
                        } else {
                            sigmoid(behind)
                        },
                        None,
                    )
                }
            };
            // Nought of either sign is one score.
            let score = if score.is_nan() { 0.0 } else { score + 0.0 };
            self.rows.push(Row {
                score,
                worth,
                window,
            });
        }
        self.windows += windows.len();
        Ok(())
    }

    /// How many windows.
    pub fn windows(&self) -> usize {
        self.windows
    }

    /// How many rows are scored.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The score where rows from a threshold on are detections.
    pub fn at(&self, profile: Profile, threshold: f64) -> f64 {
        let steps = self.steps(profile);
        let reached = steps.partition_point(|(score, _)| *score >= threshold);
        let total = reached
            .checked_sub(1)
            .map_or_else(|| self.silent(profile), |last| steps[last].1);
        self.normal(profile, total)
    }

    /// The score at the best threshold; of equal ones the highest.
    pub fn best(&self, profile: Profile) -> Score {
        // Above every score: nothing is detected.
        let mut best = (1.1, self.silent(profile));
        for step in self.steps(profile) {
            if step.1 > best.1 {
                best = step;
            }
        }
        Score {
            best: self.normal(profile, best.1),
            threshold: best.0,
        }
    }

    /// The sum over all outcomes at each threshold that changes it, from the highest down.
    fn steps(&self, profile: Profile) -> Vec<(f64, f64)> {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_by(|a, b| b.score.total_cmp(&a.score));
        let mut total = self.silent(profile);
        // What each window brings: a miss, until something in it is detected.
        let mut brought = vec![-profile.miss; self.windows];
        let mut steps: Vec<(f64, f64)> = Vec::new();
        for equal in rows.chunk_by(|a, b| a.score.total_cmp(&b.score).is_eq()) {
            for row in equal {
                match row.window {
                    None => total += profile.false_alarm * row.worth,
                    Some(window) => {
                        let more = (profile.hit * row.worth).max(brought[window]);
                        total += more - brought[window];
                        brought[window] = more;
                    }
                }
            }
            steps.push((equal[0].score, total));
        }
        steps
    }

    /// The sum where nothing is detected.
    fn silent(&self, profile: Profile) -> f64 {
        let mut seen = vec![false; self.windows];
        for window in self.rows.iter().filter_map(|row| row.window) {
            seen[window] = true;
        }
        -profile.miss * count(seen.iter().filter(|seen| **seen).count())
    }

    fn normal(&self, profile: Profile, total: f64) -> f64 {
        let (silent, perfect) = (self.silent(profile), profile.hit * count(self.windows));
        100.0 * (total - silent) / (perfect - silent)
    }
}

/// From nearly 1 well before the end of a window over 0 at it to nearly -1 well behind.
fn sigmoid(place: f64) -> f64 {
    2.0 / (1.0 + (5.0 * place).exp()) - 1.0
}

fn time(text: &str) -> anyhow::Result<DateTime> {
    text.parse().with_context(|| format!("no time: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANDARD: Profile = PROFILES[0].1;

    /// 100 rows, of which the first 15 are not scored, with a window of ten from row 50.
    fn check(detected: &[usize], expected: f64) {
        let mut scores = vec![0.0; 100];
        for at in detected {
            scores[*at] = 1.0;
        }
        let mut set = Set::default();
        set.add(&scores, &[(50, 59)]).unwrap();
        let found = set.at(STANDARD, 0.5);
        assert!((found - expected).abs() < 1e-9, "{detected:?}: {found}");
    }

    #[test]
    fn a_detection_is_worth_what_the_paper_says() {
        // Nothing, and everything at the first moment.
        check(&[], 0.0);
        check(&[50], 100.0);
        // In probation nothing counts.
        check(&[3, 50], 100.0);
        // Of two in a window the first counts.
        check(&[50, 55], 100.0);
        // Half through the window: place -0.5.
        let worth = (2.0 / (1.0 + (-2.5_f64).exp()) - 1.0) / (2.0 / (1.0 + (-5.0_f64).exp()) - 1.0);
        check(&[55], 50.0 * (worth + 1.0));
        // Far before the window and far behind it each costs 0.11 of a window.
        check(&[20, 50], 50.0 * (2.0 - 0.11));
        check(&[50, 95], 50.0 * (2.0 - 0.11));
        // One width behind it: nearly all of that.
        let behind = 2.0 / (1.0 + 5.0_f64.exp()) - 1.0;
        check(&[50, 68], 50.0 * (2.0 + 0.11 * behind));
    }

    #[test]
    fn the_best_threshold_is_found() {
        let mut scores = vec![0.0; 100];
        (scores[50], scores[20], scores[55]) = (0.7, 0.6, 0.9);
        let mut set = Set::default();
        set.add(&scores, &[(50, 59)]).unwrap();
        let best = set.best(STANDARD);
        assert!((best.best - 100.0).abs() < 1e-9 && (best.threshold - 0.7).abs() < 1e-12);
        assert!(set.at(STANDARD, 0.65) > set.at(STANDARD, 0.6));
    }

    #[test]
    fn windows_that_overlap_are_refused() {
        let mut set = Set::default();
        assert!(set.add(&[0.0; 9], &[(1, 4), (3, 6)]).is_err());
        assert!(set.add(&[0.0; 9], &[(7, 9)]).is_err());
    }
}
