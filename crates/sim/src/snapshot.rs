//! A [`Mib`] that does not change: object instances as they were once, in few allocations.

use crate::mib::{Mib, Value};
use std::borrow::Cow;
use std::ops::{ControlFlow, Range};

/// Object instances as they were once.
// Invariant: `rows` ascends by name, without two of one name; every span lies within its pool.
#[derive(Default)]
pub struct Snapshot {
    rows: Vec<Row>,
    arcs: Vec<u32>,
    octets: Vec<u8>,
}

/// What is being made into a [`Snapshot`], in any order.
#[derive(Default)]
pub struct SnapshotBuilder(Snapshot);

/// An instance: what it is called, and what it holds.
#[derive(Clone, Copy)]
struct Row {
    name: Span,
    value: Packed,
}

/// Part of a pool.
#[derive(Clone, Copy)]
struct Span {
    start: u32,
    length: u32,
}

#[derive(Clone, Copy)]
enum Packed {
    Integer(i32),
    OctetString(Span),
    ObjectIdentifier(Span),
    IpAddress([u8; 4]),
    Counter32(u32),
    Gauge32(u32),
    TimeTicks(u32),
    Opaque(Span),
    Counter64(u64),
    Null,
}

/// More than a snapshot holds: 2^32 arcs or octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a snapshot holds 2^32 octets and arcs at most")]
pub struct SnapshotFull;

impl SnapshotBuilder {
    /// Takes an instance in.
    pub fn push(&mut self, name: &[u32], value: &Value<'_>) -> Result<(), SnapshotFull> {
        let Self(Snapshot { rows, arcs, octets }) = self;
        let value = match value {
            Value::Integer(value) => Packed::Integer(*value),
            Value::OctetString(text) => Packed::OctetString(keep(octets, text)?),
            Value::ObjectIdentifier(oid) => Packed::ObjectIdentifier(keep(arcs, oid)?),
            Value::IpAddress(address) => Packed::IpAddress(*address),
            Value::Counter32(value) => Packed::Counter32(*value),
            Value::Gauge32(value) => Packed::Gauge32(*value),
            Value::TimeTicks(value) => Packed::TimeTicks(*value),
            Value::Opaque(text) => Packed::Opaque(keep(octets, text)?),
            Value::Counter64(value) => Packed::Counter64(*value),
            Value::Null => Packed::Null,
        };
        let name = keep(arcs, name)?;
        rows.push(Row { name, value });
        Ok(())
    }

    /// The snapshot, and how many instances were left out because a later one has the same name.
    pub fn finish(self) -> (Snapshot, usize) {
        let Self(mut snapshot) = self;
        let given = snapshot.rows.len();
        let arcs = &snapshot.arcs;
        // Stable, and the last of a name is kept: so the order is turned before and after.
        snapshot.rows.reverse();
        snapshot
            .rows
            .sort_by(|one, other| part(arcs, one.name).cmp(part(arcs, other.name)));
        snapshot
            .rows
            .dedup_by(|one, other| part(arcs, one.name) == part(arcs, other.name));
        snapshot.rows.shrink_to_fit();
        snapshot.arcs.shrink_to_fit();
        snapshot.octets.shrink_to_fit();
        let twice = given - snapshot.rows.len();
        (snapshot, twice)
    }
}

impl Snapshot {
    /// How many instances there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Octets of memory that it takes.
    pub fn octets(&self) -> usize {
        size_of_val(self)
            + self.rows.capacity() * size_of::<Row>()
            + self.arcs.capacity() * size_of::<u32>()
            + self.octets.capacity()
    }

    fn name(&self, row: &Row) -> &[u32] {
        part(&self.arcs, row.name)
    }

