//! Objects by their names and by their OIDs: those of uploaded MIBs, and the standard ones.

use super::dotted;
use collect::profile::{mib::MibModule, standard_objects};
use std::collections::{BTreeMap, HashMap};

/// Objects that MIBs name.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_name: HashMap<String, Vec<u32>>,
    by_oid: BTreeMap<Vec<u32>, String>,
}

impl Names {
    /// Those of these modules, then the standard ones. Of two objects of one name the first counts.
    pub(super) fn new<'a>(modules: impl Iterator<Item = &'a MibModule>) -> Self {
        let mut names = Self::default();
        for module in modules {
            for object in &module.objects {
                names.add(&object.name, &object.oid);
            }
            for (name, oid) in &module.tables {
                names.add(name, oid);
            }
        }
        for (name, oid) in standard_objects() {
            names.add(name, &oid);
        }
        names
    }

    fn add(&mut self, name: &str, oid: &[u32]) {
        self.by_name
            .entry(name.to_owned())
            .or_insert_with(|| oid.to_vec());
        self.by_oid
            .entry(oid.to_vec())
            .or_insert_with(|| name.to_owned());
    }

    /// The OID that a text stands for: an OID, a name, a name with an instance behind it, each also
    /// with the module before it (`ACME-MIB::acmeTemp.1`).
    pub(super) fn find(&self, text: &str) -> Option<Vec<u32>> {
        let text = text.trim();
        let text = text.rsplit_once("::").map_or(text, |(_, name)| name);
        if let Some(arcs) = arcs(text.trim_start_matches('.')) {
            return Some(arcs).filter(|arcs| arcs.len() >= 2);
        }
        let (name, instance) = text.split_once('.').unwrap_or((text, ""));
        let mut oid = self.by_name.get(name)?.clone();
        if !instance.is_empty() {
            oid.extend(arcs(instance)?);
        }
        Some(oid)
    }

    /// The name of an object, and the instance after it.
    pub(super) fn name_of(&self, oid: &[u32]) -> Option<String> {
        (1..=oid.len()).rev().find_map(|len| {
            let (object, instance) = oid.split_at_checked(len)?;
            let name = self.by_oid.get(object)?;
            Some(if instance.is_empty() {
                name.clone()
            } else {
                format!("{name}.{}", dotted(instance))
            })
        })
    }
}

fn arcs(text: &str) -> Option<Vec<u32>> {
    // As many as an OID has (RFC 2578 section 3.5).
    const ARCS_MAX: usize = 128;
    let arcs = text.split('.').take(ARCS_MAX + 1).map(|arc| {
        let is_number = arc.bytes().all(|octet| octet.is_ascii_digit());
        arc.parse().ok().filter(|_| is_number)
    });
    arcs.collect::<Option<Vec<u32>>>()
        .filter(|arcs| arcs.len() <= ARCS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_oids() {
        let acme = MibModule {
            name: "ACME-MIB".to_owned(),
            tables: vec![("acmeTable".to_owned(), vec![1, 3, 6, 1, 4, 1, 99_999, 2])],
            ..MibModule::default()
        };
        let names = Names::new([&acme].into_iter());
        let table = vec![1, 3, 6, 1, 4, 1, 99_999, 2];
        for text in [
            "acmeTable",
            " ACME-MIB::acmeTable ",
            ".1.3.6.1.4.1.99999.2",
            "1.3.6.1.4.1.99999.2",
        ] {
            assert_eq!(names.find(text), Some(table.clone()), "{text}");
        }
        assert_eq!(
            names.find("sysName.0"),
            Some(vec![1, 3, 6, 1, 2, 1, 1, 5, 0])
        );
        for text in [
            "",
            "1",
            "1.",
            "1.x",
            "1.-2",
            "1.+2",
            "acme",
            "sysName.x",
            "1.4294967296",
        ] {
            assert_eq!(names.find(text), None, "{text}");
        }
        assert_eq!(names.find(&"1.".repeat(200)), None);
        assert_eq!(
            names.name_of(&[1, 3, 6, 1, 2, 1, 1, 5, 0]).as_deref(),
            Some("sysName.0")
        );
        assert_eq!(names.name_of(&table).as_deref(), Some("acmeTable"));
        assert_eq!(names.name_of(&[1, 3]), None);
    }
}
