//! Branch offices on two hubs: each branch is a router and, where there are devices enough, a switch
//! behind it. The second hub waits. Servers and the way out are at the hubs.

use super::{COST, COST_SPARE, DESKS, MACHINES, WORLD};
use crate::network::{Behind, Draft, Role};
use crate::scenario::Scenario;

/// Ports for hosts in a branch, where nothing is said.
const PORTS: u16 = 16;

pub(super) fn draw(scenario: &Scenario) -> Draft {
    let count = scenario.devices;
    let mut draft = Draft::default();
    let center = draft.site("head office".to_owned());
    let hubs: Vec<usize> = (1..=if count < 4 { 1 } else { 2 })
        .map(|n| draft.device(format!("hub-{n}"), Role::Hub, center))
        .collect();
    if let [a, b] = *hubs {
        draft.link(a, b, 10_000, COST);
    }
    // What all branches share grows with them.
    let speed_mbps = match count {
        0..=19 => 1_000,
        20..=199 => 10_000,
        _ => 100_000,
    };
    for &hub in &hubs {
        draft.edge(hub, (4, 3, speed_mbps), Behind::Server, MACHINES);
        draft.edge(hub, (1, 1, speed_mbps), Behind::World, WORLD);
    }
    let mut left = count - hubs.len();
    let mut number = 0;
    while left > 0 {
        number += 1;
        let site = draft.site(format!("branch {number}"));
        let router = draft.device(format!("branch-{number}"), Role::Branch, site);
        left -= 1;
        for (place, &hub) in hubs.iter().enumerate() {
            let cost = if place == 0 { COST } else { COST_SPARE };
            draft.link(router, hub, 1_000, cost);
        }
        let hosts = if left > 0 && count > 6 {
            let switch = draft.device(format!("branch-{number}-sw"), Role::Access, site);
            left -= 1;
            draft.segment(switch, u16::try_from(number).unwrap_or(u16::MAX));
            draft.link(switch, router, 1_000, COST);
            switch
        } else {
            router
        };
        let ports = scenario.ports.unwrap_or(PORTS);
        draft.edge(hosts, (ports, ports / 2, 1_000), Behind::Host, DESKS);
    }
    draft
}
