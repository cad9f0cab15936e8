//! Which interface a notification is about, as far as its objects tell. Which of the device's
//! interfaces that is, is decided where they are known.

use snmp::{Oid, Value};

/// ifTable's and ifXTable's entries, whose columns are indexed by ifIndex. Source: IF-MIB (RFC 2863).
const IF_ENTRY: &[u32] = &[1, 3, 6, 1, 2, 1, 2, 2, 1];
const IF_X_ENTRY: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1];
const IF_INDEX_COLUMN: u32 = 1;
const IF_DESCR_COLUMN: u32 = 2;
const IF_NAME_COLUMN: u32 = 1;
/// Longest name that is taken: DisplayString is SIZE (0..255).
const NAME_LEN_MAX: usize = 255;

/// What the objects of a notification say of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Port {
    /// ifIndex.
    pub index: Option<u32>,
    /// ifName.
    pub name: Option<String>,
    /// ifDescr.
    pub description: Option<String>,
}

/// The interface that objects are about; none where they name none. Of several the first counts.
pub fn of(objects: &[(Oid, Value)]) -> Option<Port> {
    let mut port = Port::default();
    for (oid, value) in objects {
        let arcs = oid.arcs();
        let (column, index, is_extension) = if let Some(rest) = arcs.strip_prefix(IF_ENTRY) {
            let Some((column, index)) = cell(rest) else {
                continue;
            };
            (column, index, false)
        } else if let Some(rest) = arcs.strip_prefix(IF_X_ENTRY) {
            let Some((column, index)) = cell(rest) else {
                continue;
            };
            (column, index, true)
        } else {
            continue;
        };
        // ifIndex says itself what it is; some agents name its instance 0.
        let said = (!is_extension && column == IF_INDEX_COLUMN)
            .then(|| value.as_u64().and_then(|index| u32::try_from(index).ok()))
            .flatten();
        port.index = port.index.or(said.or(index).filter(|&index| index > 0));
        match (is_extension, column) {
            (false, IF_DESCR_COLUMN) => port.description = port.description.or(text(value)),
            (true, IF_NAME_COLUMN) => port.name = port.name.or(text(value)),
            _ => {}
        }
    }
    (port != Port::default()).then_some(port)
}

/// Column and index of a cell; the index may be left away.
fn cell(rest: &[u32]) -> Option<(u32, Option<u32>)> {
    match rest {
        [column] => Some((*column, None)),
        [column, index] => Some((*column, Some(*index))),
        _ => None,
    }
}

fn text(value: &Value) -> Option<String> {
    let octets = value.as_octets()?;
    let text = std::str::from_utf8(octets).ok()?.trim_matches(['\0', ' ']);
    (!text.is_empty() && text.len() <= NAME_LEN_MAX).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(oid: &[u32], value: Value) -> (Oid, Value) {
        (Oid::from_slice(oid), value)
    }

    #[test]
    fn what_link_down_carries() {
        let index = object(&[1, 3, 6, 1, 2, 1, 2, 2, 1, 1, 17], Value::Integer(17));
        let status = object(&[1, 3, 6, 1, 2, 1, 2, 2, 1, 8, 17], Value::Integer(2));
        let descr = object(
            &[1, 3, 6, 1, 2, 1, 2, 2, 1, 2, 17],
            Value::Octets("GigabitEthernet0/17".into()),
        );
        let name = object(
            &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1, 17],
            Value::Octets("Gi0/17\0".into()),
        );
        let check = |objects: &[&(Oid, Value)], index, name: Option<&str>, descr: Option<&str>| {
            let objects: Vec<_> = objects.iter().copied().cloned().collect();
            let expected = Port {
                index,
                name: name.map(str::to_owned),
                description: descr.map(str::to_owned),
            };
            assert_eq!(of(&objects), Some(expected));
        };
        check(&[&index, &status], Some(17), None, None);
        check(&[&status], Some(17), None, None);
        check(
            &[&index, &descr, &name],
            Some(17),
            Some("Gi0/17"),
            Some("GigabitEthernet0/17"),
        );
        let zero = object(&[1, 3, 6, 1, 2, 1, 2, 2, 1, 1, 0], Value::Integer(9));
        check(&[&zero], Some(9), None, None);
        let bare = object(&[1, 3, 6, 1, 2, 1, 2, 2, 1, 1], Value::Integer(9));
        check(&[&bare], Some(9), None, None);
        assert_eq!(of(&[]), None);
        let other = object(
            &[1, 3, 6, 1, 2, 1, 15, 3, 1, 2, 10, 0, 0, 1],
            Value::Integer(1),
        );
        assert_eq!(of(&[other]), None);
        let absurd = object(&[1, 3, 6, 1, 2, 1, 2, 2, 1, 1, 0], Value::Integer(-3));
        assert_eq!(of(&[absurd]), None);
    }
}
