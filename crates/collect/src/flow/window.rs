//! One minute of traffic: what crossed each interface, by application, host, conversation, AS and
//! DSCP, in bounded memory.
//!
//! [`Window::add`] counts a flow, [`Window::seal`] makes tops of what was counted. Which window a
//! flow belongs to is the business of the [`collector`](super::collector).

pub mod heavy;

use super::hashing::Seeded;
use super::record::{Address, Flow, Observed};
use super::sketch::{Bound, Heaviest, Sketch};
use model::Timestamp;
use model::flow::{
    Application, FlowBound, FlowDimension, FlowDirection, FlowRow, FlowSampling, FlowTop,
    FlowTotal, WINDOW_SECS,
};
use std::collections::HashMap;
use std::fmt::{self, Display};
use std::hash::Hash;
use std::net::IpAddr;
use std::time::Duration;

/// Counters of one sketch: by the bound of a sketch no error is above a 384th of the interface's
/// traffic.
pub const COUNTERS_MAX: usize = 512;
/// DSCPs are no more.
const DSCPS: usize = 64;
/// Counters of all sketches of a window together, some 100 octets each: 100 MB. Beyond it sketches do
/// with those that they have, and their errors say so.
pub const WINDOW_COUNTERS_MAX: usize = 1_000_000;
/// Interfaces and directions of a window. Each may have [`COUNTERS_MIN`](super::sketch::COUNTERS_MIN)
/// counters in each of its sketches also where the window has none left: 130 MB.
pub const WINDOW_INTERFACES_MAX: usize = 16_384;
/// Of these, those of one exporter: 2,048 interfaces both ways, and a quarter of the window, so that one
/// that makes interfaces up leaves room for the others.
pub const EXPORTER_PLACES_MAX: usize = 4_096;
/// Rows of a top: what is beyond them is small, and its bound is kept. DSCPs are kept all.
pub const ROWS_MAX: usize = 32;
/// Interfaces of an exporter that it is known of where it observes.
const METERED_MAX: usize = 8_192;
/// For so long an exporter is taken to observe where it told that it does: longer than its caches keep
/// a flow, and short enough that one that is set up anew is soon counted right.
const METERED_FOR: Duration = Duration::from_mins(10);
/// How often it is looked for what has lapsed, where there is no room.
const METERED_LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// One minute of traffic.
#[derive(Debug)]
pub struct Window {
    from: Timestamp,
    places: HashMap<Place, Box<Counted>, Seeded>,
    /// How many of them each exporter has.
    of_exporters: HashMap<u32, usize, Seeded>,
    room: usize,
}

/// How often a flow found no room for an interface that it crossed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// The window has as many as it may.
    pub by_window: u64,
    /// The exporter has as many as it may.
    pub by_exporter: u64,
}

/// Who sent a flow.
#[derive(Clone, Copy, Debug)]
pub struct Sender {
    /// A number for its address, shorter to compare.
    pub number: u32,
    /// Its address.
    pub address: IpAddr,
}

/// Where an exporter is known to observe flows, so that none is counted twice.
#[derive(Clone, Debug, Default)]
pub struct Metered {
    /// When each was learnt last.
    places: HashMap<(u32, FlowDirection), Timestamp>,
    looked: Timestamp,
}

/// A top, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Address of the exporter.
    pub exporter: IpAddr,
    /// When the window began.
    pub from: Timestamp,
    /// The top.
    pub top: FlowTop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Place {
    exporter: u32,
    if_index: u32,
    direction: FlowDirection,
}

/// What crossed one interface one way.
#[derive(Debug)]
struct Counted {
    exporter: IpAddr,
    total: FlowTotal,
    /// Octets of the total when it was looked for heavy hosts last.
    looked_octets: u64,
    sampling: FlowSampling,
    applications: Sketch<Application>,
    hosts: Sketch<Address>,
    conversations: Sketch<Conversation>,
    systems: Sketch<u32>,
    dscps: Sketch<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Conversation {
    source: Address,
    destination: Address,
    application: Application,
}

impl Window {
    /// That began then.
    pub fn new(from: Timestamp) -> Self {
        Self {
            from,
            places: HashMap::default(),
            of_exporters: HashMap::default(),
            room: WINDOW_COUNTERS_MAX,
        }
    }

