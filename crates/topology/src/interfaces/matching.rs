//! Which row is which known interface: by the keys in their order, each only where it is unique.

use crate::usable;
use model::facts::InterfaceFacts;
use model::interface::Interface;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The keys in order of strength.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Name,
    Description,
    Mac,
    Alias,
}

impl Key {
    const ORDER: [Self; 4] = [Self::Name, Self::Description, Self::Mac, Self::Alias];

    pub(super) fn of_row(self, row: &InterfaceFacts) -> Option<String> {
        match self {
            Self::Name => row
                .name
                .as_deref()
                .or(row.description.as_deref())
                .and_then(text),
            Self::Description => row.description.as_deref().and_then(text),
            Self::Mac => row.mac.as_deref().and_then(usable::interface_mac),
            Self::Alias => row.alias.as_deref().and_then(text),
        }
    }

    fn of_known(self, known: &Interface) -> Option<String> {
        match self {
            Self::Name => text(&known.name),
            Self::Description => known.description.as_deref().and_then(text),
            Self::Mac => known.mac.as_deref().and_then(usable::interface_mac),
            Self::Alias => known.alias.as_deref().and_then(text),
        }
    }
}

/// Whether a row has nothing to tell it by but its ifIndex.
pub(super) fn nameless(row: &InterfaceFacts) -> bool {
    Key::ORDER.into_iter().all(|key| key.of_row(row).is_none())
}

fn text(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The pairing of rows with known interfaces, as far as it has come.
pub(super) struct Matching<'a> {
    known: &'a [Interface],
    rows: &'a BTreeMap<u32, &'a InterfaceFacts>,
    /// Row (by ifIndex) to known interface (by position).
    matched: HashMap<u32, usize>,
    taken: BTreeSet<usize>,
}

impl<'a> Matching<'a> {
    pub(super) fn new(known: &'a [Interface], rows: &'a BTreeMap<u32, &'a InterfaceFacts>) -> Self {
        Self {
            known,
            rows,
            matched: HashMap::with_capacity(rows.len()),
            taken: BTreeSet::new(),
        }
    }

    /// Interfaces that are present go before those that are only remembered.
    pub(super) fn run(mut self, reports: &mut Vec<String>) -> HashMap<u32, usize> {
        for present in [true, false] {
            self.by_unique_key(Key::Name, present);
        }
        self.shared_names(reports);
        for key in Key::ORDER.into_iter().skip(1) {
            for present in [true, false] {
                self.by_unique_key(key, present);
            }
        }
        self.nameless_by_index();
        self.matched
    }

    /// Pairs what one row and one known interface say and nobody else does: `present` says among
    /// which of the known ones.
    fn by_unique_key(&mut self, key: Key, present: bool) {
        let rows = counted(
            self.rows
                .iter()
                .map(|(index, row)| (key.of_row(row), *index)),
        );
        let known = counted(
            self.known
                .iter()
                .enumerate()
                .filter(|(_, known)| known.present == present)
                .map(|(position, known)| (key.of_known(known), position)),
        );
        for (value, indexes) in &rows {
            let ([index], Some([position])) =
                (indexes.as_slice(), known.get(value).map(Vec::as_slice))
            else {
                continue;
            };
            self.pair(*index, *position);
        }
    }

    fn nameless_by_index(&mut self) {
        let present: HashMap<u32, usize> = self
            .known
            .iter()
            .enumerate()
            .filter(|(_, known)| known.present)
            .map(|(position, known)| (known.index, position))
            .collect();
        for (index, row) in self.rows {
            if let (true, Some(position)) = (nameless(row), present.get(index)) {
                self.pair(*index, *position);
            }
        }
    }

    fn pair(&mut self, index: u32, position: usize) {
        if !self.matched.contains_key(&index) && self.taken.insert(position) {
            self.matched.insert(index, position);
        }
    }

    /// Rows that share a name: told apart by the later keys within the name, then by ifIndex.
    fn shared_names(&mut self, reports: &mut Vec<String>) {
        let rows = counted(
            self.rows
                .iter()
                .map(|(index, row)| (Key::Name.of_row(row), *index)),
        );
        let mut known: HashMap<String, Vec<usize>> = HashMap::new();
        for (position, interface) in self.known.iter().enumerate() {
            if let Some(name) = Key::Name.of_known(interface) {
                known.entry(name).or_default().push(position);
            }
        }
        let mut names: Vec<_> = rows.iter().collect();
        names.sort();
        for (name, indexes) in names {
            let positions = known.get(name).cloned().unwrap_or_default();
            if indexes.len() > 1 {
                let listed: Vec<String> = indexes.iter().map(u32::to_string).collect();
                reports.push(format!(
                    "{} interfaces are named `{name}` (ifIndex {}): told apart by ifIndex",
                    indexes.len(),
                    listed.join(", ")
                ));
            }
            if indexes.len() < 2 && positions.len() < 2 {
                continue;
            }
            for key in [Key::Mac, Key::Alias] {
                self.within(key, indexes, &positions);
            }
            self.same_index(indexes, &positions);
            self.same_order(indexes, &positions);
        }
    }

    fn within(&mut self, key: Key, indexes: &[u32], positions: &[usize]) {
        let rows = counted(
            indexes
                .iter()
                .filter_map(|index| Some((key.of_row(self.rows.get(index)?), *index))),
        );
        let known =
            counted(positions.iter().filter_map(|position| {
                Some((key.of_known(self.known.get(*position)?), *position))
            }));
        for (value, indexes) in &rows {
            if let ([index], Some([position])) =
                (indexes.as_slice(), known.get(value).map(Vec::as_slice))
            {
                self.pair(*index, *position);
            }
        }
    }

    fn same_index(&mut self, indexes: &[u32], positions: &[usize]) {
        for index in indexes {
            let found = positions.iter().find(|position| {
                !self.taken.contains(position)
                    && self
                        .known
                        .get(**position)
                        .is_some_and(|known| known.index == *index)
            });
            if let Some(position) = found {
                self.pair(*index, *position);
            }
        }
    }

    /// Renumbered as a whole: as many rows as interfaces are left, so their order tells them.
    fn same_order(&mut self, indexes: &[u32], positions: &[usize]) {
        let rows: Vec<u32> = indexes
            .iter()
            .copied()
            .filter(|index| !self.matched.contains_key(index))
            .collect();
        let mut left: Vec<usize> = positions
            .iter()
            .copied()
            .filter(|position| !self.taken.contains(position))
            .collect();
        if rows.len() != left.len() {
            return;
        }
        left.sort_by_key(|position| self.known.get(*position).map(|known| known.index));
        for (index, position) in rows.into_iter().zip(left) {
            self.pair(index, position);
        }
    }
}

/// Everything that has each value.
fn counted<T>(pairs: impl Iterator<Item = (Option<String>, T)>) -> HashMap<String, Vec<T>> {
    let mut map: HashMap<String, Vec<T>> = HashMap::new();
    for (value, item) in pairs {
        if let Some(value) = value {
            map.entry(value).or_default().push(item);
        }
    }
    map
}
