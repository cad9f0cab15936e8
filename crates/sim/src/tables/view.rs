//! A device at a moment: what the functions of the columns read from.

use super::surroundings::Surroundings;
use super::{Index, Rows, get, walk};
use crate::hardware::{Hardware, Part};
use crate::mib::{Mib, Value};
use crate::network::{Device, DeviceNo, Network, PortNo};
use crate::simulation::Simulation;
use crate::timeline::{Counters, Timeline, Totals};
use model::Timestamp;
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// What a device's agent answers from.
pub struct DeviceMib {
    simulation: Arc<Simulation>,
    device: DeviceNo,
    hardware: Arc<Hardware>,
    /// sysDescr.
    description: Box<str>,
    /// As it was when it was asked last.
    last: Mutex<Option<Arc<State>>>,
}

/// The same at one moment, whenever that is.
pub struct MibAt<'a> {
    mib: &'a DeviceMib,
    state: Arc<State>,
}

/// A device at a moment. What few ask for is made when it is asked for.
pub(super) struct State {
    at: Timestamp,
    version: u32,
    timeline: Arc<Timeline>,
    counters: OnceLock<Box<[Counters]>>,
    epoch: Arc<Epoch>,
}

/// What is the same until something goes up or down.
struct Epoch {
    key: (u32, usize),
    numbering: Arc<Numbering>,
    surroundings: OnceLock<Surroundings>,
    /// What each port had counted when the device booted.
    at_boot: OnceLock<Box<[Totals]>>,
}

/// ifIndex of every port.
#[derive(Debug)]
pub(crate) struct Numbering {
    /// The rows of ifTable.
    pub(super) rows: Index,
    /// By row, which port.
    pub(super) ports: Vec<u16>,
    /// By port, which ifIndex.
    indexes: Vec<u32>,
}

/// Numberings that devices share, by first index, step, ports, and how often they were numbered.
type NumberingKey = (u32, u32, usize, u32);

/// The numberings of all devices, each kind once.
#[derive(Default)]
pub(crate) struct Numberings(Mutex<HashMap<NumberingKey, Arc<Numbering>>>);

impl Numberings {
    pub(crate) fn of(&self, device: &Device, times: u32) -> Arc<Numbering> {
        let ports = device.ports().len();
        let key = (
            device.make.first_index,
            device.make.index_step,
            ports,
            times,
        );
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let numbering = known.entry(key);
        Arc::clone(numbering.or_insert_with(|| Arc::new(Numbering::new(key))))
    }
}

impl Numbering {
    fn new((first, step, ports, times): NumberingKey) -> Self {
        // Every time the numbers go round by one place; where there is one port, they go on.
        let round = usize::try_from(times).unwrap_or(0) % ports.max(1);
        let on = if ports < 2 { times } else { 0 };
        let index = |place: usize| {
            let place = u32::try_from((place + round) % ports.max(1)).unwrap_or(0);
            first + (place + on) * step
        };
        let indexes: Vec<u32> = (0..ports).map(index).collect();
        let mut rows: Vec<(u32, u16)> = indexes.iter().copied().zip(0..).collect();
        rows.sort_unstable();
        Self {
            rows: Index::of_numbers(rows.iter().map(|(index, _)| *index)),
            ports: rows.iter().map(|(_, port)| *port).collect(),
            indexes,
        }
    }

    /// ifIndex of a port.
    pub(crate) fn index(&self, port: u16) -> u32 {
        self.indexes.get(usize::from(port)).copied().unwrap_or(0)
    }
}

impl DeviceMib {
    pub(crate) fn new(simulation: Arc<Simulation>, device: DeviceNo) -> Self {
        let network = simulation.network();
        let here = network.device(device);
        let description = here.make.describe(here.edge_ports, &here.name);
        Self {
            hardware: simulation.hardware.of(here),
            description: description.into_boxed_str(),
            device,
            last: Mutex::new(None),
            simulation,
        }
    }

    /// Which device it is.
    pub fn device(&self) -> DeviceNo {
        self.device
    }

