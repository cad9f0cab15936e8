//! The candidates as they are now: what devices have heard of within the allowed networks, gathered
//! from the inventory at most every few seconds. Nothing of it is kept but what is ignored.

use crate::problem::Answer;
use crate::services::Services;
use crate::state::State;
use crate::store_problem::of_store;
use crate::turns::Turn;
use model::candidate::Candidate;
use model::discovery::DiscoveryRequest;
use model::network::Network;
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use store::inventory::Inventory;
use topology::candidates::{Gathered, Witness, gather};

/// Requests of discovery whose networks count, the latest: one that was made last year says nothing of
/// what may be asked today.
const REQUESTS_MAX: usize = 50;
/// Runs that are read at a time, to look through them for requests.
const RUNS_A_PAGE: usize = 200;
/// Pages that are read: all runs where schedules keep few, and no more than a moment's reading where
/// they keep thousands.
const PAGES_MAX: usize = 5;

/// The candidates, by address, those that are ignored marked so.
pub(crate) async fn candidates(state: &State) -> Answer<Vec<Candidate>> {
    let services = &state.services;
    let gathered = gathered(state).await?;
    let ignored = services.store.ignored.all().await.map_err(of_store)?;
    let inventory = &services.store.inventory;
    // One that was registered a moment ago is none any more.
    let left = gathered
        .candidates
        .iter()
        .filter(|candidate| inventory.devices_at(candidate.address).is_empty());
    let marked = left.map(|candidate| Candidate {
        ignored_at: ignored.get(&candidate.address).copied(),
        ..candidate.clone()
    });
    Ok(marked.collect())
}

async fn gathered(state: &State) -> Answer<Arc<Gathered>> {
    let turn = match state.candidates.turn("").await? {
        Turn::Answered(gathered) => return Ok(gathered),
        Turn::Yours(turn) => turn,
    };
    let allowed = allowed(&state.services).await?;
    let inventory = state.services.store.inventory.clone();
    let work = move || {
        let _turn = turn;
        of_inventory(&inventory, &allowed)
    };
    let gathered = state.blocking(work).await?;
    state.candidates_left_out.inc_by(gathered.left_out);
    Ok(state.candidates.answered(String::new(), gathered))
}

fn of_inventory(inventory: &Inventory, allowed: &[Network]) -> Gathered {
    let records = inventory.devices();
    let names: Vec<String> = records.iter().map(|r| r.device.body.name()).collect();
    let witnesses: Vec<Witness<'_>> = records
        .iter()
        .zip(&names)
        .map(|(record, name)| Witness {
            device_id: record.device.body.id,
            name,
            address: record.device.body.address,
            addresses: &record.device.body.identity.addresses,
            facts: &record.facts,
            neighbors: &record.neighbors,
        })
        .collect();
    gather(&witnesses, allowed)
}

/// Where candidates may be: in the networks that the server allows, and in those of schedules that
/// run and of the latest discoveries.
async fn allowed(services: &Services) -> Answer<Vec<Network>> {
    let store = &services.store;
    let mut texts: HashSet<String> = services.options.allowed_networks.iter().cloned().collect();
    let mut add = |request: DiscoveryRequest| {
        texts.extend(request.targets);
        texts.extend(request.allowed_networks);
    };
    for schedule in store.schedules.list().await.map_err(of_store)? {
        if schedule.body.enabled {
            add(schedule.body.request);
        }
    }
    let (mut latest, mut after) = (Latest::default(), None);
    for _ in 0..PAGES_MAX {
        let page = store.discoveries.page(None, after, true, RUNS_A_PAGE);
        let page = page.await.map_err(of_store)?;
        latest.take(page.items.into_iter().map(|run| run.body.request));
        after = page.next;
        if after.is_none() || latest.requests.len() >= REQUESTS_MAX {
            break;
        }
    }
    latest.requests.into_iter().for_each(add);
    Ok(texts.iter().filter_map(|text| network(text)).collect())
}

/// Of requests, the latest first, those that count: each once, however often it was made. One address
/// that was looked at alone, as each candidate is that was accepted, opens no network, and pushes none
/// out.
// Invariant: no two look into the same, and there are no more than `REQUESTS_MAX`.
#[derive(Default)]
struct Latest {
    requests: Vec<DiscoveryRequest>,
}

impl Latest {
    fn take(&mut self, requests: impl Iterator<Item = DiscoveryRequest>) {
        for request in requests.filter(|request| !request.is_of_one_address()) {
            let is_same = |known: &DiscoveryRequest| {
                known.targets == request.targets
                    && known.allowed_networks == request.allowed_networks
            };
            if self.requests.len() < REQUESTS_MAX && !self.requests.iter().any(is_same) {
                self.requests.push(request);
            }
        }
    }
}

/// The addresses of a target; none of one that is a name.
fn network(text: &str) -> Option<Network> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let socket: SocketAddr = text.parse().ok()?;
        let address: IpAddr = socket.ip();
        address.to_string().parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_that_are_accepted_and_runs_of_one_schedule_push_no_network_out() {
        let request = |target: &str, max_hops| DiscoveryRequest {
            targets: vec![target.to_owned()],
            methods: Vec::new(),
            credential_ids: Vec::new(),
            allowed_networks: Vec::new(),
            port: 161,
            max_hops,
            register: true,
        };
        let accepted = (0..100).map(|host| request(&format!("192.0.2.{host}:161"), 0));
        let scheduled = std::iter::repeat_n(request("198.51.100.0/24", 0), 100);
        let others = [request("203.0.113.1", 2), request("switch.example", 0)];
        let mut latest = Latest::default();
        latest.take(accepted.chain(scheduled).chain(others));
        let counted = latest.requests.iter().flat_map(|request| &request.targets);
        assert_eq!(
            counted.collect::<Vec<_>>(),
            ["198.51.100.0/24", "203.0.113.1", "switch.example"]
        );
        latest.take((0..100).map(|net| request(&format!("198.51.{net}.0/24"), 0)));
        assert_eq!(latest.requests.len(), REQUESTS_MAX);
    }

    #[test]
    fn targets_are_networks_where_they_are_no_names() {
        for (target, within) in [
            ("192.0.2.0/24", Some("192.0.2.9")),
            ("192.0.2.1:1161", Some("192.0.2.1")),
            ("[2001:db8::1]:161", Some("2001:db8::1")),
            ("192.0.2.1-192.0.2.9", Some("192.0.2.9")),
            ("switch.example", None),
        ] {
            let found = network(target);
            let has = within.map(|address| address.parse().unwrap());
            assert_eq!(found.is_some(), has.is_some(), "{target}");
            assert!(found.is_none_or(|found| has.is_some_and(|has| found.contains(has))));
        }
    }
}
