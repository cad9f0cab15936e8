//! A ring of routers, each with its customers; two of them have a way out.

use super::{COST, CUSTOMERS, WORLD};
use crate::network::{Behind, Draft, Role};
use crate::scenario::Scenario;

/// Ports for customers on a router, where nothing is said.
const PORTS: u16 = 6;

pub(super) fn draw(scenario: &Scenario) -> Draft {
    let count = scenario.devices;
    let mut draft = Draft::default();
    let routers: Vec<usize> = (1..=count)
        .map(|n| {
            let site = draft.site(format!("exchange {n}"));
            draft.device(format!("ring-{n}"), Role::Router, site)
        })
        .collect();
    for (place, &router) in routers.iter().enumerate() {
        let next = routers.get(place + 1).or(routers.first());
        // Two routers have one link, not two.
        if let Some(&next) = next.filter(|&&next| next != router && !(count == 2 && place == 1)) {
            draft.link(router, next, 10_000, COST);
        }
        let ports = scenario.ports.unwrap_or(PORTS);
        draft.edge(
            router,
            (ports, ports * 2 / 3, 1_000),
            Behind::Host,
            CUSTOMERS,
        );
        if place == 0 || place == count / 2 {
            draft.edge(router, (1, 1, 10_000), Behind::World, WORLD);
        }
    }
    draft
}
