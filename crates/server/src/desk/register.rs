//! Which device an address is, and registering what is new.

use super::{Context, Opened};
use collect::snmp::Look;
use model::device::{Device, Identity, LOCAL_VANTAGE, Said, Typed};
use model::discovery::{DiscoveryResult, SnmpAnswer};
use model::event::Event;
use model::rule::{Decision, Source, Verdict};
use model::{CredentialId, DeviceId, ScheduleId};
use std::net::SocketAddr;
use store::StoreError;
use topology::identity::{self, Index, Resolution};
use topology::rules::{RuleSet, Subject};
use tracing::{info, warn};

/// What became of an address.
pub(super) struct Placed {
    /// The device that it is; none where it is none, or none is kept.
    pub(super) device_id: Option<DeviceId>,
    /// Why.
    pub(super) reason: Option<String>,
    /// A name for the device within this run, whether it is kept or not.
    pub(super) counted_as: Option<DeviceId>,
    /// It was not known before.
    pub(super) new: bool,
    /// What the rules said of it, where it was not known before.
    pub(super) rule_reason: Option<String>,
}

impl Placed {
    /// No device, or none that is kept.
    fn nothing(reason: Option<String>) -> Self {
        Self {
            device_id: None,
            reason,
            counted_as: None,
            new: false,
            rule_reason: None,
        }
    }
}

/// The rules as they were last read.
#[derive(Default)]
pub(super) struct RuleBook {
    /// [`store::rules::Rules::changes`] of before that.
    read_at: Option<u64>,
    rules: RuleSet,
}

impl RuleBook {
    /// The rules as they are now. Where they cannot be read, those of before count.
    pub(super) async fn current(&mut self, context: &Context) -> &RuleSet {
        let changes = context.store.rules.changes();
        if self.read_at != Some(changes) {
            match context.store.rules.list().await {
                Ok(rules) => {
                    self.rules = RuleSet::new(rules.iter().map(|stored| &stored.body));
                    self.read_at = Some(changes);
                }
                Err(error) => {
                    warn!(error = %crate::chain(&error), "rules for new devices cannot be read, those of before count");
                }
            }
        }
        &self.rules
    }
}

/// How a device was found.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    /// Whether the run registers what is new.
    pub(super) register: bool,
    /// The schedule that began it.
    pub(super) schedule_id: Option<ScheduleId>,
    /// What answered at the address.
    pub(super) result: &'a DiscoveryResult,
    /// What it said.
    pub(super) look: Option<&'a Look>,
    /// What it answered to.
    pub(super) credential: Option<CredentialId>,
}

impl Found<'_> {
    /// What the rules are asked of.
    fn subject<'a>(&self, said: &'a Said) -> Subject<'a> {
        Subject {
            address: Some(self.result.address),
            name: said.name.as_deref(),
            vendor: said.vendor.as_deref(),
            model: said.model.as_deref(),
            os: said.os.as_deref(),
            kind: said.kind.as_deref(),
            object_id: said.object_id.as_deref(),
            description: said.description.as_deref(),
            credential_id: self.credential,
            source: Some(if self.result.hops == 0 {
                Source::Target
            } else {
                Source::Neighbor
            }),
            schedule_id: self.schedule_id,
        }
    }
}

