//! Whose device sent something: lines of logs, traps and flows come from addresses, of which a
//! device has several.
//!
//! A snapshot of all addresses is made anew now and then; who looks up many lines takes it once.

use model::{Clock, DeviceId, Timestamp};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::inventory::Inventory;

/// How old the snapshot may be: so long a new device or address has no name to its lines. Making it
/// takes some 20 ms for 10,000 devices of 20 addresses each.
const AGE_MAX: Duration = Duration::from_secs(5);
/// Devices of one address that are told apart by name. Only simulated ones share an address so.
const SHARED_MAX: usize = 64;

/// Who has which address. Cheap to clone.
#[derive(Clone)]
pub struct Senders {
    inventory: Inventory,
    clock: Clock,
    latest: Arc<Mutex<Option<Arc<Snapshot>>>>,
}

/// All addresses at one moment.
pub struct Snapshot {
    made_at: Timestamp,
    by_address: HashMap<IpAddr, Vec<Named>>,
}

/// A device, and its sysName and the name that was typed, in small letters.
#[derive(Clone)]
struct Named {
    device_id: DeviceId,
    names: [Option<Arc<str>>; 2],
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

    /// The addresses as they were a moment ago at most.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        let now = self.clock.now();
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = latest.as_ref()
            && now >= kept.made_at
            && now.since(kept.made_at) < AGE_MAX
        {
            return Arc::clone(kept);
        }
        let made = Arc::new(Snapshot::of(&self.inventory, now));
        *latest = Some(Arc::clone(&made));
        made
    }
}

impl Snapshot {
    fn of(inventory: &Inventory, now: Timestamp) -> Self {
        let mut by_address: HashMap<IpAddr, Vec<Named>> = HashMap::new();
        for record in inventory.devices() {
            let device = &record.device.body;
            let small = |name: &Option<String>| name.as_deref().map(|name| fold(name).into());
            let named = Named {
                device_id: device.id,
                names: [small(&device.identity.sys_name), small(&device.typed.name)],
            };
            // Each has the loopback addresses; only one that is asked there is meant by them.
            let own = device.identity.addresses.iter();
            let own = own.filter(|own| !own.is_loopback() && !own.is_unspecified());
            for address in own.chain([&device.address]) {
                let of_address = by_address.entry(address.to_canonical()).or_default();
                let known = of_address.iter().any(|other| other.device_id == device.id);
                if !known && of_address.len() < SHARED_MAX {
                    of_address.push(named.clone());
                }
            }
        }
        Self {
            made_at: now,
            by_address,
        }
    }

    /// The device whose management or interface address sent something. Where several have the
    /// address, the one of that name, if the sender told one; none where that does not decide.
    pub fn device_of(&self, source: IpAddr, name: Option<&str>) -> Option<DeviceId> {
        let of_address = self.by_address.get(&source.to_canonical())?;
        if let [only] = of_address.as_slice() {
            return Some(only.device_id);
        }
        let name = fold(name?);
        let mut same = of_address.iter().filter(|named| named.is_called(&name));
        let first = same.next()?;
        same.next().is_none().then_some(first.device_id)
    }
}

impl Named {
    fn is_called(&self, name: &str) -> bool {
        let mut names = self.names.iter().flatten();
        names.any(|own| **own == *name || short(own) == short(name))
    }
}

fn fold(name: &str) -> String {
    name.trim_end_matches('.').to_lowercase()
}

/// A name without its domain.
fn short(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::device::{Device, Identity, Said, Typed};
    use store::{Store, StoreOptions};

    fn device(address: &str, port: u16, name: &str, addresses: &[&str]) -> Device {
        Device {
            id: DeviceId::new(),
            address: address.parse().unwrap(),
            port,
            vantage: model::device::LOCAL_VANTAGE.to_owned(),
            typed: Typed::default(),
            said: Said::default(),
            identity: Identity {
                sys_name: Some(name.to_owned()),
                addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
                ..Identity::default()
            },
            credential_id: None,
            interval_secs: 60,
            maintenance: None,
            created_at: Timestamp::default(),
            conflict: None,
            replaced_at: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_sender_is_the_device_of_its_address() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::new(|| Timestamp::from_unix_ms(1_800_000_000_000));
        let opened = Store::open(StoreOptions::new(dir.path()), clock.clone()).await;
        let store = opened.unwrap().0;
        let devices = [
            device(
                "192.0.2.1",
                161,
                "core.example.net",
                &["198.51.100.1", "127.0.0.1"],
            ),
            device("192.0.2.2", 161, "edge", &["192.0.2.2", "2001:db8::2"]),
            device("127.0.0.1", 10_001, "sim-1", &[]),
            device("127.0.0.1", 10_002, "sim-2", &[]),
        ];
        for device in &devices {
            store.inventory.create(device.clone()).await.unwrap();
        }
        let senders = Senders::new(store.inventory.clone(), clock).snapshot();
        for (source, name, expected) in [
            ("192.0.2.1", None, Some(0)),
            ("198.51.100.1", Some("anything"), Some(0)),
            ("::ffff:192.0.2.2", None, Some(1)),
            ("2001:db8::2", None, Some(1)),
            ("203.0.113.9", Some("edge"), None),
            ("127.0.0.1", None, None),
            ("127.0.0.1", Some("SIM-2.lab."), Some(3)),
            ("127.0.0.1", Some("core"), None),
        ] {
            let found = senders.device_of(source.parse().unwrap(), name);
            let expected = expected.map(|at: usize| devices[at].id);
            assert_eq!(found, expected, "{source} {name:?}");
        }
    }
}
