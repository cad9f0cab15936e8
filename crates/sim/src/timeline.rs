//! What happens to a network in time: which faults there are, and what every counter and every state
//! is at every moment, past or future. It is a function of the network and of its list of faults.
//!
//! Between two changes nothing but traffic goes on, and that is a function of time. So a change is
//! remembered only where it changes something: a flow that is multiplied gets a piece, a channel
//! that carries other flows gets one, each with what had been counted until then. Sums stay sums.
//! How the pieces are made is in [`changes`]; what a fault is, in [`faults`].

mod changes;
mod faults;
mod pieces;

pub use faults::{AddError, FaultId, FaultView};

use crate::hash::{self, purpose};
use crate::network::{Channel, DeviceNo, Network, Peer, PortNo};
use crate::routes::{self, Down, Loading, WayOut};
use crate::scenario::{Effect, Scenario, ScenarioError};
use crate::traffic;
use faults::Span;
use model::Timestamp;
use pieces::{ChannelPiece, FlowPiece, SharePiece, last};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Faults that a timeline keeps. Those that ended are kept too, for counters remember them.
pub const FAULTS_KEPT_MAX: usize = 10_000;
/// Days before the origin in which devices booted.
const BOOT_DAYS: f64 = 300.0;
/// One in so many channels damages a frame now and then, as old cables do.
const WORN_IN: u64 = 40;

/// What happens to a network.
#[derive(Clone)]
pub struct Timeline {
    network: Arc<Network>,
    /// The flows of each channel while nothing is down.
    usual: Arc<Loading>,
    /// How far it is to the world then.
    way_out: Arc<OnceLock<WayOut>>,
    spans: Vec<Span>,
    next_id: u32,
    version: u32,
    /// What is down, by when that began, in order.
    eras: Vec<Era>,
    flows: HashMap<u32, Vec<FlowPiece>>,
    channels: HashMap<Channel, Vec<ChannelPiece>>,
    errors: HashMap<Channel, Vec<SharePiece>>,
    discards: HashMap<Channel, Vec<SharePiece>>,
    /// By link or port at the edge, when it went up or down.
    states: HashMap<Wire, Vec<(Timestamp, bool)>>,
    boots: HashMap<DeviceNo, Vec<Boot>>,
}

/// What a fault may cut: a link or a port at the edge, as half the number of its channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Wire(u32);

#[derive(Clone)]
struct Era {
    start: Timestamp,
    down: Arc<Down>,
    /// How far it is to the world; made when it is first asked for.
    way_out: Arc<OnceLock<WayOut>>,
}

#[derive(Clone, Copy)]
struct Boot {
    at: Timestamp,
    /// Whether every ifIndex is another since.
    renumbered: bool,
}

/// Octets of a port, as its counters say them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Octets {
    /// ifHCInOctets
    pub into: u64,
    /// ifHCOutOctets
    pub out: u64,
}

/// The counters of a port, since its device booted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// ifHCInOctets
    pub in_octets: u64,
    /// ifHCOutOctets
    pub out_octets: u64,
    /// ifHCInUcastPkts
    pub in_packets: u64,
    /// ifHCOutUcastPkts
    pub out_packets: u64,
    /// ifInErrors
    pub in_errors: u64,
    /// ifOutDiscards
    pub out_discards: u64,
}

/// How an agent misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Manners {
    /// It answers nothing, for it or its device is away.
    pub silent: bool,
    /// Milliseconds that every answer waits.
    pub delay_ms: u32,
    /// The share of requests that get lost, ratio 0 to 1.
    pub loss: f64,
}

impl Timeline {
    /// The timeline of a scenario that starts at `start`. Faults without a time begin then.
    pub fn new(
        network: Arc<Network>,
        scenario: &Scenario,
        start: Timestamp,
    ) -> Result<Self, ScenarioError> {
        let usual = Arc::new(routes::route(&network, &Down::default()));
        let mut timeline = Self {
            network,
            usual,
            way_out: Arc::default(),
            spans: Vec::new(),
            next_id: 1,
            version: 0,
            eras: Vec::new(),
            flows: HashMap::new(),
            channels: HashMap::new(),
            errors: HashMap::new(),
            discards: HashMap::new(),
            states: HashMap::new(),
            boots: HashMap::new(),
        };
        timeline.schedule(scenario, start)?;
        Ok(timeline)
    }

