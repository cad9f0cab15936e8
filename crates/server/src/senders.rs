//! The devices by their addresses, kept for a moment and shared by logs, traps and flows. Whose an
//! address is, `topology::senders` says.

use model::{Clock, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::inventory::Inventory;
use topology::senders;

/// How old the snapshot may be: so long a new device or address has no name to its lines. Making it
/// takes some 20 ms for 10,000 devices of 20 addresses each.
const AGE_MAX: Duration = Duration::from_secs(5);
/// The same where the sender of a trap is not known: it may have been registered just now.
const AGE_MAX_UNKNOWN: Duration = Duration::from_secs(1);

/// Who has which address. Cheap to clone.
#[derive(Clone)]
pub struct Senders {
    inventory: Inventory,
    clock: Clock,
    latest: Arc<Mutex<Option<Kept>>>,
}

/// All addresses at one moment.
struct Kept {
    made_at: Timestamp,
    senders: Arc<senders::Senders>,
}

impl Senders {
    /// Nothing is looked up yet.
    pub fn new(inventory: Inventory, clock: Clock) -> Self {
        Self {
            inventory,
            clock,
            latest: Arc::default(),
        }
    }

    /// The devices as they were a moment ago at most; who looks up many lines takes it once.
    pub fn snapshot(&self) -> Arc<senders::Senders> {
        self.younger_than(AGE_MAX)
    }

    /// The same, for one who did not find a sender in it.
    pub fn newer_snapshot(&self) -> Arc<senders::Senders> {
        self.younger_than(AGE_MAX_UNKNOWN)
    }

    fn younger_than(&self, age_max: Duration) -> Arc<senders::Senders> {
        let now = self.clock.now();
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = latest.as_ref()
            && now >= kept.made_at
            && now.since(kept.made_at) < age_max
        {
            return Arc::clone(&kept.senders);
        }
        let records = self.inventory.devices();
        let devices = records.iter().map(|record| &record.device.body);
        let made = Arc::new(senders::Senders::new(devices));
        *latest = Some(Kept {
            made_at: now,
            senders: Arc::clone(&made),
        });
        made
    }
}
