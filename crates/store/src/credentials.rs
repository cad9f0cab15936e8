//! Credentials: what devices are asked with. The secret part is sealed, and leaves only by
//! [`Credentials::secrets`].

use crate::StoreError;
use crate::catalog;
use crate::documents::{Change, Collection, Documents, Expect, Query, Stored};
use crate::vault::{Sealed, Vault};
use model::credential::{Credential, CredentialKind, CredentialSecrets, Secret};
use model::{Clock, CredentialId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The credentials. Cheap to clone.
#[derive(Clone)]
pub struct Credentials {
    documents: Arc<dyn Documents>,
    kept: Collection<Kept>,
    vault: Vault,
    clock: Clock,
}

/// A credential as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Kept {
    /// What an operator may see of it.
    credential: Credential,
    /// Its secrets.
    sealed: Sealed,
}

impl Credentials {
    pub(crate) fn new(documents: Arc<dyn Documents>, vault: Vault, clock: Clock) -> Self {
        Self {
            kept: Collection::new(documents.clone(), &catalog::CREDENTIALS),
            documents,
            vault,
            clock,
        }
    }

    /// All credentials, in the order they were made, without their secrets.
    pub async fn list(&self) -> Result<Vec<Stored<Credential>>, StoreError> {
        let all = self.kept.all(Query::default()).await?;
        Ok(all.into_iter().map(open_part).collect())
    }

    /// One credential, without its secrets; none where it is not there.
    pub async fn get(&self, id: CredentialId) -> Result<Option<Stored<Credential>>, StoreError> {
        Ok(self.kept.get(&id.to_string()).await?.map(open_part))
    }

    /// Keeps a new credential under a new id. [`StoreError::Duplicate`] where the name is taken.
    pub async fn create(
        &self,
        id: CredentialId,
        name: String,
        kind: CredentialKind,
        secrets: &CredentialSecrets,
    ) -> Result<Stored<Credential>, StoreError> {
        let credential = Credential {
            id,
            name,
            kind,
            created_at: self.clock.now(),
        };
        let sealed = self.seal(credential.id, secrets)?;
        let kept = Kept { credential, sealed };
        let id = kept.credential.id.to_string();
        let revision = self.kept.put(&id, Expect::Absent, &kept).await?;
        Ok(open_part(Stored {
            id,
            revision,
            body: kept,
        }))
    }

    /// Changes a credential. Secrets that are not given stay as they are.
    pub async fn update(
        &self,
        id: CredentialId,
        expect: Expect,
        name: String,
        kind: CredentialKind,
        secrets: Option<&CredentialSecrets>,
    ) -> Result<Stored<Credential>, StoreError> {
        let mut stored = self.kept.require(&id.to_string()).await?;
        let expect = match expect {
            // Held to what was read: the parts that stay must be those of that revision.
            Expect::Any | Expect::Present => Expect::Revision(stored.revision),
            given => given,
        };
        stored.body.credential.name = name;
        stored.body.credential.kind = kind;
        if let Some(secrets) = secrets {
            stored.body.sealed = self.seal(id, secrets)?;
        }
        stored.revision = self.kept.put(&stored.id, expect, &stored.body).await?;
        Ok(open_part(stored))
    }

    /// Deletes a credential. [`StoreError::InUse`] says how many devices are asked with it, where
    /// any is.
    pub async fn delete(&self, id: CredentialId, expect: Expect) -> Result<(), StoreError> {
        let key = id.to_string();
        let expect = match expect {
            Expect::Any => Expect::Present,
            given => given,
        };
        let changes = vec![
            self.kept.removal(&key, expect),
            Change::RequireUnused {
                of: (&catalog::CREDENTIALS, key.clone()),
                collection: &catalog::DEVICES,
                index: "credential_id",
                key,
            },
        ];
        self.documents.write(changes).await?;
        Ok(())
    }

    /// The secrets of a credential, to hand to a session.
    pub async fn secrets(&self, id: CredentialId) -> Result<CredentialSecrets, StoreError> {
        let key = id.to_string();
        let stored = self.kept.require(&key).await?;
        let plain = self
            .vault
            .open(catalog::CREDENTIALS.name, &key, &stored.body.sealed)?;
        let secrets: PlainOwned =
            serde_json::from_slice(&plain).map_err(|source| StoreError::Shape {
                collection: catalog::CREDENTIALS.name,
                id: key,
                source: Arc::new(source),
            })?;
        Ok(CredentialSecrets {
            community: secrets.community.map(Secret::new),
            auth: secrets.auth.map(Secret::new),
            privacy: secrets.privacy.map(Secret::new),
        })
    }

    fn seal(&self, id: CredentialId, secrets: &CredentialSecrets) -> Result<Sealed, StoreError> {
        let plain = Plain {
            community: secrets.community.as_ref().map(Secret::reveal),
            auth: secrets.auth.as_ref().map(Secret::reveal),
            privacy: secrets.privacy.as_ref().map(Secret::reveal),
        };
        let key = id.to_string();
        // Room for every octet escaped, so that the buffer never moves and leaves a copy behind.
        let room = 64
            + 6 * [plain.community, plain.auth, plain.privacy]
                .into_iter()
                .flatten()
                .map(str::len)
                .sum::<usize>();
        let mut text = Zeroizing::new(Vec::with_capacity(room));
        serde_json::to_writer(&mut *text, &plain).map_err(|source| StoreError::Shape {
            collection: catalog::CREDENTIALS.name,
            id: key.clone(),
            source: Arc::new(source),
        })?;
        Ok(self.vault.seal(catalog::CREDENTIALS.name, &key, &text)?)
    }
}

/// The JSON that is sealed.
#[derive(Serialize)]
struct Plain<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    community: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    privacy: Option<&'a str>,
}

/// The same, read: each part moves into a [`Secret`] at once.
#[derive(Deserialize)]
struct PlainOwned {
    #[serde(default)]
    community: Option<String>,
    #[serde(default)]
    auth: Option<String>,
    #[serde(default)]
    privacy: Option<String>,
}

fn open_part(stored: Stored<Kept>) -> Stored<Credential> {
    Stored {
        id: stored.id,
        revision: stored.revision,
        body: stored.body.credential,
    }
}
