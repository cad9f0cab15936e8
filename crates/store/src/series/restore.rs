//! An archived day comes back: its series are known, and what the archive has of it becomes one pack with
//! what there is of it here.
//!
//! What is here lies over it: what came late and what was corrected holds, and what was deleted since
//! stays so. The order is that of merging: the pack is durable before anything that it replaces goes, so
//! that whenever it is broken off, all is as it was, and doing it again is harmless.

use super::cold::{ColdDay, ColdDays, ColdSeries};
use super::registry;
use super::registry::adopt::{AdoptRefused, Adopted, AdoptedAs};
use super::seal::{self, Under};
use super::{Column, SeriesError, SeriesStore};
use crate::blocks::Level;
use crate::pack::Kind;
use crate::progress::Progress;
use model::{DeviceId, SeriesId, Timestamp};
use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::oneshot;

/// Devices whose series are made known together: their commits are one.
const DEVICES_AT_ONCE: usize = 64;

/// What came back of a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestoredDay {
    /// Devices of which something is in the pack of the day.
    pub devices: u64,
    /// Series of the archive that are here again.
    pub series: u64,
    /// Samples in the pack of the day.
    pub samples: u64,
    /// Series that were not taken, by why.
    pub refused: BTreeMap<AdoptRefused, u64>,
}

impl RestoredDay {
    /// Whether all is here that the archive has of devices that were not deleted here.
    pub fn is_whole(&self) -> bool {
        self.refused
            .keys()
            .all(|why| *why == AdoptRefused::DeviceDeleted)
    }
}

/// What is asked of the registry for one device, and the answer that is waited for.
type Asked = (
    DeviceId,
    Vec<SeriesId>,
    oneshot::Receiver<Result<AdoptedAs, SeriesError>>,
);

impl SeriesStore {
    /// Brings an archived day back from where it can be read without waiting for long, as nothing is sealed
    /// meanwhile. Ends early where `progress` says so, and counts nothing in it. Once it is here `came` is
    /// called, before anybody can remove any of it again. Blocks: call it where that is allowed.
    pub(crate) fn restore_day<E: From<SeriesError>>(
        &self,
        cold: &dyn ColdDays,
        day: Timestamp,
        progress: &Progress,
        came: impl FnOnce(&RestoredDay) -> Result<(), E>,
    ) -> Result<RestoredDay, E> {
        let (under, mut restored) = self.under(cold, day, progress)?;
        let parts = self.parts();
        let _one_at_a_time = parts.passes.lock().unwrap_or_else(PoisonError::into_inner);
        seal::restore_day(parts, day, &under, progress)?;
        let damaged = under.damaged.load(Ordering::Relaxed);
        if damaged > 0 {
            restored.series = restored.series.saturating_sub(damaged);
            restored.refused.insert(AdoptRefused::Damaged, damaged);
        }
        let list = parts.packs.list();
        let of_day = list.iter().filter(|meta| {
            let id = &meta.id;
            id.kind == Kind::Samples && id.level == Level::Day && id.start == day
        });
        for meta in of_day {
            restored.devices += meta.totals.devices;
            restored.samples += meta.totals.samples;
        }
        came(&restored)?;
        Ok(restored)
    }

    /// The archived day with the columns that its series are here, which are made known.
    fn under<'a>(
        &self,
        cold: &'a dyn ColdDays,
        day: Timestamp,
        progress: &Progress,
    ) -> Result<(Under<'a>, RestoredDay), SeriesError> {
        let end = Level::Day.end(day);
        let is_it = |of: &ColdDay| of.day == day;
        let of_day = cold.meets(day, end).into_iter().find(is_it);
        let of_day = of_day.ok_or(SeriesError::NotArchived { day })?;
        let mut restored = RestoredDay::default();
        let mut series = BTreeMap::new();
        let devices = cold.devices(day)?;
        for some in devices.chunks(DEVICES_AT_ONCE) {
            progress.go_on().map_err(|_| SeriesError::GivenUp)?;
            let mut asked = Vec::with_capacity(some.len());
            for device_id in some {
                let mut found = Vec::new();
                cold.series(day, *device_id, &mut |series| found.push(series))?;
                asked.push(self.adopt(*device_id, found)?);
            }
            for (device_id, ids, answer) in asked {
                let adopted = answer.blocking_recv();
                let adopted = adopted.map_err(|_| SeriesError::Closed)??;
                let known = known(&mut restored, ids, adopted);
                if !known.is_empty() {
                    series.insert(device_id, known);
                }
            }
        }
        let under = Under {
            cold,
            day: of_day,
            range: (day, end),
            series,
            damaged: AtomicU64::new(0),
        };
        Ok((under, restored))
    }

    /// Asks the registry to know the series of a device.
    fn adopt(&self, device_id: DeviceId, found: Vec<ColdSeries>) -> Result<Asked, SeriesError> {
        let ids = found.iter().map(|series| series.id).collect();
        let adopted = |series: ColdSeries| Adopted {
            id: series.id,
            metric: series.metric,
            labels: series.labels,
        };
        let (reply, answer) = oneshot::channel();
        let registry = self.0.threads.registry().ok_or(SeriesError::Closed)?;
        let sent = registry.blocking_send(registry::Request::Adopt {
            device_id,
            series: found.into_iter().map(adopted).collect(),
            reply,
        });
        sent.map_err(|_| SeriesError::Closed)?;
        Ok((device_id, ids, answer))
    }
}

/// The columns of series, ascending, with the ids of the archive; counts those that were refused. Of two
/// that are one here the first is taken.
fn known(
    restored: &mut RestoredDay,
    ids: Vec<SeriesId>,
    adopted: AdoptedAs,
) -> Vec<(Column, SeriesId)> {
    let mut known = Vec::with_capacity(ids.len());
    for (id, adopted) in ids.into_iter().zip(adopted) {
        match adopted {
            Ok(resolved) => known.push((resolved.column, id)),
            Err(why) => *restored.refused.entry(why).or_default() += 1,
        }
    }
    known.sort_by_key(|(column, _)| *column);
    known.dedup_by_key(|(column, _)| *column);
    restored.series += known.len() as u64;
    known
}
