//! A profile as it is read from its file, and a plan: all profiles that are for one device.

use super::catalog::Catalog;
use super::check::{Fault, Mistake, Path, Problem, line_of, placed};
use super::expression::{Cell, Template, oid};
use super::file::{
    AmountFile, ConditionFile, DeviceFile, File, KindFile, MatchFile, NeighborFile, OneOrMany,
    PlainFile, ProcessorFile, SensorFile, SourceFile, TextsFile, VlanFile, VolumeFile,
};
use super::names::Names;
use super::quantity::Quantity;
use model::neighbor::Protocol;
use regex::{Regex, RegexBuilder};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Octets that a compiled pattern may take: patterns come from operators, too.
const PATTERN_LEN_MAX: usize = 256 * 1024;
/// Patterns of a profile: each is compiled when it is checked.
const PATTERNS_MAX: usize = 500;
/// Objects of a profile: several times the longest list of a vendor's MIB that is of use.
const OBJECTS_MAX: usize = 5_000;
/// Tables of a profile, of all sorts together: each is some columns that a device is asked for.
const TABLES_MAX: usize = 500;

/// What an object begins with that stands on the sysObjectID of the device.
const OF_DEVICE: &str = "{sysObjectID}";
/// What stands for it while no device is at hand. Source: IANA, enterprise 0 is reserved.
const PLACEHOLDER: &[u32] = &[1, 3, 6, 1, 4, 1, 0];

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

fn dotted(arcs: &[u32]) -> String {
    arcs.iter()
        .map(u32::to_string)
        .collect::<Vec<_>>()
        .join(".")
}

/// What all tables have.
struct RowsFile<'a> {
    name: Option<&'a OneOrMany<String>>,
    when: &'a [ConditionFile],
    fallback: bool,
    pattern: Option<&'a String>,
    skip: &'a [f64],
}

impl<'a> RowsFile<'a> {
    fn of(name: Option<&'a OneOrMany<String>>, when: &'a [ConditionFile]) -> Self {
        Self {
            name,
            when,
            fallback: false,
            pattern: None,
            skip: &[],
        }
    }
}

macro_rules! rows_file {
    ($table:ident) => {
        RowsFile {
            name: $table.name.as_ref(),
            when: &$table.when,
            fallback: $table.fallback,
            pattern: $table.pattern.as_ref(),
            skip: &$table.skip,
        }
    };
}

/// Reads the sections, and keeps what is wrong with them.
struct Reader<'a> {
    /// Of the device that the profile is read for.
    object_id: &'a [u32],
    faults: Vec<Fault>,
    /// How many patterns there were until now.
    patterns: usize,
}

