//! Taking samples: as they come, or at any age.
//!
//! There is one way in, through the log to the head, whatever the age of a sample: what is written last
//! holds. What comes as it is measured is bounded by [`SeriesOptions::late_max`](super::SeriesOptions),
//! corrections and imports are not.

use super::registry::with;
use super::stats::add;
use super::{
    AHEAD_MAX, APPENDS_IN_FLIGHT_MAX, AppendError, Batch, Column, SEAL_DELAY,
    SERIES_PER_DEVICE_MAX, SeriesStore, head, writer,
};
use model::Value;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;

/// What a batch came to, once it is known.
type Answer = oneshot::Receiver<Result<(), AppendError>>;

/// How old samples may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    /// As `late_max` has it.
    Young,
    /// Any.
    Any,
}

impl SeriesStore {
    /// Takes the samples of a poll; returns when they are synced to the disk. Waits where
    /// [`APPEND_QUEUE_MAX`](super::APPEND_QUEUE_MAX) batches wait already. Readers see them from then
    /// on, and not before.
    ///
    /// Samples may come in any order. What comes after its half-hour was sealed is sealed into it
    /// again and counted as `late`; what is more than [`AHEAD_MAX`] ahead of the clock is refused, and
    /// so is what is older than [`late_max`](super::SeriesOptions::late_max).
    pub async fn append(&self, batch: Batch) -> Result<(), AppendError> {
        match self.send(batch, Age::Young).await? {
            Some(answer) => answered(answer).await,
            None => Ok(()),
        }
    }

    /// As [`append`](Self::append), of many batches in their order, which share what syncs they can:
    /// what became of each. Of two that are for the same time of a series the later holds.
    pub async fn append_many(&self, batches: Vec<Batch>) -> Vec<Result<(), AppendError>> {
        self.send_all(batches, Age::Young).await
    }

    /// As [`append_many`](Self::append_many), however old the samples are: for corrections and imports.
    /// They are in memory until they are sealed, so whoever writes many has them
    /// [sealed](Self::maintain) in between.
    pub async fn append_at_any_age(&self, batches: Vec<Batch>) -> Vec<Result<(), AppendError>> {
        self.send_all(batches, Age::Any).await
    }

    async fn send_all(&self, batches: Vec<Batch>, age: Age) -> Vec<Result<(), AppendError>> {
        let mut done = Vec::with_capacity(batches.len());
        // Sent and not yet answered, or answered already; in their order.
        let mut waiting: VecDeque<Result<Option<Answer>, AppendError>> = VecDeque::new();
        for batch in batches {
            if waiting.len() >= APPENDS_IN_FLIGHT_MAX
                && let Some(first) = waiting.pop_front()
            {
                done.push(settled(first).await);
            }
            waiting.push_back(self.send(batch, age).await);
        }
        for sent in waiting {
            done.push(settled(sent).await);
        }
        done
    }

    /// Sends a batch to the log; `None` where there is nothing to write.
    async fn send(&self, batch: Batch, age: Age) -> Result<Option<Answer>, AppendError> {
        let counters = &self.0.parts.counters;
        let values = batch.values.len() as u64;
        add(&counters.samples_appended, values);
        let batch = self
            .checked(batch, age)
            .inspect_err(|_| add(&counters.samples_refused, values))?;
        if batch.values.is_empty() {
            return Ok(None);
        }
        let log = self.0.threads.log().ok_or(AppendError::Closed)?;
        if self.0.parts.lazy.is_waiting(batch.device_id) {
            // Here, so that the log's thread need not read it for one device after another. It sees
            // to it all the same, and tells what fails.
            let (parts, device_id) = (Arc::clone(&self.0.parts), batch.device_id);
            let touched = tokio::task::spawn_blocking(move || parts.lazy.touch(device_id));
            let _ = touched.await;
        }
        let (reply, answer) = oneshot::channel();
        let sent = log.send(writer::Request::Append { batch, reply }).await;
        sent.map_err(|_| AppendError::Closed)?;
        let depth = (log.max_capacity() - log.capacity()) as u64;
        counters
            .queue_high_water
            .fetch_max(depth, Ordering::Relaxed);
        Ok(Some(answer))
    }

    /// The batch as the log takes it: within its bounds, finite, ascending by column.
    fn checked(&self, mut batch: Batch, age: Age) -> Result<Batch, AppendError> {
        let parts = &self.0.parts;
        let (device_id, at, now) = (batch.device_id, batch.at, parts.clock.now());
        let given = batch.values.len();
        if given > SERIES_PER_DEVICE_MAX {
            return Err(AppendError::TooManyValues {
                device_id,
                values: given,
                max: SERIES_PER_DEVICE_MAX,
            });
        }
        if at > now.plus(AHEAD_MAX) || at.unix_ms() < 0 {
            parts.counters.defect("out_of_time", given as u64);
            return Err(AppendError::OutOfTime { device_id, at, now });
        }
        let oldest = now.minus(self.0.late_max);
        if age == Age::Young && at < oldest {
            parts.counters.defect("too_late", given as u64);
            return Err(AppendError::TooLate {
                device_id,
                at,
                oldest,
            });
        }
        batch.values.retain(|(_, value)| value.as_f64().is_finite());
        let left_out = (given - batch.values.len()) as u64;
        parts.counters.defect("not_finite", left_out);
        let ascending = |pair: &[(Column, Value)]| matches!(pair, [a, b] if a.0 < b.0);
        if !batch.values.windows(2).all(ascending) {
            batch.values.reverse();
            batch.values.sort_by_key(|(column, _)| *column);
            batch.values.dedup_by_key(|(column, _)| *column);
        }
        let columns = batch.values.iter().map(|(column, _)| *column);
        let unknown = with(&parts.index, |index| {
            index.first_unknown(device_id, columns)
        });
        if let Some(Column(column)) = unknown {
            return Err(AppendError::UnknownColumn { device_id, column });
        }
        let sealed_at = head::window_end(at).plus(SEAL_DELAY);
        if sealed_at <= now {
            parts.counters.defect("late", batch.values.len() as u64);
        }
        Ok(batch)
    }
}

async fn settled(sent: Result<Option<Answer>, AppendError>) -> Result<(), AppendError> {
    match sent? {
        Some(answer) => answered(answer).await,
        None => Ok(()),
    }
}

async fn answered(answer: Answer) -> Result<(), AppendError> {
    answer.await.map_err(|_| AppendError::Closed)?
}