    /// The network that all this happens to.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// When the device booted last, as seen at `at`.
    pub fn booted(&self, device: DeviceNo, at: Timestamp) -> Timestamp {
        let boots = self.boots.get(&device).map_or(&[][..], Vec::as_slice);
        last(boots, at, |boot| boot.at).map_or_else(|| self.first_boot(device), |boot| boot.at)
    }

    /// How often the device booted until `at`; snmpEngineBoots counts on from earlier simulations.
    pub fn boots(&self, device: DeviceNo, at: Timestamp) -> u32 {
        let chance = hash::mix2(self.network.root, purpose::ENGINE, u64::from(device.0));
        let before = u32::try_from(hash::pick(chance, 30)).unwrap_or(0) + 1;
        let since = self
            .boots
            .get(&device)
            .map_or(0, |boots| boots.iter().filter(|boot| boot.at <= at).count());
        before + u32::try_from(since).unwrap_or(u32::MAX)
    }

    /// How often the device's interfaces got other ifIndexes until `at`.
    pub fn numbering(&self, device: DeviceNo, at: Timestamp) -> u32 {
        let count = self.boots.get(&device).map_or(0, |boots| {
            let renumbered = boots.iter().filter(|boot| boot.at <= at && boot.renumbered);
            renumbered.count()
        });
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// What the port's octet counters say at `at`: since the device booted, nothing before.
    pub fn octets(&self, port: PortNo, at: Timestamp) -> Octets {
        let counters = self.counters(port, at);
        Octets {
            into: counters.in_octets,
            out: counters.out_octets,
        }
    }

    /// What the port's counters say at `at`.
    pub fn counters(&self, port: PortNo, at: Timestamp) -> Counters {
        let booted = self.booted(port.device, at);
        if at < booted {
            return Counters::default();
        }
        self.totals(port, at).since(&self.totals(port, booted))
    }

    /// What the port has counted from the origin until `at`, whatever its device did meanwhile.
    pub(crate) fn totals(&self, port: PortNo, at: Timestamp) -> Totals {
        let Some(channels) = self.network.channels(port) else {
            let members = self.network.members(port);
            return members.fold(Totals::default(), |sum, member| {
                sum.and(&self.totals(member, at))
            });
        };
        let (into, out) = (channels.into, channels.out);
        let (in_octets, out_octets) = (self.carried(into, at), self.carried(out, at));
        Totals {
            in_octets,
            out_octets,
            in_packets: in_octets.div_euclid(self.packet_size(into)),
            out_packets: out_octets.div_euclid(self.packet_size(out)),
            in_errors: self.share(&self.errors, into, in_octets, at),
            out_discards: self.share(&self.discards, out, out_octets, at),
        }
    }

    /// Whether a port is up at `at`: something is plugged in, and both ends are well.
    pub fn is_up(&self, port: PortNo, at: Timestamp) -> bool {
        match self.network.peer(port) {
            Some(Peer::Inside) => true,
            Some(Peer::Nothing) | None => false,
            Some(Peer::Link(_) | Peer::Edge(_)) => {
                self.state(port, at).is_none_or(|(_, is_up)| is_up)
            }
            Some(Peer::Aggregate(_)) => {
                let mut members = self.network.members(port);
                members.any(|member| self.is_up(member, at))
            }
        }
    }

    /// When the port went up or down last, as seen at `at`; when the device booted, where it has not
    /// since. An aggregate is up while a member is.
    pub fn last_change(&self, port: PortNo, at: Timestamp) -> Timestamp {
        let booted = self.booted(port.device, at);
        if matches!(self.network.peer(port), Some(Peer::Aggregate(_))) {
            return self
                .aggregate_changed(port, at)
                .unwrap_or(booted)
                .max(booted);
        }
        self.state(port, at)
            .map_or(booted, |(changed, _)| changed.max(booted))
    }

    /// When a member of an aggregate of the device came or left last, as seen at `at`; when the device booted,
    /// where none did since.
    pub(crate) fn members_changed(&self, device: DeviceNo, at: Timestamp) -> Timestamp {
        let aggregates = self.network.aggregates_of(device);
        let members = aggregates.flat_map(|aggregate| self.network.members(aggregate));
        let changed = members.map(|member| self.last_change(member, at)).max();
        changed.unwrap_or_else(|| self.booted(device, at))
    }

    /// Whether the device is without power at `at`.
    pub fn is_away(&self, device: DeviceNo, at: Timestamp) -> bool {
        self.down(at)
            .is_some_and(|down| down.devices.contains(&device))
    }

    /// What is down at `at`; none where nothing ever was.
    pub(crate) fn down(&self, at: Timestamp) -> Option<&Arc<Down>> {
        last(&self.eras, at, |era| era.start).map(|era| &era.down)
    }

    /// How far every device is from the world at `at`.
    pub(crate) fn way_out(&self, at: Timestamp) -> &WayOut {
        match last(&self.eras, at, |era| era.start) {
            Some(era) => era
                .way_out
                .get_or_init(|| WayOut::new(&self.network, &era.down)),
            None => self
                .way_out
                .get_or_init(|| WayOut::new(&self.network, &Down::default())),
        }
    }

    /// How the device's agent behaves at `at`.
    pub fn manners(&self, device: DeviceNo, at: Timestamp) -> Manners {
        let mut manners = Manners::default();
        for span in self.spans_of(device, at) {
            match span.fault.effect {
                Effect::DeviceDown | Effect::Reboot | Effect::Renumber | Effect::Silent => {
                    manners.silent = true;
                }
                Effect::Slow { delay_ms } => manners.delay_ms = manners.delay_ms.max(delay_ms),
                Effect::Loss { ratio } => manners.loss = manners.loss.max(ratio),
                _ => {}
            }
        }
        manners
    }

    /// Degrees Celsius that the device is warmer than usual.
    pub fn overheat_celsius(&self, device: DeviceNo, at: Timestamp) -> f64 {
        self.spans_of(device, at)
            .map(|span| match span.fault.effect {
                Effect::Overheat { by_celsius, over } => {
                    let passed = at.since(span.start).as_secs_f64();
                    by_celsius * (passed / over.as_secs_f64().max(0.001)).min(1.0)
                }
                _ => 0.0,
            })
            .sum()
    }

    /// The first moment after `at` at which something begins, ends or goes a step.
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let moments = self.spans.iter().flat_map(Span::moments);
        moments.filter(|moment| *moment > at).min()
    }

