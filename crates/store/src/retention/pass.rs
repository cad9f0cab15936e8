//! Carrying a plan out: what there is is looked into, what goes is removed, and what was done is counted.
//!
//! A pass works in steps, each whole or not done at all; between two of them it rests for three times as
//! long as the one before took, so that it takes a quarter of a core. Removing comes first, as it makes
//! the room that writing again takes.

use super::policy::Detail;
use super::proof::Proofs;
use super::{
    Amount, HeldBy, Hold, Look, Placed, Plan, Policy, PolicySet, Retention, RetentionError, Terms,
    lock, plan,
};
use crate::blocks::Level;
use crate::catalog;
use crate::documents::{Damage, Expect, Query};
use crate::pack::{Kind, PackId, PackMeta};
use crate::series::{Attached, Looked, Rewritten, SeriesError, SeriesStore};
use model::{HoldId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;
use tracing::{info, warn};

/// Heads of devices that are looked into for one plan: some ten seconds of a core. What is beyond is
/// looked into by the passes after it, which begin where the one before ended.
const HEADS_MAX: usize = 200_000;

/// Blocks over packs that are looked into for one plan. They become packs by themselves, within a day.
const PATCHES_MAX: usize = 4_096;

/// Files removed in one step: the manifest takes 4,096, and readers wait for none of it.
const REMOVED_AT_ONCE: usize = 256;

/// Days that are written again in one pass. A day of a million series takes a minute of a core, during
/// which nothing is sealed.
const DAYS_MAX: usize = 8;

/// Steps that may fail in one pass before no more days are written again, beside those: ones that cannot be
/// written must not keep the others from it, and a disk that fails at each is not asked for a year of them.
const FAILURES_MAX: usize = 32;

/// How much longer a pass rests than it worked, and the longest rest.
const REST_FACTOR: u32 = 3;
const REST_MAX: Duration = Duration::from_mins(5);

/// Where what an operator accepted is kept, among the settings.
const ACCEPTED: &str = "retention_damage_accepted";

/// What an operator accepted.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Accepted {
    /// So many policies and holds are damaged.
    damaged: usize,
}

/// What a pass did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Files removed as a whole.
    pub files_removed: u64,
    /// Days written again.
    pub days_rewritten: u64,
    /// Blocks over packs that were removed.
    pub patches_removed: u64,
    /// Octets and samples that went.
    pub gone: Amount,
    /// What only holds keep, as far as was looked.
    pub held: Amount,
    /// What waits until its day is archived.
    pub waits_for_archive: Amount,
    /// Files that were not looked into and days that were not written again: passes to come see to them.
    pub left: u64,
    /// What failed, and is tried again by the next pass.
    pub failed: Option<String>,
}

/// What passes did since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetentionStats {
    /// Passes that were made.
    pub passes: u64,
    /// Of those, how many failed in some part.
    pub passes_failed: u64,
    /// Files removed as a whole.
    pub files_removed: u64,
    /// Days written again.
    pub days_rewritten: u64,
    /// Octets that went.
    pub bytes_gone: u64,
    /// Samples that went.
    pub samples_gone: u64,
    /// Octets that only holds kept at the last pass.
    pub bytes_held: u64,
    /// Octets that the last pass left as they are not archived.
    pub bytes_waiting: u64,
    /// Files and days that the last pass left for the next.
    pub left: u64,
    /// How many holds there are.
    pub holds: u64,
    /// How long passes took, in milliseconds.
    pub took_ms: u64,
    /// The last pass that was made.
    pub last: Option<Pass>,
    /// Why the last pass was not made, or failed in some part.
    pub failing: Option<String>,
}

#[derive(Default)]
pub(super) struct State {
    stats: RetentionStats,
    /// Files before this were looked into by the passes before.
    next: Option<PackId>,
}

