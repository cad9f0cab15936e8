//! A day of the archive copied to the disk here, for whoever must not wait for the archive while others
//! wait for them.

use super::ArchiveError;
use super::depot::Depot;
use super::error::failed;
use super::manifest::{MANIFEST_BYTES_MAX, Manifest, day_name, folder_of, manifest_of};
use super::read::{PATIENCE, Reading};
use super::{OWNER, OWNER_BYTES_MAX};
use crate::ArchivedDay;
use crate::progress::Progress;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Octets that are fetched at once, and in memory.
const FETCHED_BYTES: u64 = 8 << 20;

impl Reading {
    /// Copies an archived day to an empty folder and answers what reads it there. Files that are damaged
    /// or missing there are so here. Waits, and ends early where `progress` says so.
    pub(super) fn fetch(
        &self,
        known: &ArchivedDay,
        folder: &Path,
        progress: &Progress,
    ) -> Result<Self, ArchiveError> {
        let deadline = Instant::now() + PATIENCE;
        let manifest = self.on(known.day, deadline, |manifest, _| Ok(manifest.clone()))?;
        let files = manifest.as_ref().map_or_else(Vec::new, objects);
        let marks = [(OWNER.to_owned(), OWNER_BYTES_MAX)];
        for (name, bytes_max) in marks.into_iter().chain(files) {
            self.copy(&name, bytes_max, &folder.join(&name), progress)?;
        }
        let depot = Depot::folder(folder, true, self.depot.runtime())?;
        let known = (Arc::clone(&self.days), Arc::clone(&self.looked));
        let installation = self.installation.clone();
        Ok(Self::new(
            depot,
            Arc::clone(&self.cache),
            known,
            installation,
        ))
    }

    /// Copies an object, so much of it at most; not where it is missing.
    fn copy(
        &self,
        name: &str,
        bytes_max: u64,
        path: &Path,
        progress: &Progress,
    ) -> Result<(), ArchiveError> {
        let bytes = match self.depot.length(name, None) {
            Err(error) if error.is_missing() => return Ok(()),
            bytes => bytes?.min(bytes_max),
        };
        let writing = || failed("writing", path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(writing())?;
        }
        let mut file = File::create(path).map_err(writing())?;
        let mut at = 0;
        while at < bytes {
            progress.go_on()?;
            let end = bytes.min(at + FETCHED_BYTES);
            let octets = self.depot.get_range(name, at..end, None)?;
            file.write_all(&octets).map_err(writing())?;
            at = end;
        }
        Ok(())
    }
}

/// The objects of a revision, and how many octets of each are its own.
fn objects(manifest: &Manifest) -> Vec<(String, u64)> {
    let day = day_name(manifest.day).unwrap_or_default();
    let folder = folder_of(&day, manifest.revision);
    let files = manifest.files.iter();
    let files = files.map(|file| (format!("{folder}/{}", file.name), file.bytes));
    let said = (manifest_of(&day, manifest.revision), MANIFEST_BYTES_MAX);
    std::iter::once(said).chain(files).collect()
}