impl Reader<'_> {
    fn keep<T>(&mut self, path: &Path, read: Result<T, Problem>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(problem) => {
                self.faults.push(Fault {
                    path: path.clone(),
                    problem,
                });
                None
            }
        }
    }

    /// Finds what is too much of before any of it is read.
    fn bound(&mut self, file: &File) {
        let tables = file.processor.len()
            + file.memory.len()
            + file.storage.len()
            + file.sensor.len()
            + file.vlan.len()
            + file.neighbor.len();
        let path = Path::default();
        for (path, of, most, found) in [
            (
                path.key("objects"),
                "objects",
                OBJECTS_MAX,
                file.objects.len(),
            ),
            (path, "tables", TABLES_MAX, tables),
        ] {
            if found > most {
                let problem = Problem::TooMany { of, most, found };
                self.faults.push(Fault { path, problem });
            }
        }
    }

    /// Compiles a pattern, as long as there are not too many; that there are is told once.
    fn compiled(&mut self, path: &Path, text: &str) -> Option<Regex> {
        self.patterns += 1;
        if self.patterns > PATTERNS_MAX {
            if self.patterns == PATTERNS_MAX + 1 {
                self.keep::<()>(path, Err(Problem::TooManyPatterns(PATTERNS_MAX)));
            }
            return None;
        }
        self.keep(path, pattern(text))
    }

    fn profile(&mut self, name: &str, text: &str, file: &File, catalog: &Catalog) -> Profile {
        let root = Path::default();
        let mut objects = BTreeMap::new();
        for (position, parent) in file.extends.iter().enumerate() {
            let circle = if parent == name {
                Some(Problem::ExtendsItself(parent.clone()))
            } else if catalog.leads_to(parent, name) {
                Some(Problem::Circle(parent.clone()))
            } else {
                None
            };
            if let Some(problem) = circle {
                let path = root.key("extends").at(position);
                self.faults.push(Fault { path, problem });
                continue;
            }
            if let Some(parent) = catalog.find(parent) {
                objects.extend(parent.objects.clone());
                continue;
            }
            self.faults.push(Fault {
                path: root.key("extends").at(position),
                problem: Problem::Extends(parent.clone()),
            });
        }
        // One object may stand on another: as many rounds as bring something new.
        let mut open: Vec<(&String, &String)> = file.objects.iter().collect();
        loop {
            let before = open.len();
            open.retain(|(key, text)| match self.object(text, &objects) {
                Ok(arcs) => {
                    objects.insert((*key).clone(), arcs);
                    false
                }
                Err(_) => true,
            });
            if open.len() == before {
                break;
            }
        }
        for (key, text) in open {
            let arcs = self.object(text, &objects);
            self.keep(&root.key("objects").key(key), arcs);
        }
        let names = Names(&objects);
        let list = |key: &'static str| {
            let path = root.key(key);
            move |position: usize| path.at(position)
        };
        let mut matches = Vec::new();
        for (position, one) in file.r#match.iter().enumerate() {
            matches.push(self.one_match(&list("match")(position), one, &names));
        }
        let device = self.device(&root.key("device"), &file.device, &names);
        let mut processors = Vec::new();
        for (position, one) in file.processor.iter().enumerate() {
            processors.extend(self.processors(&list("processor")(position), one, &names));
        }
        let mut memory = Vec::new();
        for (position, one) in file.memory.iter().enumerate() {
            memory.extend(self.volume(&list("memory")(position), one, &names));
        }
        let mut storage = Vec::new();
        for (position, one) in file.storage.iter().enumerate() {
            storage.extend(self.volume(&list("storage")(position), one, &names));
        }
        let mut sensors = Vec::new();
        for (position, one) in file.sensor.iter().enumerate() {
            sensors.extend(self.sensors(&list("sensor")(position), one, &names));
        }
        let mut vlans = Vec::new();
        for (position, one) in file.vlan.iter().enumerate() {
            vlans.extend(self.vlans(&list("vlan")(position), one, &names));
        }
        let mut neighbors = Vec::new();
        for (position, one) in file.neighbor.iter().enumerate() {
            neighbors.extend(self.neighbors(&list("neighbor")(position), one, &names));
        }
        Profile {
            name: name.to_owned(),
            summary: file.summary.clone(),
            extends: file.extends.clone(),
            matches,
            device,
            processors,
            memory,
            storage,
            sensors,
            vlans,
            neighbors,
            objects,
            text: text.to_owned(),
            is_relative: file
                .objects
                .values()
                .any(|object| object.starts_with(OF_DEVICE)),
        }
    }

    /// An OID, or the name of another object with arcs after it.
    fn object(
        &self,
        text: &str,
        objects: &BTreeMap<String, Vec<u32>>,
    ) -> Result<Vec<u32>, Problem> {
        if let Some(rest) = text.strip_prefix(OF_DEVICE) {
            let rest = if rest.is_empty() {
                Vec::new()
            } else {
                super::expression::arcs(rest.trim_start_matches('.'))
                    .ok_or_else(|| Problem::Oid(text.to_owned()))?
            };
            return super::expression::joined(self.object_id, &rest)
                .ok_or_else(|| Problem::Oid(text.to_owned()));
        }
        if text
            .trim_start_matches('.')
            .starts_with(|c: char| c.is_ascii_digit())
        {
            return oid(text);
        }
        let cell = Cell::parse(text, &Names(objects))?;
        match (cell.column, cell.place) {
            (super::expression::Column::Object(column), super::Place::Row) => Ok(column),
            (super::expression::Column::Object(column), super::Place::Fixed(rest)) => {
                Ok([column, rest].concat())
            }
            _ => Err(Problem::Oid(text.to_owned())),
        }
    }

    fn one_match(&mut self, path: &Path, one: &MatchFile, names: &Names<'_>) -> Match {
        if !one.any && one.object_id.is_empty() && one.description.is_empty() && one.has.is_empty()
        {
            self.faults.push(Fault {
                path: path.clone(),
                problem: Problem::Missing("object_id, description, has or any is needed"),
            });
        }
        let mut of = Match {
            object_ids: Vec::new(),
            descriptions: self.patterns(&path.key("description"), &one.description),
            not_descriptions: self.patterns(&path.key("not_description"), &one.not_description),
            has: Vec::new(),
        };
        for (position, text) in one.object_id.iter().enumerate() {
            of.object_ids
                .extend(self.keep(&path.key("object_id").at(position), oid(text)));
        }
        for (position, text) in one.has.iter().enumerate() {
            let cell = Cell::parse(text, names);
            let cell = self.keep(&path.key("has").at(position), cell);
            if let Some(Cell {
                column: super::expression::Column::Object(column),
                place,
            }) = cell
            {
                of.has.push(match place {
                    super::Place::Fixed(rest) => [column, rest].concat(),
                    _ => column,
                });
            }
        }
        of
    }

    fn patterns(&mut self, path: &Path, texts: &[String]) -> Vec<Pattern> {
        for (position, text) in texts.iter().enumerate() {
            self.compiled(&path.at(position), text);
        }
        texts.iter().map(|text| Pattern::new(text)).collect()
    }

    fn pattern(&mut self, path: &Path, text: Option<&String>) -> Option<Regex> {
        self.compiled(path, text?)
    }

    fn cell(&mut self, path: &Path, text: Option<&String>, names: &Names<'_>) -> Option<Cell> {
        self.keep(path, Cell::parse(text?, names))
    }

    fn template(
        &mut self,
        path: &Path,
        text: Option<&String>,
        names: &Names<'_>,
    ) -> Option<Template> {
        self.keep(path, Template::parse(text?, names))
    }

    fn templates(
        &mut self,
        path: &Path,
        texts: Option<&OneOrMany<String>>,
        names: &Names<'_>,
    ) -> Vec<Template> {
        let texts = texts.map(OneOrMany::as_slice).unwrap_or_default();
        let read = texts
            .iter()
            .filter_map(|text| self.template(path, Some(text), names));
        read.collect()
    }

    fn amount(
        &mut self,
        path: &Path,
        amount: Option<&AmountFile>,
        names: &Names<'_>,
    ) -> Option<Amount> {
        match amount? {
            AmountFile::Number(number) => Some(Amount::Number(*number)),
            AmountFile::Object(text) => self.keep(path, Cell::parse(text, names)).map(Amount::Cell),
        }
    }

    fn device(&mut self, path: &Path, device: &DeviceFile, names: &Names<'_>) -> DeviceSources {
        let mut texts = |key: &str, texts: &TextsFile| self.texts(&path.key(key), texts, names);
        DeviceSources {
            vendor: texts("vendor", &device.vendor),
            model: texts("model", &device.model),
            os: texts("os", &device.os),
            os_version: texts("os_version", &device.os_version),
            serial: texts("serial", &device.serial),
            kind: texts("kind", &device.kind),
            name: texts("name", &device.name),
            location: texts("location", &device.location),
        }
    }

    fn texts(&mut self, path: &Path, texts: &TextsFile, names: &Names<'_>) -> Texts {
        let Some(texts) = texts else {
            return Vec::new();
        };
        let is_list = matches!(texts, OneOrMany::Many(_));
        let mut sources = Vec::new();
        for (position, text) in texts.as_slice().iter().enumerate() {
            let path = if is_list {
                path.at(position)
            } else {
                path.clone()
            };
            let source = match text {
                SourceFile::Template(text) => {
                    self.keep(&path, Template::parse(text, names))
                        .map(|from| Source {
                            from,
                            pattern: None,
                            map: None,
                        })
                }
                SourceFile::Full(full) => {
                    let from = self.keep(&path.key("from"), Template::parse(&full.from, names));
                    let pattern = self.pattern(&path.key("pattern"), full.pattern.as_ref());
                    let format = full.format.clone().unwrap_or_else(|| "$1".to_owned());
                    from.map(|from| Source {
                        from,
                        pattern: pattern.map(|pattern| (pattern, format)),
                        map: full.map.clone(),
                    })
                }
            };
            sources.extend(source);
        }
        sources
    }

    fn conditions(
        &mut self,
        path: &Path,
        conditions: &[ConditionFile],
        names: &Names<'_>,
    ) -> Vec<Condition> {
        let mut all = Vec::new();
        for (position, one) in conditions.iter().enumerate() {
            let path = path.key("when").at(position);
            let Some(cell) = self.cell(&path.key("object"), Some(&one.object), names) else {
                continue;
            };
            let before = all.len();
            let mut add = |test| {
                all.push(Condition {
                    cell: cell.clone(),
                    test,
                });
            };
            if let Some(values) = &one.is {
                add(Test::Is(values.as_slice().to_vec()));
            }
            if let Some(values) = &one.not {
                add(Test::Not(values.as_slice().to_vec()));
            }
            if let Some(number) = one.above {
                add(Test::Above(number));
            }
            if let Some(number) = one.below {
                add(Test::Below(number));
            }
            if let Some(number) = one.at_most {
                add(Test::AtMost(number));
            }
            if let Some(exists) = one.exists {
                add(Test::Exists(exists));
            }
            if let Some(pattern) = self.pattern(&path.key("matches"), one.matches.as_ref()) {
                add(Test::Matches(pattern));
            }
            if all.len() == before && one.matches.is_none() {
                let problem =
                    Problem::Missing("is, not, above, below, at_most, matches or exists is needed");
                self.faults.push(Fault { path, problem });
            }
        }
        all
    }

    fn processors(
        &mut self,
        path: &Path,
        one: &ProcessorFile,
        names: &Names<'_>,
    ) -> Option<Processors> {
        let rows = self.rows(path, &rows_file!(one), names);
        let (key, text) = match (&one.load, &one.idle) {
            (Some(load), None) => ("load", load),
            (None, Some(idle)) => ("idle", idle),
            _ => {
                let problem = Problem::Missing("one of load and idle is needed");
                self.faults.push(Fault {
                    path: path.clone(),
                    problem,
                });
                return None;
            }
        };
        let load = self.cell(&path.key(key), Some(text), names)?;
        Some(Processors {
            load,
            is_idle: key == "idle",
            divide: one.divide.unwrap_or(1.0),
            rows,
        })
    }

    fn rows(&mut self, path: &Path, file: &RowsFile<'_>, names: &Names<'_>) -> Rows {
        Rows {
            name: self.templates(&path.key("name"), file.name, names),
            when: self.conditions(path, file.when, names),
            fallback: file.fallback,
            pattern: self.pattern(&path.key("pattern"), file.pattern),
            skip: file.skip.to_vec(),
        }
    }

    fn volume(&mut self, path: &Path, one: &VolumeFile, names: &Names<'_>) -> Option<Volume> {
        let rows = self.rows(path, &rows_file!(one), names);
        let faults = self.faults.len();
        let mut cell =
            |key: &str, text: &Option<String>| self.cell(&path.key(key), text.as_ref(), names);
        let used = cell("used", &one.used);
        let free = cell("free", &one.free);
        let used_percent = cell("used_percent", &one.used_percent);
        let free_percent = cell("free_percent", &one.free_percent);
        let total = self.amount(&path.key("total"), one.total.as_ref(), names);
        let unit = self.amount(&path.key("unit"), one.unit.as_ref(), names);
        let is_free = used_percent.is_none();
        let percent = used_percent.or(free_percent);
        let amounts = match (used, free, total, percent) {
            (Some(used), _, Some(total), _) => VolumeAmounts::UsedOf { used, total },
            (None, Some(free), Some(total), _) => VolumeAmounts::FreeOf { free, total },
            (Some(used), Some(free), None, _) => VolumeAmounts::UsedAndFree { used, free },
            (None, None, Some(total), Some(percent)) => VolumeAmounts::PercentOf {
                percent,
                is_free,
                total,
            },
            (_, _, None, Some(percent)) => VolumeAmounts::Percent { percent, is_free },
            _ => {
                if self.faults.len() == faults {
                    let problem = Problem::Missing(
                        "two of used, free and total, or a percentage, are needed",
                    );
                    self.faults.push(Fault {
                        path: path.clone(),
                        problem,
                    });
                }
                return None;
            }
        };
        Some(Volume {
            amounts,
            unit: unit.unwrap_or(Amount::Number(1.0)),
            divide: one.divide.unwrap_or(1.0),
            rows,
        })
    }

    fn quantity(&mut self, path: &Path, kind: &str) -> Option<Quantity> {
        let known = || Quantity::names().collect::<Vec<_>>().join(", ");
        self.keep(
            path,
            Quantity::named(kind).ok_or_else(|| Problem::Kind(kind.to_owned(), known())),
        )
    }

    fn sensors(&mut self, path: &Path, one: &SensorFile, names: &Names<'_>) -> Option<Sensors> {
        let rows = self.rows(path, &rows_file!(one), names);
        let kind = match &one.kind {
            KindFile::One(kind) => self.quantity(&path.key("kind"), kind).map(Kind::One),
            KindFile::ByObject { object, map } => {
                let path = path.key("kind");
                let cell = self.cell(&path.key("object"), Some(object), names);
                let mut kinds = BTreeMap::new();
                for (value, kind) in map {
                    if let Some(kind) = self.quantity(&path.key("map").key(value), kind) {
                        kinds.insert(value.clone(), kind);
                    }
                }
                cell.map(|cell| Kind::ByCell(cell, kinds))
            }
        };
        let value = self.cell(&path.key("value"), Some(&one.value), names);
        let unit = self.word(
            &path.key("unit"),
            one.unit.as_ref(),
            "fahrenheit, kelvin, mw, uw",
            |word| match word {
                "fahrenheit" => Some(Unit::Fahrenheit),
                "kelvin" => Some(Unit::Kelvin),
                "mw" => Some(Unit::Milliwatts),
                "uw" => Some(Unit::Microwatts),
                _ => None,
            },
        );
        let octets = self.word(
            &path.key("octets"),
            one.octets.as_ref(),
            "float, big_endian",
            |word| match word {
                "float" => Some(Octets::Float),
                "big_endian" => Some(Octets::BigEndian),
                _ => None,
            },
        );
        let mut states = BTreeMap::new();
        for (number, name) in &one.states {
            let path = path.key("states").key(number);
            let number = number
                .parse::<i64>()
                .map_err(|_| Problem::Number(number.clone()));
            if let Some(number) = self.keep(&path, number) {
                states.insert(number, name.clone());
            }
        }
        let mut amount = |key: &str, amount: &Option<AmountFile>| {
            self.amount(&path.key(key), amount.as_ref(), names)
        };
        let (multiply, divide) = (
            amount("multiply", &one.multiply),
            amount("divide", &one.divide),
        );
        let limits = Limits {
            low: amount("low", &one.low),
            low_warning: amount("low_warning", &one.low_warning),
            high_warning: amount("high_warning", &one.high_warning),
            high: amount("high", &one.high),
        };
        let mut cell =
            |key: &str, text: &Option<String>| self.cell(&path.key(key), text.as_ref(), names);
        let (exponent, scale) = (cell("exponent", &one.exponent), cell("scale", &one.scale));
        let precision = cell("precision", &one.precision);
        let interface = match one.interface.as_deref() {
            Some("entity") => Some(InterfaceOf::Entity),
            _ => cell("interface", &one.interface).map(InterfaceOf::Cell),
        };
        Some(Sensors {
            kind: kind?,
            value: value?,
            multiply,
            divide,
            add: one.add.unwrap_or(0.0),
            exponent,
            scale,
            precision,
            unit: unit.unwrap_or(Unit::OfKind),
            octets: octets.unwrap_or(Octets::Text),
            words: one
                .words
                .iter()
                .map(|(word, number)| (word.to_lowercase(), *number))
                .collect(),
            range: one.range,
            states,
            good: one.good.clone(),
            warning: one.warning.clone(),
            critical: one.critical.clone(),
            limits,
            interface,
            rows,
            once: one.once.clone(),
        })
    }

    fn word<T>(
        &mut self,
        path: &Path,
        text: Option<&String>,
        known: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = text?;
        self.keep(
            path,
            read(text).ok_or_else(|| Problem::Word {
                text: text.clone(),
                known,
            }),
        )
    }

    fn column(&mut self, path: &Path, text: &str, names: &Names<'_>) -> Option<Vec<u32>> {
        let read = self.object(text, names.0).or_else(|_| {
            names
                .find(text)
                .ok_or_else(|| Problem::UnknownObject(text.to_owned()))
        });
        self.keep(path, read)
    }

    fn vlans(&mut self, path: &Path, one: &VlanFile, names: &Names<'_>) -> Option<Vlans> {
        let rows = self.rows(path, &RowsFile::of(one.name.as_ref(), &one.when), names);
        let column = self.column(&path.key("rows"), &one.rows, names);
        let id = self.cell(&path.key("id"), Some(&one.id), names);
        Some(Vlans {
            column: column?,
            id: id?,
            rows,
        })
    }

    fn neighbors(
        &mut self,
        path: &Path,
        one: &NeighborFile,
        names: &Names<'_>,
    ) -> Option<Neighbors> {
        let rows = self.rows(path, &RowsFile::of(None, &one.when), names);
        let column = self.column(&path.key("rows"), &one.rows, names);
        let interface = self.cell(&path.key("interface"), Some(&one.interface), names);
        let protocol = self.word(
            &path.key("protocol"),
            Some(&one.protocol),
            "lldp, cdp, fdp",
            |word| match word {
                "lldp" => Some(Protocol::Lldp),
                "cdp" => Some(Protocol::Cdp),
                "fdp" => Some(Protocol::Fdp),
                _ => None,
            },
        );
        Some(Neighbors {
            column: column?,
            protocol: protocol?,
            interface: interface?,
            remote_name: self.template(&path.key("remote_name"), one.remote_name.as_ref(), names),
            remote_port: self.template(&path.key("remote_port"), one.remote_port.as_ref(), names),
            remote_platform: self.template(
                &path.key("remote_platform"),
                one.remote_platform.as_ref(),
                names,
            ),
            rows,
        })
    }
}

