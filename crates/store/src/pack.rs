//! Packs: files of sealed samples that are written once and never changed.
//!
//! A pack holds the samples of many devices over one range of time: for each device a shared column
//! of times and a section for each series, so that one series is read without the others. Begin
//! with [`PackFolder`], which knows what packs there are; it hands out a [`PackWriter`] to make one
//! and [`Pack`]s to read. The octets are in `docs/formats/packs.md`; how a column is written is
//! `blocks::codec`'s.
//!
//! Every octet of a pack is under a checksum, and whatever the octets are, reading neither panics
//! nor takes memory by a length that it has not checked. What is damaged is named ([`Damage`]) and
//! costs itself: a section its column, the head of a device that device, the ends of the file
//! nothing, as all that they say can be had of the rest.

mod device_index;
mod device_part;
mod directory;
mod folder;
mod header;
mod inspect;
mod less;
mod manifest;
mod reader;
mod source;
mod verify;
mod writer;

pub use device_index::{DEVICES_MAX, Entry};
pub use device_part::{DevicePart, EntryPart};
pub use directory::{ENTRIES_MAX, Head};
pub use folder::PackFolder;
pub(crate) use inspect::inspect;
pub use reader::Pack;
pub use verify::{Cursor, FolderCursor, Verified};
pub use writer::PackWriter;

use crate::blocks::codec::DecodeError;
use crate::blocks::{Column, DenseError, Level, Short};
use model::{DeviceId, Timestamp};
use nix::errno::Errno;
use std::path::{Path, PathBuf};
use std::{fmt, io};

/// What the rows of a pack are. The numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Samples as they were polled.
    Samples = 0,
    /// Roll-ups of five minutes.
    FiveMinutes = 1,
    /// Roll-ups of an hour.
    Hours = 2,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Samples, Self::FiveMinutes, Self::Hours];

    /// What its files' names begin with.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Samples => "",
            Self::FiveMinutes => "5m-",
            Self::Hours => "1h-",
        }
    }
}

/// What makes a pack the one it is; its file is named so. Ordered by start first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackId {
    /// Where its range of time begins; aligned to the level.
    pub start: Timestamp,
    /// How long its range is.
    pub level: Level,
    /// What its rows are.
    pub kind: Kind,
    /// The class of retention that its series have in common.
    pub class: u16,
    /// Which part of the devices it holds.
    pub shard: u16,
    /// Never given twice in one folder, so that a pack that replaces another has another name.
    /// Of two packs that hold the same, the later generation is the newer.
    pub generation: u64,
}

impl PackId {
    /// Where its range ends; not part of it.
    pub fn end(&self) -> Timestamp {
        self.level.end(self.start)
    }

    /// The folder it is in: of samples that of their day, `2026-03-01`, of roll-ups that of their
    /// month, `2026-03`.
    pub fn day(&self) -> String {
        // RFC 3339 in UTC: `2026-03-01T…`. A time beyond the calendar is written otherwise, whole.
        let text = Level::Day.start(self.start).to_string();
        let date = text.split('T').next().unwrap_or(&text);
        let month = date.rsplit_once('-').map(|(month, _)| month);
        let is_of_month = self.kind != Kind::Samples;
        month.filter(|_| is_of_month).unwrap_or(date).to_owned()
    }

    /// The name of its file in its folder: `h0030-c0-s0-g17.pack` (half an hour), `t02-…` (two
    /// hours), `day-…`; of roll-ups `1h-d01-…` (a day), `1h-month-…`.
    pub fn file_name(&self) -> String {
        const DAY_MS: i64 = Level::Day.span_ms();
        let minute = self.start.unix_ms().rem_euclid(DAY_MS) / 60_000;
        let (hour, minute) = (minute / 60, minute % 60);
        let range = match self.level {
            Level::HalfHour => format!("h{hour:02}{minute:02}"),
            Level::TwoHours => format!("t{hour:02}"),
            Level::Day if self.kind == Kind::Samples => "day".to_owned(),
            Level::Day => {
                let first = Level::Month.start(self.start).unix_ms();
                let behind = self.start.unix_ms().saturating_sub(first) / DAY_MS;
                format!("d{:02}", behind + 1)
            }
            Level::Month => "month".to_owned(),
        };
        let (prefix, class) = (self.kind.prefix(), self.class);
        let (shard, generation) = (self.shard, self.generation);
        format!("{prefix}{range}-c{class}-s{shard}-g{generation}{SUFFIX}")
    }

    /// Its file in a folder of packs.
    pub fn path(&self, folder: &Path) -> PathBuf {
        folder.join(self.day()).join(self.file_name())
    }
}

/// What the name of a pack ends with.
const SUFFIX: &str = ".pack";

/// What a pack holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackMeta {
    /// Which pack.
    pub id: PackId,
    /// Octets of its file.
    pub bytes: u64,
    /// How much is in it.
    pub totals: Totals,
    /// The checksum over its device index: tells a file from another one of that name.
    pub crc: u32,
}

