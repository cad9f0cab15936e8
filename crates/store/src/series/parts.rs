//! What the threads of the series store and its callers share.

use crate::blocks::{BlockKey, Blocks, Level};
use crate::pack::{Kind, Pack, PackError, PackFolder, PackId, PackMeta, PackWriter};
use crate::retention::Archiving;
use crate::series::cold::ColdDays;
use crate::series::cold::fetch::Gate;
use crate::series::head::Head;
use crate::series::log::segments::Segments;
use crate::series::recovery::lazy::Lazy;
use crate::series::registry;
use crate::series::stats::Counters;
use crate::series::tombstones::{Tombstone, Tombstones};
use model::{Clock, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tracing::warn;

/// Days that are merged in a day for nothing but the devices that were deleted: of a long past all
/// would be written again.
const FORGET_DAYS_MAX: u32 = 8;

/// How long it is remembered when a range was merged.
const TURN_KEPT: Duration = Duration::from_hours(24);

/// Kinds of damage that are told apart; what is beyond them is not told.
const TOLD_MAX: usize = 10_000;

/// Packs that were finished and are not listed, as the disk is full, of which it is remembered that
/// there may be none; and how many go with one commit, which the manifest takes in one step.
const UNLISTED_MAX: usize = 1_024;

/// What the threads and the callers share.
pub(super) struct Parts {
    pub(super) index: registry::Shared,
    pub(super) head: Arc<Head>,
    /// Sealed samples.
    pub(super) packs: PackFolder,
    /// What came to a half-hour after it was sealed, and what the first version sealed.
    pub(super) blocks: Box<dyn Blocks>,
    pub(super) segments: Arc<Segments>,
    /// What the log held at the start and the head does not hold yet. Whoever asks the head for a
    /// device, or adds to it, touches it here before.
    pub(super) lazy: Arc<Lazy>,
    pub(super) counters: Arc<Counters>,
    pub(super) clock: Clock,
    /// What was deleted and is still in files.
    pub(super) tombstones: Arc<Tombstones>,
    /// Archived days, where there is an archive.
    pub(super) cold: OnceLock<Arc<dyn ColdDays>>,
    /// Who keeps what is known of archived days, also where none are read.
    pub(super) keeper: OnceLock<Arc<dyn Archiving>>,
    /// Archived days by their starts, with their revisions, as they were noted down: also where none are
    /// read, as the archive is not set up now.
    noted: Mutex<BTreeMap<Timestamp, u64>>,
    /// Revisions that are being written of days.
    archiving: Mutex<BTreeMap<u64, Timestamp>>,
    /// Who may read them.
    pub(super) gate: Gate,
    /// Held through a pass of sealing and merging.
    pub(super) passes: Mutex<()>,
    /// Held by whoever moves or deletes blocks, for some blocks at a time.
    maintenance: Mutex<()>,
    /// When each day that is over was last looked at for what came to it since.
    looked: Mutex<BTreeMap<Timestamp, Timestamp>>,
    /// From when each range may be merged again.
    turns: Mutex<BTreeMap<(Level, Timestamp), Timestamp>>,
    /// Today, and how many days were merged in it for the devices that were deleted.
    forgotten: Mutex<(Timestamp, u32)>,
    /// When a day was last looked for that is written again for what is hidden in it.
    buried: Mutex<Option<Timestamp>>,
    /// From when on roll-ups of five minutes and of hours are kept, in milliseconds since 1970.
    rolled_from: [AtomicI64; 2],
    /// Packs that were finished and are not listed: those of a pass that failed afterwards too.
    unlisted: Mutex<BTreeSet<PackId>>,
    /// Damage of packs that was told.
    told: Mutex<BTreeSet<String>>,
}

impl Parts {
    pub(super) fn new(
        index: registry::Shared,
        head: Arc<Head>,
        (packs, blocks): (PackFolder, impl Blocks),
        (segments, lazy): (Arc<Segments>, Lazy),
        tombstones: Arc<Tombstones>,
        counters: Arc<Counters>,
        clock: Clock,
    ) -> Self {
        Self {
            index,
            head,
            packs,
            blocks: Box::new(blocks),
            segments,
            lazy: Arc::new(lazy),
            counters,
            clock,
            tombstones,
            cold: OnceLock::new(),
            keeper: OnceLock::new(),
            noted: Mutex::default(),
            archiving: Mutex::default(),
            gate: Gate::default(),
            passes: Mutex::default(),
            maintenance: Mutex::default(),
            looked: Mutex::default(),
            turns: Mutex::default(),
            buried: Mutex::default(),
            forgotten: Mutex::new((Timestamp::from_unix_ms(0), 0)),
            rolled_from: [AtomicI64::new(i64::MIN), AtomicI64::new(i64::MIN)],
            unlisted: Mutex::default(),
            told: Mutex::default(),
        }
    }

    /// Nobody else moves or deletes blocks while this is held.
    pub(super) fn move_blocks(&self) -> MutexGuard<'_, ()> {
        self.maintenance
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a block out of the way that cannot be decoded, and counts it.
    pub(super) fn set_aside(&self, key: &BlockKey, reason: &str) {
        self.counters.defect("damaged_block", 1);
        if let Err(error) = self.blocks.set_aside(key, reason) {
            warn!(device.id = %key.device_id, %error, "a damaged block could not be set aside");
        }
    }

    /// Counts what the back end found damaged; it has logged it.
    pub(super) fn note_damage(&self) {
        let found = self.blocks.damage().len() + self.packs.damage().len();
        self.counters.defect("damaged_blocks_found", found as u64);
    }

    /// The packs of samples whose range holds a time.
    pub(super) fn packs_over(&self, at: Timestamp) -> Vec<Arc<Pack>> {
        let next = Timestamp::from_unix_ms(at.unix_ms().saturating_add(1));
        self.packs.packs(Kind::Samples, at, next)
    }

    /// Counts something of a pack that could not be read and is left out: each thing once, however
    /// often it is met.
    pub(super) fn lost(&self, what: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < TOLD_MAX && told.insert(what.to_owned()) {
            self.counters.defect("damaged_block", 1);
            warn!("samples are left out: {what}");
        }
    }

    /// As [`lost`](Self::lost), of a pack: its day is less here than it was.
    pub(super) fn lost_of(&self, id: &PackId, what: &str) {
        self.packs.lacks(id);
        self.lost(what);
    }

    /// Ends a pack. Until it is [committed](Self::commit) it is a file that the next start would take for
    /// one that counts: whatever hinders that, the next commit removes it.
    pub(super) fn finish(&self, writer: PackWriter) -> Result<PackMeta, PackError> {
        {
            let mut unlisted = self.unlisted.lock().unwrap_or_else(PoisonError::into_inner);
            if unlisted.len() >= UNLISTED_MAX {
                unlisted.retain(|id| self.packs.may_have_file(id));
            }
            unlisted.insert(writer.id());
        }
        writer.finish()
    }

    /// Adds packs that are [finished](Self::finish) and removes others, with those that were finished
    /// before and never added. Where it fails the packs are not used again, and go with the next one:
    /// until then they may be in the manifest or not.
    pub(super) fn commit(&self, add: &[PackMeta], remove: &[PackId]) -> Result<(), PackError> {
        let mut unlisted = self.unlisted.lock().unwrap_or_else(PoisonError::into_inner);
        let is_added = |id: &PackId| add.iter().any(|meta| meta.id == *id);
        let over = unlisted.iter().filter(|id| !is_added(id));
        let over: Vec<PackId> = over.take(UNLISTED_MAX).copied().collect();
        let remove: Vec<PackId> = remove.iter().chain(&over).copied().collect();
        self.packs.commit(add, &remove)?;
        unlisted.retain(|id| !is_added(id) && !over.contains(id));
        Ok(())
    }

    /// Whether there may be a pack of before a generation that is not listed: the next start may find it.
    pub(super) fn may_be_unlisted(&self, before: u64) -> bool {
        let unlisted = self.unlisted.lock().unwrap_or_else(PoisonError::into_inner);
        unlisted.iter().any(|id| id.generation < before)
    }

    /// Archived days are noted down somewhere, each with its revision: what was deleted since must stay
    /// hidden, whether the archive is set up or not.
    pub(super) fn note_archived(&self, days: BTreeMap<Timestamp, u64>) {
        if let Some(greatest) = days.values().max() {
            self.packs.raise_generation(greatest.saturating_add(1));
        }
        *self.noted.lock().unwrap_or_else(PoisonError::into_inner) = days;
    }

    /// A revision of a day is being written until this is called with `false`.
    #[cfg(feature = "archive")]
    pub(super) fn is_archiving(&self, day: Timestamp, revision: u64, goes_on: bool) {
        let mut archiving = self
            .archiving
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if goes_on {
            archiving.insert(revision, day);
        } else {
            archiving.remove(&revision);
        }
    }

    /// Whether an archived day, or one that is being archived, is of before a tombstone that meets it.
    pub(super) fn is_archived_before(&self, stone: &Tombstone) -> bool {
        let is_before = |day: Timestamp, revision: u64| {
            revision < stone.generation && stone.meets(day, Level::Day.end(day))
        };
        {
            let archiving = self
                .archiving
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if archiving
                .iter()
                .any(|(revision, day)| is_before(*day, *revision))
            {
                return true;
            }
        }
        if let Some(cold) = self.cold.get() {
            let from = Timestamp::from_unix_ms(stone.from_ms);
            let to = Timestamp::from_unix_ms(stone.to_ms);
            let mut days = cold.meets(from, to).into_iter();
            return days.any(|day| is_before(day.day, day.generation));
        }
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted
            .iter()
            .any(|(day, revision)| is_before(*day, *revision))
    }

    /// Roll-ups of days that end by then are not kept, and so not made; samples have no such time.
    pub(super) fn rolled_from(&self, kind: Kind) -> Timestamp {
        let [fives, hours] = &self.rolled_from;
        let from = match kind {
            Kind::Samples => return Timestamp::from_unix_ms(i64::MIN),
            Kind::FiveMinutes => fives,
            Kind::Hours => hours,
        };
        Timestamp::from_unix_ms(from.load(Ordering::Relaxed))
    }

    /// Sets from when on roll-ups of five minutes and of hours are kept.
    pub(super) fn keep_rolled_from(&self, from: [Timestamp; 2]) {
        for (kept, from) in self.rolled_from.iter().zip(from) {
            kept.store(from.unix_ms(), Ordering::Relaxed);
        }
    }

    /// Whether a range may be merged now.
    pub(super) fn is_in_turn(&self, level: Level, start: Timestamp, now: Timestamp) -> bool {
        let turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.get(&(level, start)).is_none_or(|from| *from <= now)
    }

    /// A range may be merged from then on.
    pub(super) fn next_turn(&self, level: Level, start: Timestamp, from: Timestamp) {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        // What is long over need not be remembered.
        turns.retain(|_, other| other.plus(TURN_KEPT) > from);
        turns.insert((level, start), from);
    }

    /// Whether one day more may be merged today for the devices that were deleted.
    pub(super) fn may_forget(&self, today: Timestamp) -> bool {
        let mut forgotten = self
            .forgotten
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if forgotten.0 != today {
            *forgotten = (today, 0);
        }
        forgotten.1 += 1;
        forgotten.1 <= FORGET_DAYS_MAX
    }

    /// Whether a day may be written again for what is hidden in it, as none was for so long; it counts as
    /// written.
    pub(super) fn buries(&self, now: Timestamp, interval: Duration) -> bool {
        let mut buried = self.buried.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back is no reason to wait for long.
        let waits = buried.is_some_and(|at| at <= now && now < at.plus(interval));
        if !waits {
            *buried = Some(now);
        }
        !waits
    }

    /// Whether a day is looked at for the first time today.
    pub(super) fn looks_again(&self, day: Timestamp, today: Timestamp) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        looked.insert(day, today) != Some(today)
    }
}
