//! Device profiles and MIBs: what can be asked of makes of devices, and tries of it.

use super::devices;
use crate::auth::gate::{Granted, permit};
use crate::body::Body;
use crate::command::Command;
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::{Answer, Faults, Kind, Problem};
use crate::query::{PathId, Query};
use crate::revision::{IfMatch, etag, stale};
use crate::services::Services;
use crate::workbench::{
    Expected, MibObject, MibSummary, ProfileDraft, ProfileMistake, ProfileSummary, ProfileText,
    Reply, TrialAnswer, WalkAnswer, Workbench, WorkbenchError,
};
use axum::Json;
use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use model::DeviceId;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::oneshot;

/// Octets of a MIB's text.
const MIB_LEN_MAX: usize = 1024 * 1024;
/// Octets of a profile's text.
const PROFILE_LEN_MAX: usize = 256 * 1024;
/// Objects of a walk that are told.
const WALKED_MAX: usize = 2_000;

/// Which, and how they are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// name; for the objects of a MIB oid or name. With a leading `-` the other way.
    sort: Option<String>,
    /// Only where this is part of the name, or of what is said of it.
    q: Option<String>,
}

/// What to walk.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WalkRequest {
    /// An OID, or the name of an object: a standard one, or one of an uploaded MIB; also with an
    /// instance behind it (`sysName.0`) or the module before it (`ACME-MIB::acmeTemp`).
    #[schema(max_length = 512)]
    object: String,
    /// Objects that are told at most.
    #[serde(default = "walked")]
    #[schema(minimum = 1, maximum = 2000, default = 200)]
    limit: usize,
}

fn walked() -> usize {
    200
}

/// A MIB to keep.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MibUpload {
    /// The module's text, `NAME DEFINITIONS ::= BEGIN ... END`.
    #[schema(max_length = 1_048_576)]
    text: String,
}

/// What is wrong with a profile.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CheckAnswer {
    /// Each mistake; none where it may be kept.
    mistakes: Vec<ProfileMistake>,
}

/// Lists the device profiles there are.
#[utoipa::path(get, path = "/profiles", tag = "profiles", operation_id = "list_profiles",
    params(ListQuery),
    responses((status = 200, description = "A page of profiles.", body = Page<ProfileSummary>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<ListQuery>,
) -> Answer<Json<Page<ProfileSummary>>> {
    let all = ask(granted.services(), Workbench::Profiles).await?;
    page(&query, &all, "", &BY_NAME, |row, _| Row {
        key: Key::text(&row.name),
        name: &row.name,
        words: &row.summary,
    })
    .map(Json)
}

/// Reads a profile.
#[utoipa::path(get, path = "/profiles/{name}", tag = "profiles", operation_id = "get_profile",
    params(("name" = String, Path, description = "Its name.")),
    responses((status = 200, description = "The profile.", body = ProfileText)))]
pub(crate) async fn get(
    granted: Granted<permit::ReadInventory>,
    Path(name): Path<String>,
) -> Answer<([(HeaderName, HeaderValue); 1], Json<ProfileText>)> {
    let found = ask(granted.services(), |reply| Workbench::Profile(name, reply)).await?;
    Ok((etag(found.revision), Json(found)))
}

/// Keeps a new profile of the operator's own. One with the name of a built-in profile takes its place.
#[utoipa::path(post, path = "/profiles", tag = "profiles", operation_id = "create_profile",
    request_body = ProfileDraft,
    responses((status = 201, description = "The profile as kept.", body = ProfileText)))]
pub(crate) async fn create(
    granted: Granted<permit::WriteInventory>,
    Body(draft): Body<ProfileDraft>,
) -> Answer<(
    StatusCode,
    [(HeaderName, HeaderValue); 2],
    Json<ProfileText>,
)> {
    check_draft(&draft)?;
    let kept = ask(granted.services(), |reply| Workbench::Save {
        draft,
        revision: None,
        reply,
    })
    .await?;
    let place = HeaderValue::from_str(&format!("/api/v1/profiles/{}", kept.name));
    let [tag] = etag(kept.revision);
    let place = (
        header::LOCATION,
        place.unwrap_or(HeaderValue::from_static("/api/v1/profiles")),
    );
    Ok((StatusCode::CREATED, [tag, place], Json(kept)))
}

