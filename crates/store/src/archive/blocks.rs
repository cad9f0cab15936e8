//! Octets that are proved block by block: summed as they are written, and checked as they are read, before
//! any parser sees them. Blocks that were read are kept for the next reader, and for a while which of them
//! are damaged.

use super::depot::{Depot, DepotError};
use super::manifest::{BLOCK_BYTES, FileSums};
use crate::parquet::Footer;
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{ChunkReader, Length};
use bytes::{Bytes, BytesMut};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Blocks that are fetched in one request: what a column chunk takes, most of the time.
const FETCHED_AT_ONCE: usize = 8;
/// Ends of files that are kept, some tens of kilobytes each; of the days of a large network some megabytes.
const FOOTERS_MAX: usize = 64;
/// Octets of them.
const FOOTER_BYTES_MAX: usize = 32 << 20;
/// Damaged blocks that are remembered, and for how long: many series are in one, and each of them would
/// fetch it again.
const TORN_MAX: usize = 256;
const TORN_KEPT: Duration = Duration::from_mins(1);

/// A `Write` that sums what goes through it.
pub(super) struct Summed<W> {
    out: W,
    sums: Sums,
}

/// Sums of what was written so far.
struct Sums {
    sha256: Sha256,
    crc: u32,
    /// Octets of the block that is not yet full.
    filled: usize,
    crc32c: Vec<u32>,
    bytes: u64,
}

impl<W: Write> Summed<W> {
    pub(super) fn new(out: W) -> Self {
        let sums = Sums {
            sha256: Sha256::new(),
            crc: 0,
            filled: 0,
            crc32c: Vec::new(),
            bytes: 0,
        };
        Self { out, sums }
    }

    /// What it wrote to, and what proves it.
    pub(super) fn finish(self, name: &str, rows: u64, row_groups: u64) -> (W, FileSums) {
        let mut sums = self.sums;
        if sums.filled > 0 {
            sums.crc32c.push(sums.crc);
        }
        let file = FileSums {
            name: name.to_owned(),
            bytes: sums.bytes,
            rows,
            row_groups,
            sha256: hex::encode(sums.sha256.finalize()),
            block_bytes: BLOCK_BYTES,
            crc32c: sums.crc32c,
        };
        (self.out, file)
    }
}

impl Sums {
    fn add(&mut self, mut octets: &[u8]) {
        self.sha256.update(octets);
        self.bytes += octets.len() as u64;
        while !octets.is_empty() {
            let room = (BLOCK_BYTES as usize).saturating_sub(self.filled);
            let (now, rest) = octets.split_at(room.min(octets.len()));
            self.crc = crc32c::crc32c_append(self.crc, now);
            self.filled += now.len();
            if self.filled >= BLOCK_BYTES as usize {
                self.crc32c.push(self.crc);
                (self.crc, self.filled) = (0, 0);
            }
            octets = rest;
        }
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let written = self.out.write(octets)?;
        self.sums.add(octets.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// What of the archive is kept in memory, shared by all readers.
pub(super) struct Cache {
    bytes_max: u64,
    kept: Mutex<Kept>,
    pub(super) blocks_read: AtomicU64,
    pub(super) hits: AtomicU64,
}

#[derive(Default)]
struct Kept {
    /// By the name of the file and the place of the block, with when it was used.
    blocks: BTreeMap<(Arc<str>, usize), (Bytes, u64)>,
    bytes: u64,
    footers: BTreeMap<Arc<str>, (Footer, u64)>,
    torn: BTreeMap<(Arc<str>, usize), (Torn, Instant)>,
    uses: u64,
}

impl Cache {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self {
            bytes_max,
            kept: Mutex::default(),
            blocks_read: AtomicU64::new(0),
            hits: AtomicU64::new(0),
        }
    }

    fn get(&self, name: &Arc<str>, block: usize) -> Option<Bytes> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let uses = kept.uses;
        let (octets, last) = kept.blocks.get_mut(&(Arc::clone(name), block))?;
        *last = uses;
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(octets.clone())
    }

    fn keep(&self, name: &Arc<str>, block: usize, octets: &Bytes) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = octets.len() as u64;
        if bytes > self.bytes_max {
            return;
        }
        kept.uses += 1;
        let entry = (octets.clone(), kept.uses);
        let before = kept.blocks.insert((Arc::clone(name), block), entry);
        kept.bytes += bytes;
        kept.bytes -= before.map_or(0, |(octets, _)| octets.len() as u64);
        while kept.bytes > self.bytes_max {
            let oldest = kept.blocks.iter().min_by_key(|(_, (_, used))| *used);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                break;
            };
            let gone = kept.blocks.remove(&oldest);
            kept.bytes -= gone.map_or(0, |(octets, _)| octets.len() as u64);
        }
    }

    fn footer(&self, name: &Arc<str>) -> Option<Footer> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let uses = kept.uses;
        let (footer, last) = kept.footers.get_mut(name)?;
        *last = uses;
        Some(footer.clone())
    }

    fn keep_footer(&self, name: &Arc<str>, footer: &Footer) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let entry = (footer.clone(), kept.uses);
        kept.footers.insert(Arc::clone(name), entry);
        let bytes = |kept: &Kept| -> usize {
            let footers = kept.footers.values();
            footers.map(|(footer, _)| footer.memory_bytes()).sum()
        };
        while kept.footers.len() > FOOTERS_MAX || bytes(&kept) > FOOTER_BYTES_MAX {
            let oldest = kept.footers.iter().min_by_key(|(_, (_, used))| *used);
            let Some(oldest) = oldest.map(|(name, _)| Arc::clone(name)) else {
                break;
            };
            kept.footers.remove(&oldest);
        }
    }

    /// What is damaged of a block, where that was found a short while ago.
    fn torn(&self, name: &Arc<str>, block: usize) -> Option<Torn> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (torn, since) = kept.torn.get(&(Arc::clone(name), block))?;
        (since.elapsed() < TORN_KEPT).then(|| torn.clone())
    }

    fn keep_torn(&self, name: &Arc<str>, block: usize, torn: &Torn) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.torn
            .retain(|_, (_, since)| since.elapsed() < TORN_KEPT);
        if kept.torn.len() < TORN_MAX {
            let key = (Arc::clone(name), block);
            kept.torn.insert(key, (torn.clone(), Instant::now()));
        }
    }

    fn is_sound(&self, name: &Arc<str>, block: usize) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.torn.remove(&(Arc::clone(name), block));
    }
}

