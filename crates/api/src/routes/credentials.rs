//! Credentials: what devices are asked with. Secrets go in and never come out.

use super::device_fields::objection;
use crate::auth::gate::{Granted, permit};
use crate::body::{Body, Patch};
use crate::command::Command;
use crate::merge::{self, Change};
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::{Answer, Faults, Kind, Problem};
use crate::query::{OneOf, PathId, Query};
use crate::revision::{IfMatch, etag};
use crate::services::Services;
use crate::store_problem::of_store;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::credential::{
    AuthProtocol, Credential, CredentialKind, CredentialSecrets, PrivacyProtocol, Secret,
};
use model::{CredentialId, Timestamp};
use serde::{Deserialize, Serialize};
use store::StoreError;
use store::documents::{Expect, Stored};

/// Shortest pass phrase of SNMPv3, in characters (RFC 3414 section 11.2).
const PASSPHRASE_LEN_MIN: usize = 8;

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
    id: CredentialId,
    /// The operator's name for it; unique.
    name: String,
    /// Which protocol it is for.
    kind: KindName,
    /// SNMPv3: securityName.
    user: Option<String>,
    /// SNMPv3: authentication protocol; null means noAuthNoPriv.
    auth: Option<AuthProtocol>,
    /// SNMPv3: privacy protocol.
    privacy: Option<PrivacyProtocol>,
    /// SNMPv3: contextName.
    context: Option<String>,
    /// How many devices are asked with it.
    devices: u64,
    /// When it was made.
    created_at: Timestamp,
    /// Counts its changes; the ETag.
    revision: u64,
}

/// What a credential is made from. `community` is for SNMPv1 and v2c; `user`, `auth`, `privacy` and
/// `context` are for SNMPv3.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CredentialCreate {
    /// The operator's name for it; unique.
    name: String,
    /// Which protocol it is for.
    kind: KindName,
    /// SNMPv1 and v2c: the community.
    #[serde(default)]
    #[schema(write_only, format = Password)]
    community: Option<String>,
    /// SNMPv3: securityName.
    #[serde(default)]
    user: Option<String>,
    /// SNMPv3: authentication protocol; without it noAuthNoPriv.
    #[serde(default)]
    auth: Option<AuthProtocol>,
    /// SNMPv3: pass phrase of authentication, at least 8 characters.
    #[serde(default)]
    #[schema(write_only, format = Password, min_length = 8)]
    auth_passphrase: Option<String>,
    /// SNMPv3: privacy protocol; needs authentication.
    #[serde(default)]
    privacy: Option<PrivacyProtocol>,
    /// SNMPv3: pass phrase of privacy, at least 8 characters.
    #[serde(default)]
    #[schema(write_only, format = Password, min_length = 8)]
    privacy_passphrase: Option<String>,
    /// SNMPv3: contextName, empty by default.
    #[serde(default)]
    context: Option<String>,
}

/// A merge patch (RFC 7396) of a credential. Secrets that are not given stay as they are.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CredentialPatch {
    /// The operator's name for it; unique.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false)]
    name: Option<String>,
    /// SNMPv1 and v2c: the community.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(write_only, format = Password, nullable = false)]
    community: Option<String>,
    /// SNMPv3: securityName.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(nullable = false)]
    user: Option<String>,
    /// SNMPv3: authentication protocol; null takes authentication and its pass phrase away.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<AuthProtocol>)]
    auth: Change<AuthProtocol>,
    /// SNMPv3: pass phrase of authentication.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(write_only, format = Password, min_length = 8, nullable = false)]
    auth_passphrase: Option<String>,
    /// SNMPv3: privacy protocol; null takes privacy and its pass phrase away.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<PrivacyProtocol>)]
    privacy: Change<PrivacyProtocol>,
    /// SNMPv3: pass phrase of privacy.
    #[serde(default, deserialize_with = "merge::not_null")]
    #[schema(write_only, format = Password, min_length = 8, nullable = false)]
    privacy_passphrase: Option<String>,
    /// SNMPv3: contextName; null empties it.
    #[serde(default, deserialize_with = "merge::nullable")]
    #[schema(value_type = Option<String>)]
    context: Change<String>,
}

