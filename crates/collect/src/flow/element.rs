//! Information elements that are read, and the record that is drafted from them. Names and numbers:
//! IANA, IP Flow Information Export (IPFIX) Entities; NetFlow v9 shares the numbers below 128.

use super::octets::number;
use super::record::{Address, Flow, Observed};

/// Enterprise number under which RFC 5103 puts the reverse direction of an element.
const REVERSE: u32 = 29_305;

/// What a field of a record is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    /// Passed over.
    Skip,
    Octets,
    OctetsOther,
    Packets,
    PacketsOther,
    ReverseOctets,
    ReversePackets,
    Protocol,
    TypeOfService,
    DiffServCodePoint,
    SourcePort,
    DestinationPort,
    SourceV4,
    DestinationV4,
    SourceV6,
    DestinationV6,
    Input,
    Output,
    InputPhysical,
    OutputPhysical,
    SourceAs,
    DestinationAs,
    Direction,
    EndSysUpTime,
    EndSeconds,
    EndMilliseconds,
    EndMicroseconds,
    EndDeltaMicroseconds,
    SystemInitMilliseconds,
    SamplingInterval,
    SamplerRandomInterval,
    PacketInterval,
    PacketSpace,
    SamplingSize,
    SamplingPopulation,
    SamplingProbability,
    Selector,
    /// The scope of an options record is an interface.
    ScopeInterface,
}

/// Which element a field is.
pub(super) fn element(enterprise: u32, id: u16) -> Element {
    if enterprise == REVERSE {
        return match id {
            1 | 85 => Element::ReverseOctets,
            2 | 86 => Element::ReversePackets,
            _ => Element::Skip,
        };
    }
    if enterprise != 0 {
        return Element::Skip;
    }
    match id {
        // octetDeltaCount, postOctetDeltaCount, octetTotalCount, initiatorOctets.
        1 => Element::Octets,
        23 | 85 | 231 => Element::OctetsOther,
        2 => Element::Packets,
        24 | 86 | 298 => Element::PacketsOther,
        // responderOctets, responderPackets.
        232 => Element::ReverseOctets,
        299 => Element::ReversePackets,
        4 => Element::Protocol,
        5 => Element::TypeOfService,
        195 => Element::DiffServCodePoint,
        7 => Element::SourcePort,
        11 => Element::DestinationPort,
        8 => Element::SourceV4,
        12 => Element::DestinationV4,
        27 => Element::SourceV6,
        28 => Element::DestinationV6,
        10 => Element::Input,
        14 => Element::Output,
        252 => Element::InputPhysical,
        253 => Element::OutputPhysical,
        16 => Element::SourceAs,
        17 => Element::DestinationAs,
        61 => Element::Direction,
        21 => Element::EndSysUpTime,
        151 => Element::EndSeconds,
        153 => Element::EndMilliseconds,
        155 | 157 => Element::EndMicroseconds,
        159 => Element::EndDeltaMicroseconds,
        160 => Element::SystemInitMilliseconds,
        34 => Element::SamplingInterval,
        50 => Element::SamplerRandomInterval,
        305 => Element::PacketInterval,
        306 => Element::PacketSpace,
        309 => Element::SamplingSize,
        310 => Element::SamplingPopulation,
        311 => Element::SamplingProbability,
        // samplerId, selectorId.
        48 | 302 => Element::Selector,
        _ => Element::Skip,
    }
}

impl Element {
    /// Whether a record with it has traffic to count.
    pub(super) fn counts(self) -> bool {
        matches!(self, Self::Octets | Self::OctetsOther | Self::ReverseOctets)
    }

    /// Whether it says something of sampling.
    pub(super) fn samples(self) -> bool {
        matches!(
            self,
            Self::SamplingInterval
                | Self::SamplerRandomInterval
                | Self::PacketInterval
                | Self::SamplingPopulation
                | Self::SamplingProbability
        )
    }
}

/// When a flow ended, as the record has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum End {
    #[default]
    Unsaid,
    /// Milliseconds since the exporter started.
    SysUpTime(u32),
    /// Milliseconds since 1970.
    Unix(u64),
    /// Microseconds before the message was exported.
    Before(u64),
}

/// A record as its fields are read, in any order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Draft {
    pub(super) flow: Flow,
    pub(super) end: End,
    pub(super) started_ms: u64,
    pub(super) selector: Option<u64>,
    pub(super) scope_interface: Option<u32>,
    pub(super) reverse_octets: u64,
    pub(super) reverse_packets: u64,
    other_octets: u64,
    other_packets: u64,
    input_physical: u32,
    output_physical: u32,
    interval: u64,
    packet_interval: u64,
    packet_space: u64,
    size: u64,
    population: u64,
    probability: f64,
}

