//! New heavy talkers: hosts that take more than a share of the traffic of an interface in the present window and
//! were not among its heavy ones before.
//!
//! What is heavy are the ε-heavy hitters of the window (Cormode and Muthukrishnan, "What's Hot and What's Not:
//! Tracking Most Frequent Items Dynamically", 2003, threshold φ of the total), as a sketch of the window counts
//! them; what is new is what had no such share before, as in heavy change detection (Krishnamurthy and others,
//! "Sketch-based Change Detection", 2003). It begins at one share and ends under half of it (a Schmitt trigger), so
//! that one at the border is told once.
//!
//! A window that has only begun has little traffic, of which anybody may have the most: shares are of what a whole
//! window usually has, or of what this one has where that is more. Pure: times are given. Begin at [`Talkers`].

use crate::clean::is_known;
use std::collections::BTreeMap;

/// The share of a window's traffic from which on a host is heavy.
pub const HEAVY_SHARE: f64 = 0.3;
/// The share under which it is so no longer, and from which on it is remembered.
pub const KEPT_SHARE: f64 = 0.15;
/// Octets of a window under which nobody is heavy: 1 Mbit/s over a minute.
pub const OCTETS_MIN: f64 = 7_500_000.0;
/// A talker ends when it had less than [`KEPT_SHARE`] for so long: three windows of a minute.
pub const QUIET_SECS: i64 = 180;
/// One that had [`KEPT_SHARE`] for so long without being heavy is not new when it becomes so.
pub const RISE_SECS: i64 = 600;
/// How long a heavy host is remembered: a copy that is made every week at the same hour is not new.
pub const MEMORY_SECS: i64 = 8 * 86_400;
/// How long an interface is watched before a host is new.
pub const LEARNED_SECS: i64 = 86_400;
/// Hosts of an interface that are remembered; the longest silent go.
pub const KNOWN_MAX: usize = 128;
/// Talkers of an interface at a time: no more can have such a share of what was sent and received.
pub const OPEN_MAX: usize = 8;

/// The part by which what a window usually has follows each.
const USUAL_PART: f64 = 0.125;

/// A host in a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen<K> {
    /// Which.
    pub host: K,
    /// What it sent and received, in octets, 0 or more.
    pub octets: f64,
    /// With whom it exchanged most of that, and how much.
    pub peer: Option<(K, f64)>,
}

/// What is said of a host.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Said<K> {
    /// It is a new heavy talker.
    Begun(Talk<K>),
    /// It goes on, and its share is greater than ever.
    Grew(Talk<K>),
    /// It is over.
    Ended {
        /// Which.
        host: K,
        /// When it began, in seconds.
        started_secs: i64,
        /// When it was heavy last.
        last_secs: i64,
    },
}

/// A heavy talker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Talk<K> {
    /// Which.
    pub host: K,
    /// When it began, in seconds since 1970.
    pub started_secs: i64,
    /// When it was seen.
    pub at_secs: i64,
    /// Its share of the traffic of a window, 0 to 1.
    pub share: f64,
    /// Its octets in the window so far.
    pub octets: f64,
    /// With whom it exchanges most.
    pub peer: Option<K>,
}

/// What is known of a host.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Known {
    /// When it last came to a share that is kept.
    since_secs: i64,
    /// When it last had one.
    last_secs: i64,
    /// It is not new.
    is_old: bool,
    /// When it was told, and the greatest share since.
    open: Option<(i64, f64)>,
}

/// The talkers of one interface and direction. About 17 KiB at most, with the share of the tree.
// Invariant: `known` has at most KNOWN_MAX hosts, OPEN_MAX of them open.
#[derive(Clone, Debug, PartialEq)]
pub struct Talkers<K> {
    known: BTreeMap<K, Known>,
    begun_secs: i64,
    /// The window that is under way, and its octets when it was looked at last.
    window: Option<(i64, f64)>,
    /// Octets that a window usually has; none before the first is over.
    usual: Option<f64>,
}

impl<K: Copy + Ord> Talkers<K> {
    /// Of an interface whose first traffic is of that time, in seconds since 1970.
    pub fn new(begun_secs: i64) -> Self {
        Self {
            known: BTreeMap::new(),
            begun_secs,
            window: None,
            usual: None,
        }
    }

    /// Takes in a whole window of a past that is read, the oldest first: its octets in all, and those of its hosts.
    /// O(m log n).
    pub fn past(&mut self, at_secs: i64, total: f64, hosts: &[(K, f64)]) {
        self.begun(at_secs);
        let total = octets(total);
        self.close(total);
        for (host, of_host) in hosts {
            let of_host = octets(*of_host);
            if of_host <= 0.0 || of_host < total * KEPT_SHARE {
                continue;
            }
            let known = self.known.entry(*host).or_insert(Known {
                since_secs: at_secs,
                last_secs: at_secs,
                is_old: true,
                open: None,
            });
            if known.open.is_none() {
                known.is_old = true;
                known.last_secs = known.last_secs.max(at_secs);
            }
        }
        self.make_room();
    }

