//! A fabric: every leaf is linked to every spine, servers hang on the leaves, and the last leaf has
//! the ways out.

use super::{COST, MACHINES, WORLD};
use crate::network::{Behind, Draft, Role};
use crate::scenario::Scenario;

/// Ports for servers on a leaf, where nothing is said.
const PORTS: u16 = 24;
/// Leaves in a row of racks, which is a place of its own.
const LEAVES_IN_ROW: usize = 8;

pub(super) fn draw(scenario: &Scenario) -> Draft {
    let count = scenario.devices;
    let mut draft = Draft::default();
    let hall = draft.site("hall 1".to_owned());
    let spines: Vec<usize> = (1..=spines(count))
        .map(|n| draft.device(format!("spine-{n}"), Role::Spine, hall))
        .collect();
    let leaves = count - spines.len();
    let mut row = hall;
    for n in 1..=leaves {
        if n % LEAVES_IN_ROW == 1 {
            row = draft.site(format!("hall 1, row {}", n / LEAVES_IN_ROW + 1));
        }
        let leaf = draft.device(format!("leaf-{n}"), Role::Leaf, row);
        draft.segment(leaf, u16::try_from(n).unwrap_or(u16::MAX));
        if n == leaves {
            draft.edge(leaf, (4, 2, 100_000), Behind::World, WORLD);
        } else {
            let ports = scenario.ports.unwrap_or(PORTS);
            draft.edge(
                leaf,
                (ports, ports * 5 / 6, 25_000),
                Behind::Server,
                MACHINES,
            );
        }
        for &spine in &spines {
            draft.link(leaf, spine, 100_000, COST);
        }
    }
    draft
}

fn spines(count: usize) -> usize {
    match count {
        0..=3 => 1,
        4..=19 => 2,
        20..=79 => 4,
        80..=399 => 8,
        _ => 16,
    }
}
