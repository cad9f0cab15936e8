//! A [`Mib`] of the tests' own: what is put in, in order.

use foretell_sim::{Mib, Value};
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

pub(crate) struct Shelf(pub(crate) BTreeMap<Vec<u32>, Value<'static>>);

impl Mib for Shelf {
    fn get(&self, oid: &[u32]) -> Option<Value<'_>> {
        self.0.get(oid).cloned()
    }

    fn walk(&self, oid: &[u32], visit: &mut dyn FnMut(&[u32], Value<'_>) -> ControlFlow<()>) {
        let after = (Bound::Excluded(oid), Bound::Unbounded);
        for (oid, value) in self.0.range::<[u32], _>(after) {
            if visit(oid, value.clone()).is_break() {
                return;
            }
        }
    }
}

pub(crate) fn text(text: &str) -> Value<'static> {
    Value::OctetString(text.as_bytes().to_vec().into())
}

/// A system group, and some columns of IF-MIB for so many ports.
pub(crate) fn switch(ports: u32) -> Shelf {
    let system = [1, 3, 6, 1, 2, 1, 1];
    let scalar = |number| [&system[..], &[number, 0]].concat();
    let mut objects = BTreeMap::from([
        (scalar(1), text("A switch of the tests")),
        (
            scalar(2),
            Value::ObjectIdentifier(vec![1, 3, 6, 1, 4, 1, 32_473, 1].into()),
        ),
        (scalar(3), Value::TimeTicks(4_294_967_295)),
        (scalar(5), text("switch")),
        (scalar(7), Value::Integer(72)),
    ]);
    let interface = [1, 3, 6, 1, 2, 1, 2, 2, 1];
    let extension = [1, 3, 6, 1, 2, 1, 31, 1, 1, 1];
    for port in 1..=ports {
        let column = |number| [&interface[..], &[number, port]].concat();
        objects.insert(column(1), Value::Integer(port.cast_signed()));
        objects.insert(column(2), text(&format!("GigabitEthernet0/{port}")));
        objects.insert(column(5), Value::Gauge32(u32::MAX));
        objects.insert(column(10), Value::Counter32(port * 1000));
        let column = |number| [&extension[..], &[number, port]].concat();
        objects.insert(column(1), text(&format!("Gi0/{port}")));
        objects.insert(column(6), Value::Counter64(u64::from(port) << 40));
        objects.insert(column(10), Value::Counter64(u64::MAX - u64::from(port)));
    }
    Shelf(objects)
}
