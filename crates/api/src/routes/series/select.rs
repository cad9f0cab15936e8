//! Series by a selector over their labels.

use super::{SeriesQuery, SeriesResource};
use crate::auth::gate::{Granted, permit};
use crate::page::{Key, Page, Paging};
use crate::problem::{Answer, Kind, Problem};
use axum::Json;
use model::{Metric, SeriesId};
use store::series::{Attached, Selector};

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
    let wrong = |detail: String| Problem::field(Kind::BadQuery, "?match", detail);
    let selector: Selector = text
        .parse()
        .map_err(|error: store::series::SelectorError| wrong(error.to_string()))?;
    if let Some(name) = selector.metric() {
        Metric::named(name).map_err(|error| wrong(error.to_string()))?;
    }
    let filters = format!("match {selector}");
    let paging = Paging::new(query.limit, query.cursor.as_deref(), (ID, false), &filters)?;
    let after: Option<SeriesId> = match paging.after() {
        Some((_, id)) => Some(
            id.parse()
                .map_err(|_| Problem::field(Kind::BadCursor, "?cursor", "it is not one of ours"))?,
        ),
        None => None,
    };
    let (series, inventory) = (
        granted.services().series.clone(),
        granted.services().store.inventory.clone(),
    );
    let work = move || {
        // Where no label is asked for, none need be joined.
        let attached = if selector.matchers().is_empty() {
            Attached::default()
        } else {
            inventory.attached()
        };
        let selected = series.select(&selector, &attached, after, paging.limit());
        let rows = selected.series.iter().filter_map(|found| {
            let place = (Key::Absent, found.id.to_string());
            Some((place, SeriesResource::of(series.series(found.id)?)))
        });
        paging.of_store(rows.collect(), selected.more)
    };
    granted.state().blocking(work).await.map(Json)
}
