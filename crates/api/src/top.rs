//! Ranking interfaces or devices by what was measured over a range.
//!
//! Every series that takes part is read whole over the range, so the cost is samples: some ten
//! million a second and core. One ranking works at a time ([`crate::turns`]), device by device, and gives up
//! when nobody waits for it any more; what would read more than [`SAMPLES_MAX`] is refused at once.

use crate::limits::is_physical;
use crate::problem::{Answer, Kind, Problem};
use crate::sampling::{Point, Span, in_time, not_read, step_of};
use model::interface::Interface;
use model::{DeviceId, InterfaceId, Metric, SeriesId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::inventory::DeviceRecord;
use store::series::{Aggregation, Ask, SeriesStore, Stepped};

mod statistic;

use statistic::Numbers;

/// Most samples that one ranking may read: 100,000 series of a sample a minute over a day and a
/// half.
const SAMPLES_MAX: u64 = 200_000_000;
/// Points of a small chart.
const POINTS: usize = 60;

/// By what rows are compared.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TopBy {
    /// bit/s received.
    #[default]
    InBps,
    /// bit/s sent.
    OutBps,
    /// bit/s both ways together.
    Bps,
    /// Share of the speed in the busier direction, 0 to 1. For interfaces.
    Utilization,
    /// Packets with errors a second, both ways together.
    Errors,
    /// Packets dropped a second, both ways together.
    Discards,
    /// Share of time that the processors were busy, 0 to 1. For devices.
    ProcessorUtilization,
    /// Round trip of echo requests in seconds. For devices.
    IcmpRtt,
    /// Share of echo requests that went unanswered, 0 to 1. For devices.
    IcmpLoss,
}

/// What is compared.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TopOf {
    /// Interfaces.
    #[default]
    Interfaces,
    /// Devices: the sum over their physical interfaces, or the mean over their processors.
    Devices,
}

/// Which number of the range decides.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TopStatistic {
    /// The mean.
    #[default]
    Avg,
    /// The 95th percentile of the steps.
    P95,
    /// The greatest of the steps.
    Max,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) by: TopBy,
    pub(crate) of: TopOf,
    pub(crate) statistic: TopStatistic,
    pub(crate) span: Span,
    pub(crate) limit: usize,
    pub(crate) points: bool,
}

/// The first of all that were compared.
#[derive(Debug, Default)]
pub(crate) struct Ranking {
    pub(crate) rows: Vec<Ranked>,
    pub(crate) compared: u64,
    pub(crate) without_value: u64,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Ranked {
    pub(crate) record: Arc<DeviceRecord>,
    pub(crate) interface: Option<Arc<Interface>>,
    pub(crate) numbers: Numbers,
    pub(crate) points: Option<Vec<Point>>,
}

impl TopBy {
    /// What is read for it, and the number of the unit that one of its base unit is.
    fn metrics(self) -> (&'static [Metric], f64) {
        match self {
            Self::InBps => (&[Metric::IF_HC_IN_OCTETS], 8.0),
            Self::OutBps => (&[Metric::IF_HC_OUT_OCTETS], 8.0),
            Self::Bps | Self::Utilization => {
                (&[Metric::IF_HC_IN_OCTETS, Metric::IF_HC_OUT_OCTETS], 8.0)
            }
            Self::Errors => (&[Metric::IF_IN_ERRORS, Metric::IF_OUT_ERRORS], 1.0),
            Self::Discards => (&[Metric::IF_IN_DISCARDS, Metric::IF_OUT_DISCARDS], 1.0),
            Self::ProcessorUtilization => (&[Metric::PROCESSOR_UTILIZATION], 1.0),
            Self::IcmpRtt => (&[Metric::ICMP_RTT], 1.0),
            Self::IcmpLoss => (&[Metric::ICMP_LOSS], 1.0),
        }
    }