    /// A number that changes when what is down or how interfaces are numbered changes: what does not
    /// count is the same as long as this is.
    pub(crate) fn epoch(&self, at: Timestamp) -> (u32, usize) {
        let begun = self.eras.partition_point(|era| era.start <= at);
        (self.version, begun)
    }

    /// A number that changes with every fault that is added or removed.
    pub(crate) fn version(&self) -> u32 {
        self.version
    }

    /// When an aggregate went up or down last, as seen at `at`; none where it never did.
    fn aggregate_changed(&self, port: PortNo, at: Timestamp) -> Option<Timestamp> {
        let wires = self.network.members(port).filter_map(|member| {
            let wire = Wire(self.network.channels(member)?.into.0 / 2);
            self.states.get(&wire)
        });
        let moments: BTreeSet<Timestamp> = wires
            .flatten()
            .map(|(changed, _)| *changed)
            .filter(|changed| *changed <= at)
            .collect();
        let mut was_up = true;
        let mut changed = None;
        for moment in moments {
            let is_up = self.is_up(port, moment);
            if is_up != was_up {
                changed = Some(moment);
            }
            was_up = is_up;
        }
        changed
    }

    fn state(&self, port: PortNo, at: Timestamp) -> Option<(Timestamp, bool)> {
        let wire = Wire(self.network.channels(port)?.into.0 / 2);
        last(self.states.get(&wire)?, at, |(changed, _)| *changed).copied()
    }

    fn first_boot(&self, device: DeviceNo) -> Timestamp {
        let chance = hash::mix2(self.network.root, purpose::BOOT, u64::from(device.0));
        let days = hash::between(chance, 1.0, BOOT_DAYS);
        let before = Duration::from_secs_f64(days * 86_400.0);
        Timestamp::from_unix_ms(traffic::ORIGIN_MS).minus(before)
    }

