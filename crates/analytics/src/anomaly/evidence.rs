//! What speaks for an anomaly: how far a sample and the last samples lie from what is expected, how much they move,
//! and how long one value is repeated; each as rare as this series makes it.

use super::expect::{Expectation, Expected};
use super::saved::Field;
use super::tail::Tail;
use super::{Kind, quantised};

/// Samples before anything is out of the ordinary.
pub(super) const WARM: f32 = 30.0;
/// Samples over which distances are forgotten.
const FORGET: f32 = 200.0;
/// How far a distance may lie from its mean, as a multiple, and be learned as it is.
const CLIP: f32 = 5.0;
/// From a mean distance to a standard deviation, of what is normally distributed.
const DEVIATION: f32 = 1.2533;
/// The least distance, as a part of the size of values and of logarithms.
const LEAST: f32 = 1e-4;
const LEAST_OF_LOG: f32 = 0.01;
/// Logarithms begin at this part of the size of values.
const LINEAR: f32 = 0.05;
/// Visits over which an hour's width is learned, and its least.
const HOUR_VISITS: f32 = 10.0;
const WIDTH_MIN: f32 = 0.3;
const WIDTH_ONE: f32 = 4_096.0;
/// Repeats are counted over so many samples; long runs, of over so many, over so many.
const REPEATS_OVER: f32 = 500.0;
const LONG: f32 = 3.0;
const LONGS_OVER: f32 = 2_000.0;
/// What each further repeat adds to how rare a long run is, up to so many.
const RUN: f32 = 0.08;
const RUN_MAX: f32 = 30.0;
/// How many times longer than the longest usual hold a value must be held to be a flat line, where samples come
/// closer than they did; over how many seconds that is forgotten, and how much longer than the usual a hold may be and be learned as it is.
const HOLDS: f32 = 2.0;
const HOLD_FORGET: f32 = 14.0 * 86_400.0;
const HOLD_CLIP: f32 = 3.0;
/// That many times shorter than of late is a step at which a value is repeated more often for that alone.
const FINER: f32 = 2.0;
/// How fast the band follows the samples that lie outside it, of which there shall be this part.
const FOLLOW: f32 = 0.02;
const OUTSIDE: f32 = 0.05;

/// What the rareness of each figure counts: means of samples that one figure already told of count less.
const WEIGHTS: [f32; 6] = [1.0, 1.0, 0.85, 1.0, 1.0, 1.0];

/// What was learned of how a series moves about what is expected.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Evidence {
    /// Mean distances: from what is expected at once, and slowly, and at once of logarithms.
    spread: [f32; 3],
    /// How much wider each hour of the day is than all.
    hours: [u16; 24],
    /// The mean size of values.
    pub(super) size: f32,
    previous: f32,
    /// How often the value was repeated, repeats of late, and long runs.
    run: f32,
    repeats: f32,
    longs: f32,
    /// Seconds since the value changed, the longest of late from one change to the next, and the longest step.
    held: f32,
    holds: f32,
    coarsest: f32,
    /// Means of the last samples: distance over 3, movement over 6 and of logarithms, distance over 40.
    means: [f32; 4],
    /// How rare the last jump was, sinking.
    jolt: f32,
    /// Half the band, in deviations: at once, and slowly.
    bands: [f32; 2],
    tails: [Tail; 6],
}

impl Default for Evidence {
    fn default() -> Self {
        Self {
            spread: [0.0; 3],
            hours: [4_096; 24],
            size: 0.0,
            previous: 0.0,
            run: 0.0,
            repeats: 0.0,
            longs: 0.0,
            held: 0.0,
            holds: 0.0,
            coarsest: 0.0,
            means: [0.0; 4],
            jolt: 0.0,
            bands: [2.0; 2],
            tails: [2.0, 2.0, 1.5, 1.0, 2.0, 1.0].map(Tail::new),
        }
    }
}

/// What is said of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Finding {
    /// In decimal digits.
    pub(super) rareness: f32,
    pub(super) kind: Kind,
    /// Standard deviations from what is slowly expected are about this.
    pub(super) deviation: f32,
}