    /// What the agent would answer at that moment, past or future.
    pub fn at(&self, at: Timestamp) -> MibAt<'_> {
        MibAt {
            mib: self,
            state: Arc::new(self.state(at, None)),
        }
    }

    /// The state at the present tick; made once for all that is asked within it.
    fn present(&self) -> Arc<State> {
        let at = self.simulation.pace().tick();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let version = self.simulation.version();
        if let Some(state) = &*last
            && state.at == at
            && state.version == version
        {
            return Arc::clone(state);
        }
        let state = Arc::new(self.state(at, last.as_ref().map(|state| &state.epoch)));
        *last = Some(Arc::clone(&state));
        state
    }

    fn state(&self, at: Timestamp, before: Option<&Arc<Epoch>>) -> State {
        let timeline = self.simulation.timeline();
        let key = timeline.epoch(at);
        let epoch = before
            .filter(|epoch| epoch.key == key)
            .map_or_else(|| Arc::new(self.epoch(&timeline, key, at)), Arc::clone);
        State {
            at,
            version: key.0,
            timeline,
            counters: OnceLock::new(),
            epoch,
        }
    }

    fn epoch(&self, timeline: &Timeline, key: (u32, usize), at: Timestamp) -> Epoch {
        let device = self.simulation.network().device(self.device);
        let times = timeline.numbering(self.device, at);
        Epoch {
            key,
            numbering: self.simulation.numberings.of(device, times),
            surroundings: OnceLock::new(),
            at_boot: OnceLock::new(),
        }
    }
}

impl Mib for DeviceMib {
    fn get(&self, oid: &[u32]) -> Option<Value<'_>> {
        let state = self.present();
        get(&View::new(self, &state), oid)
    }

    fn walk(&self, oid: &[u32], visit: &mut dyn FnMut(&[u32], Value<'_>) -> ControlFlow<()>) {
        let state = self.present();
        walk(&View::new(self, &state), oid, visit);
    }
}

impl Mib for MibAt<'_> {
    fn get(&self, oid: &[u32]) -> Option<Value<'_>> {
        get(&View::new(self.mib, &self.state), oid)
    }

    fn walk(&self, oid: &[u32], visit: &mut dyn FnMut(&[u32], Value<'_>) -> ControlFlow<()>) {
        walk(&View::new(self.mib, &self.state), oid, visit);
    }
}

/// A device at a moment, as columns read it. `'a` is for what never changes.
pub(super) struct View<'a> {
    mib: &'a DeviceMib,
    state: Arc<State>,
}

impl<'a> View<'a> {
    fn new(mib: &'a DeviceMib, state: &Arc<State>) -> Self {
        Self {
            mib,
            state: Arc::clone(state),
        }
    }

    pub(super) fn number(&self) -> DeviceNo {
        self.mib.device
    }