/// Which credentials, and how they are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct CredentialsQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// name, kind or created_at; with a leading `-` the other way.
    sort: Option<String>,
    /// Only of these kinds, with commas between.
    #[param(value_type = Option<String>, example = "snmp_v3")]
    kind: OneOf<KindName>,
    /// Only where this is part of the name or the user.
    q: Option<String>,
}

/// Lists credentials.
#[utoipa::path(get, path = "/credentials", tag = "credentials", operation_id = "list_credentials",
    params(CredentialsQuery),
    responses((status = 200, description = "A page of credentials, without secrets.", body = Page<CredentialResource>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadCredentials>,
    Query(query): Query<CredentialsQuery>,
) -> Answer<Json<Page<CredentialResource>>> {
    let sort = sort_field(query.sort.as_deref(), &["name", "kind", "created_at"])?;
    let filters = format!("{:?}{:?}", query.kind, query.q);
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, &filters)?;
    let needle = query.q.as_deref().map(str::to_lowercase);
    let services = granted.services();
    let rows = services.store.credentials.list().await.map_err(of_store)?;
    let rows = rows
        .iter()
        .map(|stored| resource(services, stored))
        .filter(|row| query.kind.takes(&row.kind))
        .filter(|row| {
            needle.as_deref().is_none_or(|needle| {
                let texts = [Some(row.name.as_str()), row.user.as_deref()];
                let mut texts = texts.into_iter().flatten();
                texts.any(|text| text.to_lowercase().contains(needle))
            })
        })
        .map(|row| {
            let key = match sort.0 {
                "kind" => Key::Number(row.kind as i64),
                "created_at" => Key::Number(row.created_at.unix_ms()),
                _ => Key::text(&row.name),
            };
            ((key, row.id.to_string()), row)
        });
    Ok(Json(paging.take(rows)))
}

/// Keeps a credential, its secrets sealed.
#[utoipa::path(post, path = "/credentials", tag = "credentials", operation_id = "create_credential",
    request_body = CredentialCreate,
    responses((status = 201, description = "The credential, without its secrets.", body = CredentialResource,
        headers(("ETag" = String, description = "Its revision."), ("Location" = String, description = "Where it is.")))))]
pub(crate) async fn create(
    granted: Granted<permit::WriteCredentials>,
    Body(body): Body<CredentialCreate>,
) -> Answer<Response> {
    let services = granted.services();
    let draft = Draft {
        name: body.name,
        kind: body.kind,
        user: body.user,
        auth: body.auth,
        privacy: body.privacy,
        context: body.context,
        community: body.community.map(Secret::new),
        auth_passphrase: body.auth_passphrase.map(Secret::new),
        privacy_passphrase: body.privacy_passphrase.map(Secret::new),
    };
    let (name, kind, secrets) = draft.finish()?;
    let stored = services
        .store
        .credentials
        .create(name, kind, &secrets)
        .await
        .map_err(of_credential)?;
    let location = format!("/api/v1/credentials/{}", stored.id);
    Ok((
        StatusCode::CREATED,
        etag(stored.revision),
        [(header::LOCATION, location)],
        Json(resource(services, &stored)),
    )
        .into_response())
}

/// Reads a credential.
#[utoipa::path(get, path = "/credentials/{credential_id}", tag = "credentials", operation_id = "get_credential",
    params(("credential_id" = CredentialId, Path, description = "The credential.")),
    responses((status = 200, description = "The credential, without its secrets.", body = CredentialResource,
        headers(("ETag" = String, description = "Its revision.")))))]
pub(crate) async fn get(
    granted: Granted<permit::ReadCredentials>,
    PathId(id): PathId<CredentialId>,
) -> Answer<Response> {
    let services = granted.services();
    let stored = find(services, id).await?;
    Ok((etag(stored.revision), Json(resource(services, &stored))).into_response())
}

/// Changes a credential; devices are asked with it from now on.
#[utoipa::path(patch, path = "/credentials/{credential_id}", tag = "credentials", operation_id = "update_credential",
    params(("credential_id" = CredentialId, Path, description = "The credential."),
        ("If-Match" = String, Header, description = "The ETag that was read.")),
    request_body(content = CredentialPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The credential as changed, without its secrets.", body = CredentialResource,
        headers(("ETag" = String, description = "Its revision.")))))]
