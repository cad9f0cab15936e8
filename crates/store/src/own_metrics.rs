//! Metrics that users made: what is kept of them, and how they become known.

use crate::StoreError;
use crate::catalog;
use crate::documents::{Collection, Documents, Expect, Query, Stored};
use crate::series::SeriesStore;
use model::metric::own::{self, NewMetric, NotAMetric, OWN_MAX};
use model::metric::{Kind, Metric};
use model::{Clock, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::Mutex;
use tracing::warn;

/// A metric that users made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OwnMetric {
    /// The name it is stored and asked for under.
    pub name: String,
    /// Base unit; empty for a state. It never changes.
    pub unit: String,
    /// How values behave. It never changes.
    pub kind: Kind,
    /// One line for a person.
    pub help: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl OwnMetric {
    fn new_metric(&self) -> NewMetric {
        NewMetric {
            name: self.name.clone(),
            unit: self.unit.clone(),
            kind: self.kind,
            help: self.help.clone(),
        }
    }
}

/// A metric could not be made, changed or deleted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OwnMetricError {
    /// It cannot be one.
    #[error(transparent)]
    Not(#[from] NotAMetric),
    /// Series have it.
    #[error("{series} series have the metric; delete their devices first")]
    InUse {
        /// How many.
        series: usize,
    },
    /// It could not be kept.
    #[error(transparent)]
    Documents(#[from] StoreError),
}

/// The metrics that users made. Cheap to clone.
#[derive(Clone)]
pub struct OwnMetrics {
    kept: Collection<OwnMetric>,
    clock: Clock,
    /// One change after the other: what is known and what is kept go together.
    changing: Arc<Mutex<()>>,
}

impl OwnMetrics {
    /// Makes those that are kept known. Before the series are opened, which keep what they do not know
    /// under its name alone.
    pub(crate) async fn load(
        documents: Arc<dyn Documents>,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let kept: Collection<OwnMetric> = Collection::new(documents, &catalog::METRICS);
        for stored in kept.all(Query::default()).await? {
            if let Err(error) = Metric::own(&stored.body.new_metric()) {
                // As where a later version has a metric of that name, which is the one from now on.
                warn!(
                    metric = stored.id,
                    "a metric of users is not known: {error}"
                );
            }
        }
        Ok(Self {
            kept,
            clock,
            changing: Arc::default(),
        })
    }

    /// All of them, by name.
    pub async fn list(&self) -> Result<Vec<Stored<OwnMetric>>, StoreError> {
        self.kept.all(Query::default()).await
    }

    /// One of them.
    pub async fn get(&self, name: &str) -> Result<Option<Stored<OwnMetric>>, StoreError> {
        if !own::is_name(name) {
            return Ok(None);
        }
        self.kept.get(name).await
    }

    /// Makes a metric; durable, and known to `series`, when it returns. [`StoreError::Duplicate`]
    /// where one has its name.
    pub async fn create(
        &self,
        new: NewMetric,
        series: &SeriesStore,
    ) -> Result<Stored<OwnMetric>, OwnMetricError> {
        new.check()?;
        let _alone = self.changing.lock().await;
        if self.kept.get(&new.name).await?.is_some() {
            let other = new.name;
            return Err(NotAMetric::Taken { other }.into());
        }
        if self.kept.count().await? >= OWN_MAX as u64 {
            return Err(NotAMetric::TooMany.into());
        }
        let known = Metric::named(&new.name).ok();
        let metric = Metric::own(&new)?;
        let body = OwnMetric {
            name: new.name,
            unit: new.unit,
            kind: new.kind,
            help: new.help,
            created_at: self.clock.now(),
        };
        let put = self.kept.put(&body.name, Expect::Absent, &body).await;
        let revision = put.inspect_err(|_| {
            // Where another store of this process has it, it stays known to that.
            if known.is_none() {
                metric.forget();
            }
        })?;
        series.learn(metric);
        Ok(Stored {
            id: body.name.clone(),
            revision,
            body,
        })
    }

    /// Writes another help.
    pub async fn set_help(
        &self,
        name: &str,
        help: &str,
        expect: Expect,
    ) -> Result<Stored<OwnMetric>, OwnMetricError> {
        own::check_help(help)?;
        let _alone = self.changing.lock().await;
        let stored = self.kept.require(name).await?;
        let body = OwnMetric {
            help: help.to_owned(),
            ..stored.body
        };
        let revision = self.kept.put(name, expect, &body).await?;
        Ok(Stored {
            id: name.to_owned(),
            revision,
            body,
        })
    }

    /// Deletes a metric that no series has.
    pub async fn delete(
        &self,
        name: &str,
        expect: Expect,
        series: &SeriesStore,
    ) -> Result<(), OwnMetricError> {
        let _alone = self.changing.lock().await;
        self.kept.require(name).await?;
        let metric = Metric::named(name).ok().filter(|metric| metric.is_own());
        if let Some(metric) = metric {
            // First, so that nobody makes a series of it meanwhile.
            metric.forget();
            let count = series.count_measuring(metric);
            if count > 0 {
                metric.remember();
                return Err(OwnMetricError::InUse { series: count });
            }
        }
        let deleted = self.kept.delete(name, expect).await;
        if let (Err(_), Some(metric)) = (&deleted, metric) {
            metric.remember();
        }
        Ok(deleted?)
    }
}