/// Finds the device that answered, or registers it. `index` knows the inventory and what this run
/// found; the rules say what becomes of a new one.
pub(super) async fn place(
    context: &Context,
    index: &mut Index,
    rules: &RuleSet,
    found: Found<'_>,
) -> Placed {
    let Found { result, look, .. } = found;
    let address = SocketAddr::new(result.address, result.port);
    let by_echo_alone = result.snmp == SnmpAnswer::NotAsked && result.icmp_answered == Some(true);
    if look.is_none() && !by_echo_alone {
        return Placed::nothing(None);
    }
    let (said, mut identity) =
        look.map_or_else(Default::default, |look| (look.said(), look.identity()));
    identity.addresses.insert(result.address);
    let resolution = index.resolve(&identity, address);
    let reason = Some(resolution.reason().to_owned());
    if let Resolution::Same { device_id, .. } = resolution {
        let kept = context.store.inventory.device(device_id).is_some();
        let device_id_kept = kept.then_some(device_id);
        return Placed {
            device_id: device_id_kept,
            counted_as: Some(device_id),
            ..Placed::nothing(reason)
        };
    }
    if let Resolution::Conflict { with, reason } = &resolution {
        info!(device.id = %with, %address, "{reason}");
    }
    let decision = rules.decide(&found.subject(&said));
    let rule_reason = decision.reason();
    let ignored = decision.verdict == Verdict::Ignore;
    if !found.register || ignored {
        let counted_as = DeviceId::new();
        index.insert(counted_as, &identity, address);
        return Placed {
            counted_as: Some(counted_as),
            // What is ignored is no news, however often it is found.
            new: !ignored,
            rule_reason,
            ..Placed::nothing(reason)
        };
    }
    let made = create(
        context,
        address,
        (said, identity.clone()),
        found.credential,
        decision,
    );
    match made.await {
        Ok(device_id) => {
            index.insert(device_id, &identity, address);
            Placed {
                device_id: Some(device_id),
                counted_as: Some(device_id),
                new: true,
                rule_reason,
                ..Placed::nothing(reason)
            }
        }
        Err(StoreError::Duplicate { .. }) => held(context, address, &identity, resolution.reason()),
        Err(error) => {
            warn!(%address, error = %crate::chain(&error), "a found device was not registered");
            Placed::nothing(Some(format!("not registered: {error}")))
        }
    }
}

/// What becomes of a device that answers at an address where one is registered. Another one is not
/// put into the index: met at an address that is free, it is registered there.
fn held(context: &Context, address: SocketAddr, identity: &Identity, reason: &str) -> Placed {
    let there = context.store.inventory.devices_at(address.ip());
    let holder = there
        .iter()
        .map(|record| &record.device.body)
        .find(|device| device.socket() == address);
    let reason = match holder {
        // Given up in this moment; the next run finds it free.
        None => reason.to_owned(),
        Some(holder) => {
            let known = [(holder.id, &holder.identity, address)];
            match identity::resolve(&known, identity, address) {
                // Registered while this run was at work.
                Resolution::Same { device_id, reason } => {
                    return Placed {
                        device_id: Some(device_id),
                        counted_as: Some(device_id),
                        ..Placed::nothing(Some(reason))
                    };
                }
                Resolution::New { reason } | Resolution::Conflict { reason, .. } => {
                    not_here(holder, &reason)
                }
            }
        }
    };
    Placed {
        counted_as: Some(DeviceId::new()),
        ..Placed::nothing(Some(reason))
    }
}

/// Why a device is not registered at an address that another has, and the ways out.
fn not_here(holder: &Device, reason: &str) -> String {
    format!(
        "{reason}. {} ({}) is registered at {}: accept there that it was replaced, or give it its \
         new address or delete it and discover again",
        holder.name(),
        holder.id,
        holder.socket(),
    )
}

async fn create(
    context: &Context,
    address: SocketAddr,
    (said, identity): (Said, Identity),
    credential_id: Option<CredentialId>,
    rules_say: Decision,
) -> Result<DeviceId, StoreError> {
    let device = Device {
        id: DeviceId::new(),
        address: address.ip(),
        port: address.port(),
        vantage: LOCAL_VANTAGE.to_owned(),
        typed: Typed {
            name: None,
            location: rules_say.location,
            site: rules_say.site,
            tags: rules_say.tags,
            profile: rules_say.profile,
        },
        said,
        identity,
        credential_id,
        interval_secs: rules_say.interval_secs.unwrap_or(context.interval_secs),
        maintenance: None,
        created_at: context.clock.now(),
        conflict: None,
        replaced_at: Vec::new(),
    };
    let record = context.store.inventory.create(device).await?;
    let device = &record.device.body;
    info!(device.id = %device.id, %address, "device registered");
    context.tell(Event::DeviceChanged {
        device_id: device.id,
    });
    context.poll(device, &mut Opened::default()).await;
    Ok(device.id)
}
