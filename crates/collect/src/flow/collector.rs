//! All exporters and the windows that are open: takes datagrams in, gives windows out whose time is
//! over. Knows no socket and no clock.

use super::Protocol;
use super::defects::Defects;
use super::exporter::{Exporter, ExporterState};
use super::window::heavy::HeavyPlace;
use super::window::{Sender, Window};
use model::Timestamp;
use model::flow::{GRACE, WINDOW_SECS};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Exporters: as many as there may be devices.
pub const EXPORTERS_MAX: usize = 10_240;
/// An exporter that is silent for so long makes room for another.
const IDLE: Duration = Duration::from_mins(10);
/// How often it is looked for one that may go. One of which nothing could be read may go after so long:
/// what floods with nonsense under many addresses takes no places for long.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Windows open at a time: the present one, the one before it, and one that is about to be taken; more
/// only where a clock was set.
const WINDOWS_MAX: usize = 4;
/// Windows that wait to be taken though they are not over, or because nobody takes any: each may have
/// 200 MB. Beyond it the oldest is dropped.
const EARLY_MAX: usize = 2;
const WINDOW_MS: i64 = WINDOW_SECS as i64 * 1_000;

/// All exporters and the open windows.
#[derive(Debug)]
pub struct Collector {
    exporters: HashMap<IpAddr, Exporter>,
    windows: BTreeMap<i64, Window>,
    early: VecDeque<Window>,
    next_number: u32,
    flows_per_sec_max: u32,
    looked: Timestamp,
    totals: Totals,
}

/// What was taken in of all exporters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Datagrams.
    pub datagrams: u64,
    /// Flow records and sampled packets.
    pub flows: u64,
    /// Exporters that are remembered.
    pub exporters: u64,
    /// Datagrams for which there was no room, for those before of their exporter were not read yet.
    pub without_room: u64,
    /// Datagrams of exporters beyond the bound.
    pub exporters_refused: u64,
    /// Exporters that made room for others.
    pub exporters_forgotten: u64,
    /// Windows that were dropped, for nobody took them in time.
    pub windows_dropped: u64,
    /// What was wrong.
    pub defects: Defects,
}

impl Collector {
    /// Each exporter may send so many flows a second in the long run.
    pub fn new(flows_per_sec_max: u32) -> Self {
        Self {
            exporters: HashMap::new(),
            windows: BTreeMap::new(),
            early: VecDeque::new(),
            next_number: 0,
            flows_per_sec_max,
            looked: Timestamp::default(),
            totals: Totals::default(),
        }
    }

    /// Takes a datagram in.
    pub fn datagram(
        &mut self,
        protocol: Protocol,
        source: SocketAddr,
        datagram: &[u8],
        now: Timestamp,
    ) {
        let address = source.ip().to_canonical();
        if !self.knows(address, now) {
            self.totals.exporters_refused += 1;
            return;
        }
        let Some(exporter) = self.exporters.get_mut(&address) else {
            return;
        };
        exporter.heard = now;
        let oldest = oldest_open(now);
        let (windows, early) = (&mut self.windows, &mut self.early);
        let Exporter {
            number,
            metered,
            reader,
            ..
        } = exporter;
        let sender = Sender {
            number: *number,
            address,
        };
        let (mut late, mut by_window, mut by_exporter) = (0, 0, 0);
        reader.read(protocol, source.port(), datagram, now, &mut |flow| {
            let mut place = flow.at.unix_ms().div_euclid(WINDOW_MS);
            if place < oldest {
                place = oldest;
                late += 1;
            }
            let refused = window(windows, early, place).add(sender, metered, &flow, now);
            by_window += refused.by_window;
            by_exporter += refused.by_exporter;
        });
        let defects = reader.defects();
        defects.late += late;
        defects.interfaces_refused += by_window;
        defects.own_interfaces_refused += by_exporter;
        while self.early.len() > EARLY_MAX {
            self.early.pop_front();
            self.totals.windows_dropped += 1;
        }
    }

    /// The windows whose time is over.
    pub fn due(&mut self, now: Timestamp) -> Vec<Window> {
        let open = self.windows.split_off(&oldest_open(now));
        let due = std::mem::replace(&mut self.windows, open);
        let mut windows: Vec<Window> = std::mem::take(&mut self.early).into();
        windows.extend(due.into_values());
        windows
    }

    /// The heavy hosts of the open windows where something came since this was asked last: those that have at least
    /// one part in `part` of what crossed an interface one way.
    pub fn heavy(&mut self, part: u64) -> Vec<HeavyPlace> {
        let windows = self.windows.values_mut();
        windows.flat_map(|window| window.heavy(part)).collect()
    }

    /// All windows, also those that are not over: the server stops.
    pub fn all(&mut self) -> Vec<Window> {
        let mut windows: Vec<Window> = std::mem::take(&mut self.early).into();
        windows.extend(std::mem::take(&mut self.windows).into_values());
        windows
    }

    /// Every exporter, by address.
    pub fn exporters(&self) -> Vec<ExporterState> {
        let states = self.exporters.iter();
        let mut states: Vec<_> = states.map(|(address, it)| it.state(*address)).collect();
        states.sort_unstable_by_key(|state| state.address);
        states
    }

    /// What was taken in so far.
    pub fn totals(&self) -> Totals {
        let mut totals = self.totals;
        totals.exporters = self.exporters.len() as u64;
        for exporter in self.exporters.values() {
            add(&mut totals, exporter);
        }
        totals
    }

    /// Whether there is an exporter at that address, which may be made now.
    fn knows(&mut self, address: IpAddr, now: Timestamp) -> bool {
        if self.exporters.contains_key(&address) {
            return true;
        }
        if self.exporters.len() >= EXPORTERS_MAX && !self.forget_idle(now) {
            return false;
        }
        let exporter = Exporter::new(self.next_number, self.flows_per_sec_max, now);
        self.next_number = self.next_number.wrapping_add(1);
        self.exporters.insert(address, exporter);
        true
    }

    /// Forgets all that are silent for long, or never said anything. Whether one was.
    fn forget_idle(&mut self, now: Timestamp) -> bool {
        if now.since(self.looked) < LOOK_INTERVAL && now >= self.looked {
            return false;
        }
        self.looked = now;
        let before = self.exporters.len();
        let totals = &mut self.totals;
        self.exporters.retain(|_, exporter| {
            let idle = if exporter.reader.has_spoken() {
                IDLE
            } else {
                LOOK_INTERVAL
            };
            let stays = now.since(exporter.heard) < idle;
            if !stays {
                add(totals, exporter);
                totals.exporters_forgotten += 1;
            }
            stays
        });
        self.exporters.len() < before
    }
}

fn add(totals: &mut Totals, exporter: &Exporter) {
    let (datagrams, flows, defects) = exporter.reader.counts();
    totals.datagrams += datagrams;
    totals.flows += flows;
    totals.defects.add(defects);
}

/// The oldest window that still takes flows.
fn oldest_open(now: Timestamp) -> i64 {
    now.minus(GRACE).unix_ms().div_euclid(WINDOW_MS)
}

fn window<'a>(
    windows: &'a mut BTreeMap<i64, Window>,
    early: &mut VecDeque<Window>,
    place: i64,
) -> &'a mut Window {
    if windows.len() >= WINDOWS_MAX
        && !windows.contains_key(&place)
        && let Some((_, oldest)) = windows.pop_first()
    {
        early.push_back(oldest);
    }
    windows
        .entry(place)
        .or_insert_with(|| Window::new(Timestamp::from_unix_ms(place.saturating_mul(WINDOW_MS))))
}