/// The text of a profile.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileChange {
    /// Its TOML.
    #[schema(max_length = 262_144)]
    text: String,
}

/// Changes a profile of the operator's own.
#[utoipa::path(put, path = "/profiles/{name}", tag = "profiles", operation_id = "change_profile",
    params(("name" = String, Path, description = "Its name."),
        ("If-Match" = String, Header, description = "ETag of what was read.")),
    request_body = ProfileChange,
    responses((status = 200, description = "The profile as kept.", body = ProfileText)))]
pub(crate) async fn change(
    granted: Granted<permit::WriteInventory>,
    Path(name): Path<String>,
    if_match: IfMatch,
    Body(body): Body<ProfileChange>,
) -> Answer<([(HeaderName, HeaderValue); 1], Json<ProfileText>)> {
    let draft = ProfileDraft {
        name,
        text: body.text,
    };
    check_draft(&draft)?;
    let revision = Some(expected(if_match));
    let kept = ask(granted.services(), |reply| Workbench::Save {
        draft,
        revision,
        reply,
    })
    .await?;
    Ok((etag(kept.revision), Json(kept)))
}

/// Deletes a profile of the operator's own; a built-in one of that name is in its place again.
#[utoipa::path(delete, path = "/profiles/{name}", tag = "profiles", operation_id = "delete_profile",
    params(("name" = String, Path, description = "Its name."),
        ("If-Match" = String, Header, description = "ETag of what was read.")),
    responses((status = 204, description = "It is deleted.")))]
pub(crate) async fn delete(
    granted: Granted<permit::WriteInventory>,
    Path(name): Path<String>,
    if_match: IfMatch,
) -> Answer<StatusCode> {
    let revision = expected(if_match);
    ask(granted.services(), |reply| Workbench::Delete {
        name,
        revision,
        reply,
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells what is wrong with a profile, line by line. Nothing is kept.
#[utoipa::path(post, path = "/profile-checks", tag = "profiles", operation_id = "check_profile",
    request_body = ProfileDraft,
    responses((status = 200, description = "The mistakes.", body = CheckAnswer)))]
pub(crate) async fn check(
    granted: Granted<permit::ReadInventory>,
    Body(draft): Body<ProfileDraft>,
) -> Answer<Json<CheckAnswer>> {
    check_draft(&draft)?;
    let mistakes = ask(granted.services(), |reply| Workbench::Check(draft, reply)).await?;
    Ok(Json(CheckAnswer { mistakes }))
}

/// Reads a device with a profile that is not kept. Nothing of it is taken in.
#[utoipa::path(post, path = "/devices/{device_id}/profile-trial", tag = "profiles", operation_id = "try_profile",
    params(("device_id" = DeviceId, Path, description = "The device.")),
    request_body = ProfileDraft,
    responses((status = 200, description = "What it brings.", body = TrialAnswer)))]
pub(crate) async fn try_on(
    granted: Granted<permit::WriteInventory>,
    PathId(device_id): PathId<DeviceId>,
    Body(draft): Body<ProfileDraft>,
) -> Answer<Json<TrialAnswer>> {
    devices::find(granted.services(), device_id)?;
    check_draft(&draft)?;
    ask(granted.services(), |reply| Workbench::Try {
        device_id,
        draft,
        reply,
    })
    .await
    .map(Json)
}

/// Walks a part of a device, to see what it has.
#[utoipa::path(post, path = "/devices/{device_id}/walk", tag = "profiles", operation_id = "walk_device",
    params(("device_id" = DeviceId, Path, description = "The device.")),
    request_body = WalkRequest,
    responses((status = 200, description = "What there is.", body = WalkAnswer)))]
