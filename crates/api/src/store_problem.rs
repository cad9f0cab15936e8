//! What an error of the store is to a client.

use crate::problem::{Kind, Problem};
use crate::revision;
use store::StoreError;

/// The problem.
pub(crate) fn of_store(error: StoreError) -> Problem {
    match error {
        StoreError::RevisionConflict {
            found: Some(found), ..
        } => revision::stale(found),
        StoreError::RevisionConflict { id, .. } | StoreError::NotFound { id, .. } => {
            Problem::new(Kind::NotFound, format!("{id} is not there any more."))
        }
        StoreError::Duplicate { index, id, .. } => {
            Problem::new(Kind::Conflict, format!("{id} already has that {index}."))
        }
        StoreError::InUse { count, by, .. } => Problem::new(
            Kind::Conflict,
            format!("It is in use by {count} of {by}; change those first."),
        ),
        StoreError::Held {
            hold_id, reason, ..
        } => Problem::new(
            Kind::Conflict,
            format!("Samples of it are kept by the hold {hold_id} ({reason}); release that first."),
        ),
        StoreError::TooLarge {
            bytes, bytes_max, ..
        } => Problem::new(
            Kind::TooLarge,
            format!("It would take {bytes} octets; at most {bytes_max} are kept."),
        ),
        StoreError::Full { .. } => Problem::new(
            Kind::Full,
            "The disk is full: nothing was changed. What is there can be read.",
        ),
        error => Problem::internal("the store", &error),
    }
}
