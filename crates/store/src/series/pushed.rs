//! What users push: their own metrics, and bounds on the labels that they bring.

use super::registry::with;
use super::{SeriesError, SeriesStore, read};
use crate::blocks::Level;
use crate::blocks::codec::BlockView;
use crate::pack::Kind;
use model::{DeviceId, Labels, Metric, Timestamp};
use std::sync::PoisonError;
use std::time::Duration;

/// Values of one label name that users may bring, over all series: each is kept in memory for as long
/// as the process lives. A network of 10,000 devices has as many names of them.
pub const LABEL_VALUES_MAX: usize = 10_000;

impl SeriesStore {
    /// A metric of users is known now: so are the series that were kept of its name.
    pub fn learn(&self, metric: Metric) {
        let index = self.0.parts.index.write();
        index.unwrap_or_else(PoisonError::into_inner).learn(metric);
    }

    /// How many series measure something.
    pub fn count_measuring(&self, metric: Metric) -> usize {
        with(&self.0.parts.index, |index| index.count_measuring(metric))
    }

    /// The first label whose value would be one of more than [`LABEL_VALUES_MAX`] of its name.
    pub fn label_over_bound<'a>(&self, labels: &'a Labels) -> Option<&'a str> {
        let (id, interface) = (Labels::INTERFACE_ID, Labels::INTERFACE);
        with(&self.0.parts.index, |index| {
            let mut names = labels.0.iter();
            let over = names.find(|(name, value)| {
                // Those of interfaces are bounded by the interfaces that there are.
                name.as_str() != id
                    && name.as_str() != interface
                    && !index.takes_value(name, value, LABEL_VALUES_MAX)
            });
            over.map(|(name, _)| name.as_str())
        })
    }
}

impl SeriesStore {
    /// A device would have had so many series, which is too many: it is told where its series are
    /// counted.
    pub fn tell_bound(&self, device_id: DeviceId, asked: usize) {
        self.0.parts.counters.defect("series_bound", 1);
        let index = self.0.parts.index.write();
        let mut index = index.unwrap_or_else(PoisonError::into_inner);
        index.refused(device_id, asked);
    }
}

impl SeriesStore {
    /// The times in `[from, to)` at which a device has samples on the disk, ascending. Reads no values.
    /// What is in the head alone, of the last half-hours, is not among them.
    pub(crate) fn times_of(
        &self,
        device_id: DeviceId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<i64>, SeriesError> {
        let parts = &self.0.parts;
        let mut all = Vec::new();
        for (_, bytes) in parts.blocks.read(device_id, from, to)? {
            // What is damaged is told where it is read for its values.
            if let Ok(view) = BlockView::parse(&bytes) {
                all.extend_from_slice(view.times());
            }
        }
        for pack in parts.packs.packs(Kind::Samples, from, to) {
            let head = pack
                .find(device_id)
                .and_then(|entry| pack.head(&entry).ok());
            if let Some(head) = head {
                all.extend_from_slice(head.times());
            }
        }
        all.retain(|ms| (from.unix_ms()..to.unix_ms()).contains(ms));
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    /// From when to when there may be samples of a device; `None` where there are none of any.
    pub(crate) fn span_of(
        &self,
        device_id: DeviceId,
    ) -> Result<Option<(Timestamp, Timestamp)>, SeriesError> {
        let parts = &self.0.parts;
        read::touch(parts, device_id)?;
        let starts = parts.head.starts_of(device_id).into_iter();
        let half_hour = |ms: i64| {
            let end = ms.saturating_add(Level::HalfHour.span_ms());
            (Timestamp::from_unix_ms(ms), Timestamp::from_unix_ms(end))
        };
        let far = (Timestamp::default(), Timestamp::from_unix_ms(i64::MAX));
        let cold = parts.cold.get().into_iter();
        let cold = cold.flat_map(|cold| cold.meets(far.0, far.1));
        let cold = cold.map(|day| (day.day, day.day.plus(Duration::from_hours(24))));
        let all = starts.map(half_hour).chain(cold);
        let all = all.chain(read::sealed_span(parts)?);
        Ok(all.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))))
    }

    /// How old samples that come as they are measured may be.
    pub(crate) fn oldest_taken(&self) -> Timestamp {
        self.now().minus(self.0.late_max)
    }

    /// The present time, as this store has it.
    pub fn now(&self) -> Timestamp {
        self.0.parts.clock.now()
    }
}
