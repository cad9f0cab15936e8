//! How devices and interfaces were over a range of time, and how much of it they were there: from
//! what was kept of each change to pieces of time, from pieces to sums. The formula is on
//! [`sum_up`], and for users in `docs/guide/availability.md`.

use model::history::{Availability, DeviceFound, IfStates, InterfaceFound, MaintenanceWindow, Run};
use model::interface::IfStatus;
use model::{Status, Timestamp};

/// How something was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Well.
    Up,
    /// In part.
    Degraded,
    /// Not at all.
    Down,
    /// Not measured.
    Unknown,
    /// An interface that was shut on purpose.
    Shut,
}

/// A range of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Where it begins.
    pub from: Timestamp,
    /// Where it ends; not part of it.
    pub to: Timestamp,
}

impl Range {
    /// The part that lies in both; none where there is none.
    fn and(self, other: Self) -> Option<Self> {
        let both = Self {
            from: self.from.max(other.from),
            to: self.to.min(other.to),
        };
        (both.from < both.to).then_some(both)
    }

    fn ms(self) -> i64 {
        self.to.unix_ms().saturating_sub(self.from.unix_ms())
    }
}

/// A part of a range in which something was one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<T> {
    /// From when to when.
    pub range: Range,
    /// How it was.
    pub state: State,
    /// Whether an operator worked on it.
    pub maintenance: bool,
    /// What it rests on.
    pub basis: T,
}

/// How a device was over a range: pieces without a gap between, no two neighbours alike. `basis` is
/// the place in `found` of what was found at the beginning of the piece, or before; none where
/// nothing was.
///
/// `found` ascends in time and begins at the last before the range, `runs` ascend and do not
/// overlap, `windows` may.
pub fn of_device(
    range: Range,
    runs: &[Run],
    found: &[DeviceFound],
    windows: &[MaintenanceWindow],
) -> Vec<Piece<Option<usize>>> {
    let state = |row: Option<usize>| {
        let status = row.and_then(|row| found.get(row)).map(|row| row.status);
        match status {
            Some(Status::Up) => State::Up,
            Some(Status::Degraded) => State::Degraded,
            Some(Status::Down) => State::Down,
            Some(Status::Unknown) | None => State::Unknown,
        }
    };
    let pieces = held(range, runs, found)
        .into_iter()
        .map(|(range, row)| (range, state(row), row));
    joined(maintained(pieces, windows), |_, _| true)
}

/// How an interface was over a range, as [`of_device`]. `device` is what was found of its device;
/// while the states of its interfaces could not be read, nothing is known. `first` is how it was
/// before the first of `found`.
pub fn of_interface(
    range: Range,
    runs: &[Run],
    device: &[DeviceFound],
    first: Option<IfStates>,
    found: &[InterfaceFound],
    windows: &[MaintenanceWindow],
) -> Vec<Piece<Option<IfStates>>> {
    let mut pieces = Vec::new();
    for (part, row) in held(range, runs, device) {
        let read = row
            .and_then(|row| device.get(row))
            .is_some_and(|row| row.interfaces_read);
        if !read {
            pieces.push((part, State::Unknown, None));
            continue;
        }
        let mut from = part.from;
        let begin = found.partition_point(|row| row.at <= from);
        let mut now = begin
            .checked_sub(1)
            .and_then(|last| found.get(last))
            .map_or(first, |row| Some(row.now));
        for row in found.iter().skip(begin).take_while(|row| row.at < part.to) {
            let until = Range { from, to: row.at };
            pieces.push((until, if_state(now), listed(now)));
            (from, now) = (row.at, Some(row.now));
        }
        let rest = Range { from, to: part.to };
        pieces.push((rest, if_state(now), listed(now)));
    }
    joined(maintained(pieces.into_iter(), windows), |a, b| a == b)
}

/// States that are none where the agent did not list the interface.
fn listed(states: Option<IfStates>) -> Option<IfStates> {
    states.filter(|states| states.oper.is_some())
}

/// What an interface's states mean, as for health: shut on purpose where ifAdminStatus is not up,
/// in part where it tests or waits.
fn if_state(states: Option<IfStates>) -> State {
    let Some(IfStates { oper, admin }) = states else {
        return State::Unknown;
    };
    match oper {
        None | Some(IfStatus::Unknown) => State::Unknown,
        _ if admin.is_some_and(|admin| admin != IfStatus::Up) => State::Shut,
        Some(IfStatus::Up) => State::Up,
        Some(IfStatus::Testing | IfStatus::Dormant) => State::Degraded,
        Some(IfStatus::Down | IfStatus::LowerLayerDown | IfStatus::NotPresent) => State::Down,
    }
}

