//! What a revision of an archived day is made of. It is written last, and with it the revision counts.
//!
//! Two lines: a JSON object, and one with the SHA-256 of the first. The bounds are checked before anything
//! is made of what it says.

use crate::blocks::Level;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

/// The version of the layout.
pub(super) const VERSION: u32 = 1;
/// Octets of a manifest that is read.
pub(super) const MANIFEST_BYTES_MAX: u64 = 4 << 20;
/// Files of a day.
pub(super) const FILES_MAX: usize = 4_096;
/// Octets over which a checksum goes: what a reader fetches at least.
pub const BLOCK_BYTES: u32 = 1 << 20;
/// The most that another writer may have taken for that: a reader holds eight of them at once.
const BLOCK_BYTES_MAX: u32 = 16 << 20;

/// The greatest revision that is believed: numbers go on from milliseconds since 1970, and every reader of
/// JSON takes this one exactly. What has a greater one in its name is nobody's.
const REVISION_MAX: u64 = 1 << 53;
/// The greatest that raises what is given next by its name alone: the year 140,000 and more. So no object
/// takes away the numbers that are left.
const REVISION_REACHED_MAX: u64 = 1 << 52;

/// What the names of files of samples begin with.
pub(super) const SAMPLES: &str = "samples-";

/// What a revision of a day is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the layout: 1.
    pub version: u32,
    /// Which installation wrote it.
    pub installation: String,
    /// Where the day begins.
    pub day: Timestamp,
    /// Grows with each that is written by one installation.
    pub revision: u64,
    /// The packs that it was made of: of each the name of its file, its octets and its checksum.
    pub source: Vec<String>,
    /// Samples in it.
    pub samples: u64,
    /// Series in it.
    pub series: u64,
    /// Devices in it.
    pub devices: u64,
    /// Columns of the packs that were left out, as nobody knew their series.
    #[serde(default)]
    pub unknown_columns: u64,
    /// Its files.
    pub files: Vec<FileSums>,
}

/// A file, and what proves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSums {
    /// Its name in the folder of the revision.
    pub name: String,
    /// Its octets.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
    /// Its row groups.
    pub row_groups: u64,
    /// The SHA-256 of all of it, in hexadecimal digits.
    pub sha256: String,
    /// Octets of a block; the last is shorter.
    pub block_bytes: u32,
    /// The CRC-32C of each block.
    pub crc32c: Vec<u32>,
}

#[derive(Serialize, Deserialize)]
struct Sum {
    sha256: String,
}

impl Manifest {
    /// As it is written.
    pub fn to_octets(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut octets = serde_json::to_vec(self)?;
        let sum = Sum {
            sha256: hex::encode(Sha256::digest(&octets)),
        };
        octets.push(b'\n');
        octets.extend(serde_json::to_vec(&sum)?);
        octets.push(b'\n');
        Ok(octets)
    }

    /// What octets say; what is wrong with them where they are none.
    pub fn parse(octets: &[u8]) -> Result<Self, String> {
        if octets.len() as u64 > MANIFEST_BYTES_MAX {
            return Err("the manifest is too long".to_owned());
        }
        let mut lines = octets.split(|octet| *octet == b'\n');
        let (Some(said), Some(sum), Some([]), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err("the manifest is not two lines".to_owned());
        };
        let sum: Sum = serde_json::from_slice(sum).map_err(|error| error.to_string())?;
        if sum.sha256 != hex::encode(Sha256::digest(said)) {
            return Err("the checksum of the manifest does not agree".to_owned());
        }
        Self::parse_said(said)
    }

    /// What the first line says, whatever the second is.
    pub fn parse_said(said: &[u8]) -> Result<Self, String> {
        let manifest: Self = serde_json::from_slice(said).map_err(|error| error.to_string())?;
        if manifest.version != VERSION {
            return Err(format!(
                "the manifest is of version {}, which is not known",
                manifest.version
            ));
        }
        if manifest.files.len() > FILES_MAX {
            return Err("the manifest has too many files".to_owned());
        }
        for file in &manifest.files {
            file.check()?;
        }
        manifest.adds_up()?;
        Ok(manifest)
    }

