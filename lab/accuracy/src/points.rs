//! How well scores tell anomalous points from others, at all thresholds: the volume under the surface of
//! precision and recall, and what points alone give.
//!
//! Labels are widened by a buffer whose worth falls off to both sides, and a stretch counts for recall only as
//! far as it was found: so a few samples of lag cost little, and one lucky point in a long stretch brings
//! little (Paparrizos, Boniol, Palpanas, Tsay, Elmore and Franklin, "Volume Under the Surface: a New Accuracy
//! Evaluation Measure for Time-Series Anomaly Detection", PVLDB 15, 2022). Precision and recall without
//! adjusting points: Kim, Choi, Choi, Lee and Yoon, "Towards a Rigorous Evaluation of Time-Series Anomaly
//! Detection", AAAI 2022, on why adjusted ones say nothing.

use crate::number::{count, f1, mean, runs, whole};

/// Thresholds of the published code, at equal steps of rank.
const THRESHOLDS: usize = 250;
/// Further ones, at equal ratios of rank: near the top, where alarms are, equal steps of a long series have
/// nearly none.
const THRESHOLDS_TOP: usize = 400;

/// Which thresholds are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thresholds {
    /// Those of the published code.
    Even,
    /// Those, and more near the top.
    Dense,
}

/// Precision and recall of points, without a buffer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Points {
    /// The area under precision over recall, as steps (average precision).
    pub area: f64,
    /// The best harmonic mean of both.
    pub best_f1: f64,
}

/// Of labels and scores of the same length.
pub fn points(labels: &[bool], scores: &[f64]) -> Points {
    let order = descending(scores);
    let all = count(labels.iter().filter(|label| **label).count());
    let (mut found, mut taken, mut before) = (0.0, 0.0, 0.0);
    let mut points = Points {
        area: 0.0,
        best_f1: 0.0,
    };
    for equal in order.chunk_by(|a, b| scores[*a].total_cmp(&scores[*b]).is_eq()) {
        taken += count(equal.len());
        found += count(equal.iter().filter(|at| labels[**at]).count());
        let (precision, recall) = (found / taken, found / all.max(1.0));
        points.area += (recall - before) * precision;
        points.best_f1 = points.best_f1.max(f1(precision, recall));
        before = recall;
    }
    points
}

/// The volume: the mean area over buffers of none to so many samples.
pub fn volume(labels: &[bool], scores: &[f64], buffer: usize, which: Thresholds) -> f64 {
    let order = descending(scores);
    let thresholds: Vec<f64> = ranks(scores.len(), which)
        .into_iter()
        .map(|rank| scores[order[rank]])
        .collect();
    // How many points each threshold takes.
    let taken: Vec<usize> = thresholds
        .iter()
        .map(|threshold| order.partition_point(|at| scores[*at] >= *threshold))
        .collect();
    let stretches = runs(labels.iter().copied());
    let areas: Vec<f64> = (0..=buffer)
        .map(|buffer| {
            let worth = widened(labels, &stretches, buffer);
            area(labels, scores, &worth, &order, &thresholds, &taken)
        })
        .collect();
    mean(&areas)
}

/// The area under precision over recall, both of worth.
fn area(
    labels: &[bool],
    scores: &[f64],
    worth: &[f64],
    order: &[usize],
    thresholds: &[f64],
    taken: &[usize],
) -> f64 {
    let labelled = count(labels.iter().filter(|label| **label).count());
    // Up to each rank: the worth that was found, and what of it is buffer.
    let (mut found, mut buffered) = (vec![0.0], vec![0.0]);
    let (mut sum, mut outside) = (0.0, 0.0);
    for &at in order {
        sum += worth[at];
        outside += if labels[at] { 0.0 } else { worth[at] };
        found.push(sum);
        buffered.push(outside);
    }
    let mut highest: Vec<f64> = runs(worth.iter().map(|worth| *worth > 0.0))
        .into_iter()
        .map(|(first, last)| {
            scores[first..=last]
                .iter()
                .copied()
                .fold(f64::NEG_INFINITY, f64::max)
        })
        .collect();
    highest.sort_by(|a, b| b.total_cmp(a));
    let (mut area, mut before) = (0.0, 0.0);
    for (threshold, &taken) in thresholds.iter().zip(taken) {
        let touched = highest.partition_point(|highest| highest >= threshold);
        let existence = count(touched) / count(highest.len());
        // The buffer counts as labelled only where it was taken, and by half.
        let of = labelled + buffered[taken] / 2.0;
        let recall = (found[taken] / of).min(1.0) * existence;
        let precision = found[taken] / count(taken.max(1));
        area += (recall - before) * precision;
        before = recall;
    }
    area
}

