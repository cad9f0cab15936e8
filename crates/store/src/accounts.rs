//! Who may sign in. Hashing and checking of passwords is not here: what is kept is the text that
//! the hasher made. Who is signed in is in [`sessions`], what tokens are signed with in
//! [`signing_keys`].

pub mod sessions;
pub mod signing_keys;

use crate::StoreError;
use crate::catalog;
use crate::documents::{Change, Collection, Documents, Expect, Page, Query, Stored};
use crate::vault::Vault;
use model::{Clock, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use sessions::Sessions;
use signing_keys::SigningKeys;
use std::fmt;
use std::sync::Arc;

/// A password's hash in the PHC format, as `$argon2id$v=19$...`. Never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes a hash in.
    pub fn new(text: String) -> Self {
        Self(text)
    }
    /// The text, to check a password against.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

/// Somebody who may sign in. Not for the eyes of a client: it carries the password's hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Account {
    /// The id.
    pub id: UserId,
    /// What they sign in as; unique.
    pub name: String,
    /// What their password is checked against.
    pub password_hash: PasswordHash,
    /// When that was last changed; none where it is the first. Tokens of before are good no more.
    #[serde(default)]
    pub password_changed_at: Option<Timestamp>,
    /// What they may do, as names of roles or permissions; `api` gives them their meaning.
    pub roles: Vec<String>,
    /// Kept from signing in.
    #[serde(default)]
    pub disabled: bool,
    /// When they were made.
    pub created_at: Timestamp,
}

/// The accounts, their sessions and the signing keys. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    /// Who is signed in.
    pub sessions: Sessions,
    /// What tokens are signed with.
    pub signing_keys: SigningKeys,
    documents: Arc<dyn Documents>,
    users: Collection<Account>,
    clock: Clock,
}

impl Accounts {
    pub(crate) fn new(documents: Arc<dyn Documents>, vault: Vault, clock: Clock) -> Self {
        Self {
            sessions: Sessions::new(documents.clone(), clock.clone()),
            signing_keys: SigningKeys::new(documents.clone(), vault, clock.clone()),
            users: Collection::new(documents.clone(), &catalog::USERS),
            documents,
            clock,
        }
    }

    /// Keeps a new account. [`StoreError::Duplicate`] where the name is taken.
    pub async fn create(
        &self,
        name: String,
        password_hash: PasswordHash,
        roles: Vec<String>,
    ) -> Result<Stored<Account>, StoreError> {
        let account = Account {
            id: UserId::new(),
            name,
            password_hash,
            password_changed_at: None,
            roles,
            disabled: false,
            created_at: self.clock.now(),
        };
        let id = account.id.to_string();
        let revision = self.users.put(&id, Expect::Absent, &account).await?;
        Ok(Stored {
            id,
            revision,
            body: account,
        })
    }

    /// One account; none where it is not there.
    pub async fn get(&self, id: UserId) -> Result<Option<Stored<Account>>, StoreError> {
        self.users.get(&id.to_string()).await
    }

    /// The account that signs in by that name; none where there is none.
    pub async fn named(&self, name: &str) -> Result<Option<Stored<Account>>, StoreError> {
        let query = Query {
            index: Some(("name", name.to_owned())),
            limit: 1,
            ..Query::default()
        };
        Ok(self.users.page(query).await?.items.pop())
    }

    /// Accounts in the order they were made, after the account with the id `after`.
    pub async fn page(
        &self,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<Account>, StoreError> {
        let query = Query {
            after,
            limit,
            ..Query::default()
        };
        self.users.page(query).await
    }

    /// How many accounts there are: none at the very first start.
    pub async fn count(&self) -> Result<u64, StoreError> {
        self.users.count().await
    }

    /// Writes an account that is there.
    pub async fn update(
        &self,
        account: Account,
        expect: Expect,
    ) -> Result<Stored<Account>, StoreError> {
        let expect = match expect {
            Expect::Any => Expect::Present,
            given => given,
        };
        let id = account.id.to_string();
        let revision = self.users.put(&id, expect, &account).await?;
        Ok(Stored {
            id,
            revision,
            body: account,
        })
    }

    /// Gives an account that was read another password and signs it out everywhere.
    pub async fn set_password(
        &self,
        account: Stored<Account>,
        password_hash: PasswordHash,
    ) -> Result<(), StoreError> {
        let renewed = Account {
            password_hash,
            password_changed_at: Some(self.clock.now()),
            ..account.body
        };
        let mut changes: Vec<Change> = self.sessions.removals_of(renewed.id).await?;
        let expect = Expect::Revision(account.revision);
        changes.push(self.users.change(&account.id, expect, &renewed)?);
        self.documents.write(changes).await?;
        Ok(())
    }

    /// Deletes an account and signs it out everywhere.
    pub async fn delete(&self, id: UserId, expect: Expect) -> Result<(), StoreError> {
        let expect = match expect {
            Expect::Any => Expect::Present,
            given => given,
        };
        let mut changes: Vec<Change> = self.sessions.removals_of(id).await?;
        changes.push(self.users.removal(&id.to_string(), expect));
        self.documents.write(changes).await?;
        Ok(())
    }
}
