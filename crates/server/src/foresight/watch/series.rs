//! One series: what its detector is given, and when an anomaly begins, goes on and ends. Pure.

use analytics::anomaly::{self, Detector, Kind, Options, Verdict};
use model::foresight::{Anomaly, AnomalyKind, THRESHOLD};
use model::metric::Kind as MetricKind;
use model::{Metric, Value};
use store::series::increase;

/// What finds anomalies, as its findings are signed.
pub const MODEL: &str = "streaming";
/// Its version: another where the same samples would be judged otherwise.
pub const MODEL_VERSION: u32 = 1;

/// How long a series is learned before it may alarm: a day, for its hours differ.
const LEARNING_MS: i64 = 24 * 3_600_000;
/// Samples that are learned before it may alarm, of one that is rarely measured.
const LEARNING_SAMPLES: u64 = 96;
/// Samples in a row that are calm before an anomaly is over: one between two that are not is none.
const CALM_SAMPLES: u8 = 3;
/// Share of the threshold below which a sample is calm: an anomaly ends lower than another begins.
const CALM_SHARE: f64 = 0.5;
/// Polls from one sample to the next beyond which a counter's growth is no rate, and a series is missing.
const GAP_POLLS: i64 = 3;
/// How often a series that does not come is told to its detector; then there is nothing more to learn.
const MISSING_MAX: u8 = 16;
/// After how long without a sample an open anomaly is over: the series has ended.
const GONE_MS: i64 = 24 * 3_600_000;
/// By how much the peak grows before it is kept anew.
const GROWS_BY: f64 = 0.05;
/// How long an open anomaly goes on before that is kept.
const KEPT_EVERY_MS: i64 = 5 * 60_000;
/// How much of the way to a new spacing the known one goes at each sample.
const SPACING_SHARE: i64 = 8;

/// Metrics that only grow or shrink with time, and say of no hour what is usual; and what is made of others.
const UNWATCHED: [Metric; 5] = [
    Metric::SYS_UP_TIME,
    Metric::CHECK_CERTIFICATE_EXPIRY,
    Metric::ANOMALY_SCORE,
    Metric::FORECAST,
    Metric::FLOW_TALKER_SHARE,
];

/// How the values of a metric are watched; none where they are not: what a state is says its change.
pub fn watched_as(metric: Metric) -> Option<MetricKind> {
    let is_watched = metric.kind() != MetricKind::State && !UNWATCHED.contains(&metric);
    is_watched.then(|| metric.kind())
}

/// What decides whether a score is an alarm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// The score from which on.
    pub threshold: f64,
    /// The least that is good.
    pub floor: Option<f64>,
    /// The most that is good.
    pub ceiling: Option<f64>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            threshold: THRESHOLD,
            floor: None,
            ceiling: None,
        }
    }
}

/// What is known of the moment of a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moment {
    /// When, Unix time in milliseconds.
    pub at_ms: i64,
    /// What the clock of the place shows of it, in seconds since 1970; of a holiday, that of the Sunday before.
    pub shown_secs: i64,
    /// The device restarted or was replaced since the sample before.
    pub is_new_count: bool,
    /// No anomaly begins: the device is down.
    pub is_quiet: bool,
}

impl Moment {
    fn by_clock(self) -> anomaly::Moment {
        anomaly::Moment {
            at: self.at_ms.div_euclid(1_000),
            shown: self.shown_secs,
        }
    }
}

/// What is said of a series.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// An anomaly begins.
    Begun(Seen),
    /// One goes on.
    Grew(Seen),
    /// One is over.
    Ended {
        /// When it began, in milliseconds.
        started_at_ms: i64,
        /// When it was over.
        ended_at_ms: i64,
    },
}

/// What came of a sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judged {
    /// What is said of the series, if anything.
    pub said: Option<Said>,
    /// How far the sample is out of the ordinary, 0 to 1; none where it was not held against anything.
    pub score: Option<f64>,
}

/// What was seen of an anomaly.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// When it began, in milliseconds.
    pub started_at_ms: i64,
    /// When it was seen.
    pub at_ms: i64,
    /// In what way.
    pub kind: AnomalyKind,
    /// How far, 0 to 1.
    pub score: f64,
    /// What was measured.
    pub value: Option<f64>,
    /// What was expected: lower end, middle, upper end.
    pub expected: Option<[f64; 3]>,
    /// Whether the score is the greatest so far.
    pub is_peak: bool,
}

/// An anomaly that goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Open {
    /// When it began, in milliseconds.
    pub started_at_ms: i64,
    /// The greatest score so far.
    pub peak: f64,
    /// The greatest score that is kept.
    pub kept_peak: f64,
    /// When that it goes on was kept last.
    pub kept_at_ms: i64,
    /// Samples in a row that were calm.
    pub calm: u8,
    /// When they began.
    pub calm_since_ms: i64,
}

