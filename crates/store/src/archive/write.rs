//! A closed day made into files: device by device, series by series, without a lock and without a day in
//! memory.

use super::blocks::Summed;
use super::compare::{Before, is_unreadable};
use super::error::failed;
use super::lookup::{self, Listed, LookupWriter};
use super::manifest::FileSums;
use super::{ArchiveError, Pace};
use crate::disk::{Leave, Room};
use crate::inventory::Inventory;
use crate::pack::{Pack, PackMeta};
use crate::parquet::{About, Columns, SamplesWriter, Written};
use crate::progress::Progress;
use crate::series::{SeriesError, SeriesStore, chain};
use model::device::Device;
use model::series::Series;
use model::{DeviceId, Labels, Timestamp, Value};
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Octets after which a file of samples ends, with the device that passes them.
const FILE_BYTES: u64 = 256 << 20;

/// The files of a day, not yet in the archive.
pub(super) struct Staged {
    pub(super) files: Vec<(PathBuf, FileSums)>,
    pub(super) samples: u64,
    pub(super) series: u64,
    pub(super) devices: u64,
    /// Columns of series that were deleted.
    pub(super) left_out: u64,
    /// Columns of series that are merely not known.
    pub(super) unknown: u64,
    /// The revision before could not be read to the end to be compared.
    pub(super) not_compared: bool,
}

type Out = Summed<BufWriter<File>>;

/// The day in the making.
struct Making<'a> {
    folder: &'a Path,
    said: Vec<(&'static str, String)>,
    lookup: LookupWriter<Out>,
    samples: Option<(SamplesWriter<Out>, String)>,
    row_group_rows: Option<usize>,
    staged: Staged,
    number: i32,
}

/// How a device is called, and where it is.
struct Called {
    device: String,
    site: Option<String>,
}

/// Makes the files of a day in a folder. [`ArchiveError::Less`] where the revision before, if it is given,
/// has more than them.
pub(super) fn stage(
    (series, inventory): (&SeriesStore, &Inventory),
    meta: &PackMeta,
    mut before: Option<Before<'_>>,
    (folder, row_group_rows): (&Path, Option<usize>),
    (pace, progress): (&mut Pace, &Progress),
) -> Result<Staged, ArchiveError> {
    let day = meta.id.start;
    let opened = match series.open_pack(&meta.id) {
        // Of this day alone: it went, or it is damaged.
        Err(SeriesError::Packs(error)) if !error.is_passing() => {
            return Err(unsound(day, &chain(&error)));
        }
        opened => opened?,
    };
    if !opened.is_whole() {
        return Err(unsound(day, "the ends of its pack"));
    }
    let was_given = before.is_some();
    let mut making = Making::begin(folder, day, row_group_rows)?;
    for entry in opened.entries() {
        progress.go_on()?;
        let called = called(inventory, entry.device_id);
        let series_before = making.staged.series;
        let mut compared = compare(&mut before, |before| before.begin(entry.device_id));
        let visited = series.visit_device(&opened, entry, |series, points| {
            if compared.is_ok() {
                compared = compare(&mut before, |before| before.series(series.id, points));
            }
            making.series(series, points, &called)
        })?;
        match visited {
            Ok(nobodys) => {
                making.staged.left_out += nobodys.deleted;
                making.staged.unknown += nobodys.unknown;
            }
            Err(damage) => {
                let what = damage.first().map(ToString::to_string);
                return Err(unsound(day, &what.unwrap_or_default()));
            }
        }
        compared?;
        compare(&mut before, Before::end)?;
        making.staged.devices += u64::from(making.staged.series > series_before);
        making.end_of_device()?;
        progress.did(share(&opened, meta.bytes));
        pace.rest();
    }
    making.staged.not_compared = was_given && before.is_none();
    if let Some(Err(error)) = before.map(Before::finish) {
        if !is_unreadable(&error) {
            return Err(error);
        }
        making.staged.not_compared = true;
    }
    making.finish()
}

/// Compares on; not any more where the revision before cannot be read.
fn compare<'a>(
    before: &mut Option<Before<'a>>,
    how: impl FnOnce(&mut Before<'a>) -> Result<(), ArchiveError>,
) -> Result<(), ArchiveError> {
    match before.as_mut().map(how) {
        Some(Err(error)) if is_unreadable(&error) => {
            *before = None;
            Ok(())
        }
        compared => compared.unwrap_or(Ok(())),
    }
}

fn unsound(day: Timestamp, what: &str) -> ArchiveError {
    ArchiveError::Unsound {
        day,
        what: what.to_owned(),
    }
}

/// What a device counts of the pack, for whoever looks on.
fn share(pack: &Pack, bytes: u64) -> u64 {
    bytes / (pack.entries().len() as u64).max(1)
}

fn called(inventory: &Inventory, device_id: DeviceId) -> Called {
    let record = inventory.device(device_id);
    let device = record.as_ref().map(|record| &record.device.body);
    Called {
        device: device.map(Device::name).unwrap_or_default(),
        site: device.and_then(|device| device.typed.site.clone()),
    }
}

