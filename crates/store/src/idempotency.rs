//! Idempotency keys: a request that is sent twice under one key is done once, also where the server
//! was killed between doing it and answering.
//!
//! Before anything is done a document says that it is about to be, and under which id whatever it
//! makes will be found. The answer is added when there is one. What was begun and has no answer was
//! broken off: whoever does it again looks first for what has that id.
//!
//! Neither a key nor a body is kept: they are known again by a keyed digest, for a body may hold
//! secrets. The answer is sealed for the same reason. Which requests take a key, and which answers
//! are worth keeping, is decided in `api`.

use crate::StoreError;
use crate::catalog;
use crate::documents::{Collection, Documents, Expect, Query};
use crate::vault::{DIGEST_LEN, Sealed, Vault};
use model::{Clock, ReservedId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tracing::warn;

/// How long a key is known. A client gives up long before; a job that runs each night does not
/// meet its own keys of the night before.
pub const KEY_LIFETIME: Duration = Duration::from_hours(24);
/// Keys of one user that are known at a time: a script that registers every device of a large
/// network. Beyond, the one that would end first is forgotten, which was answered 10,000 requests
/// ago.
pub const KEYS_PER_USER_MAX: usize = 10_000;
/// Longest body of an answer that is kept, in octets; ours have some hundred.
pub const ANSWER_LEN_MAX: usize = 2 << 20;
/// Keys forgotten at one time, so that none who comes after a quiet day pays for all of it.
const FORGOTTEN_AT_ONCE_MAX: usize = 64;

/// The keys. Cheap to clone.
#[derive(Clone)]
pub struct IdempotencyKeys {
    kept: Collection<Kept>,
    documents: Arc<dyn Documents>,
    vault: Vault,
    clock: Clock,
    // Never held across an await.
    table: Arc<Mutex<Table>>,
}

/// An answer as it is given again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// HTTP status.
    pub status: u16,
    /// Names and values of the headers that matter.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// What is known of a request at its arrival.
pub enum Begun {
    /// It is new: do it.
    First(Attempt),
    /// It was begun before and has no answer: it may have been done or not.
    Again(Attempt),
    /// It is being done at this moment.
    InFlight,
    /// The key stands for a request with another body.
    OtherBody,
    /// It was done, and answered so.
    Answered(KeptAnswer),
}

/// A document of the collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Kept {
    /// Whose request it is.
    user_id: UserId,
    /// Keyed digest of the body, in lower-case hex.
    body_digest: String,
    /// The id of whatever the request makes.
    makes: ReservedId,
    /// When the key is forgotten.
    ends_at: Timestamp,
    /// What it was answered, where it was; a [`KeptAnswer`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Sealed>,
}

/// All keys, in memory.
// Invariant: `by_end` has the rows of `rows` that are not in flight, and no others.
#[derive(Default)]
struct Table {
    rows: HashMap<String, Row>,
    by_end: HashMap<UserId, BTreeSet<(Timestamp, String)>>,
    forgotten_early: u64,
}

#[derive(Clone)]
struct Row {
    user_id: UserId,
    body_digest: String,
    makes: ReservedId,
    ends_at: Timestamp,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Somebody is at it.
    InFlight,
    /// Nobody is at it, and there is no answer.
    BrokenOff,
    /// There is an answer.
    Answered,
}

impl std::fmt::Debug for IdempotencyKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdempotencyKeys")
    }
}

impl IdempotencyKeys {
    /// Reads the keys that have not ended. What was in flight was broken off.
    pub(crate) async fn load(
        documents: Arc<dyn Documents>,
        vault: Vault,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let kept: Collection<Kept> = Collection::new(documents.clone(), &catalog::IDEMPOTENCY_KEYS);
        let mut table = Table::default();
        for stored in kept.all(Query::default()).await? {
            let Kept {
                user_id,
                body_digest,
                makes,
                ends_at,
                answer,
            } = stored.body;
            let state = match answer {
                Some(_) => State::Answered,
                None => State::BrokenOff,
            };
            let row = Row {
                user_id,
                body_digest,
                makes,
                ends_at,
                state,
            };
            table.put(stored.id, row);
        }
        Ok(Self {
            kept,
            documents,
            vault,
            clock,
            table: Arc::new(Mutex::new(table)),
        })
    }

