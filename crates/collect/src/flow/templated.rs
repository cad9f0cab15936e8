//! NetFlow v9 (RFC 3954) and IPFIX (RFC 7011): messages of sets, whose records look as templates say
//! that came before. Templates belong to one observation domain of one exporter.

use super::defects::Defects;
use super::element::{Draft, End};
use super::octets::Octets;
use super::record::Flow;
use super::sampling::{Rates, Samplers};
use super::sequence::{Arrival, Sequence};
use super::template::{self, Said, Template, Version};
use model::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// Steps of all templates of an exporter: some 200 large templates, 200 KB.
const TEMPLATE_STEPS_MAX: usize = 8_192;
/// Templates of an exporter. Real ones have up to some 50.
const TEMPLATES_MAX: usize = 512;
/// Templates that are waited for and told of.
const WAITED_MAX: usize = 64;
/// A flow that ended longer ago than this ended by a clock that is wrong.
const AGE_MAX: Duration = Duration::from_hours(1);

/// One observation domain.
#[derive(Debug, Default)]
pub(super) struct Domain {
    templates: HashMap<u16, Template>,
    samplers: Samplers,
    pub(super) sequence: Sequence,
    pub(super) heard: Timestamp,
}

/// What the domains of an exporter share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) defects: Defects,
    /// Templates that data came for before they did: by domain and id, sets so far.
    pub(super) waited: BTreeMap<(u32, u16), u64>,
    pub(super) templates: usize,
    pub(super) rates: Rates,
    steps: usize,
    uses: u64,
}

/// A message: where it is from, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    version: Version,
    domain: u32,
    sequence: u32,
    exported_ms: u64,
    uptime_ms: u32,
    now: Timestamp,
}

/// The header of a message, and its sets.
pub(super) fn header<'a>(
    version: Version,
    datagram: &'a [u8],
    now: Timestamp,
    defects: &mut Defects,
) -> Option<(Message, Octets<'a>)> {
    let mut rest = Octets(datagram);
    rest.u16()?;
    let count_or_len = rest.u16()?;
    let uptime_ms = match version {
        Version::V9 => rest.u32()?,
        Version::Ipfix => 0,
    };
    let exported_ms = u64::from(rest.u32()?) * 1_000;
    let (sequence, domain) = (rest.u32()?, rest.u32()?);
    if version == Version::Ipfix && usize::from(count_or_len) != datagram.len() {
        defects.lengths += 1;
        let len = usize::from(count_or_len).saturating_sub(datagram.len() - rest.len());
        rest = Octets(rest.0.get(..len).unwrap_or(rest.0));
    }
    let message = Message {
        version,
        domain,
        sequence,
        exported_ms,
        uptime_ms,
        now,
    };
    Some((message, rest))
}

impl Message {
    /// The observation domain id, or the source id.
    pub(super) fn domain(&self) -> u32 {
        self.domain
    }

    /// When something ended, by our clock: the age that the exporter gives it by its own, so that a
    /// clock that is wrong does no harm.
    fn ended(&self, end: End, started_ms: u64) -> Timestamp {
        let age_ms = match end {
            End::Unsaid => 0,
            End::SysUpTime(at) if self.version == Version::V9 => {
                // Both wrap after 49 days.
                u64::from(self.uptime_ms.wrapping_sub(at))
            }
            End::SysUpTime(_) if started_ms == 0 => 0,
            End::SysUpTime(at) => {
                let at = started_ms.saturating_add(u64::from(at));
                self.exported_ms.saturating_sub(at)
            }
            End::Unix(at) => self.exported_ms.saturating_sub(at),
            End::Before(micros) => micros / 1_000,
        };
        let age = Duration::from_millis(age_ms);
        if age > AGE_MAX {
            return self.now;
        }
        self.now.minus(age)
    }
}

impl Domain {
    /// Reads the sets of a message. How many records there were.
    pub(super) fn read(
        &mut self,
        message: &Message,
        mut rest: Octets<'_>,
        shared: &mut Shared,
        sink: &mut dyn FnMut(Flow),
    ) -> u64 {
        self.heard = message.now;
        let mut records = 0_u64;
        let mut all_counted = true;
        while rest.len() >= 4 {
            let (Some(id), Some(len)) = (rest.u16(), rest.u16()) else {
                break;
            };
            let len = usize::from(len);
            let Some(body) = len.checked_sub(4).and_then(|len| rest.take(len)) else {
                // Where the next set begins is not known.
                shared.defects.lengths += 1;
                all_counted = false;
                break;
            };
            let body = Octets(body);
            match (message.version, id) {
                (Version::V9, 0) | (Version::Ipfix, 2) => {
                    self.templates(message, body, false, shared);
                }
                (Version::V9, 1) | (Version::Ipfix, 3) => {
                    self.templates(message, body, true, shared);
                }
                (_, 256..) => match self.data(message, id, body, shared, sink) {
                    Some(count) => records += count,
                    None => all_counted = false,
                },
                // Reserved (RFC 7011, 3.3.2).
                _ => {}
            }
        }
        self.count(message, records, all_counted, &mut shared.defects);
        records
    }

