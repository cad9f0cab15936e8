//! Archived days as the readers of the store see them.

use super::blocks::{Cache, Remote, Torn};
use super::days::Days;
use super::depot::{Depot, DepotError};
use super::lookup::{self, Place};
use super::manifest::{MANIFEST_BYTES_MAX, Manifest, day_name, folder_of, manifest_of};
use super::{ArchiveError, lock};
use crate::ArchivedDay;
use crate::parquet::{ParquetError, guarded, samples_at};
use crate::series::cold::{ColdDay, ColdDays, ColdError, ColdLost, ColdSeries};
use crate::series::{Column, chain};
use model::{DeviceId, Labels, SeriesId, Timestamp, Value};
use std::collections::BTreeMap;
use std::error::Error;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tracing::warn;

/// Manifests that are kept: a few kilobytes each.
const MANIFESTS_MAX: usize = 64;
/// How long a day is.
const DAY: Duration = Duration::from_hours(24);
/// Time for what has no reader who waits.
pub(super) const PATIENCE: Duration = Duration::from_mins(10);

/// Takes samples of one series, some at a time.
type Take<'a> = dyn FnMut(&[(Timestamp, Value)]) + 'a;

/// What reads the archive. It does not hold the store, which holds it.
pub(super) struct Reading {
    pub(super) depot: Depot,
    pub(super) cache: Arc<Cache>,
    pub(super) days: Arc<Days>,
    /// When it was looked over; not since the start.
    pub(super) looked: Arc<Mutex<Option<Instant>>>,
    /// What this installation calls itself.
    pub(super) installation: String,
    manifests: Mutex<BTreeMap<(Timestamp, u64), Arc<Manifest>>>,
}

impl Reading {
    pub(super) fn new(
        depot: Depot,
        cache: Arc<Cache>,
        (days, looked): (Arc<Days>, Arc<Mutex<Option<Instant>>>),
        installation: String,
    ) -> Self {
        Self {
            depot,
            cache,
            days,
            looked,
            installation,
            manifests: Mutex::default(),
        }
    }

    /// The manifest of a revision of a day.
    pub(super) fn manifest(
        &self,
        (day, revision): (Timestamp, u64),
        deadline: Option<Instant>,
    ) -> Result<Arc<Manifest>, ArchiveError> {
        if let Some(known) = lock(&self.manifests).get(&(day, revision)) {
            return Ok(Arc::clone(known));
        }
        let manifest = self.fetch_manifest((day, revision), deadline)?;
        let manifest = Arc::new(manifest);
        let mut kept = lock(&self.manifests);
        if kept.len() >= MANIFESTS_MAX {
            // Any will do: they are small, and read in one request.
            kept.pop_first();
        }
        kept.insert((day, revision), Arc::clone(&manifest));
        Ok(manifest)
    }

    /// The manifest as it is in the archive now.
    pub(super) fn fetch_manifest(
        &self,
        (day, revision): (Timestamp, u64),
        deadline: Option<Instant>,
    ) -> Result<Manifest, ArchiveError> {
        let name = manifest_of(&day_name(day).unwrap_or_default(), revision);
        let damaged = |what| ArchiveError::Damaged { day, what };
        let octets = match self.depot.get_all(&name, MANIFEST_BYTES_MAX, deadline) {
            Err(error) if error.is_missing() => {
                return Err(damaged(format!("{name} is missing")));
            }
            Err(error) if error.is_too_long() => {
                return Err(damaged(format!("{name} is too long")));
            }
            got => got?,
        };
        let manifest = Manifest::parse(&octets).map_err(damaged)?;
        if (manifest.day, manifest.revision) != (day, revision) {
            return Err(damaged(format!("{name} is of another day or revision")));
        }
        Ok(manifest)
    }

    /// A file of a revision.
    pub(super) fn remote(
        &self,
        manifest: &Manifest,
        name: &str,
        deadline: Option<Instant>,
    ) -> Result<Arc<Remote>, ArchiveError> {
        let folder = folder_of(
            &day_name(manifest.day).unwrap_or_default(),
            manifest.revision,
        );
        let sums = manifest.file(name).ok_or_else(|| ArchiveError::Damaged {
            day: manifest.day,
            what: format!("the manifest does not name {name}"),
        })?;
        let remote = Remote::new(&self.depot, &self.cache, &folder, sums.clone(), deadline);
        Ok(Arc::new(remote))
    }

