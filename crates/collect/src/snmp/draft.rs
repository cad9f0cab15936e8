//! A look while it is being written.

use super::look::Origin;
use super::{Glimpse, Groups, Rows, decode};
use crate::profile::{Cell, Column, Place, Plan, Profile, Quantity};
use crate::reading::{Instance, Reading};
use ::snmp::{Defect, Defects};
use model::facts::{Facts, SensorFacts, SensorLimits, Severity};
use model::{Metric, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Octets that no volume has: an exbibyte, several thousand times the largest disk array of today.
const VOLUME_LEN_MAX: u64 = 1 << 60;

/// A sensor as a profile found it, in the unit of its quantity.
pub(super) struct Sensor {
    pub(super) quantity: Quantity,
    pub(super) name: String,
    pub(super) index: Vec<u32>,
    pub(super) value: f64,
    pub(super) interface: Option<String>,
    pub(super) state: Option<String>,
    pub(super) severity: Option<Severity>,
    pub(super) limits: SensorLimits,
}

/// What the readers of the MIBs write to.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) wanted: Groups,
    /// Of these, the ones that were not read to their end: what stands in for a table that says
    /// nothing does not do so where that table was not heard out.
    pub(super) cut: Groups,
    /// Words of the tables of sensors that were read already.
    pub(super) words: BTreeSet<String>,
    pub(super) object_id: Vec<u32>,
    pub(super) glimpse: Glimpse,
    pub(super) facts: Facts,
    pub(super) readings: Vec<Reading>,
    pub(super) defects: Defects,
    /// ifName, else ifDescr, by ifIndex.
    pub(super) interface_names: BTreeMap<u32, String>,
    /// The same as an earlier look read it, for looks that do not ask for it.
    pub(super) known_names: Arc<BTreeMap<u32, String>>,
    /// Indexes of tables that tell of the same sensors, by the word that the tables share.
    pub(super) read_once: BTreeSet<(String, Vec<u32>)>,
    /// What is asked of this device beyond the standard MIBs.
    pub(super) plan: Arc<Plan>,
    /// The profile that is being read.
    pub(super) profile: Option<Arc<Profile>>,
    /// Fields of the device that a profile told.
    pub(super) told: BTreeSet<&'static str>,
    /// Where each fact came from, where somebody wants to know.
    pub(super) origins: Option<Vec<Origin>>,
    /// Names that are taken, by what is measured.
    pub(super) parts: BTreeSet<(Metric, &'static str, String)>,
}

impl Draft {
    /// Whether any of these groups is wanted.
    pub(super) fn wants(&self, groups: Groups) -> bool {
        self.wanted.intersects(groups)
    }

    /// What an interface is called, as this look read it or an earlier one.
    pub(super) fn interface_name(&self, index: u32) -> Option<String> {
        let names = if self.interface_names.is_empty() {
            &*self.known_names
        } else {
            &self.interface_names
        };
        names.get(&index).cloned()
    }

    /// Notes which object told a fact.
    pub(super) fn note(&mut self, fact: &str, object: &[u32]) {
        let (Some(origins), Some(profile)) = (&mut self.origins, &self.profile) else {
            return;
        };
        origins.push(Origin {
            fact: fact.to_owned(),
            source: profile.name.clone(),
            object: (!object.is_empty()).then(|| profile.name_of(object)),
        });
    }

    /// How many facts of each sort there are.
    pub(super) fn tally(&self) -> Vec<(String, usize)> {
        if self.origins.is_none() {
            return Vec::new();
        }
        let facts = serde_json::to_value(&self.facts).unwrap_or_default();
        let sections = facts.as_object().into_iter().flatten();
        let mut tally = Vec::new();
        for (section, facts) in sections {
            match facts {
                serde_json::Value::Array(list) => tally.push((section.clone(), list.len())),
                serde_json::Value::Object(fields) => {
                    tally.extend(fields.keys().map(|field| (format!("{section}.{field}"), 1)));
                }
                _ => {}
            }
        }
        tally
    }

    /// Notes which sorts of facts a MIB brought, by what there was before it was read.
    pub(super) fn note_since(&mut self, before: &[(String, usize)], source: &str) {
        if self.origins.is_none() || source == super::profiled::NAME {
            return;
        }
        let now = self.tally();
        let origins = self.origins.get_or_insert_default();
        for (fact, count) in now {
            let known = before.iter().find(|(other, _)| *other == fact);
            if count > known.map_or(0, |(_, count)| *count) {
                origins.push(Origin {
                    fact,
                    source: source.to_owned(),
                    object: None,
                });
            }
        }
    }

    /// As [`Self::note`], of a cell in a row.
    pub(super) fn note_cell(&mut self, fact: &str, cell: &Cell, index: &[u32]) {
        if self.origins.is_none() {
            return;
        }
        if let Column::Object(column) = &cell.column {
            let instance = match &cell.place {
                Place::Fixed(instance) => instance,
                _ => index,
            };
            self.note(fact, &[column.as_slice(), instance].concat());
        }
    }

    /// Text of an object; another type is a defect.
    pub(super) fn text(&mut self, rows: &Rows, column: &[u32], index: &[u32]) -> Option<String> {
        decode::text(self.octets(rows, column, index)?)
    }

    /// Octets of an object; another type is a defect.
    pub(super) fn octets<'a>(
        &mut self,
        rows: &'a Rows,
        column: &[u32],
        index: &[u32],
    ) -> Option<&'a [u8]> {
        let octets = rows.cell(column, index)?.as_octets();
        if octets.is_none() {
            self.defects.add(Defect::WrongType);
        }
        octets
    }

    /// A whole number that is not negative; anything else is a defect.
    pub(super) fn number(&mut self, rows: &Rows, column: &[u32], index: &[u32]) -> Option<u64> {
        let value = rows.cell(column, index)?;
        if value.as_u64().is_none() {
            self.defects.add(if value.as_i64().is_some() {
                Defect::AbsurdValue
            } else {
                Defect::WrongType
            });
        }
        value.as_u64()
    }

    /// A whole number; another type is a defect.
    pub(super) fn integer(&mut self, rows: &Rows, column: &[u32], index: &[u32]) -> Option<i64> {
        let number = rows.cell(column, index)?.as_i64();
        if number.is_none() {
            self.defects.add(Defect::WrongType);
        }
        number
    }

    /// A 32-bit quantity that the MIB calls Integer32 and that agents let run over: read unsigned.
    pub(super) fn unsigned32(&mut self, rows: &Rows, column: &[u32], index: &[u32]) -> Option<u64> {
        let number = self.integer(rows, column, index)?;
        if number < 0 {
            return u32::try_from(number & 0xffff_ffff).ok().map(u64::from);
        }
        u64::try_from(number).ok()
    }

    /// Adds a gauge; what is not a number is a defect.
    pub(super) fn gauge(&mut self, metric: Metric, instance: &Instance, value: f64) {
        if value.is_finite() {
            self.push(metric, instance, Value::F64(value));
        } else {
            self.defects.add(Defect::AbsurdValue);
        }
    }

    /// Adds a counter or a state.
    pub(super) fn count(&mut self, metric: Metric, instance: &Instance, value: u64) {
        self.push(metric, instance, Value::U64(value));
    }

    fn push(&mut self, metric: Metric, instance: &Instance, value: Value) {
        self.readings.push(Reading {
            metric,
            instance: instance.clone(),
            value,
        });
    }

    /// A part by its name; where the name is taken already among those of its label of which the
    /// same is measured, with its index beside it. None, and a defect, where that is taken too.
    pub(super) fn part(
        &mut self,
        metric: Metric,
        label: &'static str,
        name: &str,
        index: &[u32],
    ) -> Option<Instance> {
        let mut name = name.to_owned();
        if !self.parts.insert((metric, label, name.clone())) {
            name = format!("{name} [{}]", decode::dotted(index));
            if !self.parts.insert((metric, label, name.clone())) {
                self.defects.add(Defect::WrongIndex);
                return None;
            }
        }
        Some(Instance::Part {
            label,
            name: Arc::from(name),
        })
    }

    /// Adds a processor's load in percent; says whether it was taken, as the three after it do.
    pub(super) fn processor(&mut self, name: &str, index: &[u32], percent: f64) -> bool {
        if !self.wants(Groups::PROCESSORS) {
            return false;
        }
        // Some agents count each core of a processor as a hundred percent.
        if !(0.0..=6_400.0).contains(&percent) {
            self.defects.add(Defect::AbsurdValue);
            return false;
        }
        let metric = Metric::PROCESSOR_UTILIZATION;
        if let Some(instance) = self.part(metric, "processor", name, index) {
            self.gauge(metric, &instance, percent / 100.0);
        }
        self.facts.processors.push(model::facts::ProcessorFacts {
            name: Some(name.to_owned()),
            utilization_percent: Some(percent),
        });
        true
    }

    /// Adds a kind of memory.
    pub(super) fn memory(&mut self, name: &str, index: &[u32], used: u64, total: u64) -> bool {
        if !self.wants(Groups::MEMORY) {
            return false;
        }
        let Some(facts) = self.volume(name, used, total) else {
            return false;
        };
        if let Some(instance) = self.part(Metric::MEMORY_USED, "memory", name, index) {
            self.gauge(Metric::MEMORY_USED, &instance, used as f64);
            self.gauge(Metric::MEMORY_SIZE, &instance, total as f64);
        }
        self.facts.memory.push(facts);
        true
    }

    /// Adds a file system or disk.
    pub(super) fn storage(&mut self, name: &str, index: &[u32], used: u64, total: u64) -> bool {
        if !self.wants(Groups::STORAGE) {
            return false;
        }
        let Some(facts) = self.volume(name, used, total) else {
            return false;
        };
        if let Some(instance) = self.part(Metric::STORAGE_USED, "storage", name, index) {
            self.gauge(Metric::STORAGE_USED, &instance, used as f64);
            self.gauge(Metric::STORAGE_SIZE, &instance, total as f64);
        }
        self.facts.storage.push(facts);
        true
    }

    /// Adds a sensor; a value that its kind cannot have is a defect.
    pub(super) fn sensor(&mut self, sensor: Sensor) -> bool {
        if !self.wants(Groups::SENSORS) {
            return false;
        }
        let Sensor {
            quantity,
            name,
            index,
            value,
            interface,
            state,
            severity,
            limits,
        } = sensor;
        if !value.is_finite() || !quantity.is_possible(value) {
            self.defects.add(Defect::AbsurdValue);
            return false;
        }
        let (metric, factor) = quantity.metric();
        if let Some(instance) = self.part(metric, "sensor", &name, &index) {
            if quantity != Quantity::STATE {
                self.gauge(metric, &instance, value * factor);
            } else if let Some(number) = decode::whole(value) {
                self.count(metric, &instance, number);
            }
        }
        let unit = quantity.unit();
        self.facts.sensors.push(SensorFacts {
            name: Some(name),
            kind: Some(quantity.kind().to_owned()),
            metric: Some(metric.name().to_owned()),
            value: Some(value),
            unit: (!unit.is_empty()).then(|| unit.to_owned()),
            interface,
            state,
            severity,
            limits: (limits != SensorLimits::default()).then_some(limits),
        });
        true
    }

    fn volume(&mut self, name: &str, used: u64, total: u64) -> Option<model::facts::VolumeFacts> {
        if total > VOLUME_LEN_MAX || used > VOLUME_LEN_MAX {
            self.defects.add(Defect::AbsurdValue);
            return None;
        }
        Some(model::facts::VolumeFacts {
            name: Some(name.to_owned()),
            used_bytes: Some(used),
            total_bytes: Some(total),
            used_percent: (total > 0).then(|| used as f64 / total as f64 * 100.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_readings_are_of_the_same_part() {
        let mut draft = Draft {
            wanted: Groups::PROCESSORS,
            ..Draft::default()
        };
        for index in [1, 2, 2] {
            draft.processor("CPU", &[index], 10.0);
        }
        let names: BTreeSet<String> = draft
            .readings
            .iter()
            .map(|reading| format!("{:?}", reading.instance))
            .collect();
        assert_eq!((names.len(), draft.readings.len()), (2, 2), "{names:?}");
        assert_eq!(draft.defects.count(Defect::WrongIndex), 1);
    }

    #[test]
    fn a_look_without_names_has_those_of_an_earlier_one() {
        let named = |name: &str| BTreeMap::from([(3, name.to_owned())]);
        let mut draft = Draft {
            known_names: Arc::new(named("before")),
            ..Draft::default()
        };
        assert_eq!(draft.interface_name(3).as_deref(), Some("before"));
        draft.interface_names = named("now");
        assert_eq!(draft.interface_name(3).as_deref(), Some("now"));
        assert_eq!(draft.interface_name(4), None);
    }
}
