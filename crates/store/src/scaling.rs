//! Scaling triggers, as operators typed them, and how each stands. Both are in memory too. The secret of a
//! webhook is sealed, and leaves only by [`ScalingTriggers::secret`].

use crate::StoreError;
use crate::catalog;
use crate::documents::{Change, Collection, Documents, Expect, Query, Stored};
use crate::vault::{Sealed, Vault};
use model::TriggerId;
use model::credential::Secret;
use model::scaling::{ScalingStanding, ScalingTrigger};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// For what the keys of triggers are digests.
const KEY_PURPOSE: &str = "scaling metric";

/// The triggers. Cheap to clone.
#[derive(Clone)]
pub struct ScalingTriggers {
    documents: Arc<dyn Documents>,
    typed: Collection<Kept>,
    standings: Collection<ScalingStanding>,
    vault: Vault,
    // Never held across an await.
    view: Arc<RwLock<View>>,
    /// Grows with each change by an operator.
    changes: Arc<AtomicU64>,
}

/// A trigger as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Kept {
    /// What an operator may see of it.
    trigger: ScalingTrigger,
    /// The secret of its webhook, where it has one.
    sealed: Option<Sealed>,
}

/// What becomes of the secret of a webhook.
pub enum SecretChange {
    /// It stays as it is.
    Keep,
    /// It is another; none: nothing is signed.
    Set(Option<Secret>),
}

#[derive(Default)]
struct View {
    typed: BTreeMap<TriggerId, Arc<Stored<ScalingTrigger>>>,
    standings: HashMap<TriggerId, Arc<ScalingStanding>>,
}

impl ScalingTriggers {
    pub(crate) async fn load(
        documents: Arc<dyn Documents>,
        vault: Vault,
    ) -> Result<Self, StoreError> {
        let triggers = Self {
            typed: Collection::new(documents.clone(), &catalog::SCALING_TRIGGERS),
            standings: Collection::new(documents.clone(), &catalog::SCALING_STANDINGS),
            documents,
            vault,
            view: Arc::default(),
            changes: Arc::default(),
        };
        let typed = triggers.typed.all(Query::default()).await?;
        let standings = triggers.standings.all(Query::default()).await?;
        triggers.alter(|view| {
            let standings = standings.into_iter();
            view.standings = standings
                .filter_map(|stored| Some((stored.id.parse().ok()?, Arc::new(stored.body))))
                .collect();
            view.typed = typed
                .into_iter()
                .map(|stored| (stored.body.trigger.id, Arc::new(open_part(stored))))
                .collect();
        });
        Ok(triggers)
    }

    /// Another number after each change by an operator. To be asked for before the list.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// All triggers by id, and how each stands.
    pub fn list(&self) -> Vec<(Arc<Stored<ScalingTrigger>>, Arc<ScalingStanding>)> {
        self.read(|view| {
            let standing = |id| view.standings.get(id).cloned().unwrap_or_default();
            let all = view.typed.iter();
            all.map(|(id, stored)| (stored.clone(), standing(id)))
                .collect()
        })
    }

