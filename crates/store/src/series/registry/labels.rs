//! Label sets, each kept once: the ten series of a port share one, and all devices share
//! `vantage="local"`. Numbers stand for them, in memory only.
//!
//! What is made here stays until the index is made anew (see `Index::compacted`), also where no
//! series has it any more; names of interfaces that nothing is called by any more, which would come
//! without end, are forgotten before (see `Index::forget_names`).

use super::postings::Posting;
use hashbrown::HashTable;
use model::{InterfaceId, Labels};
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;

/// What a label with a value takes beside its text, in octets: its row and its places in the tables.
pub(super) const PAIR_OCTETS: usize = 48;

/// A label with a value, as `vantage="local"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Pair(NonZeroU32);

impl Pair {
    fn at(place: usize) -> Self {
        let number = u32::try_from(place + 1).ok().and_then(NonZeroU32::new);
        Self(number.expect("the names of four thousand million labels do not fit the memory"))
    }

    pub(super) fn place(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// A label set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Set(u32);

impl Set {
    fn at(place: usize) -> Self {
        let number = u32::try_from(place).ok();
        Self(number.expect("four thousand million label sets do not fit the memory"))
    }

    pub(super) fn place(self) -> usize {
        self.0 as usize
    }
}

/// All label sets.
#[derive(Default)]
pub(super) struct LabelSets {
    hasher: RandomState,
    names: Vec<Name>,
    name_of: HashMap<Box<str>, u32>,
    /// The values, one behind the other.
    text: String,
    pairs: Vec<PairRow>,
    pair_of: HashTable<u32>,
    /// The pairs of the sets, one set behind the other.
    members: Vec<Pair>,
    sets: Vec<SetRow>,
    set_of: HashTable<u32>,
}

struct Name {
    text: Box<str>,
    pairs: Vec<Pair>,
}

struct PairRow {
    name: u32,
    /// Where its value ends in the text; it begins where that of the pair before ends.
    end: usize,
    sets: Posting,
}

struct SetRow {
    /// Where its pairs end among the members.
    end: usize,
    /// Numbers of the devices that have series with it.
    devices: Posting,
}

/// Whether a label is for people only, and takes no part in the key.
fn is_for_people(name: &str, labels: &Labels) -> bool {
    name == Labels::INTERFACE && labels.0.contains_key(Labels::INTERFACE_ID)
}

/// The labels that take part in the key, by name.
fn in_key(labels: &Labels) -> impl Iterator<Item = (&str, &str)> {
    labels
        .0
        .iter()
        .filter(|(name, _)| !is_for_people(name, labels))
        .map(|(name, value)| (name.as_str(), value.as_str()))
}

/// The name of the interface, where it is for people only.
pub(super) fn for_people(labels: &Labels) -> Option<&str> {
    let name = labels.get(Labels::INTERFACE)?;
    is_for_people(Labels::INTERFACE, labels).then_some(name)
}

/// The labels that take part in the key, as JSON: what the table keeps.
pub(super) fn key_text(labels: &Labels) -> String {
    let key: BTreeMap<&str, &str> = in_key(labels).collect();
    serde_json::to_string(&key).expect("a map of strings is JSON")
}

impl LabelSets {
    /// The set of the labels that take part in the key, where there is one. `pairs` is scratch.
    pub(super) fn find(&self, labels: &Labels, pairs: &mut Vec<Pair>) -> Option<Set> {
        pairs.clear();
        for (name, value) in in_key(labels) {
            pairs.push(self.pair(name, value)?);
        }
        self.set(pairs)
    }

    /// The set of exactly these labels, made where it is new.
    pub(super) fn intern(&mut self, labels: &Labels) -> Set {
        let pairs: Vec<Pair> = labels
            .0
            .iter()
            .map(|(name, value)| self.intern_pair(name, value))
            .collect();
        self.intern_set(&pairs)
    }

    /// A set of another of these, made where it is new here.
    pub(super) fn intern_from(&mut self, other: &Self, set: Set) -> Set {
        let members = other.members(set);
        let pairs: Vec<Pair> = members
            .iter()
            .map(|pair| {
                let (name, value) = other.text(*pair);
                self.intern_pair(name, value)
            })
            .collect();
        self.intern_set(&pairs)
    }

    /// These sets under the same numbers, with the labels that are in them and those that are `used`,
    /// by their places; and the numbers of labels there by their places here.
    pub(super) fn without_unused(&self, used: &[bool]) -> (Self, Vec<Option<Pair>>) {
        let mut fresh = Self::default();
        let mut moved: Vec<Option<Pair>> = vec![None; self.pairs.len()];
        let mut members = Vec::new();
        for (set, row) in self.all_sets().zip(&self.sets) {
            members.clear();
            for pair in self.members(set) {
                members.extend(self.carry(*pair, &mut fresh, &mut moved));
            }
            let carried = fresh.intern_set(&members);
            debug_assert_eq!(carried, set, "each set is there once");
            if let Some(carried) = fresh.sets.get_mut(carried.place()) {
                carried.devices = row.devices.clone();
            }
        }
        for (place, _) in used.iter().enumerate().filter(|(_, used)| **used) {
            self.carry(Pair::at(place), &mut fresh, &mut moved);
        }
        (fresh, moved)
    }

    /// A label in another of these, made there where it is new.
    fn carry(&self, pair: Pair, fresh: &mut Self, moved: &mut [Option<Pair>]) -> Option<Pair> {
        let moved = moved.get_mut(pair.place())?;
        if moved.is_none() {
            let (name, value) = self.text(pair);
            *moved = Some(fresh.intern_pair(name, value));
        }
        *moved
    }

    /// About how many octets the labels take, without what is known of their sets.
    pub(super) fn octets(&self) -> usize {
        self.text.len() + self.pairs.len() * PAIR_OCTETS
    }

    fn intern_set(&mut self, pairs: &[Pair]) -> Set {
        if let Some(set) = self.set(pairs) {
            return set;
        }
        let set = Set::at(self.sets.len());
        self.members.extend(pairs);
        self.sets.push(SetRow {
            end: self.members.len(),
            devices: Posting::default(),
        });
        for pair in pairs {
            if let Some(row) = self.pairs.get_mut(pair.place()) {
                row.sets.insert(set.0);
            }
        }
        let mut table = std::mem::take(&mut self.set_of);
        table.insert_unique(self.hasher.hash_one(pairs), set.0, |set| {
            self.hasher.hash_one(self.members(Set(*set)))
        });
        self.set_of = table;
        set
    }

    /// A label with a value, made where it is new.
    pub(super) fn intern_pair(&mut self, name: &str, value: &str) -> Pair {
        let name = self.intern_name(name);
        if let Some(pair) = self.pair_numbered(name, value) {
            return pair;
        }
        let pair = Pair::at(self.pairs.len());
        self.text.push_str(value);
        self.pairs.push(PairRow {
            name,
            end: self.text.len(),
            sets: Posting::default(),
        });
        if let Some(name) = self.names.get_mut(name as usize) {
            name.pairs.push(pair);
        }
        let hash = self.hasher.hash_one((name, value));
        let mut table = std::mem::take(&mut self.pair_of);
        table.insert_unique(hash, pair.0.get(), |number| self.hash_of_pair(*number));
        self.pair_of = table;
        pair
    }

    fn intern_name(&mut self, name: &str) -> u32 {
        if let Some(number) = self.name_of.get(name) {
            return *number;
        }
        // There are no more names than pairs, which are counted above.
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(Name {
            text: name.into(),
            pairs: Vec::new(),
        });
        self.name_of.insert(name.into(), number);
        number
    }

    fn hash_of_pair(&self, number: u32) -> u64 {
        let row = NonZeroU32::new(number).map(Pair);
        let name = row.and_then(|pair| self.pairs.get(pair.place()));
        let value = row.map_or("", |pair| self.value(pair));
        self.hasher
            .hash_one((name.map_or(u32::MAX, |row| row.name), value))
    }

    /// A label with a value, where there is one.
    pub(super) fn pair(&self, name: &str, value: &str) -> Option<Pair> {
        self.pair_numbered(*self.name_of.get(name)?, value)
    }

    fn pair_numbered(&self, name: u32, value: &str) -> Option<Pair> {
        let hash = self.hasher.hash_one((name, value));
        let is_it = |number: &u32| {
            NonZeroU32::new(*number).map(Pair).is_some_and(|pair| {
                let row = self.pairs.get(pair.place());
                row.is_some_and(|row| row.name == name) && self.value(pair) == value
            })
        };
        let number = self.pair_of.find(hash, is_it)?;
        NonZeroU32::new(*number).map(Pair)
    }

    fn set(&self, pairs: &[Pair]) -> Option<Set> {
        let hash = self.hasher.hash_one(pairs);
        let is_it = |set: &u32| self.members(Set(*set)) == pairs;
        self.set_of.find(hash, is_it).copied().map(Set)
    }

    /// The pairs of a set, by name.
    pub(super) fn members(&self, set: Set) -> &[Pair] {
        let end = |place: usize| self.sets.get(place).map_or(0, |row| row.end);
        let begin = set.place().checked_sub(1).map_or(0, end);
        self.members.get(begin..end(set.place())).unwrap_or(&[])
    }

    /// The name and the value of a label.
    pub(super) fn text(&self, pair: Pair) -> (&str, &str) {
        let row = self.pairs.get(pair.place());
        let name = row.and_then(|row| self.names.get(row.name as usize));
        (name.map_or("", |name| &*name.text), self.value(pair))
    }

    /// The value of a label.
    pub(super) fn value(&self, pair: Pair) -> &str {
        let end = |place: usize| self.pairs.get(place).map_or(0, |row| row.end);
        let begin = pair.place().checked_sub(1).map_or(0, end);
        self.text.get(begin..end(pair.place())).unwrap_or("")
    }

    /// The names and values of a set, by name.
    fn texts(&self, set: Set) -> impl Iterator<Item = (&str, &str)> {
        self.members(set).iter().map(|pair| self.text(*pair))
    }

    /// The labels of a set.
    pub(super) fn labels(&self, set: Set) -> Labels {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Labels(self.texts(set).map(owned).collect())
    }

    /// The value of a label of a set.
    pub(super) fn get(&self, set: Set, name: &str) -> Option<&str> {
        let label = self.texts(set).find(|(label, _)| *label == name);
        label.map(|(_, value)| value)
    }

    /// The interface that a set is of.
    pub(super) fn interface_id(&self, set: Set) -> Option<InterfaceId> {
        self.get(set, Labels::INTERFACE_ID)?.parse().ok()
    }

    /// Sets in the order of their labels.
    pub(super) fn order(&self, a: Set, b: Set) -> Ordering {
        if a == b {
            return Ordering::Equal;
        }
        self.texts(a).cmp(self.texts(b))
    }

    /// Whether a text is what [`key_text`] makes of a set. `scratch` is overwritten.
    pub(super) fn is_written(&self, set: Set, text: &str, scratch: &mut String) -> bool {
        scratch.clear();
        scratch.push('{');
        for (n, pair) in self.members(set).iter().enumerate() {
            let (name, value) = self.text(*pair);
            // It is escaped where it is written, and read as JSON then.
            let escaped = |octet: u8| octet < b' ' || octet == b'"' || octet == b'\\';
            if name.bytes().chain(value.bytes()).any(escaped) {
                return false;
            }
            scratch.push_str(if n == 0 { "\"" } else { ",\"" });
            scratch.push_str(name);
            scratch.push_str("\":\"");
            scratch.push_str(value);
            scratch.push('"');
        }
        scratch.push('}');
        scratch.as_str() == text
    }

    /// How many sets there are.
    pub(super) fn set_count(&self) -> usize {
        self.sets.len()
    }

    /// How many labels with a value there are.
    pub(super) fn pair_count(&self) -> usize {
        self.pairs.len()
    }

    /// Every set.
    pub(super) fn all_sets(&self) -> impl Iterator<Item = Set> {
        (0..self.sets.len()).map(Set::at)
    }

    /// The names of labels, each with its pairs.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, &[Pair])> {
        self.names.iter().map(|name| (&*name.text, &*name.pairs))
    }

    /// The pairs of a name.
    pub(super) fn pairs_named(&self, name: &str) -> &[Pair] {
        let number = self.name_of.get(name);
        let name = number.and_then(|number| self.names.get(*number as usize));
        name.map_or(&[][..], |name| name.pairs.as_slice())
    }

    /// The sets that have a label with a value.
    pub(super) fn sets_with(&self, pair: Pair) -> impl Iterator<Item = Set> {
        let row = self.pairs.get(pair.place());
        row.into_iter().flat_map(|row| row.sets.iter()).map(Set)
    }

    /// The numbers of the devices that have series with a set.
    pub(super) fn devices_with(&self, set: Set) -> impl Iterator<Item = u32> {
        let row = self.sets.get(set.place());
        row.into_iter().flat_map(|row| row.devices.iter())
    }

    /// A device has a series with this set.
    pub(super) fn add_device(&mut self, set: Set, device: u32) {
        if let Some(row) = self.sets.get_mut(set.place()) {
            row.devices.insert(device);
        }
    }

    /// A device has no series with this set any more.
    pub(super) fn remove_device(&mut self, set: Set, device: u32) {
        if let Some(row) = self.sets.get_mut(set.place()) {
            row.devices.remove(device);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels() -> impl Strategy<Value = Labels> {
        prop::collection::btree_map("[a-c]{0,2}", "[a-b\"\\\\:,\u{1}é]{0,6}", 0..4).prop_map(Labels)
    }

    proptest! {
        #[test]
        fn sets_are_kept_once_and_read_back(all in prop::collection::vec(labels(), 1..40)) {
            let (mut sets, mut pairs) = (LabelSets::default(), Vec::new());
            let numbers: Vec<Set> = all.iter().map(|labels| sets.intern(labels)).collect();
            let mut scratch = String::new();
            for (a, number) in all.iter().zip(&numbers) {
                prop_assert_eq!(&sets.labels(*number), a);
                prop_assert_eq!(sets.find(a, &mut pairs), Some(*number));
                for (b, other) in all.iter().zip(&numbers) {
                    prop_assert_eq!(a == b, number == other);
                    prop_assert_eq!(a.cmp(b), sets.order(*number, *other));
                    let same = sets.is_written(*number, &key_text(b), &mut scratch);
                    // Never of another set; of its own save where something is escaped.
                    prop_assert!(!same || a == b);
                    let plain = !key_text(b).contains('\\');
                    prop_assert!(same || a != b || !plain);
                }
            }
        }
    }

    #[test]
    fn the_name_of_an_interface_is_for_people_only_beside_its_id() {
        let named = Labels::default().with(Labels::INTERFACE, "eth0");
        assert_eq!(for_people(&named), None);
        assert_eq!(key_text(&named), r#"{"interface":"eth0"}"#);
        let with_id = named.with(Labels::INTERFACE_ID, "1");
        assert_eq!(for_people(&with_id), Some("eth0"));
        assert_eq!(key_text(&with_id), r#"{"interface_id":"1"}"#);
    }
}
