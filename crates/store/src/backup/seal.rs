//! The octets of every file of a repository: a box, which proves itself. Pure but for the nonce.
//!
//! A box is a head of 12 octets (magic, version, flags, nought twice, length), and what is in it: as
//! it is, with a CRC32C behind it, or encrypted by XChaCha20-Poly1305 with its nonce before it. The
//! proof covers the head, what the box is about (as the name of a chunk), and the content. See
//! `docs/formats/backup.md`.

use super::BackupError;
use crate::vault::{KEY_LEN, Key, VaultError, key_file};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::path::Path;
use zeroize::Zeroizing;

/// The version of boxes that this server writes.
const VERSION: u8 = 1;
/// A flag of a box: its content is encrypted.
const ENCRYPTED: u8 = 1;
/// Octets of the head.
pub(super) const HEAD_LEN: usize = 12;
/// Octets of an XChaCha20 nonce.
const NONCE_LEN: usize = 24;
/// Octets of a Poly1305 tag.
const TAG_LEN: usize = 16;
/// Octets of a CRC32C.
const CRC_LEN: usize = 4;
/// Octets of the name of a chunk.
pub(super) const NAME_LEN: usize = 32;

/// What the keys of a repository are made for, apart from each other.
const NAMES: &[u8] = b"foretell backup names";
const CONTENTS: &[u8] = b"foretell backup contents";
const MARK: &[u8] = b"foretell backup key";

/// What a chunk is found by: the SHA-256 of its content, or its HMAC-SHA-256 where the repository is
/// encrypted, so that nobody can tell by a name what is in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name(pub(super) [u8; NAME_LEN]);

impl Name {
    /// The name that a text of 64 hexadecimal digits stands for.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut octets = [0; NAME_LEN];
        hex::decode_to_slice(text, &mut octets).ok()?;
        Some(Self(octets))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

/// The key that backups are encrypted under. Another one than that of the secrets: who has a backup
/// and this key has all.
#[derive(Clone)]
pub struct BackupKey(Key);

impl fmt::Debug for BackupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackupKey")
    }
}

impl BackupKey {
    /// Reads it from a file of 64 hexadecimal digits that nobody else may read.
    pub fn read(path: &Path) -> Result<Self, VaultError> {
        let missing = || VaultError::KeyFileNotFound {
            path: path.to_owned(),
        };
        key_file::read(path)?.ok_or_else(missing).map(Self)
    }

    /// The key of 64 hexadecimal digits; none where the text is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut octets = Zeroizing::new([0; KEY_LEN]);
        hex::decode_to_slice(text.trim(), octets.as_mut()).ok()?;
        Some(Self(Key::from_bytes(*octets)))
    }
}

/// How the boxes of a repository are made.
pub(super) enum Seal {
    /// As they are.
    Plain,
    /// Encrypted.
    Encrypted {
        /// Names chunks.
        names: Zeroizing<[u8; KEY_LEN]>,
        /// Encrypts contents.
        cipher: Box<XChaCha20Poly1305>,
    },
}

impl Seal {
    /// That of a repository of this id.
    pub(super) fn new(key: Option<&BackupKey>, repository: &[u8; 16]) -> Self {
        let Some(key) = key else { return Self::Plain };
        let contents = derived(key, CONTENTS, repository);
        Self::Encrypted {
            names: derived(key, NAMES, repository),
            cipher: Box::new(XChaCha20Poly1305::new(&(*contents).into())),
        }
    }

