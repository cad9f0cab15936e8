//! A profile as it is read from its file, and a plan: all profiles that are for one device.

use super::catalog::Catalog;
use super::check::{Mistake, Problem, line_of, placed};
use super::expression::{Cell, Template};
use super::file::{File, PlainFile};
use super::quantity::Quantity;
use super::reader::{PLACEHOLDER, Reader, pattern};
use crate::snmp::decode::dotted;
use model::facts::WirelessKind;
use model::neighbor::Protocol;
use regex::Regex;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A profile.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its file's name without the ending.
    pub name: String,
    /// One line for people.
    pub summary: String,
    /// The profiles that it extends.
    pub extends: Vec<String>,
    /// For which devices.
    pub(super) matches: Vec<Match>,
    /// Names of objects, those of the profiles that it extends among them.
    pub objects: BTreeMap<String, Vec<u32>>,
    /// The device as a whole.
    pub device: DeviceSources,
    /// Processors.
    pub processors: Vec<Processors>,
    /// Memory.
    pub memory: Vec<Volume>,
    /// Storage.
    pub storage: Vec<Volume>,
    /// Sensors.
    pub sensors: Vec<Sensors>,
    /// Access points, radios and wireless networks.
    pub wireless: Vec<Wireless>,
    /// VLANs.
    pub vlans: Vec<Vlans>,
    /// Neighbours.
    pub neighbors: Vec<Neighbors>,
    /// The text that it was read from.
    pub text: String,
    /// Objects stand on the sysObjectID of the device.
    pub(super) is_relative: bool,
}

/// A pattern in sysDescr, compiled when it is needed first.
#[derive(Clone)]
pub(super) struct Pattern {
    text: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            compiled: OnceLock::new(),
        }
    }

    pub(super) fn is_match(&self, description: &str) -> bool {
        let compiled = self.compiled.get_or_init(|| pattern(&self.text).ok());
        compiled
            .as_ref()
            .is_some_and(|pattern| pattern.is_match(description))
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

/// For which devices: all that is given must hold.
#[derive(Clone, Debug)]
pub(super) struct Match {
    pub(super) object_ids: Vec<Vec<u32>>,
    pub(super) descriptions: Vec<Pattern>,
    pub(super) not_descriptions: Vec<Pattern>,
    pub(super) has: Vec<Vec<u32>>,
}

/// Sources of a text, tried in order.
pub type Texts = Vec<Source>;

/// A template, and what is made of it.
#[derive(Clone, Debug)]
pub struct Source {
    /// The template; none of the cells may be missing.
    pub from: Template,
    /// What is taken of it, and in which form (`$1`).
    pub pattern: Option<(Regex, String)>,
    /// What some texts stand for.
    pub map: Option<BTreeMap<String, String>>,
}

/// The device as a whole.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the fields of DeviceFacts")]
pub struct DeviceSources {
    pub vendor: Texts,
    pub model: Texts,
    pub os: Texts,
    pub os_version: Texts,
    pub serial: Texts,
    pub kind: Texts,
    pub name: Texts,
    pub location: Texts,
}

/// Which rows of a table are read, and how.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Templates of the name, tried in order.
    pub name: Vec<Template>,
    /// All must hold.
    pub when: Vec<Condition>,
    /// Only where nothing before told of the same.
    pub fallback: bool,
    /// First group of this is the number, where it is a text.
    pub pattern: Option<Regex>,
    /// Raw values that mean: not known.
    pub skip: Vec<f64>,
}

/// What must hold of a cell.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The cell.
    pub cell: Cell,
    /// What must hold.
    pub test: Test,
}

/// What must hold.
#[derive(Clone, Debug)]
pub enum Test {
    /// It is one of these.
    Is(Vec<PlainFile>),
    /// It is none of these, or is not there.
    Not(Vec<PlainFile>),
    /// It is above.
    Above(f64),
    /// It is below.
    Below(f64),
    /// It is not above, or is not there.
    AtMost(f64),
    /// This is in its text.
    Matches(Regex),
    /// It is there, or is not.
    Exists(bool),
}

