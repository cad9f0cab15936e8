//! Templates of NetFlow v9 and IPFIX: what a record looks like, boiled down to what is read of it.

use super::element::{Draft, Element, element};
use super::octets::{Octets, number};
use std::hash::{DefaultHasher, Hasher as _};

/// Fields of a template. Real ones have 20 to 60.
const FIELDS_MAX: u16 = 256;
/// Length of a field that each record gives anew (RFC 7011, 7).
const VARIABLE: u16 = u16::MAX;
/// Ids of templates begin here; those below are of sets.
const ID_MIN: u16 = 256;

/// Which of the two protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Version {
    /// RFC 3954.
    V9,
    /// RFC 7011.
    Ipfix,
}

/// A template.
#[derive(Clone, Debug)]
pub(super) struct Template {
    steps: Box<[Step]>,
    /// Octets of a record at least; with fields of variable length they may be more.
    len_min: u16,
    is_variable: bool,
    /// Whether its records are options.
    pub(super) is_options: bool,
    /// Whether a record says anything that is of use here.
    pub(super) is_of_use: bool,
    /// Of all its fields, to tell a template that changed from one that was repeated.
    pub(super) digest: u64,
    /// When it was used last, by the exporter's own count.
    pub(super) used: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    element: Element,
    len: u16,
}

/// What a template record says.
pub(super) enum Said {
    /// A template.
    Template(u16, Template),
    /// This one holds no longer (RFC 7011, 8.1). 2 and 3 stand for all, of data and of options.
    Withdrawn(u16),
    /// One that cannot be.
    Bad,
}

impl Template {
    /// How much of the exporter's room it takes.
    pub(super) fn weight(&self) -> usize {
        self.steps.len()
    }

    /// Records of a set of so many octets, where each is as long as the other.
    pub(super) fn records_in(&self, octets: usize) -> usize {
        octets / usize::from(self.len_min.max(1))
    }

    /// Reads one record; none where the rest is padding, or too short.
    #[inline]
    pub(super) fn read(&self, rest: &mut Octets<'_>) -> Option<Draft> {
        if rest.len() < usize::from(self.len_min) {
            return None;
        }
        let mut draft = Draft::default();
        for step in &self.steps {
            let len = match step.len {
                VARIABLE => variable_len(rest)?,
                len => usize::from(len),
            };
            let octets = rest.take(len)?;
            draft.set(step.element, octets);
        }
        Some(draft)
    }
}

fn variable_len(rest: &mut Octets<'_>) -> Option<usize> {
    match rest.u8()? {
        255 => rest.u16().map(usize::from),
        len => Some(usize::from(len)),
    }
}

/// Reads one template record; none where its fields lead beyond the set, of which nothing more can
/// be read then.
pub(super) fn read(set: &mut Octets<'_>, version: Version, is_options: bool) -> Option<Said> {
    let id = set.u16()?;
    let (fields, scopes) = match (version, is_options) {
        (Version::Ipfix, true) => {
            let fields = set.u16()?;
            // A withdrawal ends here: it has no count of scopes.
            let scopes = if fields == 0 { 0 } else { set.u16()? };
            (fields, scopes)
        }
        (Version::Ipfix | Version::V9, false) => (set.u16()?, 0),
        (Version::V9, true) => {
            // RFC 3954, 6.1: lengths in octets, four to a field.
            let (scopes, options) = (set.u16()? / 4, set.u16()? / 4);
            (scopes.saturating_add(options), scopes)
        }
    };
    if fields == 0 && version == Version::Ipfix {
        return Some(Said::Withdrawn(id));
    }
    let mut maker = Maker::default();
    for place in 0..fields {
        let (mut field, len) = (set.u16()?, set.u16()?);
        let mut enterprise = 0;
        if version == Version::Ipfix && field & 0x8000 != 0 {
            enterprise = set.u32()?;
            field &= 0x7fff;
        }
        let element = if place < scopes {
            scope(version, enterprise, field)
        } else {
            element(enterprise, field)
        };
        maker.push(element, enterprise, field, len);
    }
    let is_sound = id >= ID_MIN && fields <= FIELDS_MAX && (maker.len_min > 0 || maker.is_variable);
    Some(match maker.finish(is_options) {
        Some(template) if is_sound => Said::Template(id, template),
        _ => Said::Bad,
    })
}

/// What a scope field is read as. Of all scopes only an interface and a selector matter.
fn scope(version: Version, enterprise: u32, field: u16) -> Element {
    const V9_INTERFACE: u16 = 2;
    const INGRESS_INTERFACE: u16 = 10;
    const EGRESS_INTERFACE: u16 = 14;
    match (version, field) {
        (Version::V9, V9_INTERFACE) | (Version::Ipfix, INGRESS_INTERFACE | EGRESS_INTERFACE) => {
            Element::ScopeInterface
        }
        (Version::Ipfix, _) if element(enterprise, field) == Element::Selector => Element::Selector,
        _ => Element::Skip,
    }
}

#[derive(Default)]
struct Maker {
    steps: Vec<Step>,
    len_min: u32,
    is_variable: bool,
    digest: DefaultHasher,
}

impl Maker {
    fn push(&mut self, element: Element, enterprise: u32, field: u16, len: u16) {
        self.digest.write_u32(enterprise);
        self.digest.write_u16(field);
        self.digest.write_u16(len);
        if len == VARIABLE {
            self.is_variable = true;
            self.len_min = self.len_min.saturating_add(1);
        } else {
            self.len_min = self.len_min.saturating_add(u32::from(len));
        }
        // Neighbours that are passed over are one step.
        if let Some(last) = self.steps.last_mut()
            && (last.element, element) == (Element::Skip, Element::Skip)
            && last.len != VARIABLE
            && len != VARIABLE
            && let Some(sum) = last.len.checked_add(len).filter(|sum| *sum != VARIABLE)
        {
            last.len = sum;
            return;
        }
        if self.steps.len() < usize::from(FIELDS_MAX) {
            self.steps.push(Step { element, len });
        }
    }

    fn finish(self, is_options: bool) -> Option<Template> {
        let elements = || self.steps.iter().map(|step| step.element);
        let is_of_use = if is_options {
            elements().any(Element::samples)
        } else {
            elements().any(Element::counts)
        };
        Some(Template {
            // A record longer than a datagram is none.
            len_min: u16::try_from(self.len_min).ok()?,
            is_variable: self.is_variable,
            is_options,
            is_of_use,
            digest: self.digest.finish(),
            used: 0,
            steps: self.steps.into_boxed_slice(),
        })
    }
}

impl Template {
    /// Whether the records of a set can be counted without reading them.
    pub(super) fn is_fixed(&self) -> bool {
        !self.is_variable
    }
}

/// Whether what is left of a set is padding: fewer octets than a record, all zero (RFC 7011, 3.3.1).
pub(super) fn is_padding(rest: &Octets<'_>) -> bool {
    rest.len() < 8 && number(rest.0) == 0
}