    /// Takes in that something was there at that time, which is a past that is not read. O(1).
    pub fn begun(&mut self, at_secs: i64) {
        self.begun_secs = self.begun_secs.min(at_secs);
    }

    /// Takes in what a window with that number has so far: its octets in all, and its hosts, of which those with
    /// less than [`KEPT_SHARE`] may be missing. A window with a lower number than the present one counts for the
    /// hosts, not for what is usual. Octets that are no number count as none. Answers what is to be told, in
    /// the order of the shares. O(m log n) for m hosts with such a share: seven of those who send and as many of
    /// those who receive.
    pub fn look(
        &mut self,
        now_secs: i64,
        window: i64,
        total: f64,
        hosts: &[Seen<K>],
    ) -> Vec<Said<K>> {
        let total = octets(total);
        self.turn(window, total);
        let whole = total.max(self.usual.unwrap_or(0.0));
        let share = |seen: &Seen<K>| {
            let share = octets(seen.octets) / whole;
            if share.is_finite() {
                share.min(1.0)
            } else {
                0.0
            }
        };
        let mut heavy: Vec<(f64, Seen<K>)> = hosts
            .iter()
            .map(|seen| (share(seen), *seen))
            .filter(|(share, _)| *share >= KEPT_SHARE)
            .collect();
        heavy.sort_by(|(a, one), (b, other)| b.total_cmp(a).then(one.host.cmp(&other.host)));
        // No more hosts can have such a share of what was sent and received.
        heavy.truncate(2 * OPEN_MAX);
        let watched = now_secs.saturating_sub(self.begun_secs);
        let is_learned = self.usual.is_some() && watched >= LEARNED_SECS;
        let mut said = Vec::new();
        for (share, seen) in heavy {
            let known = self.note(seen.host, now_secs, is_learned);
            if let Some((started_secs, peak)) = known.open {
                if share > peak {
                    self.open(seen.host, started_secs, share);
                    said.push(Said::Grew(talk(&seen, started_secs, now_secs, share)));
                }
                continue;
            }
            let is_heavy = share >= HEAVY_SHARE && octets(seen.octets) >= OCTETS_MIN;
            if known.is_old || !is_heavy || self.open_count() >= OPEN_MAX {
                continue;
            }
            if self.is_told_by_peer(&seen) {
                // The other end of a conversation that is told already.
                if let Some(known) = self.known.get_mut(&seen.host) {
                    known.is_old = true;
                }
                continue;
            }
            self.open(seen.host, now_secs, share);
            said.push(Said::Begun(talk(&seen, now_secs, now_secs, share)));
        }
        self.make_room();
        said
    }

    /// Tells which talkers are over, and forgets whom nobody remembers. To be asked now and then. O(n).
    pub fn tick(&mut self, now_secs: i64) -> Vec<Said<K>> {
        let mut said = Vec::new();
        for (host, known) in &mut self.known {
            let quiet = now_secs.saturating_sub(known.last_secs);
            if let Some((started_secs, _)) = known.open.filter(|_| quiet >= QUIET_SECS) {
                known.open = None;
                known.is_old = true;
                said.push(Said::Ended {
                    host: *host,
                    started_secs,
                    last_secs: known.last_secs,
                });
            }
        }
        self.known.retain(|_, known| {
            known.open.is_some() || now_secs.saturating_sub(known.last_secs) <= MEMORY_SECS
        });
        said
    }

    /// Talkers that go on.
    pub fn open_count(&self) -> usize {
        let known = self.known.values();
        known.filter(|known| known.open.is_some()).count()
    }

    /// Talkers that go on, each with the time in seconds when it was heavy last. O(n).
    pub fn open_ones(&self) -> Vec<(K, i64)> {
        let open = self.known.iter().filter(|(_, known)| known.open.is_some());
        open.map(|(host, known)| (*host, known.last_secs)).collect()
    }

    /// Goes on with a talker that was told before by one who ended, and is seen now; its greatest share was that.
    /// Whether it could: no more than [`OPEN_MAX`] go on. O(log n), and O(n) for the count.
    pub fn reopen(&mut self, host: K, started_secs: i64, share: f64, now_secs: i64) -> bool {
        if self.open_count() >= OPEN_MAX {
            return false;
        }
        self.known.insert(
            host,
            Known {
                since_secs: started_secs,
                last_secs: now_secs,
                is_old: false,
                open: Some((started_secs, if is_known(share) { share } else { 0.0 })),
            },
        );
        self.make_room();
        true
    }