impl<'a> Making<'a> {
    fn begin(
        folder: &'a Path,
        day: Timestamp,
        row_group_rows: Option<usize>,
    ) -> Result<Self, ArchiveError> {
        let said = vec![
            ("foretell.format", super::FORMAT.to_owned()),
            (
                "foretell.day",
                super::manifest::day_name(day).unwrap_or_default(),
            ),
        ];
        let lookup = LookupWriter::new(create(folder, lookup::NAME)?, &said)?;
        Ok(Self {
            folder,
            said,
            lookup,
            samples: None,
            row_group_rows,
            staged: Staged {
                files: Vec::new(),
                samples: 0,
                series: 0,
                devices: 0,
                left_out: 0,
                unknown: 0,
                not_compared: false,
            },
            number: 0,
        })
    }

    fn series(
        &mut self,
        series: &Series,
        points: &[(Timestamp, Value)],
        called: &Called,
    ) -> Result<(), ArchiveError> {
        let row = row(series, points, called, self.number)?;
        if self.samples.is_none() {
            let name = format!("samples-{:03}.parquet", self.number);
            let out = create(self.folder, &name)?;
            let mut writer = SamplesWriter::new(out, Columns::Archive, &self.said)?;
            if let Some(rows) = self.row_group_rows {
                writer = writer.with_row_group_rows(rows);
            }
            self.samples = Some((writer, name));
        }
        let Some((writer, _)) = &mut self.samples else {
            return Ok(());
        };
        let first_row = writer.series(&row.about, points)?;
        self.staged.series += 1;
        self.staged.samples += points.len() as u64;
        Ok(self.lookup.push(Listed { first_row, ..row })?)
    }

    fn end_of_device(&mut self) -> Result<(), ArchiveError> {
        let full = |(writer, _): &(SamplesWriter<Out>, String)| writer.bytes() >= FILE_BYTES;
        if self.samples.as_ref().is_some_and(full) {
            self.end_of_file()?;
        }
        Ok(())
    }

    fn end_of_file(&mut self) -> Result<(), ArchiveError> {
        if let Some((writer, name)) = self.samples.take() {
            let (out, written) = writer.finish()?;
            let sums = ended(out, &self.folder.join(&name), &name, written)?;
            self.staged.files.push((self.folder.join(name), sums));
            self.number += 1;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Staged, ArchiveError> {
        self.end_of_file()?;
        let (out, written) = self.lookup.finish()?;
        let path = self.folder.join(lookup::NAME);
        let sums = ended(out, &path, lookup::NAME, written)?;
        self.staged
            .files
            .push((self.folder.join(lookup::NAME), sums));
        Ok(self.staged)
    }
}

/// What proves a file, once all of it is written.
fn ended(out: Out, path: &Path, name: &str, written: Written) -> Result<FileSums, ArchiveError> {
    let (mut out, sums) = out.finish(name, written.rows, written.row_groups);
    out.flush().map_err(failed("writing", path))?;
    Ok(sums)
}

fn create(folder: &Path, name: &str) -> Result<Out, ArchiveError> {
    let path = folder.join(name);
    let file = File::create(&path).map_err(failed("creating", &path))?;
    Ok(Summed::new(BufWriter::new(file)))
}

fn row(
    series: &Series,
    points: &[(Timestamp, Value)],
    called: &Called,
    file: i32,
) -> Result<Listed, ArchiveError> {
    let key = &series.key;
    let of = |name: &str| key.labels.get(name).map(str::to_owned);
    let mut labels = key.labels.clone();
    if key.labels.interface_id().is_some() {
        // For people, and no part of the key: it has a column of its own.
        labels.0.remove(Labels::INTERFACE);
    }
    let labels = serde_json::to_string(&labels);
    let labels = labels.map_err(|error| unsound(Timestamp::default(), &error.to_string()))?;
    let kind = serde_json::to_value(key.metric.kind()).ok();
    let kind = kind.as_ref().and_then(|kind| kind.as_str());
    let at = |point: Option<&(Timestamp, Value)>| point.map_or(0, |(at, _)| at.unix_ms());
    Ok(Listed {
        about: About {
            series_id: series.id,
            device_id: key.device_id,
            device: called.device.clone(),
            metric: key.metric.name().to_owned(),
            interface: of(Labels::INTERFACE),
            labels,
        },
        site: called.site.clone(),
        unit: key.metric.unit().to_owned(),
        kind: kind.unwrap_or_default().to_owned(),
        vantage: of(Labels::VANTAGE),
        interface_id: of(Labels::INTERFACE_ID),
        file,
        first_row: 0,
        rows: points.len(),
        first_ms: at(points.first()),
        last_ms: at(points.last()),
    })
}

/// Makes a folder empty.
pub(super) fn empty(folder: &Path) -> Result<(), ArchiveError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(failed("emptying", folder)(error));
        }
        _ => {}
    }
    fs::create_dir_all(folder).map_err(failed("making", folder))
}

/// Fails where a folder has less room than this, besides what is to stay free.
pub(super) fn room(folder: &Path, bytes: u64, leave: Leave) -> Result<(), ArchiveError> {
    let lacking = Room::default().lacking(folder, bytes, leave);
    match lacking.map_err(failed("looking at the room of", folder))? {
        None => Ok(()),
        Some(lacking) => Err(ArchiveError::NoRoom {
            path: lacking.folder,
            needed: lacking.needed_bytes,
            free: lacking.free_bytes,
        }),
    }
}