/// Sums up pieces of `range`:
///
/// ```text
/// measured                   = up + degraded + down
/// up ratio                   = up / measured
/// available ratio            = (up + degraded) / measured
/// mean time to repair        = down / outages
/// mean time between failures = (up + degraded) / outages
/// ```
///
/// Time that was not measured, in which an interface was shut on purpose, or in which an operator
/// worked on the device whatever it was then, is told and takes no part. An outage is time down;
/// it ends when something better is measured, so that it goes on over time that takes no part
/// and is down again after it. Its length is its time down alone. One that began before the range
/// or goes on after it counts, with what lies in the range.
pub fn sum_up<T>(range: Range, pieces: &[Piece<T>], of_interface: bool) -> Availability {
    let (mut up, mut degraded, mut down, mut unknown, mut maintenance, mut shut) =
        (0, 0, 0, 0, 0, 0);
    let mut outages: Vec<i64> = Vec::new();
    let mut going_on = false;
    for piece in pieces {
        let ms = piece.range.ms();
        let into = match piece.state {
            State::Unknown if !piece.maintenance => &mut unknown,
            _ if piece.maintenance => &mut maintenance,
            State::Up => &mut up,
            State::Degraded => &mut degraded,
            State::Down => &mut down,
            State::Shut => &mut shut,
            State::Unknown => &mut unknown,
        };
        *into += ms;
        if piece.state == State::Down && !piece.maintenance {
            match outages.last_mut() {
                Some(outage) if going_on => *outage += ms,
                _ => outages.push(ms),
            }
        }
        going_on = match piece.state {
            _ if piece.maintenance => going_on,
            State::Down => true,
            State::Up | State::Degraded => false,
            State::Unknown | State::Shut => going_on,
        };
    }
    let measured = up + degraded + down;
    let share = |ms: i64| (measured > 0).then(|| ms as f64 / measured as f64);
    let each = |ms: i64| (!outages.is_empty()).then(|| secs(ms) / outages.len() as f64);
    Availability {
        from: range.from,
        to: range.to,
        up_ratio: share(up),
        available_ratio: share(up + degraded),
        measured_secs: secs(measured),
        up_secs: secs(up),
        degraded_secs: secs(degraded),
        down_secs: secs(down),
        unknown_secs: secs(unknown),
        maintenance_secs: secs(maintenance),
        shut_secs: of_interface.then(|| secs(shut)),
        outages: outages.len() as u64,
        longest_outage_secs: outages.iter().max().map(|ms| secs(*ms)),
        mean_time_to_repair_secs: each(down),
        mean_time_between_failures_secs: each(up + degraded),
    }
}

fn secs(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

/// The parts of a range, each with the place of what was found of the device then. What a run found
/// holds to its end, and on where the next begins at that moment.
fn held(range: Range, runs: &[Run], found: &[DeviceFound]) -> Vec<(Range, Option<usize>)> {
    let mut parts = Vec::new();
    let mut reached = range.from;
    let mut held: Option<usize> = None;
    let mut before: Option<Timestamp> = None;
    let mut next = 0;
    for run in runs {
        if before != Some(run.from) {
            held = None;
        }
        before = Some(run.until);
        next += found
            .iter()
            .skip(next)
            .take_while(|row| row.at < run.from)
            .count();
        let mut from = run.from;
        let mut put = |to: Timestamp, row: Option<usize>, from: &mut Timestamp| {
            let part = Range { from: *from, to };
            if let Some(part) = part.and(range) {
                let gap = Range {
                    from: reached,
                    to: part.from,
                };
                parts.extend(gap.and(range).map(|gap| (gap, None)));
                parts.push((part, row));
                reached = part.to;
            }
            *from = to;
        };
        while let Some(row) = found.get(next).filter(|row| row.at <= run.until) {
            put(row.at, held, &mut from);
            held = Some(next);
            next += 1;
        }
        put(run.until, held, &mut from);
    }
    let rest = Range {
        from: reached,
        to: range.to,
    };
    parts.extend(rest.and(range).map(|rest| (rest, None)));
    parts
}

/// Cuts parts where maintenance begins and ends.
fn maintained<T: Copy>(
    parts: impl Iterator<Item = (Range, State, T)>,
    windows: &[MaintenanceWindow],
) -> Vec<Piece<T>> {
    let windows = union(windows);
    let mut pieces = Vec::new();
    for (range, state, basis) in parts {
        let mut piece = |range: Range, maintenance| {
            pieces.push(Piece {
                range,
                state,
                maintenance,
                basis,
            });
        };
        let mut from = range.from;
        let first = windows.partition_point(|window| window.to <= from);
        for window in windows.iter().skip(first) {
            let Some(both) = window.and(Range { from, to: range.to }) else {
                break;
            };
            if from < both.from {
                piece(
                    Range {
                        from,
                        to: both.from,
                    },
                    false,
                );
            }
            piece(both, true);
            from = both.to;
        }
        if from < range.to {
            piece(Range { from, to: range.to }, false);
        }
    }
    pieces
}

/// Windows in order, those that meet made one.
fn union(windows: &[MaintenanceWindow]) -> Vec<Range> {
    let mut ranges: Vec<Range> = windows
        .iter()
        .filter(|window| window.from < window.to)
        .map(|window| Range {
            from: window.from,
            to: window.to,
        })
        .collect();
    ranges.sort_by_key(|range| range.from);
    let mut union: Vec<Range> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match union.last_mut() {
            Some(last) if range.from <= last.to => last.to = last.to.max(range.to),
            _ => union.push(range),
        }
    }
    union
}

/// Neighbours that are alike made one; the basis of the first stays.
fn joined<T: Copy>(pieces: Vec<Piece<T>>, alike: impl Fn(&T, &T) -> bool) -> Vec<Piece<T>> {
    let mut all: Vec<Piece<T>> = Vec::with_capacity(pieces.len());
    for piece in pieces.into_iter().filter(|piece| piece.range.ms() > 0) {
        match all.last_mut() {
            Some(last)
                if last.state == piece.state
                    && last.maintenance == piece.maintenance
                    && alike(&last.basis, &piece.basis) =>
            {
                last.range.to = piece.range.to;
            }
            _ => all.push(piece),
        }
    }
    all
}