/// What each point is worth: 1 where labelled, less beside it to half the buffer, 0 beyond.
fn widened(labels: &[bool], stretches: &[(usize, usize)], buffer: usize) -> Vec<f64> {
    let mut worth: Vec<f64> = labels.iter().map(|label| f64::from(*label)).collect();
    for &(first, last) in stretches {
        for away in 1..=buffer / 2 {
            let more = (1.0 - count(away) / count(buffer)).sqrt();
            let sides = [first.checked_sub(away), Some(last + away)];
            for side in sides.into_iter().flatten() {
                if let Some(worth) = worth.get_mut(side) {
                    *worth += more;
                }
            }
        }
    }
    for worth in &mut worth {
        *worth = worth.min(1.0);
    }
    worth
}

/// The ranks whose scores are thresholds, ascending.
fn ranks(points: usize, which: Thresholds) -> Vec<usize> {
    let Some(last) = points.checked_sub(1) else {
        return Vec::new();
    };
    let step = count(last) / count(THRESHOLDS - 1);
    let mut ranks: Vec<usize> = (0..THRESHOLDS - 1)
        .map(|nth| whole(count(nth) * step))
        .collect();
    ranks.push(last);
    if which == Thresholds::Dense && last > 0 {
        let step = count(last).log10() / count(THRESHOLDS_TOP - 1);
        ranks.extend((1..THRESHOLDS_TOP - 1).map(|nth| whole(10_f64.powf(count(nth) * step))));
        ranks.push(1);
        ranks.sort_unstable();
        ranks.dedup();
    }
    ranks
}

/// Places from the highest score down; of equal ones the earlier first.
fn descending(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Vec<bool> {
        text.bytes().map(|octet| octet == b'#').collect()
    }

    #[test]
    fn a_perfect_score_is_one_and_a_constant_one_is_the_share() {
        let labels = labels("..........####......");
        let perfect: Vec<f64> = labels.iter().map(|label| f64::from(*label)).collect();
        assert!((points(&labels, &perfect).area - 1.0).abs() < 1e-12);
        assert!((points(&labels, &perfect).best_f1 - 1.0).abs() < 1e-12);
        let even = points(&labels, &[0.5; 20]);
        assert!((even.area - 0.2).abs() < 1e-12);
        // Taken whole: precision 0.2, recall 1.
        assert!((even.best_f1 - 1.0 / 3.0).abs() < 1e-12);
        let none = volume(&labels, &perfect, 0, Thresholds::Dense);
        assert!((none - 1.0).abs() < 1e-12, "{none}");
    }

    #[test]
    fn average_precision_is_that_of_hand() {
        // In order of score: hit, other, hit.
        let found = points(&labels("#.#."), &[0.9, 0.8, 0.7, 0.1]);
        assert!((found.area - (0.5 + 0.5 * 2.0 / 3.0)).abs() < 1e-12);
        assert!((found.best_f1 - 0.8).abs() < 1e-12);
    }

    #[test]
    fn a_buffer_forgives_a_sample_of_lag() {
        let labels = labels("..........#.........");
        let mut late = vec![0.0; 20];
        late[11] = 1.0;
        let [sharp, soft] = [0, 4].map(|buffer| volume(&labels, &late, buffer, Thresholds::Even));
        // Without a buffer a threshold that takes all is what is left.
        assert!((sharp - 0.05).abs() < 1e-12, "{sharp}");
        assert!(soft > 0.3, "{soft}");
        assert_eq!(
            widened(&labels, &[(10, 10)], 4)[7..13],
            [
                0.0,
                0.5_f64.sqrt(),
                0.75_f64.sqrt(),
                1.0,
                0.75_f64.sqrt(),
                0.5_f64.sqrt()
            ]
        );
    }

    #[test]
    fn few_points_have_thresholds() {
        assert!(ranks(0, Thresholds::Dense).is_empty());
        assert_eq!(ranks(1, Thresholds::Dense).last(), Some(&0));
        assert_eq!(ranks(3, Thresholds::Dense), [0, 1, 2]);
        assert!(volume(&[true], &[1.0], 2, Thresholds::Dense).is_finite());
    }
}