/// What is to go, and by what.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What goes.
    pub plan: Plan,
    /// By what.
    pub terms: Arc<Terms>,
    holds: Vec<Arc<Placed>>,
    /// Where the next one begins to look.
    next: Option<PackId>,
}

/// What failed of a pass. Of one step it says nothing about the others.
#[derive(Default)]
struct Failures {
    /// How many steps failed.
    count: usize,
    /// Why the first of them did.
    first: Option<RetentionError>,
    /// The archive did not answer.
    away: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Failures {
    /// What a step came to, where it did; an error where no other is to be tried.
    fn of<T>(
        &mut self,
        step: Result<T, RetentionError>,
        proofs: &Proofs,
    ) -> Result<Option<T>, RetentionError> {
        let untold = proofs.untold().map(RetentionError::Archive);
        let (done, failed) = match step {
            Ok(done) => (Some(done), untold),
            Err(error @ RetentionError::Series(_)) => (None, Some(error)),
            Err(error) => return Err(error),
        };
        if let Some(error) = failed {
            self.count += 1;
            self.first.get_or_insert(error);
        }
        Ok(done)
    }

    fn told(self) -> Result<(), RetentionError> {
        let away = self.away.map(RetentionError::Archive);
        self.first.or(away).map_or(Ok(()), Err)
    }
}

impl Retention {
    /// What passes did since the start.
    pub fn stats(&self) -> RetentionStats {
        let holds = lock(&self.guarded).holds.len() as u64;
        let stats = lock(&self.state).stats.clone();
        RetentionStats { holds, ..stats }
    }

    /// What would go now, by the policies that there are or by others: a dry run. Looks into files from
    /// the oldest on, as many as one pass does.
    pub async fn preview(
        &self,
        series: &SeriesStore,
        attached: Arc<Attached>,
        policies: Option<Vec<Policy>>,
        now: Timestamp,
    ) -> Result<Planned, RetentionError> {
        // The turn goes with the work: whoever waits no longer does not let another begin beside it.
        let turn = Arc::clone(&self.previews).acquire_owned().await;
        let turn = turn.map_err(|_| RetentionError::GivenUp)?;
        self.planned(series, attached, policies, now, (None, Some(turn)))
            .await
    }

    async fn planned(
        &self,
        series: &SeriesStore,
        attached: Arc<Attached>,
        policies: Option<Vec<Policy>>,
        now: Timestamp,
        (from, turn): (Option<PackId>, Option<OwnedSemaphorePermit>),
    ) -> Result<Planned, RetentionError> {
        let policies = match policies {
            Some(given) => given,
            None => self.sound_policies().await?,
        };
        let policies = PolicySet::new(policies)?;
        let holds = self.sound_holds().await?;
        let (series, archive) = (series.clone(), Arc::clone(&self.archive));
        let work = move || -> Result<Planned, RetentionError> {
            let _turn = turn;
            let held = meant(&holds, &series, &attached)?;
            let mut terms = Terms::new(policies, held, series.view(&attached), now);
            if let Some(archive) = archive.get() {
                let over = series.patched_days()?;
                let archived = archive.archived().held_against(&series.packs(), &over);
                terms = terms.with_archived(archived);
            }
            let (plan, next) = look(&series, &terms, from)?;
            Ok(Planned {
                plan,
                terms: Arc::new(terms),
                holds,
                next,
            })
        };
        blocking(work).await?
    }

    /// Fails where a policy of operators is damaged.
    pub async fn are_policies_sound(&self) -> Result<(), RetentionError> {
        self.sound_policies().await.map(|_| ())
    }

    /// The policies of operators; an error where any is damaged.
    async fn sound_policies(&self) -> Result<Vec<Policy>, RetentionError> {
        let all = self.policies.all(Query::default()).await?;
        must_be(self.policies.count().await?, all.len())?;
        Ok(all.into_iter().map(|stored| stored.body).collect())
    }

