//! What changes at which moment: the pieces of all functions, made anew from a moment on.

use super::faults::Span;
use super::pieces::{ChannelPiece, FlowPiece, ONE, SharePiece, forget, last};
use super::{Boot, Era, Timeline, Wire};
use crate::network::{Channel, DeviceNo, EdgeNo, LinkNo, PortNo, Target, link_channels};
use crate::routes::{self, Down, Loading};
use crate::scenario::Effect;
use model::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Utilisation in the busy hour from which a port drops packets.
const DROPS_FROM: f64 = 0.8;
/// Share of packets that it drops when it is full.
const DROPS_WHEN_FULL: f64 = 0.01;
/// How many times the usual a flow may become: faults may be laid upon each other.
const FACTOR_MAX: f64 = 1_000.0;

/// What holds between two changes.
#[derive(Default)]
struct Now {
    down: Arc<Down>,
    loading: Arc<Loading>,
    factors: BTreeMap<u32, u32>,
    errors: HashMap<Channel, f64>,
    discards: HashMap<Channel, f64>,
}

impl Timeline {
    /// Makes everything anew that changes at `from` or later. What was counted before stays.
    pub(super) fn recount(&mut self, from: Timestamp) {
        self.version += 1;
        self.forget(from);
        let mut moments: BTreeSet<Timestamp> = self.spans.iter().flat_map(Span::moments).collect();
        let moments = moments.split_off(&from);
        if moments.is_empty() {
            return;
        }
        let before = Timestamp::from_unix_ms(from.unix_ms().saturating_sub(1));
        let mut now = self.now(
            before,
            &Now {
                loading: Arc::clone(&self.usual),
                ..Now::default()
            },
        );
        for moment in moments {
            let next = self.now(moment, &now);
            self.boot(moment, &now.down, &next.down);
            if next.down != now.down {
                self.cut(moment, &now.down, &next.down);
                self.eras.push(Era {
                    start: moment,
                    down: Arc::clone(&next.down),
                    way_out: Arc::default(),
                });
            }
            // Flows last: what channels had carried is asked for while they are as they were.
            self.redirect(moment, &now, &next);
            self.scale(moment, &now.factors, &next.factors);
            now = next;
        }
    }

    fn forget(&mut self, from: Timestamp) {
        forget(&mut self.eras, from, |era| era.start);
        each(&mut self.flows, from, |piece| piece.start);
        each(&mut self.channels, from, |piece| piece.start);
        each(&mut self.errors, from, |piece| piece.start);
        each(&mut self.discards, from, |piece| piece.start);
        each(&mut self.states, from, |(changed, _)| *changed);
        each(&mut self.boots, from, |boot| boot.at);
    }

    /// What holds at a moment. `before` saves the way of routing again what did not change.
    fn now(&self, at: Timestamp, before: &Now) -> Now {
        let mut down = Down::default();
        for span in self.spans.iter().filter(|span| span.is_active(at)) {
            match (span.fault.effect, span.target) {
                (Effect::LinkDown, Target::Link(link)) => {
                    down.links.insert(link);
                }
                (Effect::LinkDown, Target::Edge(edge)) => {
                    down.edges.insert(edge);
                }
                (
                    Effect::DeviceDown | Effect::Reboot | Effect::Renumber,
                    Target::Device(device),
                ) => {
                    down.devices.insert(device);
                }
                _ => {}
            }
        }
        let (down, loading) = if down == *before.down {
            (Arc::clone(&before.down), Arc::clone(&before.loading))
        } else if down == Down::default() {
            (Arc::new(down), Arc::clone(&self.usual))
        } else if self.network.links().is_empty() {
            // Nothing has another way to go, so that only what is cut off changes.
            let loading = self.usual.without(&cut_off(self, &down));
            (Arc::new(down), Arc::new(loading))
        } else {
            let loading = routes::route(&self.network, &down);
            (Arc::new(down), Arc::new(loading))
        };
        let mut now = Now {
            down,
            loading,
            ..Now::default()
        };
        for span in self.spans.iter().filter(|span| span.is_active(at)) {
            self.weigh(span, at, &mut now);
        }
        now
    }

