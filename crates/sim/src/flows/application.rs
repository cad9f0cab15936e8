//! What traffic is for: a mix of applications for each demand, the same each time.

use crate::hash;
use crate::traffic::Class;

/// A part of a mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Application {
    /// Protocol number of IP.
    pub(super) protocol: u8,
    /// Port of the service; 0 where the protocol has none.
    pub(super) port: u16,
    pub(super) dscp: u8,
    /// Of a thousand octets of the demand, so many.
    pub(super) per_mille: u16,
}

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;

const fn part(protocol: u8, port: u16, dscp: u8, per_mille: u16) -> Application {
    Application {
        protocol,
        port,
        dscp,
        per_mille,
    }
}

/// Mixes of what goes out into the world.
const WORLD: [&[Application]; 4] = [
    &[
        part(TCP, 443, 0, 780),
        part(UDP, 443, 0, 180),
        part(UDP, 53, 0, 20),
        part(TCP, 80, 0, 20),
    ],
    &[
        part(UDP, 443, 0, 600),
        part(TCP, 443, 0, 350),
        part(UDP, 3_478, 46, 50),
    ],
    &[
        part(TCP, 443, 0, 900),
        part(TCP, 993, 18, 80),
        part(ICMP, 0, 0, 20),
    ],
    &[
        part(UDP, 4_500, 0, 900),
        part(UDP, 123, 48, 10),
        part(TCP, 22, 16, 90),
    ],
];
/// Mixes of what stays inside.
const INSIDE: [&[Application]; 4] = [
    &[
        part(TCP, 445, 10, 850),
        part(TCP, 389, 0, 50),
        part(UDP, 53, 0, 100),
    ],
    &[
        part(TCP, 443, 0, 700),
        part(TCP, 1_433, 18, 250),
        part(UDP, 161, 16, 50),
    ],
    &[part(TCP, 2_049, 10, 900), part(TCP, 22, 16, 100)],
    &[
        part(UDP, 5_060, 24, 40),
        part(UDP, 16_384, 46, 760),
        part(TCP, 443, 0, 200),
    ],
];
/// What is copied at night.
const BACKUP: &[Application] = &[part(TCP, 873, 8, 950), part(TCP, 22, 8, 50)];

/// The mix of a demand. Its parts add up to a thousand.
pub(super) fn mix(chance: u64, class: Class, to_world: bool) -> &'static [Application] {
    if class == Class::Night {
        return BACKUP;
    }
    let mixes = if to_world { &WORLD } else { &INSIDE };
    let place = hash::pick(hash::mix(chance, 7), mixes.len());
    mixes.get(place).copied().unwrap_or(BACKUP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mix_is_all_of_its_demand() {
        for mix in WORLD.iter().chain(&INSIDE).chain([&BACKUP]) {
            let sum: u16 = mix.iter().map(|part| part.per_mille).sum();
            assert_eq!(sum, 1_000, "{mix:?}");
        }
    }
}
