//! Who may ask: communities, and users with their keys. Source: RFC 3414.
//!
//! Nothing here has Debug: pass phrases and communities are secrets, even where they only open a
//! simulation.

use async_snmp::MasterKeys;
use snmp::{AuthProtocol, PrivacyProtocol};

/// Fewest characters of a pass phrase. Source: RFC 3414 section 11.2.
const PASSPHRASE_LEN_MIN: usize = 8;
/// Most octets of a user's name (SIZE of msgUserName). Source: RFC 3414 section 2.4.
const USER_NAME_LEN_MAX: usize = 32;

/// Who may ask an agent. Shared by all agents that have the same.
#[derive(Clone, Default)]
pub struct Access {
    communities: Vec<String>,
    users: Vec<User>,
}

/// How well a message is protected. Ordered: each takes in what is before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::enum_variant_names, reason = "RFC 3411 calls them so")]
pub(super) enum Level {
    NoAuthNoPriv,
    AuthNoPriv,
    AuthPriv,
}

/// A user of SNMPv3, with what its keys are made of.
// Invariant: `keys` are there above noAuthNoPriv, those of privacy at AuthPriv.
#[derive(Clone)]
pub struct User {
    name: String,
    level: Level,
    keys: Option<MasterKeys>,
}

/// A user that there cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// A user needs a name.
    #[error("a user's name has 1 to {USER_NAME_LEN_MAX} octets")]
    Name,
    /// A pass phrase is too short.
    #[error("the {which} pass phrase has fewer than {PASSPHRASE_LEN_MIN} characters")]
    PassphraseTooShort {
        /// `authentication` or `privacy`.
        which: &'static str,
    },
    /// Privacy without authentication.
    #[error("privacy needs authentication")]
    PrivacyWithoutAuthentication,
    /// No keys could be made.
    #[error("keys cannot be made from the {which} pass phrase")]
    Keys {
        /// `authentication` or `privacy`.
        which: &'static str,
    },
}

impl Access {
    /// Who asks with one of these communities.
    pub fn by_communities<T: Into<String>>(communities: impl IntoIterator<Item = T>) -> Self {
        Self {
            communities: communities.into_iter().map(Into::into).collect(),
            users: Vec::new(),
        }
    }

    /// These users too. Of two with one name the first counts.
    #[must_use]
    pub fn with_users(mut self, users: impl IntoIterator<Item = User>) -> Self {
        self.users.extend(users);
        self
    }

    pub(super) fn admits(&self, community: &[u8]) -> bool {
        self.communities
            .iter()
            .any(|known| known.as_bytes() == community)
    }

    pub(super) fn users(&self) -> &[User] {
        &self.users
    }
}

impl User {
    /// A user who must ask at the level that the given parts make, no lower and no higher. Takes
    /// milliseconds: a megabyte is hashed for each pass phrase (RFC 3414 A.2), once for all agents.
    pub fn new(
        name: impl Into<String>,
        auth: Option<(AuthProtocol, &str)>,
        privacy: Option<(PrivacyProtocol, &str)>,
    ) -> Result<Self, UserError> {
        let name = name.into();
        if name.is_empty() || name.len() > USER_NAME_LEN_MAX {
            return Err(UserError::Name);
        }
        let short = |phrase: &str| phrase.len() < PASSPHRASE_LEN_MIN;
        for (which, phrase) in [
            ("authentication", auth.map(|(_, phrase)| phrase)),
            ("privacy", privacy.map(|(_, phrase)| phrase)),
        ] {
            if phrase.is_some_and(short) {
                return Err(UserError::PassphraseTooShort { which });
            }
        }
        let Some((protocol, phrase)) = auth else {
            return match privacy {
                Some(_) => Err(UserError::PrivacyWithoutAuthentication),
                None => Ok(Self {
                    name,
                    level: Level::NoAuthNoPriv,
                    keys: None,
                }),
            };
        };
        let failed = |which| move |_| UserError::Keys { which };
        let keys = MasterKeys::new((&protocol).into(), phrase.as_bytes())
            .map_err(failed("authentication"))?;
        let (level, keys) = match privacy {
            None => (Level::AuthNoPriv, keys),
            Some((protocol, phrase)) => {
                let keys = keys.with_privacy((&protocol).into(), phrase.as_bytes());
                (Level::AuthPriv, keys.map_err(failed("privacy"))?)
            }
        };
        Ok(Self {
            name,
            level,
            keys: Some(keys),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn level(&self) -> Level {
        self.level
    }

    pub(super) fn keys(&self) -> Option<&MasterKeys> {
        self.keys.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_users_are_told() {
        let check = |user: Result<User, UserError>, expected| {
            assert_eq!(user.err(), Some(expected));
        };
        let aes = (PrivacyProtocol::Aes128, "long enough");
        check(User::new("", None, None), UserError::Name);
        check(User::new("n".repeat(33), None, None), UserError::Name);
        check(
            User::new("u", None, Some(aes)),
            UserError::PrivacyWithoutAuthentication,
        );
        check(
            User::new("u", Some((AuthProtocol::Sha256, "short")), Some(aes)),
            UserError::PassphraseTooShort {
                which: "authentication",
            },
        );
    }
}
