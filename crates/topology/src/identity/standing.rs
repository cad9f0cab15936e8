//! Whether what answers at a device's own address is that device.
//!
//! A device that was swapped, or whose address was given to something else, must not go on under
//! the history of the one before. So each poll shows who answered, and [`standing`] says whether
//! it may be taken in. Polls between two readings of the system group show little; once another
//! device was met, only the known identity, read as a whole, ends that.
//!
//! An agent that was installed anew has a new engine id, and is still the device: the same sysName
//! and half of the interface MACs or more at its registered address, and no other strong identity
//! that differs. Elsewhere that proves nothing: a copy of a machine has its name, too.

use super::{Comparable, Verdict};
use model::Timestamp;
use model::device::{Identity, IdentityConflict, Said};

/// What a poll showed of who answered.
#[derive(Clone, Copy, Debug)]
pub enum Shown<'a> {
    /// Some of its identity, or none of it.
    Part(&'a Identity),
    /// All of its identity, and what it says of itself.
    Whole(&'a Identity, &'a Said),
}

/// Who answered at a device's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The device: the poll may be taken in.
    Known,
    /// The device, and something of it changed that may change; in one sentence.
    Renewed {
        /// What agrees and what is new.
        reason: String,
    },
    /// Another device: nothing of the poll may be taken in.
    Other {
        /// What differs.
        reason: String,
    },
    /// Another device answered last, and this poll does not show that it was the known one again:
    /// nothing of it may be taken in.
    Unproven,
}

/// Who answered at the address of the device `known`, where `conflict` says that another one did
/// before.
pub fn standing(
    known: &Identity,
    conflict: Option<&IdentityConflict>,
    shown: Shown<'_>,
) -> Standing {
    let (met, whole) = match shown {
        Shown::Part(met) => (met, false),
        Shown::Whole(met, _) => (met, true),
    };
    match Comparable::of(met).verdict(&Comparable::of(known), true) {
        Some((_, Verdict::Differs { unlike, .. })) => Standing::Other { reason: unlike },
        _ if !whole && conflict.is_some() => Standing::Unproven,
        Some((_, Verdict::Renewed(reason))) => Standing::Renewed { reason },
        Some((_, Verdict::Same(_))) | None => Standing::Known,
    }
}

/// The conflict after a poll that was answered `at`, to be kept with the device.
pub fn conflict_after(
    before: Option<&IdentityConflict>,
    standing: &Standing,
    shown: Shown<'_>,
    at: Timestamp,
) -> Option<IdentityConflict> {
    let reason = match standing {
        Standing::Known | Standing::Renewed { .. } => return None,
        Standing::Unproven => return before.cloned(),
        Standing::Other { reason } => reason,
    };
    let (met, said) = match shown {
        Shown::Whole(met, said) => (met.clone(), said.clone()),
        Shown::Part(met) => {
            // What was read as a whole of the same one says more.
            if let Some(before) = before
                && !differs(&before.met, met)
            {
                return Some(before.clone());
            }
            let said = Said {
                name: met.sys_name.clone(),
                ..Said::default()
            };
            (met.clone(), said)
        }
    };
    Some(IdentityConflict {
        since: before.map_or(at, |before| before.since),
        reason: reason.clone(),
        said,
        met,
    })
}

/// Whether what two identities state cannot be of one device at one address.
fn differs(known: &Identity, met: &Identity) -> bool {
    matches!(
        Comparable::of(met).verdict(&Comparable::of(known), true),
        Some((_, Verdict::Differs { .. }))
    )
}

#[cfg(test)]
mod tests;
