//! Writing what a file has. Two passes, so that nothing is written of a file that is no such file, and
//! samples are written a day after the other whatever their order is: the first reads, finds series and
//! puts rows by; the second makes series that are new and writes.
//!
//! A row has the place of one with the same series and time; of several in the file the last holds. What
//! is there already with the same value is not written again, so that a file may be imported again.

mod lay;
mod write;

use super::find::{Defaults, Finder, Ground, Target};
use super::row::{End, ReadError, Refused, Row, Why};
use super::spool::{Spool, SpoolError, Spooled};
use super::{Format, of_kind, read, read_parquet};
use crate::disk::{NoRoom, RoomOf};
use crate::progress::{Progress, Stopped};
use crate::retention::{HeldBy, Retention, RetentionError};
use crate::series::{AHEAD_MAX, AppendError, SeriesError};
use model::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::PathBuf;
use tokio::runtime::Handle;

/// Refused rows that are told one by one; all are counted.
pub const FAULTS_MAX: usize = 1_000;
/// Times of a device in a UTC day that an import fills up to: one a second, with room for what is
/// still in memory. A pack of a day has no more than 131,072.
pub const ROWS_PER_DEVICE_DAY_MAX: usize = 100_000;

/// What is imported.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the file is written as.
    pub format: Format,
    /// Whether it is only told what would be done. What is there with another value is not counted
    /// apart then.
    pub dry_run: bool,
    /// The time of rows without one; they are refused where it is not given.
    pub default_time: Option<Timestamp>,
    /// Whose rows are that do not say, and whether metrics are made.
    pub defaults: Defaults,
    /// Octets of the file.
    pub length: u64,
    /// A folder for what is put by; it is made and removed.
    pub spool: PathBuf,
    /// The room on the disk that all of it is written to.
    pub room: RoomOf,
    /// Rows that are in memory at a time, for tests; else some 150 MB of them.
    #[doc(hidden)]
    pub rows_a_part: Option<usize>,
}

/// What came of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Imported {
    /// Whether it was only told what would be done.
    pub dry_run: bool,
    /// Rows of the file, those refused among them.
    pub rows: u64,
    /// Samples that are new.
    pub added: u64,
    /// Samples that had another value.
    pub replaced: u64,
    /// Samples that were there with the same value.
    pub same: u64,
    /// Rows in whose place a later one of the file came.
    pub repeated: u64,
    /// Rows that were not taken.
    pub refused: u64,
    /// The same by reason.
    pub reasons: BTreeMap<String, u64>,
    /// The first of them, each with its line; at most 1,000.
    pub faults: Vec<Fault>,
    /// Devices of the rows, the whole network being one.
    pub devices: u64,
    /// Series of the rows.
    pub series: u64,
    /// Those of them that were made, or would be.
    pub new_series: u64,
    /// Where the first sample is.
    pub from: Option<Timestamp>,
    /// Where the last sample is.
    pub to: Option<Timestamp>,
    /// UTC days that have samples.
    pub days: u64,
    /// UTC days that were written to their end.
    pub days_done: u64,
    /// The file does not end as its format has it: some of it may be missing.
    pub cut_short: bool,
    /// What was left out that is no sample, by what it is.
    pub left_out: BTreeMap<String, u64>,
}

/// A row that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Fault {
    /// The line of the file, from 1; of Parquet the row.
    pub line: u64,
    /// Why, as it is counted.
    pub reason: String,
    /// Why, in words.
    pub detail: String,
}

/// An import was not done to its end. What was written stays; doing it again is harmless.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file is none of its format. Nothing was written.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Rows could not be put by.
    #[error("rows could not be put by")]
    Spool(#[source] io::Error),
    /// The disk has no room for more of it.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// What is there could not be read.
    #[error("what is there could not be read")]
    Series(#[from] SeriesError),
    /// Samples could not be written.
    #[error("samples could not be written")]
    Append(#[source] AppendError),
    /// What holds keep could not be told.
    #[error("what holds keep could not be told")]
    Holds(#[from] RetentionError),
    /// It was asked to end.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl From<SpoolError> for ImportError {
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::File(error) => Self::Spool(error),
            SpoolError::NoRoom(lacking) => Self::NoRoom(lacking),
        }
    }
}

impl Imported {
    fn refuse(&mut self, refused: Refused) {
        self.refuse_many(refused, 1);
    }

    fn refuse_many(&mut self, refused: Refused, rows: u64) {
        let reason = refused.why.name();
        self.refused += rows;
        *self.reasons.entry(reason.to_owned()).or_default() += rows;
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(Fault {
                line: refused.line,
                reason: reason.to_owned(),
                detail: refused.detail,
            });
        }
    }
}

/// A file that is imported.
pub enum Source<'a> {
    /// Octets one after the other: of any format of text.
    Text(&'a mut (dyn Read + Send)),
    /// A file on the disk: of any format.
    File(File),
}

