//! The thread that writes the log: what waits is written together, synced once, shown, and then
//! acknowledged.
//!
//! Where writing or syncing fails, all that waited is told, what was written is cut off again as
//! far as the disk lets us, and the file is never used again, as what it holds is not known; the
//! next batch begins a new segment, so a disk that has room again is used by itself.

use super::frame;
use super::segments::Segments;
use crate::disk::{Disk, DiskFile};
use crate::series::head::{Head, window};
use crate::series::recovery::lazy::Lazy;
use crate::series::stats::{Counters, LogFailing, add};
use crate::series::{AppendError, Batch, ROWS_PER_SEAL_MAX, SyncPolicy};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info};

/// The most octets written before a sync, so that a group stays in memory.
const GROUP_BYTES_MAX: usize = 8 << 20;

/// What the thread is asked.
pub(crate) enum Request {
    /// Take a poll; it is checked and ascends by column.
    Append {
        batch: Batch,
        reply: oneshot::Sender<Result<(), AppendError>>,
    },
    /// Close the segment; answered with the number of the next one. All that was asked before is
    /// in the head and in segments before it.
    Cut { reply: oneshot::Sender<u64> },
    /// Close the segment, and neither write nor show anything until what is answered is dropped: what
    /// the head has meanwhile is what is in segments before the cut, and what was sealed.
    Still { reply: oneshot::Sender<Still> },
    /// Take what waits already, and no more.
    Close,
}

/// The log stands still while this lives; for some milliseconds, as every poll waits.
pub(crate) struct Still {
    /// The number of the next segment.
    pub(crate) cut: u64,
    _held: SyncSender<()>,
}

/// What the thread works with.
pub(crate) struct Writer {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) segments: Arc<Segments>,
    pub(crate) head: Arc<Head>,
    pub(crate) lazy: Arc<Lazy>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) sync: SyncPolicy,
    pub(crate) segment_bytes_max: u64,
    pub(crate) next: u64,
}

struct Open {
    file: Box<dyn DiskFile>,
    number: u64,
    /// Octets that are synced.
    length: u64,
}

/// What is written and synced together.
#[derive(Default)]
struct Group {
    bytes: Vec<u8>,
    waiting: Vec<(Batch, oneshot::Sender<Result<(), AppendError>>)>,
}

