//! The series of one device: the samples of one moment go to their series together. A series is missing where it
//! does not come though the device's agent answers, which its sysUpTime tells: one that is silent has no series that
//! are missing, and neither has a check that nobody makes any more. Pure.

use super::scores::{Matter, Waiting};
use super::series::{Moment, Rules, Said, Watched, watched_as};
use api::foresight::place::Place;
use model::metric::Kind as MetricKind;
use model::series::Series;
use model::{DeviceId, Metric, SeriesId, Timestamp, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use store::series::resets;

/// How often it is looked which series are missing.
const LOOK_MS: i64 = 60_000;
/// After how long without a sample a series is forgotten.
const FORGOTTEN_MS: i64 = 30 * 24 * 3_600_000;

/// What decides about the samples of a device.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// Of each series for which it is not as for all others.
    pub rules: &'a HashMap<SeriesId, Rules>,
    /// The device is down: no anomaly begins.
    pub is_down: bool,
    /// Work began at the device then, in milliseconds, and goes on: nothing from then on is learned.
    pub maintenance_since_ms: Option<i64>,
    /// When another machine took the device's place, ascending.
    pub replaced_at: &'a [Timestamp],
    /// Series whose scores are kept always; none while what was missed is read, which adds to the scores that wait.
    pub matter: Option<&'a Matter>,
    /// By which clock and calendar hours and days are told.
    pub place: &'a Place,
}

impl Ground<'_> {
    fn rules(&self, id: SeriesId) -> Rules {
        self.rules.get(&id).copied().unwrap_or_default()
    }
}

/// What is said of a series of a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// Whose series.
    pub device_id: DeviceId,
    /// Which.
    pub series_id: SeriesId,
    /// What.
    pub said: Said,
}

/// What is known of the series of a device.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OfDevice {
    /// Those that are watched. Each lies by itself: nodes of a tree are half empty, and what is known of a series
    /// takes over half a kibibyte.
    pub series: BTreeMap<SeriesId, Box<Watched>>,
    /// Those that are not: states, and what there was no room for.
    pub unwatched: BTreeSet<SeriesId>,
    /// Those that do not come with polls: that the device answers says not that one is missing.
    pub unpolled: BTreeSet<SeriesId>,
    /// Scores that wait to be kept, of series that matter and of those with an anomaly that goes on. It is in no
    /// file: after a start it begins anew.
    pub waiting: BTreeMap<SeriesId, Waiting>,
    /// The one of sysUpTime.
    pub uptime_series: Option<SeriesId>,
    /// Its last sample.
    pub uptime: Option<(Timestamp, Value)>,
    /// The last answer that was looked at, in milliseconds.
    pub seen_at_ms: i64,
    /// When it was looked last which are missing.
    pub looked_at_ms: i64,
}

impl OfDevice {
    /// Takes in which series the device has: at most `room` new ones are watched, whose alarms are told from
    /// `now_ms` on. Answers how many there was no room for.
    pub fn adopt(&mut self, all: &[Series], room: usize, now_ms: i64) -> usize {
        let (mut room, mut left_out) = (room, 0);
        let there: BTreeSet<SeriesId> = all.iter().map(|series| series.id).collect();
        self.series.retain(|id, _| there.contains(id));
        self.waiting.retain(|id, _| there.contains(id));
        self.unwatched.clear();
        self.unpolled.clear();
        self.uptime_series = None;
        for series in all {
            let (id, metric) = (series.id, series.key.metric);
            if metric == Metric::SYS_UP_TIME {
                self.uptime_series = Some(id);
            }
            if metric == Metric::FLOW_OCTET_RATE {
                self.unpolled.insert(id);
            }
            let Some(kind) = watched_as(metric) else {
                self.unwatched.insert(id);
                continue;
            };
            if let Some(known) = self.series.get_mut(&id) {
                known.kind = kind;
            } else if room > 0 {
                room -= 1;
                self.series.insert(id, Box::new(Watched::new(kind, now_ms)));
            } else {
                left_out += 1;
                self.unwatched.insert(id);
            }
        }
        left_out
    }

    /// Whether it is known of a series whether it is watched.
    pub fn knows(&self, id: SeriesId) -> bool {
        self.series.contains_key(&id) || self.unwatched.contains(&id)
    }

    /// Whether a series does not come with polls.
    pub fn is_unpolled(&self, id: SeriesId) -> bool {
        self.unpolled.contains(&id)
    }

    /// How a series is watched.
    pub fn kind_of(&self, id: SeriesId) -> Option<MetricKind> {
        self.series.get(&id).map(|watched| watched.kind)
    }

