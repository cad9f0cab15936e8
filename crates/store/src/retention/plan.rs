//! What goes: which files as a whole, which days are written again without some series, and what a
//! hold keeps. Pure, and the same for a dry run as for what is done.

use super::archived::Leave;
use super::terms::{Fate, OfDevice, Span, Terms};
use crate::blocks::{BlockKey, Column, Level};
use crate::pack::{DevicePart, Kind, PackId, PackMeta};
use model::{DeviceId, HoldId, PolicyId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// A pack that was looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Which.
    pub meta: PackMeta,
    /// The devices that may lose something.
    pub devices: Vec<DevicePart>,
    /// How many others there are in it.
    pub others: u64,
}

/// A block that lies over packs, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Which.
    pub key: BlockKey,
    /// Its octets.
    pub bytes: u64,
    /// Its columns, with the samples of each.
    pub columns: Vec<(Column, u64)>,
}

/// What is done about a file before it is looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// All of it is kept.
    Stays,
    /// All of it goes, whatever is in it.
    Goes,
    /// That depends on what is in it.
    Inside,
}

/// A file of which something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFate {
    /// Which.
    pub id: PackId,
    /// The file goes; else its day is written again.
    pub whole: bool,
    /// Octets that it has.
    pub bytes: u64,
    /// Octets of them that go.
    pub bytes_gone: u64,
    /// Samples that go.
    pub samples_gone: u64,
}

/// How much goes or is kept for one reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Octets of files.
    pub bytes: u64,
    /// Samples; of roll-ups, their fields.
    pub samples: u64,
}

impl Amount {
    pub(super) fn add(&mut self, bytes: u64, samples: u64) {
        self.bytes += bytes;
        self.samples += samples;
    }
}

/// What goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Files of which something goes, ascending by start.
    pub files: Vec<FileFate>,
    /// Blocks that lie over packs and go, with their octets and samples.
    pub patches: BTreeMap<BlockKey, Amount>,
    /// What goes by each policy; of no policy, what deleted devices left.
    pub by_policy: BTreeMap<Option<PolicyId>, Amount>,
    /// What only one hold keeps.
    pub by_hold: BTreeMap<HoldId, Amount>,
    /// What several holds keep, and nothing else.
    pub by_several_holds: Amount,
    /// Files in which something may go and that were not looked into, as there were too many or they
    /// are damaged, and their octets.
    pub left_files: u64,
    /// Their octets.
    pub left_bytes: u64,
    /// What would go, and waits until its day is archived as it is.
    pub waits_for_archive: Amount,
}

impl Plan {
    /// What holds keep, and nothing else.
    pub fn held(&self) -> Amount {
        let by_one = self.by_hold.values();
        by_one.fold(self.by_several_holds, |mut sum, held| {
            sum.add(held.bytes, held.samples);
            sum
        })
    }

    /// All that goes.
    pub fn total(&self) -> Amount {
        let mut total = Amount::default();
        for file in &self.files {
            total.add(file.bytes_gone, file.samples_gone);
        }
        for patch in self.patches.values() {
            total.add(patch.bytes, patch.samples);
        }
        total
    }

    /// The files that go as a whole.
    pub fn whole(&self) -> Vec<PackId> {
        let whole = self.files.iter().filter(|file| file.whole);
        whole.map(|file| file.id).collect()
    }

    /// The days that are written again.
    pub fn days(&self) -> BTreeSet<Timestamp> {
        let parts = self.files.iter().filter(|file| !file.whole);
        parts.map(|file| Level::Day.start(file.id.start)).collect()
    }
}

impl Terms {
    /// What is done about a file, as far as its name tells.
    pub fn look(&self, id: &PackId) -> Look {
        let span = Span::of(id);
        if self.all_kept(span) {
            Look::Stays
        } else if self.all_over(span).is_some() && self.leaves_alike(id.kind, id.start) {
            Look::Goes
        } else {
            Look::Inside
        }
    }

    /// Whether a device in a file may lose something, so that it must be looked into.
    pub fn may_lose(&self, id: &PackId, device_id: DeviceId) -> bool {
        self.of_device(Span::of(id), device_id).may_lose()
    }

    /// Whether a series is kept where its day of samples is written again.
    pub fn keeps(&self, day: Timestamp, device_id: DeviceId, column: Column) -> bool {
        let of_device = self.of_device(Span::of_samples(day, Level::Day), device_id);
        !matches!(of_device.fate(column), Fate::Over(_))
    }

    /// Days of samples that end behind this lose nothing.
    pub fn until(&self) -> Timestamp {
        self.latest_cut()
    }
}

/// What goes of these files. Those that go whatever is in them are `whole`; those that were looked into,
/// `inside`; and `left` are those that could not be.
pub fn plan(
    terms: &Terms,
    whole: &[PackMeta],
    inside: &[Contents],
    left: &[PackMeta],
    patches: &[Patch],
) -> Plan {
    let mut plan = Plan {
        left_files: left.len() as u64,
        left_bytes: left.iter().map(|meta| meta.bytes).sum(),
        ..Plan::default()
    };
    for meta in whole {
        let policy = terms.all_over(Span::of(&meta.id));
        match terms.leaves(meta.id.kind, meta.id.start, policy) {
            Leave::Given => {}
            Leave::NotArchived => {
                plan.waits_for_archive.add(meta.bytes, meta.totals.samples);
                continue;
            }
            Leave::Restored => continue,
        }
        plan.go(terms, policy, meta.bytes, meta.totals.samples);
        plan.files.push(FileFate {
            id: meta.id,
            whole: true,
            bytes: meta.bytes,
            bytes_gone: meta.bytes,
            samples_gone: meta.totals.samples,
        });
    }
    for contents in inside {
        weigh(terms, contents, &mut plan);
    }
    for patch in patches {
        weigh_patch(terms, patch, &mut plan);
    }
    plan.files.sort_by_key(|file| file.id);
    plan
}

