//! What was forecast, kept as series beside what came: written when its time has come, so that no sample is of
//! the future. Of series that somebody looks at, chose, or that are near a limit.

use api::foresight::score::Came;
use model::forecast::{ForecastHead, ForecastWhy};
use model::series::Series;
use model::{Labels, Metric, Timestamp, Value};
use std::collections::BTreeMap;
use store::series::{AppendError, Batch, Column, SeriesError, SeriesStore};

/// The quantiles that are kept.
const QUANTILES: [&str; 3] = ["0.025", "0.5", "0.975"];

/// What was forecast could not be kept as series.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotRecorded {
    #[error("the series of a forecast could not be registered")]
    Series(#[from] SeriesError),
    #[error("the samples of a forecast could not be appended")]
    Append(#[from] AppendError),
}

/// Whether what is forecast of it is kept as series: nine for each.
pub(super) fn is_recorded(why: ForecastWhy) -> bool {
    why <= ForecastWhy::Asked
}

/// Keeps what was forecast of times that are over.
pub(super) async fn record(
    store: &SeriesStore,
    series: &Series,
    head: &ForecastHead,
    came: &[Came],
) -> Result<(), NotRecorded> {
    let device_id = series.key.device_id;
    let mut keys: Vec<(Metric, Labels)> = Vec::new();
    let mut placed: BTreeMap<Timestamp, Vec<(usize, f64)>> = BTreeMap::new();
    for one in came {
        let numbers = [one.band.0, one.median, one.band.1];
        for (quantile, number) in QUANTILES.iter().zip(numbers) {
            if !number.is_finite() {
                continue;
            }
            let key = (Metric::FORECAST, labels(series, head, one, quantile));
            let known = keys.iter().position(|other| *other == key);
            let place = known.unwrap_or_else(|| {
                keys.push(key);
                keys.len() - 1
            });
            placed.entry(one.at).or_default().push((place, number));
        }
    }
    if keys.is_empty() {
        return Ok(());
    }
    let known = store.resolve(device_id, keys).await?;
    let column = |place: usize| -> Option<Column> { Some(known.get(place)?.column) };
    let batch = |(at, values): (Timestamp, Vec<(usize, f64)>)| Batch {
        device_id,
        at,
        values: values
            .into_iter()
            .filter_map(|(place, number)| Some((column(place)?, Value::F64(number))))
            .collect(),
    };
    let batches = placed.into_iter().map(batch).collect();
    for done in store.append_many(batches).await {
        done?;
    }
    Ok(())
}

fn labels(series: &Series, head: &ForecastHead, came: &Came, quantile: &str) -> Labels {
    let vantage = series.key.labels.get(Labels::VANTAGE).unwrap_or("local");
    Labels::default()
        .with(Labels::VANTAGE, vantage)
        .with("of_series", series.id.to_string())
        .with("lead", came.lead.name())
        .with("quantile", quantile)
        .with("model", head.model.clone())
        .with("model_version", head.version.to_string())
}
