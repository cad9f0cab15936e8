//! The bytes of what is known of devices, as `docs/formats/watch.md` has them. What is kept here is derived: where
//! it is damaged, it is learned again of the samples.

use super::device::OfDevice;
use super::series::{Open, Watched};
use analytics::anomaly::Detector;
use model::metric::Kind as MetricKind;
use model::{DeviceId, SeriesId, Timestamp, Value};
use std::collections::BTreeMap;

/// How a file begins.
const MAGIC: &[u8; 8] = b"FTWATCH\0";
/// The version of what comes behind.
const VERSION: u32 = 1;
/// Most octets of one device: 10,000 series of 4 KiB.
const RECORD_BYTES_MAX: usize = 64 << 20;
/// Most octets of one detector.
const DETECTOR_BYTES_MAX: usize = 16 << 10;

/// Why a file, or a part of it, could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It is none of ours.
    #[error("it does not begin as a file of detectors")]
    Magic,
    /// It was written by another version.
    #[error("it is of version {found}, and this server writes {VERSION}")]
    Version {
        /// Which.
        found: u32,
    },
    /// It ends too early, or has more than it says.
    #[error("it is cut off, or longer than it says")]
    Length,
    /// Octets are not those that were written.
    #[error("{records} of its devices do not agree with their checksums or cannot be read")]
    Records {
        /// How many devices.
        records: usize,
    },
}

/// Appends what a file holds.
pub fn write<'a>(devices: impl Iterator<Item = (DeviceId, &'a OfDevice)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    let mut count: u32 = 0;
    for (id, of) in devices {
        let record = record(id, of);
        let Ok(length) = u32::try_from(record.len()) else {
            continue;
        };
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&record).to_le_bytes());
        bytes.extend_from_slice(&record);
        count = count.saturating_add(1);
    }
    // The end is told, so that a file that is cut off is known.
    bytes.extend_from_slice(&0_u32.to_le_bytes());
    bytes.extend_from_slice(&count.to_le_bytes());
    bytes
}

/// Reads what [`write()`] wrote: the devices that prove themselves, and what is wrong with the rest. Any octets are
/// answered; no more is allocated than they are long.
pub fn read(bytes: &[u8]) -> (BTreeMap<DeviceId, OfDevice>, Option<Damage>) {
    let mut all = BTreeMap::new();
    let mut from = From(bytes);
    if from.take(MAGIC.len()) != Some(MAGIC.as_slice()) {
        return (all, Some(Damage::Magic));
    }
    match from.u32() {
        Some(VERSION) => {}
        Some(found) => return (all, Some(Damage::Version { found })),
        None => return (all, Some(Damage::Length)),
    }
    let (mut count, mut bad) = (0_u32, 0_usize);
    loop {
        let Some(length) = from.u32() else {
            return (all, Some(Damage::Length));
        };
        if length == 0 {
            break;
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let crc = from.u32();
        let record = from.take(length.min(RECORD_BYTES_MAX + 1));
        let (Some(crc), Some(record)) = (crc, record) else {
            return (all, Some(Damage::Length));
        };
        if length > RECORD_BYTES_MAX {
            return (all, Some(Damage::Length));
        }
        count = count.saturating_add(1);
        match device(record).filter(|_| crc32c::crc32c(record) == crc) {
            Some((id, of)) => {
                all.insert(id, of);
            }
            None => bad += 1,
        }
    }
    if bad > 0 {
        return (all, Some(Damage::Records { records: bad }));
    }
    let is_whole = from.u32() == Some(count) && from.0.is_empty();
    (all, (!is_whole).then_some(Damage::Length))
}

fn record(id: DeviceId, of: &OfDevice) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(id.as_bytes());
    bytes.extend_from_slice(&of.seen_at_ms.to_le_bytes());
    bytes.extend_from_slice(&of.looked_at_ms.to_le_bytes());
    let uptime = of.uptime.map(|(at, value)| (at.unix_ms(), value));
    put_sample(&mut bytes, uptime);
    let count = u32::try_from(of.series.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&count.to_le_bytes());
    for (id, watched) in &of.series {
        bytes.extend_from_slice(id.as_bytes());
        bytes.push(match watched.kind {
            MetricKind::Counter => 0,
            MetricKind::Gauge => 1,
            MetricKind::State => 2,
        });
        bytes.extend_from_slice(&watched.first_at_ms.to_le_bytes());
        bytes.extend_from_slice(&watched.raised_from_ms.to_le_bytes());
        bytes.extend_from_slice(&watched.samples.to_le_bytes());
        bytes.extend_from_slice(&watched.spacing_ms.to_le_bytes());
        bytes.push(watched.missing);
        bytes.extend_from_slice(&watched.score.to_le_bytes());
        put_sample(&mut bytes, watched.last);
        put_open(&mut bytes, watched.open.as_ref());
        let mut detector = Vec::new();
        watched.detector.encode(&mut detector);
        let length = u32::try_from(detector.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&detector);
    }
    bytes
}

