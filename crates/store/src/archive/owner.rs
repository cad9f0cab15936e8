//! Whose the archive is: a mark says so, and that there is an archive at all. Where days were archived and
//! no mark is, the disk of the archive is not there.

use super::manifest::{VERSION, parse_name};
use super::read::Reading;
use super::{Archive, ArchiveError, FORMAT, OWNER, OWNER_BYTES_MAX, Owner, lock};
use std::time::Instant;

impl Archive {
    /// Sees to it that the archive is ours, and marks it where it is nobody's and nothing was archived yet.
    pub(super) fn own(&self) -> Result<(), ArchiveError> {
        if self.is_foreign()?.is_none() {
            self.begin()?;
        }
        let foreign = lock(&self.0.state).foreign.clone();
        match foreign {
            Some(installation) => Err(ArchiveError::Foreign { installation }),
            None => Ok(()),
        }
    }

    /// Whether the archive is that of another; `None` where it has no mark.
    pub(super) fn is_foreign(&self) -> Result<Option<bool>, ArchiveError> {
        let owner = self.reading().owner(None)?;
        let is_foreign = owner
            .as_ref()
            .map(|owner| *owner != self.reading().installation);
        let foreign = owner.filter(|owner| *owner != self.reading().installation);
        lock(&self.0.state).foreign = foreign;
        Ok(is_foreign)
    }

    /// Marks an archive that has no mark; not where days were archived before.
    fn begin(&self) -> Result<(), ArchiveError> {
        if !self.reading().days.all().is_empty() {
            return Err(ArchiveError::Unmarked);
        }
        if self.reading().has_days()? {
            return Err(ArchiveError::Settings {
                what: format!("it has days and no {OWNER}, so that nobody knows whose it is"),
            });
        }
        self.adopt()
    }

    /// Makes the archive ours, whosever it was. Waits.
    pub fn adopt(&self) -> Result<(), ArchiveError> {
        let owner = Owner {
            format: FORMAT.to_owned(),
            version: VERSION,
            installation: self.reading().installation.clone(),
        };
        let octets = serde_json::to_vec(&owner).map_err(|error| ArchiveError::Settings {
            what: error.to_string(),
        })?;
        let depot = &self.reading().depot;
        depot.put(OWNER, octets.clone().into())?;
        // Another may have marked it at the same moment.
        if depot.get_all(OWNER, OWNER_BYTES_MAX, None)? != octets {
            let name = OWNER.to_owned();
            return Err(ArchiveError::NotSame { name });
        }
        let days = &self.reading().days;
        depot.wait(days.are_of(self.reading().installation.clone()))?;
        lock(&self.0.state).foreign = None;
        Ok(())
    }
}

impl Reading {
    /// Fails where the archive is not the one that the days are known of, as where another disk is mounted
    /// in its place: what is not in it says nothing of them.
    pub(super) fn is_that_of_days(&self, deadline: Option<Instant>) -> Result<(), ArchiveError> {
        let days = &self.days;
        let has_days = !days.all().is_empty();
        let Some(owner) = self.owner(deadline)? else {
            return if has_days {
                Err(ArchiveError::Unmarked)
            } else {
                Ok(())
            };
        };
        let said = self.depot.wait(days.owner())?;
        let is_said = said.is_some();
        let of_days = said.unwrap_or_else(|| self.installation.clone());
        if of_days == owner {
            return Ok(());
        }
        if has_days && (is_said || !self.has_newest()) {
            return Err(ArchiveError::Another { owner, of_days });
        }
        self.depot.wait(days.are_of(owner))
    }

    /// Whose the archive is; `None` where it has no mark.
    fn owner(&self, deadline: Option<Instant>) -> Result<Option<String>, ArchiveError> {
        let octets = match self.depot.get_all(OWNER, OWNER_BYTES_MAX, deadline) {
            Err(error) if error.is_missing() => return Ok(None),
            got => got?,
        };
        let owner = serde_json::from_slice::<Owner>(&octets).ok();
        let Some(owner) = owner.filter(|owner| owner.format == FORMAT) else {
            if self.has_days()? {
                return Err(ArchiveError::Settings {
                    what: format!("{OWNER} is damaged, so that nobody knows whose it is"),
                });
            }
            // It was broken off before anything was archived.
            return Ok(None);
        };
        if owner.version > VERSION {
            return Err(ArchiveError::Settings {
                what: format!("it is of version {}, which is not known", owner.version),
            });
        }
        Ok(Some(owner.installation))
    }

    /// Whether the newest of the known days is in the archive: it was not always noted whose they are.
    fn has_newest(&self) -> bool {
        let known = self.days.all();
        known.last_key_value().is_some_and(|(day, known)| {
            let manifest = self.fetch_manifest((*day, known.revision), None);
            manifest.is_ok_and(|manifest| manifest.samples == known.samples)
        })
    }

    fn has_days(&self) -> Result<bool, ArchiveError> {
        let mut has_days = false;
        self.depot.each("", |object| {
            has_days |= parse_name(&object.name).is_some_and(|(_, _, is_manifest)| is_manifest);
        })?;
        Ok(has_days)
    }
}
