//! The first start: the first administrator, and the key that tokens are signed with.

use super::password::{self, HashError};
use super::principal::Role;
use super::token::Signer;
use model::credential::Secret;
use store::{Store, StoreError};
use zeroize::Zeroizing;

/// The name of the first administrator.
pub const ADMIN: &str = "admin";

/// Letters and digits that nobody takes for one another.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789A";
/// Characters of a password that we make: 120 bits.
const GENERATED_LEN: usize = 24;

/// A password that we made. To be shown once, on standard output.
#[derive(Clone)]
pub struct GeneratedPassword(Secret);

impl GeneratedPassword {
    /// Shows it.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

/// The first start failed.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The password that was given is not taken.
    #[error("the administrator's password is not taken: {objection}")]
    Password {
        /// Why.
        objection: String,
    },
    /// Hashing failed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store could not be read or written.
    #[error("the accounts could not be read or written")]
    Store(#[from] StoreError),
    /// The signing key that is kept is not an Ed25519 key.
    #[error("the signing key {kid} that is kept is not an Ed25519 key")]
    Key {
        /// Its id.
        kid: String,
    },
    /// The system has no random bytes.
    #[error("the system gave no random bytes")]
    Random,
}

/// Makes the first administrator where there is no account yet, with the password given or with
/// one that we make and return.
pub async fn bootstrap_admin(
    store: &Store,
    given: Option<Secret>,
) -> Result<Option<GeneratedPassword>, BootstrapError> {
    if store.accounts.count().await? > 0 {
        return Ok(None);
    }
    let (secret, generated) = if let Some(secret) = given {
        if let Some(objection) = password::objection(secret.reveal()) {
            return Err(BootstrapError::Password { objection });
        }
        (secret, None)
    } else {
        let secret = Secret::new(random_password());
        (secret.clone(), Some(GeneratedPassword(secret)))
    };
    let hash = password::hash(&secret)?;
    store
        .accounts
        .create(ADMIN.to_owned(), hash, vec![Role::Admin.name().to_owned()])
        .await?;
    Ok(generated)
}

/// The signer with the key that is kept; a key is made and kept where there is none.
pub async fn load_signer(store: &Store) -> Result<Signer, BootstrapError> {
    if let Some(key) = store.accounts.signing_keys.all().await?.into_iter().next() {
        let seed: [u8; 32] =
            key.private
                .as_slice()
                .try_into()
                .map_err(|_| BootstrapError::Key {
                    kid: key.kid.clone(),
                })?;
        return Ok(Signer::from_seed(&Zeroizing::new(seed)));
    }
    let mut seed = Zeroizing::new([0u8; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(|_| BootstrapError::Random)?;
    let signer = Signer::from_seed(&seed);
    store
        .accounts
        .signing_keys
        .add(signer.jwk().kid(), seed.as_slice())
        .await?;
    Ok(signer)
}

/// A password that nobody guesses.
pub(super) fn random_password() -> String {
    let mut bytes = Zeroizing::new([0u8; GENERATED_LEN]);
    getrandom::fill(bytes.as_mut_slice()).expect("the system gives random bytes");
    bytes
        .iter()
        .filter_map(|byte| ALPHABET.get(usize::from(byte & 31)))
        .map(|byte| char::from(*byte))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_passwords_differ_and_are_taken() {
        let (one, other) = (random_password(), random_password());
        assert_ne!(one, other);
        assert_eq!(one.len(), GENERATED_LEN);
        assert!(password::objection(&one).is_none());
        let distinct: std::collections::BTreeSet<_> = ALPHABET.iter().collect();
        assert_eq!(distinct.len(), ALPHABET.len());
    }
}
