//! Writing what a selector means to a file: by metric, then by id, then by time. A day of a series is
//! read at a time, through the same as any other reader.

use super::{Exported, Format, HAS_PARQUET, csv, lines, openmetrics};
use crate::disk::{NoRoom, RoomOf};
use crate::inventory::Inventory;
use crate::progress::{Progress, Stopped};
use crate::series::{Attached, Selection, Selector, SeriesError, SeriesStore};
use model::series::NETWORK;
use model::{Metric, Timestamp, Value};
use serde::Serialize;
use std::io::{self, Write};

/// Series of one export.
pub const SERIES_MAX: usize = 1_000_000;
/// Milliseconds that are read at a time: a day.
const STEP_MS: i64 = 86_400_000;
/// Octets after which room is looked for again.
const ROOM_A_LOOK: u64 = 64 << 20;

/// What is exported.
#[derive(Clone, Debug)]
pub struct Options {
    /// What it is written as.
    pub format: Format,
    /// Which series.
    pub selector: Selector,
    /// From when on.
    pub from: Timestamp,
    /// Until when, not itself.
    pub to: Timestamp,
    /// Octets that are written at most.
    pub bytes_max: u64,
    /// The room on the disk that it is written to.
    pub room: RoomOf,
}

/// What was exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Written {
    /// Series that have samples in the range.
    pub series: u64,
    /// Samples.
    pub samples: u64,
    /// Octets of the file.
    pub bytes: u64,
}