pub(crate) async fn update(
    granted: Granted<permit::WriteCredentials>,
    PathId(id): PathId<CredentialId>,
    if_match: IfMatch,
    Patch(patch): Patch<CredentialPatch>,
) -> Answer<Response> {
    let services = granted.services();
    let stored = find(services, id).await?;
    let revision = if_match.check(stored.revision)?;
    let credentials = &services.store.credentials;
    let secrets = credentials.secrets(id).await.map_err(of_store)?;
    let mut draft = Draft::of(stored.body, secrets);
    draft.apply(patch);
    let (name, kind, secrets) = draft.finish()?;
    let stored = credentials
        .update(id, Expect::Revision(revision), name, kind, Some(&secrets))
        .await
        .map_err(of_credential)?;
    services
        .send(Command::CredentialChanged { credential_id: id })
        .await?;
    Ok((etag(stored.revision), Json(resource(services, &stored))).into_response())
}

/// Deletes a credential; refused while a device is asked with it.
#[utoipa::path(delete, path = "/credentials/{credential_id}", tag = "credentials", operation_id = "delete_credential",
    params(("credential_id" = CredentialId, Path, description = "The credential."),
        ("If-Match" = String, Header, description = "The ETag that was read.")),
    responses((status = 204, description = "It is gone.")))]