    /// Counts a flow, received at `now`, for the interfaces that it crossed. Where there was no room
    /// for one of them, it is told.
    pub fn add(
        &mut self,
        sender: Sender,
        metered: &mut Metered,
        flow: &Flow,
        now: Timestamp,
    ) -> Refused {
        let application = if flow.is_ip {
            Application::of(flow.protocol, flow.source_port, flow.destination_port)
        } else {
            Application {
                protocol: Application::NOT_IP,
                port: 0,
            }
        };
        let mut refused = Refused::default();
        for (if_index, direction) in metered.crossed(flow, now).into_iter().flatten() {
            let place = Place {
                exporter: sender.number,
                if_index,
                direction,
            };
            let is_full = self.places.len() >= WINDOW_INTERFACES_MAX;
            let counted = match self.places.get_mut(&place) {
                Some(counted) => counted,
                None if is_full => {
                    refused.by_window += 1;
                    continue;
                }
                None => {
                    let own = self.of_exporters.entry(sender.number).or_default();
                    if *own >= EXPORTER_PLACES_MAX {
                        refused.by_exporter += 1;
                        continue;
                    }
                    *own += 1;
                    self.places
                        .entry(place)
                        .or_insert_with(|| Box::new(Counted::of(sender.address)))
                }
            };
            counted.add(flow, application, &mut self.room);
        }
        refused
    }

    /// Interfaces and directions that something crossed.
    pub fn places(&self) -> usize {
        self.places.len()
    }

    /// The tops, ordered by exporter, interface, direction and dimension.
    pub fn seal(self) -> Vec<Sealed> {
        let from = self.from;
        let mut places: Vec<(Place, Box<Counted>)> = self.places.into_iter().collect();
        places.sort_unstable_by_key(|(place, _)| *place);
        let tops = places.into_iter().flat_map(|(place, counted)| {
            let exporter = counted.exporter;
            counted.tops(place).map(move |top| Sealed {
                exporter,
                from,
                top,
            })
        });
        tops.collect()
    }
}

impl Metered {
    /// The interfaces that a flow crossed, each with the direction. A flow that was observed on one
    /// side counts for the other too, unless the exporter observes there as well and so tells it
    /// again.
    fn crossed(&mut self, flow: &Flow, now: Timestamp) -> [Option<(u32, FlowDirection)>; 2] {
        let into = (flow.input != 0).then_some((flow.input, FlowDirection::Ingress));
        let out = (flow.output != 0).then_some((flow.output, FlowDirection::Egress));
        if into.is_none() && out.is_none() {
            // Of the whole device; which side it was observed on says nothing then.
            return [Some((0, FlowDirection::Ingress)), None];
        }
        // A host's exporter that watches one interface names it for both.
        let is_one_sided = flow.input == flow.output;
        let other = |place: (u32, FlowDirection)| !is_one_sided && !self.observes(place, now);
        match flow.observed {
            Observed::Unsaid => [into, out],
            Observed::Ingress => {
                let out = out.filter(|place| other(*place));
                self.learn(into, now);
                [into, out]
            }
            Observed::Egress => {
                let into = into.filter(|place| other(*place));
                self.learn(out, now);
                [into, out]
            }
        }
    }

    fn observes(&self, place: (u32, FlowDirection), now: Timestamp) -> bool {
        let learnt = self.places.get(&place);
        learnt.is_some_and(|learnt| now.since(*learnt) < METERED_FOR)
    }

    fn learn(&mut self, place: Option<(u32, FlowDirection)>, now: Timestamp) {
        let Some(place) = place else {
            return;
        };
        if let Some(learnt) = self.places.get_mut(&place) {
            *learnt = now;
        } else if self.places.len() < METERED_MAX || self.forget_lapsed(now) {
            self.places.insert(place, now);
        }
    }

    /// Forgets what has lapsed. Whether something had.
    fn forget_lapsed(&mut self, now: Timestamp) -> bool {
        if now.since(self.looked) < METERED_LOOK_INTERVAL && now >= self.looked {
            return false;
        }
        self.looked = now;
        let before = self.places.len();
        self.places
            .retain(|_, learnt| now.since(*learnt) < METERED_FOR);
        self.places.len() < before
    }
}

impl Counted {
    fn of(exporter: IpAddr) -> Self {
        Self {
            exporter,
            total: FlowTotal::default(),
            looked_octets: 0,
            sampling: FlowSampling::default(),
            applications: Sketch::new(COUNTERS_MAX),
            hosts: Sketch::new(COUNTERS_MAX),
            conversations: Sketch::new(COUNTERS_MAX),
            systems: Sketch::new(COUNTERS_MAX),
            dscps: Sketch::new(DSCPS),
        }
    }