impl Evidence {
    /// Weighs a sample against what was expected, and learns from it. `hour` since the epoch, `seen` samples
    /// before, `secs` after the last, where `step` is usual. O(1).
    pub(super) fn weigh(
        &mut self,
        value: f32,
        expected: &Expected,
        of: &Expectation,
        (hour, seen, secs, step): (i64, f32, f32, f32),
    ) -> Finding {
        let least = self.least();
        let wide = self.width(hour);
        let fast = (self.spread[0] * wide).max(least) * DEVIATION;
        let slow = (self.spread[1] * wide).max(least) * DEVIATION;
        let log = |value: f32| (value / (self.size * LINEAR).max(least)).asinh();
        let logs = log(value) - log(expected.fast);
        let log_scale = self.spread[2].max(LEAST_OF_LOG) * DEVIATION;
        let (left_fast, left_slow) = (value - expected.fast, value - expected.slow);
        let (at_once, slowly, in_logs) = (left_fast / fast, left_slow / slow, logs / log_scale);
        for (mean, figure, over) in [
            (0, slowly.clamp(-8.0, 8.0), 3.0),
            (1, at_once.abs().min(6.0), 6.0),
            (2, in_logs.abs().min(6.0), 6.0),
            (3, slowly.clamp(-4.0, 4.0), 40.0),
        ] {
            if let Some(mean) = self.means.get_mut(mean) {
                *mean += (figure - *mean) / over;
            }
        }
        let [near, moved, moved_in_logs, far] = self.means;
        let figures = [
            at_once.abs(),
            in_logs.abs(),
            near.abs(),
            moved,
            moved_in_logs,
            far.abs(),
        ];
        let mut rareness = [0.0; 7];
        let by_figure = self.tails.iter_mut().zip(figures).zip(WEIGHTS);
        for (((tail, figure), weight), rare) in by_figure.zip(&mut rareness) {
            *rare = tail.rareness(figure) * weight;
            tail.learn(figure, seen);
        }
        rareness[6] = self.repeated(value, seen, (secs, step));
        self.jolt = (self.jolt * 0.9).max(rareness[0].min(9.0));
        let (which, most) =
            rareness
                .iter()
                .enumerate()
                .fold(
                    (0, 0.0),
                    |most: (usize, f32), (which, &rare)| {
                        if rare > most.1 { (which, rare) } else { most }
                    },
                );
        let kind = match which {
            0 | 1 if near.abs() < 3.0 || slowly.abs() < 3.0 || near * slowly < 0.0 => {
                one_of(left_fast > 0.0)
            }
            0 | 1 if self.jolt >= 2.0 && rareness[0] >= 2.0 => one_of(left_fast > 0.0),
            3 | 4 => Kind::Variance,
            6 => Kind::FlatLine,
            _ if is_of_another_hour(value, slow, of) => Kind::Pattern,
            _ if self.jolt < 2.0 => Kind::Drift,
            _ => Kind::Level,
        };
        self.learn(
            [left_fast.abs(), left_slow.abs(), logs.abs()],
            (hour, wide, seen, secs),
        );
        for (band, off) in self.bands.iter_mut().zip([at_once, slowly]) {
            let is_outside = f32::from(u8::from(off.abs() > *band));
            *band = (*band * (1.0 + FOLLOW * (is_outside - OUTSIDE))).clamp(0.5, 20.0);
        }
        self.size += (value.abs() - self.size) / (seen + 1.0).min(300.0);
        Finding {
            rareness: if seen >= WARM && most.is_finite() {
                most
            } else {
                0.0
            },
            kind,
            deviation: (self.spread[1] * wide).max(0.0) * DEVIATION,
        }
    }

    /// The first value, with which nothing can be compared.
    pub(super) fn begin(&mut self, value: f32) {
        (self.size, self.previous) = (value.abs(), value);
    }

    /// After a gap: the last samples are not the last any more.
    pub(super) fn resume(&mut self) {
        self.means = [0.0, 0.8, 0.8, self.means[3]];
        (self.run, self.held) = (0.0, 0.0);
    }

    /// Half the band at an hour, in units of the series: of what is expected at once, and slowly.
    pub(super) fn halves(&self, hour: i64) -> [f32; 2] {
        let (wide, least) = (self.width(hour), self.least());
        let half = |spread: f32, band: f32| (spread * wide).max(least) * DEVIATION * band;
        [
            half(self.spread[0], self.bands[0]),
            half(self.spread[1], self.bands[1]),
        ]
    }

    fn least(&self) -> f32 {
        (self.size * LEAST).max(1e-18)
    }

