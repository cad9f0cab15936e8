//! What devices are asked with. The secret part is a type that cannot be printed or serialised.

use crate::{CredentialId, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret: no Debug, no Serialize, zeroed when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret in.
    pub fn new(text: String) -> Self {
        Self(text)
    }
    /// Shows the secret, to hand it to a cipher or a session. Call it as late as possible.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// What an operator may see of a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Credential {
    /// The id.
    pub id: CredentialId,
    /// The operator's name for it.
    pub name: String,
    /// What kind it is, without its secrets.
    #[serde(flatten)]
    pub kind: CredentialKind,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The open part of a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum CredentialKind {
    /// SNMPv1 with a community.
    SnmpV1,
    /// SNMPv2c with a community.
    SnmpV2c,
    /// SNMPv3 with the user-based security model (RFC 3414).
    SnmpV3 {
        /// securityName.
        user: String,
        /// Authentication protocol; none means noAuthNoPriv.
        #[serde(default)]
        auth: Option<AuthProtocol>,
        /// Privacy protocol; needs authentication.
        #[serde(default)]
        privacy: Option<PrivacyProtocol>,
        /// contextName, empty by default.
        #[serde(default)]
        context: String,
    },
}

/// The secret part of a credential.
#[derive(Clone, Default)]
pub struct CredentialSecrets {
    /// Community of v1 and v2c.
    pub community: Option<Secret>,
    /// Authentication pass phrase of v3, at least 8 characters (RFC 3414 section 11.2).
    pub auth: Option<Secret>,
    /// Privacy pass phrase of v3, at least 8 characters.
    pub privacy: Option<Secret>,
}

/// HMAC of USM. Source: RFC 3414, RFC 7860.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

/// Cipher of USM. Source: RFC 3414, RFC 3826 and its extensions to longer keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum PrivacyProtocol {
    /// CBC-DES
    Des,
    /// CFB128-AES-128
    Aes128,
    /// CFB128-AES-192, Blumenthal key extension
    Aes192,
    /// CFB128-AES-256, Blumenthal key extension
    Aes256,
    /// 3DES-EDE, Reeder key extension
    #[serde(rename = "3des")]
    TripleDes,
    /// CFB128-AES-192, Reeder key extension, as Cisco has it
    Aes192c,
    /// CFB128-AES-256, Reeder key extension, as Cisco has it
    Aes256c,
}