    /// The holds with what they meant; an error where any is damaged. Those that are being placed are
    /// among them.
    pub(super) async fn sound_holds(&self) -> Result<Vec<Arc<Placed>>, RetentionError> {
        let damaged = self.damaged().await?;
        let accepted = self.accepted.get(ACCEPTED).await?;
        let accepted = accepted.map_or(0, |stored| stored.body.damaged);
        if damaged > accepted {
            return Err(RetentionError::Damaged {
                count: damaged - accepted,
            });
        }
        let holds = self.holds.all(Query::default()).await?;
        must_be(self.holds.count().await?, holds.len())?;
        let placed: BTreeMap<HoldId, Arc<Placed>> = lock(&self.guarded).holds.clone();
        let unknown = holds
            .iter()
            .filter(|hold| !placed.contains_key(&hold.body.id));
        must_be(unknown.count() as u64, 0)?;
        Ok(placed.into_values().collect())
    }

    /// How many policies and holds were ever found damaged.
    async fn damaged(&self) -> Result<usize, RetentionError> {
        let found = self.documents.damaged().await?;
        let ours = |damage: &&Damage| {
            let of = [
                catalog::RETENTION_POLICIES.name,
                catalog::RETENTION_HOLDS.name,
                catalog::RETENTION_HELD.name,
            ];
            of.contains(&damage.collection.as_str())
        };
        Ok(found.iter().filter(ours).count())
    }

    /// An operator says that the policies and holds that were found damaged need not be waited for: from
    /// now on what is left of them decides. Answers how many there are.
    pub async fn accept_damage(&self) -> Result<usize, RetentionError> {
        let accepted = Accepted {
            damaged: self.damaged().await?,
        };
        self.accepted.put(ACCEPTED, Expect::Any, &accepted).await?;
        Ok(accepted.damaged)
    }

    /// Removes what is kept no longer. One pass at a time; broken off between two steps it has done the
    /// ones before. What fails is tried again by the next pass.
    pub async fn pass(
        &self,
        series: &SeriesStore,
        attached: Arc<Attached>,
        now: Timestamp,
    ) -> Result<Pass, RetentionError> {
        let _one_at_a_time = self.passing.acquire().await;
        let began = Instant::now();
        let from = lock(&self.state).next;
        let planned = self
            .planned(series, attached, None, now, (from, None))
            .await;
        let planned = planned.inspect_err(|error| {
            let mut state = lock(&self.state);
            state.stats.passes += 1;
            state.stats.passes_failed += 1;
            state.stats.failing = Some(chain(error));
        })?;
        let kept_from = |level| planned.terms.kept_from(level);
        series.keep_rolled_from([Detail::FiveMinutes, Detail::Hours].map(kept_from));
        let mut pass = Pass {
            at: now,
            took_ms: 0,
            files_removed: 0,
            days_rewritten: 0,
            patches_removed: 0,
            gone: Amount::default(),
            held: planned.plan.held(),
            waits_for_archive: planned.plan.waits_for_archive,
            left: planned.plan.left_files,
            failed: None,
        };
        if let Err(error) = self.carry_out(series, &planned, &mut pass).await {
            let told = chain(&error);
            warn!(error = %told, "what is kept no longer could not all be removed; it is tried again");
            pass.failed = Some(told);
        }
        pass.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.count(&pass, planned.next);
        tell(&pass);
        Ok(pass)
    }

