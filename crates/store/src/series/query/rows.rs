//! Series as they come, folded into the rows of an answer.

use super::{GROUPS_MAX, NUMBERS_MAX, Put, Query, QueryError, Row, step_count};
use crate::series::across::{self, Across, Grouping, Groups, Ranking};
use crate::series::attached::Attached;
use crate::series::{Selection, SeriesStore};
use model::SeriesId;
use std::collections::BTreeMap;

type Labels = BTreeMap<String, String>;

/// What has come so far.
pub(super) struct Rows<'a> {
    query: &'a Query,
    steps: usize,
    kept: Kept,
}

enum Kept {
    Each(Vec<Of>),
    Together {
        groups: Groups,
        grouping: Grouping,
        /// Series so far, where every value of each is held.
        held: Option<usize>,
    },
    First(BTreeMap<Labels, Ranking<Of>>),
}

/// A series with its steps.
struct Of {
    id: SeriesId,
    values: Vec<Option<f64>>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(query: &'a Query) -> Self {
        let steps = step_count(query);
        let kept = match &query.across {
            Put::Each => Kept::Each(Vec::new()),
            Put::Together(across, grouping) => Kept::Together {
                groups: Groups::new(*across, grouping.clone(), steps),
                grouping: grouping.clone(),
                held: matches!(across, Across::Quantile(_)).then_some(0),
            },
            Put::First { .. } => Kept::First(BTreeMap::new()),
        };
        Self { query, steps, kept }
    }

    /// A series with its steps.
    pub(super) fn add(
        &mut self,
        store: &SeriesStore,
        attached: &Attached,
        series: &Selection,
        values: Vec<Option<f64>>,
    ) -> Result<(), QueryError> {
        let id = series.id;
        match &mut self.kept {
            Kept::Each(rows) => {
                rows.push(Of { id, values });
                bounded(rows.len(), self.steps)
            }
            Kept::Together {
                groups,
                grouping,
                held,
            } => {
                let labels = grouped_by(grouping, store, attached, id);
                groups.add(&across::Row { labels, values });
                if groups.len() > GROUPS_MAX {
                    return Err(QueryError::TooManyGroups { max: GROUPS_MAX });
                }
                let rows = match held {
                    None => groups.len(),
                    Some(held) => {
                        *held += 1;
                        *held
                    }
                };
                bounded(rows, self.steps)
            }
            Kept::First(rankings) => {
                let Put::First { k, end, grouping } = &self.query.across else {
                    return Ok(());
                };
                let Some(mean) = mean(&values) else {
                    return Ok(());
                };
                let labels = grouping.of(&grouped_by(grouping, store, attached, id));
                let ranking = rankings
                    .entry(labels)
                    .or_insert_with(|| Ranking::new(*k, *end));
                ranking.consider(mean, || Of { id, values });
                if rankings.len() > GROUPS_MAX {
                    return Err(QueryError::TooManyGroups { max: GROUPS_MAX });
                }
                // Of each group as many as may come.
                bounded(rankings.len().saturating_mul(*k), self.steps)
            }
        }
    }

    /// The rows, and whether there are others.
    pub(super) fn told(self, store: &SeriesStore, attached: &Attached) -> (Vec<Row>, bool) {
        let max = self.query.rows_max;
        let of_series = |of: Of, ranked_by: Option<f64>| {
            let series = store.series(of.id);
            Row {
                labels: series
                    .map(|series| attached.labels(&series))
                    .unwrap_or_default(),
                series: Some(of.id),
                count: 1,
                ranked_by,
                values: of.values,
            }
        };
        match self.kept {
            Kept::Each(mut rows) => {
                rows.sort_unstable_by_key(|row| row.id);
                let more = rows.len() > max;
                let rows = rows.into_iter().take(max);
                (rows.map(|row| of_series(row, None)).collect(), more)
            }
            Kept::Together { groups, .. } => {
                let rows = groups.rows();
                let more = rows.len() > max;
                let rows = rows.into_iter().take(max).map(|(row, count)| Row {
                    series: None,
                    labels: row.labels,
                    count,
                    ranked_by: None,
                    values: row.values,
                });
                (rows.collect(), more)
            }
            Kept::First(rankings) => {
                let ranked = rankings.into_values().flat_map(Ranking::ranked);
                let mut rows = ranked.map(|(by, of)| of_series(of, Some(by)));
                let told = rows.by_ref().take(max).collect();
                (told, rows.next().is_some())
            }
        }
    }
}

/// The labels of a series that decide to which group it belongs; more of them where it is by all but
/// some.
fn grouped_by(
    grouping: &Grouping,
    store: &SeriesStore,
    attached: &Attached,
    id: SeriesId,
) -> Labels {
    if grouping.is_all() {
        return Labels::new();
    }
    // Deleted meanwhile: among those that have no label.
    let Some(series) = store.series(id) else {
        return Labels::new();
    };
    match grouping {
        Grouping::By(names) => {
            let value = |name: &String| (name.clone(), attached.value(&series, name));
            names.iter().map(value).collect()
        }
        Grouping::Without(_) => attached.labels(&series),
    }
}

/// The mean of the steps that have a value; none where none has.
fn mean(values: &[Option<f64>]) -> Option<f64> {
    let known = values.iter().flatten();
    let (count, sum) = known.fold((0_u32, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / f64::from(count))
}

fn bounded(rows: usize, steps: usize) -> Result<(), QueryError> {
    if rows.saturating_mul(steps) <= NUMBERS_MAX {
        return Ok(());
    }
    Err(QueryError::TooManyNumbers {
        steps,
        max: NUMBERS_MAX,
    })
}