/// A file of the archive as a parser reads it.
pub(super) struct Remote {
    depot: Depot,
    cache: Arc<Cache>,
    /// Its name in the depot, with its folders.
    name: Arc<str>,
    sums: FileSums,
    deadline: Option<Instant>,
}

/// Octets of the archive that are not what was written.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Torn {
    #[error("octets {begin} to {end} of {name} are damaged")]
    Octets { name: String, begin: u64, end: u64 },
    #[error("{name} has {found} octets, and {expected} were written")]
    Length {
        name: String,
        found: u64,
        expected: u64,
    },
}

impl Remote {
    pub(super) fn new(
        depot: &Depot,
        cache: &Arc<Cache>,
        folder: &str,
        sums: FileSums,
        deadline: Option<Instant>,
    ) -> Self {
        Self {
            depot: depot.clone(),
            cache: Arc::clone(cache),
            name: format!("{folder}/{}", sums.name).into(),
            sums,
            deadline,
        }
    }

    /// The end of the file, read where nobody read it before.
    pub(super) fn footer(&self) -> Result<Footer, crate::parquet::ParquetError> {
        if let Some(footer) = self.cache.footer(&self.name) {
            return Ok(footer);
        }
        let footer = Footer::read(self)?;
        self.cache.keep_footer(&self.name, &footer);
        Ok(footer)
    }

    /// The block at a place, and those behind it up to another that are wanted as well.
    fn blocks(&self, first: usize, last: usize) -> Result<Vec<Bytes>, ParquetError> {
        let mut found = Vec::new();
        let mut place = first;
        while place <= last {
            if let Some(octets) = self.cache.get(&self.name, place) {
                found.push(octets);
                place += 1;
                continue;
            }
            if let Some(torn) = self.cache.torn(&self.name, place) {
                return Err(ParquetError::External(Box::new(torn)));
            }
            let mut end = place + 1;
            while end <= last
                && end - place < FETCHED_AT_ONCE
                && self.cache.get(&self.name, end).is_none()
                && self.cache.torn(&self.name, end).is_none()
            {
                end += 1;
            }
            found.extend(self.fetch(place, end).map_err(|error| match error {
                Fault::Depot(error) => ParquetError::External(Box::new(error)),
                Fault::Torn(torn) => ParquetError::External(Box::new(torn)),
            })?);
            place = end;
        }
        Ok(found)
    }

    /// Fetches blocks and proves each.
    fn fetch(&self, first: usize, end: usize) -> Result<Vec<Bytes>, Fault> {
        let block = u64::from(self.sums.block_bytes);
        let begin = (first as u64).saturating_mul(block);
        let end = (end as u64).saturating_mul(block).min(self.sums.bytes);
        let octets = self
            .depot
            .get_range(&self.name, begin..end, self.deadline)
            .map_err(|error| self.fault_of(error, first))?;
        let mut blocks = Vec::new();
        for (n, octets) in octets.chunks(self.sums.block_bytes as usize).enumerate() {
            let place = first + n;
            if self.sums.crc32c.get(place) != Some(&crc32c::crc32c(octets)) {
                let begin = (place as u64).saturating_mul(block);
                let torn = Torn::Octets {
                    name: self.name.to_string(),
                    begin,
                    end: begin + octets.len() as u64,
                };
                self.cache.keep_torn(&self.name, place, &torn);
                return Err(Fault::Torn(torn));
            }
            self.cache.is_sound(&self.name, place);
            // A copy, so that the cache holds no more than the block.
            let octets = Bytes::copy_from_slice(octets);
            self.cache.blocks_read.fetch_add(1, Ordering::Relaxed);
            self.cache.keep(&self.name, place, &octets);
            blocks.push(octets);
        }
        Ok(blocks)
    }