impl PackMeta {
    /// Tells the pack from any other, also from one of its name in another data folder: the name of its
    /// file, its octets and its checksum in hexadecimal digits, with spaces between.
    pub fn stamp(&self) -> String {
        format!("{} {} {:08x}", self.id.file_name(), self.bytes, self.crc)
    }
}

/// How much a pack holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Devices.
    pub devices: u64,
    /// Columns of devices, one that has both types of number counted twice.
    pub series: u64,
    /// Samples; zero where the end of the file is damaged, and with it what is known of it.
    pub samples: u64,
    /// The earliest time of a row, in milliseconds since 1970; zero where there is none.
    pub first_ms: i64,
    /// The latest.
    pub last_ms: i64,
}

/// Something that was found damaged. The rest is read on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Damage {
    /// Of which file.
    pub path: PathBuf,
    /// Of which device, where it is of one.
    pub device_id: Option<DeviceId>,
    /// Of which series, where it is of one.
    pub column: Option<Column>,
    /// What is wrong.
    pub what: String,
}

impl Damage {
    pub(crate) fn of_file(path: &Path, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            device_id: None,
            column: None,
            what: what.into(),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(device_id) = self.device_id {
            write!(f, ", device {device_id}")?;
        }
        if let Some(column) = self.column {
            write!(f, ", column {}", column.0)?;
        }
        write!(f, ": {}", self.what)
    }
}

/// Octets that are not what they ought to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsound {
    /// They do not begin or end as a pack does.
    #[error("not a pack")]
    NotAPack,
    /// A later version of Foretell wrote them.
    #[error("a pack of version {version}, which is not known")]
    Version {
        /// The version.
        version: u16,
    },
    /// A kind or level of a later version.
    #[error("a pack of {what} {number}, which is not known")]
    Unknown {
        /// `kind` or `level`.
        what: &'static str,
        /// Its number.
        number: u8,
    },
    /// A checksum does not agree.
    #[error("the checksum of {what} does not agree")]
    Checksum {
        /// Of which part.
        what: &'static str,
    },
    /// A part does not make sense.
    #[error("{what} is malformed")]
    Malformed {
        /// Which part.
        what: &'static str,
    },
    /// They end too early.
    #[error(transparent)]
    Short(#[from] Short),
    /// A column cannot be decoded.
    #[error(transparent)]
    Column(#[from] DecodeError),
}

/// A pack could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// The disk failed.
    #[error("{operation} {path} failed")]
    File {
        /// What was tried.
        operation: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file, or what it says of one device, is damaged.
    #[error("{path} is damaged")]
    Unsound {
        /// Which.
        path: PathBuf,
        /// Of which device, where it is of one.
        device_id: Option<DeviceId>,
        /// What is wrong.
        #[source]
        source: Unsound,
    },
    /// What was to be written is not what a pack may hold.
    #[error("device {device_id} cannot be written to a pack")]
    Samples {
        /// Whose samples.
        device_id: DeviceId,
        /// Why.
        #[source]
        source: DenseError,
    },
    /// A device does not come after the one before it, or a column was given without a device.
    #[error("device {device_id} comes out of order")]
    Order {
        /// Which.
        device_id: DeviceId,
    },
    /// More than a pack may hold.
    #[error("a pack may hold no more than {max} {what}")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// How many.
        max: usize,
    },
    /// The start is not one of its level.
    #[error("{start} is no start of a pack of its level")]
    Start {
        /// The start.
        start: Timestamp,
    },
}

impl PackError {
    /// Whether it says nothing of the file: the process or the machine had not enough of something.
    pub(crate) fn is_passing(&self) -> bool {
        let Self::File { source, .. } = self else {
            return false;
        };
        let lacks = [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM, Errno::EINTR];
        let code = source.raw_os_error();
        lacks.into_iter().any(|errno| code == Some(errno as i32))
    }
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PackError {
    move |source| PackError::File {
        operation,
        path: path.to_owned(),
        source,
    }
}

fn unsound(path: &Path, device_id: Option<DeviceId>) -> impl FnOnce(Unsound) -> PackError {
    move |source| PackError::Unsound {
        path: path.to_owned(),
        device_id,
        source,
    }
}

/// The octets of a pack in memory, for who has them from elsewhere. Pure.
pub fn from_octets(octets: Vec<u8>) -> Result<Pack, PackError> {
    Pack::from_source(source::Source::Memory(octets), Path::new("memory"))
}

/// As [`from_octets`], of octets that may be damaged: what can be read of them, and what is wrong.
pub fn salvage_octets(octets: Vec<u8>) -> Result<(Pack, Vec<Damage>), PackError> {
    reader::salvage(source::Source::Memory(octets), Path::new("memory"), None)
}