    /// The flows that a channel carries at `at`.
    pub(crate) fn flows_of(&self, channel: Channel, at: Timestamp) -> &[u32] {
        let pieces = self.channels.get(&channel);
        let piece = pieces.and_then(|pieces| last(pieces, at, |piece| piece.start));
        piece.map_or_else(|| self.usual.flows(channel), |piece| &piece.flows)
    }

    /// What a flow has carried from the origin until `at`, as faults multiplied it.
    pub(crate) fn flow(&self, flow: u32, at: Timestamp) -> i64 {
        let raw = self.network.flow_octets(flow, at);
        if self.flows.is_empty() {
            return raw;
        }
        self.flows
            .get(&flow)
            .and_then(|pieces| last(pieces, at, |piece| piece.start))
            .map_or(raw, |piece| piece.octets(raw))
    }

    /// What a channel has carried from the origin until `at`.
    fn carried(&self, channel: Channel, at: Timestamp) -> i64 {
        let piece = self
            .channels
            .get(&channel)
            .and_then(|pieces| last(pieces, at, |piece| piece.start));
        match piece {
            None => self.sum(self.usual.flows(channel), at),
            Some(piece) => {
                let since = self.sum(&piece.flows, at).saturating_sub(piece.before);
                piece.offset.saturating_add(since)
            }
        }
    }

    /// What several flows have carried from the origin until `at`.
    fn sum(&self, flows: &[u32], at: Timestamp) -> i64 {
        let octets = flows.iter().map(|&flow| self.flow(flow, at));
        octets.fold(0, i64::saturating_add)
    }

    /// The errors or discards of a channel that has carried so many octets.
    fn share(
        &self,
        pieces: &HashMap<Channel, Vec<SharePiece>>,
        channel: Channel,
        octets: i64,
        at: Timestamp,
    ) -> i64 {
        let packets = octets.div_euclid(self.packet_size(channel));
        pieces
            .get(&channel)
            .and_then(|pieces| last(pieces, at, |piece| piece.start))
            .copied()
            .unwrap_or_else(|| self.usual_share(channel))
            .count(packets)
    }

    fn usual_share(&self, channel: Channel) -> SharePiece {
        let chance = hash::mix2(self.network.root, purpose::ERRORS, u64::from(channel.0));
        let worn = chance.is_multiple_of(WORN_IN);
        SharePiece {
            start: Timestamp::from_unix_ms(i64::MIN),
            offset: 0,
            packets: 0,
            ratio: if worn {
                hash::between(hash::mix(chance, 1), 1e-8, 1e-6)
            } else {
                0.0
            },
        }
    }

    /// Octets of a channel's mean packet.
    fn packet_size(&self, channel: Channel) -> i64 {
        let chance = hash::mix2(self.network.root, purpose::PACKETS, u64::from(channel.0));
        350 + i64::try_from(hash::pick(chance, 750)).unwrap_or(0)
    }
}

/// What a port has counted from the origin on. Only differences are shown.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    in_octets: i64,
    out_octets: i64,
    in_packets: i64,
    out_packets: i64,
    in_errors: i64,
    out_discards: i64,
}

impl Totals {
    /// Both together.
    fn and(&self, other: &Self) -> Self {
        Self {
            in_octets: self.in_octets.saturating_add(other.in_octets),
            out_octets: self.out_octets.saturating_add(other.out_octets),
            in_packets: self.in_packets.saturating_add(other.in_packets),
            out_packets: self.out_packets.saturating_add(other.out_packets),
            in_errors: self.in_errors.saturating_add(other.in_errors),
            out_discards: self.out_discards.saturating_add(other.out_discards),
        }
    }

    /// What has been counted since then.
    pub(crate) fn since(&self, then: &Self) -> Counters {
        let count = |now: i64, then: i64| now.saturating_sub(then).max(0).cast_unsigned();
        Counters {
            in_octets: count(self.in_octets, then.in_octets),
            out_octets: count(self.out_octets, then.out_octets),
            in_packets: count(self.in_packets, then.in_packets),
            out_packets: count(self.out_packets, then.out_packets),
            in_errors: count(self.in_errors, then.in_errors),
            out_discards: count(self.out_discards, then.out_discards),
        }
    }
}

#[cfg(test)]
mod tests;
