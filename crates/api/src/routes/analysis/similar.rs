//! Series that move as one does: among those of its device, its site or its metric. Computed when it is asked for.

use super::{AnalysisGround, AnalysisQuery, Whole, analysed, hours};
use crate::auth::gate::{App, Granted, permit};
use crate::foresight::Ground;
use crate::foresight::input::{self, Input};
use crate::foresight::pattern::local_samples;
use crate::foresight::subject::Subject;
use crate::problem::{Answer, Kind, Problem};
use crate::query::Query;
use crate::sampling::not_read;
use analytics::profile::week_profile;
use analytics::similar::{Sketch, groups, together};
use axum::Json;
use model::metric::Kind as MetricKind;
use model::series::Series;
use model::{DeviceId, Metric, SeriesId, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Series that are compared with one, at most: each is read, by hours, within the time of a request.
pub(crate) const CANDIDATES_MAX: usize = 200;
/// Series that are told, at most and where nothing is asked for.
const TOLD_MAX: u32 = 50;
const TOLD_DEFAULT: u32 = 10;
/// Hours by which one may be behind the other.
const LAG_MAX: usize = 12;
/// Weeks are of one group that are so alike on the average.
const ALIKE: f64 = 0.8;
/// What is no traffic of its own: said of other series.
const DERIVED: [Metric; 3] = [
    Metric::ANOMALY_SCORE,
    Metric::FORECAST,
    Metric::FLOW_TALKER_SHARE,
];

/// The route of similar series.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(similar))
}

/// Among which series it is looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SimilarAmong)]
pub(crate) enum Among {
    /// All of the same device.
    Device,
    /// Those of the same metric at the same site; of the same device where it has no site.
    Site,
    /// Those of the same metric, of the same device first, then of the same site.
    #[default]
    Metric,
}

/// Which series, of when, and among which.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SimilarQuery {
    /// The series.
    series_id: SeriesId,
    /// Where the range begins; 28 days before its end where it is not given, at most 400.
    #[serde(default)]
    #[param(value_type = Option<Timestamp>)]
    from: Option<Timestamp>,
    /// Where it ends; now where it is not given.
    #[serde(default)]
    #[param(value_type = Option<Timestamp>)]
    to: Option<Timestamp>,
    /// Among which series: device, site or metric.
    #[serde(default)]
    #[param(inline)]
    among: Among,
    /// Series that are told, 1 to 50; 10 where it is not given.
    #[serde(default)]
    #[param(minimum = 1, maximum = 50)]
    limit: Option<u32>,
}

/// Series that move as one does. Steps are always of an hour.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Similar {
    /// Of what it is said.
    #[serde(flatten)]
    ground: AnalysisGround,
    /// Among which series it was looked.
    among: Among,
    /// Series that were compared.
    compared: usize,
    /// Those that would have been too, and are more than are compared for one answer.
    left_out: usize,
    /// Those that move most alike, the most alike first.
    items: Vec<SimilarSeries>,
    /// The group that its week is one of; null where its week does not vary.
    cluster: Option<Cluster>,
}

/// A series that moves as another does.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SimilarSeries {
    /// The series.
    #[serde(flatten)]
    subject: Subject,
    /// The correlation at the lag, -1 to 1.
    correlation: f64,
    /// Seconds by which it is behind; under 0 where it is before.
    lag_secs: i64,
    /// Pairs of hours of which the correlation is.
    pairs: usize,
    /// How alike the usual weeks of the two are, -1 to 1; null where one does not vary or is not known.
    week_likeness: Option<f64>,
    /// Whether its week is of the same group.
    is_of_cluster: bool,
}

/// Series whose weeks are alike.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SimilarCluster)]
pub(crate) struct Cluster {
    /// Series of the group, this one too.
    size: usize,
    /// Groups among all that were compared.
    clusters: usize,
    /// The likeness from which on weeks are of one group, on the average of all pairs.
    alike: f64,
}

/// Finds series that move as one does.
#[utoipa::path(get, path = "/analysis/similar", tag = "foresight", operation_id = "get_similar_series",
    params(SimilarQuery),
    responses((status = 200, description = "Series that are alike.", body = Similar)))]
pub(crate) async fn similar(
    granted: Granted<permit::ReadInventory>,
    Query(query): Query<SimilarQuery>,
) -> Answer<Json<Similar>> {
    let limit = query.limit.unwrap_or(TOLD_DEFAULT);
    if !(1..=TOLD_MAX).contains(&limit) {
        let detail = format!("1 to {TOLD_MAX} series are told");
        return Err(Problem::field(Kind::BadQuery, "?limit", detail));
    }
    let services = granted.services();
    let search = Search {
        ground: services.ground(),
        among: query.among,
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
        until: Instant::now() + services.options.request_timeout,
    };
    let of = AnalysisQuery {
        series_id: query.series_id,
        from: query.from,
        to: query.to,
    };
    let work = move |whole: Whole| search.run(whole);
    analysed(&granted, &of, hours, work).await?.map(Json)
}

/// What is looked for, and how long.
struct Search {
    ground: Ground,
    among: Among,
    limit: usize,
    until: Instant,
}

/// One that was compared.
struct Compared {
    series: Series,
    together: analytics::similar::Together,
    sketch: Option<Sketch>,
}