impl Writer {
    /// Runs until every sender is gone or it is asked to close.
    pub(crate) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut open = None;
        let mut synced_at: Option<Instant> = None;
        while let Some(first) = requests.blocking_recv() {
            if let (Some(wait), Some(synced)) = (self.sync.wait(), synced_at) {
                // At most one sync in `wait`; the first after a pause need not wait for others.
                std::thread::sleep(wait.saturating_sub(synced.elapsed()));
            }
            let mut group = Group::default();
            let mut next = Some(first);
            while let Some(request) = next.take() {
                match request {
                    Request::Append { batch, reply } => self.join(&mut group, batch, reply),
                    Request::Cut { reply } => {
                        self.finish(&mut open, &mut group);
                        open = None;
                        let _ = reply.send(self.next);
                    }
                    Request::Still { reply } => {
                        self.finish(&mut open, &mut group);
                        open = None;
                        let (held, dropped) = sync_channel(0);
                        let still = Still {
                            cut: self.next,
                            _held: held,
                        };
                        if reply.send(still).is_ok() {
                            let _ = dropped.recv();
                        }
                    }
                    Request::Close => requests.close(),
                }
                let alone = self.sync == SyncPolicy::EachBatch;
                if !alone && group.bytes.len() < GROUP_BYTES_MAX {
                    next = requests.try_recv().ok();
                }
            }
            self.finish(&mut open, &mut group);
            synced_at = Some(Instant::now());
        }
    }

    fn join(
        &self,
        group: &mut Group,
        batch: Batch,
        reply: oneshot::Sender<Result<(), AppendError>>,
    ) {
        // Before anything newer of the device is in the head, all of what is older is.
        if let Err(source) = self.lazy.touch(batch.device_id) {
            self.counters.defect("log_failed", 1);
            add(&self.counters.samples_refused, batch.values.len() as u64);
            let (operation, source) = ("read", Arc::new(source));
            let _ = reply.send(Err(AppendError::Log { operation, source }));
            return;
        }
        if self.head.has_room(batch.device_id, batch.at) {
            frame::encode(&batch, &mut group.bytes);
            group.waiting.push((batch, reply));
            return;
        }
        self.counters.defect("rows_bound", 1);
        add(&self.counters.samples_refused, batch.values.len() as u64);
        let _ = reply.send(Err(AppendError::TooManyRows {
            device_id: batch.device_id,
            at: batch.at,
            max: ROWS_PER_SEAL_MAX,
        }));
    }

    /// Writes, syncs, shows and acknowledges a group.
    fn finish(&mut self, open: &mut Option<Open>, group: &mut Group) {
        let Group { bytes, waiting } = std::mem::take(group);
        if waiting.is_empty() {
            return;
        }
        let values: usize = waiting.iter().map(|(batch, _)| batch.values.len()).sum();
        match self.write(open, &bytes) {
            Ok(number) => {
                if self.counters.log_does(None).is_some() {
                    info!("the log can be written again");
                }
                let starts = waiting.iter().map(|(batch, _)| window(batch.at));
                self.segments.holds(number, starts);
                add(&self.counters.samples_synced, values as u64);
                for (batch, reply) in waiting {
                    self.head.add(&batch);
                    // Who asked may have gone; the samples are kept all the same.
                    let _ = reply.send(Ok(()));
                }
            }
            Err((operation, source)) => {
                let source = Arc::new(source);
                let failing = LogFailing {
                    operation,
                    source: Arc::clone(&source),
                };
                if self.counters.log_does(Some(failing)).is_none() {
                    error!(error = %source, "the log could not be {operation}: samples are refused");
                }
                self.counters.defect("log_failed", 1);
                add(&self.counters.samples_refused, values as u64);
                add(&self.counters.log_samples_refused, values as u64);
                for (_, reply) in waiting {
                    let source = Arc::clone(&source);
                    let _ = reply.send(Err(AppendError::Log { operation, source }));
                }
            }
        }
    }

    /// Writes and syncs; answers the segment. On failure the segment is given up.
    fn write(
        &mut self,
        open: &mut Option<Open>,
        bytes: &[u8],
    ) -> Result<u64, (&'static str, io::Error)> {
        let full = |open: &Open| open.length >= self.segment_bytes_max;
        let mut segment = match open.take() {
            Some(segment) if !full(&segment) => segment,
            _ => self.begin().map_err(|error| ("opened", error))?,
        };
        let began = Instant::now();
        let written = (segment
            .file
            .append(bytes)
            .map_err(|error| ("written", error)))
        .and_then(|()| segment.file.sync().map_err(|error| ("synced", error)));
        if let Err(failure) = written {
            let _ = segment.file.cut(segment.length);
            if segment.length <= frame::HEADER_LEN as u64 {
                self.segments.give_up(segment.number);
            }
            return Err(failure);
        }
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        add(&self.counters.log_sync_micros, micros);
        add(&self.counters.log_syncs, 1);
        add(&self.counters.log_bytes, bytes.len() as u64);
        segment.length += bytes.len() as u64;
        let number = segment.number;
        *open = Some(segment);
        Ok(number)
    }

    fn begin(&mut self) -> io::Result<Open> {
        let number = self.next;
        // The number is used up also where this fails: the file may be there.
        self.next += 1;
        let path = self.segments.path(number);
        let begun = self.disk.create(&path).and_then(|mut file| {
            file.append(&frame::header(number))?;
            Ok(file)
        });
        if begun.is_err() {
            self.segments.give_up(number);
        }
        let file = begun?;
        self.segments.holds(number, []);
        Ok(Open {
            file,
            number,
            length: frame::HEADER_LEN as u64,
        })
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
