//! Identities by cases: who is whom, and why.

use super::*;

/// `engine=.. serial=.. chassis=.. mac=.. name=.. macs=a,b at=ADDR`
pub(super) fn identity(text: &str) -> (Identity, SocketAddr) {
    let mut identity = Identity::default();
    let mut at = "192.0.2.1:161".parse().unwrap();
    for (key, value) in text.split_whitespace().map(|p| p.split_once('=').unwrap()) {
        let some = Some(value.replace('_', " "));
        match key {
            "engine" => identity.engine_id = some,
            "serial" => identity.serial = some,
            "chassis" => identity.chassis_id = some,
            "mac" => identity.base_mac = some,
            "name" => identity.sys_name = some,
            "macs" => {
                identity.interface_macs = value
                    .split(',')
                    .map(|n| format!("02:00:00:00:00:{n}"))
                    .collect();
            }
            "at" => at = value.parse().unwrap(),
            other => panic!("{other}"),
        }
    }
    (identity, at)
}

/// `expected` is `same N`, `new` or `conflict N`, and words that the reason must hold.
fn check(known: &[&str], met: &str, expected: &str, reason_has: &str) {
    let known: Vec<_> = known
        .iter()
        .map(|text| (DeviceId::new(), identity(text)))
        .collect();
    let view: Vec<_> = known
        .iter()
        .map(|(id, (identity, at))| (*id, identity, *at))
        .collect();
    let (met_identity, at) = identity(met);
    let resolution = resolve(&view, &met_identity, at);
    let place = |id: &DeviceId| known.iter().position(|(k, _)| k == id).unwrap();
    let got = match &resolution {
        Resolution::Same { device_id, .. } => format!("same {}", place(device_id)),
        Resolution::New { .. } => "new".to_owned(),
        Resolution::Conflict { with, .. } => format!("conflict {}", place(with)),
    };
    assert_eq!(got, expected, "{met}: {}", resolution.reason());
    assert!(
        resolution.reason().contains(reason_has),
        "{met}: {}",
        resolution.reason()
    );
}

const E1: &str = "engine=80001f8880aa000001";
const E2: &str = "engine=80001f8880aa000002";

#[test]
fn the_strongest_identity_that_both_state_decides() {
    let known = |rest: &str| format!("{E1} serial=FCW1111 chassis=00:1b:00:00:00:01 {rest}");
    let k = known("name=r1 macs=01,02");
    check(
        &[&k],
        &format!("{E1} at=192.0.2.9:161"),
        "same 0",
        "engine id",
    );
    check(
        &[&k],
        "serial=fcw1111 at=192.0.2.9:161",
        "same 0",
        "serial number",
    );
    check(
        &[&k],
        "chassis=00:1B:00:00:00:01 at=192.0.2.9:161",
        "same 0",
        "chassis id",
    );
    check(
        &[&k],
        "name=r1 macs=01,09 at=192.0.2.9:161",
        "same 0",
        "sysName r1 with 1",
    );
    check(
        &[&k],
        &format!("{E2} serial=FCW2222 at=192.0.2.9:161"),
        "new",
        E2.get(7..).unwrap(),
    );
    check(&[], "name=r1", "new", "proves no identity");
    check(
        &["serial=AAAA1 at=192.0.2.5:161", "serial=BBBB1"],
        "serial=BBBB1 at=192.0.2.7:161",
        "same 1",
        "serial",
    );
}

#[test]
fn a_weak_identity_never_merges_where_a_stronger_one_differs() {
    let at = "at=192.0.2.9:161";
    check(
        &[&format!("{E1} name=r1 macs=01,02")],
        &format!("{E2} name=r1 macs=01,02 {at}"),
        "conflict 0",
        "engine id",
    );
    check(
        &["serial=AAAA1 chassis=r1-x"],
        &format!("serial=BBBB1 chassis=r1-x {at}"),
        "conflict 0",
        "serial number",
    );
    check(&["name=r1"], &format!("name=r1 {at}"), "new", "");
    check(
        &["name=r1 macs=01,02,03,04"],
        &format!("name=r1 macs=01,06,07,08 {at}"),
        "new",
        "",
    );
    check(
        &["name=r1 macs=01"],
        &format!("name=r2 macs=01 {at}"),
        "new",
        "",
    );
}

#[test]
fn cloned_machines_are_kept_apart() {
    check(
        &[&format!("{E1} name=vm1 macs=01,02")],
        &format!("{E1} name=vm2 macs=03,04 at=192.0.2.9:161"),
        "conflict 0",
        "every interface MAC",
    );
}

#[test]
fn an_agreement_goes_before_another_device_s_conflict() {
    check(
        &[
            &format!("{E1} serial=AAAA1 at=192.0.2.5:161"),
            &format!("{E2} serial=AAAA1"),
        ],
        &format!("{E2} serial=AAAA1 at=192.0.2.9:161"),
        "same 1",
        "engine id",
    );
}

#[test]
fn default_values_do_not_identify() {
    for value in [
        "serial=0",
        "serial=N/A",
        "engine=0000000000000000",
        "mac=00:00:00:00:00:00",
        "chassis=00:00:00:00:00:00",
    ] {
        check(
            &[value],
            &format!("{value} at=192.0.2.9:161"),
            "new",
            "states nothing",
        );
    }
}

#[test]
fn the_address_counts_only_where_nothing_else_is_known() {
    check(
        &["at=192.0.2.1:161"],
        E1,
        "same 0",
        "registered at this address",
    );
    check(&[E1], "name=r9", "same 0", "registered at this address");
    check(&[E1], E2, "conflict 0", "registered at this address, but");
    check(&["at=192.0.2.1:1161"], E1, "new", "");
}

#[test]
fn an_agent_installed_anew_is_known_at_its_address_alone() {
    let known = format!("{E1} name=r1 macs=01,02");
    let met = format!("{E2} name=r1 macs=01,02");
    check(&[&known], &met, "same 0", "was known");
    check(
        &[&known],
        &format!("{met} at=192.0.2.9:161"),
        "conflict 0",
        "engine id",
    );
}
