//! Looking over a folder of packs that nobody has open, and changing nothing of it.

use super::manifest::Manifest;
use super::source::Source;
use super::{Cursor, Damage, Pack, PackError, PackMeta, SUFFIX, failed, reader};
use crate::disk::{Disk, RealDisk};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file of such a folder, and what was found.
#[derive(Clone, Debug)]
pub(crate) struct Inspected {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    /// Samples in it; none where it is no pack, or not known of it.
    pub(crate) samples: Option<u64>,
    pub(crate) damage: Vec<Damage>,
    /// What is out of the ordinary and does no harm.
    pub(crate) notes: Vec<String>,
}

impl Inspected {
    fn new(path: &Path, bytes: u64) -> Self {
        Self {
            path: path.to_owned(),
            bytes,
            samples: None,
            damage: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// Looks over a folder of packs: the manifest, the ends of each pack, and all that is between them
/// where it is to be `deep`. Each file is handed to `each`.
pub(crate) fn inspect(
    folder: &Path,
    deep: bool,
    each: &mut dyn FnMut(Inspected),
) -> Result<(), PackError> {
    let path = folder.join("MANIFEST");
    let (manifest, found, damage) = Manifest::read(Arc::new(RealDisk), folder);
    let mut files = files(folder).map_err(failed("listing", folder))?;
    let mut of_manifest = Inspected::new(&path, fs::metadata(&path).map_or(0, |found| found.len()));
    of_manifest.damage = damage;
    if !found && !files.is_empty() {
        let what = "the manifest is missing";
        of_manifest.damage.push(Damage::of_file(&path, what));
    }
    if found || !files.is_empty() {
        each(of_manifest);
    }
    let listed: Vec<PackMeta> = manifest.packs().copied().collect();
    for meta in listed {
        let path = meta.id.path(folder);
        if let Some(bytes) = files.remove(&path) {
            each(pack(&path, bytes, Some(&meta), deep));
            continue;
        }
        let mut missing = Inspected::new(&path, 0);
        let samples = meta.totals.samples;
        let what = format!("is listed, with {samples} samples, but is not there");
        missing.damage.push(Damage::of_file(&path, what));
        each(missing);
    }
    for id in manifest.removed() {
        files.remove(&id.path(folder));
    }
    for (path, bytes) in files {
        let mut inspected = pack(&path, bytes, None, deep);
        let what = "it is not in the manifest; the next start takes it in";
        inspected.notes.push(what.to_owned());
        each(inspected);
    }
    Ok(())
}

fn pack(path: &Path, bytes: u64, known: Option<&PackMeta>, deep: bool) -> Inspected {
    let mut inspected = Inspected::new(path, bytes);
    let (pack, damage) = match open(path, known) {
        Ok(opened) => opened,
        Err(error) => {
            let what = reader::reason(&error);
            inspected.damage.push(Damage::of_file(path, what));
            return inspected;
        }
    };
    inspected.damage = damage;
    let meta = pack.meta();
    inspected.samples = Some(meta.totals.samples);
    let is_other = |known: &PackMeta| known.id != meta.id || known.crc != meta.crc;
    if known.is_some_and(is_other) && pack.is_whole() {
        let what = "it is another pack than the manifest says";
        inspected.damage.push(Damage::of_file(path, what));
    }
    if deep {
        let verified = pack.verify(Cursor::default(), u64::MAX);
        inspected.damage.extend(verified.damage);
    }
    inspected
}

/// Opens a pack as far as it is sound.
fn open(path: &Path, known: Option<&PackMeta>) -> Result<(Pack, Vec<Damage>), PackError> {
    let file = || RealDisk.open_read(path).map_err(failed("opening", path));
    match Pack::from_source(Source::File(file()?), path) {
        Ok(pack) => Ok((pack, Vec::new())),
        Err(damaged) => {
            let id = known.map(|meta| meta.id);
            let saved = reader::salvage(Source::File(file()?), path, id)?;
            if saved.0.entries().is_empty() {
                return Err(damaged);
            }
            Ok(saved)
        }
    }
}

/// The files that are called packs, with their octets.
fn files(folder: &Path) -> io::Result<BTreeMap<PathBuf, u64>> {
    let mut files = BTreeMap::new();
    if !folder.is_dir() {
        return Ok(files);
    }
    for day in fs::read_dir(folder)? {
        let day = day?.path();
        if !day.is_dir() {
            continue;
        }
        for file in fs::read_dir(day)? {
            let file = file?;
            if file.file_name().to_string_lossy().ends_with(SUFFIX) {
                files.insert(file.path(), file.metadata()?.len());
            }
        }
    }
    Ok(files)
}
