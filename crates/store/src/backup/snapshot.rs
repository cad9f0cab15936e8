//! A snapshot: what one backup has, and of which chunks. Pure.
//!
//! A file of two boxes: the summary, which is all that a list shows, and the files. Both are JSON.

use super::BackupError;
use super::seal::{NAME_LEN, Name, Seal};
use model::{BackupId, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How a snapshot begins; so does each of its boxes.
const MAGIC: [u8; 4] = *b"FTSN";
/// Octets of a summary: it lists what was left out, at most [`LEFT_OUT_MAX`] of it.
pub(super) const SUMMARY_LEN_MAX: usize = 1 << 20;
/// Octets of a list of files: the names of four million chunks, which are four terabytes of packs.
const FILES_LEN_MAX: usize = 512 << 20;
/// What was left out is named so often; more is only counted.
pub(super) const LEFT_OUT_MAX: usize = 1_000;

/// How much of what is in a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Documents of all collections.
    pub documents: u64,
    /// Series.
    pub series: u64,
    /// Polls in the log.
    pub log_frames: u64,
    /// Samples in packs.
    pub pack_samples: u64,
    /// Blocks that lie over packs, and those of the first version.
    pub patches: u64,
    /// Changes of status.
    pub changes: u64,
    /// Lines of logs, traps and tops of flows.
    pub events: u64,
}

/// Something that is not in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Which file, from the data folder on.
    pub path: String,
    /// Why.
    pub why: String,
}

/// A backup as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Which.
    pub id: BackupId,
    /// When it began. What was acknowledged before is in it.
    pub started_at: Timestamp,
    /// When all of it was written.
    pub ended_at: Timestamp,
    /// The version of the server that made it.
    pub version: String,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Files in it.
    pub files: u64,
    /// Octets of these files.
    pub bytes: u64,
    /// Octets that had to be written for it, as the others were there.
    pub bytes_written: u64,
    /// How much of what is in it.
    pub counts: Counts,
    /// The id of the data folder that it is of; none in backups of before there were ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_folder: Option<String>,
    /// What is not in it, though it is in the data folder.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileEntry {
    /// From the data folder on, with `/` between.
    pub(super) path: String,
    /// Octets.
    pub(super) bytes: u64,
    /// Octets of each chunk but the last.
    pub(super) chunk_bytes: u32,
    /// Says that the file is the one of another backup, where that has the same; empty where it
    /// never says so.
    #[serde(default)]
    pub(super) stamp: String,
    /// Rows, frames or samples in it; none where they are not counted.
    #[serde(default)]
    pub(super) rows: Option<u64>,
    /// Its content, one behind the other.
    pub(super) chunks: Names,
}

/// Names of chunks, in JSON the hexadecimal digits of all in one text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names(pub(super) Vec<Name>);

impl Serialize for Names {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let octets: Vec<u8> = self.0.iter().flat_map(|name| name.0).collect();
        serializer.serialize_str(&hex::encode(octets))
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let octets = hex::decode(text).map_err(serde::de::Error::custom)?;
        let (names, rest) = octets.as_chunks::<NAME_LEN>();
        if !rest.is_empty() {
            return Err(serde::de::Error::custom("a name of a chunk is cut short"));
        }
        Ok(Self(names.iter().copied().map(Name).collect()))
    }
}

/// All of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) summary: Summary,
    pub(super) files: Vec<FileEntry>,
}

impl Snapshot {
    /// Its octets.
    pub(super) fn write(&self, seal: &Seal) -> Result<Vec<u8>, BackupError> {
        let id = self.summary.id;
        let summary = serde_json::to_vec(&self.summary).map_err(BackupError::Json)?;
        let files = serde_json::to_vec(&self.files).map_err(BackupError::Json)?;
        if summary.len() > SUMMARY_LEN_MAX || files.len() > FILES_LEN_MAX {
            return Err(BackupError::TooLarge);
        }
        let mut octets = seal.close(MAGIC, &about(id, 0), &summary)?;
        octets.extend(seal.close(MAGIC, &about(id, 1), &files)?);
        Ok(octets)
    }

    /// The backup of that id whose octets these are; an error says what is wrong with them.
    pub(super) fn read(seal: &Seal, id: BackupId, octets: &[u8]) -> Result<Self, String> {
        let (summary, rest) = read_summary(seal, id, octets)?;
        let (files, rest) = seal.open(MAGIC, &about(id, 1), rest, FILES_LEN_MAX)?;
        if !rest.is_empty() {
            return Err("there is more behind it than belongs there".to_owned());
        }
        let files = serde_json::from_slice(&files).map_err(|error| error.to_string())?;
        Ok(Self { summary, files })
    }
}

/// The summary at the front of the octets of a snapshot, and what is behind it.
pub(super) fn read_summary<'a>(
    seal: &Seal,
    id: BackupId,
    octets: &'a [u8],
) -> Result<(Summary, &'a [u8]), String> {
    let (summary, rest) = seal.open(MAGIC, &about(id, 0), octets, SUMMARY_LEN_MAX)?;
    let summary: Summary = serde_json::from_slice(&summary).map_err(|error| error.to_string())?;
    if summary.id != id {
        return Err("it is another backup than its name says".to_owned());
    }
    Ok((summary, rest))
}