    /// Takes the samples of one moment; what is said goes to `words`. Answers how many were looked at.
    pub fn row(
        &mut self,
        device_id: DeviceId,
        at: Timestamp,
        samples: &[(SeriesId, Value)],
        ground: &Ground<'_>,
        words: &mut Vec<Word>,
    ) -> u64 {
        let at_ms = at.unix_ms();
        let is_at_work = ground
            .maintenance_since_ms
            .is_some_and(|since| since <= at_ms);
        // Once for all series of the moment.
        let shown_secs = ground.place.usual_secs(at_ms.div_euclid(1_000));
        let moment = Moment {
            at_ms,
            shown_secs,
            is_new_count: self.is_new_count(at, samples, ground.replaced_at),
            is_quiet: ground.is_down,
        };
        let mut points = 0;
        for (id, value) in samples {
            let known = self.series.get_mut(id);
            // What was given before, as the last sample of a series that is read on from there.
            let Some(watched) =
                known.filter(|watched| watched.last.is_none_or(|last| last.0 < at_ms))
            else {
                continue;
            };
            if is_at_work {
                watched.pass(at_ms, *value);
                continue;
            }
            points += 1;
            let judged = watched.sample(moment, *value, ground.rules(*id));
            if let Some(score) = judged.score {
                let is_open = watched.open.is_some();
                let is_scored = |matter: &Matter| is_open || matter.contains(id);
                if ground.matter.is_some_and(is_scored) {
                    self.waiting.entry(*id).or_default().take(score);
                } else if let Some(waiting) = self.waiting.get_mut(id) {
                    waiting.take(score);
                }
            }
            if let Some(said) = judged.said {
                words.push(Word {
                    device_id,
                    series_id: *id,
                    said,
                });
            }
        }
        self.seen_at_ms = self.seen_at_ms.max(at_ms);
        let has_answered = samples
            .iter()
            .any(|(id, _)| Some(*id) == self.uptime_series);
        if has_answered && !is_at_work && at_ms.saturating_sub(self.looked_at_ms) >= LOOK_MS {
            self.looked_at_ms = at_ms;
            self.look(device_id, moment, ground, words);
        }
        points
    }

