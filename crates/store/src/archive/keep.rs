//! What retention asks of the archive.

use super::ArchiveError;
use super::manifest::{Manifest, folder_of};
use super::read::Reading;
use crate::retention::{Archived, Archiving, OfDay, Proven};
use model::Timestamp;
use std::error::Error;
use std::sync::Arc;
use tracing::warn;

type Told = Arc<dyn Error + Send + Sync>;

fn told(error: ArchiveError) -> Told {
    Arc::new(error)
}

impl Reading {
    /// Whether all files of a revision are there, as long as its manifest says.
    pub(super) fn has_files(&self, manifest: &Manifest) -> Result<bool, ArchiveError> {
        let day = super::manifest::day_name(manifest.day).unwrap_or_default();
        let folder = folder_of(&day, manifest.revision);
        for file in &manifest.files {
            let name = format!("{folder}/{}", file.name);
            match self.depot.is_as_long(&name, file.bytes) {
                Err(error) if error.is_missing() || error.is_other_length() => return Ok(false),
                there => there?,
            }
        }
        Ok(true)
    }
}

impl Archiving for Reading {
    fn archived(&self) -> Archived {
        let days = self.days.all();
        let days = days.iter().map(|(day, about)| {
            // What is damaged there is not there, and what nobody knew was left out: nothing that is here
            // equals it, so that it waits.
            let is_all = about.damaged.is_none() && about.unknown_columns == 0;
            let source = about.source.iter().filter(|_| is_all);
            let of_day = OfDay {
                revision: about.revision,
                packs: source.cloned().collect(),
                is_thinned: about.thinned,
                restored_until: about.restored_until,
            };
            (*day, of_day)
        });
        Archived::new(days.collect())
    }

    fn prove(&self, day: Timestamp) -> Result<Option<Proven>, Told> {
        let Some(known) = self.days.get(day) else {
            return Ok(None);
        };
        let manifest = match self.fetch_manifest((day, known.revision), None) {
            Err(ArchiveError::Damaged { what, .. }) => {
                self.is_that_of_days(None).map_err(told)?;
                self.found_damaged((day, known.revision), &what);
                return Ok(None);
            }
            manifest => manifest.map_err(told)?,
        };
        if !self.has_files(&manifest).map_err(told)? {
            self.is_that_of_days(None).map_err(told)?;
            self.found_damaged(
                (day, known.revision),
                "files are missing or not as long as they were",
            );
            return Ok(None);
        }
        if manifest.samples != known.samples || manifest.series != known.series {
            warn!(%day, "the archive of a day is not what is known of it: the day stays here");
            return Ok(None);
        }
        Ok(Some(Proven {
            revision: manifest.revision,
            packs: manifest.source.iter().cloned().collect(),
        }))
    }

    fn thin(&self, day: Timestamp) -> Result<(), Told> {
        self.depot.wait(self.days.thin(day)).map_err(told)
    }

    fn replace(&self, day: Timestamp, packs: &[String], by: &str) -> Result<(), Told> {
        let changed = self.days.change(day, |known| known.replaced(packs, by));
        self.depot.wait(changed).map_err(told)?;
        Ok(())
    }
}
