//! A bond of Linux under a real snmpd: whatever that answers of it is what is told, and no more. In a network
//! namespace of its own, which takes root, and a kernel that has bonds.

use crate::agent::{Agent, COMMUNITY};
use crate::program::skipped;
use collect::snmp::{Dialect, Groups, read};
use model::Clock;
use snmp::{Credentials, Oid, Session, SessionOptions, Transport, WalkBounds};
use std::collections::BTreeSet;
use std::process::Command;

/// A bond of two ports, each the end of a pair; the other ends are there for the carrier.
const MAKE: &str = "ip link set lo up && ip link add bond0 type bond mode balance-rr && \
    for n in 0 1; do ip link add port$n type veth peer name far$n && \
    ip link set far$n up && ip link set port$n master bond0 && ip link set port$n up || exit 1; done && \
    ip link set bond0 up";
/// dot3adAggPortAttachedAggID
const ATTACHED: &[u32] = &[1, 2, 840, 10006, 300, 43, 1, 2, 1, 1, 13];
/// ifStackStatus
const STACK: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 2, 1, 3];

#[test]
fn a_bond_of_linux_is_told_as_its_agent_tells_it() {
    if !nix::unistd::geteuid().is_root() {
        return skipped("a bond of Linux: making a network namespace takes root");
    }
    let within = |run: &str| {
        let mut unshare = Command::new("unshare");
        unshare.args(["-n", "sh", "-c", &format!("{MAKE} && {run}"), "sh"]);
        unshare
    };
    match within("true").output() {
        Ok(tried) if tried.status.success() => {}
        Ok(tried) => {
            let why = String::from_utf8_lossy(&tried.stderr).trim().to_owned();
            return skipped(&format!("a bond of Linux: this kernel makes none: {why}"));
        }
        Err(error) => return skipped(&format!("a bond of Linux: no unshare: {error}")),
    }
    let mut run = within("exec \"$@\"");
    run.arg(std::env::current_exe().unwrap()).args([
        "--exact",
        "bond::in_its_namespace",
        "--ignored",
        "--nocapture",
    ]);
    let done = run.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    let why = String::from_utf8_lossy(&done.stderr);
    let ran = said.contains("1 passed");
    assert!(done.status.success() && ran, "{said}\n{why}");
    if let Some((_, why)) = why.split_once("SKIPPED: ") {
        skipped(why.trim());
    }
}

#[ignore = "run by the test above, in a namespace"]
#[tokio::test]
async fn in_its_namespace() {
    let Some(agent) = Agent::start("bonded") else {
        return;
    };
    let transport = Transport::bind().unwrap();
    let credentials = Credentials::v2c(COMMUNITY);
    let address = agent.address().parse().unwrap();
    let options = SessionOptions::default();
    let mut session = Session::open(&transport, address, &credentials, options);
    let clock = Clock::new(|| model::Timestamp::from_unix_ms(1_795_000_000_000));
    let mut dialect = Dialect::default();
    let look = read(&mut session, &mut dialect, Groups::INTERFACES, &clock).await;
    assert!(look.error.is_none(), "{:?}", look.error);
    assert!(look.complete.contains(Groups::INTERFACES), "{look:?}");
    assert_eq!(look.unheard, Groups::NONE);
    let index_of = |name: &str| {
        let mut rows = look.facts.interfaces.iter();
        let row = rows.find(|row| row.name.as_deref() == Some(name));
        row.and_then(|row| row.index).expect("an interface")
    };
    let (bond, ports) = (index_of("bond0"), ["port0", "port1"].map(index_of));
    // What its tables say of the bond, the first before the second. net-snmp up to 5.9 answers neither, and calls a
    // bond an Ethernet interface: then there is no member to be known.
    let mut attached = BTreeSet::new();
    let mut stacked = BTreeSet::new();
    for (table, ports) in [(ATTACHED, &mut attached), (STACK, &mut stacked)] {
        let root = Oid::from_slice(table);
        let walk = session.walk(&root, WalkBounds::default()).await;
        for (name, value) in walk.rows {
            match name.arcs()[table.len()..] {
                [port] if value.as_u64() == Some(u64::from(bond)) => ports.insert(port),
                [higher, port] if higher == bond && port > 0 => ports.insert(port),
                _ => false,
            };
        }
    }
    let mut rows = look.facts.interfaces.iter();
    let kind = rows
        .find(|row| row.index == Some(bond))
        .unwrap()
        .kind
        .clone();
    let is_aggregate = matches!(kind.as_deref(), Some("ieee8023adLag" | "propMultiplexor"));
    let expected = if attached.is_empty() && is_aggregate {
        stacked
    } else {
        attached
    };
    let rows = look.facts.interfaces.iter();
    let members: BTreeSet<u32> = rows
        .filter(|row| row.aggregate == Some(bond))
        .filter_map(|row| row.index)
        .collect();
    assert_eq!(members, expected);
    assert!(members.is_empty() || members == BTreeSet::from(ports));
}
