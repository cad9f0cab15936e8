//! From a credential as it is kept to one that devices can be asked with.

use model::credential::{AuthProtocol, CredentialKind, CredentialSecrets, PrivacyProtocol, Secret};
use snmp::{Credentials, Passphrase, User};

/// Why a credential cannot be used. Display is the sentence that an operator reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// SNMPv1 and v2c need a community.
    #[error("the community is missing")]
    CommunityMissing,
    /// A protocol is chosen without its pass phrase.
    #[error("the {which} pass phrase is missing")]
    PassphraseMissing {
        /// `authentication` or `privacy`.
        which: &'static str,
    },
    /// A user that no agent could accept.
    #[error(transparent)]
    User(#[from] snmp::CredentialsError),
}

/// What devices are asked with. A secret that the kind has no use for is left out.
pub fn credentials(
    kind: &CredentialKind,
    secrets: &CredentialSecrets,
) -> Result<Credentials, CredentialError> {
    match kind {
        CredentialKind::SnmpV1 => Ok(Credentials::v1(community(secrets)?)),
        CredentialKind::SnmpV2c => Ok(Credentials::v2c(community(secrets)?)),
        CredentialKind::SnmpV3 {
            user,
            auth,
            privacy,
            context,
        } => {
            let auth = auth
                .map(|protocol| {
                    passphrase(secrets.auth.as_ref(), "authentication")
                        .map(|phrase| (auth_protocol(protocol), phrase))
                })
                .transpose()?;
            let privacy = privacy
                .map(|protocol| {
                    passphrase(secrets.privacy.as_ref(), "privacy")
                        .map(|phrase| (privacy_protocol(protocol), phrase))
                })
                .transpose()?;
            Ok(Credentials::V3(User::new(user, auth, privacy, context)?))
        }
    }
}

fn community(secrets: &CredentialSecrets) -> Result<Passphrase, CredentialError> {
    secrets
        .community
        .as_ref()
        .map(|secret| Passphrase::new(secret.reveal()))
        .ok_or(CredentialError::CommunityMissing)
}

fn passphrase(secret: Option<&Secret>, which: &'static str) -> Result<Passphrase, CredentialError> {
    secret
        .map(|secret| Passphrase::new(secret.reveal()))
        .ok_or(CredentialError::PassphraseMissing { which })
}

/// The same protocol, as it is spoken.
pub fn auth_protocol(protocol: AuthProtocol) -> snmp::AuthProtocol {
    match protocol {
        AuthProtocol::Md5 => snmp::AuthProtocol::Md5,
        AuthProtocol::Sha1 => snmp::AuthProtocol::Sha1,
        AuthProtocol::Sha224 => snmp::AuthProtocol::Sha224,
        AuthProtocol::Sha256 => snmp::AuthProtocol::Sha256,
        AuthProtocol::Sha384 => snmp::AuthProtocol::Sha384,
        AuthProtocol::Sha512 => snmp::AuthProtocol::Sha512,
    }
}

/// The same protocol, as it is spoken.
pub fn privacy_protocol(protocol: PrivacyProtocol) -> snmp::PrivacyProtocol {
    match protocol {
        PrivacyProtocol::Des => snmp::PrivacyProtocol::Des,
        PrivacyProtocol::Aes128 => snmp::PrivacyProtocol::Aes128,
        PrivacyProtocol::Aes192 => snmp::PrivacyProtocol::Aes192,
        PrivacyProtocol::Aes256 => snmp::PrivacyProtocol::Aes256,
        PrivacyProtocol::TripleDes => snmp::PrivacyProtocol::TripleDes,
        PrivacyProtocol::Aes192c => snmp::PrivacyProtocol::Aes192c,
        PrivacyProtocol::Aes256c => snmp::PrivacyProtocol::Aes256c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(community: &str, auth: &str, privacy: &str) -> CredentialSecrets {
        let secret = |text: &str| (!text.is_empty()).then(|| Secret::new(text.to_owned()));
        CredentialSecrets {
            community: secret(community),
            auth: secret(auth),
            privacy: secret(privacy),
        }
    }

    fn v3(auth: Option<AuthProtocol>, privacy: Option<PrivacyProtocol>) -> CredentialKind {
        CredentialKind::SnmpV3 {
            user: "ops".to_owned(),
            auth,
            privacy,
            context: String::new(),
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let sha = Some(AuthProtocol::Sha256);
        let aes = Some(PrivacyProtocol::Aes128);
        for (kind, secrets, wrong) in [
            (CredentialKind::SnmpV1, secrets("c", "", ""), None),
            (CredentialKind::SnmpV2c, secrets("c", "", ""), None),
            (
                CredentialKind::SnmpV2c,
                secrets("", "", ""),
                Some("community"),
            ),
            (v3(None, None), secrets("", "", ""), None),
            (v3(sha, None), secrets("", "12345678", ""), None),
            (
                v3(sha, None),
                secrets("", "", ""),
                Some("authentication pass phrase is missing"),
            ),
            (
                v3(sha, None),
                secrets("", "1234567", ""),
                Some("fewer than 8"),
            ),
            (v3(sha, aes), secrets("", "12345678", "12345678"), None),
            (
                v3(sha, aes),
                secrets("", "12345678", ""),
                Some("privacy pass phrase is missing"),
            ),
            (
                v3(None, aes),
                secrets("", "", "12345678"),
                Some("privacy needs authentication"),
            ),
        ] {
            let error = credentials(&kind, &secrets).err().map(|e| e.to_string());
            match wrong {
                None => assert_eq!(error, None, "{kind:?}"),
                Some(wrong) => assert!(error.clone().unwrap().contains(wrong), "{error:?}"),
            }
        }
    }
}