    /// Whether contents are encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self, Self::Encrypted { .. })
    }

    /// The name of a content.
    pub(super) fn name(&self, content: &[u8]) -> Name {
        match self {
            Self::Plain => Name(Sha256::digest(content).into()),
            Self::Encrypted { names, .. } => Name(hmac(&**names, &[content])),
        }
    }

    /// Octets of the box of a content of so many.
    pub(super) fn box_len(&self, content: usize) -> usize {
        let around = match self {
            Self::Plain => CRC_LEN,
            Self::Encrypted { .. } => NONCE_LEN + TAG_LEN,
        };
        HEAD_LEN + content + around
    }

    /// Puts a content into a box.
    pub(super) fn close(
        &self,
        magic: [u8; 4],
        about: &[u8],
        content: &[u8],
    ) -> Result<Vec<u8>, BackupError> {
        let length = u32::try_from(content.len()).map_err(|_| BackupError::TooLarge)?;
        let mut octets = Vec::with_capacity(self.box_len(content.len()));
        octets.extend(magic);
        octets.extend([VERSION, u8::from(self.is_encrypted()) * ENCRYPTED, 0, 0]);
        octets.extend(length.to_le_bytes());
        match self {
            Self::Plain => {
                let crc = checksum(&octets, about, content);
                octets.extend(content);
                octets.extend(crc.to_le_bytes());
            }
            Self::Encrypted { cipher, .. } => {
                let mut nonce = [0; NONCE_LEN];
                getrandom::fill(&mut nonce).map_err(|_| VaultError::NoRandomness)?;
                let aad = [octets.as_slice(), about].concat();
                let payload = Payload {
                    msg: content,
                    aad: &aad,
                };
                let sealed = cipher.encrypt(&XNonce::from(nonce), payload).expect(
                    "memory holds what is sealed: the cipher fails only beyond 2^38 octets",
                );
                octets.extend(nonce);
                octets.extend(sealed);
            }
        }
        Ok(octets)
    }

    /// Opens the box at the front of octets; answers its content and the octets behind it. An error
    /// says what is wrong.
    pub(super) fn open<'a>(
        &self,
        magic: [u8; 4],
        about: &[u8],
        octets: &'a [u8],
        len_max: usize,
    ) -> Result<(Vec<u8>, &'a [u8]), String> {
        let (head, behind) = octets
            .split_first_chunk::<HEAD_LEN>()
            .ok_or("it is cut short")?;
        let length = content_len(self, magic, head, len_max)?;
        let sealed_len = self.box_len(length) - HEAD_LEN;
        let (sealed, rest) = behind
            .split_at_checked(sealed_len)
            .ok_or("it is cut short")?;
        let content = match self {
            Self::Plain => {
                let (content, crc) = sealed
                    .split_last_chunk::<CRC_LEN>()
                    .ok_or("it is cut short")?;
                if checksum(head, about, content) != u32::from_le_bytes(*crc) {
                    return Err("its checksum does not hold".to_owned());
                }
                content.to_vec()
            }
            Self::Encrypted { cipher, .. } => {
                let (nonce, text) = sealed
                    .split_first_chunk::<NONCE_LEN>()
                    .ok_or("it is cut short")?;
                let aad = [head.as_slice(), about].concat();
                let payload = Payload {
                    msg: text,
                    aad: &aad,
                };
                cipher
                    .decrypt(&XNonce::from(*nonce), payload)
                    .map_err(|_| "it was altered, or belongs elsewhere".to_owned())?
            }
        };
        Ok((content, rest))
    }
}

/// The length of the content of the box with this head, where it may be so long.
fn content_len(
    seal: &Seal,
    magic: [u8; 4],
    head: &[u8; HEAD_LEN],
    len_max: usize,
) -> Result<usize, String> {
    let [a, b, c, d, version, flags, 0, 0, l0, l1, l2, l3] = *head else {
        return Err("its head is damaged".to_owned());
    };
    if [a, b, c, d] != magic {
        return Err("it does not begin as one of ours".to_owned());
    }
    if version != VERSION {
        return Err(format!("it is of version {version}, which is not known"));
    }
    if flags != u8::from(seal.is_encrypted()) * ENCRYPTED {
        return Err("it is not encrypted as the others are".to_owned());
    }
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > len_max {
        return Err("it says that it is longer than it may be".to_owned());
    }
    Ok(length)
}

fn checksum(head: &[u8], about: &[u8], content: &[u8]) -> u32 {
    let crc = crc32c::crc32c_append(crc32c::crc32c(head), about);
    crc32c::crc32c_append(crc, content)
}

