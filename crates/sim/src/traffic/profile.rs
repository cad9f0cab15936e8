//! How traffic goes by hour and weekday, as shares of a week.

use serde::Serialize;

/// Levels of halving that the profile's tables cover: 4,096 parts of two and a half minutes. Within
/// one, traffic is level but for chance.
pub(super) const TABLE_LEVELS: u32 = 12;
const CELLS: usize = 1 << TABLE_LEVELS;
const HOURS: usize = 168;

/// Whose traffic it is, which decides when it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// People at work: weekdays from eight to six.
    Office,
    /// People at home: evenings, and weekends more than weekdays.
    Home,
    /// Machines: nearly level, a little more by day.
    Steady,
    /// Copies and reports: a few hours of each night.
    Night,
}

impl Class {
    pub(crate) const ALL: [Self; 4] = [Self::Office, Self::Home, Self::Steady, Self::Night];

    /// By hour of a working day; what a day of the weekend is of it.
    fn shape(self) -> ([f64; 24], [f64; 2]) {
        match self {
            Self::Office => (
                [
                    0.08, 0.07, 0.07, 0.07, 0.08, 0.10, 0.18, 0.42, 0.78, 0.95, 1.00, 0.98, 0.80,
                    0.88, 1.00, 0.97, 0.86, 0.62, 0.38, 0.26, 0.20, 0.16, 0.12, 0.10,
                ],
                [0.22, 0.18],
            ),
            Self::Home => (
                [
                    0.36, 0.24, 0.17, 0.14, 0.13, 0.15, 0.22, 0.32, 0.38, 0.42, 0.45, 0.48, 0.52,
                    0.52, 0.52, 0.55, 0.62, 0.72, 0.82, 0.92, 1.00, 0.98, 0.82, 0.58,
                ],
                [1.12, 1.18],
            ),
            Self::Steady => (
                [
                    0.72, 0.70, 0.68, 0.68, 0.69, 0.71, 0.76, 0.83, 0.90, 0.96, 0.99, 1.00, 0.98,
                    0.98, 0.99, 0.98, 0.95, 0.91, 0.87, 0.85, 0.83, 0.80, 0.77, 0.74,
                ],
                [0.86, 0.84],
            ),
            Self::Night => (
                [
                    0.45, 0.95, 1.00, 0.90, 0.55, 0.15, 0.05, 0.04, 0.04, 0.04, 0.04, 0.04, 0.05,
                    0.04, 0.04, 0.04, 0.04, 0.04, 0.05, 0.05, 0.06, 0.08, 0.16, 0.28,
                ],
                [1.35, 0.80],
            ),
        }
    }
}

/// A profile, ready to be asked.
pub(super) struct Profile {
    /// By hour of the week, with a mean of 1.
    hours: Vec<f64>,
    /// By node of the tree of halvings, from 1: the share of the left half.
    left: Vec<f64>,
}

impl Profile {
    pub(super) fn new(class: Class) -> Self {
        let (day, weekend) = class.shape();
        let [saturday, sunday] = weekend;
        let factors = [1.0, 1.0, 1.0, 1.0, 0.95, saturday, sunday];
        let hours: Vec<f64> = factors
            .iter()
            .flat_map(|factor| day.iter().map(move |hour| hour * factor))
            .collect();
        let mean = hours.iter().sum::<f64>() / HOURS as f64;
        let mut profile = Self {
            hours: hours.iter().map(|hour| hour / mean).collect(),
            left: Vec::new(),
        };
        profile.left = profile.shares();
        profile
    }

    /// How many times the mean of the week, at this part of it (0 to below 1).
    pub(super) fn density(&self, part: f64) -> f64 {
        // Hours are told at their middle, and joined by straight lines.
        let place = part * HOURS as f64 - 0.5 + HOURS as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive, and less than two weeks of hours"
        )]
        let hour = place as usize;
        let between = place - hour as f64;
        let value = |hour: usize| self.hours.get(hour % HOURS).copied().unwrap_or(1.0);
        value(hour) * (1.0 - between) + value(hour + 1) * between
    }

    /// The density of the busiest hour.
    pub(super) fn peak(&self) -> f64 {
        self.hours.iter().copied().fold(0.0, f64::max)
    }

    /// The left half's share of the volume of a node.
    pub(super) fn left_share(&self, node: u64) -> f64 {
        usize::try_from(node)
            .ok()
            .and_then(|node| self.left.get(node))
            .copied()
            .unwrap_or(0.5)
    }

    fn shares(&self) -> Vec<f64> {
        // The volumes of all nodes, the leaves at the end; each node is the sum of its halves.
        let mut volumes = vec![0.0; 2 * CELLS];
        for (cell, volume) in volumes.iter_mut().skip(CELLS).enumerate() {
            *volume = self.density((cell as f64 + 0.5) / CELLS as f64);
        }
        let at = |volumes: &[f64], node: usize| volumes.get(node).copied().unwrap_or(0.0);
        let mut left = vec![0.5; CELLS];
        for node in (1..CELLS).rev() {
            let (a, b) = (at(&volumes, 2 * node), at(&volumes, 2 * node + 1));
            if let Some(volume) = volumes.get_mut(node) {
                *volume = a + b;
            }
            if let Some(share) = left.get_mut(node) {
                *share = a / (a + b);
            }
        }
        left
    }
}