    async fn carry_out(
        &self,
        series: &SeriesStore,
        planned: &Planned,
        pass: &mut Pass,
    ) -> Result<(), RetentionError> {
        let mut failures = Failures::default();
        for ids in planned.plan.whole().chunks(REMOVED_AT_ONCE) {
            let (series, ids) = (series.clone(), ids.to_vec());
            let of_samples = ids.iter().filter(|id| id.kind == Kind::Samples);
            let days = of_samples.map(|id| Level::Day.start(id.start));
            let proofs = self.proofs(planned, days.collect(), &mut failures).await?;
            let proved = Arc::clone(&proofs);
            let remove = move || series.remove_packs(&ids, &|day, here| proved.may_go(day, here));
            let removed = failures.of(self.step(planned, remove).await, &proofs)?;
            pass.left += proofs.stay();
            for meta in removed.into_iter().flatten() {
                pass.files_removed += 1;
                pass.gone.add(meta.bytes, meta.totals.samples);
            }
        }
        if !planned.plan.patches.is_empty() {
            let patches = planned.plan.patches.iter();
            let patches: Vec<_> = patches.map(|(key, amount)| (*key, amount.bytes)).collect();
            let days = patches.iter().map(|(key, _)| Level::Day.start(key.start));
            let proofs = self.proofs(planned, days.collect(), &mut failures).await?;
            let proved = Arc::clone(&proofs);
            let series = series.clone();
            let remove =
                move || series.remove_patches(&patches, &|day, here| proved.may_go(day, here));
            let removed = failures.of(self.step(planned, remove).await, &proofs)?;
            for key in removed.into_iter().flatten() {
                pass.patches_removed += 1;
                if let Some(amount) = planned.plan.patches.get(&key) {
                    pass.gone.add(amount.bytes, amount.samples);
                }
            }
        }
        for day in planned.plan.days() {
            if pass.days_rewritten >= DAYS_MAX as u64 || failures.count >= FAILURES_MAX {
                pass.left += 1;
                continue;
            }
            let (series, terms) = (series.clone(), Arc::clone(&planned.terms));
            let keep = move |device_id, column| terms.keeps(day, device_id, column);
            let days = BTreeSet::from([day]);
            let proofs = self.proofs(planned, days, &mut failures).await?;
            let proved = Arc::clone(&proofs);
            let rewrite =
                move || series.rewrite_day(day, &keep, &|day, here| proved.may_go(day, here));
            match failures.of(self.step(planned, rewrite).await, &proofs)? {
                None => {}
                Some(None) => pass.left += 1,
                Some(Some(Rewritten { before, after })) => {
                    pass.days_rewritten += 1;
                    let bytes = before.bytes.saturating_sub(after.bytes);
                    pass.gone
                        .add(bytes, before.samples.saturating_sub(after.samples));
                }
            }
        }
        failures.told()
    }

    /// Asks the archive of days of which something is about to go; not once it did not answer.
    async fn proofs(
        &self,
        planned: &Planned,
        days: BTreeSet<Timestamp>,
        failures: &mut Failures,
    ) -> Result<Arc<Proofs>, RetentionError> {
        let (archive, terms) = (self.archive.get().cloned(), Arc::clone(&planned.terms));
        let days = if failures.away.is_none() {
            days
        } else {
            BTreeSet::new()
        };
        let (proofs, failed) = blocking(move || Proofs::ask(archive, terms, &days)).await?;
        if failed.is_some() {
            failures.away = failed;
        }
        Ok(Arc::new(proofs))
    }

    /// Does a step where it holds nobody up, and rests after it. Not where a hold was placed or changed
    /// since the plan was made; and one that is being placed waits for the step.
    async fn step<T: Send + 'static>(
        &self,
        planned: &Planned,
        work: impl FnOnce() -> Result<T, SeriesError> + Send + 'static,
    ) -> Result<T, RetentionError> {
        let began = Instant::now();
        let done = {
            let _alone = self.steps.acquire().await;
            let now: Vec<Arc<Placed>> = lock(&self.guarded).holds.values().cloned().collect();
            let same = |(a, b): (&Arc<Placed>, &Arc<Placed>)| Arc::ptr_eq(a, b);
            if now.len() != planned.holds.len() || !now.iter().zip(&planned.holds).all(same) {
                return Err(RetentionError::HoldsChanged);
            }
            blocking(work).await?
        };
        let rest = began.elapsed().saturating_mul(REST_FACTOR).min(REST_MAX);
        tokio::time::sleep(rest).await;
        Ok(done?)
    }

