//! Passwords: Argon2id (RFC 9106) in a bounded pool, so that a flood of sign-ins costs a bounded
//! share of memory and processor.

use crate::problem::{Answer, Problem, chain};
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use model::credential::Secret;
use std::sync::Arc;
use std::time::Duration;
use store::accounts::PasswordHash;
use tokio::sync::Semaphore;

/// 19 MiB, two passes, one lane: the first choice of OWASP's password storage cheat sheet.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Hashes computed at a time: 38 MiB and two cores at most.
const AT_WORK_MAX: usize = 2;
/// Hashes that wait or work; at 50 ms each the last waits under a second.
const WAITING_MAX: usize = 32;

/// Shortest password that is taken, in characters (NIST SP 800-63B).
pub const PASSWORD_LEN_MIN: usize = 8;
/// Longest password that is hashed, in bytes.
pub const PASSWORD_LEN_MAX: usize = 1_024;

/// Why a password is not taken; none where it is.
pub fn objection(password: &str) -> Option<String> {
    if password.chars().count() < PASSWORD_LEN_MIN {
        Some(format!("at least {PASSWORD_LEN_MIN} characters are needed"))
    } else if password.len() > PASSWORD_LEN_MAX {
        Some(format!("at most {PASSWORD_LEN_MAX} bytes are taken"))
    } else {
        None
    }
}

/// Hashing failed.
#[derive(Debug, thiserror::Error)]
#[error("hashing a password failed: {reason}")]
pub struct HashError {
    /// What the library says.
    reason: String,
}

/// Hashes a password. Takes some 50 ms of one core: call it where blocking is allowed.
pub fn hash(password: &Secret) -> Result<PasswordHash, HashError> {
    hasher()
        .hash_password(password.reveal().as_bytes())
        .map(|hash| PasswordHash::new(hash.to_string()))
        .map_err(|error| HashError {
            reason: error.to_string(),
        })
}

fn verify(password: &Secret, hash: &PasswordHash) -> bool {
    hasher()
        .verify_password(password.reveal().as_bytes(), hash.reveal())
        .is_ok()
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
        .expect("the parameters are within Argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// The pool.
pub(crate) struct Passwords {
    waiting: Semaphore,
    at_work: Semaphore,
    /// What an unknown user's password is checked against, so that it takes as long as a known
    /// one's. Nobody knows the password that it is the hash of.
    decoy: PasswordHash,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        let nobody = Secret::new(super::bootstrap::random_password());
        Self {
            waiting: Semaphore::new(WAITING_MAX),
            at_work: Semaphore::new(AT_WORK_MAX),
            // Without a decoy sign-in still works; unknown users are answered faster.
            decoy: hash(&nobody).unwrap_or_else(|_| PasswordHash::new(String::new())),
        }
    }

    /// Whether the password is the one of the hash. Without a hash it takes as long and is not.
    pub(crate) async fn check(
        self: &Arc<Self>,
        password: Secret,
        hash: Option<PasswordHash>,
    ) -> Answer<bool> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.clone());
        Ok(self.run(move || verify(&password, &hash)).await? && known)
    }

    /// Hashes a new password.
    pub(crate) async fn hash(self: &Arc<Self>, password: Secret) -> Answer<PasswordHash> {
        self.run(move || hash(&password))
            .await?
            .map_err(|error| Problem::internal("hashing a password", &error))
    }

    async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Answer<T> {
        let busy = || {
            Problem::busy(
                "As many passwords are being checked as may be at a time.",
                Duration::from_secs(1),
            )
        };
        let _place = self.waiting.try_acquire().map_err(|_| busy())?;
        let _turn = self.at_work.acquire().await.map_err(|_| busy())?;
        tokio::task::spawn_blocking(work).await.map_err(|error| {
            tracing::error!(error = %chain(&error), "checking a password failed");
            busy()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_argon2id_with_our_cost() {
        let password = Secret::new("correct horse".to_owned());
        let made = hash(&password).unwrap();
        assert!(made.reveal().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(verify(&password, &made));
        assert!(!verify(&Secret::new("correct horsf".to_owned()), &made));
        assert!(!verify(
            &password,
            &PasswordHash::new("nonsense".to_owned())
        ));
    }

    #[test]
    fn short_and_huge_passwords_are_objected_to() {
        for (password, taken) in [
            ("1234567".to_owned(), false),
            ("12345678".to_owned(), true),
            ("ääääääää".to_owned(), true),
            ("x".repeat(1_025), false),
        ] {
            assert_eq!(objection(&password).is_none(), taken, "{}", password.len());
        }
    }
}
