//! The engine against real agents and bad ones, all on loopback. Agents are net-snmp's snmpd on
//! ports that the system gives; where snmpd is missing the tests that need it say SKIPPED.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

// The fake agents are those of snmp's own tests, where that crate has this name.
extern crate snmp as foretell_snmp;

mod all {
    mod agent;
    #[allow(dead_code, reason = "of snmp's tests, which use all of it")]
    #[path = "../../../snmp/tests/all/ber.rs"]
    mod ber;
    mod discovery;
    #[allow(dead_code, reason = "as above")]
    #[path = "../../../snmp/tests/all/agent.rs"]
    mod fake;
    mod floods;
    mod hostile;
    mod late;
    mod packets;
    mod polling;
    mod relay;
    mod scale;
    mod softflowd;
    mod switch;
    mod traps;
}
