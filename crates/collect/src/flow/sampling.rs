//! What options records say of sampling, and which rate a flow record therefore stands for.

use std::collections::HashMap;

/// Samplers of a domain. Real exporters have one to a handful.
const SAMPLERS_MAX: usize = 64;
/// Interfaces with a rate of their own in all domains of an exporter: 100 KB. A chassis has some
/// thousands of interfaces.
const INTERFACES_MAX: usize = 4_096;

/// What the domains of an exporter have of its room.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rates {
    /// Interfaces with a rate of their own.
    interfaces: usize,
    /// Rates that were not kept.
    pub(super) refused: u64,
    /// One of an interface was refused since it was looked for domains that are silent.
    pub(super) is_short: bool,
}

/// The samplers of one observation domain.
#[derive(Clone, Debug, Default)]
pub(super) struct Samplers {
    by_selector: HashMap<u64, u32>,
    by_interface: HashMap<u32, u32>,
    whole: Option<u32>,
}

impl Samplers {
    /// Takes in what an options record states. A new one beyond a bound is not kept: what it samples
    /// counts as not stated.
    pub(super) fn state(
        &mut self,
        selector: Option<u64>,
        interface: Option<u32>,
        rate: u32,
        rates: &mut Rates,
    ) {
        match (selector, interface) {
            (Some(selector), _) => {
                let has_room = self.by_selector.len() < SAMPLERS_MAX;
                if !insert(&mut self.by_selector, has_room, selector, rate) {
                    rates.refused += 1;
                }
            }
            (None, Some(interface)) => {
                let has_room = rates.interfaces < INTERFACES_MAX;
                let before = self.by_interface.len();
                if !insert(&mut self.by_interface, has_room, interface, rate) {
                    rates.refused += 1;
                    rates.is_short = true;
                }
                rates.interfaces += self.by_interface.len() - before;
            }
            (None, None) => self.whole = Some(rate),
        }
    }

    /// Forgets the rates of interfaces, and gives back the room that they have.
    pub(super) fn end(&mut self, rates: &mut Rates) {
        rates.interfaces = rates.interfaces.saturating_sub(self.by_interface.len());
        self.by_interface = HashMap::new();
    }

    /// The rate of a record that states none itself. A record that names no sampler belongs to the
    /// only one there is.
    pub(super) fn rate(&self, selector: Option<u64>, input: u32, output: u32) -> Option<u32> {
        if let Some(selector) = selector {
            // Sampler 0 means in NetFlow v9 that the flow was not sampled.
            let found = self.by_selector.get(&selector).copied();
            return found.or(if selector == 0 { Some(1) } else { self.whole });
        }
        let of = |interface: u32| self.by_interface.get(&interface).copied();
        let only = || match self.by_selector.len() {
            1 => self.by_selector.values().next().copied(),
            _ => None,
        };
        of(input)
            .or_else(|| of(output))
            .or(self.whole)
            .or_else(only)
    }
}

/// Whether it is kept: a new key is only where there is room.
fn insert<K: std::hash::Hash + Eq>(
    map: &mut HashMap<K, u32>,
    has_room: bool,
    key: K,
    rate: u32,
) -> bool {
    let is_kept = has_room || map.contains_key(&key);
    if is_kept {
        map.insert(key, rate);
    }
    is_kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_sampler_else_of_the_interface_else_of_all() {
        let mut samplers = Samplers::default();
        let mut rates = Rates::default();
        assert_eq!(samplers.rate(None, 1, 2), None);
        samplers.state(Some(7), None, 100, &mut rates);
        assert_eq!(samplers.rate(None, 1, 2), Some(100), "the only sampler");
        samplers.state(Some(8), None, 200, &mut rates);
        assert_eq!(samplers.rate(None, 1, 2), None, "which of two is not said");
        assert_eq!(samplers.rate(Some(8), 1, 2), Some(200));
        assert_eq!(samplers.rate(Some(9), 1, 2), None);
        assert_eq!(samplers.rate(Some(0), 1, 2), Some(1));
        samplers.state(None, None, 10, &mut rates);
        samplers.state(None, Some(2), 20, &mut rates);
        assert_eq!(samplers.rate(None, 1, 3), Some(10));
        assert_eq!(samplers.rate(None, 2, 3), Some(20));
        assert_eq!(samplers.rate(None, 3, 2), Some(20));
    }

    #[test]
    fn rates_are_bounded_and_domains_share_the_room_for_those_of_interfaces() {
        let mut rates = Rates::default();
        let mut one = Samplers::default();
        for id in 0..10_000 {
            one.state(Some(id), None, 10, &mut rates);
            one.state(None, u32::try_from(id).ok(), 10, &mut rates);
        }
        assert_eq!(one.by_selector.len(), SAMPLERS_MAX);
        assert_eq!(one.by_interface.len(), INTERFACES_MAX);
        let expected = 20_000 - SAMPLERS_MAX - INTERFACES_MAX;
        assert_eq!(rates.refused, expected as u64);
        let mut other = Samplers::default();
        other.state(None, Some(1), 10, &mut rates);
        assert_eq!(other.rate(None, 1, 0), None, "the room is the exporter's");
        one.end(&mut rates);
        other.state(None, Some(1), 10, &mut rates);
        assert_eq!(other.rate(None, 1, 0), Some(10));
    }
}
