//! The shape of a profile's file. Every key is explained in `docs/guide/device-profiles.md`.

use serde::Deserialize;
use std::collections::BTreeMap;

/// A profile as it stands in its file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    /// One line for people: what the profile is for.
    pub summary: String,
    /// Profiles whose sections are read, too, after this one's.
    pub extends: Vec<String>,
    /// For which devices it is: where any of these fits. None: only to be extended.
    pub r#match: Vec<MatchFile>,
    /// Objects by the names that their MIBs give them.
    pub objects: BTreeMap<String, String>,
    /// The device as a whole.
    pub device: DeviceFile,
    /// Tables of processors.
    pub processor: Vec<ProcessorFile>,
    /// Tables of memory.
    pub memory: Vec<VolumeFile>,
    /// Tables of file systems and disks.
    pub storage: Vec<VolumeFile>,
    /// Tables of sensors.
    pub sensor: Vec<SensorFile>,
    /// Tables of access points, radios and wireless networks.
    pub wireless: Vec<WirelessFile>,
    /// Tables of VLANs.
    pub vlan: Vec<VlanFile>,
    /// Tables of neighbours.
    pub neighbor: Vec<NeighborFile>,
}

/// Which devices. What is given must all hold; of a list, any.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MatchFile {
    /// Every device.
    pub any: bool,
    /// Beginnings of sysObjectID.
    pub object_id: Vec<String>,
    /// Patterns in sysDescr; capitals do not matter.
    pub description: Vec<String>,
    /// Patterns that must not be in sysDescr.
    pub not_description: Vec<String>,
    /// Objects of which one must have something under it. Asked once in a while.
    pub has: Vec<String>,
}

/// One or several, tried in order.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
// Several first: what is read as a table would take a list for its fields.
pub enum OneOrMany<T> {
    /// Several.
    Many(Vec<T>),
    /// One.
    One(T),
}

impl<T> OneOrMany<T> {
    /// As a list.
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// Where a text comes from.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum SourceFile {
    /// A template.
    Template(String),
    /// A template, and what is made of it.
    Full(FullSourceFile),
}

/// A template, and what is made of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FullSourceFile {
    /// The template.
    pub from: String,
    /// A pattern of which the first group is taken; where it is not found the source is none.
    #[serde(default)]
    pub pattern: Option<String>,
    /// What to make of the groups: `$1 $2`.
    #[serde(default)]
    pub format: Option<String>,
    /// What some texts stand for; a text that is not in it is none.
    #[serde(default)]
    pub map: Option<BTreeMap<String, String>>,
}

/// Sources of a text, tried in order.
pub type TextsFile = Option<OneOrMany<SourceFile>>;

/// The device as a whole.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the fields of DeviceFacts")]
pub struct DeviceFile {
    pub vendor: TextsFile,
    pub model: TextsFile,
    pub os: TextsFile,
    pub os_version: TextsFile,
    pub serial: TextsFile,
    pub kind: TextsFile,
    pub name: TextsFile,
    pub location: TextsFile,
}

/// A number, or the object that holds it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum AmountFile {
    /// The number.
    Number(f64),
    /// The object.
    Object(String),
}

/// A value that a condition names.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
pub enum PlainFile {
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
}

/// What must hold for a row to be read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConditionFile {
    /// Of this cell.
    pub object: String,
    /// It is one of these.
    pub is: Option<OneOrMany<PlainFile>>,
    /// It is none of these; a cell that is not there passes.
    pub not: Option<OneOrMany<PlainFile>>,
    /// It is a number above this.
    pub above: Option<f64>,
    /// It is a number below this.
    pub below: Option<f64>,
    /// It is a number that is not above this, or is not there.
    pub at_most: Option<f64>,
    /// Its text has this pattern in it.
    pub matches: Option<String>,
    /// There is such a cell, or there is none.
    pub exists: Option<bool>,
}

/// A table of processors.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProcessorFile {
    /// Busy, in percent.
    pub load: Option<String>,
    /// Idle, in percent.
    pub idle: Option<String>,
    /// What the number is divided by.
    pub divide: Option<f64>,
    /// A pattern of which the first group is the number, where it is a text.
    pub pattern: Option<String>,
    /// Raw values that mean: not known.
    pub skip: Vec<f64>,
    /// Templates of the name, tried in order.
    pub name: Option<OneOrMany<String>>,
    /// Which rows are read.
    pub when: Vec<ConditionFile>,
    /// Only where nothing before told of processors.
    pub fallback: bool,
}

/// A table of memory or storage.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "as their names say")]
pub struct VolumeFile {
    pub used: Option<String>,
    pub free: Option<String>,
    pub total: Option<AmountFile>,
    pub used_percent: Option<String>,
    pub free_percent: Option<String>,
    /// Octets of a unit of the amounts.
    pub unit: Option<AmountFile>,
    /// What a percentage is divided by.
    pub divide: Option<f64>,
    /// A pattern of which the first group is the number, where it is a text.
    pub pattern: Option<String>,
    pub skip: Vec<f64>,
    pub name: Option<OneOrMany<String>>,
    pub when: Vec<ConditionFile>,
    pub fallback: bool,
}

/// What a table of sensors measures.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum KindFile {
    /// All the same.
    One(String),
    /// As a cell says.
    ByObject {
        /// The cell.
        object: String,
        /// Kind by its value; rows of another value are left out.
        map: BTreeMap<String, String>,
    },
}

