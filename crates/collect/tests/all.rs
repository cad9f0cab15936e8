//! The engine against real agents and bad ones, all on loopback. Agents are net-snmp's snmpd on
//! ports that the system gives; where snmpd is missing the tests that need it say SKIPPED.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod all {
    mod agent;
    mod discovery;
    mod floods;
    mod packets;
    mod polling;
    mod relay;
    mod scale;
    mod softflowd;
    mod traps;
}
