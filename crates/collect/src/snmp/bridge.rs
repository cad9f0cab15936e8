//! BRIDGE-MIB (RFC 4188): the address that a bridge is known by.

use super::draft::Draft;
use super::mib::{Ask, Mib};
use super::{Groups, Rows, decode};

const DOT1D_BASE_BRIDGE_ADDRESS: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 1, 1];
/// dot1dBasePortIfIndex, by dot1dBasePort: the ifIndex of a port of the bridge.
pub(super) const DOT1D_BASE_PORT_IF_INDEX: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 1, 4, 1, 2];

pub(super) static MIB: Mib = Mib {
    name: "BRIDGE-MIB",
    asks: &[Ask::of(Groups::SYSTEM, DOT1D_BASE_BRIDGE_ADDRESS)],
    enterprises: &[],
    read,
};

fn read(rows: &Rows, draft: &mut Draft) {
    if draft.wants(Groups::SYSTEM) {
        draft.facts.device.base_mac = draft
            .octets(rows, DOT1D_BASE_BRIDGE_ADDRESS, &[0])
            .and_then(decode::mac);
    }
}