    /// Looks whether a user's request under this key is known, and where it is not says durably that
    /// it is about to be done. `route` is what the key belongs to besides the user.
    pub async fn begin(
        &self,
        user_id: UserId,
        route: &str,
        key: &str,
        body: &[u8],
    ) -> Result<Begun, StoreError> {
        let user = user_id.to_string();
        let parts = [user.as_bytes(), route.as_bytes(), key.as_bytes()];
        let id = hex::encode(self.vault.digest("idempotency key", &parts));
        let body_digest = self.body_digest(body);
        let known = self.table().look(&id, &body_digest, self.clock.now());
        match known {
            Known::OtherBody => Ok(Begun::OtherBody),
            Known::InFlight => Ok(Begun::InFlight),
            Known::Answered => match self.answer(&id).await {
                Some(answer) => Ok(Begun::Answered(answer)),
                None => self.go(id, user_id, body_digest, Begun::Again).await,
            },
            Known::BrokenOff => self.go(id, user_id, body_digest, Begun::Again).await,
            Known::No => self.go(id, user_id, body_digest, Begun::First).await,
        }
    }

    /// How many keys are known.
    pub fn count(&self) -> usize {
        self.table().rows.len()
    }

    /// How many were forgotten before their end since the start, for their user had
    /// [`KEYS_PER_USER_MAX`] later ones.
    pub fn forgotten_early(&self) -> u64 {
        self.table().forgotten_early
    }

    /// Takes the key for one attempt and writes that it is begun.
    async fn go(
        &self,
        id: String,
        user_id: UserId,
        body_digest: String,
        begun: fn(Attempt) -> Begun,
    ) -> Result<Begun, StoreError> {
        let now = self.clock.now();
        let (row, forgotten) = {
            let mut table = self.table();
            let Some(row) = table.take(&id, user_id, body_digest, now) else {
                return Ok(Begun::InFlight);
            };
            (row, table.forget(user_id, now))
        };
        // From here on the row is given back whatever happens, also where the client leaves.
        let attempt = Attempt {
            keys: self.clone(),
            id,
            kept: Kept {
                user_id,
                body_digest: row.body_digest,
                makes: row.makes,
                ends_at: row.ends_at,
                answer: None,
            },
            settled: false,
        };
        let mut changes = vec![self.kept.change(&attempt.id, Expect::Any, &attempt.kept)?];
        changes.extend(
            forgotten
                .iter()
                .map(|old| self.kept.removal(old, Expect::Any)),
        );
        self.documents.write(changes).await?;
        Ok(begun(attempt))
    }

    /// The answer that is kept; none where it cannot be read any more.
    async fn answer(&self, id: &str) -> Option<KeptAnswer> {
        let read = async {
            let stored = self.kept.get(id).await?;
            let Some(sealed) = stored.and_then(|stored| stored.body.answer) else {
                return Ok(None);
            };
            let plain = self.vault.open(self.kept.spec().name, id, &sealed)?;
            Ok::<_, StoreError>(serde_json::from_slice(&plain).ok())
        };
        match read.await {
            Ok(answer) => answer,
            Err(error) => {
                warn!(error = ?error, "{error}; what is under this key is looked for anew");
                None
            }
        }
    }