impl Plan {
    fn go(&mut self, terms: &Terms, policy: Option<usize>, bytes: u64, samples: u64) {
        let policy = policy.and_then(|place| terms.policies.get(place));
        let reason = policy.map(|policy| policy.id);
        let amount = self.by_policy.entry(reason).or_default();
        amount.add(bytes, samples);
    }

    fn hold(&mut self, terms: &Terms, place: Option<usize>, bytes: u64, samples: u64) {
        let Some(place) = place else {
            self.by_several_holds.add(bytes, samples);
            return;
        };
        if let Some(hold) = terms.holds.get(place) {
            let amount = self.by_hold.entry(hold.id).or_default();
            amount.add(bytes, samples);
        }
    }
}

/// What goes of a file that was looked into.
fn weigh(terms: &Terms, contents: &Contents, plan: &mut Plan) {
    let meta = &contents.meta;
    let span = Span::of(&meta.id);
    let mut gone = BTreeMap::new();
    let mut held = BTreeMap::new();
    let (mut bytes_gone, mut whole) = (0, contents.others == 0);
    for part in &contents.devices {
        let of_device = terms.of_device(span, part.device_id);
        let waits = &mut plan.waits_for_archive;
        bytes_gone += weigh_device(&of_device, part, (&mut gone, &mut held, waits));
        whole &= part
            .entries
            .iter()
            .all(|entry| goes(of_device.fate(entry.column)));
    }
    for (place, Amount { bytes, samples }) in held {
        plan.hold(terms, place, bytes, samples);
    }
    let mut samples_gone: u64 = gone.values().map(|amount| amount.samples).sum();
    if whole {
        (bytes_gone, samples_gone) = (meta.bytes, meta.totals.samples);
    } else if meta.id.kind != Kind::Samples || bytes_gone == 0 {
        // Roll-ups go as a whole alone.
        return;
    }
    share_out(&mut gone, bytes_gone, samples_gone);
    for (place, Amount { bytes, samples }) in gone {
        plan.go(terms, place, bytes, samples);
    }
    plan.files.push(FileFate {
        id: meta.id,
        whole,
        bytes: meta.bytes,
        bytes_gone,
        samples_gone,
    });
}

type ByPlace = BTreeMap<Option<usize>, Amount>;

fn goes(fate: Fate) -> bool {
    matches!(fate, Fate::Over(_))
}

/// What goes of a device, by the policy that says so; answers the octets that the file then lacks, which
/// are more than those of the payloads.
fn weigh_device(
    of_device: &OfDevice,
    part: &DevicePart,
    (gone, held, waits): (&mut ByPlace, &mut ByPlace, &mut Amount),
) -> u64 {
    let mut kept_columns = BTreeSet::new();
    for entry in &part.entries {
        let bytes = entry.bytes as u64;
        match of_device.fate(entry.column) {
            Fate::Kept => {
                kept_columns.insert(entry.column);
            }
            Fate::Held(place) => {
                kept_columns.insert(entry.column);
                held.entry(place).or_default().add(bytes, entry.samples);
            }
            Fate::Waits => {
                kept_columns.insert(entry.column);
                waits.add(bytes, entry.samples);
            }
            Fate::Over(place) => gone.entry(place).or_default().add(bytes, entry.samples),
        }
    }
    let kept = part.bytes_with(|column| kept_columns.contains(&column));
    part.bytes.saturating_sub(kept)
}

/// Makes the parts add up to what goes: what columns have in common counts for the policy by which most
/// goes.
fn share_out(gone: &mut ByPlace, bytes: u64, samples: u64) {
    if gone.is_empty() {
        gone.insert(None, Amount::default());
    }
    let told = |amount: fn(&Amount) -> u64| gone.values().map(amount).sum::<u64>();
    let (bytes_told, samples_told) = (told(|a| a.bytes), told(|a| a.samples));
    if let Some(most) = gone.values_mut().max_by_key(|amount| amount.bytes) {
        most.bytes = (most.bytes + bytes).saturating_sub(bytes_told);
        most.samples = (most.samples + samples).saturating_sub(samples_told);
    }
}

/// A block that lies over packs goes as a whole, or else becomes part of a pack before anything of it
/// goes.
fn weigh_patch(terms: &Terms, patch: &Patch, plan: &mut Plan) {
    let span = Span::of_samples(patch.key.start, patch.key.level);
    let of_device = terms.of_device(span, patch.key.device_id);
    let mut gone = ByPlace::new();
    for (column, samples) in &patch.columns {
        let Fate::Over(place) = of_device.fate(*column) else {
            return;
        };
        gone.entry(place).or_default().add(0, *samples);
    }
    let samples = gone.values().map(|amount| amount.samples).sum();
    share_out(&mut gone, patch.bytes, samples);
    for (place, Amount { bytes, samples }) in gone {
        plan.go(terms, place, bytes, samples);
    }
    let bytes = patch.bytes;
    plan.patches.insert(patch.key, Amount { bytes, samples });
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
