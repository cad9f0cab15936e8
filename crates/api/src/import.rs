//! Inventories of other tools, read as rows of devices: CSV, and what NetBox, LibreNMS and Zabbix
//! write. Pure: what becomes of a row is decided in `routes::imports`. A row that cannot be read costs
//! itself alone.

mod csv;
mod json;
mod librenms;
mod netbox;
mod zabbix;

use std::collections::BTreeSet;
use std::net::IpAddr;

/// Longest text that is read, in bytes: 10,000 devices as NetBox writes them, without the fields
/// that are not read, have 6 MB.
pub const TEXT_LEN_MAX: usize = 16 << 20;
/// Most rows of one import: as many devices as a discovery may find.
pub const ROWS_MAX: usize = 10_000;

/// What a file is written as.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[schema(as = ImportFormat)]
pub enum Format {
    /// A header and a line a device.
    Csv,
    /// The devices of a NetBox, as `/api/dcim/devices/` answers.
    Netbox,
    /// The devices of a LibreNMS, as `/api/v0/devices` answers.
    Librenms,
    /// Hosts as Zabbix exports them, in YAML or JSON.
    Zabbix,
}

/// A device to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The line of the file that it begins on, from 1.
    pub line: u64,
    /// The address that it is asked at.
    pub address: IpAddr,
    /// The UDP port of its agent, where it is said.
    pub port: Option<u16>,
    /// What people call it.
    pub name: Option<String>,
    /// The name of its credential.
    pub credential: Option<String>,
    /// Tags.
    pub tags: BTreeSet<String>,
    /// The site it belongs to.
    pub site: Option<String>,
    /// Where it is.
    pub location: Option<String>,
    /// Seconds from poll to poll.
    pub interval_secs: Option<u32>,
    /// It has no SNMP agent: no credential goes with it.
    pub echo_alone: bool,
}

/// A row that is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The line of the file that it begins on, from 1.
    pub line: u64,
    /// What it is called, as far as that can be told.
    pub name: Option<String>,
    /// Why, in one sentence.
    pub reason: String,
}

/// A file that cannot be read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct Unreadable {
    /// Where, from 1.
    pub line: u64,
    /// Why, in one sentence.
    pub reason: String,
}

/// One row as far as it could be read.
pub type Read = Result<Row, Refused>;

/// Reads a file.
pub fn read(format: Format, text: &str) -> Result<Vec<Read>, Unreadable> {
    // As spreadsheets begin their files.
    let text = text.trim_start_matches('\u{feff}');
    let rows = match format {
        Format::Csv => csv::read(text)?,
        Format::Netbox => json::each(text, &["results"], netbox::row)?,
        Format::Librenms => json::each(text, &["devices"], librenms::row)?,
        Format::Zabbix => zabbix::read(text)?,
    };
    Ok(rows)
}

/// Too many rows for one import.
fn too_many(line: u64) -> Unreadable {
    Unreadable {
        line,
        reason: format!("there are more than {ROWS_MAX} devices; split the file"),
    }
}

impl Row {
    fn at(line: u64, address: IpAddr) -> Self {
        Self {
            line,
            address: address.to_canonical(),
            port: None,
            name: None,
            credential: None,
            tags: BTreeSet::new(),
            site: None,
            location: None,
            interval_secs: None,
            echo_alone: false,
        }
    }
}

/// Text that says something; else none.
fn said(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// How many lines end in it.
fn line_ends(octets: &[u8]) -> u64 {
    octets.split(|octet| *octet == b'\n').skip(1).count() as u64
}

/// What was given, short enough to be shown.
fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests;