/// A number, or the cell that holds it.
#[derive(Clone, Debug)]
pub enum Amount {
    /// The number.
    Number(f64),
    /// The cell.
    Cell(Cell),
}

/// A table of processors.
#[derive(Clone, Debug)]
pub struct Processors {
    /// The percentage.
    pub load: Cell,
    /// Whether it is of idleness.
    pub is_idle: bool,
    /// What it is divided by.
    pub divide: f64,
    /// Which rows.
    pub rows: Rows,
}

/// A table of memory or storage.
#[derive(Clone, Debug)]
pub struct Volume {
    /// What the table tells.
    pub amounts: VolumeAmounts,
    /// Octets of a unit.
    pub unit: Amount,
    /// What a percentage is divided by.
    pub divide: f64,
    /// Which rows.
    pub rows: Rows,
}

/// What a table of memory or storage tells.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "as their names say")]
pub enum VolumeAmounts {
    UsedOf {
        used: Cell,
        total: Amount,
    },
    FreeOf {
        free: Cell,
        total: Amount,
    },
    UsedAndFree {
        used: Cell,
        free: Cell,
    },
    PercentOf {
        percent: Cell,
        is_free: bool,
        total: Amount,
    },
    Percent {
        percent: Cell,
        is_free: bool,
    },
}

/// What a table of sensors measures.
#[derive(Clone, Debug)]
pub enum Kind {
    /// All the same.
    One(Quantity),
    /// As a cell says, by its value.
    ByCell(Cell, BTreeMap<String, Quantity>),
}

/// Limits of a sensor.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "as their names say")]
pub struct Limits {
    pub low: Option<Amount>,
    pub low_warning: Option<Amount>,
    pub high_warning: Option<Amount>,
    pub high: Option<Amount>,
}

/// How octets hold a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Octets {
    /// As its digits.
    Text,
    /// IEEE 754, four or eight octets.
    Float,
    /// As an unsigned number, the most significant octet first.
    BigEndian,
}

/// What a value is in, where that is not the unit of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "as their names say")]
pub enum Unit {
    OfKind,
    Fahrenheit,
    Kelvin,
    Milliwatts,
    Microwatts,
}

/// How the interface is known that a sensor sits on.
#[derive(Clone, Debug)]
pub enum InterfaceOf {
    /// By its ifIndex in a cell.
    Cell(Cell),
    /// The index is an entPhysicalIndex: by the port of ENTITY-MIB that the part belongs to.
    Entity,
}

/// A table of sensors.
#[derive(Clone, Debug)]
pub struct Sensors {
    /// What they measure.
    pub kind: Kind,
    /// The value.
    pub value: Cell,
    /// What the raw number is multiplied by, and then divided by.
    pub multiply: Option<Amount>,
    /// As above.
    pub divide: Option<Amount>,
    /// What is added at the end.
    pub add: f64,
    /// The power of ten that it is multiplied by.
    pub exponent: Option<Cell>,
    /// Scale and decimals in the form of ENTITY-SENSOR-MIB.
    pub scale: Option<Cell>,
    /// As above.
    pub precision: Option<Cell>,
    /// What it is in then.
    pub unit: Unit,
    /// How octets hold it.
    pub octets: Octets,
    /// What words stand for.
    pub words: BTreeMap<String, f64>,
    /// The least and the most.
    pub range: Option<[f64; 2]>,
    /// Names of states.
    pub states: BTreeMap<i64, String>,
    /// States that are well, that are to be looked at, in which something is broken.
    pub good: Vec<i64>,
    /// As above.
    pub warning: Vec<i64>,
    /// As above.
    pub critical: Vec<i64>,
    /// Limits.
    pub limits: Limits,
    /// How its interface is known.
    pub interface: Option<InterfaceOf>,
    /// Which rows.
    pub rows: Rows,
    /// Tables of the same word share their indexes.
    pub once: Option<String>,
}