pub(crate) async fn walk(
    granted: Granted<permit::WriteInventory>,
    PathId(device_id): PathId<DeviceId>,
    Body(body): Body<WalkRequest>,
) -> Answer<Json<WalkAnswer>> {
    devices::find(granted.services(), device_id)?;
    let mut faults = Faults::default();
    if body.limit == 0 || body.limit > WALKED_MAX {
        faults.add("/limit", format!("1 to {WALKED_MAX} objects can be told."));
    }
    if body.object.len() > 512 {
        faults.add("/object", "An OID or a name has at most 512 characters.");
    }
    faults.into_result()?;
    let WalkRequest { object, limit } = body;
    ask(granted.services(), |reply| Workbench::Walk {
        device_id,
        object,
        limit,
        reply,
    })
    .await
    .map(Json)
}

/// Lists the MIBs that were uploaded.
#[utoipa::path(get, path = "/mibs", tag = "profiles", operation_id = "list_mibs",
    params(ListQuery),
    responses((status = 200, description = "A page of MIBs.", body = Page<MibSummary>)))]
pub(crate) async fn mibs(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<ListQuery>,
) -> Answer<Json<Page<MibSummary>>> {
    let all = ask(granted.services(), Workbench::Mibs).await?;
    page(&query, &all, "", &BY_NAME, |row, _| Row {
        key: Key::text(&row.name),
        name: &row.name,
        words: "",
    })
    .map(Json)
}

/// Keeps a MIB; one of the same name is replaced.
#[utoipa::path(post, path = "/mibs", tag = "profiles", operation_id = "upload_mib",
    request_body = MibUpload,
    responses((status = 201, description = "The MIB as it could be read.", body = MibSummary)))]
pub(crate) async fn upload_mib(
    granted: Granted<permit::WriteInventory>,
    Body(body): Body<MibUpload>,
) -> Answer<(StatusCode, Json<MibSummary>)> {
    if body.text.len() > MIB_LEN_MAX {
        return Err(Problem::field(
            Kind::Invalid,
            "/text",
            "A MIB has at most 1 MiB.",
        ));
    }
    let kept = ask(granted.services(), |reply| {
        Workbench::SaveMib(body.text, reply)
    })
    .await?;
    Ok((StatusCode::CREATED, Json(kept)))
}

/// Deletes a MIB. Profiles that were written from it stay as they are.
#[utoipa::path(delete, path = "/mibs/{name}", tag = "profiles", operation_id = "delete_mib",
    params(("name" = String, Path, description = "The module's name.")),
    responses((status = 204, description = "It is deleted.")))]