    /// As readers are told; where it is not the archive that is missing, what is damaged is remembered.
    fn told(
        &self,
        error: ArchiveError,
        (day, revision): (Timestamp, u64),
        deadline: Instant,
    ) -> ColdError {
        let error = cold(error, day);
        let ColdError::Damaged { what, .. } = &error else {
            return error;
        };
        if let Err(error) = self.is_that_of_days(Some(deadline)) {
            return match error {
                // Nothing in it is damaged: the archive is not there.
                ArchiveError::Another { .. } => ColdError::Away {
                    source: Arc::new(error),
                },
                error => cold(error, day),
            };
        }
        self.found_damaged((day, revision), what);
        error
    }

    /// Work on a day that is archived; what is damaged in it is told and remembered.
    pub(super) fn on<T>(
        &self,
        day: Timestamp,
        deadline: Instant,
        work: impl FnOnce(&Manifest, &Arc<Remote>) -> Result<T, ArchiveError>,
    ) -> Result<Option<T>, ColdError> {
        let Some(known) = self.days.get(day) else {
            return Ok(None);
        };
        let done = guarded(|| {
            let manifest = self.manifest((day, known.revision), Some(deadline))?;
            let lookup = self.remote(&manifest, lookup::NAME, Some(deadline))?;
            work(&manifest, &lookup)
        });
        done.map(Some)
            .map_err(|error| self.told(error, (day, known.revision), deadline))
    }

    /// Remembers that something of a revision of a day is damaged. Of one that another took the place of
    /// meanwhile nothing is: its files may be gone.
    pub(super) fn found_damaged(&self, (day, revision): (Timestamp, u64), what: &str) {
        let is_new = |known: &ArchivedDay| known.revision == revision && known.damaged.is_none();
        if !self.days.get(day).as_ref().is_some_and(is_new) {
            return;
        }
        warn!(%day, "the archive of a day is damaged: {what}");
        let what = what.to_owned();
        let noted = self.days.change(day, |known| {
            if is_new(known) {
                known.damaged = Some(what);
            }
        });
        if let Err(error) = self.depot.wait(noted) {
            warn!(%day, error = %chain(&error), "that a day is damaged could not be noted");
        }
    }