/// What a box of a snapshot is about.
fn about(id: BackupId, part: u8) -> Vec<u8> {
    let mut about = id.as_bytes().to_vec();
    about.push(part);
    about
}

/// Reads octets as a snapshot of a repository that is not encrypted, and writes what was read; none
/// where they are none. Public so that it can be fuzzed.
pub fn rewritten(id: BackupId, octets: &[u8]) -> Option<Vec<u8>> {
    let read = Snapshot::read(&Seal::Plain, id, octets).ok()?;
    read.write(&Seal::Plain).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn summary(at_ms: i64) -> Summary {
        Summary {
            id: BackupId::new(),
            started_at: Timestamp::from_unix_ms(at_ms),
            ended_at: Timestamp::from_unix_ms(at_ms + 1_000),
            version: "1".to_owned(),
            encrypted: false,
            files: 1,
            bytes: 3,
            bytes_written: 3,
            counts: Counts::default(),
            data_folder: None,
            left_out: Vec::new(),
        }
    }

    #[test]
    fn written_and_read_and_every_flipped_bit_is_noticed() {
        let snapshot = Snapshot {
            summary: summary(1_000),
            files: vec![FileEntry {
                path: "series/log/1.log".to_owned(),
                bytes: 3,
                chunk_bytes: 1 << 20,
                stamp: String::new(),
                rows: Some(1),
                chunks: Names(vec![Name([7; NAME_LEN])]),
            }],
        };
        let id = snapshot.summary.id;
        let octets = snapshot.write(&Seal::Plain).unwrap();
        assert_eq!(Snapshot::read(&Seal::Plain, id, &octets).unwrap(), snapshot);
        assert_eq!(rewritten(id, &octets), Some(octets.clone()));
        assert!(Snapshot::read(&Seal::Plain, BackupId::new(), &octets).is_err());
        for bit in 0..octets.len() * 8 {
            let mut altered = octets.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(
                Snapshot::read(&Seal::Plain, id, &altered).is_err(),
                "bit {bit}"
            );
        }
        let longer = [&octets[..], &[0]].concat();
        assert!(Snapshot::read(&Seal::Plain, id, &longer).is_err());
    }

    /// Written by version 1, of a data folder that had no id yet; these octets must be read for ever.
    const VERSION_1: &str = "4654534e01000000680100007b226964223a2230313930613562302d303030302d373030302d383030302d303030\
        303030303030303031222c22737461727465645f6174223a22323032362d30332d30315430303a30303a30302e30\
        30305a222c22656e6465645f6174223a22323032362d30332d30315430303a30303a30312e3030305a222c227665\
        7273696f6e223a22302e312e30222c22656e63727970746564223a66616c73652c2266696c6573223a312c226279\
        746573223a332c2262797465735f7772697474656e223a332c22636f756e7473223a7b22646f63756d656e747322\
        3a312c22736572696573223a322c226c6f675f6672616d6573223a332c227061636b5f73616d706c6573223a342c\
        2270617463686573223a352c226368616e676573223a362c226576656e7473223a377d2c226c6566745f6f757422\
        3a5b7b2270617468223a227365637265742e6b6579222c22776879223a226974206973206b657074206170617274\
        227d5d7d96b29dee4654534e01000000a70000005b7b2270617468223a227365726965732f6c6f672f312e6c6f67\
        222c226279746573223a332c226368756e6b5f6279746573223a313034383537362c227374616d70223a22332035\
        61643163306465222c22726f7773223a312c226368756e6b73223a22626137383136626638663031636665613431\
        34313430646535646165323232336230303336316133393631373761396362343130666636316632303031356164\
        227d5dc85c1581";

    #[test]
    fn old_bytes_are_still_read() {
        let id: BackupId = "0190a5b0-0000-7000-8000-000000000001".parse().unwrap();
        let octets = hex::decode(VERSION_1).unwrap();
        let read = Snapshot::read(&Seal::Plain, id, &octets).unwrap();
        let begin = Timestamp::from_unix_ms(1_772_323_200_000);
        let expected = Summary {
            id,
            version: "0.1.0".to_owned(),
            counts: Counts {
                documents: 1,
                series: 2,
                log_frames: 3,
                pack_samples: 4,
                patches: 5,
                changes: 6,
                events: 7,
            },
            left_out: vec![LeftOut {
                path: "secret.key".to_owned(),
                why: "it is kept apart".to_owned(),
            }],
            ..summary(begin.unix_ms())
        };
        assert_eq!(read.summary, expected);
        let file = FileEntry {
            path: "series/log/1.log".to_owned(),
            bytes: 3,
            chunk_bytes: 1 << 20,
            stamp: "3 5ad1c0de".to_owned(),
            rows: Some(1),
            chunks: Names(vec![Seal::Plain.name(b"abc")]),
        };
        assert_eq!(read.files, [file]);
    }
}
