//! What is kept for how long, series by series: policies and holds, held against the series that there
//! are. Pure.

use super::archived::{Archived, Leave};
use super::hold::Held;
use super::policy::{Detail, Policy, PolicySet};
use super::view::{DeviceView, Known, View};
use crate::blocks::{Column, Level};
use crate::pack::{Kind, PackId};
use crate::series::rollup::series_of;
use model::{DeviceId, HoldId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// A hold with the series that it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldBy {
    /// Which hold.
    pub id: HoldId,
    /// From when on samples are kept; since ever where it is not given.
    pub from: Option<Timestamp>,
    /// Until when, not itself; without end where it is not given.
    pub to: Option<Timestamp>,
    /// Its series.
    pub series: Held,
}

impl HeldBy {
    fn meets(&self, (from, to): (Timestamp, Timestamp)) -> bool {
        self.from.is_none_or(|begin| begin < to) && self.to.is_none_or(|end| end > from)
    }
}

/// All that decides.
#[derive(Clone, Debug)]
pub struct Terms {
    pub(super) policies: PolicySet,
    pub(super) holds: Vec<HeldBy>,
    pub(super) archived: Archived,
    view: View,
    pub(super) now: Timestamp,
    /// Of each policy, whether it is for each metric of the view.
    for_metrics: Vec<Vec<bool>>,
    /// The policies that decide for the series of each device.
    uses: BTreeMap<DeviceId, ByLevel>,
    /// Those that decide for any series, and the ones for what nobody knows.
    in_use: ByLevel,
}

/// Places of policies by level.
#[derive(Clone, Debug, Default)]
struct ByLevel([BTreeSet<usize>; 3]);

impl ByLevel {
    fn of(&self, level: Detail) -> &BTreeSet<usize> {
        let Self([raw, five_minutes, hours]) = self;
        match level {
            Detail::Raw => raw,
            Detail::FiveMinutes => five_minutes,
            Detail::Hours => hours,
        }
    }
}

/// What becomes of the samples of a series in a range of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// They are kept by policy.
    Kept,
    /// They are kept by the hold of this place alone; none where several keep them.
    Held(Option<usize>),
    /// They are kept as they are not archived.
    Waits,
    /// They go by the policy of this place; none where the series was deleted.
    Over(Option<usize>),
}

/// What is asked of one range of time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    kind: Kind,
    range: (Timestamp, Timestamp),
    /// From when on it may be over: samples go by whole days.
    end: Timestamp,
}

impl Span {
    pub(super) fn of(id: &PackId) -> Self {
        let range = (id.start, id.end());
        let day = Level::Day.start(id.start).unix_ms();
        let end = Timestamp::from_unix_ms(day.saturating_add(Level::Day.span_ms()));
        Self {
            kind: id.kind,
            range,
            end: end.max(range.1),
        }
    }

    /// A block or day of samples.
    pub(super) fn of_samples(start: Timestamp, level: Level) -> Self {
        Self::of(&PackId {
            start,
            level,
            kind: Kind::Samples,
            class: 0,
            shard: 0,
            generation: 0,
        })
    }

    fn detail(&self) -> Detail {
        Detail::of(self.kind)
    }
}

/// Which policies and holds may be for a device in a span.
pub(super) struct OfDevice<'a> {
    terms: &'a Terms,
    span: Span,
    device_id: DeviceId,
    policies: Vec<usize>,
    holds: Vec<usize>,
}

impl Terms {
    /// These policies and holds for these series, at a time.
    pub fn new(policies: PolicySet, holds: Vec<HeldBy>, view: View, now: Timestamp) -> Self {
        let for_metrics = policies.for_metrics(&view);
        let mut terms = Self {
            policies,
            holds,
            archived: Archived::default(),
            view,
            now,
            for_metrics,
            uses: BTreeMap::new(),
            in_use: ByLevel::default(),
        };
        let devices = terms.view.devices.iter();
        terms.uses = devices
            .map(|(id, device)| (*id, terms.used_by(device)))
            .collect();
        terms.in_use = ByLevel(Detail::ALL.map(|level| {
            let used = terms.uses.values().flat_map(|by_level| by_level.of(level));
            let unknown = terms.policies.longest(level);
            used.copied().chain([unknown]).collect()
        }));
        terms
    }

    /// The policies that decide for the series of a device.
    fn used_by(&self, device: &DeviceView) -> ByLevel {
        let policies = self.policies.for_device(device);
        let metrics: BTreeSet<u16> = device.series.iter().map(|(_, metric)| *metric).collect();
        ByLevel(Detail::ALL.map(|level| {
            let decide = |metric: &u16| self.decides(level, &policies, *metric);
            metrics.iter().filter_map(decide).collect()
        }))
    }

    /// Which of some policies decides of a metric.
    fn decides(&self, level: Detail, policies: &[usize], metric: u16) -> Option<usize> {
        let is_for = |place: &&usize| {
            let of_level = self.policies.get(**place).is_some_and(|p| p.level == level);
            let metrics = self.for_metrics.get(**place);
            of_level && metrics.and_then(|all| all.get(usize::from(metric))) == Some(&true)
        };
        policies.iter().find(is_for).copied()
    }

    fn is_over(&self, place: usize, end: Timestamp) -> bool {
        let policy = self.policies.get(place);
        policy.is_some_and(|policy| end <= policy.cut(self.now))
    }