    pub(super) fn network(&self) -> &'a Network {
        self.mib.simulation.network()
    }

    pub(super) fn device(&self) -> &'a Device {
        self.network().device(self.mib.device)
    }

    pub(super) fn description(&self) -> &'a str {
        &self.mib.description
    }

    pub(super) fn hardware(&self) -> &'a Hardware {
        &self.mib.hardware
    }

    pub(super) fn timeline(&self) -> &Timeline {
        &self.state.timeline
    }

    pub(super) fn at(&self) -> Timestamp {
        self.state.at
    }

    pub(super) fn numbering(&self) -> &Numbering {
        &self.state.epoch.numbering
    }

    pub(super) fn surroundings(&self) -> &Surroundings {
        let epoch = &self.state.epoch;
        epoch.surroundings.get_or_init(|| {
            Surroundings::of(
                self.network(),
                self.mib.device,
                self.timeline(),
                self.at(),
                &epoch.numbering,
                &self.mib.hardware,
            )
        })
    }

    /// The port of a row of ifTable.
    pub(super) fn port_of(&self, row: usize) -> Option<PortNo> {
        Some(self.port(*self.numbering().ports.get(row)?))
    }

    pub(super) fn port(&self, port: u16) -> PortNo {
        PortNo {
            device: self.mib.device,
            port,
        }
    }

    /// ifIndex of a port of any device.
    pub(super) fn if_index(&self, port: PortNo) -> u32 {
        let times = self.timeline().numbering(port.device, self.at());
        let device = self.network().device(port.device);
        let numberings = &self.mib.simulation.numberings;
        numberings.of(device, times).index(port.port)
    }

    /// The counters of a port.
    pub(super) fn counters(&self, port: PortNo) -> Counters {
        let all = self.state.counters.get_or_init(|| {
            let booted = self.timeline().booted(self.number(), self.at());
            if self.at() < booted {
                return Box::default();
            }
            let epoch = &self.state.epoch;
            let at_boot = epoch.at_boot.get_or_init(|| self.totals(booted).collect());
            let now = self.totals(self.at());
            now.zip(at_boot)
                .map(|(now, then)| now.since(then))
                .collect()
        });
        all.get(usize::from(port.port)).copied().unwrap_or_default()
    }

    /// What every port has counted until a moment.
    fn totals(&self, at: Timestamp) -> impl Iterator<Item = Totals> {
        let ports = (0..).zip(self.device().ports());
        ports.map(move |(port, _)| self.timeline().totals(self.port(port), at))
    }

    /// The part of a row of entPhysicalTable.
    pub(super) fn part(&self, row: usize) -> Option<&'a Part> {
        self.hardware().parts.get(row)
    }

    /// snmpEngineBoots
    pub(super) fn boots(&self) -> u32 {
        self.mib.simulation.boots(self.mib.device, self.at())
    }

    /// Hundredths of a second from the device's boot until `at`.
    pub(super) fn ticks(&self, at: Timestamp) -> u32 {
        let booted = self.timeline().booted(self.mib.device, self.at());
        let hundredths = at.since(booted).as_millis() / 10;
        // sysUpTime wraps after 497 days.
        u32::try_from(hundredths % (1 << 32)).unwrap_or(0)
    }

    /// The object of the vendor's own that tells the version.
    pub(super) fn vendor_object(&self) -> Option<(&'static [u32], Value<'a>)> {
        let make = self.device().make;
        Some((make.version_object?, text(make.version)))
    }

    pub(super) fn rows(&self, rows: Rows) -> &Index {
        let hardware = self.hardware();
        match rows {
            Rows::Scalar => Index::scalar(),
            Rows::Interfaces => &self.numbering().rows,
            Rows::Parts => &hardware.part_rows,
            Rows::Sensors => &hardware.sensor_rows,
            Rows::Processors => &hardware.processor_rows,
            Rows::Storages => &hardware.storage_rows,
            Rows::PartAliases => &self.surroundings().part_aliases.0,
            Rows::Addresses => &self.surroundings().addresses.0,
            Rows::InetAddresses => &self.surroundings().inet_addresses,
            Rows::Neighbors => &self.surroundings().neighbors.0,
            Rows::InetNeighbors => &self.surroundings().inet_neighbors,
            Rows::BridgePorts => &self.surroundings().bridge_ports.0,
            Rows::Learnt => &self.surroundings().learnt.0,
            Rows::LearntByVlan => &self.surroundings().learnt_by_vlan.0,
            Rows::Vlans => &self.surroundings().vlans,
            Rows::CurrentVlans => &self.surroundings().current_vlans,
            Rows::LldpPorts => &self.surroundings().lldp_ports.0,
            Rows::LldpLocalAddress => &self.surroundings().lldp_local_address,
            Rows::LldpRemotes => &self.surroundings().lldp_remotes.0,
            Rows::LldpRemoteAddresses => &self.surroundings().lldp_remote_addresses,
            Rows::Stacked => &self.surroundings().groups.stacked,
            Rows::Aggregates => &self.surroundings().groups.aggregates.0,
            Rows::Members => &self.surroundings().groups.members.0,
            Rows::InetRoutes => &self.surroundings().groups.inet_routes.0,
            Rows::CidrRoutes => &self.surroundings().groups.cidr_routes.0,
            Rows::OldRoutes => &self.surroundings().groups.old_routes.0,
        }
    }
}

/// OCTET STRING of a text that stays.
pub(super) fn text(text: &str) -> Value<'_> {
    Value::OctetString(Cow::Borrowed(text.as_bytes()))
}

/// OCTET STRING of what was made for the answer.
pub(super) fn octets<'a>(octets: impl Into<Vec<u8>>) -> Value<'a> {
    Value::OctetString(Cow::Owned(octets.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_renumbering_is_another_one() {
        for ports in 1..=60_u16 {
            let numbered = |times| Numbering::new((1, 2, usize::from(ports), times));
            for times in 0..130 {
                let (before, after) = (numbered(times), numbered(times + 1));
                for port in 0..ports {
                    assert_ne!(before.index(port), after.index(port), "{port} of {ports}");
                }
                let mut distinct = after.indexes.clone();
                distinct.sort_unstable();
                distinct.dedup();
                assert_eq!(distinct.len(), usize::from(ports));
            }
        }
    }
}
