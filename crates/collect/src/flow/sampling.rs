//! What options records say of sampling, and which rate a flow record therefore stands for.

use std::collections::HashMap;

/// Samplers of a domain. Real exporters have one to a handful.
const SAMPLERS_MAX: usize = 64;
/// Interfaces with a rate of their own in a domain. A chassis has some thousands of interfaces.
const INTERFACES_MAX: usize = 4_096;

/// The samplers of one observation domain.
#[derive(Clone, Debug, Default)]
pub(super) struct Samplers {
    by_selector: HashMap<u64, u32>,
    by_interface: HashMap<u32, u32>,
    whole: Option<u32>,
}

impl Samplers {
    /// Takes in what an options record states.
    pub(super) fn state(&mut self, selector: Option<u64>, interface: Option<u32>, rate: u32) {
        match (selector, interface) {
            (Some(selector), _) => insert(&mut self.by_selector, SAMPLERS_MAX, selector, rate),
            (None, Some(interface)) => {
                insert(&mut self.by_interface, INTERFACES_MAX, interface, rate);
            }
            (None, None) => self.whole = Some(rate),
        }
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

/// A new key beyond the bound is not kept: what it samples counts as not stated.
fn insert<K: std::hash::Hash + Eq>(map: &mut HashMap<K, u32>, max: usize, key: K, rate: u32) {
    if map.len() < max || map.contains_key(&key) {
        map.insert(key, rate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_sampler_else_of_the_interface_else_of_all() {
        let mut samplers = Samplers::default();
        assert_eq!(samplers.rate(None, 1, 2), None);
        samplers.state(Some(7), None, 100);
        assert_eq!(samplers.rate(None, 1, 2), Some(100), "the only sampler");
        samplers.state(Some(8), None, 200);
        assert_eq!(samplers.rate(None, 1, 2), None, "which of two is not said");
        assert_eq!(samplers.rate(Some(8), 1, 2), Some(200));
        assert_eq!(samplers.rate(Some(9), 1, 2), None);
        assert_eq!(samplers.rate(Some(0), 1, 2), Some(1));
        samplers.state(None, None, 10);
        samplers.state(None, Some(2), 20);
        assert_eq!(samplers.rate(None, 1, 3), Some(10));
        assert_eq!(samplers.rate(None, 2, 3), Some(20));
        assert_eq!(samplers.rate(None, 3, 2), Some(20));
    }

    #[test]
    fn samplers_are_bounded() {
        let mut samplers = Samplers::default();
        for id in 0..10_000 {
            samplers.state(Some(id), None, 10);
            samplers.state(None, u32::try_from(id).ok(), 10);
        }
        assert_eq!(samplers.by_selector.len(), SAMPLERS_MAX);
        assert_eq!(samplers.by_interface.len(), INTERFACES_MAX);
    }
}