    /// Its unit.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::InBps | Self::OutBps | Self::Bps => "bit/s",
            Self::Utilization | Self::ProcessorUtilization | Self::IcmpLoss => "ratio",
            Self::Errors | Self::Discards => "packets/s",
            Self::IcmpRtt => "seconds",
        }
    }

    /// Whether interfaces have it.
    pub(crate) fn is_of_interfaces(self) -> bool {
        !matches!(
            self,
            Self::ProcessorUtilization | Self::IcmpRtt | Self::IcmpLoss
        )
    }

    fn way(self) -> Aggregation {
        if self.is_of_interfaces() {
            Aggregation::Rate
        } else {
            Aggregation::Avg
        }
    }
}

/// Ranks what the devices have. Blocks: it reads files, for as long as until `until`.
pub(crate) fn rank(
    store: &SeriesStore,
    devices: Vec<Arc<DeviceRecord>>,
    question: Question,
    until: Instant,
) -> Answer<Ranking> {
    let (metrics, _) = question.by.metrics();
    let mut cost = 0u64;
    let mut all = Vec::with_capacity(devices.len());
    for record in devices {
        let device = &record.device.body;
        let series: Vec<_> = metrics
            .iter()
            .flat_map(|metric| store.series_named(device.id, *metric))
            .map(|series| (series.id, series.key.labels.interface_id()))
            .collect();
        let polls = question.span.secs() / u64::from(device.interval_secs.max(1)) + 1;
        let own = polls.saturating_mul(series.len() as u64);
        cost = cost.saturating_add(own);
        all.push((record, series));
    }
    affordable(cost, SAMPLES_MAX)?;
    let mut ranking = Ranking::default();
    for (record, series) in all {
        in_time(until)?;
        for row in rows_of(store, &record, &series, question, until)? {
            ranking.compared += 1;
            match row {
                None => ranking.without_value += 1,
                Some(row) => ranking.rows.push(row),
            }
        }
        // Only the first are kept, a little more of them than are asked for at a time.
        if ranking.rows.len() > 2 * question.limit.max(POINTS) {
            ranking.cut(question);
        }
    }
    ranking.cut(question);
    Ok(ranking)
}

fn affordable(samples: u64, max: u64) -> Answer<()> {
    if samples <= max {
        return Ok(());
    }
    Err(Problem::field(
        Kind::BadQuery,
        "?from",
        format!(
            "some {samples} samples would have to be read and at most {max} are: ask for a \
             shorter range, a site or a tag"
        ),
    ))
}

impl Ranking {
    fn cut(&mut self, question: Question) {
        let value = |row: &Ranked| row.numbers.of(question.statistic);
        self.rows.sort_by(|a, b| {
            let same = || a.place().cmp(&b.place());
            value(b).total_cmp(&value(a)).then_with(same)
        });
        self.rows.truncate(question.limit);
    }
}

impl Ranked {
    fn place(&self) -> (DeviceId, Option<InterfaceId>) {
        let interface = self.interface.as_ref().map(|interface| interface.id);
        (self.record.device.body.id, interface)
    }
}

/// The value of each step; none where it is not known.
type Steps = Vec<(Timestamp, Option<f64>)>;

/// What of one device is compared; none where it has no value in the range.
fn rows_of(
    store: &SeriesStore,
    record: &Arc<DeviceRecord>,
    series: &[(SeriesId, Option<InterfaceId>)],
    question: Question,
    until: Instant,
) -> Answer<Vec<Option<Ranked>>> {
    let by = question.by;
    let mut of_interfaces = HashMap::new();
    let mut own = Vec::new();
    for (steps, interface) in read(store, record, series, question, until)? {
        match interface {
            Some(id) => of_interfaces.entry(id).or_insert_with(Vec::new).push(steps),
            None => own.push(steps),
        }
    }
    let ranked = |interface: Option<&Arc<Interface>>, steps: Option<Steps>| {
        let steps = steps?;
        let numbers = Numbers::of_steps(&steps)?;
        Some(Ranked {
            record: Arc::clone(record),
            interface: interface.cloned(),
            numbers,
            points: question.points.then(|| statistic::thinned(&steps, POINTS)),
        })
    };
    let present = record.interfaces.iter().filter(|row| row.present);
    if question.of == TopOf::Interfaces {
        return Ok(present
            .map(|row| {
                let directions = of_interfaces.remove(&row.id).unwrap_or_default();
                let steps = if by == TopBy::Utilization {
                    let speed = row.speed_bps.filter(|speed| *speed > 0);
                    speed.and_then(|speed| {
                        let busier = joined(directions, f64::max)?;
                        Some(scaled(busier, 1.0 / speed as f64))
                    })
                } else {
                    joined(directions, |a, b| a + b)
                };
                ranked(Some(row), steps)
            })
            .collect());
    }
    let steps = if by.is_of_interfaces() {
        let physical = present.filter(|row| is_physical(row));
        let all = physical.filter_map(|row| of_interfaces.remove(&row.id));
        joined(all.flatten().collect(), |a, b| a + b)
    } else {
        let several = own.len();
        joined(own, |a, b| a + b).map(|sum| scaled(sum, 1.0 / several.max(1) as f64))
    };
    Ok(vec![ranked(None, steps)])
}

