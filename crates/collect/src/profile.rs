//! Device profiles: what can be asked of a make of device, as data.
//!
//! A profile is a TOML file ([`file`] is its shape, `docs/guide/device-profiles.md` its guide). It
//! says which devices it is for, which names their MIBs give to objects, and which objects tell the
//! model, the processors, the memory, the storage, the sensors, the access points and radios, the
//! VLANs and the neighbours. Those
//! under `profiles/` are part of the program; an operator's folder adds to them or takes their place.
//!
//! Here is the data and which of it is for a device: [`Catalog::plan`]. What rows of an agent mean by
//! a plan is read in `snmp/profiled.rs`. Begin with [`Catalog`].

mod catalog;
mod check;
mod expression;
pub mod file;
pub mod mib;
mod names;
mod plan;
mod quantity;
mod reader;

pub use catalog::{Catalog, CatalogError, Head, LeftOut, Profiles};
pub use check::{Mistake, check};
pub use expression::{Cell, Column, Piece, Place, Template};
pub use names::standard_objects;
pub use plan::{
    Amount, Condition, DeviceSources, InterfaceOf, Kind, Limits, Measure, Neighbors, Octets, Plan,
    Processors, Profile, Rows, Sensors, Source, Test, Texts, Unit, Vlans, Volume, VolumeAmounts,
    Wireless,
};
pub use quantity::Quantity;
