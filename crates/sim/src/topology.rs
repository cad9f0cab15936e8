//! The shapes that a network can have; one file a shape. A shape draws devices, links and what is
//! plugged in at the edge. To add one: a file, a word in [`Shape`], a line in [`draft`].

mod campus;
mod fleet;
pub mod graph;
mod hub_and_spoke;
mod leaf_spine;
mod ring;

use crate::network::{Draft, Mix, NetworkError};
use crate::scenario::{Scenario, Shape};
use crate::traffic::Class;

/// Cost of a link; of one that is there for when the other fails.
const COST: u32 = 10;
const COST_SPARE: u32 = 1_000;

/// Draws the network of a scenario.
pub(crate) fn draft(scenario: &Scenario) -> Result<Draft, NetworkError> {
    Ok(match scenario.topology {
        Shape::Campus => campus::draw(scenario),
        Shape::LeafSpine => leaf_spine::draw(scenario),
        Shape::Ring => ring::draw(scenario),
        Shape::HubAndSpoke => hub_and_spoke::draw(scenario),
        Shape::Fleet => fleet::draw(scenario),
        Shape::Graph => graph::draw(scenario)?,
    })
}

/// People at desks.
const DESKS: Mix = Mix {
    world: 6.0,
    servers: 3.0,
    peers: 0.5,
    class: Class::Office,
};
/// Customers of a provider.
const CUSTOMERS: Mix = Mix {
    world: 3.0,
    servers: 0.0,
    peers: 6.0,
    class: Class::Home,
};
/// Racks of machines.
const MACHINES: Mix = Mix {
    world: 3.0,
    servers: 7.0,
    peers: 0.0,
    class: Class::Steady,
};
/// The other side of the way out: it asks for nothing by itself.
const WORLD: Mix = Mix {
    world: 0.0,
    servers: 0.0,
    peers: 0.0,
    class: Class::Steady,
};