fn put_sample(bytes: &mut Vec<u8>, sample: Option<(i64, Value)>) {
    let (tag, at, value) = match sample {
        None => (0, 0, [0; 8]),
        Some((at, Value::U64(value))) => (1, at, value.to_le_bytes()),
        Some((at, Value::F64(value))) => (2, at, value.to_le_bytes()),
    };
    bytes.push(tag);
    bytes.extend_from_slice(&at.to_le_bytes());
    bytes.extend_from_slice(&value);
}

fn put_open(bytes: &mut Vec<u8>, open: Option<&Open>) {
    bytes.push(u8::from(open.is_some()));
    let Some(open) = open else { return };
    bytes.extend_from_slice(&open.started_at_ms.to_le_bytes());
    bytes.extend_from_slice(&open.peak.to_le_bytes());
    bytes.extend_from_slice(&open.kept_peak.to_le_bytes());
    bytes.extend_from_slice(&open.kept_at_ms.to_le_bytes());
    bytes.push(open.calm);
    bytes.extend_from_slice(&open.calm_since_ms.to_le_bytes());
}

fn device(record: &[u8]) -> Option<(DeviceId, OfDevice)> {
    let mut from = From(record);
    let id = DeviceId::from_bytes(from.array()?);
    let mut of = OfDevice {
        seen_at_ms: from.i64()?,
        looked_at_ms: from.i64()?,
        ..OfDevice::default()
    };
    let uptime = from.sample()?;
    of.uptime = uptime.map(|(at, value)| (Timestamp::from_unix_ms(at), value));
    let count = from.u32()?;
    for _ in 0..count {
        let id = SeriesId::from_bytes(from.array()?);
        // One whose detector is of another version is learned again.
        if let Some(watched) = from.watched()? {
            of.series.insert(id, Box::new(watched));
        }
    }
    from.0.is_empty().then_some((id, of))
}

/// What is left to be read.
struct From<'a>(&'a [u8]);

impl<'a> From<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }
    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[octet]| octet)
    }
    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }
    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }
    fn f64(&mut self) -> Option<f64> {
        let value = self.array().map(f64::from_le_bytes)?;
        value.is_finite().then_some(value)
    }

    #[allow(clippy::option_option)] // No sample, or none that can be read.
    fn sample(&mut self) -> Option<Option<(i64, Value)>> {
        let (tag, at) = (self.u8()?, self.i64()?);
        match tag {
            0 => self.u64().map(|_| None),
            1 => self.u64().map(|value| Some((at, Value::U64(value)))),
            2 => self.f64().map(|value| Some((at, Value::F64(value)))),
            _ => None,
        }
    }

    #[allow(clippy::option_option)] // Nothing that can be read, or a detector that cannot.
    fn watched(&mut self) -> Option<Option<Watched>> {
        let kind = match self.u8()? {
            0 => MetricKind::Counter,
            1 => MetricKind::Gauge,
            2 => MetricKind::State,
            _ => return None,
        };
        let (first_at_ms, raised_from_ms) = (self.i64()?, self.i64()?);
        let (samples, spacing_ms) = (self.u64()?, self.i64()?);
        let (missing, score) = (self.u8()?, self.f64()?);
        let last = self.sample()?;
        let open = match self.u8()? {
            0 => None,
            1 => Some(Open {
                started_at_ms: self.i64()?,
                peak: self.f64()?,
                kept_peak: self.f64()?,
                kept_at_ms: self.i64()?,
                calm: self.u8()?,
                calm_since_ms: self.i64()?,
            }),
            _ => return None,
        };
        let length = usize::try_from(self.u32()?).ok()?;
        let detector = self.take(length).filter(|_| length <= DETECTOR_BYTES_MAX)?;
        let detector = Detector::decode(detector).ok();
        Some(detector.map(|detector| Watched {
            detector,
            kind,
            first_at_ms,
            raised_from_ms,
            samples,
            last,
            spacing_ms,
            missing,
            open,
            score,
        }))
    }
}
