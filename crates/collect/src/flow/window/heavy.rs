//! The heavy hosts of a window that is under way: looked at while it fills, so that one that takes much of an
//! interface is known before the minute is over.

use super::{Conversation, Counted, Window};
use crate::flow::record::Address;
use model::Timestamp;
use model::flow::FlowDirection;
use std::collections::HashMap;
use std::net::IpAddr;

/// Hosts of an interface that are told: more have no share that matters.
pub const HEAVY_HOSTS_MAX: usize = 16;

/// What crossed an interface one way in a window so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeavyPlace {
    /// Address of the exporter.
    pub exporter: IpAddr,
    /// ifIndex as the exporter sent it; 0 where its flows name no interface.
    pub if_index: u32,
    /// Which way.
    pub direction: FlowDirection,
    /// When the window began.
    pub from: Timestamp,
    /// All octets so far.
    pub octets: u64,
    /// Hosts with at least the share that was asked for, most octets first, at most [`HEAVY_HOSTS_MAX`].
    pub hosts: Vec<HeavyHost>,
}

/// A host with a large share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeavyHost {
    /// Its address.
    pub address: IpAddr,
    /// Octets that it sent and received across the interface.
    pub octets: u64,
    /// Its largest conversation: with whom, by what, as `tcp/443`, and how many octets.
    pub peer: Option<(IpAddr, String, u64)>,
}

impl Window {
    /// The places where something came since this was asked last, with the hosts that have at least one part in
    /// `part` of what came in all. O(n) of the hosts and conversations of these places.
    pub fn heavy(&mut self, part: u64) -> Vec<HeavyPlace> {
        let from = self.from;
        let changed = self.places.iter_mut().filter(|(_, counted)| {
            let has_changed = counted.looked_octets != counted.total.octets;
            has_changed && !counted.hosts.is_empty()
        });
        let mut found: Vec<_> = changed
            .map(|(place, counted)| {
                counted.looked_octets = counted.total.octets;
                (*place, &*counted)
            })
            .collect();
        found.sort_unstable_by_key(|(place, _)| *place);
        let told = found.into_iter().map(|(place, counted)| HeavyPlace {
            exporter: counted.exporter,
            if_index: place.if_index,
            direction: place.direction,
            from,
            octets: counted.total.octets,
            hosts: counted.heavy(counted.total.octets / part.max(1)),
        });
        told.collect()
    }
}

impl Counted {
    fn heavy(&self, octets_min: u64) -> Vec<HeavyHost> {
        let hosts = self.hosts.over(octets_min.max(1), HEAVY_HOSTS_MAX);
        // A conversation with most of what a host has is at least half as large.
        let talks = self.conversations.over((octets_min / 2).max(1), usize::MAX);
        let mut largest: HashMap<Address, (Conversation, u64)> = HashMap::new();
        for (talk, octets) in talks {
            for end in [talk.source, talk.destination] {
                largest.entry(end).or_insert((talk, octets));
            }
        }
        let host = |(address, octets): (Address, u64)| {
            let peer = largest.get(&address).map(|(talk, octets)| {
                let other = if talk.source == address {
                    talk.destination
                } else {
                    talk.source
                };
                (other.ip(), talk.application.to_string(), *octets)
            });
            HeavyHost {
                address: address.ip(),
                octets,
                peer,
            }
        };
        hosts.into_iter().map(host).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Metered, Sender};
    use super::*;
    use crate::flow::record::Flow;

    fn flow(source: u32, destination: u32, octets: u64) -> Flow {
        Flow {
            is_ip: true,
            source: Address::v4(source),
            destination: Address::v4(destination),
            source_port: 50_000,
            destination_port: 443,
            protocol: 6,
            input: 1,
            octets,
            packets: 1,
            ..Flow::default()
        }
    }

    #[test]
    fn hosts_with_a_share_are_told_with_whom_they_talk_and_only_where_something_came() {
        let mut window = Window::new(Timestamp::from_unix_ms(60_000));
        let mut metered = Metered::default();
        let sender = Sender {
            number: 1,
            address: IpAddr::from([192, 0, 2, 1]),
        };
        let mut add = |window: &mut Window, flow: &Flow| {
            window.add(sender, &mut metered, flow, Timestamp::default());
        };
        for (source, destination, octets) in [
            (0x0a00_0001, 0x0a00_0002, 600),
            (0x0a00_0001, 0x0a00_0002, 200),
            (0x0a00_0001, 0x0a00_0003, 100),
            (0x0a00_0004, 0x0a00_0005, 100),
        ] {
            add(&mut window, &flow(source, destination, octets));
        }
        let told = window.heavy(5);
        assert_eq!(
            (told.len(), told[0].octets, told[0].if_index),
            (1, 1_000, 1)
        );
        let shown = told[0].hosts.iter().map(|host| {
            let (peer, application, octets) = host.peer.clone().unwrap();
            format!(
                "{}={} {peer} {application} {octets}",
                host.address, host.octets
            )
        });
        assert_eq!(
            shown.collect::<Vec<_>>(),
            [
                "10.0.0.1=900 10.0.0.2 tcp/443 800",
                "10.0.0.2=800 10.0.0.1 tcp/443 800",
            ]
        );
        assert_eq!(window.heavy(5), [], "nothing came since");
        add(&mut window, &flow(0x0a00_0009, 0x0a00_0002, 5_000));
        let again = window.heavy(5);
        assert_eq!(again[0].hosts[0].octets, 5_800);
        assert_eq!(again[0].hosts[1].address, IpAddr::from([10, 0, 0, 9]));
    }

    #[test]
    fn no_more_hosts_are_told_than_may() {
        let mut window = Window::new(Timestamp::default());
        let mut metered = Metered::default();
        let sender = Sender {
            number: 1,
            address: IpAddr::from([192, 0, 2, 1]),
        };
        for host in 0..100 {
            let flow = flow(host * 2 + 1, host * 2 + 2, 100);
            window.add(sender, &mut metered, &flow, Timestamp::default());
        }
        assert_eq!(window.heavy(1_000)[0].hosts.len(), HEAVY_HOSTS_MAX);
    }
}