pub(crate) async fn delete(
    granted: Granted<permit::WriteCredentials>,
    PathId(id): PathId<CredentialId>,
    if_match: IfMatch,
) -> Answer<StatusCode> {
    let services = granted.services();
    let stored = find(services, id).await?;
    let revision = if_match.check(stored.revision)?;
    services
        .store
        .credentials
        .delete(id, Expect::Revision(revision))
        .await
        .map_err(of_store)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(services: &Services, id: CredentialId) -> Answer<Stored<Credential>> {
    let credentials = &services.store.credentials;
    credentials
        .get(id)
        .await
        .map_err(of_store)?
        .ok_or_else(|| Problem::not_found("credential", id))
}

fn of_credential(error: StoreError) -> Problem {
    match error {
        StoreError::Duplicate { .. } => {
            Problem::field(Kind::Conflict, "/name", "another credential has that name")
        }
        error => of_store(error),
    }
}

fn resource(services: &Services, stored: &Stored<Credential>) -> CredentialResource {
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

type Parts = (
    KindName,
    Option<String>,
    Option<AuthProtocol>,
    Option<PrivacyProtocol>,
    Option<String>,
);

fn parts(kind: CredentialKind) -> Parts {
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

/// A credential as it is to be, before it is checked.
struct Draft {
    name: String,
    kind: KindName,
    user: Option<String>,
    auth: Option<AuthProtocol>,
    privacy: Option<PrivacyProtocol>,
    context: Option<String>,
    community: Option<Secret>,
    auth_passphrase: Option<Secret>,
    privacy_passphrase: Option<Secret>,
}

impl Draft {
    fn of(kept: Credential, secrets: CredentialSecrets) -> Self {
        let (kind, user, auth, privacy, context) = parts(kept.kind);
        Self {
            name: kept.name,
            kind,
            user,
            auth,
            privacy,
            context,
            community: secrets.community,
            auth_passphrase: secrets.auth,
            privacy_passphrase: secrets.privacy,
        }
    }

    fn apply(&mut self, patch: CredentialPatch) {
        if let Some(name) = patch.name {
            self.name = name;
        }
        if let Some(user) = patch.user {
            self.user = Some(user);
        }
        if let Some(auth) = patch.auth {
            self.auth = auth;
            if auth.is_none() {
                self.auth_passphrase = None;
            }
        }
        if let Some(privacy) = patch.privacy {
            self.privacy = privacy;
            if privacy.is_none() {
                self.privacy_passphrase = None;
            }
        }
        if let Some(context) = patch.context {
            self.context = context;
        }
        for (kept, given) in [
            (&mut self.community, patch.community),
            (&mut self.auth_passphrase, patch.auth_passphrase),
            (&mut self.privacy_passphrase, patch.privacy_passphrase),
        ] {
            if let Some(given) = given {
                *kept = Some(Secret::new(given));
            }
        }
    }

    /// Checks it and takes it apart into what is kept.
    fn finish(mut self) -> Answer<(String, CredentialKind, CredentialSecrets)> {
        let mut faults = Faults::default();
        self.name = self.name.trim().to_owned();
        if self.name.is_empty() {
            faults.add("/name", "a name is needed");
        } else if let Some(objection) = objection(&self.name) {
            faults.add("/name", objection);
        }
        if self.kind == KindName::SnmpV3 {
            self.check_v3(&mut faults);
        } else {
            self.check_community(&mut faults);
        }
        faults.into_result()?;
        let kind = match self.kind {
            KindName::SnmpV1 => CredentialKind::SnmpV1,
            KindName::SnmpV2c => CredentialKind::SnmpV2c,
            KindName::SnmpV3 => CredentialKind::SnmpV3 {
                user: self.user.unwrap_or_default(),
                auth: self.auth,
                privacy: self.privacy,
                context: self.context.unwrap_or_default(),
            },
        };
        let secrets = CredentialSecrets {
            community: self.community,
            auth: self.auth_passphrase,
            privacy: self.privacy_passphrase,
        };
        Ok((self.name, kind, secrets))
    }

    fn check_community(&self, faults: &mut Faults) {
        match &self.community {
            None => faults.add("/community", "a community is needed"),
            Some(given) if given.reveal().is_empty() => {
                faults.add("/community", "a community is needed");
            }
            Some(given) => {
                if let Some(objection) = objection(given.reveal()) {
                    faults.add("/community", objection);
                }
            }
        }
        for (pointer, given) in [
            ("/user", self.user.is_some()),
            ("/auth", self.auth.is_some()),
            ("/auth_passphrase", self.auth_passphrase.is_some()),
            ("/privacy", self.privacy.is_some()),
            ("/privacy_passphrase", self.privacy_passphrase.is_some()),
            (
                "/context",
                self.context.as_deref().is_some_and(|c| !c.is_empty()),
            ),
        ] {
            if given {
                faults.add(pointer, "it is for snmp_v3 only");
            }
        }
    }

    fn check_v3(&self, faults: &mut Faults) {
        let user = self.user.as_deref().unwrap_or_default();
        // SnmpAdminString (SIZE(1..32)) of usmUserName. Source: RFC 3414.
        if user.is_empty() || user.len() > 32 {
            faults.add("/user", "a user of 1 to 32 octets is needed");
        } else if let Some(objection) = objection(user) {
            faults.add("/user", objection);
        }
        if let Some(objection) = self.context.as_deref().and_then(objection) {
            faults.add("/context", objection);
        }
        if self.community.is_some() {
            faults.add("/community", "it is for snmp_v1 and snmp_v2c only");
        }
        if self.privacy.is_some() && self.auth.is_none() {
            faults.add("/privacy", "privacy needs authentication");
        }
        check_passphrase(
            ("/auth_passphrase", "/auth"),
            self.auth.is_some(),
            self.auth_passphrase.as_ref(),
            faults,
        );
        check_passphrase(
            ("/privacy_passphrase", "/privacy"),
            self.privacy.is_some(),
            self.privacy_passphrase.as_ref(),
            faults,
        );
    }
}

fn check_passphrase(
    (pointer, protocol): (&str, &str),
    needed: bool,
    given: Option<&Secret>,
    faults: &mut Faults,
) {
    match given.map(Secret::reveal) {
        None if needed => faults.add(pointer, "a pass phrase is needed"),
        Some(_) if !needed => faults.add(pointer, format!("{protocol} names no protocol for it")),
        // RFC 3414 section 11.2.
        Some(text) if text.chars().count() < PASSPHRASE_LEN_MIN => faults.add(
            pointer,
            format!("at least {PASSPHRASE_LEN_MIN} characters are needed"),
        ),
        Some(text) => {
            if let Some(objection) = objection(text) {
                faults.add(pointer, objection);
            }
        }
        None => {}
    }
}
