//! Credentials: what devices are asked with. Secrets go in and never come out.

mod draft;
mod shape;

use crate::auth::gate::{Granted, permit};
use crate::body::{Body, Patch};
use crate::command::Command;
use crate::once::NewId;
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::{Answer, Kind, Problem};
use crate::query::{OneOf, PathId, Query};
use crate::revision::{IfMatch, etag};
use crate::services::Services;
use crate::store_problem::of_store;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use draft::Draft;
use model::CredentialId;
use model::credential::{Credential, Secret};
use serde::Deserialize;
use shape::{CredentialCreate, CredentialPatch, CredentialResource, KindName, resource};
use store::StoreError;
use store::documents::{Expect, Stored};

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
    NewId(id): NewId,
    Body(body): Body<CredentialCreate>,
) -> Answer<Response> {
    let services = granted.services();
    let id = CredentialId::reserved(id);
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
        .to_the_end(move |services| async move {
            let credentials = &services.store.credentials;
            if let Some(made_before) = credentials.get(id).await.map_err(of_store)? {
                return Ok(made_before);
            }
            let made = credentials.create(id, name, kind, &secrets).await;
            made.map_err(of_credential)
        })
        .await?;
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
    let stored = services
        .to_the_end(|services| async move {
            let credentials = &services.store.credentials;
            let expect = Expect::Revision(revision);
            let stored = credentials
                .update(id, expect, name, kind, Some(&secrets))
                .await
                .map_err(of_credential)?;
            let command = Command::CredentialChanged { credential_id: id };
            services.send(command).await?;
            Ok(stored)
        })
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
