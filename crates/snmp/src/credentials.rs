//! What a device is asked with. Nothing here can be printed; all of it is zeroed when dropped.

use async_snmp::{Auth, DesSaltState, MasterKeys, PrivProtocol, SecurityLevel, UsmConfig};
use std::sync::OnceLock;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// HMAC of USM. Source: RFC 3414, RFC 7860.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthProtocol {
    /// HMAC-MD5-96
    Md5,
    /// HMAC-SHA-96
    Sha1,
    /// HMAC-128-SHA-224
    Sha224,
    /// HMAC-192-SHA-256
    Sha256,
    /// HMAC-256-SHA-384
    Sha384,
    /// HMAC-384-SHA-512
    Sha512,
}

/// Cipher of USM. Source: RFC 3414, RFC 3826, draft-blumenthal-aes-usm-04, draft-reeder-snmpv3-usm-3desede-00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrivacyProtocol {
    /// CBC-DES
    Des,
    /// 3DES-EDE in outside CBC mode. Source: draft-reeder-snmpv3-usm-3desede-00.
    TripleDes,
    /// CFB128-AES-128
    Aes128,
    /// CFB128-AES-192, Blumenthal key extension
    Aes192,
    /// CFB128-AES-256, Blumenthal key extension
    Aes256,
    /// CFB128-AES-192, Reeder key extension, as Cisco has it
    Aes192c,
    /// CFB128-AES-256, Reeder key extension, as Cisco has it
    Aes256c,
}

/// Fewest characters of a pass phrase (RFC 3414 section 11.2).
const PASSPHRASE_LEN_MIN: usize = 8;

/// A pass phrase or a community.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Passphrase(String);

