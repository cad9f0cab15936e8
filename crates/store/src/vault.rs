//! Secrets at rest: sealed with XChaCha20-Poly1305 under a data key, which is itself kept wrapped
//! by the key of the key file.
//!
//! What is sealed is bound to its collection and document, so that one document's secret cannot
//! be put in another's place. Bytes: `docs/formats/vault.md`. Where the key file comes from is in
//! [`key_file`].

pub mod key_file;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Octets of a key.
pub const KEY_LEN: usize = 32;
/// Octets of an XChaCha20 nonce: long enough to be chosen at random for ever.
const NONCE_LEN: usize = 24;
/// Octets of a digest.
pub const DIGEST_LEN: usize = 32;
/// What the keys of digests are made for, apart from all else that the data key does.
const DIGEST_CONTEXT: &[u8] = b"digest";
/// First octet of what is sealed: which way it was sealed.
const VERSION: u8 = 1;
/// What the wrapped data key is bound to.
const DATA_KEY_CONTEXT: (&str, &str) = ("vault", "data_key");

/// Why a secret could not be sealed or opened, or the vault itself not.
#[derive(Clone, Debug, thiserror::Error)]
pub enum VaultError {
    /// There is encrypted data, and no key.
    #[error(
        "the data is encrypted and the key file {path} is missing: put it back, or name it with FORETELL_SECRET_KEY_FILE"
    )]
    KeyMissing {
        /// Where the key was looked for.
        path: PathBuf,
    },
    /// A key file was named that is not there; only the one in the data folder is made by us.
    #[error("the key file {path} does not exist")]
    KeyFileNotFound {
        /// What was named.
        path: PathBuf,
    },
    /// The key does not open the data.
    #[error("the key in {path} is not the one that the data was encrypted with")]
    KeyWrong {
        /// Where the key came from.
        path: PathBuf,
    },
    /// Others may read the key file.
    #[error(
        "the key file {path} may be read by others (mode {mode:04o}): make it 0600 with `chmod 600`"
    )]
    KeyExposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key file holds no key.
    #[error("the key file {path} holds no key: 64 hexadecimal digits are expected")]
    KeyMalformed {
        /// The file.
        path: PathBuf,
    },
    /// The key file could not be read or made.
    #[error("{operation} {path} failed")]
    KeyFile {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// There is encrypted data, and the data key that it needs is gone from the documents.
    #[error(
        "the data is encrypted and both copies of its data key are lost: restore the documents from a copy"
    )]
    DataKeyLost,
    /// The operating system has no randomness to give.
    #[error("no random numbers could be had from the operating system")]
    NoRandomness,
    /// What is sealed was changed, or belongs to another document.
    #[error("a secret of {collection} {id} was altered or belongs elsewhere")]
    Altered {
        /// Collection.
        collection: String,
        /// Document.
        id: String,
    },
}

/// Sealed octets. Written in JSON as lower-case hex.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^([0-9a-f]{2})*$")]
pub struct Sealed(Vec<u8>);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} octets)", self.0.len())
    }
}

impl TryFrom<String> for Sealed {
    type Error = hex::FromHexError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        hex::decode(text).map(Self)
    }
}

impl From<Sealed> for String {
    fn from(sealed: Sealed) -> Self {
        hex::encode(sealed.0)
    }
}

/// A key in memory; zeroed when dropped, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; KEY_LEN]);

impl Key {
    /// A new key.
    pub fn random() -> Result<Self, VaultError> {
        let mut key = Self([0; KEY_LEN]);
        getrandom::fill(&mut key.0).map_err(|_| VaultError::NoRandomness)?;
        Ok(key)
    }
    /// A key from its octets.
    pub fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
        Self(bytes)
    }
    /// Its octets, to derive others from.
    pub(crate) fn octets(&self) -> &[u8; KEY_LEN] {
        &self.0
    }
    /// Wraps a data key under this one, to be kept beside the data.
    pub fn wrap(&self, data_key: &Key) -> Result<Sealed, VaultError> {
        let (collection, id) = DATA_KEY_CONTEXT;
        seal(self, collection, id, &data_key.0)
    }
    /// The data key that was wrapped under this one; none where it was another.
    pub fn unwrap_key(&self, wrapped: &Sealed) -> Option<Key> {
        let (collection, id) = DATA_KEY_CONTEXT;
        let plain = open(self, collection, id, wrapped)?;
        let mut key = Self([0; KEY_LEN]);
        if plain.len() != KEY_LEN {
            return None;
        }
        key.0.copy_from_slice(&plain);
        Some(key)
    }
}

/// Seals and opens secrets. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    data_key: Arc<Key>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

impl Vault {
    /// A vault that seals under that key.
    pub fn new(data_key: Key) -> Self {
        Self {
            data_key: Arc::new(data_key),
        }
    }

    /// Seals octets for one document.
    pub fn seal(&self, collection: &str, id: &str, plain: &[u8]) -> Result<Sealed, VaultError> {
        seal(&self.data_key, collection, id, plain)
    }

