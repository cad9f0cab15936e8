//! Keys that access tokens are signed with, sealed. What a key is and how it signs is not known
//! here.

use crate::StoreError;
use crate::catalog;
use crate::documents::{Collection, Documents, Expect, Query};
use crate::vault::{Sealed, Vault};
use model::{Clock, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use zeroize::Zeroizing;

/// A signing key, opened. No Debug: it is a secret.
pub struct SigningKey {
    /// Key id.
    pub kid: String,
    /// The private key as it was given.
    pub private: Zeroizing<Vec<u8>>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A signing key as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Kept {
    /// The private key.
    sealed: Sealed,
    /// When it was made.
    created_at: Timestamp,
}

/// The signing keys. Cheap to clone.
#[derive(Clone)]
pub struct SigningKeys {
    keys: Collection<Kept>,
    vault: Vault,
    clock: Clock,
}

impl SigningKeys {
    pub(crate) fn new(documents: Arc<dyn Documents>, vault: Vault, clock: Clock) -> Self {
        Self {
            keys: Collection::new(documents, &catalog::SIGNING_KEYS),
            vault,
            clock,
        }
    }

    /// Keeps a new key.
    pub async fn add(&self, kid: &str, private: &[u8]) -> Result<(), StoreError> {
        let kept = Kept {
            sealed: self.vault.seal(catalog::SIGNING_KEYS.name, kid, private)?,
            created_at: self.clock.now(),
        };
        self.keys.put(kid, Expect::Absent, &kept).await?;
        Ok(())
    }

    /// All keys, the newest first.
    pub async fn all(&self) -> Result<Vec<SigningKey>, StoreError> {
        let mut keys = Vec::new();
        for stored in self.keys.all(Query::default()).await? {
            let private =
                self.vault
                    .open(catalog::SIGNING_KEYS.name, &stored.id, &stored.body.sealed)?;
            keys.push(SigningKey {
                kid: stored.id,
                private,
                created_at: stored.body.created_at,
            });
        }
        keys.sort_by_key(|key| std::cmp::Reverse(key.created_at));
        Ok(keys)
    }

    /// Forgets a key: what it signed is no longer believed.
    pub async fn delete(&self, kid: &str) -> Result<(), StoreError> {
        self.keys.delete(kid, Expect::Present).await
    }
}