impl Passphrase {
    /// Takes a secret in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
    fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Passphrase {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Passphrase {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// A user of SNMPv3, with its keys once they were derived.
// Invariant: privacy comes with authentication; pass phrases have at least PASSPHRASE_LEN_MIN octets.
#[derive(Clone)]
pub struct User {
    name: String,
    auth: Option<(AuthProtocol, Passphrase)>,
    privacy: Option<(PrivacyProtocol, Passphrase)>,
    context: String,
    // Deriving hashes a megabyte for each pass phrase (RFC 3414 A.2): once a user, not once a device.
    keys: OnceLock<Option<MasterKeys>>,
}

/// Credentials that no agent could accept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// A user needs a name.
    #[error("the user name is empty or longer than 32 octets")]
    UserName,
    /// A pass phrase is too short.
    #[error("the {which} pass phrase has fewer than {PASSPHRASE_LEN_MIN} characters")]
    PassphraseTooShort {
        /// `authentication` or `privacy`.
        which: &'static str,
    },
    /// Privacy without authentication.
    #[error("privacy needs authentication")]
    PrivacyWithoutAuthentication,
}

impl User {
    /// A user at the security level that the given parts make.
    pub fn new(
        name: impl Into<String>,
        auth: Option<(AuthProtocol, Passphrase)>,
        privacy: Option<(PrivacyProtocol, Passphrase)>,
        context: impl Into<String>,
    ) -> Result<Self, CredentialsError> {
        let name = name.into();
        // RFC 3414: msgUserName is OCTET STRING (SIZE(0..32)).
        if name.is_empty() || name.len() > 32 {
            return Err(CredentialsError::UserName);
        }
        if auth.is_none() && privacy.is_some() {
            return Err(CredentialsError::PrivacyWithoutAuthentication);
        }
        for (which, phrase) in [
            ("authentication", auth.as_ref().map(|(_, phrase)| phrase)),
            ("privacy", privacy.as_ref().map(|(_, phrase)| phrase)),
        ] {
            if phrase.is_some_and(|phrase| phrase.reveal().len() < PASSPHRASE_LEN_MIN) {
                return Err(CredentialsError::PassphraseTooShort { which });
            }
        }
        Ok(Self {
            name,
            auth,
            privacy,
            context: context.into(),
            keys: OnceLock::new(),
        })
    }

    /// securityName, which is no secret.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The level that it is always used at.
    pub(crate) fn level(&self) -> SecurityLevel {
        match (&self.auth, &self.privacy) {
            (None, _) => SecurityLevel::NoAuthNoPriv,
            (Some(_), None) => SecurityLevel::AuthNoPriv,
            (Some(_), Some(_)) => SecurityLevel::AuthPriv,
        }
    }

    /// Its keys before they are those of an engine; none without authentication.
    pub(crate) fn master_keys(&self) -> Option<&MasterKeys> {
        self.keys.get_or_init(|| self.derive()).as_ref()
    }

    fn usm(&self) -> Option<UsmConfig> {
        let config = UsmConfig::new(self.name.clone()).context_name(self.context.clone());
        if self.auth.is_none() {
            return Some(config);
        }
        config.with_master_keys(self.master_keys()?.clone()).ok()
    }

    fn derive(&self) -> Option<MasterKeys> {
        let (protocol, phrase) = self.auth.as_ref()?;
        let keys = MasterKeys::new(protocol.into(), phrase.reveal().as_bytes()).ok()?;
        match &self.privacy {
            None => Some(keys),
            Some((protocol, phrase)) => keys
                .with_privacy(protocol.into(), phrase.reveal().as_bytes())
                .ok(),
        }
    }
}

/// What a device is asked with.
#[derive(Clone)]
pub enum Credentials {
    /// SNMPv1
    V1 {
        /// The community.
        community: Passphrase,
    },
    /// SNMPv2c
    V2c {
        /// The community.
        community: Passphrase,
    },
    /// SNMPv3 with the user-based security model.
    V3(User),
}

impl Credentials {
    /// SNMPv1 with a community.
    pub fn v1(community: impl Into<Passphrase>) -> Self {
        Self::V1 {
            community: community.into(),
        }
    }
    /// SNMPv2c with a community.
    pub fn v2c(community: impl Into<Passphrase>) -> Self {
        Self::V2c {
            community: community.into(),
        }
    }
    /// What async-snmp takes; none where it does not know the protocols.
    pub(crate) fn to_auth(&self) -> Option<Auth> {
        Some(match self {
            Self::V1 { community } => Auth::v1(community.reveal().to_owned()),
            Self::V2c { community } => Auth::v2c(community.reveal().to_owned()),
            Self::V3(user) => Auth::Usm(user.usm()?),
        })
    }
    /// State for CBC-DES, which needs a salt that is never used twice. Ours starts anew with every
    /// session: its first half is the boots of the device (RFC 3414 section 8.1.1.1), and CBC-DES
    /// is long broken anyway, so nothing is kept on disk for it.
    pub(crate) fn des_salt(&self) -> Option<DesSaltState> {
        match self {
            Self::V3(User {
                privacy: Some((PrivacyProtocol::Des | PrivacyProtocol::TripleDes, _)),
                ..
            }) => DesSaltState::install(|_| Ok::<(), std::io::Error>(())).ok(),
            _ => None,
        }
    }
    /// The same user one security level down, where there is privacy to leave away.
    pub(crate) fn without_privacy(&self) -> Option<Self> {
        match self {
            Self::V3(user) if user.privacy.is_some() => Some(Self::V3(User {
                name: user.name.clone(),
                auth: user.auth.clone(),
                privacy: None,
                context: user.context.clone(),
                keys: OnceLock::new(),
            })),
            _ => None,
        }
    }
    /// The same user in the default context, where it has another.
    pub(crate) fn without_context(&self) -> Option<Self> {
        match self {
            Self::V3(user) if !user.context.is_empty() => Some(Self::V3(User {
                context: String::new(),
                ..user.clone()
            })),
            _ => None,
        }
    }
    /// Whether it is this community, compared to its end whatever differs.
    pub(crate) fn is_community(&self, given: &[u8]) -> bool {
        let (Self::V1 { community } | Self::V2c { community }) = self else {
            return false;
        };
        let known = community.reveal().as_bytes();
        let differing = known
            .iter()
            .zip(given)
            .fold(0u8, |differing, (a, b)| differing | (a ^ b));
        known.len() == given.len() && differing == 0
    }
    pub(crate) fn is_v1(&self) -> bool {
        matches!(self, Self::V1 { .. })
    }
    pub(crate) fn is_v3(&self) -> bool {
        matches!(self, Self::V3(_))
    }
}

impl From<&AuthProtocol> for async_snmp::AuthProtocol {
    fn from(protocol: &AuthProtocol) -> Self {
        match protocol {
            AuthProtocol::Md5 => Self::Md5,
            AuthProtocol::Sha1 => Self::Sha1,
            AuthProtocol::Sha224 => Self::Sha224,
            AuthProtocol::Sha256 => Self::Sha256,
            AuthProtocol::Sha384 => Self::Sha384,
            AuthProtocol::Sha512 => Self::Sha512,
        }
    }
}

impl From<&PrivacyProtocol> for PrivProtocol {
    fn from(protocol: &PrivacyProtocol) -> Self {
        match protocol {
            PrivacyProtocol::Des => Self::Des,
            PrivacyProtocol::Aes128 => Self::Aes128,
            PrivacyProtocol::Aes192 => Self::Aes192Blumenthal,
            PrivacyProtocol::Aes256 => Self::Aes256Blumenthal,
            PrivacyProtocol::TripleDes => Self::Des3,
            PrivacyProtocol::Aes192c => Self::Aes192Reeder,
            PrivacyProtocol::Aes256c => Self::Aes256Reeder,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_users_are_told_at_once() {
        let phrase = || Passphrase::new("long enough");
        let check = |user: Result<User, CredentialsError>, expected| {
            assert_eq!(user.err(), Some(expected));
        };
        check(User::new("", None, None, ""), CredentialsError::UserName);
        check(
            User::new("u", None, Some((PrivacyProtocol::Aes128, phrase())), ""),
            CredentialsError::PrivacyWithoutAuthentication,
        );
        check(
            User::new("u", Some((AuthProtocol::Sha256, "short".into())), None, ""),
            CredentialsError::PassphraseTooShort {
                which: "authentication",
            },
        );
    }
}
