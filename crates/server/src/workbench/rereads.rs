//! After a profile was kept or deleted: the devices that it concerns are read anew, spread over time.

use crate::desk::Access;
use collect::profile::Catalog;
use model::DeviceId;
use model::device::Said;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tracing::info;

/// Devices that are read anew in a second: 10,000 take under four minutes, and what they are asked for
/// is as much as they are asked when the server starts.
const REREADS_PER_SEC: u32 = 50;

/// Who begins rounds. A later round takes the place of one that is under way: what that had not come
/// to is part of the later one.
#[derive(Debug, Default)]
pub(super) struct Rereads {
    round: AtomicU64,
    /// What a round that was taken over had still to read.
    open: std::sync::Mutex<Vec<DeviceId>>,
}

impl Rereads {
    /// Reads anew what a profile concerned before or concerns now. Comes back when all were asked
    /// for, or when a later round took over.
    pub(super) async fn run(
        self: Arc<Self>,
        access: Access,
        name: String,
        before: Arc<Catalog>,
        now: Arc<Catalog>,
    ) {
        let round = self.round.fetch_add(1, Ordering::SeqCst) + 1;
        let devices = {
            let (access, name) = (access.clone(), name.clone());
            let found = move || concerned(&access, &name, &[before, now]);
            tokio::task::spawn_blocking(found).await.unwrap_or_default()
        };
        let count = {
            let mut open = self.open();
            let more: Vec<DeviceId> = devices
                .into_iter()
                .filter(|device| !open.contains(device))
                .collect();
            open.extend(more);
            open.len()
        };
        info!(profile = %name, devices = count, "devices are read anew");
        let mut pace = tokio::time::interval(Duration::from_secs(1) / REREADS_PER_SEC);
        loop {
            pace.tick().await;
            if self.round.load(Ordering::SeqCst) != round {
                return;
            }
            let Some(device) = self.open().pop() else {
                return;
            };
            access.poller.reread(device);
        }
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Vec<DeviceId>> {
        self.open
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The devices that a profile of that name may have a part in, by what they said of themselves or
/// because it was chosen for them.
/// A device that said nothing yet is asked for everything anyway when it first answers; some never say
/// what they are, and are read by what was chosen.
fn concerned(access: &Access, name: &str, catalogs: &[Arc<Catalog>]) -> Vec<DeviceId> {
    let records = access.store.inventory.devices();
    let devices = records.into_iter().filter_map(|record| {
        let device = &record.device.body;
        let chosen = device.typed.profile.as_deref();
        is_concerned(chosen, &device.said, name, catalogs).then_some(device.id)
    });
    devices.collect()
}

fn is_concerned(chosen: Option<&str>, said: &Said, name: &str, catalogs: &[Arc<Catalog>]) -> bool {
    let leads = |chosen: &str| {
        let mut catalogs = catalogs.iter();
        chosen == name || catalogs.any(|catalog| catalog.leads_to(chosen, name))
    };
    // Also where it does not say what it is.
    if chosen.is_some_and(leads) {
        return true;
    }
    let Some(object_id) = said.object_id.as_deref() else {
        return false;
    };
    let object_id: Vec<u32> = object_id
        .split('.')
        .filter_map(|arc| arc.parse().ok())
        .collect();
    let description = said.description.as_deref().unwrap_or("");
    let mut catalogs = catalogs.iter();
    catalogs.any(|catalog| catalog.may_concern(name, &object_id, description))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_says_not_what_it_is_is_read_anew_when_its_chosen_profile_changes() {
        let text = "summary = \"a\"".to_owned();
        let child = "summary = \"b\"\nextends = [\"acme-base\"]".to_owned();
        let texts = vec![("acme-base".to_owned(), text), ("acme".to_owned(), child)];
        let catalogs = [Arc::new(Catalog::embedded().with_texts(texts).0)];
        let said = Said::default();
        for (chosen, name, expected) in [
            (Some("acme"), "acme", true),
            (Some("acme"), "acme-base", true),
            (Some("acme-base"), "acme", false),
            (None, "acme", false),
        ] {
            let found = is_concerned(chosen, &said, name, &catalogs);
            assert_eq!(found, expected, "{chosen:?} {name}");
        }
    }
}