    fn body_digest(&self, body: &[u8]) -> String {
        let digest: [u8; DIGEST_LEN] = self.vault.digest("idempotency body", &[body]);
        hex::encode(digest)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request at work under its key. Dropped without a word it was broken off.
pub struct Attempt {
    keys: IdempotencyKeys,
    id: String,
    kept: Kept,
    settled: bool,
}

impl Attempt {
    /// The id of whatever the request makes.
    pub fn makes(&self) -> ReservedId {
        self.kept.makes
    }

    /// It was done: keeps the answer. Where that fails it counts as broken off.
    pub async fn answered(mut self, answer: &KeptAnswer) -> Result<(), StoreError> {
        let plain = serde_json::to_vec(answer).map_err(|source| StoreError::Shape {
            collection: self.keys.kept.spec().name,
            id: self.id.clone(),
            source: Arc::new(source),
        })?;
        let name = self.keys.kept.spec().name;
        self.kept.answer = Some(self.keys.vault.seal(name, &self.id, &plain)?);
        self.keys
            .kept
            .put(&self.id, Expect::Any, &self.kept)
            .await?;
        self.settled = true;
        self.keys.table().give_back(&self.id, State::Answered);
        Ok(())
    }

    /// Nothing was done: the key is free again. Where that cannot be written it is free until the
    /// next start.
    pub async fn refused(mut self) -> Result<(), StoreError> {
        let deleted = self.keys.kept.delete(&self.id, Expect::Any).await;
        self.settled = true;
        self.keys.table().rows.remove(&self.id);
        deleted
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.settled {
            self.keys.table().give_back(&self.id, State::BrokenOff);
        }
    }
}

enum Known {
    No,
    InFlight,
    OtherBody,
    BrokenOff,
    Answered,
}

impl Table {
    fn look(&self, id: &str, body_digest: &str, now: Timestamp) -> Known {
        let Some(row) = self.rows.get(id) else {
            return Known::No;
        };
        let ended = row.ends_at <= now && row.state != State::InFlight;
        match row.state {
            _ if ended => Known::No,
            _ if row.body_digest != body_digest => Known::OtherBody,
            State::InFlight => Known::InFlight,
            State::BrokenOff => Known::BrokenOff,
            State::Answered => Known::Answered,
        }
    }

    /// The row of an attempt, which is in flight from now on; none where another one is at it.
    fn take(
        &mut self,
        id: &str,
        user_id: UserId,
        body_digest: String,
        now: Timestamp,
    ) -> Option<Row> {
        let known = self.rows.get(id).filter(|row| row.ends_at > now);
        if known.is_some_and(|row| row.state == State::InFlight) {
            return None;
        }
        let row = Row {
            user_id,
            body_digest,
            makes: known.map_or_else(ReservedId::new, |row| row.makes),
            ends_at: known.map_or_else(|| now.plus(KEY_LIFETIME), |row| row.ends_at),
            state: State::InFlight,
        };
        self.remove(id);
        self.rows.insert(id.to_owned(), row.clone());
        Some(row)
    }

    fn give_back(&mut self, id: &str, state: State) {
        if let Some(row) = self.rows.remove(id) {
            self.put(id.to_owned(), Row { state, ..row });
        }
    }

    fn put(&mut self, id: String, row: Row) {
        let ends = self.by_end.entry(row.user_id).or_default();
        ends.insert((row.ends_at, id.clone()));
        self.rows.insert(id, row);
    }

    fn remove(&mut self, id: &str) {
        let Some(row) = self.rows.remove(id) else {
            return;
        };
        if let Some(ends) = self.by_end.get_mut(&row.user_id) {
            ends.remove(&(row.ends_at, id.to_owned()));
        }
    }

    /// Takes out keys that have ended, whoever's, and those that the user has too many of.
    fn forget(&mut self, user_id: UserId, now: Timestamp) -> Vec<String> {
        let mut forgotten = Vec::new();
        for (owner, ends) in &mut self.by_end {
            while forgotten.len() < FORGOTTEN_AT_ONCE_MAX {
                let full = *owner == user_id && ends.len() >= KEYS_PER_USER_MAX;
                let ended = ends.first().is_some_and(|(ends_at, _)| *ends_at <= now);
                if !full && !ended {
                    break;
                }
                let Some((_, id)) = ends.pop_first() else {
                    break;
                };
                self.forgotten_early += u64::from(!ended);
                self.rows.remove(&id);
                forgotten.push(id);
            }
        }
        self.by_end.retain(|_, ends| !ends.is_empty());
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_user_are_bounded_and_those_of_others_stay() {
        let mut table = Table::default();
        let (user, other) = (UserId::new(), UserId::new());
        let begin = |table: &mut Table, user, n: usize| {
            let now = Timestamp::from_unix_ms(i64::try_from(n).unwrap());
            let id = format!("{user}/{n}");
            assert!(table.take(&id, user, String::new(), now).is_some());
            let forgotten = table.forget(user, now);
            table.give_back(&id, State::Answered);
            forgotten
        };
        begin(&mut table, other, 0);
        for n in 0..KEYS_PER_USER_MAX {
            assert!(begin(&mut table, user, n).is_empty());
        }
        let forgotten = begin(&mut table, user, KEYS_PER_USER_MAX);
        assert_eq!(forgotten, [format!("{user}/0")]);
        assert_eq!(table.rows.len(), KEYS_PER_USER_MAX + 1);
        assert_eq!(table.forgotten_early, 1);
    }
}
