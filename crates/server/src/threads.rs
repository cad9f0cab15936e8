//! The threads of the server: a runtime for each part, so that one that is busy does not hold up the
//! others, and what each costs can be told from outside (`top -H`) and in `/metrics`.
//!
//! | part | what runs there |
//! | --- | --- |
//! | `poll` | sockets to devices, sessions, the poller |
//! | `listen` | lines of logs, traps and flows: what others send, as fast as they like |
//! | `ingest` | reports to series, facts, status, links |
//! | `foresight` | detectors of all series |
//! | `front` | HTTP, the stream, the desk, runs of discovery |
//!
//! The store has threads of its own, whose names begin with `store` or `documents`; so has foresight.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::process;

/// The runtimes. They end with [`Threads::end`].
pub struct Threads {
    front: Runtime,
    poll: Runtime,
    listen: Runtime,
    ingest: Runtime,
    foresight: Runtime,
    ended: Ended,
}

/// Where the parts run.
#[derive(Clone)]
pub struct Places {
    /// Devices are asked here.
    pub poll: Handle,
    /// What others send is read here.
    pub listen: Handle,
    /// What they answered is kept here.
    pub ingest: Handle,
    /// What is expected of it is learned here.
    pub foresight: Handle,
    /// CPU time of threads that have ended, by part.
    pub ended: Ended,
}

/// CPU time in nanoseconds of threads that are no more, by part: blocking work is done by threads
/// that come and go.
#[derive(Clone, Default)]
pub struct Ended {
    front: Arc<AtomicU64>,
    poll: Arc<AtomicU64>,
    listen: Arc<AtomicU64>,
    ingest: Arc<AtomicU64>,
    foresight: Arc<AtomicU64>,
}

/// Names of threads, which are those of the parts. At most 15 octets: prctl(2).
const FRONT: &str = "front";
const POLL: &str = "poll";
/// Also that of the threads that drain sockets.
const LISTEN: &str = "listen";
const INGEST: &str = "ingest";
const FORESIGHT: &str = "foresight";
const STORE: &str = "store";
const OTHER: &str = "other";

/// Whose a thread is, by how its name begins.
const NAMED: [(&str, &str); 8] = [
    (FRONT, FRONT),
    (POLL, POLL),
    // Echo requests and their replies.
    ("icmp", POLL),
    (LISTEN, LISTEN),
    (INGEST, INGEST),
    (FORESIGHT, FORESIGHT),
    (STORE, STORE),
    ("documents", STORE),
];

impl Threads {
    /// Starts them.
    pub fn start() -> io::Result<Self> {
        let ended = Ended::default();
        Ok(Self {
            front: runtime(FRONT, None, &ended.front)?,
            poll: runtime(POLL, None, &ended.poll)?,
            listen: runtime(LISTEN, Some(listening_threads()), &ended.listen)?,
            ingest: runtime(INGEST, None, &ended.ingest)?,
            // One is enough, and no more than one core is taken from the others.
            foresight: runtime(FORESIGHT, Some(1), &ended.foresight)?,
            ended,
        })
    }

    /// Where the parts run.
    pub fn places(&self) -> Places {
        Places {
            poll: self.poll.handle().clone(),
            listen: self.listen.handle().clone(),
            ingest: self.ingest.handle().clone(),
            foresight: self.foresight.handle().clone(),
            ended: self.ended.clone(),
        }
    }

    /// Runs the server to its end.
    pub fn run<T>(&self, server: impl Future<Output = T>) -> T {
        self.front.block_on(server)
    }

    /// Ends them; blocking work that takes longer than this is abandoned.
    pub fn end(self, within: Duration) {
        self.poll.shutdown_timeout(within);
        self.listen.shutdown_timeout(within);
        self.ingest.shutdown_timeout(within);
        self.foresight.shutdown_timeout(within);
        self.front.shutdown_timeout(within);
    }
}

/// Half of the processors, at least one: a flood of what can be read takes no more from the others.
fn listening_threads() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (processors / 2).max(1)
}

fn runtime(
    name: &'static str,
    threads: Option<usize>,
    ended: &Arc<AtomicU64>,
) -> io::Result<Runtime> {
    let ended = Arc::clone(ended);
    let mut builder = Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    builder
        .enable_all()
        .thread_name(name)
        .on_thread_stop(move || {
            let nanos = process::thread_cpu_nanos().unwrap_or(0);
            ended.fetch_add(nanos, Ordering::Relaxed);
        })
        .build()
}

impl Ended {
    /// CPU time in seconds of each part, so far.
    pub fn cpu_seconds_by_part(&self) -> Vec<(&'static str, f64)> {
        let gone = |nanos: &AtomicU64| nanos.load(Ordering::Relaxed);
        let mut parts = [
            (FRONT, gone(&self.front)),
            (POLL, gone(&self.poll)),
            (LISTEN, gone(&self.listen)),
            (INGEST, gone(&self.ingest)),
            (FORESIGHT, gone(&self.foresight)),
            (STORE, 0),
            (FORESIGHT, 0),
            (OTHER, 0),
        ];
        for (thread, nanos) in process::threads_cpu_nanos() {
            let whose = part_of(&thread);
            for (_, sum) in parts.iter_mut().filter(|(part, _)| *part == whose) {
                *sum += nanos;
            }
        }
        let seconds = parts.map(|(part, nanos)| (part, nanos as f64 / 1e9));
        seconds.to_vec()
    }
}

fn part_of(thread: &str) -> &'static str {
    NAMED
        .iter()
        .find(|(begin, _)| thread.starts_with(begin))
        .map_or(OTHER, |(_, part)| part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_part_costs_is_told_also_after_its_threads_ended() {
        let threads = Threads::start().unwrap();
        let places = threads.places();
        let ended = places.ended.clone();
        let busy = places.poll.spawn_blocking(|| {
            let until = std::time::Instant::now() + Duration::from_millis(30);
            while std::time::Instant::now() < until {
                std::hint::spin_loop();
            }
        });
        threads.run(busy).unwrap();
        threads.end(Duration::from_secs(5));
        let parts = ended.cpu_seconds_by_part();
        let poll = parts.iter().find(|(part, _)| *part == POLL).unwrap().1;
        assert!(poll > 0.001, "{parts:?}");
    }
}