    /// What a request that failed comes to: an object of another length than was written does not have what
    /// was asked for, and that is damage.
    fn fault_of(&self, error: DepotError, block: usize) -> Fault {
        if error.is_missing() || error.is_late() {
            return Fault::Depot(error);
        }
        let expected = self.sums.bytes;
        match self.depot.length(&self.name, self.deadline) {
            Ok(found) if found != expected => {
                let name = self.name.to_string();
                let torn = Torn::Length {
                    name,
                    found,
                    expected,
                };
                self.cache.keep_torn(&self.name, block, &torn);
                Fault::Torn(torn)
            }
            _ => Fault::Depot(error),
        }
    }

    /// Reads all of the file and checks all that proves it, past the cache. Hands over how many octets
    /// were read as it goes on.
    pub(super) fn check(
        &self,
        mut read: impl FnMut(u64) -> Result<(), super::ArchiveError>,
    ) -> Result<Result<(), String>, super::ArchiveError> {
        let mut sha256 = Sha256::new();
        let mut place = 0;
        while place < self.sums.crc32c.len() {
            let end = (place + FETCHED_AT_ONCE).min(self.sums.crc32c.len());
            let blocks = match self.fetch(place, end) {
                Ok(blocks) => blocks,
                Err(Fault::Torn(torn)) => return Ok(Err(torn.to_string())),
                Err(Fault::Depot(error)) if error.is_missing() => {
                    return Ok(Err(format!("{} is missing", self.name)));
                }
                Err(Fault::Depot(error)) => return Err(error.into()),
            };
            for block in blocks {
                sha256.update(&block);
                read(block.len() as u64)?;
            }
            place = end;
        }
        if hex::encode(sha256.finalize()) != self.sums.sha256 {
            return Ok(Err(format!("the checksum of {} does not agree", self.name)));
        }
        Ok(Ok(()))
    }

    fn place(&self, at: u64) -> usize {
        usize::try_from(at / u64::from(self.sums.block_bytes.max(1))).unwrap_or(usize::MAX)
    }
}

enum Fault {
    Depot(DepotError),
    Torn(Torn),
}

impl Length for Remote {
    fn len(&self) -> u64 {
        self.sums.bytes
    }
}

impl ChunkReader for Remote {
    type T = RemoteRead;

    fn get_read(&self, start: u64) -> Result<RemoteRead, ParquetError> {
        Ok(RemoteRead {
            remote: Self {
                depot: self.depot.clone(),
                cache: Arc::clone(&self.cache),
                name: Arc::clone(&self.name),
                sums: self.sums.clone(),
                deadline: self.deadline,
            },
            at: start,
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let end = start.saturating_add(length as u64);
        if end > self.sums.bytes {
            return Err(ParquetError::EOF(format!(
                "octets {start} to {end} of {} are beyond its end",
                self.name
            )));
        }
        if length == 0 {
            return Ok(Bytes::new());
        }
        let first = self.place(start);
        let blocks = self.blocks(first, self.place(end - 1))?;
        let behind = start - (first as u64).saturating_mul(u64::from(self.sums.block_bytes));
        let behind = usize::try_from(behind).unwrap_or(usize::MAX);
        if let [one] = blocks.as_slice() {
            let range = behind..behind.saturating_add(length);
            if range.end <= one.len() {
                return Ok(one.slice(range));
            }
        }
        let mut octets = BytesMut::with_capacity(length);
        let mut skip = behind;
        for block in &blocks {
            let from = skip.min(block.len());
            skip -= from;
            let rest = block.get(from..).unwrap_or_default();
            let now = rest.len().min(length - octets.len());
            octets.extend_from_slice(rest.get(..now).unwrap_or_default());
        }
        Ok(octets.freeze())
    }
}

/// Reads on from a place.
pub(super) struct RemoteRead {
    remote: Remote,
    at: u64,
}

impl Read for RemoteRead {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.remote.sums.bytes.saturating_sub(self.at);
        let block = u64::from(self.remote.sums.block_bytes.max(1));
        // To the end of the block at most, which is there in one piece.
        let now = left.min(block - self.at % block).min(into.len() as u64);
        let now = usize::try_from(now).unwrap_or(usize::MAX);
        let octets = self.remote.get_bytes(self.at, now);
        let octets = octets.map_err(io::Error::other)?;
        if let Some(into) = into.get_mut(..octets.len()) {
            into.copy_from_slice(&octets);
        }
        self.at += octets.len() as u64;
        Ok(octets.len())
    }
}