impl Search {
    fn run(&self, whole: Whole) -> Answer<Similar> {
        let id = whole.ground.subject.series_id;
        let series = self.ground.series.series(id);
        let series = series.ok_or_else(|| Problem::not_found("series", id))?;
        let (mut candidates, more) = candidates(&self.ground, &series, self.among);
        let left_out = candidates.len().saturating_sub(CANDIDATES_MAX) + more;
        candidates.truncate(CANDIDATES_MAX);
        let own = self.sketch(&whole.input);
        let range = (whole.input.from, whole.input.to());
        let compared = candidates.len();
        let mut found = Vec::new();
        for candidate in candidates {
            let how = input::usual(candidate.key.metric.kind());
            let until = Some(self.until);
            let read = input::range(&self.ground, &candidate, whole.step, how, range, until);
            let read = read.map_err(not_read)?;
            let Some(together) = together(&whole.input.values, &read.values, LAG_MAX) else {
                continue;
            };
            if together.pairs * 2 < whole.input.known() {
                // Too short to be told from chance beside those that were there all the time.
                continue;
            }
            found.push(Compared {
                together,
                sketch: self.sketch(&read),
                series: candidate,
            });
        }
        let (cluster, is_of_cluster) = cluster(own.as_ref(), &found);
        let mut rows: Vec<(Compared, bool)> = found.into_iter().zip(is_of_cluster).collect();
        rows.sort_by(|(a, _), (b, _)| {
            let order = b.together.correlation.total_cmp(&a.together.correlation);
            order.then(a.series.id.cmp(&b.series.id))
        });
        let rows = rows.into_iter();
        let items = rows.filter_map(|(one, of)| self.item(&one, own.as_ref(), whole.step, of));
        Ok(Similar {
            among: self.among,
            compared,
            left_out,
            items: items.take(self.limit).collect(),
            cluster,
            ground: whole.ground,
        })
    }

    fn sketch(&self, input: &Input) -> Option<Sketch> {
        let samples = local_samples(input, &self.ground.place);
        Sketch::of(&week_profile(&samples, (0.25, 0.75)).ok()?)
    }

    /// What is told of one; none where it is gone meanwhile.
    fn item(
        &self,
        one: &Compared,
        own: Option<&Sketch>,
        step: Duration,
        is_of_cluster: bool,
    ) -> Option<SimilarSeries> {
        let step_secs = i64::try_from(step.as_secs()).unwrap_or(i64::MAX);
        let lag = i64::try_from(one.together.lag).unwrap_or(0);
        let likeness = own.zip(one.sketch.as_ref());
        Some(SimilarSeries {
            subject: Subject::of(&self.ground, one.series.id)?,
            correlation: one.together.correlation,
            lag_secs: lag.saturating_mul(step_secs),
            pairs: one.together.pairs,
            week_likeness: likeness.map(|(own, other)| own.likeness(other)),
            is_of_cluster,
        })
    }
}

/// The group of a week among others, and of each of these whether it is one of it.
fn cluster(own: Option<&Sketch>, found: &[Compared]) -> (Option<Cluster>, Vec<bool>) {
    let none = vec![false; found.len()];
    let Some(own) = own else {
        return (None, none);
    };
    let others = found.iter().filter_map(|one| one.sketch);
    let sketches: Vec<Sketch> = std::iter::once(*own).chain(others).collect();
    // No more are compared than are gathered at once.
    let Ok(labels) = groups(&sketches, ALIKE) else {
        return (None, none);
    };
    let size = labels.iter().filter(|label| **label == 0).count();
    let clusters = labels.iter().max().map_or(0, |label| label + 1);
    let mut labels = labels.into_iter().skip(1);
    let is_of = found
        .iter()
        .map(|one| one.sketch.is_some() && labels.next() == Some(0));
    let is_of = is_of.collect();
    let cluster = Cluster {
        size,
        clusters,
        alike: ALIKE,
    };
    (Some(cluster), is_of)
}

/// The series that are compared with one, the nearest first, and how many there are besides. No more devices are
/// gone through than give [`CANDIDATES_MAX`] of them.
fn candidates(ground: &Ground, series: &Series, among: Among) -> (Vec<Series>, usize) {
    let own = series.key.device_id;
    let metric = series.key.metric;
    let site = site_of(ground, own);
    let mut more = 0;
    let mut found = match among {
        Among::Device => ground.series.series_of(own),
        Among::Site | Among::Metric => ground.series.series_named(own, metric),
    };
    if among != Among::Device {
        let mut near = Vec::new();
        let mut far = Vec::new();
        for record in ground.store.inventory.devices() {
            let device = &record.device.body;
            if device.id == own {
                continue;
            }
            if site.is_some() && device.typed.site == site {
                near.push(device.id);
            } else {
                far.push(device.id);
            }
        }
        near.sort_unstable();
        far.sort_unstable();
        if among == Among::Site {
            far.clear();
        }
        for id in near.into_iter().chain(far) {
            if found.len() > CANDIDATES_MAX {
                more += ground.series.columns_named(id, metric).len();
            } else {
                found.extend(ground.series.series_named(id, metric));
            }
        }
    }
    found.retain(|one| {
        let metric = one.key.metric;
        one.id != series.id && metric.kind() != MetricKind::State && !DERIVED.contains(&metric)
    });
    (found, more)
}

fn site_of(ground: &Ground, id: DeviceId) -> Option<String> {
    let record = ground.store.inventory.device(id)?;
    record.device.body.typed.site.clone()
}
