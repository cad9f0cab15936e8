//! The object instances of a device, made when they are asked for: a list of columns that all devices
//! have in common, rows that devices of a kind share, and a function for the value in a cell. One
//! file a MIB; to add one, a file with its columns and a line in [`MIBS`].
//!
//! A walk is a cursor over columns and rows: nothing is searched for from one instance to the next.

mod aggregation;
mod bridge;
mod engine;
mod entity;
mod forwarding;
mod host_resources;
mod index;
mod interfaces;
mod ip;
mod lldp;
mod sensors;
mod surroundings;
mod system;
mod view;

pub(crate) use index::Index;
pub(crate) use view::Numberings;
pub use view::{DeviceMib, MibAt};

use crate::mib::Value;
use std::ops::ControlFlow;
use std::sync::LazyLock;
use view::View;

/// Most arcs of a name. Source: RFC 2578 section 3.5.
const ARCS_MAX: usize = 128;

/// A column of a table, or a scalar.
pub(crate) struct Column {
    /// Its name without the row.
    oid: &'static [u32],
    rows: Rows,
    /// The value in a row; none where that row has no such instance.
    read: for<'a> fn(&View<'a>, usize) -> Option<Value<'a>>,
}

/// Which rows a column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rows {
    /// One, 0.
    Scalar,
    Interfaces,
    Parts,
    /// Parts that are ports, for entAliasMappingTable.
    PartAliases,
    Sensors,
    Processors,
    Storages,
    Addresses,
    /// The same, as InetAddressType and InetAddress.
    InetAddresses,
    Neighbors,
    InetNeighbors,
    BridgePorts,
    Learnt,
    LearntByVlan,
    Vlans,
    CurrentVlans,
    LldpPorts,
    LldpLocalAddress,
    LldpRemotes,
    LldpRemoteAddresses,
    /// What lies over what, of devices with aggregates.
    Stacked,
    Aggregates,
    Members,
    /// Default routes, each in one of these.
    InetRoutes,
    CidrRoutes,
    OldRoutes,
}

/// Every MIB's columns.
static MIBS: &[&[Column]] = &[
    system::COLUMNS,
    interfaces::COLUMNS,
    ip::COLUMNS,
    bridge::COLUMNS,
    host_resources::COLUMNS,
    entity::COLUMNS,
    sensors::COLUMNS,
    lldp::COLUMNS,
    aggregation::COLUMNS,
    forwarding::COLUMNS,
    engine::COLUMNS,
];

/// All columns in the order of their names.
static COLUMNS: LazyLock<Vec<&'static Column>> = LazyLock::new(|| {
    let mut columns: Vec<&Column> = MIBS.iter().copied().flatten().collect();
    columns.sort_by_key(|column| column.oid);
    columns
});

/// The instance at exactly this name.
fn get<'a>(view: &View<'a>, oid: &[u32]) -> Option<Value<'a>> {
    let columns: &[&Column] = &COLUMNS;
    if let Some((name, value)) = view.vendor_object()
        && name == oid
    {
        return Some(value);
    }
    let place = columns.partition_point(|column| column.oid <= oid);
    let column = columns.get(place.checked_sub(1)?)?;
    let index = oid.strip_prefix(column.oid)?;
    let row = view.rows(column.rows).find(index)?;
    (column.read)(view, row)
}

/// Shows every instance after this name, until `visit` breaks.
fn walk<'a>(
    view: &View<'a>,
    oid: &[u32],
    visit: &mut dyn FnMut(&[u32], Value<'a>) -> ControlFlow<()>,
) {
    let columns: &[&Column] = &COLUMNS;
    let mut vendor = view.vendor_object().filter(|(name, _)| *name > oid);
    // The column that the name lies in, or the next.
    let first = columns.partition_point(|column| column.oid < oid && !oid.starts_with(column.oid));
    let mut name = [0_u32; ARCS_MAX];
    for column in columns.get(first..).unwrap_or(&[]) {
        if let Some((own, value)) = vendor.take_if(|(own, _)| *own < column.oid)
            && visit(own, value).is_break()
        {
            return;
        }
        let rows = view.rows(column.rows);
        if rows.len() == 0 {
            continue;
        }
        let from = match oid.strip_prefix(column.oid) {
            Some(index) => rows.after(index),
            None => 0,
        };
        let prefix_len = column.oid.len();
        if let Some(prefix) = name.get_mut(..prefix_len) {
            prefix.copy_from_slice(column.oid);
        }
        for row in from..rows.len() {
            let Some(value) = (column.read)(view, row) else {
                continue;
            };
            let index = rows.row(row);
            let end = prefix_len + index.len();
            if let Some(place) = name.get_mut(prefix_len..end) {
                place.copy_from_slice(index);
            }
            let Some(shown) = name.get(..end) else {
                continue;
            };
            if visit(shown, value).is_break() {
                return;
            }
        }
    }
    if let Some((own, value)) = vendor {
        let _ = visit(own, value);
    }
}

#[cfg(test)]
mod tests;
