//! Objects that move when a table changes: read at each poll, so that a table is walked when its
//! marker moved and hardly ever otherwise.

use super::Rows;

/// ifTableLastChange, of IF-MIB (RFC 2863).
const IF_TABLE: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 5];
/// ifStackLastChange, of IF-MIB (RFC 2863).
const IF_STACK: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 6];
/// dot3adTablesLastChanged, of IEEE8023-LAG-MIB (IEEE 802.3ad).
const AGGREGATES: &[u32] = &[1, 2, 840, 10006, 300, 43, 1, 3];
/// entLastChangeTime, of ENTITY-MIB (RFC 6933).
const ENTITY: &[u32] = &[1, 3, 6, 1, 2, 1, 47, 1, 4, 1];
/// lldpStatsRemTablesLastChangeTime, of LLDP-MIB (IEEE 802.1AB).
const LLDP: &[u32] = &[1, 0, 8802, 1, 1, 2, 1, 2, 1];
/// cdpGlobalLastChange, of CISCO-CDP-MIB.
const CDP: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 23, 1, 3, 5];

/// All of them: scalars.
pub(super) const OBJECTS: &[&[u32]] = &[IF_TABLE, IF_STACK, AGGREGATES, ENTITY, LLDP, CDP];

/// What the markers of an agent say: hundredths of a second since it started; none where it has no
/// such object. Only whether one is another than before means anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Markers {
    /// Interfaces came or went.
    pub interfaces: Option<u64>,
    /// What lies over what changed.
    pub stacks: Option<u64>,
    /// Members of aggregates changed.
    pub aggregates: Option<u64>,
    /// Parts of the device changed.
    pub inventory: Option<u64>,
    /// Neighbours by LLDP changed.
    pub lldp: Option<u64>,
    /// Neighbours by CDP changed.
    pub cdp: Option<u64>,
}

pub(super) fn read(rows: &Rows) -> Markers {
    let marker = |object| rows.scalar(object).and_then(::snmp::Value::as_u64);
    Markers {
        interfaces: marker(IF_TABLE),
        stacks: marker(IF_STACK),
        aggregates: marker(AGGREGATES),
        inventory: marker(ENTITY),
        lldp: marker(LLDP),
        cdp: marker(CDP),
    }
}
