//! What handlers ask of the server: the arrow from `api` back to whoever polls and discovers.
//!
//! The channel, its capacity and what happens when it is full are the server's affair.

use crate::workbench::Workbench;
use model::backup::Backup;
use model::discovery::{Discovery, DiscoveryRequest};
use model::webhook::Delivery;
use model::{BackupId, CredentialId, DeviceId, DiscoveryId, ScheduleId, TriggerId};
use tokio::sync::oneshot;

/// One wish of a handler. Sent after what it refers to is durable in the store.
#[derive(Debug)]
pub enum Command {
    /// Check a discovery's targets, keep it in the store as running, and begin it.
    StartDiscovery {
        /// The id that the run is to have.
        discovery_id: DiscoveryId,
        /// What is looked for.
        request: DiscoveryRequest,
        /// The run as kept, or why it was refused.
        reply: oneshot::Sender<Result<Discovery, DiscoveryRefused>>,
    },
    /// Stop a run; its document says `cancelled` soon after.
    CancelDiscovery {
        /// Which.
        discovery_id: DiscoveryId,
    },
    /// Check what a discovery would look for, without beginning it.
    CheckDiscovery {
        /// What would be looked for.
        request: DiscoveryRequest,
        /// Nothing, or why it would be refused.
        reply: oneshot::Sender<Result<(), DiscoveryRefused>>,
    },
    /// A schedule of discoveries was made, changed or deleted.
    ScheduleChanged {
        /// Which.
        schedule_id: ScheduleId,
        /// Answered when its next run is set.
        reply: oneshot::Sender<()>,
    },
    /// Run a schedule now.
    RunSchedule {
        /// Which.
        schedule_id: ScheduleId,
        /// The id that the run is to have.
        discovery_id: DiscoveryId,
        /// The run as kept, or why it was refused.
        reply: oneshot::Sender<Result<Discovery, DiscoveryRefused>>,
    },
    /// A device was made or changed by an operator: poll it as it is now written.
    DeviceChanged {
        /// Which.
        device_id: DeviceId,
    },
    /// A device was deleted: stop polling it, drop its series.
    DeviceDeleted {
        /// Which.
        device_id: DeviceId,
    },
    /// A credential was changed: devices that use it are asked with it from now on.
    CredentialChanged {
        /// Which.
        credential_id: CredentialId,
    },
    /// A device was replaced by what answers at its address: read all of it now.
    IdentityAccepted {
        /// Which.
        device_id: DeviceId,
    },
    /// Take a backup.
    StartBackup {
        /// The id that it is to have.
        backup_id: BackupId,
        /// The backup as it has begun, or why it was refused.
        reply: oneshot::Sender<Result<Backup, BackupRefused>>,
    },
    /// Send a message to the webhook of a scaling trigger, once.
    TestWebhook {
        /// Which.
        trigger_id: TriggerId,
        /// How it fared; none where the trigger has no webhook.
        reply: oneshot::Sender<Result<Option<Delivery>, WebhookBusy>>,
    },
    /// A question about device knowledge.
    Workbench(Workbench),
    /// Poll a device now rather than at its turn.
    PollNow {
        /// Which.
        device_id: DeviceId,
    },
}

/// As many messages to webhooks as may be are under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookBusy;

/// Why a backup was not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupRefused {
    /// The settings name no folder for backups.
    NoFolder,
    /// Another one is being taken.
    Running {
        /// Which.
        backup_id: BackupId,
    },
}

/// Why a discovery was not begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiscoveryRefused {
    /// One of the targets cannot be asked.
    Target {
        /// Its place in `targets`.
        index: usize,
        /// One sentence for the operator.
        detail: String,
    },
    /// One of the allowed networks cannot be read.
    AllowedNetwork {
        /// Its place in `allowed_networks`.
        index: usize,
        /// One sentence for the operator.
        detail: String,
    },
    /// One of the credentials does not exist or cannot be opened.
    Credential {
        /// Its place in `credential_ids`.
        index: usize,
        /// One sentence for the operator.
        detail: String,
    },
    /// A field of the request is wrong as a whole.
    Field {
        /// Which, as `methods`.
        field: &'static str,
        /// One sentence for the operator.
        detail: String,
    },
    /// The run may not begin beside another that is at work.
    Running {
        /// One sentence for the operator.
        detail: String,
    },
    /// As many runs as are allowed are at work.
    Busy {
        /// One sentence for the operator.
        detail: String,
    },
    /// The run could not be kept or begun for a reason of the server's.
    Failed {
        /// One sentence for the operator.
        detail: String,
    },
}
