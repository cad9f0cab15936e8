//! How far long work is, for whoever looks on, and the wish that it stop.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How far a backup, a restore, a check, or work on the archive is.
#[derive(Debug, Default)]
pub struct Progress {
    total: AtomicU64,
    done: AtomicU64,
    stop: AtomicBool,
}

/// The work was asked to stop, and did so between two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the work was stopped")]
pub struct Stopped;

impl Progress {
    /// Says how much there is to do, as far as is known: octets, or whatever [`did`](Self::did) counts.
    pub fn expect(&self, total: u64) {
        self.total.store(total, Ordering::Relaxed);
    }

    /// So much more was done.
    pub fn did(&self, more: u64) {
        self.done.fetch_add(more, Ordering::Relaxed);
    }

    /// Fails where the work was asked to stop.
    pub fn go_on(&self) -> Result<(), Stopped> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Stopped);
        }
        Ok(())
    }

    /// Asks the work to end; it does so within a step.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// What was done, and what there is to do as far as is known.
    pub fn read(&self) -> (u64, u64) {
        (
            self.done.load(Ordering::Relaxed),
            self.total.load(Ordering::Relaxed),
        )
    }
}
