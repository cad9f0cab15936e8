//! `sim`: what people write to have a network simulated.

use model::{Clock, Timestamp};
use sim::graph::Graph;
use sim::scenario::{FaultDraft, Scenario, Shape};
use sim::{DeviceNo, Mib as _, Simulation};
use std::ops::ControlFlow;

/// A scenario; where it can be read, a small network of it runs and answers.
pub(crate) fn scenario(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(mut scenario) = Scenario::parse(text) else {
        return;
    };
    if scenario.topology == Shape::Graph {
        return;
    }
    scenario.devices = scenario.devices.min(12);
    scenario.ports = scenario.ports.map(|ports| ports.min(4));
    scenario.faults.truncate(3);
    let at = Timestamp::from_unix_ms(1_795_000_000_000);
    let Ok(simulation) = Simulation::new(&scenario, Clock::new(move || at)) else {
        return;
    };
    let mib = simulation.mib(DeviceNo(0));
    let mut before = Vec::new();
    mib.walk(&[], &mut |name, _| {
        assert!(before.as_slice() < name, "names rise");
        before = name.to_vec();
        ControlFlow::Continue(())
    });
}

/// A graph; where it can be read, its links lead from node to node.
pub(crate) fn graph(data: &[u8]) {
    let Ok(graph) = Graph::parse(data) else {
        return;
    };
    for link in &graph.links {
        assert!(link.a != link.b && link.a.max(link.b) < graph.nodes.len());
    }
}

/// A fault, as a request has it: what is taken is written and read alike.
pub(crate) fn fault(data: &[u8]) {
    let Ok(draft) = sim::control::draft(data) else {
        return;
    };
    let Ok(fault) = draft.checked() else {
        return;
    };
    let text = serde_json::to_vec(&draft).expect("a draft can be written");
    let again: FaultDraft = serde_json::from_slice(&text).expect("what was written can be read");
    assert_eq!(again.checked().expect("it was right before"), fault);
}