/// What tells whether a key is that of a repository.
pub(super) fn key_mark(key: &BackupKey, repository: &[u8; 16]) -> [u8; 32] {
    *derived(key, MARK, repository)
}

fn derived(key: &BackupKey, purpose: &[u8], repository: &[u8; 16]) -> Zeroizing<[u8; KEY_LEN]> {
    Zeroizing::new(hmac(key.0.octets(), &[purpose, repository]))
}

/// HMAC-SHA-256 (RFC 2104) over the parts, one behind the other.
fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAGIC: [u8; 4] = *b"TEST";

    fn seals() -> [Seal; 2] {
        let key = BackupKey::parse(&"07".repeat(KEY_LEN)).unwrap();
        [Seal::Plain, Seal::new(Some(&key), &[1; 16])]
    }

    #[test]
    fn what_is_closed_is_opened_and_every_flipped_bit_is_noticed() {
        for seal in seals() {
            let octets = seal.close(MAGIC, b"about", b"some content").unwrap();
            assert_eq!(octets.len(), seal.box_len(12));
            let longer = [&octets[..], b"rest"].concat();
            let (content, rest) = seal.open(MAGIC, b"about", &longer, 100).unwrap();
            assert_eq!((&content[..], rest), (&b"some content"[..], &b"rest"[..]));
            assert!(seal.open(MAGIC, b"other", &octets, 100).is_err());
            assert!(seal.open(*b"MORE", b"about", &octets, 100).is_err());
            assert!(seal.open(MAGIC, b"about", &octets, 11).is_err());
            for bit in 0..octets.len() * 8 {
                let mut altered = octets.clone();
                altered[bit / 8] ^= 1 << (bit % 8);
                assert!(
                    seal.open(MAGIC, b"about", &altered, 100).is_err(),
                    "bit {bit}"
                );
            }
            for length in 0..octets.len() {
                assert!(
                    seal.open(MAGIC, b"about", &octets[..length], 100).is_err(),
                    "length {length}"
                );
            }
        }
    }

    #[test]
    fn names_are_told_apart_by_key_and_repository() {
        let [plain, sealed] = seals();
        let key = BackupKey::parse(&"07".repeat(KEY_LEN)).unwrap();
        let elsewhere = Seal::new(Some(&key), &[2; 16]);
        let names = [&plain, &sealed, &elsewhere].map(|seal| seal.name(b"x"));
        assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2]);
        assert_eq!(sealed.name(b"x"), names[1]);
        assert_eq!(Name::parse(&names[0].to_string()), Some(names[0]));
        assert_eq!(Name::parse("07"), None);
    }

    /// What was written must stay readable; the name is what sha256sum says.
    #[test]
    fn old_bytes_are_still_opened() {
        let name = Seal::Plain.name(b"abc").to_string();
        assert_eq!(
            name,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let written = Seal::Plain.close(*b"FTCH", b"", b"abc").unwrap();
        assert_eq!(written[..12], *b"FTCH\x01\0\0\0\x03\0\0\0");
        assert_eq!(&written[12..15], b"abc");
        let crc = crc32c::crc32c(&written[..15]).to_le_bytes();
        assert_eq!(written[15..], crc);
        // Sealed by another implementation of version 1.
        let sealed = "54455354010100000c000000090909090909090909090909090909090909090909090909\
                      d45ea082d56c109d6c1b0c81f7c9221c50ab73d88099d7ca2c52a211";
        let sealed = hex::decode(sealed).unwrap();
        let [_, seal] = seals();
        let (content, rest) = seal.open(MAGIC, b"about", &sealed, 100).unwrap();
        assert_eq!((&content[..], rest), (&b"some content"[..], &[][..]));
        assert_eq!(
            seal.name(b"abc").to_string(),
            "5a63331f8a3171f2bdb0476577fa08b2d7fecd335727b42afac46f5b9349badf"
        );
    }
}