impl Draft {
    /// Takes a field in.
    #[inline]
    pub(super) fn set(&mut self, element: Element, octets: &[u8]) {
        let flow = &mut self.flow;
        match element {
            Element::Skip => {}
            Element::Octets => flow.octets = number(octets),
            Element::Packets => flow.packets = number(octets),
            Element::OctetsOther => self.other_octets = number(octets),
            Element::PacketsOther => self.other_packets = number(octets),
            Element::ReverseOctets => self.reverse_octets = number(octets),
            Element::ReversePackets => self.reverse_packets = number(octets),
            Element::Protocol => flow.protocol = low(octets),
            Element::TypeOfService => flow.dscp = low(octets) >> 2,
            Element::DiffServCodePoint => flow.dscp = low(octets) & 0x3f,
            Element::SourcePort => flow.source_port = port(octets),
            Element::DestinationPort => flow.destination_port = port(octets),
            Element::SourceV4 => v4(&mut flow.source, octets),
            Element::DestinationV4 => v4(&mut flow.destination, octets),
            Element::SourceV6 => v6(&mut flow.source, octets),
            Element::DestinationV6 => v6(&mut flow.destination, octets),
            Element::Input => flow.input = word(octets),
            Element::Output => flow.output = word(octets),
            Element::InputPhysical => self.input_physical = word(octets),
            Element::OutputPhysical => self.output_physical = word(octets),
            Element::SourceAs => flow.source_as = word(octets),
            Element::DestinationAs => flow.destination_as = word(octets),
            Element::Direction => {
                flow.observed = match octets {
                    [0] => Observed::Ingress,
                    [1] => Observed::Egress,
                    _ => Observed::Unsaid,
                };
            }
            Element::EndSysUpTime => self.end = End::SysUpTime(word(octets)),
            Element::EndSeconds => self.end = End::Unix(number(octets).saturating_mul(1_000)),
            Element::EndMilliseconds => self.end = End::Unix(number(octets)),
            Element::EndMicroseconds => self.end = ntp(octets),
            Element::EndDeltaMicroseconds => self.end = End::Before(number(octets)),
            Element::SystemInitMilliseconds => self.started_ms = number(octets),
            Element::SamplingInterval | Element::SamplerRandomInterval => {
                self.interval = number(octets);
            }
            Element::PacketInterval => self.packet_interval = number(octets),
            Element::PacketSpace => self.packet_space = number(octets),
            Element::SamplingSize => self.size = number(octets),
            Element::SamplingPopulation => self.population = number(octets),
            Element::SamplingProbability => self.probability = float(octets),
            Element::Selector => self.selector = Some(number(octets)),
            Element::ScopeInterface => self.scope_interface = Some(word(octets)),
        }
    }

    /// The rate that the record itself states: one packet in so many.
    pub(super) fn rate(&self) -> Option<u32> {
        let share = |all: u64, of: u64| (of > 0).then(|| all.div_ceil(of));
        let rate = if self.interval > 0 {
            self.interval
        } else if self.packet_interval > 0 {
            // So many packets are taken, then so many left out (RFC 5477, 8.2.2 and 8.2.3).
            let all = self.packet_interval.saturating_add(self.packet_space);
            share(all, self.packet_interval)?
        } else if self.population > 0 {
            share(self.population, self.size)?
        } else if self.probability > 0.0 && self.probability <= 1.0 {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "at least 1, and held at the greatest number by the cast"
            )]
            {
                (1.0 / self.probability).round() as u64
            }
        } else {
            return None;
        };
        u32::try_from(rate).ok().filter(|rate| *rate > 0)
    }

    /// What it is without, taken from the elements that say nearly the same.
    pub(super) fn fill(&mut self) {
        let instead = |value: &mut u64, other: u64| {
            if *value == 0 {
                *value = other;
            }
        };
        instead(&mut self.flow.octets, self.other_octets);
        instead(&mut self.flow.packets, self.other_packets);
        if self.flow.input == 0 {
            self.flow.input = self.input_physical;
        }
        if self.flow.output == 0 {
            self.flow.output = self.output_physical;
        }
    }
}

fn low(octets: &[u8]) -> u8 {
    octets.last().copied().unwrap_or(0)
}

fn port(octets: &[u8]) -> u16 {
    u16::try_from(number(octets)).unwrap_or(0)
}

fn word(octets: &[u8]) -> u32 {
    u32::try_from(number(octets)).unwrap_or(0)
}

/// Where a record has room for both families, the one that is not used holds zeros.
fn v4(address: &mut Address, octets: &[u8]) {
    if let Ok(octets) = <[u8; 4]>::try_from(octets)
        && (octets != [0; 4] || *address == Address::default())
    {
        *address = Address::v4(u32::from_be_bytes(octets));
    }
}

fn v6(address: &mut Address, octets: &[u8]) {
    if let Ok(octets) = <[u8; 16]>::try_from(octets)
        && octets != [0; 16]
    {
        *address = Address(u128::from_be_bytes(octets));
    }
}

/// dateTimeMicroseconds and dateTimeNanoseconds: NTP's seconds since 1900 and their fraction
/// (RFC 7011, 6.1.9).
fn ntp(octets: &[u8]) -> End {
    const UNIX_EPOCH_SECS: u64 = 2_208_988_800;
    let Ok(octets) = <[u8; 8]>::try_from(octets) else {
        return End::Unsaid;
    };
    let stamp = u64::from_be_bytes(octets);
    let millis = ((stamp & 0xffff_ffff) * 1_000) >> 32;
    let seconds = (stamp >> 32).saturating_sub(UNIX_EPOCH_SECS);
    End::Unix(seconds * 1_000 + millis)
}

fn float(octets: &[u8]) -> f64 {
    if let Ok(octets) = <[u8; 8]>::try_from(octets) {
        return f64::from_be_bytes(octets);
    }
    <[u8; 4]>::try_from(octets).map_or(0.0, |octets| f64::from(f32::from_be_bytes(octets)))
}
