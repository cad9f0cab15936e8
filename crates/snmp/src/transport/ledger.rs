//! What a session's transport noticed beside the answers: refusals, damage, strays.

use crate::defects::{Defect, Defects};
use crate::error::Refusal;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub(crate) struct Ledger(Mutex<Noted>);

#[derive(Default)]
pub(crate) struct Noted {
    /// The refusal that ended the last request.
    pub(crate) refusal: Option<Refusal>,
    /// Whether the last request was ended by an answer that could not be read.
    pub(crate) malformed: bool,
    pub(crate) defects: Defects,
}

impl Ledger {
    pub(crate) fn add(&self, defect: Defect) {
        self.add_many(defect, 1);
    }
    pub(crate) fn add_many(&self, defect: Defect, count: u64) {
        self.lock().defects.add_many(defect, count);
    }
    pub(crate) fn refuse(&self, refusal: Refusal) {
        self.lock().refusal = Some(refusal);
    }
    pub(crate) fn malformed(&self) {
        let mut noted = self.lock();
        noted.malformed = true;
        noted.defects.add(Defect::MalformedAnswer);
    }
    /// Forgets what the last request left, save the defects.
    pub(crate) fn begin(&self) {
        let mut noted = self.lock();
        noted.refusal = None;
        noted.malformed = false;
    }
    /// What was noted, leaving nothing.
    pub(crate) fn take(&self) -> Noted {
        std::mem::take(&mut *self.lock())
    }
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.lock().refusal
    }
    pub(crate) fn was_malformed(&self) -> bool {
        self.lock().malformed
    }
    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
