//! What is proved of a day at the moment at which samples of it go.
//!
//! A plan is old when it is carried out: meanwhile something may have come to a day, or it was restored, or
//! found damaged in the archive. So the archive is asked once more, before ([`Proofs::ask`]), and what is
//! here is held against that under the lock of sealing and merging ([`Proofs::may_go`]), which is also when
//! the archive is told. A day of which anything is otherwise than planned stays for the next pass.

use super::archived::{Archived, Archiving, Leave, Proven};
use super::terms::Terms;
use crate::series::Here;
use model::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing::warn;

/// What is proved of some days.
pub(super) struct Proofs {
    archive: Option<Arc<dyn Archiving>>,
    terms: Arc<Terms>,
    proven: BTreeMap<Timestamp, Proven>,
    stay: Mutex<Stay>,
}

/// Days that were to go and stay.
#[derive(Default)]
struct Stay {
    /// As something of them is otherwise, or the archive could not be told.
    days: BTreeSet<Timestamp>,
    /// Why the first of those of which the archive could not be told is.
    untold: Option<Arc<dyn Error + Send + Sync>>,
}

impl Proofs {
    /// Asks the archive of those of some days that are planned to go as they are archived. Where it does
    /// not answer the others are not asked, and why is answered. Waits for the archive.
    pub(super) fn ask(
        archive: Option<Arc<dyn Archiving>>,
        terms: Arc<Terms>,
        days: &BTreeSet<Timestamp>,
    ) -> (Self, Option<Arc<dyn Error + Send + Sync>>) {
        let (mut proven, mut away) = (BTreeMap::new(), None);
        if let Some(archive) = &archive {
            for day in days.iter().filter(|day| relies(&terms, **day)) {
                match archive.prove(*day) {
                    Ok(Some(of_day)) => {
                        proven.insert(*day, of_day);
                    }
                    Ok(None) => {}
                    Err(error) => {
                        away = Some(error);
                        break;
                    }
                }
            }
        }
        let proofs = Self {
            archive,
            terms,
            proven,
            stay: Mutex::default(),
        };
        (proofs, away)
    }

    /// Whether samples of a day may go that is here as it is said; then the archive is told so, durably.
    pub(super) fn may_go(&self, day: Timestamp, here: &Here) -> bool {
        let Some(archive) = &self.archive else {
            return true;
        };
        let over = here.is_patched.then_some(day);
        let over = over.as_slice();
        let archived = archive.archived().held_against(&here.packs, over);
        let as_planned = archived.leave(day, self.terms.now) == leave(&self.terms, day);
        if !as_planned || (relies(&self.terms, day) && !self.is_proven(day, here, &archived)) {
            self.stays().days.insert(day);
            return false;
        }
        if archived.has(day)
            && let Err(error) = archive.thin(day)
        {
            let told = super::pass::chain(error.as_ref());
            warn!(%day, error = %told, "that samples of an archived day go could not be noted: they stay");
            let mut stay = self.stays();
            stay.days.insert(day);
            stay.untold.get_or_insert(error);
            return false;
        }
        true
    }

    /// How many days were to go and stay.
    pub(super) fn stay(&self) -> u64 {
        self.stays().days.len() as u64
    }

    /// Why the archive could not be told of one of them.
    pub(super) fn untold(&self) -> Option<Arc<dyn Error + Send + Sync>> {
        self.stays().untold.clone()
    }

    fn stays(&self) -> MutexGuard<'_, Stay> {
        self.stay.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_proven(&self, day: Timestamp, here: &Here, archived: &Archived) -> bool {
        let (Some(proven), Some(known)) = (self.proven.get(&day), archived.of(day)) else {
            return false;
        };
        // What retention left of its packs is in none of those that it was made of.
        let is_made_of = || {
            let mut stamps = here.packs.iter().map(crate::pack::PackMeta::stamp);
            stamps.all(|stamp| proven.packs.contains(&stamp))
        };
        proven.revision == known.revision && (known.is_thinned || is_made_of())
    }
}

fn leave(terms: &Terms, day: Timestamp) -> Leave {
    terms.archived.leave(day, terms.now)
}

