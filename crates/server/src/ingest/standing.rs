//! Who answers at a device's address. Another device's polls are held off, which is kept with the
//! device, so that a restart lets nothing in; and the device itself counts as silent. What tells
//! one device from another is in `topology::identity`.

use super::{Context, Memory};
use collect::PollReport;
use collect::snmp::Groups;
use collect::status::is_long_quiet;
use model::Status;
use model::device::{Identity, IdentityConflict};
use model::event::Event;
use model::status::{Check, CheckOutcome, Evidence};
use std::fmt::Write as _;
use std::time::Duration;
use store::inventory::{DeviceRecord, StatusReport};
use topology::identity::standing::{Shown, Standing, conflict_after, standing};
use tracing::{info, warn};

impl Context {
    /// Looks who answered, keeps what changed of that and tells it. Answers the conflict that the
    /// poll leaves; where there is none it may be taken in.
    pub(super) async fn keep_conflict(
        &self,
        record: &DeviceRecord,
        report: &PollReport,
        memory: &mut Memory,
    ) -> Option<IdentityConflict> {
        let device = &record.device.body;
        let (device_id, address) = (device.id, report.address);
        let owed = memory.conflict_owed.take();
        let owed = owed.filter(|(at, _)| *at == address);
        let kept = device.conflict.as_deref().cloned();
        let before = kept.clone().or(owed.map(|(_, conflict)| conflict));
        let part = report.glimpse.identity();
        let whole = read_whole(report);
        let shown = match (&whole, &report.said) {
            (Some(identity), Some(said)) => Shown::Whole(identity, said),
            _ => Shown::Part(&part),
        };
        let found = standing(&device.identity, before.as_ref(), shown);
        let after = conflict_after(before.as_ref(), &found, shown, report.answered_at);
        if let Standing::Renewed { reason } = &found {
            info!(device.id = %device_id, "the same device with another agent: {reason}");
        }
        let was = before.as_ref().map(|conflict| &conflict.reason);
        match &after {
            Some(conflict) if was != Some(&conflict.reason) => {
                if was.is_none() {
                    self.counts.identity_conflicts.inc();
                }
                let reason = &conflict.reason;
                warn!(device.id = %device_id, %address, "another device answers at its address, nothing of that is taken in: {reason}");
            }
            None if was.is_some() => {
                info!(device.id = %device_id, %address, "it answers at its address again");
            }
            _ => {}
        }
        if after != kept {
            let boxed = after.clone().map(Box::new);
            let changed = self.store.inventory.amend(device_id, |device| {
                let stale = device.socket() != address || device.conflict == boxed;
                if !stale {
                    device.conflict.clone_from(&boxed);
                }
                !stale
            });
            match changed.await {
                Ok(true) => self.tell(Event::DeviceChanged { device_id }),
                Ok(false) => {}
                Err(error) => {
                    memory.conflict_owed = after.clone().map(|conflict| (address, conflict));
                    self.not_kept(device_id, "who answered", &error);
                }
            }
        }
        after
    }
}

/// The identity, where the poll read it to its end. MACs that are remembered from a poll before are
/// no evidence of who answers now.
fn read_whole(report: &PollReport) -> Option<Identity> {
    let mut identity = report.identity.clone()?;
    if !report.complete.contains(Groups::SYSTEM) {
        return None;
    }
    if !report.complete.contains(Groups::INTERFACES) {
        identity.interface_macs.clear();
    }
    Some(identity)
}

/// How a device is in whose place another one answers: as silent as if nothing did.
pub(super) fn absence(
    record: &DeviceRecord,
    report: &PollReport,
    conflict: &IdentityConflict,
) -> StatusReport {
    let device = &record.device.body;
    let interval = Duration::from_secs(device.interval_secs.into());
    let at = report.answered_at;
    let quiet_since = record.state.last_seen_at.unwrap_or(conflict.since);
    // Two polls at least, so that asking twice in a second does not make a device dead.
    let met_twice = at.since(conflict.since) >= interval * 9 / 10;
    let status = if report.only_behind {
        report.status
    } else if met_twice && is_long_quiet(quiet_since, interval, at) {
        Status::Down
    } else {
        Status::Degraded
    };
    let words = |evidence: &Evidence| in_its_place(evidence, report, conflict);
    StatusReport {
        status,
        evidence: report.evidence.iter().map(words).collect(),
        at,
        last_seen_at: None,
        defects: record.state.defects.clone(),
    }
}

/// What a check found, in words about the device that was known.
fn in_its_place(evidence: &Evidence, report: &PollReport, conflict: &IdentityConflict) -> Evidence {
    use CheckOutcome::{Answered, OtherDevice, Partial, Refused, Silent, Skipped};
    let mut evidence = evidence.clone();
    let address = report.address.ip();
    let reason = &conflict.reason;
    match (evidence.check, evidence.outcome) {
        (_, Skipped | OtherDevice) | (Check::Icmp, Silent | Refused) => {}
        (Check::Snmp, Answered | Partial) => {
            evidence.outcome = OtherDevice;
            evidence.detail = format!("Another device answers at {address}: {reason}.");
        }
        (Check::Snmp, Silent | Refused) => {
            let since = conflict.since;
            // Writing to a String cannot fail.
            let _ = write!(
                evidence.detail,
                " Another device has answered at {address} since {since}: {reason}."
            );
        }
        (Check::Icmp, Answered | Partial) => {
            evidence.outcome = OtherDevice;
            evidence
                .detail
                .push_str(" Another device has the address, so they tell nothing of this one.");
        }
    }
    evidence
}

#[cfg(test)]
mod tests;