/// Reads series of one device by steps, in the unit of the answer.
fn read(
    store: &SeriesStore,
    record: &DeviceRecord,
    series: &[(SeriesId, Option<InterfaceId>)],
    question: Question,
    until: Instant,
) -> Answer<Vec<(Steps, Option<InterfaceId>)>> {
    if series.is_empty() {
        return Ok(Vec::new());
    }
    let device = &record.device.body;
    let (_, factor) = question.by.metrics();
    let interval = Duration::from_secs(device.interval_secs.max(1).into());
    let ids: Vec<SeriesId> = series.iter().map(|(id, _)| *id).collect();
    let ask = Ask {
        from: question.span.from,
        to: question.span.to,
        step: Duration::from_secs(step_of(question.span, device.interval_secs).into()),
        how: question.by.way(),
        interval,
        replaced: device.replaced_at.clone(),
        until: Some(until),
    };
    let read = store.steps(device.id, &ids, &ask).map_err(not_read)?;
    let steps = |read: Stepped| scaled(read.steps, factor);
    let owners = series.iter().map(|(_, interface)| *interface);
    Ok(read.into_iter().map(steps).zip(owners).collect())
}

/// Several made one, step by step, of those that have a value there; none where there are none.
fn joined(all: Vec<Steps>, join: impl Fn(f64, f64) -> f64) -> Option<Steps> {
    all.into_iter().reduce(|mut sum, more| {
        for ((_, a), (_, b)) in sum.iter_mut().zip(more) {
            *a = match (*a, b) {
                (Some(a), Some(b)) => Some(join(a, b)),
                (known, None) | (None, known) => known,
            };
        }
        sum
    })
}

fn scaled(mut steps: Steps, factor: f64) -> Steps {
    for (_, value) in &mut steps {
        *value = value.map(|value| value * factor);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_could_wait_for_is_refused() {
        assert!(affordable(SAMPLES_MAX, SAMPLES_MAX).is_ok());
        let refused = affordable(SAMPLES_MAX + 1, SAMPLES_MAX).unwrap_err();
        assert!(refused.faults()[0].detail.contains("shorter range"));
    }

    #[test]
    fn steps_are_joined_where_they_are_known() {
        let steps = |values: &[Option<f64>]| -> Steps {
            let times = (0..).map(Timestamp::from_unix_ms);
            times.zip(values.iter().copied()).collect()
        };
        let a = steps(&[Some(1.0), None, None, Some(4.0)]);
        let b = steps(&[Some(2.0), Some(3.0), None, Some(1.0)]);
        let sum = joined(vec![a.clone(), b.clone()], |a, b| a + b).unwrap();
        assert_eq!(sum, steps(&[Some(3.0), Some(3.0), None, Some(5.0)]));
        let most = joined(vec![a, b], f64::max).unwrap();
        assert_eq!(most, steps(&[Some(2.0), Some(3.0), None, Some(4.0)]));
        assert_eq!(joined(Vec::new(), f64::max), None);
    }
}
