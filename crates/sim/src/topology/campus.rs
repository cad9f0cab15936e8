//! A campus: two cores, a way out, a switch of servers, and buildings, each with a distribution pair
//! and its access switches. An access switch has two uplinks, of which one waits.

use super::{COST, COST_SPARE, DESKS, WORLD};
use crate::network::{Behind, Draft, Role};
use crate::scenario::Scenario;

/// Access switches of a building, about.
const ACCESS_IN_BUILDING: usize = 8;
/// Of how many devices one is a server.
const SERVER_IN: usize = 10;
/// Devices from which on the way out has a link too many: a smaller campus is all that it needs.
const SECOND_LINK_FROM: usize = 20;

pub(super) fn draw(scenario: &Scenario) -> Draft {
    let count = scenario.devices;
    let mut draft = Draft::default();
    let center = draft.site("data centre".to_owned());
    let cores: Vec<usize> = (1..=cores(count))
        .map(|n| draft.device(format!("core-{n}"), Role::Core, center))
        .collect();
    for pair in cores.windows(2) {
        if let [a, b] = *pair {
            draft.link(a, b, 100_000, COST);
        }
    }
    let mut way_out = None;
    if count >= 4 {
        let gateway = draft.device("edge-1".to_owned(), Role::Gateway, center);
        draft.edge(gateway, (2, 1, world_mbps(count)), Behind::World, WORLD);
        uplinks(&mut draft, gateway, &cores, 40_000, COST);
        way_out = Some(gateway).filter(|_| count >= SECOND_LINK_FROM);
    } else if let Some(&core) = cores.first() {
        draft.edge(core, (1, 1, 10_000), Behind::World, WORLD);
    }
    if count >= 10 {
        servers(&mut draft, &cores, center, count / SERVER_IN);
    }
    let rest = count.saturating_sub(draft.devices.len());
    let buildings = rest.div_ceil(ACCESS_IN_BUILDING + 2).max(1);
    for building in 0..buildings {
        // Evenly: the first buildings are larger by one.
        let size = rest / buildings + usize::from(building < rest % buildings);
        if size > 0 {
            draw_building(&mut draft, scenario, &cores, building + 1, size);
        }
    }
    // The slower link that the way out had before is still plugged in, and shares alike with that which was
    // to follow it, as members of one aggregate: the last, so that all others have the numbers that they have
    // without it.
    if let (Some(gateway), Some(&core)) = (way_out, cores.first()) {
        draft.link(gateway, core, 10_000, COST);
        draft.aggregate(gateway, core);
    }
    draft
}

/// The way out grows with those behind it.
fn world_mbps(count: usize) -> u32 {
    match count {
        0..=19 => 1_000,
        20..=199 => 10_000,
        200..=1_999 => 100_000,
        _ => 400_000,
    }
}

fn cores(count: usize) -> usize {
    match count {
        0..=6 => 1,
        7..=1_999 => 2,
        _ => 4,
    }
}

fn servers(draft: &mut Draft, cores: &[usize], site: u16, count: usize) {
    let switch = draft.device("srv-sw-1".to_owned(), Role::Access, site);
    draft.segment(switch, 0);
    uplinks(draft, switch, cores, 40_000, COST);
    for n in 1..count.max(2) {
        let server = draft.device(format!("srv-{n}"), Role::Server, site);
        draft.link(server, switch, 10_000, COST);
    }
}

fn draw_building(
    draft: &mut Draft,
    scenario: &Scenario,
    cores: &[usize],
    number: usize,
    count: usize,
) {
    let site = draft.site(format!("building {number}"));
    let segment = u16::try_from(number).unwrap_or(u16::MAX);
    let pair = match count {
        // One switch alone hangs on the core.
        1 => 0,
        2..=5 => 1,
        _ => 2,
    };
    let heads: Vec<usize> = (1..=pair)
        .map(|n| draft.device(format!("b{number}-dist-{n}"), Role::Distribution, site))
        .collect();
    for (place, &head) in heads.iter().enumerate() {
        draft.segment(head, segment);
        // The first head of a building prefers the first core, the second the second.
        let mut order = cores.to_vec();
        order.rotate_left((place + number) % cores.len().max(1));
        uplinks(draft, head, &order, 40_000, COST);
    }
    if let [a, b] = *heads {
        draft.link(a, b, 40_000, COST);
    }
    let above = if heads.is_empty() { cores } else { &heads };
    for n in 1..=count - heads.len() {
        let access = draft.device(format!("b{number}-acc-{n}"), Role::Access, site);
        draft.segment(access, segment);
        let ports = scenario.ports.unwrap_or(if n % 3 == 0 { 48 } else { 24 });
        draft.edge(access, (ports, ports * 3 / 4, 1_000), Behind::Host, DESKS);
        let mut order = above.to_vec();
        order.rotate_left(n % above.len().max(1));
        for (place, &head) in order.iter().take(2).enumerate() {
            let cost = if place == 0 { COST } else { COST_SPARE };
            draft.link(access, head, 10_000, cost);
        }
    }
}

/// A link to each of the first two.
fn uplinks(draft: &mut Draft, from: usize, to: &[usize], mbps: u32, cost: u32) {
    for &above in to.iter().take(2) {
        draft.link(from, above, mbps, cost);
    }
}

#[cfg(test)]
mod tests {
    use crate::network::{Network, link_channels};
    use crate::routes::{self, Down};
    use crate::scenario::Scenario;
    use std::collections::BTreeMap;

    /// Mean load of both directions of each link, by its two devices, where there are several.
    fn parallel(devices: usize, seed: u64) -> Vec<Vec<f64>> {
        let scenario = Scenario {
            seed,
            devices,
            ..Scenario::default()
        };
        let network = Network::new(&scenario).unwrap();
        let loading = routes::route(&network, &Down::default());
        let mut between: BTreeMap<_, Vec<f64>> = BTreeMap::new();
        for (number, link) in (0..).map(crate::network::LinkNo).zip(network.links()) {
            let mut ends = [link.a.device, link.b.device];
            ends.sort_unstable();
            let (there, back) = link_channels(number);
            let load = [there, back].map(|channel| {
                let flows = loading.flows(channel).iter();
                let octets: f64 = flows.map(|&flow| network.flow(flow).mean).sum();
                octets * 8.0 / network.speed_bps(channel)
            });
            between.entry(ends).or_default().push(load[0].max(load[1]));
        }
        between.into_values().filter(|all| all.len() > 1).collect()
    }

    #[test]
    fn the_way_out_has_two_links_that_are_used_unevenly() {
        assert!(parallel(19, 7).is_empty());
        for (devices, seed) in [(20, 7), (50, 7), (50, 1), (200, 3)] {
            let found = parallel(devices, seed);
            assert_eq!(found.len(), 1, "{devices}");
            let [fast, slow] = found[0][..] else {
                panic!("{found:?}")
            };
            assert!(slow > 2.0 * fast && slow < 0.15, "{devices}: {fast} {slow}");
        }
    }
}