    fn value(&self, row: &Row) -> Value<'_> {
        match row.value {
            Packed::Integer(value) => Value::Integer(value),
            Packed::OctetString(span) => {
                Value::OctetString(Cow::Borrowed(part(&self.octets, span)))
            }
            Packed::ObjectIdentifier(span) => {
                Value::ObjectIdentifier(Cow::Borrowed(part(&self.arcs, span)))
            }
            Packed::IpAddress(address) => Value::IpAddress(address),
            Packed::Counter32(value) => Value::Counter32(value),
            Packed::Gauge32(value) => Value::Gauge32(value),
            Packed::TimeTicks(value) => Value::TimeTicks(value),
            Packed::Opaque(span) => Value::Opaque(Cow::Borrowed(part(&self.octets, span))),
            Packed::Counter64(value) => Value::Counter64(value),
            Packed::Null => Value::Null,
        }
    }
}

impl Mib for Snapshot {
    fn get(&self, oid: &[u32]) -> Option<Value<'_>> {
        let found = self.rows.binary_search_by(|row| self.name(row).cmp(oid));
        let row = self.rows.get(found.ok()?)?;
        Some(self.value(row))
    }

    fn walk(&self, oid: &[u32], visit: &mut dyn FnMut(&[u32], Value<'_>) -> ControlFlow<()>) {
        let first = self.rows.partition_point(|row| self.name(row) <= oid);
        for row in self.rows.iter().skip(first) {
            if visit(self.name(row), self.value(row)).is_break() {
                return;
            }
        }
    }
}

fn keep<T: Copy>(pool: &mut Vec<T>, items: &[T]) -> Result<Span, SnapshotFull> {
    let span = Span {
        start: u32::try_from(pool.len()).map_err(|_| SnapshotFull)?,
        length: u32::try_from(items.len()).map_err(|_| SnapshotFull)?,
    };
    pool.extend_from_slice(items);
    Ok(span)
}

fn part<T>(pool: &[T], span: Span) -> &[T] {
    let range: Range<usize> = span.start as usize..span.start as usize + span.length as usize;
    pool.get(range).unwrap_or(&[])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> (Snapshot, usize) {
        let mut builder = SnapshotBuilder::default();
        for (name, value) in [
            (&[1, 3, 10][..], Value::Integer(-1)),
            (&[1, 3, 9, 1], Value::OctetString(b"early"[..].into())),
            (&[1, 3, 9], Value::ObjectIdentifier([1, 3][..].into())),
            (&[1, 3, 9, 1], Value::OctetString(b"late"[..].into())),
        ] {
            builder.push(name, &value).unwrap();
        }
        builder.finish()
    }

    #[test]
    fn instances_are_in_order_and_the_last_of_a_name_counts() {
        let (snapshot, twice) = snapshot();
        assert_eq!((snapshot.len(), twice), (3, 1));
        let mut seen = Vec::new();
        snapshot.walk(&[], &mut |name, _| {
            seen.push(name.to_vec());
            ControlFlow::Continue(())
        });
        assert_eq!(seen, [&[1, 3, 9][..], &[1, 3, 9, 1], &[1, 3, 10]]);
        let late = Value::OctetString(b"late"[..].into());
        assert_eq!(snapshot.get(&[1, 3, 9, 1]), Some(late));
        assert_eq!(snapshot.get(&[1, 3]), None);
    }

    #[test]
    fn a_walk_begins_after_what_is_named() {
        let (snapshot, _) = snapshot();
        let after = |oid: &[u32]| {
            let mut found = None;
            snapshot.walk(oid, &mut |name, _| {
                found = Some(name.to_vec());
                ControlFlow::Break(())
            });
            found
        };
        assert_eq!(after(&[1, 3, 9]), Some(vec![1, 3, 9, 1]));
        assert_eq!(after(&[1, 3, 9, 0]), Some(vec![1, 3, 9, 1]));
        assert_eq!(after(&[1, 3, 9, 2]), Some(vec![1, 3, 10]));
        assert_eq!(after(&[1, 3, 10]), None);
    }
}