/// Whether samples of a day go only as they are in the archive.
fn relies(terms: &Terms, day: Timestamp) -> bool {
    terms.archived.is_set() && terms.any_waits() && leave(terms, day) == Leave::Given
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocks::Level;
    use crate::pack::{Kind, PackId, PackMeta, Totals};
    use crate::retention::{OfDay, PolicySet, View};
    use std::time::Duration;

    const DAY: Timestamp = Timestamp::from_unix_ms(0);

    fn pack(generation: u64, crc: u32) -> PackMeta {
        PackMeta {
            id: PackId {
                start: DAY,
                level: Level::Day,
                kind: Kind::Samples,
                class: 0,
                shard: 0,
                generation,
            },
            bytes: 100,
            totals: Totals::default(),
            crc,
        }
    }

    /// An archive of one day.
    struct OneDay {
        known: Mutex<OfDay>,
        there: Option<Proven>,
        thinned: Mutex<bool>,
        /// It cannot be told.
        is_deaf: bool,
    }

    impl OneDay {
        fn change(&self, change: impl FnOnce(&mut OfDay)) {
            change(&mut self.known.lock().unwrap());
        }
    }

    impl Archiving for OneDay {
        fn archived(&self) -> Archived {
            Archived::new(BTreeMap::from([(DAY, self.known.lock().unwrap().clone())]))
        }

        fn prove(&self, _: Timestamp) -> Result<Option<Proven>, Arc<dyn Error + Send + Sync>> {
            Ok(self.there.clone())
        }

        fn thin(&self, _: Timestamp) -> Result<(), Arc<dyn Error + Send + Sync>> {
            if self.is_deaf {
                return Err(Arc::new(std::io::Error::other("it cannot be told")));
            }
            *self.thinned.lock().unwrap() = true;
            Ok(())
        }

        fn replace(
            &self,
            _: Timestamp,
            _: &[String],
            _: &str,
        ) -> Result<(), Arc<dyn Error + Send + Sync>> {
            Ok(())
        }
    }

    fn of_day(meta: &PackMeta) -> OfDay {
        OfDay {
            revision: 7,
            packs: BTreeSet::from([meta.stamp()]),
            ..OfDay::default()
        }
    }

    /// Whether the day may go that was planned with one pack of the archive, where something is otherwise
    /// by then.
    fn may_go(
        there: Option<Proven>,
        meanwhile: impl FnOnce(&OneDay, &mut Here),
    ) -> (bool, bool, u64) {
        let meta = pack(5, 1);
        let archive = Arc::new(OneDay {
            known: Mutex::new(of_day(&meta)),
            there,
            thinned: Mutex::default(),
            is_deaf: false,
        });
        let now = DAY.plus(Duration::from_hours(24 * 2_000));
        let policies = PolicySet::new(Vec::new()).unwrap();
        let terms = Terms::new(policies, Vec::new(), View::default(), now);
        let terms = terms.with_archived(archive.archived().held_against(&[meta], &[]));
        let days = BTreeSet::from([DAY]);
        let asked = Arc::clone(&archive);
        let (proofs, away) = Proofs::ask(Some(asked), Arc::new(terms), &days);
        assert!(away.is_none());
        let mut here = Here {
            packs: vec![meta],
            is_patched: false,
        };
        meanwhile(&archive, &mut here);
        let goes = proofs.may_go(DAY, &here);
        (goes, *archive.thinned.lock().unwrap(), proofs.stay())
    }

    #[test]
    fn a_day_that_cannot_be_told_stays_and_keeps_no_other() {
        let meta = pack(5, 1);
        let archive = Arc::new(OneDay {
            known: Mutex::new(of_day(&meta)),
            there: Some(Proven {
                revision: 7,
                packs: of_day(&meta).packs,
            }),
            thinned: Mutex::default(),
            is_deaf: true,
        });
        let policies = PolicySet::new(Vec::new()).unwrap();
        let terms = Terms::new(policies, Vec::new(), View::default(), DAY);
        let terms = terms.with_archived(archive.archived().held_against(&[meta], &[]));
        let days = BTreeSet::from([DAY]);
        let (proofs, _) = Proofs::ask(Some(archive), Arc::new(terms), &days);
        let here = Here {
            packs: vec![meta],
            is_patched: false,
        };
        let next = Here::default();
        assert!(!proofs.may_go(DAY, &here));
        assert!(proofs.may_go(Level::Day.end(DAY), &next));
        assert_eq!(proofs.stay(), 1);
        assert!(proofs.untold().is_some());
    }

    #[test]
    fn a_day_goes_where_all_is_as_it_was_planned_and_proven() {
        let proven = || {
            Some(Proven {
                revision: 7,
                packs: of_day(&pack(5, 1)).packs,
            })
        };
        assert_eq!(may_go(proven(), |_, _| ()), (true, true, 0));
        let stays = (false, false, 1);
        assert_eq!(may_go(None, |_, _| ()), stays, "it is not there");
        let other = Proven {
            packs: of_day(&pack(5, 2)).packs,
            revision: 7,
        };
        assert_eq!(may_go(Some(other), |_, _| ()), stays, "of another pack");
        let late = DAY.plus(Duration::from_hours(24 * 3_000));
        for (what, meanwhile) in [
            (
                "restored",
                Box::new(move |archive: &OneDay, _: &mut Here| {
                    archive.change(|known| known.restored_until = Some(late));
                }) as Box<dyn FnOnce(&OneDay, &mut Here)>,
            ),
            (
                "found damaged",
                Box::new(|archive: &OneDay, _: &mut Here| {
                    archive.change(|known| known.packs.clear());
                }),
            ),
            (
                "archived anew",
                Box::new(|archive: &OneDay, _: &mut Here| {
                    archive.change(|known| known.revision = 8);
                }),
            ),
            (
                "merged anew",
                Box::new(|_: &OneDay, here: &mut Here| {
                    here.packs = vec![pack(6, 1)];
                }),
            ),
            (
                "something came late",
                Box::new(|_: &OneDay, here: &mut Here| {
                    here.packs.push(pack(6, 1));
                }),
            ),
            (
                "something lies over it",
                Box::new(|_: &OneDay, here: &mut Here| {
                    here.is_patched = true;
                }),
            ),
        ] {
            assert_eq!(may_go(proven(), meanwhile), stays, "{what}");
        }
    }
}
