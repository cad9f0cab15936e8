//! Devices by themselves, without links: for load.

use super::DESKS;
use crate::network::{Behind, Draft, Role};
use crate::scenario::Scenario;

/// Ports of a device, where nothing is said.
const PORTS: u16 = 48;
/// Devices of a place.
const DEVICES_IN_SITE: usize = 200;

pub(super) fn draw(scenario: &Scenario) -> Draft {
    let mut draft = Draft::default();
    let digits = scenario.devices.to_string().len();
    let mut site = 0;
    for n in 1..=scenario.devices {
        if n % DEVICES_IN_SITE == 1 {
            site = draft.site(format!("site {}", n / DEVICES_IN_SITE + 1));
        }
        let node = draft.device(format!("node-{n:0digits$}"), Role::Node, site);
        draft.segment(node, u16::try_from(n).unwrap_or(u16::MAX));
        let ports = scenario.ports.unwrap_or(PORTS);
        draft.edge(node, (ports, ports * 7 / 8, 1_000), Behind::Host, DESKS);
    }
    draft
}