/// An export was not done to its end.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file could not be written.
    #[error("the file could not be written")]
    File(#[from] io::Error),
    /// The disk has no room for more of it.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// Samples could not be read.
    #[error("samples could not be read")]
    Series(#[from] SeriesError),
    /// Too many series.
    #[error("{series} series are meant; at most {SERIES_MAX} are exported at once")]
    TooMany {
        /// How many.
        series: usize,
    },
    /// There would be more than there is room for.
    #[error("the file would have more than {bytes_max} octets; export less at once")]
    TooLarge {
        /// The bound.
        bytes_max: u64,
    },
    /// A file of Parquet could not be written.
    #[error("the file could not be written")]
    Parquet(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nothing of this server writes it.
    #[error("this server was built without that format")]
    Unsupported,
    /// It was asked to end.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Writes a file. Call it where blocking is allowed.
pub fn run(
    series: &SeriesStore,
    inventory: &Inventory,
    output: &mut (dyn Write + Send),
    options: &Options,
    progress: &Progress,
) -> Result<Written, ExportError> {
    if options.format == Format::Parquet && !HAS_PARQUET {
        return Err(ExportError::Unsupported);
    }
    let attached = inventory.attached();
    let meant = selected(series, options, &attached)?;
    progress.expect(meant.len() as u64);
    options.room.look(ROOM_A_LOOK)?;
    let mut writer = Writer {
        series,
        inventory,
        output: Output::new(options, output)?,
        options,
        metric: None,
        written: Written::default(),
        looked_at: 0,
    };
    let done = writer.all(&meant, progress);
    let bytes = writer.output.bytes();
    let too_large = || ExportError::TooLarge {
        bytes_max: options.bytes_max,
    };
    match done {
        Err(ExportError::File(_) | ExportError::Parquet(_)) if bytes > options.bytes_max => {
            Err(too_large())
        }
        Err(error) => Err(error),
        Ok(()) => Ok(Written {
            bytes,
            ..writer.written
        }),
    }
}

/// The series that are meant, in the order in which they are written.
fn selected(
    series: &SeriesStore,
    options: &Options,
    attached: &Attached,
) -> Result<Vec<Selection>, ExportError> {
    let mut found = series.select(&options.selector, attached, None, SERIES_MAX);
    if found.more || found.matched > SERIES_MAX {
        return Err(ExportError::TooMany {
            series: found.matched,
        });
    }
    let all = &mut found.series;
    all.sort_by(|a, b| (order(a.metric), a.id).cmp(&(order(b.metric), b.id)));
    Ok(found.series)
}

/// Families must not be interleaved: metrics that share a family go by that first.
fn order(metric: Metric) -> (&'static str, &'static str) {
    (openmetrics::family_of(metric), metric.name())
}

struct Writer<'a> {
    series: &'a SeriesStore,
    inventory: &'a Inventory,
    output: Output<'a>,
    options: &'a Options,
    /// The metric whose family was begun.
    metric: Option<Metric>,
    written: Written,
    /// Octets when room was looked for last.
    looked_at: u64,
}

/// Where it goes.
enum Output<'a> {
    Text(Bounded<'a>),
    #[cfg(feature = "archive")]
    Parquet {
        /// None when it was finished.
        writer: Option<Box<super::parquet::Writer<Bounded<'a>>>>,
        bytes: u64,
    },
}

impl<'a> Output<'a> {
    fn new(options: &Options, output: &'a mut (dyn Write + Send)) -> Result<Self, ExportError> {
        let bounded = Bounded {
            output,
            bytes: 0,
            bytes_max: options.bytes_max,
        };
        #[cfg(feature = "archive")]
        if options.format == Format::Parquet {
            let writer = super::parquet::Writer::new(bounded);
            let writer = writer.map_err(|error| ExportError::Parquet(Box::new(error)))?;
            return Ok(Self::Parquet {
                writer: Some(Box::new(writer)),
                bytes: 0,
            });
        }
        Ok(Self::Text(bounded))
    }

    fn bytes(&self) -> u64 {
        match self {
            Self::Text(output) => output.bytes,
            #[cfg(feature = "archive")]
            Self::Parquet { writer, bytes } => {
                writer.as_ref().map_or(*bytes, |writer| writer.bytes())
            }
        }
    }

    fn begin(&mut self, format: Format) -> Result<(), ExportError> {
        let output = match self {
            Self::Text(output) => output,
            #[cfg(feature = "archive")]
            Self::Parquet { .. } => return Ok(()),
        };
        match format {
            Format::Csv => csv::write_header(output)?,
            Format::Lines => lines::write_first(output)?,
            Format::Openmetrics | Format::Parquet => {}
        }
        Ok(())
    }

    fn write(
        &mut self,
        format: Format,
        of: &Exported,
        points: &[(Timestamp, Value)],
    ) -> Result<(), ExportError> {
        let output = match self {
            Self::Text(output) => output,
            #[cfg(feature = "archive")]
            Self::Parquet { writer, .. } => {
                let written = writer.as_mut().map(|writer| writer.write(of, points));
                return written
                    .transpose()
                    .map(|_| ())
                    .map_err(|error| ExportError::Parquet(Box::new(error)));
            }
        };
        match format {
            Format::Csv => csv::write(output, of, points)?,
            Format::Lines => lines::write(output, of, points)?,
            Format::Openmetrics => openmetrics::write(output, of, points)?,
            Format::Parquet => return Err(ExportError::Unsupported),
        }
        Ok(())
    }

    fn family(&mut self, metric: Metric) -> Result<(), ExportError> {
        match self {
            Self::Text(output) => openmetrics::write_family(output, metric)?,
            #[cfg(feature = "archive")]
            Self::Parquet { .. } => {}
        }
        Ok(())
    }

    fn end(&mut self, format: Format, written: Written) -> Result<(), ExportError> {
        let output = match self {
            Self::Text(output) => output,
            #[cfg(feature = "archive")]
            Self::Parquet { writer, bytes } => {
                if let Some(writer) = writer.take() {
                    let finished = writer.finish();
                    let mut output =
                        finished.map_err(|error| ExportError::Parquet(Box::new(error)))?;
                    *bytes = output.bytes;
                    output.flush()?;
                }
                return Ok(());
            }
        };
        match format {
            Format::Csv | Format::Parquet => {}
            Format::Lines => lines::write_last(output, written.series, written.samples)?,
            Format::Openmetrics => openmetrics::write_last(output)?,
        }
        output.flush()?;
        Ok(())
    }
}

impl Writer<'_> {
    fn all(&mut self, meant: &[Selection], progress: &Progress) -> Result<(), ExportError> {
        let format = self.options.format;
        self.output.begin(format)?;
        for selection in meant {
            self.one(selection, progress)?;
            progress.did(1);
        }
        self.output.end(format, self.written)
    }

    fn one(&mut self, selection: &Selection, progress: &Progress) -> Result<(), ExportError> {
        // It may have been deleted meanwhile.
        let Some(series) = self.series.series(selection.id) else {
            return Ok(());
        };
        let of = Exported {
            device: match series.key.device_id {
                NETWORK => String::new(),
                id => {
                    let record = self.inventory.device(id);
                    record.map_or_else(String::new, |record| record.device.body.name())
                }
            },
            series,
        };
        let (from, to) = self.range(selection)?;
        let mut start = from;
        let mut any = false;
        while start < to {
            progress.go_on()?;
            let next = start.unix_ms().div_euclid(STEP_MS).saturating_add(1);
            let next = Timestamp::from_unix_ms(next.saturating_mul(STEP_MS)).min(to);
            let points = match self.series.read(selection.id, start, next) {
                Err(SeriesError::NotFound { .. }) => return Ok(()),
                read => read?,
            };
            start = next;
            if points.is_empty() {
                continue;
            }
            any = true;
            self.written.samples += points.len() as u64;
            let (format, metric) = (self.options.format, of.series.key.metric);
            if format == Format::Openmetrics && self.metric.replace(metric) != Some(metric) {
                self.output.family(metric)?;
            }
            self.output.write(format, &of, &points)?;
            let bytes = self.output.bytes();
            if bytes >= self.looked_at.saturating_add(ROOM_A_LOOK / 2) {
                self.options.room.look(ROOM_A_LOOK)?;
                self.looked_at = bytes;
            }
        }
        self.written.series += u64::from(any);
        Ok(())
    }

    /// The part of the range in which the store has anything: years that have nothing are not gone
    /// through day by day.
    fn range(&self, selection: &Selection) -> Result<(Timestamp, Timestamp), ExportError> {
        let (from, to) = (self.options.from, self.options.to);
        let span = self.series.span_of(selection.device_id)?;
        Ok(span.map_or((to, to), |(oldest, newest)| {
            (from.max(oldest), to.min(newest))
        }))
    }
}

/// A file of which no more than so much is written.
struct Bounded<'a> {
    output: &'a mut (dyn Write + Send),
    bytes: u64,
    bytes_max: u64,
}

impl Write for Bounded<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.bytes > self.bytes_max {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        let written = self.output.write(octets)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}