/// What is known of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// What is expected of it.
    pub detector: Detector,
    /// How its values behave.
    pub kind: MetricKind,
    /// Its first sample that was looked at, in milliseconds.
    pub first_at_ms: i64,
    /// Alarms of before are not told: that was learned of the past.
    pub raised_from_ms: i64,
    /// Samples that were looked at.
    pub samples: u64,
    /// The last one.
    pub last: Option<(i64, Value)>,
    /// Milliseconds from sample to sample, about; 0 where that is not known.
    pub spacing_ms: i64,
    /// How often it was told to be missing since.
    pub missing: u8,
    /// The anomaly that goes on.
    pub open: Option<Open>,
    /// The score of the last sample.
    pub score: f64,
}

impl Watched {
    /// One that nothing is known of; alarms are told from `raised_from_ms` on.
    pub fn new(kind: MetricKind, raised_from_ms: i64) -> Self {
        Self {
            detector: Detector::new(Options::default()),
            kind,
            first_at_ms: 0,
            raised_from_ms,
            samples: 0,
            last: None,
            spacing_ms: 0,
            missing: 0,
            open: None,
            score: 0.0,
        }
    }

    /// Takes a sample. One that is not after the last says nothing and is not learned.
    pub fn sample(&mut self, moment: Moment, value: Value, rules: Rules) -> Judged {
        let at = moment.at_ms;
        let before = self.last;
        if before.is_some_and(|(last, _)| at <= last) {
            return Judged::default();
        }
        let number = self.number(before, value, moment);
        self.space(before.map(|(last, _)| at.saturating_sub(last)));
        self.last = Some((at, value));
        self.missing = 0;
        if self.samples == 0 {
            self.first_at_ms = at;
        }
        self.samples = self.samples.saturating_add(1);
        let Some(number) = number else {
            return Judged::default();
        };
        let verdict = self.detector.observe(moment.by_clock(), Some(number));
        let said = self.judge(moment, Some(number), &verdict, rules);
        let is_known = self.open.is_some() || !self.is_learning();
        Judged {
            said,
            score: is_known.then_some(self.score),
        }
    }

    /// Takes the sample that comes after maintenance or in it: what was measured then is not learned, and the
    /// series is not missing.
    pub fn pass(&mut self, at_ms: i64, value: Value) {
        if self.last.is_none_or(|(last, _)| at_ms > last) {
            self.last = Some((at_ms, value));
            self.missing = 0;
        }
    }

    /// The device answered, and this series was not in it.
    pub fn absent(&mut self, moment: Moment, rules: Rules) -> Option<Said> {
        let (last, _) = self.last?;
        let late = moment.at_ms.saturating_sub(last);
        if self.spacing_ms <= 0 || late <= self.spacing_ms.saturating_mul(GAP_POLLS) {
            return None;
        }
        if late > GONE_MS && self.missing >= MISSING_MAX {
            return self.end(moment.at_ms);
        }
        let mut said = None;
        while self.missing < MISSING_MAX {
            let steps = i64::from(self.missing) + 1;
            let at_ms = last.saturating_add(self.spacing_ms.saturating_mul(steps));
            if at_ms > moment.at_ms {
                break;
            }
            self.missing += 1;
            // What the clock is ahead by now: only the band beside the gap hangs on it.
            let ahead_secs = moment
                .shown_secs
                .saturating_sub(moment.at_ms.div_euclid(1_000));
            let shown_secs = at_ms.div_euclid(1_000).saturating_add(ahead_secs);
            let of_then = Moment {
                at_ms,
                shown_secs,
                ..moment
            };
            let verdict = self.detector.observe(of_then.by_clock(), None);
            said = self.judge(of_then, None, &verdict, rules).or(said);
        }
        said
    }

    /// As [`Self::absent`] of a series that does not come with polls, so that an answer of the device says nothing of
    /// it: what goes on is over when no sample came for a day.
    pub fn gone(&mut self, at_ms: i64) -> Option<Said> {
        let (last, _) = self.last?;
        let is_gone = at_ms.saturating_sub(last) > GONE_MS;
        is_gone.then(|| self.end(at_ms)).flatten()
    }

    /// Ends what goes on.
    pub fn end(&mut self, ended_at_ms: i64) -> Option<Said> {
        let open = self.open.take()?;
        Some(Said::Ended {
            started_at_ms: open.started_at_ms,
            ended_at_ms,
        })
    }

    /// Goes on with an anomaly that is open by what is kept, where none is by what is known: its samples may have
    /// been looked at by a server that ended before it wrote what it knew.
    pub fn go_on(&mut self, anomaly: &Anomaly) {
        self.open.get_or_insert(Open {
            started_at_ms: anomaly.started_at.unix_ms(),
            peak: anomaly.peak_score,
            kept_peak: anomaly.peak_score,
            kept_at_ms: anomaly.last_seen_at.unix_ms(),
            calm: 0,
            calm_since_ms: 0,
        });
    }

    /// Whether too little was seen for alarms.
    pub fn is_learning(&self) -> bool {
        let seen = self
            .last
            .map_or(0, |(last, _)| last.saturating_sub(self.first_at_ms));
        seen < LEARNING_MS || self.samples < LEARNING_SAMPLES
    }

