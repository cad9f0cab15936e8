//! Who is signed in on the page: sessions by the hash of their token. The token itself is never
//! kept, so that a copy of the data lets nobody in.

use crate::StoreError;
use crate::catalog;
use crate::documents::{Change, Collection, Documents, Expect, Query};
use model::{Clock, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Sessions one user may have at a time: browsers, tabs and scripts of one person. The one that
/// would end first makes room.
pub const SESSIONS_PER_USER_MAX: usize = 32;

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Session {
    /// Hash of the token in lower-case hex; the session's id.
    pub token_hash: String,
    /// Who is signed in.
    pub user_id: UserId,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

/// The sessions. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    documents: Arc<dyn Documents>,
    kept: Collection<Session>,
    clock: Clock,
}

impl Sessions {
    pub(crate) fn new(documents: Arc<dyn Documents>, clock: Clock) -> Self {
        Self {
            kept: Collection::new(documents.clone(), &catalog::SESSIONS),
            documents,
            clock,
        }
    }

    /// Keeps a new session of a user that is there. Those of the user that have ended are
    /// forgotten, and the one that would end first where there are [`SESSIONS_PER_USER_MAX`].
    pub async fn create(
        &self,
        token_hash: String,
        user_id: UserId,
        expires_at: Timestamp,
    ) -> Result<Session, StoreError> {
        let now = self.clock.now();
        let mut theirs = self.of(user_id).await?;
        theirs.sort_by_key(|session| session.expires_at);
        let ended = theirs.iter().take_while(|s| s.expires_at <= now).count();
        let excess = (theirs.len() + 1).saturating_sub(SESSIONS_PER_USER_MAX);
        let session = Session {
            token_hash,
            user_id,
            created_at: now,
            expires_at,
        };
        let mut changes: Vec<Change> = theirs
            .iter()
            .take(ended.max(excess))
            .map(|old| self.kept.removal(&old.token_hash, Expect::Any))
            .collect();
        changes.push(Change::Require {
            collection: &catalog::USERS,
            id: user_id.to_string(),
            expect: Expect::Present,
        });
        changes.push(
            self.kept
                .change(&session.token_hash, Expect::Absent, &session)?,
        );
        self.documents.write(changes).await?;
        Ok(session)
    }

    /// The session with that token hash; none where there is none or it has ended.
    pub async fn get(&self, token_hash: &str) -> Result<Option<Session>, StoreError> {
        let now = self.clock.now();
        let stored = self.kept.get(token_hash).await?;
        Ok(stored
            .map(|session| session.body)
            .filter(|session| session.expires_at > now))
    }

    /// Signs out. Nothing happens where there is no such session.
    pub async fn delete(&self, token_hash: &str) -> Result<(), StoreError> {
        self.kept.delete(token_hash, Expect::Any).await
    }

    /// Signs a user out everywhere, as after a change of password.
    pub async fn delete_of(&self, user_id: UserId) -> Result<(), StoreError> {
        let changes = self.removals_of(user_id).await?;
        self.documents.write(changes).await?;
        Ok(())
    }

    /// Forgets the sessions that have ended; answers how many.
    pub async fn forget_ended(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let all = self.kept.all(Query::default()).await?;
        let ended: Vec<Change> = all
            .iter()
            .filter(|session| session.body.expires_at <= now)
            .map(|session| self.kept.removal(&session.id, Expect::Any))
            .collect();
        let count = ended.len();
        if count > 0 {
            self.documents.write(ended).await?;
        }
        Ok(count)
    }

    pub(super) async fn removals_of(&self, user_id: UserId) -> Result<Vec<Change>, StoreError> {
        Ok(self
            .of(user_id)
            .await?
            .iter()
            .map(|session| self.kept.removal(&session.token_hash, Expect::Any))
            .collect())
    }

    async fn of(&self, user_id: UserId) -> Result<Vec<Session>, StoreError> {
        let query = Query {
            index: Some(("user_id", user_id.to_string())),
            ..Query::default()
        };
        let all = self.kept.all(query).await?;
        Ok(all.into_iter().map(|session| session.body).collect())
    }
}
