//! Backups of all that is kept: begin one, follow it, list them. The server takes them; where they
//! are kept, and when they are taken by themselves, is in its settings.

use crate::auth::gate::{Granted, permit};
use crate::command::{BackupRefused, Command};
use crate::once::NewId;
use crate::page::{Key, Page, Paging, sort_field};
use crate::problem::{Answer, Kind, Problem};
use crate::query::{PathId, Query};
use crate::services::Services;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::backup::{Backup, BackupPhase};
use model::{BackupId, Timestamp};
use serde::Deserialize;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long the server may take to begin one, which it does at once.
const START_WAIT: Duration = Duration::from_secs(10);

/// How backups are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct BackupsQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// started_at, ended_at, phase or bytes_written; with a leading `-` the other way. -started_at,
    /// the latest first, where it is not given.
    sort: Option<String>,
}

/// Begins a backup.
#[utoipa::path(post, path = "/backups", tag = "backups", operation_id = "start_backup",
    responses((status = 202, description = "It has begun; follow it at its Location.", body = Backup,
        headers(("Location" = String, description = "Where it is.")))))]
pub(crate) async fn start(
    granted: Granted<permit::ManageStorage>,
    NewId(id): NewId,
) -> Answer<Response> {
    let services = granted.services();
    let id = BackupId::reserved(id);
    let backup = match find(services, id) {
        // An attempt before this one began it.
        Some(backup) => backup,
        None => begin(services, id).await?,
    };
    let location = format!("/api/v1/backups/{}", backup.id);
    Ok((
        StatusCode::ACCEPTED,
        [(header::LOCATION, location)],
        Json(backup),
    )
        .into_response())
}

async fn begin(services: &Services, backup_id: BackupId) -> Answer<Backup> {
    let (reply, answer) = oneshot::channel();
    services
        .send(Command::StartBackup { backup_id, reply })
        .await?;
    let busy = || Problem::busy("The server does not begin backups now.", START_WAIT);
    tokio::time::timeout(START_WAIT, answer)
        .await
        .map_err(|_| busy())?
        .map_err(|_| busy())?
        .map_err(|refused| match refused {
            BackupRefused::NoFolder => Problem::new(
                Kind::Conflict,
                "The settings name no folder for backups: set `backup.folder`.",
            ),
            BackupRefused::Running { backup_id } => Problem::new(
                Kind::Conflict,
                format!("The backup {backup_id} is being taken."),
            ),
        })
}

/// Lists backups, the latest first where nothing else is asked for.
#[utoipa::path(get, path = "/backups", tag = "backups", operation_id = "list_backups",
    params(BackupsQuery),
    responses((status = 200, description = "A page of backups.", body = Page<Backup>)))]
pub(crate) async fn list(
    granted: Granted<permit::ReadSystem>,
    Query(query): Query<BackupsQuery>,
) -> Answer<Json<Page<Backup>>> {
    let sort = query.sort.as_deref().unwrap_or("-started_at");
    let fields = ["started_at", "ended_at", "phase", "bytes_written"];
    let sort = sort_field(Some(sort), &fields)?;
    let paging = Paging::new(query.limit, query.cursor.as_deref(), sort, "")?;
    let backups = granted.services().backups.borrow().clone();
    let rows = backups
        .iter()
        .map(|backup| ((key(backup, sort.0), backup.id.to_string()), backup));
    Ok(Json(paging.take(rows).map(Backup::clone)))
}

fn key(backup: &Backup, field: &str) -> Key {
    match field {
        "ended_at" => Key::maybe_number(backup.ended_at.map(Timestamp::unix_ms)),
        "bytes_written" => Key::maybe_number(Some(backup.bytes_written)),
        "started_at" => Key::Number(backup.started_at.unix_ms()),
        // That at work first.
        _ => Key::Number(match backup.phase {
            BackupPhase::Running => 0,
            BackupPhase::Done => 1,
            BackupPhase::Failed => 2,
        }),
    }
}

/// Reads a backup.
#[utoipa::path(get, path = "/backups/{backup_id}", tag = "backups", operation_id = "get_backup",
    params(("backup_id" = BackupId, Path, description = "The backup.")),
    responses((status = 200, description = "The backup.", body = Backup)))]
pub(crate) async fn get(
    granted: Granted<permit::ReadSystem>,
    PathId(id): PathId<BackupId>,
) -> Answer<Json<Backup>> {
    find(granted.services(), id)
        .map(Json)
        .ok_or_else(|| Problem::not_found("backup", id))
}

fn find(services: &Services, id: BackupId) -> Option<Backup> {
    let backups = services.backups.borrow();
    backups.iter().find(|backup| backup.id == id).cloned()
}