    fn count(&mut self, message: &Message, records: u64, all_counted: bool, defects: &mut Defects) {
        let (step, lost) = match message.version {
            Version::V9 => (1, &mut defects.datagrams_lost),
            Version::Ipfix => (
                u32::try_from(records).unwrap_or(u32::MAX),
                &mut defects.flows_lost,
            ),
        };
        match self.sequence.arrived(message.sequence, step) {
            Arrival::InOrder => {}
            Arrival::After(gap) => *lost += u64::from(gap),
            Arrival::Late => {
                *lost = lost.saturating_sub(u64::from(step));
                defects.out_of_order += 1;
            }
            Arrival::Restarted => defects.restarts += 1,
        }
        if !all_counted && message.version == Version::Ipfix {
            self.sequence.forget();
        }
    }

    fn templates(
        &mut self,
        message: &Message,
        mut set: Octets<'_>,
        is_options: bool,
        shared: &mut Shared,
    ) {
        // Less is padding.
        while set.len() >= 4 && !template::is_padding(&set) {
            match template::read(&mut set, message.version, is_options) {
                Some(Said::Template(id, template)) => {
                    self.keep(message.domain, id, template, shared);
                }
                Some(Said::Withdrawn(id)) => self.withdraw(id, is_options, shared),
                Some(Said::Bad) => shared.defects.templates_bad += 1,
                None => {
                    shared.defects.lengths += 1;
                    return;
                }
            }
        }
    }

    fn keep(&mut self, domain: u32, id: u16, mut template: Template, shared: &mut Shared) {
        shared.uses += 1;
        template.used = shared.uses;
        shared.waited.remove(&(domain, id));
        if let Some(before) = self.templates.get(&id) {
            if before.digest != template.digest {
                shared.defects.templates_changed += 1;
            }
            self.forget(id, shared);
        }
        let has_room = |shared: &Shared| {
            shared.templates < TEMPLATES_MAX
                && shared.steps + template.weight() <= TEMPLATE_STEPS_MAX
        };
        while !has_room(shared) {
            let oldest = self
                .templates
                .iter()
                .min_by_key(|(_, template)| template.used);
            let Some(oldest) = oldest.map(|(id, _)| *id) else {
                // The exporter's other domains have all of its room.
                shared.defects.templates_bad += 1;
                return;
            };
            self.forget(oldest, shared);
            shared.defects.templates_evicted += 1;
        }
        shared.templates += 1;
        shared.steps += template.weight();
        self.templates.insert(id, template);
    }

    fn withdraw(&mut self, id: u16, is_options: bool, shared: &mut Shared) {
        let gone: Vec<u16> = match id {
            2 | 3 => {
                let of_kind = |template: &Template| template.is_options == is_options;
                let all = self.templates.iter();
                all.filter(|(_, template)| of_kind(template))
                    .map(|(id, _)| *id)
                    .collect()
            }
            id => vec![id],
        };
        for id in gone {
            if self.forget(id, shared) {
                shared.defects.templates_withdrawn += 1;
            }
        }
    }

    fn forget(&mut self, id: u16, shared: &mut Shared) -> bool {
        let Some(template) = self.templates.remove(&id) else {
            return false;
        };
        shared.templates -= 1;
        shared.steps -= template.weight();
        true
    }

    /// Gives back what the domain has taken of its exporter's room.
    pub(super) fn end(&mut self, shared: &mut Shared) {
        let ids: Vec<u16> = self.templates.keys().copied().collect();
        for id in ids {
            self.forget(id, shared);
        }
        self.samplers.end(&mut shared.rates);
    }

    /// Gives back the room for rates of interfaces alone.
    pub(super) fn forget_rates(&mut self, shared: &mut Shared) {
        self.samplers.end(&mut shared.rates);
    }

    /// Reads a set of data. How many records it has; none where that cannot be told.
    fn data(
        &mut self,
        message: &Message,
        id: u16,
        mut set: Octets<'_>,
        shared: &mut Shared,
        sink: &mut dyn FnMut(Flow),
    ) -> Option<u64> {
        let Some(template) = self.templates.get_mut(&id) else {
            shared.defects.sets_without_template += 1;
            let key = (message.domain, id);
            if shared.waited.len() < WAITED_MAX || shared.waited.contains_key(&key) {
                *shared.waited.entry(key).or_default() += 1;
            }
            return None;
        };
        shared.uses += 1;
        template.used = shared.uses;
        if !template.is_of_use && template.is_fixed() {
            return Some(template.records_in(set.len()) as u64);
        }
        let mut records = 0;
        while !set.is_empty() {
            let Some(draft) = template.read(&mut set) else {
                if !template.is_fixed() && !template::is_padding(&set) {
                    shared.defects.lengths += 1;
                    return None;
                }
                break;
            };
            records += 1;
            if !template.is_of_use {
                continue;
            }
            if template.is_options {
                if let Some(rate) = draft.rate() {
                    let (selector, interface) = (draft.selector, draft.scope_interface);
                    self.samplers
                        .state(selector, interface, rate, &mut shared.rates);
                }
                continue;
            }
            flow(message, draft, &self.samplers, sink);
        }
        Some(records)
    }
}

#[inline]
fn flow(message: &Message, mut draft: Draft, samplers: &Samplers, sink: &mut dyn FnMut(Flow)) {
    draft.fill();
    let mut flow = draft.flow;
    flow.is_ip = true;
    flow.at = message.ended(draft.end, draft.started_ms);
    flow.rate = draft
        .rate()
        .or_else(|| samplers.rate(draft.selector, flow.input, flow.output));
    if draft.reverse_octets > 0 || draft.reverse_packets > 0 {
        let reverse = flow.reversed(draft.reverse_octets, draft.reverse_packets);
        sink(reverse.scaled());
        if flow.octets == 0 && flow.packets == 0 {
            return;
        }
    }
    sink(flow.scaled());
}
