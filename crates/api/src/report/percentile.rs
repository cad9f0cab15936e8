//! The 95th percentile of traffic: as an interface is billed (`routes::billing`), of the sum over many the same.

use super::groups::Group;
use super::reading::{Join, Reader, Stop, Sums};
use super::{Cell, Column, Made, change_ratio, column, evidence, mean, thinned};
use crate::limits::is_physical;
use crate::sampling::Span;
use model::{InterfaceId, Metric, SeriesId};
use std::collections::HashSet;
use std::sync::Arc;
use store::inventory::DeviceRecord;
use store::series::{Aggregation, Quantile, SeriesStore};

/// A step, in seconds: what carriers have agreed on.
pub(super) const STEP_SECS: u32 = 300;

/// The columns.
pub(super) fn columns() -> Vec<Column> {
    let mut columns = vec![
        column(
            "percentile_bps",
            "bit/s",
            "95th percentile",
            "The greater of both directions.",
        ),
        column(
            "before_percentile_bps",
            "bit/s",
            "Before",
            "The same of the period before.",
        ),
        column(
            "change_ratio",
            "ratio",
            "Change",
            "By which share of what was before it is more.",
        ),
        column(
            "in_percentile_bps",
            "bit/s",
            "95th in",
            "The least five-minute mean received that 95 of 100 do not exceed.",
        ),
        column(
            "in_mean_bps",
            "bit/s",
            "Mean in",
            "The mean of what was received.",
        ),
        column(
            "in_peak_bps",
            "bit/s",
            "Peak in",
            "The greatest five-minute mean received.",
        ),
        column(
            "out_percentile_bps",
            "bit/s",
            "95th out",
            "The least five-minute mean sent that 95 of 100 do not exceed.",
        ),
        column(
            "out_mean_bps",
            "bit/s",
            "Mean out",
            "The mean of what was sent.",
        ),
        column(
            "out_peak_bps",
            "bit/s",
            "Peak out",
            "The greatest five-minute mean sent.",
        ),
    ];
    columns.extend(evidence(
        "Counters of traffic that the row is of: two an interface.",
    ));
    columns
}

/// Numbers of one direction over a period, in bit/s.
#[derive(Default)]
struct Direction {
    percentile: Option<f64>,
    mean: Option<f64>,
    peak: Option<f64>,
}

/// A row.
pub(super) fn row(
    reader: &mut Reader<'_>,
    group: &Group,
    (span, before): (Span, Span),
) -> Result<Made, Stop> {
    let metrics = [Metric::IF_HC_IN_OCTETS, Metric::IF_HC_OUT_OCTETS];
    let sources = metrics.map(|metric| traffic(reader.store, group, metric));
    let count = sources
        .iter()
        .flatten()
        .map(|(_, series)| series.len())
        .sum();
    reader.afford(count, span, STEP_SECS)?;
    reader.afford(count, before, STEP_SECS)?;
    let mut sum = |sources: &[Source], span| -> Result<Sums, Stop> {
        let mut sums = Sums::new(span, STEP_SECS);
        for (record, series) in sources {
            sums.add(reader, record, series, (span, Aggregation::Rate))?;
        }
        Ok(sums)
    };
    let [received, sent] = &sources;
    let now = [sum(received, span)?, sum(sent, span)?];
    let earlier = [sum(received, before)?, sum(sent, before)?];
    let mut samples = 0;
    for (record, series) in sources.iter().flatten() {
        let ids: Vec<SeriesId> = series.iter().map(|(id, _)| *id).collect();
        samples += reader.samples(record, &ids, span)?;
    }
    let [in_values, out_values] = now.each_ref().map(|sums| sums.values(Join::Sum));
    let (received, sent) = (Direction::of(&in_values), Direction::of(&out_values));
    let earlier_greater = earlier
        .iter()
        .filter_map(|sums| Direction::of(&sums.values(Join::Sum)).percentile)
        .reduce(f64::max);
    let both = [received.percentile, sent.percentile];
    let greater = both.into_iter().flatten().reduce(f64::max);
    let members = now.iter().map(Sums::members);
    let (of, measured) = members.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let ratio = |both: &[Sums; 2]| both.iter().map(Sums::measured_ratio).sum::<f64>() / 2.0;
    let cells = vec![
        Cell::number(greater),
        Cell::number(earlier_greater),
        Cell::number(change_ratio(greater, earlier_greater)),
        Cell::number(received.percentile),
        Cell::number(received.mean),
        Cell::number(received.peak),
        Cell::number(sent.percentile),
        Cell::number(sent.mean),
        Cell::number(sent.peak),
        Cell::Count(of),
        Cell::Count(measured),
        Cell::Count(samples),
        Cell::Number(ratio(&now)),
        Cell::Number(ratio(&earlier)),
    ];
    let [sums, _] = &now;
    let busier: Vec<f64> = in_values
        .iter()
        .zip(&out_values)
        .map(|(received, sent)| received.max(*sent))
        .collect();
    Ok((cells, thinned(&busier, sums.first_ms, sums.step_ms)))
}

/// Series of a device, with how many of the unit one of theirs is.
pub(super) type Source = (Arc<DeviceRecord>, Vec<(SeriesId, f64)>);

/// The counters of a group: of its interface, or of the physical interfaces of its devices.
pub(super) fn traffic(store: &SeriesStore, group: &Group, metric: Metric) -> Vec<Source> {
    let of_member = |record: &Arc<DeviceRecord>| {
        let wanted: HashSet<InterfaceId> = match &group.interface {
            Some(interface) => HashSet::from([interface.id]),
            None => record
                .interfaces
                .iter()
                .filter(|row| row.present && is_physical(row))
                .map(|row| row.id)
                .collect(),
        };
        let all = store.series_named(record.device.body.id, metric);
        let wanted = all.iter().filter(|series| {
            let owner = series.key.labels.interface_id();
            owner.is_some_and(|id| wanted.contains(&id))
        });
        // Octets are counted, and bits told.
        let wanted = wanted.map(|series| (series.id, 8.0)).collect();
        (Arc::clone(record), wanted)
    };
    group.members.iter().map(of_member).collect()
}

impl Direction {
    fn of(values: &[f64]) -> Self {
        let mut known: Vec<f64> = values
            .iter()
            .copied()
            .filter(|bps| bps.is_finite())
            .collect();
        Self {
            percentile: Quantile::P95.nearest_rank(&mut known),
            mean: mean(&known),
            // They are in order by now.
            peak: known.last().copied(),
        }
    }
}
