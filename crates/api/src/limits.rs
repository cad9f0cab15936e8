//! What has a limit, and which: interfaces their speed, memory and storage their size, processors all of
//! their time.

use crate::problem::Answer;
use crate::routes::bandwidth::is_physical;
use crate::sampling::not_read;
use model::interface::Interface;
use model::series::Series;
use model::{Labels, Metric, SeriesId};
use std::sync::Arc;
use store::inventory::DeviceRecord;
use store::series::{Aggregation, SeriesStore};

/// What may be used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Resource {
    /// The speed of an interface by what it receives, in bit/s.
    InTraffic,
    /// The speed of an interface by what it sends, in bit/s.
    OutTraffic,
    /// The time of a processor, a ratio.
    Processor,
    /// Memory, in octets.
    Memory,
    /// Storage, in octets.
    Storage,
}

/// A series that has a limit.
#[derive(Clone, Debug)]
pub(crate) struct Limited {
    /// What it uses up.
    pub(crate) resource: Resource,
    /// Which of the device's: the name of the interface, the processor, the memory or the volume.
    pub(crate) name: String,
    /// The series.
    pub(crate) series: SeriesId,
    /// How many of the limit's unit one of the series' is.
    pub(crate) factor: f64,
    /// The limit, over zero.
    pub(crate) limit: f64,
}

impl Resource {
    /// All.
    pub(crate) const ALL: [Self; 5] = [
        Self::InTraffic,
        Self::OutTraffic,
        Self::Processor,
        Self::Memory,
        Self::Storage,
    ];

    /// What is measured of it.
    pub(crate) const fn metric(self) -> Metric {
        match self {
            Self::InTraffic => Metric::IF_HC_IN_OCTETS,
            Self::OutTraffic => Metric::IF_HC_OUT_OCTETS,
            Self::Processor => Metric::PROCESSOR_UTILIZATION,
            Self::Memory => Metric::MEMORY_USED,
            Self::Storage => Metric::STORAGE_USED,
        }
    }

    /// How its samples become one of a step.
    pub(crate) const fn way(self) -> Aggregation {
        match self {
            Self::InTraffic | Self::OutTraffic => Aggregation::Rate,
            Self::Processor | Self::Memory | Self::Storage => Aggregation::Avg,
        }
    }

    /// The unit of its limit.
    pub(crate) const fn unit(self) -> &'static str {
        match self {
            Self::InTraffic | Self::OutTraffic => "bit/s",
            Self::Processor => "ratio",
            Self::Memory | Self::Storage => "octets",
        }
    }

    /// Whether interfaces have it.
    pub(crate) const fn is_of_interfaces(self) -> bool {
        matches!(self, Self::InTraffic | Self::OutTraffic)
    }
}

/// The series of a device that use up a resource of a known limit; where `only` names an interface, those of
/// that one, else those of physical interfaces. Sizes are the last of those that were measured: blocks.
pub(crate) fn of_device(
    store: &SeriesStore,
    record: &DeviceRecord,
    resource: Resource,
    only: Option<&Arc<Interface>>,
) -> Answer<Vec<Limited>> {
    let device = record.device.body.id;
    let all = store.series_named(device, resource.metric());
    let limited = |series: &Series, name: &str, factor: f64, limit: f64| Limited {
        resource,
        name: name.to_owned(),
        series: series.id,
        factor,
        limit,
    };
    if resource.is_of_interfaces() {
        let of = |series: Series| {
            let id = series.key.labels.interface_id()?;
            let interface = match only {
                Some(only) => Some(only).filter(|only| only.id == id)?,
                None => record
                    .interfaces
                    .iter()
                    .find(|row| row.id == id && row.present && is_physical(row))?,
            };
            let speed = interface.speed_bps.filter(|speed| *speed > 0)?;
            Some(limited(&series, &interface.name, 8.0, speed as f64))
        };
        return Ok(all.into_iter().filter_map(of).collect());
    }
    if only.is_some() {
        return Ok(Vec::new());
    }
    let (label, sizes) = match resource {
        Resource::Memory => ("memory", Some(Metric::MEMORY_SIZE)),
        Resource::Storage => ("storage", Some(Metric::STORAGE_SIZE)),
        _ => ("processor", None),
    };
    let name = |labels: &Labels| labels.get(label).unwrap_or(label).to_owned();
    let Some(sizes) = sizes.map(|metric| store.series_named(device, metric)) else {
        let of = |series: &Series| limited(series, &name(&series.key.labels), 1.0, 1.0);
        return Ok(all.iter().map(of).collect());
    };
    let mut found = Vec::with_capacity(all.len());
    for series in &all {
        let size = sizes
            .iter()
            .find(|size| size.key.labels == series.key.labels);
        let Some(size) = size else {
            continue;
        };
        let last = store.latest(size.id, 1).map_err(not_read)?;
        let size = last.last().map(|(_, size)| size.as_f64());
        if let Some(size) = size.filter(|size| size.is_finite() && *size > 0.0) {
            found.push(limited(series, &name(&series.key.labels), 1.0, size));
        }
    }
    Ok(found)
}
