//! What a row of a day's file says. The format is in `docs/formats/events.md`.

use super::words::cut;
use model::device::LOCAL_VANTAGE;
use model::{DeviceId, EventId, EventKind, EventRecord, InterfaceId, Timestamp};
use rusqlite::types::ValueRef;
use rusqlite::{Row, Statement};
use std::net::IpAddr;

/// Octets of a text that are kept. Syslog's receivers need take no more than 2,048 (RFC 5424,
/// section 6.1); four times that is room for what devices really send.
pub const TEXT_LEN_MAX: usize = 8_192;
/// Octets of a body that are kept; a longer one is left out.
pub const BODY_LEN_MAX: usize = 65_536;

/// The columns, in the order of [`bind`] and [`read`].
pub(super) const COLUMNS: &str =
    "number, id, at, kind, severity, source, device, interface, vantage, text, body, crc";

/// The same columns where another table is read with theirs.
pub(super) const COLUMNS_OF_EVENT: &str = "event.number, event.id, event.at, event.kind,
    event.severity, event.source, event.device, event.interface, event.vantage, event.text,
    event.body, event.crc";

/// Sets the parameters of a statement that inserts [`COLUMNS`]. Answers what was cut for its
/// length, 0 to 2. `body` is room that is used again.
pub(super) fn bind(
    statement: &mut Statement,
    number: i64,
    event: &EventRecord,
    body: &mut Vec<u8>,
) -> rusqlite::Result<u64> {
    let mut was_cut = 0;
    let text = cut(&event.text, TEXT_LEN_MAX);
    was_cut += u64::from(text.len() < event.text.len());
    body.clear();
    if !event.body.is_null() {
        // Writing into memory does not fail, and a value has no keys that are no strings.
        let _ = serde_json::to_writer(&mut *body, &event.body);
        if body.len() > BODY_LEN_MAX {
            body.clear();
            was_cut += 1;
        }
    }
    let source = source_octets(event.source);
    let vantage = (event.vantage != LOCAL_VANTAGE).then_some(event.vantage.as_str());
    let fields = Fields {
        id: event.id.as_bytes(),
        at: event.at.unix_ms(),
        kind: kind_number(event.kind),
        severity: event.severity.map(i64::from),
        source: source.as_slice(),
        device: event.device_id.as_ref().map(|id| id.as_bytes().as_slice()),
        interface: event
            .interface_id
            .as_ref()
            .map(|id| id.as_bytes().as_slice()),
        vantage,
        text,
        body: (!body.is_empty()).then_some(body.as_slice()),
    };
    statement.raw_bind_parameter(1, number)?;
    statement.raw_bind_parameter(2, fields.id)?;
    statement.raw_bind_parameter(3, fields.at)?;
    statement.raw_bind_parameter(4, fields.kind)?;
    statement.raw_bind_parameter(5, fields.severity)?;
    statement.raw_bind_parameter(6, fields.source)?;
    statement.raw_bind_parameter(7, fields.device)?;
    statement.raw_bind_parameter(8, fields.interface)?;
    statement.raw_bind_parameter(9, fields.vantage)?;
    statement.raw_bind_parameter(10, fields.text)?;
    statement.raw_bind_parameter(11, fields.body)?;
    statement.raw_bind_parameter(12, fields.crc())?;
    Ok(was_cut)
}

/// A row as it is read; none where it does not prove itself, or is of a kind that a later version
/// writes.
pub(super) fn read(row: &Row) -> rusqlite::Result<Option<EventRecord>> {
    let blob = |column| match row.get_ref(column) {
        Ok(ValueRef::Blob(octets) | ValueRef::Text(octets)) => Ok(Some(octets)),
        Ok(_) => Ok(None),
        Err(error) => Err(error),
    };
    let (Some(id), Some(source)) = (blob(1)?, blob(5)?) else {
        return Ok(None);
    };
    let text = blob(9)?.and_then(|octets| str::from_utf8(octets).ok());
    let vantage = match blob(8)?.map(str::from_utf8) {
        Some(Err(_)) => return Ok(None),
        Some(Ok(vantage)) => Some(vantage),
        None => None,
    };
    let (Ok(at), Ok(kind), Ok(severity)) = (row.get(2), row.get(3), row.get(4)) else {
        return Ok(None);
    };
    let (Some(text), Ok(id)) = (text, <&[u8; 16]>::try_from(id)) else {
        return Ok(None);
    };
    let fields = Fields {
        id,
        at,
        kind,
        severity,
        source,
        device: blob(6)?,
        interface: blob(7)?,
        vantage,
        text,
        body: blob(10)?,
    };
    let crc: i64 = match row.get(11) {
        Ok(crc) => crc,
        Err(_) => return Ok(None),
    };
    let proven = i64::from(fields.crc()) == crc;
    Ok(fields.event().filter(|_| proven))
}