    fn width(&self, hour: i64) -> f32 {
        let of = self.hours.get(of_day(hour)).copied().unwrap_or(4_096);
        (f32::from(of) / WIDTH_ONE).max(WIDTH_MIN)
    }

    /// How rare it is that a value is repeated so often: by how often values are, and how often runs are long. One
    /// that is measured more often than before is repeated more often for that alone: there it must be held longer,
    /// too.
    fn repeated(&mut self, value: f32, seen: f32, (secs, step): (f32, f32)) -> f32 {
        let is_same = (value - self.previous).abs() <= 1e-6 * value.abs();
        self.previous = value;
        self.held = (self.held + secs).min(1e9);
        self.holds *= 1.0 - (secs / HOLD_FORGET).min(1.0);
        self.run = if is_same {
            (self.run + 1.0).min(1e6)
        } else {
            let most = (self.holds * HOLD_CLIP).max(LONG * secs);
            self.holds = self.holds.max(self.held.min(most));
            self.held = 0.0;
            0.0
        };
        self.coarsest = step.max(self.coarsest * (1.0 - (secs / HOLD_FORGET).min(1.0)));
        let is_finer = self.coarsest > FINER * secs;
        self.longs = (self.longs
            + f32::from(u8::from(
                is_same && self.run <= LONG && self.run > LONG - 1.0,
            )))
            * if seen > LONGS_OVER {
                1.0 - 1.0 / LONGS_OVER
            } else {
                1.0
            };
        let part = ((self.repeats + 2.0) / (seen.min(REPEATS_OVER) + 4.0)).min(0.999);
        self.repeats = self.repeats
            * if seen > REPEATS_OVER {
                1.0 - 1.0 / REPEATS_OVER
            } else {
                1.0
            }
            + f32::from(u8::from(is_same && self.run <= LONG));
        let of_runs = -((self.longs + 0.3) / (seen.min(LONGS_OVER) + 2.0))
            .min(1.0)
            .log10();
        let rareness =
            (self.run * -part.log10()).min(of_runs * (1.0 + RUN * self.run.min(RUN_MAX)));
        if is_finer && self.held <= HOLDS * self.holds {
            0.0
        } else {
            rareness
        }
    }

    fn learn(&mut self, distances: [f32; 3], (hour, wide, seen, secs): (i64, f32, f32, f32)) {
        let pace = 1.0 / seen.clamp(1.0, FORGET);
        let [fast, slow, logs] = distances;
        for (spread, distance) in self.spread.iter_mut().zip([fast / wide, slow / wide, logs]) {
            let most = if seen > WARM {
                (*spread * CLIP).max(1e-9)
            } else {
                f32::MAX
            };
            *spread += (distance.min(most) - *spread) * pace;
        }
        let ratio = (fast / self.spread[0].max(self.least())).min(CLIP);
        let per_hour = (3_600.0 / secs).clamp(1.0, 60.0);
        if let Some(hour) = self.hours.get_mut(of_day(hour)) {
            let width = f32::from(*hour) / WIDTH_ONE;
            let width = width + (ratio - width) / (per_hour * HOUR_VISITS);
            *hour = quantised(width * WIDTH_ONE);
        }
    }

    pub(super) fn walk(&mut self, field: &mut impl Field) {
        for value in self
            .spread
            .iter_mut()
            .chain(&mut self.means)
            .chain(&mut self.bands)
        {
            field.f32(value);
        }
        for hour in &mut self.hours {
            field.u16(hour);
        }
        for value in [
            &mut self.size,
            &mut self.previous,
            &mut self.run,
            &mut self.repeats,
            &mut self.longs,
            &mut self.held,
            &mut self.holds,
            &mut self.coarsest,
            &mut self.jolt,
        ] {
            field.f32(value);
        }
        for tail in &mut self.tails {
            tail.walk(field);
        }
    }
}

fn one_of(is_above: bool) -> Kind {
    if is_above { Kind::Spike } else { Kind::Dip }
}

/// Whether a value that is far from what is expected now is what is expected at another hour, of a series whose
/// hours differ by much more than it moves.
fn is_of_another_hour(value: f32, deviation: f32, of: &Expectation) -> bool {
    of.day_range().is_some_and(|(least, most)| {
        most - least > 8.0 * deviation && value > least - deviation && value < most + deviation
    })
}

fn of_day(hour: i64) -> usize {
    usize::try_from(hour.rem_euclid(24)).unwrap_or(0)
}
