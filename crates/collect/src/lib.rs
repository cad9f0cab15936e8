//! Schedule, discovery and polling: what is asked of which device when, and what the answers mean.

pub mod reading;
pub mod snmp;