    /// Whether a policy that decides for samples of any series waits for the archive.
    pub(super) fn any_waits(&self) -> bool {
        self.any_of_samples(|policy| !policy.without_archive)
    }

    /// Whether one does not wait for it.
    pub(super) fn any_does_not_wait(&self) -> bool {
        self.any_of_samples(|policy| policy.without_archive)
    }

    fn any_of_samples(&self, is_so: impl Fn(&Policy) -> bool) -> bool {
        let mut deciding = self.in_use.of(Detail::Raw).iter();
        deciding.any(|place| self.policies.get(*place).is_some_and(&is_so))
    }

    /// A day of samples that ends behind this is kept by every policy.
    pub(super) fn latest_cut(&self) -> Timestamp {
        let deciding = self.in_use.of(Detail::Raw).iter();
        let cuts = deciding.filter_map(|place| Some(self.policies.get(*place)?.cut(self.now)));
        cuts.max().unwrap_or(Timestamp::from_unix_ms(i64::MIN))
    }

    /// From when on any series has roll-ups of a level that are kept.
    pub(super) fn kept_from(&self, level: Detail) -> Timestamp {
        let deciding = self.in_use.of(level).iter();
        let cuts = deciding.filter_map(|place| Some(self.policies.get(*place)?.cut(self.now)));
        cuts.min().unwrap_or(Timestamp::from_unix_ms(i64::MIN))
    }

    /// Whether every policy that decides for any series keeps all of a span.
    pub(super) fn all_kept(&self, span: Span) -> bool {
        let mut deciding = self.in_use.of(span.detail()).iter();
        !deciding.any(|place| self.is_over(*place, span.end))
    }

    /// The policy by which all of a span goes, whatever is in it: where it is over by all that decide for
    /// any series and no hold meets it, the one that kept it longest.
    pub(super) fn all_over(&self, span: Span) -> Option<usize> {
        let deciding = self.in_use.of(span.detail());
        let all_over = deciding.iter().all(|place| self.is_over(*place, span.end));
        let held = || self.holds.iter().any(|hold| hold.meets(span.range));
        if !all_over || held() {
            return None;
        }
        let cut = |place: &usize| Some(self.policies.get(*place)?.cut(self.now));
        deciding.iter().copied().min_by_key(cut)
    }

    pub(super) fn of_device(&self, span: Span, device_id: DeviceId) -> OfDevice<'_> {
        let known = self.view.devices.get(&device_id);
        let holds = self.holds.iter().enumerate();
        let holds = holds
            .filter(|(_, hold)| hold.meets(span.range) && hold.series.contains_key(&device_id));
        OfDevice {
            terms: self,
            span,
            device_id,
            policies: known.map_or_else(Vec::new, |device| self.policies.for_device(device)),
            holds: holds.map(|(place, _)| place).collect(),
        }
    }
}

impl OfDevice<'_> {
    /// What becomes of a column of a pack.
    pub(super) fn fate(&self, column: Column) -> Fate {
        let column = match self.span.kind {
            Kind::Samples => column,
            Kind::FiveMinutes | Kind::Hours => series_of(column),
        };
        let fate = self.by_policy(column);
        if fate == Fate::Kept {
            return fate;
        }
        if let Fate::Over(place) = fate {
            match self.terms.leaves(self.span.kind, self.span.range.0, place) {
                Leave::Given => {}
                Leave::NotArchived => return self.held(column).unwrap_or(Fate::Waits),
                Leave::Restored => return Fate::Kept,
            }
        }
        self.held(column).unwrap_or(fate)
    }

    /// Whether holds keep a column.
    fn held(&self, column: Column) -> Option<Fate> {
        let holds = |place: &&usize| {
            let hold = self.terms.holds.get(**place);
            let columns = hold.and_then(|hold| hold.series.get(&self.device_id));
            columns.is_some_and(|columns| columns.has(column))
        };
        let mut held = self.holds.iter().filter(holds);
        let first = held.next()?;
        Some(Fate::Held(held.next().is_none().then_some(*first)))
    }

    /// Whether anything of the device may not be kept by policy.
    pub(super) fn may_lose(&self) -> bool {
        let terms = self.terms;
        let over = |place: &usize| terms.is_over(*place, self.span.end);
        let level = self.span.detail();
        let was_deleted = |device: &DeviceView| device.deleted_below > 0;
        over(&terms.policies.longest(level))
            || terms
                .view
                .devices
                .get(&self.device_id)
                .is_some_and(was_deleted)
            || terms
                .uses
                .get(&self.device_id)
                .is_some_and(|uses| uses.of(level).iter().any(over))
    }

    fn by_policy(&self, column: Column) -> Fate {
        let terms = self.terms;
        let device = terms.view.devices.get(&self.device_id);
        let known = device.map_or(Known::Unknown, |device| device.known(column));
        let level = self.span.detail();
        let place = match known {
            Known::Deleted => return Fate::Over(None),
            Known::Series(metric) => terms.decides(level, &self.policies, metric),
            Known::Unknown => None,
        };
        let place = place.unwrap_or_else(|| terms.policies.longest(level));
        if terms.is_over(place, self.span.end) {
            Fate::Over(Some(place))
        } else {
            Fate::Kept
        }
    }
}
