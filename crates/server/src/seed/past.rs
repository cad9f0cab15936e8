//! What the devices of a simulated network answered in the past, read as a poll's answer is read.

use collect::Profiles;
use collect::profile::Plan;
use collect::reading::Reading;
use collect::snmp::{Groups, Rows, columns, interpret};
use model::facts::InterfaceFacts;
use model::{Clock, Timestamp};

use crate::commands::profile::asked;
use sim::{DeviceMib, DeviceNo, Mib, Scenario, Simulation, SimulationError};
use snmp::{Oid, Value};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::ControlFlow;
use std::sync::Arc;

/// SNMPv2-MIB (RFC 3418): what every poll asks for besides columns.
const SYS_DESCR: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 1, 0];
const SYS_OBJECT_ID: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 2, 0];
const SYS_UP_TIME: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 3, 0];

/// A simulated network, asked about its past.
pub(super) struct Past {
    simulation: Arc<Simulation>,
    /// By number.
    devices: Vec<PastDevice>,
}

struct PastDevice {
    mib: DeviceMib,
    object_id: Vec<u32>,
    plan: Arc<Plan>,
    /// What each poll reads.
    counters: Vec<Vec<u32>>,
    /// What names interfaces.
    interfaces: Vec<Vec<u32>>,
}

impl Past {
    /// The network of a scenario, as a simulator that is started now has it.
    pub(super) fn new(scenario: &Scenario, clock: Clock) -> Result<Self, SimulationError> {
        let now = clock.now();
        let simulation = Simulation::new(scenario, clock)?;
        let device = |number| {
            let mib = simulation.mib(number);
            let object_id = match mib.at(now).get(SYS_OBJECT_ID) {
                Some(sim::Value::ObjectIdentifier(arcs)) => arcs.into_owned(),
                _ => Vec::new(),
            };
            let plan = plan(&mib, &object_id, now);
            PastDevice {
                counters: columns(&object_id, Groups::COUNTERS, &plan),
                interfaces: columns(&object_id, Groups::INTERFACES, &plan),
                plan,
                object_id,
                mib,
            }
        };
        let devices = simulation.network().device_numbers().map(device).collect();
        Ok(Self {
            simulation,
            devices,
        })
    }

    /// How many devices the network has.
    pub(super) fn device_count(&self) -> usize {
        self.devices.len()
    }

    /// The device that answers at that address.
    pub(super) fn number(&self, address: IpAddr) -> Option<DeviceNo> {
        let IpAddr::V4(address) = address else {
            return None;
        };
        self.by_address(address)
    }

    fn by_address(&self, address: Ipv4Addr) -> Option<DeviceNo> {
        self.simulation.network().by_address(address)
    }

    /// What a poll of a device read at a moment; none where it did not answer.
    pub(super) fn readings(&self, number: DeviceNo, at: Timestamp) -> Option<Vec<Reading>> {
        if self.simulation.timeline().manners(number, at).silent {
            return None;
        }
        let device = self.device(number)?;
        let rows = device.rows(&device.counters, at);
        Some(interpret(&rows, Groups::COUNTERS, &device.plan).readings)
    }

    /// The rows of its interfaces at a moment.
    pub(super) fn interfaces(&self, number: DeviceNo, at: Timestamp) -> Vec<InterfaceFacts> {
        let Some(device) = self.device(number) else {
            return Vec::new();
        };
        let rows = device.rows(&device.interfaces, at);
        interpret(&rows, Groups::INTERFACES, &device.plan)
            .facts
            .interfaces
    }

    fn device(&self, number: DeviceNo) -> Option<&PastDevice> {
        self.devices.get(usize::try_from(number.0).ok()?)
    }
}

impl PastDevice {
    fn rows(&self, roots: &[Vec<u32>], at: Timestamp) -> Rows {
        let mib = self.mib.at(at);
        let mut found = vec![(
            Oid::from_slice(SYS_OBJECT_ID),
            Value::Oid(Oid::from_slice(&self.object_id)),
        )];
        if let Some(up_time) = mib.get(SYS_UP_TIME) {
            found.push((Oid::from_slice(SYS_UP_TIME), asked(&up_time)));
        }
        for root in roots {
            mib.walk(root, &mut |oid, value| {
                if !oid.starts_with(root) {
                    return ControlFlow::Break(());
                }
                found.push((Oid::from_slice(oid), asked(&value)));
                ControlFlow::Continue(())
            });
        }
        found.into_iter().collect()
    }
}

/// The profiles that are for a device of the network.
fn plan(mib: &DeviceMib, object_id: &[u32], now: Timestamp) -> Arc<Plan> {
    let mib = mib.at(now);
    let description = match mib.get(SYS_DESCR) {
        Some(sim::Value::OctetString(octets)) => String::from_utf8_lossy(&octets).into_owned(),
        _ => String::new(),
    };
    let has = |object: &[u32]| {
        let mut found = false;
        mib.walk(object, &mut |oid, _| {
            found = oid.starts_with(object);
            ControlFlow::Break(())
        });
        found
    };
    Arc::new(Profiles::default().now().plan(object_id, &description, has))
}