pub(crate) async fn delete_mib(
    granted: Granted<permit::WriteInventory>,
    Path(name): Path<String>,
) -> Answer<StatusCode> {
    ask(granted.services(), |reply| {
        Workbench::DeleteMib(name, reply)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the objects of a MIB.
#[utoipa::path(get, path = "/mibs/{name}/objects", tag = "profiles", operation_id = "list_mib_objects",
    params(("name" = String, Path, description = "The module's name."), ListQuery),
    responses((status = 200, description = "A page of objects.", body = Page<MibObject>)))]
pub(crate) async fn mib_objects(
    granted: Granted<permit::ReadInventory>,
    Path(name): Path<String>,
    Query(query): Query<ListQuery>,
) -> Answer<Json<Page<MibObject>>> {
    let list = name.clone();
    let all = ask(granted.services(), |reply| {
        Workbench::MibObjects(name, reply)
    })
    .await?;
    page(&query, &all, &list, &["oid", "name"], |row, field| Row {
        key: match field {
            "name" => Key::text(&row.name),
            _ => oid_key(&row.oid),
        },
        name: &row.name,
        words: &row.description,
    })
    .map(Json)
}

fn expected(if_match: IfMatch) -> Expected {
    match if_match {
        IfMatch::Any => Expected::Any,
        IfMatch::Revision(revision) => Expected::Revision(revision),
    }
}

fn check_draft(draft: &ProfileDraft) -> Answer<()> {
    let mut faults = Faults::default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let begins = draft.name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !begins || draft.name.len() > 64 || !draft.name.chars().all(is_name) {
        faults.add(
            "/name",
            "A name has 1 to 64 letters, digits, `-` and `_`, the first a letter or digit.",
        );
    }
    if draft.text.len() > PROFILE_LEN_MAX {
        faults.add("/text", "A profile has at most 256 KiB.");
    }
    faults.into_result()
}

async fn ask<T>(services: &Services, question: impl FnOnce(Reply<T>) -> Workbench) -> Answer<T> {
    let (reply, answer) = oneshot::channel();
    services.send(Command::Workbench(question(reply))).await?;
    let answer = answer
        .await
        .map_err(|_| Problem::busy("The server is stopping.", Duration::from_secs(10)))?;
    answer.map_err(problem)
}

fn problem(error: WorkbenchError) -> Problem {
    match error {
        WorkbenchError::NotFound { what, name } => Problem::not_found(what, name),
        WorkbenchError::Conflict(detail) | WorkbenchError::Device(detail) => {
            Problem::new(Kind::Conflict, detail)
        }
        WorkbenchError::Stale(found) => stale(found),
        WorkbenchError::Invalid(errors) => {
            let mut faults = Faults::default();
            for (pointer, detail) in errors {
                faults.add(pointer, detail);
            }
            // A refusal that points at nothing is still one.
            let refused = faults.into_result().err();
            refused.unwrap_or_else(|| Problem::new(Kind::Invalid, "It is refused."))
        }
        WorkbenchError::Busy => Problem::busy(
            "As many devices as are allowed are being read.",
            Duration::from_secs(5),
        ),
        WorkbenchError::Failed(detail) => Problem::new(Kind::Internal, detail),
    }
}

/// Refuses a name at `pointer` of a body by which no device can be read.
pub(crate) async fn check_usable(
    services: &Services,
    pointer: &str,
    name: Option<&str>,
) -> Answer<()> {
    let Some(name) = name else {
        return Ok(());
    };
    let usable = ask(services, |reply| {
        Workbench::IsUsable(name.to_owned(), reply)
    });
    if usable.await? {
        return Ok(());
    }
    let detail = format!("there is no profile `{name}` that devices can be read by");
    Err(Problem::field(Kind::Invalid, pointer, detail))
}

/// What a list of names is sorted by.
const BY_NAME: [&str; 1] = ["name"];

/// A row as its list is sorted and searched.
struct Row<'a> {
    key: Key,
    name: &'a str,
    words: &'a str,
}

/// An OID so that text sorts as OIDs do: each arc with as many digits as the largest has. Longer ones
/// than a key holds (23 arcs) are sorted by what fits, then by name.
fn oid_key(oid: &str) -> Key {
    let arcs = oid.split('.').map(|arc| format!("{arc:0>10}"));
    Key::text(&arcs.collect::<Vec<_>>().join("."))
}

fn page<T: Clone>(
    query: &ListQuery,
    all: &[T],
    list: &str,
    fields: &[&'static str],
    of: impl for<'a> Fn(&'a T, &str) -> Row<'a>,
) -> Answer<Page<T>> {
    let (field, descending) = sort_field(query.sort.as_deref(), fields)?;
    let paging = Paging::new(
        query.limit,
        query.cursor.as_deref(),
        (field, descending),
        &format!("{list}\n{:?}", query.q),
    )?;
    let needle = query.q.as_deref().unwrap_or("").to_lowercase();
    let rows = all.iter().filter_map(|item| {
        let row = of(item, field);
        let fits =
            row.name.to_lowercase().contains(&needle) || row.words.to_lowercase().contains(&needle);
        fits.then(|| ((row.key, row.name.to_owned()), item))
    });
    Ok(paging.take(rows).map(T::clone))
}