    /// Hands over the samples of one series.
    fn samples(
        &self,
        manifest: &Manifest,
        place: &Place,
        (from, to): (Timestamp, Timestamp),
        deadline: Instant,
        take: &mut Take<'_>,
    ) -> Result<(), ArchiveError> {
        let file = self.remote(
            manifest,
            &format!("samples-{:03}.parquet", place.file),
            Some(deadline),
        )?;
        let footer = file.footer()?;
        let mut behind = place.first_row;
        let mut found = None;
        for (group, rows) in footer.row_groups().into_iter().enumerate() {
            if behind < rows {
                found = Some((group, rows - behind));
                break;
            }
            behind -= rows;
        }
        let first = usize::try_from(behind).unwrap_or(usize::MAX);
        let Some((group, _)) = found.filter(|(_, left)| *left >= place.rows as u64) else {
            return Err(ParquetError::unfit("a series is beyond its row group").into());
        };
        let mut late = false;
        let range = (first, place.rows);
        samples_at(&file, &footer, group, range, &mut |points| {
            let begin = points.partition_point(|(at, _)| *at < from);
            let end = points.partition_point(|(at, _)| *at < to);
            if let Some(points) = points.get(begin..end).filter(|points| !points.is_empty()) {
                take(points);
            }
            late = Instant::now() >= deadline;
            if late || end < points.len() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        if late {
            return Err(ColdError::Late.into());
        }
        Ok(())
    }
}

/// As readers are told: what is behind an error of the parser is looked at.
fn cold(error: ArchiveError, day: Timestamp) -> ColdError {
    if let ArchiveError::Cold(error) = error {
        return error;
    }
    let told = {
        let first: &(dyn Error + 'static) = &error;
        let mut stems = std::iter::successors(Some(first), |error| (*error).source());
        stems.find_map(|error| {
            if let Some(error) = error.downcast_ref::<DepotError>() {
                let what = if error.is_missing() {
                    Some(format!("{} is missing", error.name))
                } else {
                    None
                };
                return Some((error.is_late(), what));
            }
            let torn = error.downcast_ref::<Torn>()?;
            Some((false, Some(torn.to_string())))
        })
    };
    match told {
        Some((true, _)) => ColdError::Late,
        Some((false, Some(what))) => ColdError::Damaged { day, what },
        Some((false, None)) => ColdError::Away {
            source: Arc::new(error),
        },
        None => error.into_cold(day),
    }
}

impl ColdDays for Reading {
    fn is_known(&self) -> bool {
        lock(&self.looked).is_some()
    }

    fn meets(&self, from: Timestamp, to: Timestamp) -> Vec<ColdDay> {
        let known = self.days.all();
        let first = from.minus(DAY);
        let days = known.range(first..).map(|(_, day)| day);
        let days = days
            .skip_while(|day| day.day.plus(DAY) <= from)
            .take_while(|day| day.day < to);
        let days = days.map(|day| ColdDay {
            day: day.day,
            generation: day.revision,
            whole_here: !day.thinned,
        });
        days.collect()
    }

    fn devices(&self, day: Timestamp) -> Result<Vec<DeviceId>, ColdError> {
        let deadline = Instant::now() + PATIENCE;
        let found = self.on(day, deadline, |_, lookup| Ok(lookup::devices(lookup)?))?;
        Ok(found.unwrap_or_default())
    }

    fn series(
        &self,
        day: Timestamp,
        device_id: DeviceId,
        take: &mut dyn FnMut(ColdSeries),
    ) -> Result<(), ColdError> {
        let deadline = Instant::now() + PATIENCE;
        let found = self.on(day, deadline, |_, lookup| {
            let named = lookup::named(lookup, device_id)?.into_iter();
            let series = named.map(|named| {
                let labels = serde_json::from_str::<Labels>(&named.labels);
                let mut labels = labels.map_err(|_| ParquetError::unfit("labels are no labels"))?;
                if let (Some(name), None) = (named.interface, labels.get(Labels::INTERFACE)) {
                    labels = labels.with(Labels::INTERFACE, name);
                }
                Ok(ColdSeries {
                    id: named.place.id,
                    metric: named.metric,
                    labels,
                    samples: named.place.rows as u64,
                })
            });
            series.collect::<Result<Vec<_>, ArchiveError>>()
        })?;
        found.into_iter().flatten().for_each(take);
        Ok(())
    }

    fn read(
        &self,
        day: Timestamp,
        device_id: DeviceId,
        wanted: &[(Column, SeriesId)],
        range: (Timestamp, Timestamp),
        deadline: Instant,
        take: &mut dyn FnMut(usize, &[(Timestamp, Value)]),
    ) -> Result<Vec<ColdLost>, ColdError> {
        let places: BTreeMap<SeriesId, usize> = wanted
            .iter()
            .enumerate()
            .map(|(place, (_, id))| (*id, place))
            .collect();
        let lost = self.on(day, deadline, |manifest, lookup| {
            let mut lost = Vec::new();
            for found in lookup::places(lookup, device_id)? {
                let Some(place) = places.get(&found.id) else {
                    continue;
                };
                let read = guarded(|| {
                    self.samples(manifest, &found, range, deadline, &mut |points| {
                        take(*place, points);
                    })
                });
                let Err(error) = read else {
                    continue;
                };
                // What is damaged costs the series that it reaches, and no other.
                let error = if lost.is_empty() {
                    self.told(error, (day, manifest.revision), deadline)
                } else {
                    cold(error, day)
                };
                match error {
                    ColdError::Damaged { what, .. } => lost.push(ColdLost {
                        place: *place,
                        what,
                    }),
                    error => return Err(error.into()),
                }
            }
            Ok(lost)
        })?;
        Ok(lost.unwrap_or_default())
    }
}