    /// What the detector is given: a gauge as it is, a counter by the second; none where a counter began anew
    /// or has a gap.
    fn number(&self, before: Option<(i64, Value)>, value: Value, moment: Moment) -> Option<f64> {
        if self.kind != MetricKind::Counter {
            return Some(value.as_f64());
        }
        let (last, earlier) = before?;
        let took_ms = moment.at_ms.saturating_sub(last);
        let is_gap = self.spacing_ms > 0 && took_ms > self.spacing_ms.saturating_mul(GAP_POLLS);
        if moment.is_new_count || is_gap {
            return None;
        }
        Some(increase(earlier, value)? * 1_000.0 / took_ms as f64)
    }

    fn space(&mut self, took_ms: Option<i64>) {
        let Some(took) = took_ms else { return };
        if self.spacing_ms <= 0 {
            self.spacing_ms = took;
            return;
        }
        // A gap counts as two spacings: an interval that was made longer is known after some polls.
        let took = took.min(self.spacing_ms.saturating_mul(2));
        let by = (took - self.spacing_ms) / SPACING_SHARE;
        self.spacing_ms = (self.spacing_ms + by).max(1);
    }

    fn judge(
        &mut self,
        moment: Moment,
        value: Option<f64>,
        verdict: &Verdict,
        rules: Rules,
    ) -> Option<Said> {
        let beyond = value.and_then(|value| beyond(value, rules));
        let is_learned = !self.is_learning();
        let score = if beyond.is_some() {
            1.0
        } else if is_learned && verdict.score.is_finite() {
            verdict.score.clamp(0.0, 1.0)
        } else {
            0.0
        };
        self.score = score;
        // A value that came back is not missing.
        let is_back = value.is_some() && verdict.kind == Some(Kind::Missing);
        let is_alarm = is_learned && verdict.alarm && !is_back && score >= rules.threshold;
        let is_alarm = beyond.is_some() || is_alarm;
        let at_ms = moment.at_ms;
        let seen = |started_at_ms, is_peak| Seen {
            started_at_ms,
            at_ms,
            kind: beyond.unwrap_or_else(|| kind(verdict.kind, value, verdict.expected)),
            score,
            value,
            expected: expected(verdict, rules),
            is_peak,
        };
        let Some(open) = &mut self.open else {
            if !is_alarm || moment.is_quiet || at_ms < self.raised_from_ms {
                return None;
            }
            self.open = Some(Open {
                started_at_ms: at_ms,
                peak: score,
                kept_peak: score,
                kept_at_ms: at_ms,
                calm: 0,
                calm_since_ms: 0,
            });
            return Some(Said::Begun(seen(at_ms, true)));
        };
        if at_ms < open.started_at_ms {
            return None;
        }
        if is_alarm || score >= rules.threshold * CALM_SHARE {
            open.calm = 0;
            open.peak = open.peak.max(score);
            let is_peak = open.peak >= open.kept_peak + GROWS_BY;
            if !is_peak && at_ms.saturating_sub(open.kept_at_ms) < KEPT_EVERY_MS {
                return None;
            }
            open.kept_at_ms = at_ms;
            open.kept_peak = if is_peak { open.peak } else { open.kept_peak };
            return Some(Said::Grew(seen(open.started_at_ms, is_peak)));
        }
        if open.calm == 0 {
            open.calm_since_ms = at_ms;
        }
        open.calm += 1;
        if open.calm < CALM_SAMPLES {
            return None;
        }
        let ended_at_ms = open.calm_since_ms;
        self.end(ended_at_ms)
    }
}

fn beyond(value: f64, rules: Rules) -> Option<AnomalyKind> {
    let above = rules.ceiling.is_some_and(|ceiling| value > ceiling);
    let below = rules.floor.is_some_and(|floor| value < floor);
    if above {
        Some(AnomalyKind::AboveCeiling)
    } else {
        below.then_some(AnomalyKind::BelowFloor)
    }
}

/// The band within the operator's bounds; none where nothing is expected.
fn expected(verdict: &Verdict, rules: Rules) -> Option<[f64; 3]> {
    let band = [verdict.lower?, verdict.expected?, verdict.upper?];
    let held = band.map(|value| {
        let value = rules.ceiling.map_or(value, |ceiling| value.min(ceiling));
        rules.floor.map_or(value, |floor| value.max(floor))
    });
    held.iter().all(|value| value.is_finite()).then_some(held)
}

fn kind(told: Option<Kind>, value: Option<f64>, expected: Option<f64>) -> AnomalyKind {
    match told {
        Some(Kind::Level) => AnomalyKind::Level,
        Some(Kind::Spike) => AnomalyKind::Spike,
        Some(Kind::Dip) => AnomalyKind::Dip,
        Some(Kind::Drift) => AnomalyKind::Drift,
        Some(Kind::FlatLine) => AnomalyKind::FlatLine,
        Some(Kind::Variance) => AnomalyKind::Variance,
        Some(Kind::Pattern) => AnomalyKind::Pattern,
        Some(Kind::Missing) => AnomalyKind::Missing,
        None => match (value, expected) {
            (None, _) => AnomalyKind::Missing,
            (Some(value), Some(expected)) if value < expected => AnomalyKind::Dip,
            _ => AnomalyKind::Spike,
        },
    }
}
