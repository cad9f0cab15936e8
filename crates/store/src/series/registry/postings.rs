//! Which numbers go with something: mostly one, sometimes thousands.

/// Numbers, ascending, each once. One number takes no memory of its own: a label value is mostly of
/// one interface, and a label set mostly of one device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Posting {
    #[default]
    None,
    One(u32),
    // Invariant: ascends strictly.
    Many(Vec<u32>),
}

impl Posting {
    /// Adds a number; nothing happens where it is there.
    pub(super) fn insert(&mut self, number: u32) {
        match self {
            Self::None => *self = Self::One(number),
            Self::One(one) if *one == number => {}
            Self::One(one) => *self = Self::Many(vec![number.min(*one), number.max(*one)]),
            Self::Many(many) => {
                // Most are met in their order, so the end is looked at first.
                if many.last().is_some_and(|last| *last < number) {
                    many.push(number);
                } else if let Err(place) = many.binary_search(&number) {
                    many.insert(place, number);
                }
            }
        }
    }

    /// Takes a number out; nothing happens where it is not there.
    pub(super) fn remove(&mut self, number: u32) {
        match self {
            Self::One(one) if *one == number => *self = Self::None,
            Self::None | Self::One(_) => {}
            Self::Many(many) => {
                if let Ok(place) = many.binary_search(&number) {
                    many.remove(place);
                }
            }
        }
    }

    /// The numbers, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        let numbers: &[u32] = match self {
            Self::None => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        };
        numbers.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn it_takes_no_more_than_a_vector() {
        assert_eq!(size_of::<Posting>(), size_of::<Vec<u32>>());
    }

    proptest! {
        #[test]
        fn it_holds_what_a_set_holds(steps in prop::collection::vec((any::<bool>(), 0u32..12), 0..60)) {
            let (mut posting, mut model) = (Posting::default(), BTreeSet::new());
            for (insert, number) in steps {
                if insert {
                    posting.insert(number);
                    model.insert(number);
                } else {
                    posting.remove(number);
                    model.remove(&number);
                }
                prop_assert!(posting.iter().eq(model.iter().copied()));
            }
        }
    }
}
