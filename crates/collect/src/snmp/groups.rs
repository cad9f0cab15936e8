//! What of a device is to be read.

use std::ops::{BitAnd, BitOr, BitOrAssign, Sub};

/// A set of groups of objects.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Groups(u16);

impl Groups {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// The system group, engine id, what tells the device from others.
    pub const SYSTEM: Self = Self(1);
    /// All columns of IF-MIB.
    pub const INTERFACES: Self = Self(1 << 1);
    /// IP-MIB.
    pub const ADDRESSES: Self = Self(1 << 2);
    /// Processors.
    pub const PROCESSORS: Self = Self(1 << 3);
    /// Memory.
    pub const MEMORY: Self = Self(1 << 4);
    /// Storage.
    pub const STORAGE: Self = Self(1 << 5);
    /// Sensors.
    pub const SENSORS: Self = Self(1 << 6);
    /// LLDP and CDP.
    pub const NEIGHBORS: Self = Self(1 << 7);
    /// Q-BRIDGE-MIB.
    pub const VLANS: Self = Self(1 << 8);
    /// ENTITY-MIB.
    pub const INVENTORY: Self = Self(1 << 9);
    /// Counters and states of interfaces alone: the part of IF-MIB that changes.
    pub const TRAFFIC: Self = Self(1 << 10);
    /// Neighbours by routing protocols.
    pub const ROUTING: Self = Self(1 << 11);
    /// Who was heard on local networks.
    pub const ARP: Self = Self(1 << 12);
    /// Access points, radios and wireless networks.
    pub const WIRELESS: Self = Self(1 << 13);
    /// The groups that HOST-RESOURCES-MIB keeps in one table.
    pub(super) const VOLUMES: Self = Self(Self::MEMORY.0 | Self::STORAGE.0);
    /// The parts whose values each poll reads.
    pub(super) const PARTS: Self = Self(
        Self::PROCESSORS.0 | Self::MEMORY.0 | Self::STORAGE.0 | Self::SENSORS.0 | Self::WIRELESS.0,
    );
    /// The groups whose rows name interfaces.
    pub(super) const NAMED: Self = Self(
        Self::INTERFACES.0 | Self::ADDRESSES.0 | Self::NEIGHBORS.0 | Self::ROUTING.0 | Self::ARP.0,
    );
    /// All there is.
    pub const ALL: Self = Self((1 << 14) - 1);
    /// What each poll reads.
    pub const COUNTERS: Self = Self(Self::TRAFFIC.0 | Self::PARTS.0);

    /// Whether all of the others are in it.
    pub const fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }
    /// Whether any of the others is in it.
    pub const fn intersects(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
    /// Whether there is none in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// These and the others.
    pub(super) const fn or(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }
    /// Each group in it, alone.
    pub fn each(self) -> impl Iterator<Item = Self> {
        (0..14)
            .map(|bit| Self(1 << bit))
            .filter(move |&group| self.contains(group))
    }
    fn name(self) -> &'static str {
        match self {
            Self::SYSTEM => "system",
            Self::INTERFACES => "interfaces",
            Self::ADDRESSES => "addresses",
            Self::PROCESSORS => "processors",
            Self::MEMORY => "memory",
            Self::STORAGE => "storage",
            Self::SENSORS => "sensors",
            Self::NEIGHBORS => "neighbors",
            Self::VLANS => "vlans",
            Self::INVENTORY => "inventory",
            Self::ROUTING => "routing",
            Self::ARP => "arp",
            Self::WIRELESS => "wireless",
            _ => "traffic",
        }
    }
}

impl std::fmt::Debug for Groups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.each().map(Self::name)).finish()
    }
}

impl BitOr for Groups {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Groups {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl BitAnd for Groups {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Sub for Groups {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}