    fn count(&self, pass: &Pass, next: Option<PackId>) {
        let mut kept = lock(&self.state);
        kept.next = next;
        let stats = &mut kept.stats;
        stats.passes += 1;
        stats.passes_failed += u64::from(pass.failed.is_some());
        stats.files_removed += pass.files_removed;
        stats.days_rewritten += pass.days_rewritten;
        stats.bytes_gone += pass.gone.bytes;
        stats.samples_gone += pass.gone.samples;
        stats.bytes_held = pass.held.bytes;
        stats.bytes_waiting = pass.waits_for_archive.bytes;
        stats.left = pass.left;
        stats.took_ms += pass.took_ms;
        stats.failing.clone_from(&pass.failed);
        stats.last = Some(pass.clone());
    }
}

/// As many documents are sound as there are.
fn must_be(count: u64, sound: usize) -> Result<(), RetentionError> {
    let sound = sound as u64;
    if count == sound {
        return Ok(());
    }
    Err(RetentionError::Damaged {
        count: usize::try_from(count.abs_diff(sound)).unwrap_or(usize::MAX),
    })
}

/// What holds mean: what they meant when they were placed, and what they mean now.
pub(super) fn meant(
    holds: &[Arc<Placed>],
    series: &SeriesStore,
    attached: &Attached,
) -> Result<Vec<HeldBy>, RetentionError> {
    let held = holds.iter().map(|placed| {
        let Hold { id, from, to, .. } = placed.hold;
        let selector = placed.hold.selector.parse();
        let selector = selector.map_err(|source| RetentionError::Hold { id, source })?;
        let found = series.all_of(&selector, attached);
        Ok(HeldBy {
            id,
            from,
            to,
            series: placed.series.with(&found.series),
        })
    });
    held.collect()
}

/// Looks at what there is, from a file on and then from the oldest; answers what goes, and with which file
/// the next one begins.
fn look(
    series: &SeriesStore,
    terms: &Terms,
    from: Option<PackId>,
) -> Result<(Plan, Option<PackId>), RetentionError> {
    let packs = series.packs();
    let split = from.map_or(0, |from| packs.partition_point(|meta| meta.id < from));
    let (before, behind) = packs.split_at(split);
    let (mut whole, mut inside) = (Vec::new(), Vec::new());
    let mut left: Vec<PackMeta> = Vec::new();
    let mut heads_left = HEADS_MAX;
    let mut next = None;
    for meta in behind.iter().chain(before) {
        match terms.look(&meta.id) {
            Look::Stays => {}
            Look::Goes => whole.push(*meta),
            Look::Inside if next.is_some() => left.push(*meta),
            Look::Inside => {
                let may_lose = |device_id| terms.may_lose(&meta.id, device_id);
                match series.contents(meta, may_lose, &mut heads_left) {
                    Looked::Inside(contents) => inside.push(contents),
                    Looked::TooMany => {
                        next = Some(meta.id);
                        left.push(*meta);
                    }
                    Looked::Unread => left.push(*meta),
                }
            }
        }
    }
    let patches = series.patches(terms.until(), PATCHES_MAX)?;
    Ok((plan(terms, &whole, &inside, &left, &patches), next))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, RetentionError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| RetentionError::GivenUp)
}

/// An error with what it stems from, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let stems = std::iter::successors(error.source(), |error| error.source());
    stems.fold(error.to_string(), |told, error| format!("{told}: {error}"))
}

fn tell(pass: &Pass) {
    if pass.gone == Amount::default() {
        return;
    }
    info!(
        files = pass.files_removed,
        days = pass.days_rewritten,
        bytes = pass.gone.bytes,
        samples = pass.gone.samples,
        held_bytes = pass.held.bytes,
        took_ms = pass.took_ms,
        "samples that are kept no longer were removed"
    );
}