    /// Opens what was sealed for that document.
    pub fn open(
        &self,
        collection: &str,
        id: &str,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        open(&self.data_key, collection, id, sealed).ok_or_else(|| VaultError::Altered {
            collection: collection.to_owned(),
            id: id.to_owned(),
        })
    }

    /// A digest of octets that nobody without the key can make or try guesses against: two are
    /// equal where purpose and parts are. HMAC-SHA-256 (RFC 2104) under a key of that purpose.
    pub fn digest(&self, purpose: &str, parts: &[&[u8]]) -> [u8; DIGEST_LEN] {
        let key = Zeroizing::new(hmac(
            &self.data_key.0,
            &[DIGEST_CONTEXT, purpose.as_bytes()],
        ));
        hmac(&*key, parts)
    }
}

/// Each part with its length before it, so that no two lists of parts read the same.
fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; DIGEST_LEN] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn seal(key: &Key, collection: &str, id: &str, plain: &[u8]) -> Result<Sealed, VaultError> {
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce).map_err(|_| VaultError::NoRandomness)?;
    let text = cipher(key)
        .encrypt(
            &XNonce::from(nonce),
            Payload {
                msg: plain,
                aad: &associated_data(collection, id),
            },
        )
        .expect("memory holds what is sealed: the cipher fails only beyond 2^38 octets");
    let mut sealed = Vec::with_capacity(1 + NONCE_LEN + text.len());
    sealed.push(VERSION);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&text);
    Ok(Sealed(sealed))
}

fn open(key: &Key, collection: &str, id: &str, sealed: &Sealed) -> Option<Zeroizing<Vec<u8>>> {
    let (&VERSION, rest) = sealed.0.split_first()? else {
        return None;
    };
    let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>()?;
    cipher(key)
        .decrypt(
            &XNonce::from(*nonce),
            Payload {
                msg: text,
                aad: &associated_data(collection, id),
            },
        )
        .ok()
        .map(Zeroizing::new)
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&key.0.into())
}

/// What a sealed secret is bound to: version, collection and id, with a NUL (which neither has)
/// between.
fn associated_data(collection: &str, id: &str) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(collection.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(id.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_for_one_document_opens_only_there() {
        let vault = Vault::new(Key::random().unwrap());
        let sealed = vault.seal("credentials", "a", b"public").unwrap();
        assert_eq!(*vault.open("credentials", "a", &sealed).unwrap(), b"public");
        assert!(vault.open("credentials", "b", &sealed).is_err());
        assert!(vault.open("signing_keys", "a", &sealed).is_err());
        let other = Vault::new(Key::random().unwrap());
        assert!(other.open("credentials", "a", &sealed).is_err());
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let vault = Vault::new(Key::random().unwrap());
        let sealed = vault.seal("credentials", "a", b"public").unwrap();
        for bit in 0..sealed.0.len() * 8 {
            let mut altered = sealed.clone();
            altered.0[bit / 8] ^= 1 << (bit % 8);
            assert!(
                vault.open("credentials", "a", &altered).is_err(),
                "bit {bit}"
            );
        }
        for len in 0..sealed.0.len() {
            let cut = Sealed(sealed.0[..len].to_vec());
            assert!(
                vault.open("credentials", "a", &cut).is_err(),
                "length {len}"
            );
        }
    }

    #[test]
    fn the_same_secret_never_looks_the_same() {
        let vault = Vault::new(Key::random().unwrap());
        let one = vault.seal("credentials", "a", b"public").unwrap();
        let two = vault.seal("credentials", "a", b"public").unwrap();
        assert_ne!(one, two);
    }

    #[test]
    fn digests_tell_purposes_parts_and_keys_apart() {
        let vault = Vault::new(Key([7; KEY_LEN]));
        let one = vault.digest("a", &[b"bc", b"d"]);
        assert_eq!(one, vault.digest("a", &[b"bc", b"d"]));
        assert_ne!(one, vault.digest("b", &[b"bc", b"d"]));
        assert_ne!(one, vault.digest("a", &[b"b", b"cd"]));
        assert_ne!(
            one,
            Vault::new(Key([8; KEY_LEN])).digest("a", &[b"bc", b"d"])
        );
    }

    #[test]
    fn a_wrapped_key_needs_its_wrapper() {
        let (outer, inner) = (Key::random().unwrap(), Key::random().unwrap());
        let wrapped = outer.wrap(&inner).unwrap();
        assert_eq!(outer.unwrap_key(&wrapped).unwrap().0, inner.0);
        assert!(Key::random().unwrap().unwrap_key(&wrapped).is_none());
    }

    /// Sealed by another implementation of version 1: what was written must stay readable.
    #[test]
    fn old_bytes_are_still_opened() {
        let vault = Vault::new(Key([7; KEY_LEN]));
        let written = "01090909090909090909090909090909090909090909090909\
                       ce0780e615c90d6e9cad5e5c0f8a1f57df505819acad";
        let sealed: Sealed = serde_json::from_str(&format!("\"{written}\"")).unwrap();
        assert_eq!(*vault.open("credentials", "a", &sealed).unwrap(), b"public");
    }
}