    /// The scores that are to be kept now, of the series of a moment that was taken.
    pub fn scores(
        &mut self,
        at: Timestamp,
        samples: &[(SeriesId, Value)],
        matter: &Matter,
    ) -> Vec<(SeriesId, f64)> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let mut due = Vec::new();
        for (id, _) in samples {
            let Some(waiting) = self.waiting.get_mut(id) else {
                continue;
            };
            let watched = self.series.get(id);
            // What came late was read already, and its score is of a later sample.
            let last_ms = watched.and_then(|watched| watched.last).map(|last| last.0);
            if last_ms.is_some_and(|last| last > at.unix_ms()) {
                continue;
            }
            let is_open = watched.is_some_and(|watched| watched.open.is_some());
            if is_open || matter.contains(id) {
                due.extend(waiting.due(at.unix_ms(), is_open).map(|score| (*id, score)));
            } else {
                self.waiting.remove(id);
            }
        }
        due
    }

    /// Ends all that goes on.
    pub fn end_all(&mut self, device_id: DeviceId, at_ms: i64) -> Vec<Word> {
        let all = self.series.iter_mut();
        let ended = all.filter_map(|(id, watched)| {
            Some(Word {
                device_id,
                series_id: *id,
                said: watched.end(at_ms)?,
            })
        });
        ended.collect()
    }

    /// Looks which series are missing, and forgets those that have not come for long.
    fn look(
        &mut self,
        device_id: DeviceId,
        moment: Moment,
        ground: &Ground<'_>,
        words: &mut Vec<Word>,
    ) {
        for (id, watched) in &mut self.series {
            let said = if self.unpolled.contains(id) {
                watched.gone(moment.at_ms)
            } else {
                watched.absent(moment, ground.rules(*id))
            };
            if let Some(said) = said {
                words.push(Word {
                    device_id,
                    series_id: *id,
                    said,
                });
            }
        }
        let oldest = moment.at_ms.saturating_sub(FORGOTTEN_MS);
        self.series.retain(|_, watched| {
            watched.open.is_some() || watched.last.is_none_or(|(last, _)| last >= oldest)
        });
    }

    /// Whether counters begin anew at a moment.
    fn is_new_count(
        &mut self,
        at: Timestamp,
        samples: &[(SeriesId, Value)],
        replaced_at: &[Timestamp],
    ) -> bool {
        let seen_at = Timestamp::from_unix_ms(self.seen_at_ms);
        let was_replaced = replaced_at
            .iter()
            .any(|then| seen_at < *then && *then <= at);
        let told = samples
            .iter()
            .find(|(id, _)| Some(*id) == self.uptime_series);
        let Some((_, uptime)) = told else {
            return was_replaced;
        };
        if self.uptime.is_some_and(|(then, _)| then >= at) {
            return was_replaced;
        }
        let before = self.uptime.replace((at, *uptime));
        let has_restarted =
            before.is_some_and(|before| !resets(&[before, (at, *uptime)]).is_empty());
        was_replaced || has_restarted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What begins in the days behind a put of the clock and on a holiday, of hours of an office in Berlin that
    /// were learned for eight weeks.
    fn begun(place: &Place) -> usize {
        let holidays = ["easter-2".to_owned()];
        let berlin = Place::new("Europe/Berlin", &holidays).unwrap();
        let (mut of, id) = (OfDevice::default(), SeriesId::new());
        of.series
            .insert(id, Box::new(Watched::new(MetricKind::Gauge, 0)));
        let rules = HashMap::new();
        let ground = Ground {
            matter: None,
            rules: &rules,
            is_down: false,
            maintenance_since_ms: None,
            replaced_at: &[],
            place,
        };
        // Clocks are put at 2026-03-29T01:00:00Z; Friday behind it is the holiday.
        let (put, mut begun) = (1_774_746_000, 0);
        for hour in -56 * 24..7 * 24 {
            let at = put + hour * 3_600;
            let shown = berlin.shown_secs(at);
            let (day, of_day) = (shown.div_euclid(86_400), shown.rem_euclid(86_400) / 3_600);
            let is_open = (day + 3).rem_euclid(7) < 5 && !berlin.is_holiday(day);
            let noise = (hour.rem_euclid(997) * 7_919 % 100) as f64 / 10.0;
            let value = noise
                + if is_open && (8..18).contains(&of_day) {
                    900.0
                } else {
                    100.0
                };
            let samples = [(id, Value::F64(value))];
            let mut words = Vec::new();
            of.row(
                DeviceId::new(),
                Timestamp::from_unix_ms(at * 1_000),
                &samples,
                &ground,
                &mut words,
            );
            if hour >= 0 {
                let begins = |word: &&Word| matches!(word.said, Said::Begun(_));
                begun += words.iter().filter(begins).count();
            }
        }
        begun
    }

    #[test]
    fn summer_time_and_holidays_of_the_place_are_no_anomalies() {
        let holidays = ["easter-2".to_owned()];
        assert_eq!(begun(&Place::new("Europe/Berlin", &holidays).unwrap()), 0);
        assert!(begun(&Place::default()) > 0, "by UTC they are");
    }

    #[test]
    fn what_does_not_come_with_polls_is_not_missing_and_what_is_made_of_others_is_not_watched() {
        let device_id = DeviceId::new();
        let series = |metric| Series {
            id: SeriesId::new(),
            key: model::series::SeriesKey {
                device_id,
                metric,
                labels: model::Labels::default(),
            },
        };
        let (flows, forecast) = (series(Metric::FLOW_OCTET_RATE), series(Metric::FORECAST));
        let (uptime, used) = (
            series(Metric::SYS_UP_TIME),
            series(Metric::PROCESSOR_UTILIZATION),
        );
        let all = [
            flows.clone(),
            forecast.clone(),
            uptime.clone(),
            used.clone(),
        ];
        let mut of = OfDevice::default();
        of.adopt(&all, 100, 0);
        assert!(of.unwatched.contains(&forecast.id));
        let place = Place::default();
        let rules = HashMap::new();
        let ground = Ground {
            rules: &rules,
            is_down: false,
            maintenance_since_ms: None,
            replaced_at: &[],
            matter: None,
            place: &place,
        };
        let mut words = Vec::new();
        let minute = |nth: i64| Timestamp::from_unix_ms(nth * 60_000);
        // Both are learned for two days, and then the device says its uptime alone.
        for nth in 0..2_880_i64 + 30 {
            let mut samples = vec![(uptime.id, Value::U64(nth.unsigned_abs() * 60))];
            if nth < 2_880 {
                let value = Value::F64(10.0 + (nth % 7) as f64);
                samples.extend([(flows.id, value), (used.id, value)]);
            }
            of.row(device_id, minute(nth), &samples, &ground, &mut words);
        }
        let missing: BTreeSet<SeriesId> = words.iter().map(|word| word.series_id).collect();
        assert_eq!(missing, [used.id].into());
    }
}