    /// Takes in that hosts were seen, for the talkers that go on alone: what is done while the past is not read.
    /// O(m log n).
    pub fn go_on(&mut self, now_secs: i64, total: f64, hosts: &[Seen<K>]) {
        let least = octets(total) * KEPT_SHARE;
        for seen in hosts.iter().filter(|seen| octets(seen.octets) >= least) {
            let known = self.known.get_mut(&seen.host);
            if let Some(known) = known.filter(|known| known.open.is_some()) {
                known.last_secs = known.last_secs.max(now_secs);
            }
        }
    }

    /// Hosts that are remembered.
    pub fn known_count(&self) -> usize {
        self.known.len()
    }

    /// Whether any of these hosts would be told as new if it were known that others are not: what decides whether
    /// the past is worth reading. O(m log n).
    pub fn may_begin(&self, total: f64, hosts: &[Seen<K>]) -> bool {
        let total = octets(total);
        hosts.iter().any(|seen| {
            let is_old = self.known.get(&seen.host).is_some_and(|known| known.is_old);
            let size = octets(seen.octets);
            !is_old && size >= OCTETS_MIN && size >= total * HEAVY_SHARE
        })
    }

    /// Goes on to another window, where it is a later one.
    fn turn(&mut self, window: i64, total: f64) {
        match self.window {
            Some((present, seen)) if present == window => {
                self.window = Some((present, seen.max(total)));
            }
            Some((present, seen)) if window > present => {
                self.close(seen);
                self.window = Some((window, total));
            }
            Some(_) => {}
            None => self.window = Some((window, total)),
        }
    }

    /// Learns what a window usually has of one that is over.
    fn close(&mut self, total: f64) {
        let usual = self.usual.unwrap_or(total);
        self.usual = Some(usual + (total - usual) * USUAL_PART);
    }

    /// Notes that a host has a share that is kept.
    fn note(&mut self, host: K, now_secs: i64, is_learned: bool) -> Known {
        let known = self.known.entry(host).or_insert(Known {
            since_secs: now_secs,
            last_secs: now_secs,
            is_old: !is_learned,
            open: None,
        });
        let silent = now_secs.saturating_sub(known.last_secs);
        if silent > MEMORY_SECS && known.open.is_none() {
            known.is_old = !is_learned;
            known.since_secs = now_secs;
        } else if silent > QUIET_SECS {
            // It was here before.
            known.is_old |= known.open.is_none();
            known.since_secs = now_secs;
        }
        let risen = now_secs.saturating_sub(known.since_secs) > RISE_SECS;
        known.is_old |= risen && known.open.is_none();
        known.last_secs = known.last_secs.max(now_secs);
        *known
    }

    fn open(&mut self, host: K, started_secs: i64, share: f64) {
        if let Some(known) = self.known.get_mut(&host) {
            known.open = Some((started_secs, share));
        }
    }

    /// Whether most of what a host has is with one that is told already.
    fn is_told_by_peer(&self, seen: &Seen<K>) -> bool {
        seen.peer.is_some_and(|(peer, with)| {
            let known = self.known.get(&peer);
            octets(with) * 2.0 >= octets(seen.octets)
                && known.is_some_and(|known| known.open.is_some())
        })
    }

    /// Forgets the longest silent beyond as many as are remembered.
    fn make_room(&mut self) {
        while self.known.len() > KNOWN_MAX {
            let closed = self.known.iter().filter(|(_, known)| known.open.is_none());
            let Some(host) = closed
                .min_by_key(|(_, known)| known.last_secs)
                .map(|(host, _)| *host)
            else {
                return;
            };
            self.known.remove(&host);
        }
    }
}

fn talk<K: Copy>(seen: &Seen<K>, started_secs: i64, at_secs: i64, share: f64) -> Talk<K> {
    Talk {
        host: seen.host,
        started_secs,
        at_secs,
        share,
        octets: octets(seen.octets),
        peer: seen.peer.map(|(peer, _)| peer),
    }
}

/// How far a share is out of the ordinary: 0.5 where a host begins to be heavy, 1 where it has all. A share that is
/// no number has 0. O(1).
pub fn score(share: f64) -> f64 {
    let above = (share - HEAVY_SHARE) / (1.0 - HEAVY_SHARE);
    let score = 0.5 + 0.5 * above;
    if score.is_nan() {
        0.0
    } else {
        score.clamp(0.0, 1.0)
    }
}

fn octets(value: f64) -> f64 {
    if is_known(value) { value.max(0.0) } else { 0.0 }
}

#[cfg(test)]
mod tests;
