//! Credentials as JSON: read without secrets, made, patched.

use crate::merge::{self, Change};
use crate::services::Services;
use model::credential::{AuthProtocol, Credential, CredentialKind, PrivacyProtocol};
use model::{CredentialId, Timestamp};
use serde::{Deserialize, Serialize};
use store::documents::Stored;

/// Which protocol a credential is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CredentialKind)]
pub(crate) enum KindName {
    /// SNMPv1 with a community.
    SnmpV1,
    /// SNMPv2c with a community.
    SnmpV2c,
    /// SNMPv3 with the user-based security model.
    SnmpV3,
}

/// A credential without its secrets.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Credential)]
pub(crate) struct CredentialResource {
    /// The id.
    pub(super) id: CredentialId,
    /// The operator's name for it; unique.
    pub(super) name: String,
    /// Which protocol it is for.
    pub(super) kind: KindName,
    /// SNMPv3: securityName.
    pub(super) user: Option<String>,
    /// SNMPv3: authentication protocol; null means noAuthNoPriv.
    pub(super) auth: Option<AuthProtocol>,
    /// SNMPv3: privacy protocol.
    pub(super) privacy: Option<PrivacyProtocol>,
    /// SNMPv3: contextName.
    pub(super) context: Option<String>,
    /// How many devices are asked with it.
    pub(super) devices: u64,
    /// When it was made.
    pub(super) created_at: Timestamp,
    /// Counts its changes; the ETag.
    pub(super) revision: u64,
}

/// What a credential is made from. `community` is for SNMPv1 and v2c; `user`, `auth`, `privacy` and
/// `context` are for SNMPv3.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CredentialCreate {
    /// The operator's name for it; unique.
    #[schema(min_length = 1)]
    pub(super) name: String,
    /// Which protocol it is for.
    pub(super) kind: KindName,
    /// SNMPv1 and v2c: the community.
    #[serde(default)]
    #[schema(write_only, format = Password)]
    pub(super) community: Option<String>,
    /// SNMPv3: securityName.
    #[serde(default)]
    pub(super) user: Option<String>,
    /// SNMPv3: authentication protocol; without it noAuthNoPriv.
    #[serde(default)]
    pub(super) auth: Option<AuthProtocol>,
    /// SNMPv3: pass phrase of authentication, at least 8 characters.
    #[serde(default)]
    #[schema(write_only, format = Password, min_length = 8)]
    pub(super) auth_passphrase: Option<String>,
    /// SNMPv3: privacy protocol; needs authentication.
    #[serde(default)]
    pub(super) privacy: Option<PrivacyProtocol>,
    /// SNMPv3: pass phrase of privacy, at least 8 characters.
    #[serde(default)]
    #[schema(write_only, format = Password, min_length = 8)]
    pub(super) privacy_passphrase: Option<String>,
    /// SNMPv3: contextName, empty by default.
    #[serde(default)]
    pub(super) context: Option<String>,
}

/// A merge patch (RFC 7396) of a credential. Secrets that are not given stay as they are.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CredentialPatch {
    /// The operator's name for it; unique.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false)]
    pub(super) name: Option<String>,
    /// SNMPv1 and v2c: the community.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(write_only, format = Password, nullable = false)]
    pub(super) community: Option<String>,
    /// SNMPv3: securityName.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false)]
    pub(super) user: Option<String>,
    /// SNMPv3: authentication protocol; null takes authentication and its pass phrase away.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<AuthProtocol>)]
    pub(super) auth: Change<AuthProtocol>,
    /// SNMPv3: pass phrase of authentication.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(write_only, format = Password, min_length = 8, nullable = false)]
    pub(super) auth_passphrase: Option<String>,
    /// SNMPv3: privacy protocol; null takes privacy and its pass phrase away.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<PrivacyProtocol>)]
    pub(super) privacy: Change<PrivacyProtocol>,
    /// SNMPv3: pass phrase of privacy.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(write_only, format = Password, min_length = 8, nullable = false)]
    pub(super) privacy_passphrase: Option<String>,
    /// SNMPv3: contextName; null empties it.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<String>)]
    pub(super) context: Change<String>,
}

/// What is shown of a credential.
pub(super) fn resource(services: &Services, stored: &Stored<Credential>) -> CredentialResource {
    let body = stored.body.clone();
    let devices = services.store.inventory.devices_using(body.id).len() as u64;
    let (kind, user, auth, privacy, context) = parts(body.kind);
    CredentialResource {
        id: body.id,
        name: body.name,
        kind,
        user,
        auth,
        privacy,
        context,
        devices,
        created_at: body.created_at,
        revision: stored.revision,
    }
}

/// A kind of credential taken apart.
pub(super) type Parts = (
    KindName,
    Option<String>,
    Option<AuthProtocol>,
    Option<PrivacyProtocol>,
    Option<String>,
);

/// Takes a kind apart.
pub(super) fn parts(kind: CredentialKind) -> Parts {
    match kind {
        CredentialKind::SnmpV1 => (KindName::SnmpV1, None, None, None, None),
        CredentialKind::SnmpV2c => (KindName::SnmpV2c, None, None, None, None),
        CredentialKind::SnmpV3 {
            user,
            auth,
            privacy,
            context,
        } => (KindName::SnmpV3, Some(user), auth, privacy, Some(context)),
    }
}
