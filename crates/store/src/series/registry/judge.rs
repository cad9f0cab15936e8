//! What a matcher says of the values of its label and of devices, found out some at a time from copies,
//! so that nobody waits for an expression.

use super::index::Index;
use super::labels::Pair;
use crate::series::attached::{Attached, DEVICE_ID, INTERFACE_LABELS};
use crate::series::{Comparison, Matcher};
use model::series::NETWORK;
use model::{DeviceId, InterfaceId, Labels};
use std::collections::HashMap;
use std::time::Instant;

/// Values, and devices, that are copied out at a time: a millisecond.
const LOT_MAX: usize = 8_192;

/// Octets of values that are copied out at a time.
const LOT_OCTETS_MAX: usize = 1 << 20;

/// Octets that are judged from one look at the clock to the next: a few microseconds where an
/// expression is quick, some milliseconds where it is as slow as may be.
const LOOK_EVERY_OCTETS: usize = 512;

/// What a matcher says of a label of a set or of an interface's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The label is not there: what is attached decides.
    Absent,
    No,
    Yes,
}

impl Verdict {
    fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// The time by which it must be done, if any.
pub(super) struct Until {
    until: Option<Instant>,
    octets: usize,
}

impl Until {
    pub(super) fn new(until: Option<Instant>) -> Self {
        Self { until, octets: 0 }
    }

    /// `None` where it is late.
    pub(super) fn now(&self) -> Option<()> {
        let in_time = self.until.is_none_or(|until| Instant::now() < until);
        in_time.then_some(())
    }

    /// As [`now`](Self::now), looked at now and then: after so many octets were judged.
    fn after(&mut self, octets: usize) -> Option<()> {
        self.octets += octets;
        if self.octets < LOOK_EVERY_OCTETS {
            return Some(());
        }
        self.octets = 0;
        self.now()
    }
}

/// Copies of what is to be judged next.
#[derive(Default)]
pub(super) struct Lot {
    devices: Vec<DeviceId>,
    values: Vec<Box<str>>,
    interface_ids: Vec<Box<str>>,
}

impl Lot {
    /// How many are to be judged.
    pub(super) fn len(&self) -> usize {
        self.devices.len() + self.values.len() + self.interface_ids.len()
    }
}

/// What a matcher says, by the numbers of the index, as far as it is known.
pub(super) struct Judgement<'a> {
    matcher: &'a Matcher,
    attached: &'a Attached,
    met: Met<'a>,
    /// Of each device, whether it holds for its series that have no such label of their own.
    devices: Vec<bool>,
    /// Of each value of its label, in the order in which they came.
    values: Vec<Verdict>,
    /// Of what is attached to each interface that a series is of, in the order in which they came.
    interfaces: Vec<Verdict>,
}

impl<'a> Judgement<'a> {
    /// Nothing is known yet.
    pub(super) fn new(matcher: &'a Matcher, attached: &'a Attached) -> Self {
        Self {
            matcher,
            attached,
            met: Met::default(),
            devices: Vec::new(),
            values: Vec::new(),
            interfaces: Vec::new(),
        }
    }

    /// Begins anew: the numbers mean others.
    pub(super) fn forget(&mut self) {
        self.devices.clear();
        self.values.clear();
        self.interfaces.clear();
    }

    pub(super) fn matcher(&self) -> &'a Matcher {
        self.matcher
    }

    pub(super) fn devices(&self) -> &[bool] {
        &self.devices
    }

    pub(super) fn values(&self) -> &[Verdict] {
        &self.values
    }

    pub(super) fn interfaces(&self) -> &[Verdict] {
        &self.interfaces
    }

    fn is_of_interface(&self) -> bool {
        INTERFACE_LABELS.contains(&self.matcher.name())
    }

    /// Another value of the label says no more than none: only the one that is meant is looked at.
    pub(super) fn is_of_one(&self) -> bool {
        let is_equal = self.matcher.comparison() == Comparison::Equal;
        is_equal && !self.is_of_interface() && !self.devices.contains(&true)
    }

    /// What is to be judged next.
    pub(super) fn lot(&self, index: &Index) -> Lot {
        let devices = index.devices.iter().skip(self.devices.len());
        let texts = |name: &str, done: usize| -> Vec<Box<str>> {
            let pairs = index.labels.pairs_named(name).iter().skip(done);
            let texts = pairs.map(|pair: &Pair| index.labels.value(*pair));
            let mut octets = 0;
            // The first one whatever its length.
            let in_bounds = |text: &&str| {
                let before = octets;
                octets += text.len();
                before < LOT_OCTETS_MAX
            };
            let copied = texts.take(LOT_MAX).take_while(in_bounds);
            copied.map(Box::from).collect()
        };
        let mut lot = Lot {
            devices: devices.take(LOT_MAX).map(|device| device.id).collect(),
            ..Lot::default()
        };
        if !self.is_of_one() {
            lot.values = texts(self.matcher.name(), self.values.len());
        }
        if self.is_of_interface() && self.attached.has_interfaces() {
            lot.interface_ids = texts(Labels::INTERFACE_ID, self.interfaces.len());
        }
        lot
    }

    /// Judges a lot that was taken since the last one. `None` where it is late.
    pub(super) fn judge(&mut self, lot: &Lot, until: &mut Until) -> Option<()> {
        for id in &lot.devices {
            let holds = self.of_device(*id);
            self.devices.push(holds);
            until.after(size_of::<DeviceId>())?;
        }
        for value in &lot.values {
            self.values
                .push(Verdict::of(self.matcher.holds([&**value])));
            until.after(value.len())?;
        }
        let (matcher, attached) = (self.matcher, self.attached);
        for id in &lot.interface_ids {
            let id: Option<InterfaceId> = id.parse().ok();
            let value = id.and_then(|id| attached.of_interface(id, matcher.name()));
            let verdict = value.map(|value| Verdict::of(self.met.holds(matcher, value)));
            self.interfaces.push(verdict.unwrap_or(Verdict::Absent));
            until.after(value.map_or(0, str::len))?;
        }
        Some(())
    }

    fn of_device(&mut self, id: DeviceId) -> bool {
        let (matcher, attached) = (self.matcher, self.attached);
        if matcher.name() == DEVICE_ID {
            let text = (id != NETWORK).then(|| id.to_string());
            return matcher.holds(text.as_deref());
        }
        let Some(of_device) = attached.device(id) else {
            return self.met.of_none(matcher);
        };
        let mut values = of_device.values(matcher.name());
        match (values.next(), values.next()) {
            (None, _) => self.met.of_none(matcher),
            (Some(one), None) => self.met.holds(matcher, one),
            // Only tags have several.
            _ => matcher.holds(of_device.values(matcher.name())),
        }
    }
}

/// What a matcher said of values that were met: thousands of interfaces have the same type.
#[derive(Default)]
struct Met<'a> {
    values: HashMap<&'a str, bool>,
    none: Option<bool>,
}

impl<'a> Met<'a> {
    fn holds(&mut self, matcher: &Matcher, value: &'a str) -> bool {
        let holds = || matcher.holds([value]);
        *self.values.entry(value).or_insert_with(holds)
    }

    fn of_none(&mut self, matcher: &Matcher) -> bool {
        *self.none.get_or_insert_with(|| matcher.holds([]))
    }
}
