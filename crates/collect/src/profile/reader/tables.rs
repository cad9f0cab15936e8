//! The tables of a profile: processors, memory and storage, sensors, wireless, VLANs, neighbours.

use super::super::check::{Fault, Path, Problem};
use super::super::file::{
    AmountFile, ConditionFile, KindFile, MeasureFile, NeighborFile, OneOrMany, ProcessorFile,
    SensorFile, VlanFile, VolumeFile, WirelessFile,
};
use super::super::names::Names;
use super::super::plan::{
    Amount, InterfaceOf, Kind, Limits, Measure, Neighbors, Octets, Processors, Rows, Sensors, Unit,
    Vlans, Volume, VolumeAmounts, Wireless,
};
use super::super::quantity::Quantity;
use super::Reader;
use model::facts::WirelessKind;
use model::neighbor::Protocol;
use std::collections::BTreeMap;

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

impl Reader<'_> {
    pub(super) fn processors(
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

    pub(super) fn volume(
        &mut self,
        path: &Path,
        one: &VolumeFile,
        names: &Names<'_>,
    ) -> Option<Volume> {
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

    pub(super) fn sensors(
        &mut self,
        path: &Path,
        one: &SensorFile,
        names: &Names<'_>,
    ) -> Option<Sensors> {
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

    pub(super) fn wireless(
        &mut self,
        path: &Path,
        one: &WirelessFile,
        names: &Names<'_>,
    ) -> Option<Wireless> {
        let kind = self.word(
            &path.key("kind"),
            Some(&one.kind),
            "access_point, radio, network",
            |word| match word {
                "access_point" => Some(WirelessKind::AccessPoint),
                "radio" => Some(WirelessKind::Radio),
                "network" => Some(WirelessKind::Network),
                _ => None,
            },
        );
        let how = RowsFile {
            fallback: one.fallback,
            ..RowsFile::of(one.name.as_ref(), &one.when)
        };
        let rows = self.rows(path, &how, names);
        let column = self.column(&path.key("rows"), &one.rows, names);
        let mut texts = |key: &str, texts| self.texts(&path.key(key), texts, names);
        let access_point = texts("access_point", &one.access_point);
        let state = texts("state", &one.state);
        let (model, serial) = (texts("model", &one.model), texts("serial", &one.serial));
        let mut measure = |key: &str, measure| self.measure(&path.key(key), measure, names);
        let channel = measure("channel", one.channel.as_ref());
        let frequency = measure("frequency", one.frequency.as_ref());
        let transmit_power = measure("transmit_power", one.transmit_power.as_ref());
        let clients = measure("clients", one.clients.as_ref());
        let utilization = measure("utilization", one.utilization.as_ref());
        let noise = measure("noise", one.noise.as_ref());
        Some(Wireless {
            kind: kind?,
            column: column?,
            access_point,
            state,
            model,
            serial,
            channel,
            frequency,
            transmit_power,
            clients,
            utilization,
            noise,
            rows,
        })
    }

    fn measure(
        &mut self,
        path: &Path,
        measure: Option<&MeasureFile>,
        names: &Names<'_>,
    ) -> Option<Measure> {
        let (cell, multiply, divide) = match measure? {
            MeasureFile::Cell(text) => (self.cell(path, Some(text), names), None, None),
            MeasureFile::Scaled(scaled) => (
                self.cell(&path.key("value"), Some(&scaled.value), names),
                scaled.multiply,
                scaled.divide,
            ),
        };
        Some(Measure {
            cell: cell?,
            multiply: multiply.unwrap_or(1.0),
            divide: divide.unwrap_or(1.0),
        })
    }

    pub(super) fn vlans(
        &mut self,
        path: &Path,
        one: &VlanFile,
        names: &Names<'_>,
    ) -> Option<Vlans> {
        let rows = self.rows(path, &RowsFile::of(one.name.as_ref(), &one.when), names);
        let column = self.column(&path.key("rows"), &one.rows, names);
        let id = self.cell(&path.key("id"), Some(&one.id), names);
        Some(Vlans {
            column: column?,
            id: id?,
            rows,
        })
    }

    pub(super) fn neighbors(
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
