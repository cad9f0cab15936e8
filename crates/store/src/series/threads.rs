//! The threads of the series store: one writes the log, one the registry, one seals and merges from
//! time to time, one reads packs again, and one replays the log after the start and ends. Whoever holds [`Threads`] ends
//! them by dropping it.

use crate::disk::Disk;
use crate::series::bury::Queues;
use crate::series::log::writer::{self, Writer};
use crate::series::parts::Parts;
use crate::series::recovery::lazy::Lazy;
use crate::series::registry::{self, table::Table};
use crate::series::{APPEND_QUEUE_MAX, SeriesError, SeriesOptions, scrub, seal};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use tokio::sync::mpsc;
use tracing::warn;

/// The running threads and the queues to them.
pub(super) struct Threads {
    log: Option<mpsc::Sender<writer::Request>>,
    registry: Option<mpsc::Sender<registry::Request>>,
    timer: Mutex<Timer>,
    scrub: Mutex<Timer>,
    lazy: Arc<Lazy>,
    writers: Mutex<Vec<JoinHandle<()>>>,
}

/// A thread that works from time to time; dropping `stop` ends it.
#[derive(Default)]
struct Timer {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Timer {
    /// Ends the thread and waits for what it is doing.
    fn end(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A thread that shows in `top -H` and in the measurements by its name.
fn named(name: &str, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(work);
    started.expect("the system has a thread for us as we start")
}

impl Threads {
    /// Starts them; the next segment of the log has the number `next`.
    pub(super) fn start(
        parts: &Arc<Parts>,
        table: Table,
        options: &SeriesOptions,
        disk: Arc<dyn Disk>,
        next: u64,
    ) -> Self {
        let (log, requests) = mpsc::channel(APPEND_QUEUE_MAX);
        let writer = Writer {
            disk,
            segments: Arc::clone(&parts.segments),
            head: Arc::clone(&parts.head),
            lazy: Arc::clone(&parts.lazy),
            counters: Arc::clone(&parts.counters),
            sync: options.sync,
            segment_bytes_max: options.segment_bytes_max,
            next,
        };
        let (registry, asked) = registry::queue();
        let (index, counters) = (Arc::clone(&parts.index), Arc::clone(&parts.counters));
        let mut threads = vec![
            named("store-log", move || writer.run(requests)),
            named("store-registry", move || {
                registry::run(table, &index, &counters, asked);
            }),
        ];
        if parts.lazy.left() > 0 {
            let lazy = Arc::clone(&parts.lazy);
            threads.push(named("store-replay", move || lazy.run()));
        }
        let timer = options.maintain_every.map_or_else(Timer::default, |every| {
            let (stop, stopped) = sync_channel(0);
            let parts = Arc::clone(parts);
            let queues = Queues {
                log: log.clone(),
                registry: registry.clone(),
            };
            Timer {
                stop: Some(stop),
                thread: Some(named("store-seal", move || {
                    let mut failing = false;
                    while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                        let done = seal::maintain(&parts, &queues, parts.clock.now());
                        if matches!(done, Err(SeriesError::Closed)) {
                            break;
                        }
                        if let (Err(error), false) = (&done, failing) {
                            warn!(error = %error, cause = ?error, "sealing failed and is tried again");
                        }
                        failing = done.is_err();
                        parts.counters.defect("maintenance_failed", u64::from(failing));
                    }
                })),
            }
        });
        let bytes_per_sec_max = options.scrub_bytes_per_sec_max;
        let scrub = if bytes_per_sec_max == 0 {
            Timer::default()
        } else {
            let (stop, stopped) = sync_channel(0);
            let parts = Arc::clone(parts);
            Timer {
                stop: Some(stop),
                thread: Some(named("store-scrub", move || {
                    scrub::run(&parts, bytes_per_sec_max, &stopped);
                })),
            }
        };
        Self {
            log: Some(log),
            registry: Some(registry),
            timer: Mutex::new(timer),
            scrub: Mutex::new(scrub),
            lazy: Arc::clone(&parts.lazy),
            writers: Mutex::new(threads),
        }
    }

    /// The queue of the log; `None` only while this is being dropped.
    pub(super) fn log(&self) -> Option<&mpsc::Sender<writer::Request>> {
        self.log.as_ref()
    }

    /// The queue of the registry.
    pub(super) fn registry(&self) -> Option<&mpsc::Sender<registry::Request>> {
        self.registry.as_ref()
    }

    /// Both.
    pub(super) fn queues(&self) -> Option<Queues> {
        Some(Queues {
            log: self.log.clone()?,
            registry: self.registry.clone()?,
        })
    }

    /// Ends replaying, and what is done from time to time, and waits for a pass that is under way.
    pub(super) fn stop_timer(&self) {
        self.lazy.stop();
        for timer in [&self.scrub, &self.timer] {
            timer.lock().unwrap_or_else(PoisonError::into_inner).end();
        }
    }

    /// Waits for the writers, which were told to close.
    pub(super) fn join(&self) {
        let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in writers.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Threads {
    /// The threads end when their queues do, having taken what waits.
    fn drop(&mut self) {
        self.stop_timer();
        self.log = None;
        self.registry = None;
        self.join();
    }
}
