//! Forecasts of series, those that operators chose, and which were asked for of late. What is told in lists
//! is in memory too, the courses are not: a hundred thousand series have some 100 MB of the former.

use crate::StoreError;
use crate::catalog;
use crate::documents::{Collection, Documents, Expect, Query};
use model::forecast::{ChosenSeries, ForecastHead, KeptForecast};
use model::{SeriesId, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tracing::warn;

/// Most series that operators choose.
pub const CHOSEN_MAX: usize = 10_000;
/// Most series of which it is remembered that they were asked for; the one that was longest ago goes.
pub const ASKED_MAX: usize = 10_000;
/// How long that counts.
pub const ASKED_FOR: Duration = Duration::from_hours(24 * 7);
/// Documents that are in memory together while they are loaded: 10 MB.
const LOADED_AT_ONCE: usize = 500;

/// The forecasts. Cheap to clone.
#[derive(Clone)]
pub struct Forecasts {
    kept: Collection<KeptForecast>,
    chosen: Collection<ChosenSeries>,
    // Never held across an await.
    view: Arc<RwLock<View>>,
}

#[derive(Default)]
struct View {
    heads: BTreeMap<SeriesId, Arc<ForecastHead>>,
    chosen: BTreeMap<SeriesId, ChosenSeries>,
    // Invariant: at most ASKED_MAX.
    asked: BTreeMap<SeriesId, Timestamp>,
    /// Those that were forgotten because there were too many.
    asked_forgotten: u64,
}

impl Forecasts {
    pub(crate) async fn load(documents: Arc<dyn Documents>) -> Result<Self, StoreError> {
        let forecasts = Self {
            kept: Collection::new(documents.clone(), &catalog::FORECASTS),
            chosen: Collection::new(documents, &catalog::CHOSEN_SERIES),
            view: Arc::default(),
        };
        let mut query = Query {
            limit: LOADED_AT_ONCE,
            ..Query::default()
        };
        loop {
            let page = forecasts.kept.page(query.clone()).await?;
            let heads = page.items.into_iter().map(|stored| stored.body.head);
            forecasts.alter(|view| {
                view.heads
                    .extend(heads.map(|head| (head.series_id, Arc::new(head))));
            });
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        let chosen = forecasts.chosen.all(Query::default()).await?;
        forecasts.alter(|view| {
            let chosen = chosen.into_iter().map(|stored| stored.body);
            view.chosen = chosen.map(|one| (one.series_id, one)).collect();
        });
        Ok(forecasts)
    }

    /// What is told of all forecasts in lists, by series.
    pub fn heads(&self) -> Vec<Arc<ForecastHead>> {
        self.read(|view| view.heads.values().cloned().collect())
    }

    /// What is told of one.
    pub fn head(&self, id: SeriesId) -> Option<Arc<ForecastHead>> {
        self.read(|view| view.heads.get(&id).cloned())
    }

    /// A whole forecast; none where there is none, or it is damaged, which costs only its scores.
    pub async fn get(&self, id: SeriesId) -> Result<Option<KeptForecast>, StoreError> {
        match self.kept.get(&id.to_string()).await {
            Ok(stored) => Ok(stored.map(|stored| stored.body)),
            Err(error @ (StoreError::Damaged { .. } | StoreError::Shape { .. })) => {
                warn!(series.id = %id, error = %error, "a forecast is lost and will be made anew");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Keeps a forecast in the place of the one before.
    pub async fn put(&self, forecast: KeptForecast) -> Result<(), StoreError> {
        let id = forecast.head.series_id;
        self.kept
            .put(&id.to_string(), Expect::Any, &forecast)
            .await?;
        self.alter(|view| {
            view.heads.insert(id, Arc::new(forecast.head));
        });
        Ok(())
    }

    /// Forgets the forecast of a series, and that it was chosen.
    pub async fn forget(&self, id: SeriesId) -> Result<(), StoreError> {
        self.kept.delete(&id.to_string(), Expect::Any).await?;
        self.choose_no_longer(id).await?;
        self.alter(|view| {
            view.heads.remove(&id);
            view.asked.remove(&id);
        });
        Ok(())
    }

    /// The series that operators chose.
    pub fn chosen(&self) -> Vec<ChosenSeries> {
        self.read(|view| view.chosen.values().cloned().collect())
    }

    /// Whether an operator chose a series.
    pub fn is_chosen(&self, id: SeriesId) -> bool {
        self.read(|view| view.chosen.contains_key(&id))
    }

    /// Chooses a series. One that is chosen stays so since when it was. Whether there is room is for the caller
    /// to ask, by [`CHOSEN_MAX`].
    pub async fn choose(&self, chosen: ChosenSeries) -> Result<(), StoreError> {
        let id = chosen.series_id;
        let key = id.to_string();
        match self.chosen.put(&key, Expect::Absent, &chosen).await {
            Ok(_) => self.alter(|view| {
                view.chosen.insert(id, chosen);
            }),
            Err(StoreError::RevisionConflict { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Chooses a series no longer; nothing where it was not chosen.
    pub async fn choose_no_longer(&self, id: SeriesId) -> Result<(), StoreError> {
        self.chosen.delete(&id.to_string(), Expect::Any).await?;
        self.alter(|view| {
            view.chosen.remove(&id);
        });
        Ok(())
    }

    /// Remembers that somebody looks at the forecast of a series. It is in memory alone: after a restart they
    /// ask again.
    pub fn note_asked(&self, id: SeriesId, now: Timestamp) {
        self.alter(|view| {
            view.asked.insert(id, now);
            if view.asked.len() > ASKED_MAX {
                let longest_ago = view.asked.iter().min_by_key(|(_, at)| **at);
                if let Some(id) = longest_ago.map(|(id, _)| *id) {
                    view.asked.remove(&id);
                    view.asked_forgotten += 1;
                }
            }
        });
    }

    /// The series that somebody looked at within [`ASKED_FOR`].
    pub fn asked(&self, now: Timestamp) -> Vec<SeriesId> {
        let since = now.minus(ASKED_FOR);
        self.read(|view| {
            let late = view.asked.iter().filter(|(_, at)| **at >= since);
            late.map(|(id, _)| *id).collect()
        })
    }

    /// Series that were asked for and forgotten, for there were too many.
    pub fn asked_forgotten(&self) -> u64 {
        self.read(|view| view.asked_forgotten)
    }

    fn read<T>(&self, look: impl FnOnce(&View) -> T) -> T {
        look(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn alter(&self, change: impl FnOnce(&mut View)) {
        change(&mut self.view.write().unwrap_or_else(PoisonError::into_inner));
    }
}