    /// Adds what a fault does to flows and to the packets of channels.
    fn weigh(&self, span: &Span, at: Timestamp, now: &mut Now) {
        match span.fault.effect {
            Effect::Surge { factor } => self.multiply(span, factor, now),
            Effect::Fill { to, .. } => {
                let (busiest, speed_bps) = self.busy_hour(span, &now.loading);
                if busiest <= 0.0 {
                    return;
                }
                let full = (to * speed_bps / busiest).max(1.0);
                let factor = 1.0 + (full - 1.0) * span.progress(at);
                self.multiply(span, factor, now);
                let over = busiest * factor / speed_bps - DROPS_FROM;
                if over > 0.0 {
                    let ratio = (over / (1.0 - DROPS_FROM) * DROPS_WHEN_FULL).min(1.0);
                    for channel in self.channels_of(span) {
                        now.discards.insert(channel, ratio);
                    }
                }
            }
            Effect::Errors { ratio } => {
                for channel in self.channels_of(span) {
                    let known = now.errors.entry(channel).or_insert(0.0);
                    *known = known.max(ratio);
                }
            }
            _ => {}
        }
    }

    fn multiply(&self, span: &Span, factor: f64, now: &mut Now) {
        let flows: BTreeSet<u32> = self
            .channels_of(span)
            .into_iter()
            .flat_map(|channel| now.loading.flows(channel).iter().copied())
            .collect();
        for flow in flows {
            let known = now.factors.entry(flow).or_insert(ONE);
            let wanted = (f64::from(*known) / f64::from(ONE) * factor).min(FACTOR_MAX);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "within the range by the line before"
            )]
            let wanted = (wanted * f64::from(ONE)).round() as u32;
            *known = wanted;
        }
    }

    fn channels_of(&self, span: &Span) -> Vec<Channel> {
        match span.target {
            Target::Link(link) => {
                let (there, back) = link_channels(link);
                vec![there, back]
            }
            Target::Edge(edge) => {
                let channels = self.network.edge_channels(edge);
                vec![channels.into, channels.out]
            }
            Target::Device(device) => (0..)
                .zip(self.network.device(device).ports())
                .filter_map(|(port, _)| self.network.channels(PortNo { device, port }))
                .flat_map(|channels| [channels.into, channels.out])
                .collect(),
        }
    }

    /// Bits in a second in the busy hour when the fault began, of its busier direction; and the
    /// speed.
    fn busy_hour(&self, span: &Span, loading: &Loading) -> (f64, f64) {
        let grown = self.network.traffic.growth_at(span.start);
        let busy = |channel: Channel| -> f64 {
            let flows = loading
                .flows(channel)
                .iter()
                .map(|&flow| self.network.flow(flow));
            flows
                .map(|flow| flow.mean * 8.0 * grown * self.network.traffic.peak(flow.class))
                .sum()
        };
        let channels = self.channels_of(span);
        let busiest = channels.iter().map(|&c| busy(c)).fold(0.0, f64::max);
        let speed_bps = channels
            .first()
            .map_or(1.0, |&channel| self.network.speed_bps(channel));
        (busiest, speed_bps)
    }

    /// Devices that have power again boot.
    fn boot(&mut self, at: Timestamp, before: &Down, next: &Down) {
        let back: Vec<DeviceNo> = before.devices.difference(&next.devices).copied().collect();
        for device in back {
            let renumbered = self.spans.iter().any(|span| {
                span.end == Some(at)
                    && span.device() == Some(device)
                    && span.fault.effect == Effect::Renumber
            });
            let boots = self.boots.entry(device).or_default();
            boots.push(Boot { at, renumbered });
        }
    }

    /// Links and ports that go up or down.
    fn cut(&mut self, at: Timestamp, before: &Down, next: &Down) {
        let network = Arc::clone(&self.network);
        let mut touched = BTreeSet::new();
        for down in [before, next] {
            touched.extend(
                down.links
                    .iter()
                    .map(|link| Wire(link_channels(*link).0.0 / 2)),
            );
            let edges = down.edges.iter();
            touched.extend(edges.map(|edge| Wire(network.edge_channels(*edge).into.0 / 2)));
            for &device in &down.devices {
                let ports = (0..).zip(network.device(device).ports());
                touched.extend(ports.filter_map(|(port, _)| {
                    let channels = network.channels(PortNo { device, port })?;
                    Some(Wire(channels.into.0 / 2))
                }));
            }
        }
        let links = u32::try_from(network.links().len()).unwrap_or(u32::MAX);
        for wire in touched {
            let works = |down: &Down| {
                if wire.0 < links {
                    down.link_works(&network, LinkNo(wire.0))
                } else {
                    down.edge_works(&network, EdgeNo(wire.0 - links))
                }
            };
            let is_up = works(next);
            if works(before) != is_up {
                self.states.entry(wire).or_default().push((at, is_up));
            }
        }
    }

    /// Channels that carry other flows from now on, or lose another share of them.
    fn redirect(&mut self, at: Timestamp, before: &Now, next: &Now) {
        let mut changed = Vec::new();
        if !Arc::ptr_eq(&before.loading, &next.loading) {
            let channels = u32::try_from(self.network.channel_count()).unwrap_or(u32::MAX);
            for channel in (0..channels).map(Channel) {
                let flows = next.loading.flows(channel);
                if flows != before.loading.flows(channel) {
                    changed.push((channel, Arc::<[u32]>::from(flows)));
                }
            }
        }
        // All are asked before any is changed: they are as they were until this moment.
        let pieces: Vec<(Channel, ChannelPiece)> = changed
            .into_iter()
            .map(|(channel, flows)| {
                let piece = ChannelPiece {
                    start: at,
                    offset: self.carried(channel, at),
                    before: self.sum(&flows, at),
                    flows,
                };
                (channel, piece)
            })
            .collect();
        for (channel, piece) in pieces {
            self.channels.entry(channel).or_default().push(piece);
        }
        let errors = self.shares(at, false, &before.errors, &next.errors);
        for (channel, piece) in errors {
            self.errors.entry(channel).or_default().push(piece);
        }
        let discards = self.shares(at, true, &before.discards, &next.discards);
        for (channel, piece) in discards {
            self.discards.entry(channel).or_default().push(piece);
        }
    }

    fn shares(
        &self,
        at: Timestamp,
        is_discards: bool,
        before: &HashMap<Channel, f64>,
        next: &HashMap<Channel, f64>,
    ) -> Vec<(Channel, SharePiece)> {
        let pieces = if is_discards {
            &self.discards
        } else {
            &self.errors
        };
        let touched: BTreeSet<Channel> = before.keys().chain(next.keys()).copied().collect();
        touched
            .into_iter()
            .filter(|channel| before.get(channel) != next.get(channel))
            .map(|channel| {
                let octets = self.carried(channel, at);
                let usual = self.usual_share(channel).ratio;
                let piece = SharePiece {
                    start: at,
                    offset: self.share(pieces, channel, octets, at),
                    packets: octets.div_euclid(self.packet_size(channel)),
                    ratio: next.get(&channel).copied().unwrap_or(usual),
                };
                (channel, piece)
            })
            .collect()
    }

    /// Flows that are multiplied by something else from now on.
    fn scale(&mut self, at: Timestamp, before: &BTreeMap<u32, u32>, next: &BTreeMap<u32, u32>) {
        let factor = |of: &BTreeMap<u32, u32>, flow: u32| of.get(&flow).copied().unwrap_or(ONE);
        let touched: BTreeSet<u32> = before.keys().chain(next.keys()).copied().collect();
        for flow in touched {
            let wanted = factor(next, flow);
            if factor(before, flow) == wanted {
                continue;
            }
            let raw = self.network.flow_octets(flow, at);
            let pieces = self.flows.entry(flow).or_default();
            let offset = last(pieces, at, |piece| piece.start).map_or(raw, |p| p.octets(raw));
            pieces.push(FlowPiece {
                start: at,
                offset,
                before: raw,
                factor: wanted,
            });
        }
    }
}

/// Forgets of every list what begins at `from` or later.
fn each<K, T>(lists: &mut HashMap<K, Vec<T>>, from: Timestamp, start: impl Fn(&T) -> Timestamp) {
    lists.retain(|_, pieces| {
        forget(pieces, from, &start);
        !pieces.is_empty()
    });
}

/// The channels of everything that is down, in a network without links.
fn cut_off(timeline: &Timeline, down: &Down) -> BTreeSet<Channel> {
    let network = &timeline.network;
    let ports = down.devices.iter().flat_map(|&device| {
        (0..)
            .zip(network.device(device).ports())
            .filter_map(move |(port, _)| network.channels(PortNo { device, port }))
    });
    let edges = down.edges.iter().map(|&edge| network.edge_channels(edge));
    ports
        .chain(edges)
        .flat_map(|channels| [channels.into, channels.out])
        .collect()
}