    fn add(&mut self, flow: &Flow, application: Application, room: &mut usize) {
        let (octets, packets) = (flow.octets, flow.packets);
        self.total.add(FlowTotal {
            octets,
            packets,
            flows: 1,
        });
        let rate = flow.rate.unwrap_or(0);
        self.sampling.add(FlowSampling {
            unstated_flows: u64::from(flow.rate.is_none()),
            rate_min: rate,
            rate_max: rate,
        });
        self.applications.add(application, octets, packets, room);
        if !flow.is_ip {
            return;
        }
        let (source, destination) = (flow.source, flow.destination);
        self.hosts.add(source, octets, packets, room);
        if destination != source {
            self.hosts.add(destination, octets, packets, room);
        }
        let conversation = Conversation {
            source,
            destination,
            application,
        };
        self.conversations.add(conversation, octets, packets, room);
        let (one, other) = (flow.source_as, flow.destination_as);
        if one != 0 || other == 0 {
            self.systems.add(one, octets, packets, room);
        }
        if other != 0 && other != one {
            self.systems.add(other, octets, packets, room);
        }
        self.dscps.add(flow.dscp, octets, packets, room);
    }

    fn tops(&self, place: Place) -> impl Iterator<Item = FlowTop> + use<> {
        let (total, sampling) = (self.total, self.sampling);
        let tops = [
            (
                FlowDimension::Application,
                rows(&self.applications, ROWS_MAX),
            ),
            (FlowDimension::Host, rows(&self.hosts, ROWS_MAX)),
            (
                FlowDimension::Conversation,
                rows(&self.conversations, ROWS_MAX),
            ),
            (FlowDimension::As, rows(&self.systems, ROWS_MAX)),
            (FlowDimension::Dscp, rows(&self.dscps, DSCPS)),
        ];
        tops.into_iter()
            .filter(|(_, (rows, _))| !rows.is_empty())
            .map(move |(dimension, (rows, absent))| FlowTop {
                if_index: place.if_index,
                direction: place.direction,
                dimension,
                window_secs: WINDOW_SECS,
                total,
                sampling,
                absent,
                rows,
            })
    }
}

fn rows<K: Copy + Eq + Hash + Ord + Display>(
    sketch: &Sketch<K>,
    rows_max: usize,
) -> (Vec<FlowRow>, FlowBound) {
    let Heaviest { rows, absent } = sketch.heaviest(rows_max);
    let rows = rows.into_iter().map(|(key, count)| FlowRow {
        key: key.to_string(),
        octets: count.seen.octets,
        packets: count.seen.packets,
        error: bound(count.before),
    });
    (rows.collect(), bound(absent))
}

fn bound(bound: Bound) -> FlowBound {
    FlowBound {
        octets: bound.octets,
        packets: bound.packets,
    }
}

impl Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source,
            destination,
            application,
        } = self;
        write!(f, "{source} {destination} {application}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDER: Sender = Sender {
        number: 1,
        address: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
    };

    fn flow(input: u32, output: u32, observed: Observed) -> Flow {
        Flow {
            is_ip: true,
            source: Address::v4(0x0a00_0001),
            destination: Address::v4(0x0a00_0002),
            source_port: 50_000,
            destination_port: 443,
            protocol: 6,
            input,
            output,
            observed,
            octets: 100,
            packets: 1,
            ..Flow::default()
        }
    }

    /// Octets by interface and direction.
    fn check(flows: &[Flow], expected: &[(u32, FlowDirection, u64)]) {
        let mut window = Window::new(Timestamp::default());
        let mut metered = Metered::default();
        for flow in flows {
            let refused = window.add(SENDER, &mut metered, flow, Timestamp::default());
            assert_eq!(refused, Refused::default());
        }
        let totals: Vec<(u32, FlowDirection, u64)> = window
            .seal()
            .into_iter()
            .filter(|sealed| sealed.top.dimension == FlowDimension::Dscp)
            .map(|sealed| {
                (
                    sealed.top.if_index,
                    sealed.top.direction,
                    sealed.top.total.octets,
                )
            })
            .collect();
        assert_eq!(totals, expected);
    }

    #[test]
    fn a_flow_counts_where_it_came_in_and_where_it_went_out() {
        use FlowDirection::{Egress, Ingress};
        let unsaid = |input, output| flow(input, output, Observed::Unsaid);
        check(&[unsaid(1, 2)], &[(1, Ingress, 100), (2, Egress, 100)]);
        check(&[unsaid(1, 0)], &[(1, Ingress, 100)]);
        check(&[unsaid(0, 0)], &[(0, Ingress, 100)]);
    }

    #[test]
    fn a_flow_observed_on_both_sides_counts_once_on_each() {
        use FlowDirection::{Egress, Ingress};
        let (into, out) = (flow(1, 2, Observed::Ingress), flow(1, 2, Observed::Egress));
        check(&[into], &[(1, Ingress, 100), (2, Egress, 100)]);
        check(&[out], &[(1, Ingress, 100), (2, Egress, 100)]);
        // The other side is known by the second only.
        check(
            &[out, into, out, into],
            &[(1, Ingress, 300), (2, Egress, 200)],
        );
        check(&[flow(0, 0, Observed::Egress)], &[(0, Ingress, 100)]);
        check(&[flow(5, 5, Observed::Egress)], &[(5, Egress, 100)]);
        check(&[flow(5, 5, Observed::Ingress)], &[(5, Ingress, 100)]);
    }

    #[test]
    fn tops_tell_by_every_dimension() {
        let mut window = Window::new(Timestamp::from_unix_ms(60_000));
        let mut metered = Metered::default();
        let mut voice = flow(1, 0, Observed::Unsaid);
        voice.dscp = 46;
        voice.destination_as = 65_001;
        voice.rate = Some(10);
        window.add(SENDER, &mut metered, &voice, Timestamp::default());
        let mut other = flow(1, 0, Observed::Unsaid);
        other.is_ip = false;
        other.octets = 7;
        window.add(SENDER, &mut metered, &other, Timestamp::default());
        let shown: Vec<String> = window
            .seal()
            .iter()
            .map(|sealed| {
                let rows = sealed.top.rows.iter();
                let rows = rows.map(|row| format!("{}={}", row.key, row.octets));
                format!(
                    "{}: {}",
                    sealed.top.dimension,
                    rows.collect::<Vec<_>>().join(", ")
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "application: tcp/443=100, not-ip=7",
                "host: 10.0.0.1=100, 10.0.0.2=100",
                "conversation: 10.0.0.1 10.0.0.2 tcp/443=100",
                "as: 65001=100",
                "dscp: 46=100",
            ]
        );
    }

    #[test]
    fn where_an_exporter_observed_once_lapses() {
        let totals = |last_secs: i64| {
            let mut window = Window::new(Timestamp::default());
            let mut metered = Metered::default();
            for (secs, observed) in [(0_i64, Observed::Egress), (last_secs, Observed::Ingress)] {
                let now = Timestamp::from_unix_ms(secs * 1_000);
                window.add(SENDER, &mut metered, &flow(1, 2, observed), now);
            }
            let sealed = window.seal().into_iter();
            let egress = sealed.filter(|sealed| {
                let top = &sealed.top;
                top.dimension == FlowDimension::Dscp && top.direction == FlowDirection::Egress
            });
            egress
                .map(|sealed| sealed.top.total.octets)
                .collect::<Vec<_>>()
        };
        assert_eq!(totals(599), [100], "interface 2 tells of it itself");
        assert_eq!(totals(600), [200], "it does no longer");
    }

    #[test]
    fn where_an_exporter_observes_is_bounded_and_makes_room_when_it_lapses() {
        let mut metered = Metered::default();
        let learn = |metered: &mut Metered, interface, secs: i64| {
            let now = Timestamp::from_unix_ms(secs * 1_000);
            metered.crossed(&flow(interface, 0, Observed::Ingress), now);
            metered.places.len()
        };
        for interface in 1..=10_000 {
            learn(&mut metered, interface, 1);
        }
        assert_eq!(metered.places.len(), METERED_MAX);
        assert_eq!(learn(&mut metered, 20_000, 300), METERED_MAX);
        assert_eq!(learn(&mut metered, 20_000, 601), 1);
    }

    /// Flows of so many interfaces of an exporter; what was refused.
    fn fill(window: &mut Window, number: u32, interfaces: u32) -> Refused {
        let mut metered = Metered::default();
        let sender = Sender { number, ..SENDER };
        let mut all = Refused::default();
        for interface in 1..=interfaces {
            let flow = flow(interface, 0, Observed::Unsaid);
            let refused = window.add(sender, &mut metered, &flow, Timestamp::default());
            all.by_window += refused.by_window;
            all.by_exporter += refused.by_exporter;
        }
        all
    }

    #[test]
    fn interfaces_that_one_exporter_makes_up_leave_room_for_another() {
        let mut window = Window::new(Timestamp::default());
        let refused = fill(&mut window, 1, 20_000);
        assert_eq!(window.places(), EXPORTER_PLACES_MAX);
        assert_eq!(refused.by_exporter, 20_000 - EXPORTER_PLACES_MAX as u64);
        assert_eq!(refused.by_window, 0);
        assert_eq!(fill(&mut window, 2, 4_000), Refused::default());
    }

    #[test]
    fn what_a_window_cannot_hold_is_refused() {
        let mut window = Window::new(Timestamp::default());
        let mut refused = 0;
        for number in 0..5 {
            refused += fill(&mut window, number, 4_000).by_window;
        }
        assert_eq!(window.places(), WINDOW_INTERFACES_MAX);
        assert_eq!(refused, 20_000 - WINDOW_INTERFACES_MAX as u64);
    }
}