    /// One trigger and how it stands; none where it is not there.
    pub fn get(
        &self,
        id: TriggerId,
    ) -> Option<(Arc<Stored<ScalingTrigger>>, Arc<ScalingStanding>)> {
        self.read(|view| {
            let standing = view.standings.get(&id).cloned().unwrap_or_default();
            Some((view.typed.get(&id)?.clone(), standing))
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.read(|view| view.typed.len())
    }

    /// Writes a trigger; whether its webhook is signed is told by the secret. [`StoreError::Duplicate`] where
    /// another has its name.
    pub async fn put(
        &self,
        mut trigger: ScalingTrigger,
        secret: SecretChange,
        expect: Expect,
    ) -> Result<(), StoreError> {
        let id = trigger.id;
        let key = id.to_string();
        let (sealed, expect) = match secret {
            SecretChange::Set(None) => (None, expect),
            SecretChange::Set(Some(secret)) => {
                let name = catalog::SCALING_TRIGGERS.name;
                let sealed = self.vault.seal(name, &key, secret.reveal().as_bytes())?;
                (Some(sealed), expect)
            }
            SecretChange::Keep => match self.typed.get(&key).await? {
                None => (None, expect),
                // Held to what was read: the secret that stays must be that of that revision.
                Some(before) if expect == Expect::Any || expect == Expect::Present => {
                    (before.body.sealed, Expect::Revision(before.revision))
                }
                Some(before) => (before.body.sealed, expect),
            },
        };
        let sealed = sealed.filter(|_| trigger.webhook.is_some());
        if let Some(webhook) = &mut trigger.webhook {
            webhook.is_signed = sealed.is_some();
        }
        let kept = Kept { trigger, sealed };
        let revision = self.typed.put(&key, expect, &kept).await?;
        let stored = Arc::new(open_part(Stored {
            id: key,
            revision,
            body: kept,
        }));
        self.alter(|view| {
            let newer = |there: &Arc<Stored<ScalingTrigger>>| there.revision < revision;
            if view.typed.get(&id).is_none_or(newer) {
                view.typed.insert(id, stored);
            }
        });
        self.changes.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Deletes a trigger and what it has learned.
    pub async fn delete(&self, id: TriggerId, expect: Expect) -> Result<(), StoreError> {
        let key = id.to_string();
        let changes = vec![
            self.typed.removal(&key, expect),
            self.standings.removal(&key, Expect::Any),
        ];
        self.documents.write(changes).await?;
        self.alter(|view| {
            view.typed.remove(&id);
            view.standings.remove(&id);
        });
        self.changes.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// The secret of a trigger's webhook; none where nothing is signed.
    pub async fn secret(&self, id: TriggerId) -> Result<Option<Secret>, StoreError> {
        let key = id.to_string();
        let stored = self.typed.require(&key).await?;
        let Some(sealed) = stored.body.sealed else {
            return Ok(None);
        };
        let name = catalog::SCALING_TRIGGERS.name;
        let plain = self.vault.open(name, &key, &sealed)?;
        let text = String::from_utf8_lossy(&plain).into_owned();
        Ok(Some(Secret::new(text)))
    }

    /// The key that reads the metric of a trigger and nothing else: always the same of one trigger, and of no
    /// use once that is deleted.
    pub fn key(&self, id: TriggerId) -> Secret {
        let digest = self.vault.digest(KEY_PURPOSE, &[id.as_bytes()]);
        let mut text = String::with_capacity(2 * digest.len());
        for octet in digest {
            for nibble in [octet >> 4, octet & 0x0f] {
                text.push(char::from_digit(nibble.into(), 16).unwrap_or('0'));
            }
        }
        Secret::new(text)
    }

    /// Shows how a trigger of that revision stands; nothing where it was changed or deleted meanwhile.
    pub fn show(&self, id: TriggerId, revision: u64, standing: ScalingStanding) {
        self.alter(|view| {
            let typed = view.typed.get(&id);
            if typed.is_some_and(|typed| typed.revision == revision) {
                view.standings.insert(id, Arc::new(standing));
            }
        });
    }

    /// Shows how a trigger of that revision stands, and keeps it. [`StoreError::RevisionConflict`] or
    /// [`StoreError::NotFound`] where it was changed or deleted meanwhile.
    pub async fn keep(
        &self,
        id: TriggerId,
        revision: u64,
        standing: ScalingStanding,
    ) -> Result<(), StoreError> {
        let key = id.to_string();
        let changes = vec![
            Change::Require {
                collection: &catalog::SCALING_TRIGGERS,
                id: key.clone(),
                expect: Expect::Revision(revision),
            },
            self.standings.change(&key, Expect::Any, &standing)?,
        ];
        self.show(id, revision, standing);
        self.documents.write(changes).await.map(drop)
    }

    fn read<T>(&self, look: impl FnOnce(&View) -> T) -> T {
        look(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn alter(&self, change: impl FnOnce(&mut View)) {
        change(&mut self.view.write().unwrap_or_else(PoisonError::into_inner));
    }
}

fn open_part(stored: Stored<Kept>) -> Stored<ScalingTrigger> {
    Stored {
        id: stored.id,
        revision: stored.revision,
        body: stored.body.trigger,
    }
}