    /// What is wrong where its numbers are not those of its files.
    fn adds_up(&self) -> Result<(), String> {
        let names: BTreeSet<&str> = self.files.iter().map(|file| file.name.as_str()).collect();
        let sum = |is_it: &dyn Fn(&FileSums) -> bool| {
            let files = self.files.iter().filter(|file| is_it(file));
            files.fold(0_u64, |sum, file| sum.saturating_add(file.rows))
        };
        let rows = sum(&|file| file.name.starts_with(SAMPLES));
        let series = sum(&|file| file.name == super::lookup::NAME);
        let is_listed = names.contains(super::lookup::NAME);
        if names.len() != self.files.len()
            || !is_listed
            || (rows, series) != (self.samples, self.series)
        {
            return Err("what the manifest counts is not in its files".to_owned());
        }
        Ok(())
    }

    /// The file of that name.
    pub fn file(&self, name: &str) -> Option<&FileSums> {
        self.files.iter().find(|file| file.name == name)
    }

    /// Octets of all files.
    pub fn bytes(&self) -> u64 {
        let bytes = self.files.iter().map(|file| file.bytes);
        bytes.fold(0, u64::saturating_add)
    }
}

impl FileSums {
    fn check(&self) -> Result<(), String> {
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'.';
        let named = !self.name.is_empty()
            && self.name.len() <= 64
            && self.name.bytes().all(plain)
            && !self.name.starts_with('.');
        let blocks = self.bytes.div_ceil(u64::from(self.block_bytes.max(1)));
        let is_block = (1..=BLOCK_BYTES_MAX).contains(&self.block_bytes);
        if !named || !is_block || blocks != self.crc32c.len() as u64 {
            return Err("what the manifest says of a file does not make sense".to_owned());
        }
        Ok(())
    }
}

/// The folder of a day, `2026-03-01`; `None` of what is no day.
pub(super) fn day_name(day: Timestamp) -> Option<String> {
    let text = day.to_string();
    let (date, _) = text.split_once('T')?;
    let is_day = date.len() == 10 && Level::Day.start(day) == day;
    is_day.then(|| date.to_owned())
}

/// Whether a name is that of the folder of a day.
pub(super) fn is_name_of_day(name: &str) -> bool {
    let day: Option<Timestamp> = format!("{name}T00:00:00Z").parse().ok();
    day.and_then(day_name).is_some_and(|day| day == name)
}

/// The folder of a revision of a day.
pub(super) fn folder_of(day: &str, revision: u64) -> String {
    format!("{day}/r{revision:010}")
}

/// The name of the manifest of a revision.
pub(super) fn manifest_of(day: &str, revision: u64) -> String {
    format!("{day}/r{revision:010}.json")
}

/// Whether a revision that is in a name raises what is given next.
pub(super) fn is_reached(revision: u64) -> bool {
    revision <= REVISION_REACHED_MAX
}

