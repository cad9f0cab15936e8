//! From a profile's file to the profile: every key is read, and what is wrong with any is kept with its
//! place, so that all mistakes are told at once. Its tables are read in `tables.rs`.

mod tables;

use super::catalog::Catalog;
use super::check::{Fault, Path, Problem};
use super::expression::{Cell, Template, oid};
use super::file::{
    AmountFile, ConditionFile, DeviceFile, File, MatchFile, OneOrMany, SourceFile, TextsFile,
};
use super::names::Names;
use super::plan::{Amount, Condition, DeviceSources, Match, Pattern, Profile, Source, Test, Texts};
use regex::{Regex, RegexBuilder};
use std::collections::BTreeMap;

/// Octets that a compiled pattern may take: patterns come from operators, too.
const PATTERN_LEN_MAX: usize = 256 * 1024;
/// Patterns of a profile: each is compiled when it is checked.
const PATTERNS_MAX: usize = 500;
/// Objects of a profile: several times the longest list of a vendor's MIB that is of use.
const OBJECTS_MAX: usize = 5_000;
/// Tables of a profile, of all sorts together: each is some columns that a device is asked for.
const TABLES_MAX: usize = 500;

/// What an object begins with that stands on the sysObjectID of the device.
pub(super) const OF_DEVICE: &str = "{sysObjectID}";
/// What stands for it while no device is at hand. Source: IANA, enterprise 0 is reserved.
pub(super) const PLACEHOLDER: &[u32] = &[1, 3, 6, 1, 4, 1, 0];

/// Reads the sections, and keeps what is wrong with them.
pub(super) struct Reader<'a> {
    /// Of the device that the profile is read for.
    pub(super) object_id: &'a [u32],
    pub(super) faults: Vec<Fault>,
    /// How many patterns there were until now.
    pub(super) patterns: usize,
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
    pub(super) fn bound(&mut self, file: &File) {
        let tables = file.processor.len()
            + file.memory.len()
            + file.storage.len()
            + file.sensor.len()
            + file.wireless.len()
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

    pub(super) fn profile(
        &mut self,
        name: &str,
        text: &str,
        file: &File,
        catalog: &Catalog,
    ) -> Profile {
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
        let mut wireless = Vec::new();
        for (position, one) in file.wireless.iter().enumerate() {
            wireless.extend(self.wireless(&list("wireless")(position), one, &names));
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
            wireless,
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
}

pub(super) fn pattern(text: &str) -> Result<Regex, Problem> {
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
