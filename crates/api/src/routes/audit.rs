//! Who changed or took what was measured.

use crate::auth::gate::{App, Granted, permit};
use crate::page::{Key, Page, Paging, Place};
use crate::problem::{Answer, Kind, Problem};
use crate::query::Query;
use crate::store_problem::of_store;
use axum::Json;
use model::{Timestamp, UserId};
use serde::Deserialize;
use store::audit::{AuditAction, AuditEntry, AuditFilter};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes under `/audit`.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Which entries, and how they are paged.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Rows of a page, 1 to 1000; 100 where it is not given. A page may have fewer though there are
    /// more: `next_cursor` says.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Always -at, the newest first.
    sort: Option<String>,
    /// Only of this action.
    #[param(inline)]
    action: Option<AuditAction>,
    /// Only what this user did.
    who: Option<UserId>,
    /// Only what began then or later.
    #[param(value_type = Option<Timestamp>)]
    from: Option<Timestamp>,
    /// Only what began before.
    #[param(value_type = Option<Timestamp>)]
    to: Option<Timestamp>,
}

/// Lists who changed or took what was measured, the newest first: of 400 days, and no more than 100,000
/// entries. For administrators.
#[utoipa::path(get, path = "/audit", tag = "storage", operation_id = "list_audit",
    params(AuditQuery),
    responses((status = 200, description = "A page of entries.", body = Page<AuditEntry>)))]
pub(crate) async fn list(
    granted: Granted<permit::ManageStorage>,
    Query(query): Query<AuditQuery>,
) -> Answer<Json<Page<AuditEntry>>> {
    if query.sort.as_deref().is_some_and(|sort| sort != "-at") {
        let detail = "the newest come first: `-at`";
        return Err(Problem::field(Kind::BadQuery, "?sort", detail));
    }
    let filter = AuditFilter {
        action: query.action,
        user_id: query.who,
        from: query.from,
        to: query.to,
    };
    let filters = format!("{filter:?}");
    let paging = Paging::new(query.limit, query.cursor.as_deref(), ("at", true), &filters)?;
    let after = paging.after().map(|(_, id)| id.clone());
    let audit = &granted.services().store.audit;
    let (entries, next) = audit
        .page(&filter, after, paging.limit())
        .await
        .map_err(of_store)?;
    let next: Option<Place> = next.map(|id| (Key::Absent, id));
    Ok(Json(paging.going_on(entries, next.as_ref())))
}