/// The day, revision and whether it is the manifest, of the name of an object.
pub(super) fn parse_name(name: &str) -> Option<(Timestamp, u64, bool)> {
    let (day_folder, rest) = name.split_once('/')?;
    let day: Timestamp = format!("{day_folder}T00:00:00Z").parse().ok()?;
    let (digits, rest) = rest.strip_prefix('r')?.split_once(['.', '/'])?;
    let revision: u64 = digits.parse().ok()?;
    // Another way to write it would be another object.
    let is_ours = day_name(day)? == day_folder && format!("{revision:010}") == digits;
    (is_ours && revision <= REVISION_MAX).then_some((day, revision, rest == "json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            version: VERSION,
            installation: "0123".to_owned(),
            day: Timestamp::from_unix_ms(20_000 * 86_400_000),
            revision: 17,
            source: vec!["day-c0-s0-g16.pack".to_owned()],
            samples: 3,
            series: 2,
            devices: 1,
            unknown_columns: 0,
            files: vec![
                FileSums {
                    name: "samples-000.parquet".to_owned(),
                    bytes: u64::from(BLOCK_BYTES) + 1,
                    rows: 3,
                    row_groups: 1,
                    sha256: "00".repeat(32),
                    block_bytes: BLOCK_BYTES,
                    crc32c: vec![1, 2],
                },
                FileSums {
                    name: super::super::lookup::NAME.to_owned(),
                    bytes: 9,
                    rows: 2,
                    row_groups: 1,
                    sha256: "00".repeat(32),
                    block_bytes: BLOCK_BYTES,
                    crc32c: vec![3],
                },
            ],
        }
    }

    #[test]
    fn what_is_written_is_read_and_each_flipped_bit_is_noticed() {
        let octets = manifest().to_octets().unwrap();
        assert_eq!(Manifest::parse(&octets), Ok(manifest()));
        for bit in 0..octets.len() * 8 {
            let mut flipped = octets.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Manifest::parse(&flipped).is_err(), "bit {bit}");
        }
        for cut in 0..octets.len() {
            assert!(Manifest::parse(&octets[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn what_does_not_make_sense_is_refused() {
        let refused = |change: fn(&mut Manifest)| {
            let mut manifest = manifest();
            change(&mut manifest);
            Manifest::parse(&manifest.to_octets().unwrap()).is_err()
        };
        assert!(!refused(|_| ()));
        assert!(refused(|m| m.version = 2));
        assert!(refused(|m| m.files[0].crc32c.clear()));
        assert!(refused(|m| m.files[0].block_bytes = 0));
        assert!(refused(|m| {
            m.files[0].block_bytes = BLOCK_BYTES_MAX + 1;
            m.files[0].crc32c.truncate(1);
        }));
        assert!(refused(|m| m.files[0].name = "../owner.json".to_owned()));
        assert!(refused(|m| m.samples = 4));
        assert!(refused(|m| m.series = 1));
        assert!(refused(|m| m.files.truncate(1)));
        assert!(refused(|m| m.files.push(m.files[0].clone())));
        assert!(refused(
            |m| m.files = vec![m.files[0].clone(); FILES_MAX + 1]
        ));
    }

    #[test]
    fn names_of_days_are_told_from_others() {
        for (name, is_day) in [
            ("2026-03-01", true),
            ("2026-02-30", false),
            ("mine", false),
            ("2026-3-1", false),
        ] {
            assert_eq!(is_name_of_day(name), is_day, "{name}");
        }
    }

    #[test]
    fn names_are_read_again() {
        let day = manifest().day;
        let name = day_name(day).unwrap();
        assert_eq!(name, "2024-10-04");
        let manifest = manifest_of(&name, 17);
        assert_eq!(manifest, "2024-10-04/r0000000017.json");
        assert_eq!(parse_name(&manifest), Some((day, 17, true)));
        let last = manifest_of(&name, REVISION_MAX);
        assert_eq!(parse_name(&last), Some((day, REVISION_MAX, true)));
        let file = format!("{}/samples-000.parquet", folder_of(&name, 17));
        assert_eq!(parse_name(&file), Some((day, 17, false)));
        for other in [
            "owner.json",
            "2024-10-04/x.json",
            "2024-10-04/r17.json",
            "2024-10-04/r00000000017.json",
            "2024-10-04/r9007199254740993.json",
            "2024-10-04/r18446744073709551615.json",
            "a/b/c",
        ] {
            assert_eq!(parse_name(other), None, "{other}");
        }
        assert_eq!(day_name(Timestamp::from_unix_ms(1)), None);
    }
}