fn pattern(text: &str) -> Result<Regex, Problem> {
    RegexBuilder::new(text)
        .case_insensitive(true)
        .size_limit(PATTERN_LEN_MAX)
        .build()
        .map_err(|error| Problem::Pattern(error.to_string().lines().collect::<Vec<_>>().join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> String {
        let catalog = Catalog::default();
        let mistakes = Profile::read("test", text, &catalog).err();
        mistakes
            .into_iter()
            .flatten()
            .map(|mistake| mistake.detail)
            .collect::<Vec<_>>()
            .join("; ")
    }

    #[test]
    fn a_profile_is_bounded() {
        let patterns = |count: usize| {
            let list = vec!["\"a\""; count].join(", ");
            format!("[[match]]\ndescription = [{list}]\n")
        };
        let objects = |count: usize| {
            let lines: Vec<String> = (0..count).map(|n| format!("o{n} = \"1.3.{n}\"")).collect();
            format!("[objects]\n{}\n", lines.join("\n"))
        };
        let tables = |count: usize| "[[processor]]\nload = \"1.3.6\"\n".repeat(count);
        for (text, expected) in [
            (patterns(PATTERNS_MAX), ""),
            (
                patterns(PATTERNS_MAX + 9),
                "a profile has at most 500 patterns",
            ),
            (objects(OBJECTS_MAX), ""),
            (
                objects(OBJECTS_MAX + 1),
                "a profile has at most 5000 objects; this one has 5001",
            ),
            (tables(TABLES_MAX), ""),
            (
                tables(TABLES_MAX + 1),
                "a profile has at most 500 tables; this one has 501",
            ),
        ] {
            assert_eq!(mistakes(&text), expected);
        }
    }
}
