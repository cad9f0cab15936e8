//! The health of the whole network in one number. The formula is on [`assess`], and for users in
//! `docs/guide/health.md`.

use crate::Known;
use model::health::{Health, StateCounts};
use model::interface::{IfStatus, Interface};
use model::link::{Link, LinkStatus};
use model::{DeviceId, InterfaceId, Status};
use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};

/// A check of a service that is made, for the formula.
#[derive(Clone, Copy, Debug)]
pub struct Checked {
    /// The device that the service is a part of.
    pub device_id: Option<DeviceId>,
    /// How the service is.
    pub status: Status,
}

/// How one thing is, for the formula.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Up,
    Degraded,
    Down,
    Unknown,
    Maintenance,
}

/// Assesses the health of the network:
///
/// ```text
/// share of a kind = sum(weight x value) / sum(weight)     value: up 1, degraded 1/2, down 0
/// health          = mean of the shares of devices, interfaces, links and checks
/// ```
///
/// The weight of a device is 1 + the number of its links, of an interface 1 + the number of its
/// links, of a link or a check 1: what more hangs on counts more. What is unknown or in maintenance takes no
/// part, neither do interfaces that are shut on purpose (ifAdminStatus is not up); a kind of which
/// nothing takes part is left out of the mean, and where no kind is left there is no health.
///
/// An interface that is down, was never seen up and has no link is taken for an unused port:
/// unknown. The interfaces of a device that does not answer are unknown, for the device counts
/// already. A link is in maintenance where one of its devices is, a check where its device is.
pub fn assess<'a, L: Borrow<Link>>(
    devices: impl IntoIterator<Item = Known<'a>>,
    links: &[L],
    checks: impl IntoIterator<Item = Checked>,
) -> Health {
    let mut links_of_device: HashMap<DeviceId, u32> = HashMap::new();
    let mut links_of_interface: HashMap<InterfaceId, u32> = HashMap::new();
    let links = links.iter().map(L::borrow);
    for end in links.clone().flat_map(|link| [&link.a, &link.b]) {
        *links_of_device.entry(end.device_id).or_default() += 1;
        if let Some(id) = end.interface_id {
            *links_of_interface.entry(id).or_default() += 1;
        }
    }
    let (mut of_devices, mut of_interfaces, mut of_links) =
        (Tally::default(), Tally::default(), Tally::default());
    let mut in_maintenance = HashSet::new();
    for device in devices {
        if device.maintenance {
            in_maintenance.insert(device.device_id);
        }
        let hanging = links_of_device.get(&device.device_id).copied().unwrap_or(0);
        of_devices.add(device_state(&device), hanging);
        for interface in device
            .interfaces
            .iter()
            .filter(|interface| interface.present)
        {
            let hanging = links_of_interface.get(&interface.id).copied().unwrap_or(0);
            of_interfaces.add(interface_state(&device, interface, hanging), hanging);
        }
    }
    for link in links {
        let maintained = |id: &DeviceId| in_maintenance.contains(id);
        let state = match link.status {
            _ if maintained(&link.a.device_id) || maintained(&link.b.device_id) => {
                State::Maintenance
            }
            LinkStatus::Up => State::Up,
            LinkStatus::Down => State::Down,
            LinkStatus::Unknown => State::Unknown,
        };
        of_links.add(state, 0);
    }
    let mut of_checks = Tally::default();
    for check in checks {
        let maintained = check
            .device_id
            .is_some_and(|id| in_maintenance.contains(&id));
        of_checks.add(state_of(check.status, maintained), 0);
    }
    let shares: Vec<f64> = [&of_devices, &of_interfaces, &of_links, &of_checks]
        .into_iter()
        .filter_map(Tally::share)
        .collect();
    Health {
        score: (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64),
        devices: of_devices.counts,
        interfaces: of_interfaces.counts,
        links: of_links.counts,
        checks: of_checks.counts,
    }
}

fn device_state(device: &Known<'_>) -> State {
    state_of(device.status, device.maintenance)
}

fn state_of(status: Status, maintenance: bool) -> State {
    match status {
        _ if maintenance => State::Maintenance,
        Status::Up => State::Up,
        Status::Degraded => State::Degraded,
        Status::Down => State::Down,
        Status::Unknown => State::Unknown,
    }
}

fn interface_state(device: &Known<'_>, interface: &Interface, links: u32) -> State {
    if device.maintenance
        || interface
            .admin_status
            .is_some_and(|admin| admin != IfStatus::Up)
    {
        return State::Maintenance;
    }
    if !matches!(device.status, Status::Up | Status::Degraded) {
        return State::Unknown;
    }
    match interface.oper_status {
        Some(IfStatus::Up) => State::Up,
        Some(IfStatus::Testing | IfStatus::Dormant) => State::Degraded,
        Some(IfStatus::Down | IfStatus::LowerLayerDown | IfStatus::NotPresent)
            if links > 0 || interface.last_change_at.is_some() =>
        {
            State::Down
        }
        _ => State::Unknown,
    }
}

#[derive(Default)]
struct Tally {
    counts: StateCounts,
    weight: f64,
    value: f64,
}

impl Tally {
    fn add(&mut self, state: State, hanging: u32) {
        let counts = &mut self.counts;
        let (count, value) = match state {
            State::Up => (&mut counts.up, Some(1.0)),
            State::Degraded => (&mut counts.degraded, Some(0.5)),
            State::Down => (&mut counts.down, Some(0.0)),
            State::Unknown => (&mut counts.unknown, None),
            State::Maintenance => (&mut counts.maintenance, None),
        };
        *count += 1;
        if let Some(value) = value {
            let weight = 1.0 + f64::from(hanging);
            self.weight += weight;
            self.value += weight * value;
        }
    }

    fn share(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.value / self.weight)
    }
}