/// A table of sensors.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensorFile {
    /// What they measure.
    pub kind: KindFile,
    /// The value.
    pub value: String,
    /// Templates of the name, tried in order.
    #[serde(default)]
    pub name: Option<OneOrMany<String>>,
    /// What the raw number is multiplied by.
    #[serde(default)]
    pub multiply: Option<AmountFile>,
    /// What the raw number is divided by.
    #[serde(default)]
    pub divide: Option<AmountFile>,
    /// What is added at the end.
    #[serde(default)]
    pub add: Option<f64>,
    /// Cell with the power of ten that the raw number is multiplied by.
    #[serde(default)]
    pub exponent: Option<String>,
    /// Cell with the scale of ENTITY-SENSOR-MIB (9 is units).
    #[serde(default)]
    pub scale: Option<String>,
    /// Cell with the decimals of ENTITY-SENSOR-MIB.
    #[serde(default)]
    pub precision: Option<String>,
    /// `fahrenheit`, `kelvin`, `mw` or `uw`: what the value is in after scaling, to be turned into the
    /// unit of its kind.
    #[serde(default)]
    pub unit: Option<String>,
    /// `float` or `big_endian`: how octets hold the number.
    #[serde(default)]
    pub octets: Option<String>,
    /// A pattern of which the first group is the number, where it is a text.
    #[serde(default)]
    pub pattern: Option<String>,
    /// What some texts stand for, where the value is a word.
    #[serde(default)]
    pub words: BTreeMap<String, f64>,
    /// Raw values that mean: no such sensor.
    #[serde(default)]
    pub skip: Vec<f64>,
    /// The least and the most that the scaled value can be; others are left out.
    #[serde(default)]
    pub range: Option<[f64; 2]>,
    /// Names of states by number.
    #[serde(default)]
    pub states: BTreeMap<String, String>,
    /// States that are well.
    #[serde(default)]
    pub good: Vec<i64>,
    /// States to look at.
    #[serde(default)]
    pub warning: Vec<i64>,
    /// States in which something is broken.
    #[serde(default)]
    pub critical: Vec<i64>,
    /// Limits: a number in the unit of the kind, or a cell that is scaled as the value is.
    #[serde(default)]
    pub low: Option<AmountFile>,
    /// As above.
    #[serde(default)]
    pub low_warning: Option<AmountFile>,
    /// As above.
    #[serde(default)]
    pub high_warning: Option<AmountFile>,
    /// As above.
    #[serde(default)]
    pub high: Option<AmountFile>,
    /// Cell (`index` for the index itself) with the ifIndex of the interface it sits on; `entity`: the
    /// index is an entPhysicalIndex, and ENTITY-MIB says which port the part belongs to.
    #[serde(default)]
    pub interface: Option<String>,
    /// Which rows are read.
    #[serde(default)]
    pub when: Vec<ConditionFile>,
    /// Only where nothing before told of sensors of this kind.
    #[serde(default)]
    pub fallback: bool,
    /// Tables of the same word share their indexes: what one of them read is not read again.
    #[serde(default)]
    pub once: Option<String>,
}

/// A number and what it is scaled by.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum MeasureFile {
    /// The cell, in the unit that is expected.
    Cell(String),
    /// The cell, and what makes that unit of it.
    Scaled(ScaledFile),
}

/// A cell, and what its number is scaled by.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaledFile {
    /// The cell.
    pub value: String,
    /// What the number is multiplied by.
    #[serde(default)]
    pub multiply: Option<f64>,
    /// What it is divided by then.
    #[serde(default)]
    pub divide: Option<f64>,
}

/// A table of access points, radios or wireless networks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WirelessFile {
    /// `access_point`, `radio` or `network`.
    pub kind: String,
    /// Column whose rows they are.
    pub rows: String,
    /// Templates of the name, tried in order.
    #[serde(default)]
    pub name: Option<OneOrMany<String>>,
    /// Name of the access point that a radio is of.
    #[serde(default)]
    pub access_point: TextsFile,
    /// State.
    #[serde(default)]
    pub state: TextsFile,
    /// Model.
    #[serde(default)]
    pub model: TextsFile,
    /// Serial number.
    #[serde(default)]
    pub serial: TextsFile,
    /// Channel number.
    #[serde(default)]
    pub channel: Option<MeasureFile>,
    /// MHz.
    #[serde(default)]
    pub frequency: Option<MeasureFile>,
    /// dBm.
    #[serde(default)]
    pub transmit_power: Option<MeasureFile>,
    /// How many.
    #[serde(default)]
    pub clients: Option<MeasureFile>,
    /// Percent.
    #[serde(default)]
    pub utilization: Option<MeasureFile>,
    /// dBm; a positive number stands for its negative.
    #[serde(default)]
    pub noise: Option<MeasureFile>,
    /// Which rows are read.
    #[serde(default)]
    pub when: Vec<ConditionFile>,
    /// Only where another profile told of none of this kind before.
    #[serde(default)]
    pub fallback: bool,
}

/// A table of VLANs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VlanFile {
    /// Column whose rows are the VLANs.
    pub rows: String,
    /// Cell with the number; `index@-1` is the last arc of the index.
    pub id: String,
    /// Templates of the name, tried in order.
    #[serde(default)]
    pub name: Option<OneOrMany<String>>,
    /// Which rows are read.
    #[serde(default)]
    pub when: Vec<ConditionFile>,
}

/// A table of neighbours.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeighborFile {
    /// Column whose rows are the neighbours.
    pub rows: String,
    /// The protocol: cdp, fdp, ...
    pub protocol: String,
    /// Cell with the ifIndex of the local port; `index@1` is the first arc of the index.
    pub interface: String,
    /// Templates.
    #[serde(default)]
    pub remote_name: Option<String>,
    /// As above.
    #[serde(default)]
    pub remote_port: Option<String>,
    /// As above.
    #[serde(default)]
    pub remote_platform: Option<String>,
    /// Which rows are read.
    #[serde(default)]
    pub when: Vec<ConditionFile>,
}
