//! What has a limit, and which: interfaces their speed, memory and storage their size, processors all of
//! their time.

use crate::problem::Answer;
use crate::sampling::not_read;
use model::forecast::LimitKind;
use model::interface::Interface;
use model::series::Series;
use model::{Metric, SeriesId};
use std::sync::Arc;
use store::inventory::DeviceRecord;
use store::series::{Aggregation, SeriesError, SeriesStore};

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

/// The size that limits a series of memory, storage or a share, in its unit: the last that was measured, or 1;
/// none of other series, and where no size over zero is known. Blocks.
pub(crate) fn size_of(
    store: &SeriesStore,
    series: &Series,
) -> Result<Option<(LimitKind, f64)>, SeriesError> {
    let key = &series.key;
    let (kind, metric) = match key.metric {
        Metric::STORAGE_USED => (LimitKind::StorageSize, Metric::STORAGE_SIZE),
        Metric::MEMORY_USED => (LimitKind::MemorySize, Metric::MEMORY_SIZE),
        Metric::PROCESSOR_UTILIZATION | Metric::WIRELESS_UTILIZATION => {
            return Ok(Some((LimitKind::Full, 1.0)));
        }
        _ => return Ok(None),
    };
    let sizes = store.series_named(key.device_id, metric);
    let Some(size) = sizes.iter().find(|size| size.key.labels == key.labels) else {
        return Ok(None);
    };
    let last = store.latest(size.id, 1)?;
    let size = last.last().map(|(_, size)| size.as_f64());
    let size = size.filter(|size| size.is_finite() && *size > 0.0);
    Ok(size.map(|size| (kind, size)))
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
    let label = match resource {
        Resource::Memory => "memory",
        Resource::Storage => "storage",
        _ => "processor",
    };
    let mut found = Vec::with_capacity(all.len());
    for series in &all {
        let name = series.key.labels.get(label).unwrap_or(label);
        if let Some((_, limit)) = size_of(store, series).map_err(not_read)? {
            found.push(limited(series, name, 1.0, limit));
        }
    }
    Ok(found)
}

/// Whether what an interface carries is not carried by another one of the device too: VLANs,
/// bundles, bridges and tunnels run over others; the loopback runs nowhere.
pub(crate) fn is_physical(interface: &Interface) -> bool {
    const OVER_OTHERS: [&str; 9] = [
        "softwareLoopback",
        "l2vlan",
        "l3ipvlan",
        "propVirtual",
        "ieee8023adLag",
        "bridge",
        "tunnel",
        "mplsTunnel",
        "propMultiplexor",
    ];
    interface
        .kind
        .as_deref()
        .is_none_or(|kind| !OVER_OTHERS.contains(&kind))
}
