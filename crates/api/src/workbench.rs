//! What an operator asks of device knowledge: profiles, MIBs, a walk of a device, a trial of a
//! profile. The server answers; here are the questions and the answers.

use model::DeviceId;
use model::facts::Facts;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

/// A question, and where its answer goes.
#[derive(Debug)]
pub enum Workbench {
    /// All profiles, by name.
    Profiles(Reply<Vec<ProfileSummary>>),
    /// One profile whole.
    Profile(String, Reply<ProfileText>),
    /// Whether devices can be read by a profile of that name.
    IsUsable(String, Reply<bool>),
    /// What is wrong with a profile's text.
    Check(ProfileDraft, Reply<Vec<ProfileMistake>>),
    /// Keep a profile of the operator's own. `revision` is that of the one it replaces; none where it
    /// is new.
    Save {
        /// What is kept.
        draft: ProfileDraft,
        /// Of the profile that it replaces.
        revision: Option<Expected>,
        /// The profile as kept.
        reply: Reply<ProfileText>,
    },
    /// Delete a profile of the operator's own.
    Delete {
        /// Which.
        name: String,
        /// As it was read.
        revision: Expected,
        /// Done.
        reply: Reply<()>,
    },
    /// Walk a part of a device.
    Walk {
        /// Which device.
        device_id: DeviceId,
        /// An OID, or the name of a standard object or of one of an uploaded MIB, also with an instance.
        object: String,
        /// Objects that are told at most.
        limit: usize,
        /// What there is.
        reply: Reply<WalkAnswer>,
    },
    /// Read a device with a profile that is not kept.
    Try {
        /// Which device.
        device_id: DeviceId,
        /// The profile.
        draft: ProfileDraft,
        /// What it brings.
        reply: Reply<TrialAnswer>,
    },
    /// All MIBs that were uploaded, by name.
    Mibs(Reply<Vec<MibSummary>>),
    /// Keep a MIB.
    SaveMib(String, Reply<MibSummary>),
    /// Delete a MIB.
    DeleteMib(String, Reply<()>),
    /// Objects of a MIB, by OID.
    MibObjects(String, Reply<Vec<MibObject>>),
}

/// Where an answer goes.
pub type Reply<T> = oneshot::Sender<Result<T, WorkbenchError>>;

/// The revision that a change is made to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whatever is there.
    Any,
    /// This one.
    Revision(u64),
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkbenchError {
    /// There is no such profile, MIB or device.
    NotFound {
        /// What is missing, as `profile`.
        what: &'static str,
        /// Its name or id.
        name: String,
    },
    /// There is one of that name already, or it is a built-in one.
    Conflict(String),
    /// It was changed since it was read; its revision now.
    Stale(u64),
    /// A field of the question is wrong.
    Invalid(Vec<(&'static str, String)>),
    /// The device cannot be asked, or does not answer.
    Device(String),
    /// As many questions as are allowed are under way.
    Busy,
    /// It could not be kept or read for a reason of the server's.
    Failed(String),
}

/// A profile in a list.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ProfileSummary {
    /// Its name.
    pub name: String,
    /// What it is for, in one line.
    pub summary: String,
    /// Profiles that it extends.
    pub extends: Vec<String>,
    /// Whether an operator brought it; a built-in one else.
    pub own: bool,
    /// Whether devices are read by it. One of the operator's own with mistakes is not: where it has
    /// the name of a built-in one, they are read by that.
    pub in_use: bool,
}

/// A profile whole.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ProfileText {
    /// Its name.
    pub name: String,
    /// What it is for, in one line.
    pub summary: String,
    /// Whether an operator brought it; a built-in one else.
    pub own: bool,
    /// Its TOML.
    pub text: String,
    /// Another one where the text is another.
    pub revision: u64,
}

/// A profile to check, to try or to keep.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileDraft {
    /// Its name: letters, digits, `-` and `_`.
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
    pub name: String,
    /// Its TOML.
    #[schema(max_length = 262_144)]
    pub text: String,
}

/// A mistake in a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ProfileMistake {
    /// Line, from 1.
    pub line: u64,
    /// Which key, as `sensor[2].value`; empty where the text cannot be read at all.
    pub key: String,
    /// What is wrong with it.
    pub detail: String,
}

/// An object of a device.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct WalkedObject {
    /// Its OID with the instance.
    pub oid: String,
    /// Its name with the instance, where a MIB at hand tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its type, as `Counter64`.
    pub syntax: String,
    /// Its value as text.
    pub value: String,
}

/// What a walk found.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct WalkAnswer {
    /// Objects in the order of their OIDs.
    pub items: Vec<WalkedObject>,
    /// Whether there is nothing more under the object.
    pub complete: bool,
    /// Why it ended early, where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

/// Which object gave a fact.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct FactOrigin {
    /// The fact: `device.model`, `sensors`, ...
    pub fact: String,
    /// The profile or MIB by which it was read.
    pub source: String,
    /// The object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
}

/// What a profile brings of a device.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct TrialAnswer {
    /// Whether the profile is for this device at all: where another was chosen for it, it is not.
    pub matched: bool,
    /// The profiles that are for it, the sharpest first.
    pub profiles: Vec<String>,
    /// Where each fact came from.
    pub origins: Vec<FactOrigin>,
    /// What was read.
    #[schema(value_type = Object)]
    pub facts: Facts,
}

/// A MIB in a list.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct MibSummary {
    /// The module's name.
    pub name: String,
    /// Objects with a value that it names.
    pub objects: u64,
    /// Modules that it imports from and that are not here: what stands on them is missing.
    pub missing: Vec<String>,
}

/// An object of a MIB.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct MibObject {
    /// Its name.
    pub name: String,
    /// Its OID, without an instance.
    pub oid: String,
    /// Whether it is a column of a table; a scalar else.
    pub is_column: bool,
    /// Its base type.
    pub syntax: String,
    /// UNITS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<String>,
    /// Named numbers.
    pub states: std::collections::BTreeMap<i64, String>,
    /// What the module says of it, cut.
    pub description: String,
}
