//! Series by a selector over their labels.

use super::{SeriesQuery, SeriesResource};
use crate::auth::gate::{Granted, permit};
use crate::page::{Key, Page, Paging};
use crate::problem::{Answer, Kind, Problem};
use axum::Json;
use model::{Metric, SeriesId};
use std::sync::Arc;
use std::time::Instant;
use store::series::{Attached, Selector, SelectorError};

/// What they are sorted by.
const ID: &str = "id";

/// A page of the series that `match` means, by id.
pub(super) async fn list(
    granted: &Granted<permit::ReadInventory>,
    text: &str,
    query: &SeriesQuery,
) -> Answer<Json<Page<SeriesResource>>> {
    let besides = [
        ("?sort", query.sort.is_some()),
        ("?device_id", query.device_id.is_some()),
        ("?interface_id", query.interface_id.is_some()),
        ("?metric", query.metric.is_some()),
    ];
    if let Some((name, _)) = besides.into_iter().find(|(_, given)| *given) {
        let detail = "it does not go with match, which has labels for it; those are by id";
        return Err(Problem::field(Kind::BadQuery, name, detail));
    }
    let (series, inventory) = (
        granted.services().series.clone(),
        granted.services().store.inventory.clone(),
    );
    let until = Instant::now() + granted.services().options.request_timeout;
    let (text, limit, cursor) = (text.to_owned(), query.limit, query.cursor.clone());
    // Expressions are compiled where blocking is allowed, and no more at a time than there are readers.
    let work = move || -> Answer<Page<SeriesResource>> {
        let wrong = |detail: String| Problem::field(Kind::BadQuery, "?match", detail);
        let selector: Selector = text
            .parse()
            .map_err(|error: SelectorError| wrong(error.to_string()))?;
        if let Some(name) = selector.metric() {
            Metric::named(name).map_err(|error| wrong(error.to_string()))?;
        }
        let filters = format!("match {selector}");
        let paging = Paging::new(limit, cursor.as_deref(), (ID, false), &filters)?;
        let no_id = |_| Problem::field(Kind::BadCursor, "?cursor", "it is not one of ours");
        let after = paging.after().map(|(_, id)| id.parse());
        let after: Option<SeriesId> = after.transpose().map_err(no_id)?;
        // Where no label is asked for, none need be joined.
        let attached = if selector.matchers().is_empty() {
            Arc::new(Attached::default())
        } else {
            inventory.attached()
        };
        let page = (after, paging.limit());
        let selected = series.select_until(&selector, &attached, page, Some(until));
        let late = || Problem::new(Kind::Timeout, "It took too long; ask for less.");
        let selected = selected.ok_or_else(late)?;
        // Of a device that is deleted meanwhile there are no rows, and others may be behind them.
        let last = selected.series.last().filter(|_| selected.more);
        let next = last.map(|found| (Key::Absent, found.id.to_string()));
        let rows = selected.series.iter();
        let rows = rows.filter_map(|found| Some(SeriesResource::of(series.series(found.id)?)));
        Ok(paging.going_on(rows.collect(), next.as_ref()))
    };
    granted.state().blocking(work).await?.map(Json)
}
