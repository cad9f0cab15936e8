//! Looking for devices: a sweep of the targets, identification by SNMP, and neighbours from there.
//!
//! Begin with [`DiscoveryPlan::parse`], then [`run`]. What a run finds comes out as [`Found`],
//! address by address; which addresses are one device is decided elsewhere. A run asks each
//! address once, and never one outside its targets and allowed networks, whatever a neighbour
//! table says.

mod ask;
mod frontier;
mod plan;
mod run;
pub mod target;

use model::CredentialId;
use model::discovery::DiscoveryResult;

pub use plan::{ADDRESSES_MAX, DiscoveryPlan, TargetError, TargetReason};
pub use run::{DEVICES_MAX, run};

/// Something that a run has to say.
pub enum Found {
    /// How far it is. Sent now and then, and once at the end.
    Progress {
        /// Addresses to ask that are known so far.
        total: u64,
        /// Addresses asked.
        done: u64,
        /// Addresses that answered anything.
        answered: u64,
    },
    /// An address that answered, or one that was named and did not: a single target or a
    /// neighbour. Silent addresses of networks and ranges are only counted.
    Address {
        /// What came of it. `device_id` and `identity_reason` are none.
        result: Box<DiscoveryResult>,
        /// What was read, where it was identified.
        look: Option<Box<crate::snmp::Look>>,
        /// What it answered to, where that has an id.
        credential: Option<CredentialId>,
    },
    /// What could not be done, in a sentence for an operator.
    Notice(String),
    /// The last word of a run.
    Finished {
        /// Whether it was stopped before it had asked every address.
        cancelled: bool,
    },
}