/// A number of a row, in the unit of its field.
#[derive(Clone, Debug)]
pub struct Measure {
    /// The cell.
    pub cell: Cell,
    /// What the number is multiplied by, and then divided by.
    pub multiply: f64,
    /// As above.
    pub divide: f64,
}

/// A table of access points, radios or wireless networks.
#[derive(Clone, Debug)]
pub struct Wireless {
    /// Which of them.
    pub kind: WirelessKind,
    /// Column whose rows they are.
    pub column: Vec<u32>,
    /// Name of the access point that a radio is of.
    pub access_point: Texts,
    /// As their names say.
    pub state: Texts,
    /// As above.
    pub model: Texts,
    /// As above.
    pub serial: Texts,
    /// Number of the channel.
    pub channel: Option<Measure>,
    /// MHz.
    pub frequency: Option<Measure>,
    /// dBm.
    pub transmit_power: Option<Measure>,
    /// How many.
    pub clients: Option<Measure>,
    /// Percent.
    pub utilization: Option<Measure>,
    /// dBm.
    pub noise: Option<Measure>,
    /// Which rows.
    pub rows: Rows,
}

/// A table of VLANs.
#[derive(Clone, Debug)]
pub struct Vlans {
    /// Column whose rows are the VLANs.
    pub column: Vec<u32>,
    /// Its number.
    pub id: Cell,
    /// Which rows.
    pub rows: Rows,
}

/// A table of neighbours.
#[derive(Clone, Debug)]
pub struct Neighbors {
    /// Column whose rows are the neighbours.
    pub column: Vec<u32>,
    /// The protocol.
    pub protocol: Protocol,
    /// The ifIndex of the local port.
    pub interface: Cell,
    /// What it says of itself.
    pub remote_name: Option<Template>,
    /// As above.
    pub remote_port: Option<Template>,
    /// As above.
    pub remote_platform: Option<Template>,
    /// Which rows.
    pub rows: Rows,
}

/// All profiles that are for a device, the sharpest first.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The profiles.
    pub profiles: Vec<Arc<Profile>>,
}

impl Profile {
    /// Reads a profile's text; the objects and sections of what it extends are looked for in the
    /// catalog when a plan is made.
    pub(super) fn read(name: &str, text: &str, catalog: &Catalog) -> Result<Self, Vec<Mistake>> {
        Self::read_for(name, text, catalog, PLACEHOLDER)
    }

    /// As [`Self::read`], for a device with this sysObjectID, on which objects may stand.
    pub(super) fn read_for(
        name: &str,
        text: &str,
        catalog: &Catalog,
        object_id: &[u32],
    ) -> Result<Self, Vec<Mistake>> {
        let file: File = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            vec![Mistake {
                line,
                key: String::new(),
                detail: Problem::Toml(error.message().to_owned()).to_string(),
            }]
        })?;
        let mut reader = Reader {
            object_id,
            faults: Vec::new(),
            patterns: 0,
        };
        reader.bound(&file);
        if !reader.faults.is_empty() {
            return Err(placed(text, reader.faults));
        }
        let profile = reader.profile(name, text, &file, catalog);
        if reader.faults.is_empty() {
            Ok(profile)
        } else {
            Err(placed(text, reader.faults))
        }
    }

    /// How an object is called here, with what follows the name.
    pub fn name_of(&self, object: &[u32]) -> String {
        let own = self
            .objects
            .iter()
            .filter_map(|(name, arcs)| Some((name.as_str(), object.strip_prefix(arcs.as_slice())?)))
            .min_by_key(|(_, rest)| rest.len());
        let (name, rest) = match own {
            Some((name, rest)) => (name.to_owned(), rest),
            None => match super::names::name_of(object) {
                Some((name, rest)) => (name.to_owned(), rest),
                None => (dotted(object), [].as_slice()),
            },
        };
        if rest.is_empty() {
            name
        } else {
            format!("{name}.{}", dotted(rest))
        }
    }
}