/// Imports a file; `told` says what was done, also where it ends early. Call it where blocking is
/// allowed, within the runtime of `handle`.
pub fn run(
    ground: &Ground,
    retention: &Retention,
    handle: &Handle,
    source: Source<'_>,
    options: &Options,
    progress: &Progress,
    told: &mut Imported,
) -> Result<(), ImportError> {
    progress.expect(options.length);
    told.dry_run = options.dry_run;
    // What is put by of a text is about as long as the text; more of it is looked for as it comes.
    options.room.look(options.length)?;
    let spool = Spool::begin(&options.spool, options.room.clone()).map_err(ImportError::Spool)?;
    let finder = Finder::new(ground.clone(), options.defaults.clone());
    let mut reading = Reading {
        ahead: ground.series.now().plus(AHEAD_MAX),
        default_time: options.default_time,
        progress,
        finder,
        spool,
        told,
        failed: None,
    };
    // Reading is half of the work, where writing follows.
    let share = if options.dry_run { 1 } else { 2 };
    let (end, counted) = read_all(options, source, share, &mut reading)?;
    let Reading {
        mut finder, spool, ..
    } = reading;
    told.cut_short = end.cut_short;
    let left_out = end.left_out.into_iter();
    told.left_out = left_out.map(|(what, n)| (what.to_owned(), n)).collect();
    let usable = |target: &&Target| !matches!(target, Target::Refused(..));
    told.series = finder.targets().iter().filter(usable).count() as u64;
    let devices = finder.targets().iter().filter_map(Target::device_id);
    told.devices = devices.collect::<BTreeSet<_>>().len() as u64;
    told.new_series = finder.new_series() as u64;
    told.days = spool.days().len() as u64;
    if options.dry_run {
        return Ok(());
    }
    handle.block_on(finder.make(progress))?;
    let rest = options.length.saturating_sub(counted);
    let ways = write::Ways {
        series: &ground.series,
        inventory: &ground.inventory,
        retention,
        handle,
        progress,
        room: &options.room,
        rest,
        rows_a_part: options.rows_a_part,
    };
    write::all(&ways, &finder, &spool, told)
}

/// Reads the whole of a file; answers how it ended, and how much of the progress was told.
fn read_all(
    options: &Options,
    source: Source<'_>,
    share: u64,
    reading: &mut Reading<'_>,
) -> Result<(End, u64), ImportError> {
    let progress = reading.progress;
    let mut opened;
    let (end, counted) = match source {
        Source::File(file) if options.format == Format::Parquet => {
            let end = read_parquet(file, &mut |row| reading.see(row));
            let counted = options.length / share;
            progress.did(counted);
            (end, counted)
        }
        source => {
            let input: &mut (dyn Read + Send) = match source {
                Source::Text(input) => input,
                Source::File(file) => {
                    opened = file;
                    &mut opened
                }
            };
            let counted = Counted {
                input,
                progress,
                share,
                left_over: 0,
                done: 0,
            };
            let mut input = io::BufReader::with_capacity(1 << 16, counted);
            let end = read(options.format, &mut input, &mut |row| reading.see(row));
            (end, input.get_ref().done)
        }
    };
    if let Some(failed) = reading.failed.take() {
        return Err(failed);
    }
    progress.go_on()?;
    let end = end?;
    reading.spool.flush()?;
    Ok((end, counted))
}

/// The first pass.
struct Reading<'a> {
    ahead: Timestamp,
    default_time: Option<Timestamp>,
    progress: &'a Progress,
    finder: Finder,
    spool: Spool,
    told: &'a mut Imported,
    failed: Option<ImportError>,
}

impl Reading<'_> {
    fn see(&mut self, row: Result<Row, Refused>) -> ControlFlow<()> {
        self.told.rows += 1;
        // A row takes a microsecond.
        if self.told.rows.is_multiple_of(1_024)
            && let Err(stopped) = self.progress.go_on()
        {
            self.failed = Some(stopped.into());
            return ControlFlow::Break(());
        }
        match row.and_then(|row| self.spooled(&row)) {
            Ok(row) => match self.spool.push(row) {
                Ok(true) => {
                    let at = Timestamp::from_unix_ms(row.at_ms);
                    self.told.from = Some(self.told.from.map_or(at, |from| from.min(at)));
                    self.told.to = Some(self.told.to.map_or(at, |to| to.max(at)));
                }
                Ok(false) => {
                    let detail = "the file has samples of more than 10,000 days";
                    let refused = Refused::new(row.line.into(), Why::TooManyDays, detail);
                    self.told.refuse(refused);
                }
                Err(error) => {
                    self.failed = Some(error.into());
                    return ControlFlow::Break(());
                }
            },
            Err(refused) => self.told.refuse(refused),
        }
        ControlFlow::Continue(())
    }

    fn spooled(&mut self, row: &Row) -> Result<Spooled, Refused> {
        let refused = |why, detail: String| Refused::new(row.line, why, detail);
        let at = row.at.or(self.default_time).ok_or_else(|| {
            refused(
                Why::NoTime,
                "it has no time, and none is given for all".to_owned(),
            )
        })?;
        if at.unix_ms() < 0 || at > self.ahead {
            let detail = format!("{at} is before 1970, or more than an hour ahead of now");
            return Err(refused(Why::OutOfTime, detail));
        }
        let found = self.finder.number(&row.of);
        let series = found.map_err(|(why, detail)| refused(why, detail))?;
        let kind = self.finder.target(series).and_then(Target::kind);
        Ok(Spooled {
            series,
            line: u32::try_from(row.line).unwrap_or(u32::MAX),
            at_ms: at.unix_ms(),
            value: kind.map_or(row.value, |kind| of_kind(row.value, kind)),
        })
    }
}

/// A file whose octets are counted as they are read.
struct Counted<'a> {
    input: &'a mut (dyn Read + Send),
    progress: &'a Progress,
    /// Of so many octets one is told.
    share: u64,
    left_over: u64,
    done: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Also where for a long while nothing of it is a row.
        self.progress.go_on().map_err(io::Error::other)?;
        let read = self.input.read(buffer)?;
        let octets = self.left_over + read as u64;
        self.left_over = octets % self.share;
        self.progress.did(octets / self.share);
        self.done += octets / self.share;
        Ok(read)
    }
}

/// Whether any hold keeps a sample as it is.
fn is_held(holds: &[HeldBy], row: &lay::Laid, device_id: model::DeviceId) -> bool {
    let at = Timestamp::from_unix_ms(row.at_ms);
    holds
        .iter()
        .any(|hold| hold.keeps(device_id, row.column, at))
}