/// The fields of a row as they are on disk.
struct Fields<'a> {
    id: &'a [u8; 16],
    at: i64,
    kind: i64,
    severity: Option<i64>,
    source: &'a [u8],
    device: Option<&'a [u8]>,
    interface: Option<&'a [u8]>,
    vantage: Option<&'a str>,
    text: &'a str,
    body: Option<&'a [u8]>,
}

impl Fields<'_> {
    /// CRC32C of all fields: numbers as 8 octets, little-endian; before each of the others its
    /// length, or as many ones where it is null.
    fn crc(&self) -> u32 {
        let mut crc = crc32c::crc32c(self.id);
        for number in [self.at, self.kind, self.severity.unwrap_or(-1)] {
            crc = crc32c::crc32c_append(crc, &number.to_le_bytes());
        }
        for octets in [
            Some(self.source),
            self.device,
            self.interface,
            self.vantage.map(str::as_bytes),
            Some(self.text.as_bytes()),
            self.body,
        ] {
            let length = octets.map_or(u64::MAX, |octets| octets.len() as u64);
            crc = crc32c::crc32c_append(crc, &length.to_le_bytes());
            crc = crc32c::crc32c_append(crc, octets.unwrap_or_default());
        }
        crc
    }

    fn event(&self) -> Option<EventRecord> {
        let id = |octets: Option<&[u8]>| octets.map(<[u8; 16]>::try_from).transpose().ok();
        Some(EventRecord {
            id: EventId::from_bytes(*self.id),
            at: Timestamp::from_unix_ms(self.at),
            vantage: self.vantage.unwrap_or(LOCAL_VANTAGE).to_owned(),
            kind: kind_numbered(self.kind)?,
            device_id: id(self.device)?.map(DeviceId::from_bytes),
            interface_id: id(self.interface)?.map(InterfaceId::from_bytes),
            source: source_of(self.source)?,
            severity: self
                .severity
                .and_then(|severity| u8::try_from(severity).ok()),
            text: self.text.to_owned(),
            // What a later version writes otherwise is no body to this one.
            body: self
                .body
                .and_then(|body| serde_json::from_slice(body).ok())
                .unwrap_or_default(),
        })
    }
}

/// The number of a kind on disk.
pub(super) fn kind_number(kind: EventKind) -> i64 {
    match kind {
        EventKind::Log => 1,
        EventKind::Trap => 2,
        EventKind::FlowTop => 3,
    }
}

fn kind_numbered(number: i64) -> Option<EventKind> {
    let all = [EventKind::Log, EventKind::Trap, EventKind::FlowTop];
    all.into_iter().find(|kind| kind_number(*kind) == number)
}

/// An address as it is kept: 4 octets or 16.
struct SourceOctets {
    octets: [u8; 16],
    length: usize,
}

impl SourceOctets {
    fn as_slice(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }
}

fn source_octets(source: IpAddr) -> SourceOctets {
    match source.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            let mut octets = [0; 16];
            octets[..4].copy_from_slice(&[a, b, c, d]);
            SourceOctets { octets, length: 4 }
        }
        IpAddr::V6(address) => SourceOctets {
            octets: address.octets(),
            length: 16,
        },
    }
}

fn source_of(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Some(IpAddr::from(octets));
    }
    <[u8; 16]>::try_from(octets).ok().map(IpAddr::from)
}
