//! Interfaces keep their ids, and with them their series, when their device moves to another address
//! and when an agent numbers them anew.

use crate::agent::Agent;
use crate::program::{Server, until};
use crate::serve::{add_credential, count_samples, discover, wait_for_samples};
use crate::simulate::Simulation;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;

/// Interfaces by name: id and ifIndex.
fn interfaces(server: &Server, device: &str) -> BTreeMap<String, (String, u64)> {
    let (_, page) = server.get(&format!("devices/{device}/interfaces?limit=1000"));
    let rows = page["items"].as_array().unwrap().iter();
    let of = |row: &Value| {
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        (text("name"), (text("id"), row["index"].as_u64().unwrap()))
    };
    rows.map(of).collect()
}

#[test]
fn a_device_that_moves_takes_its_interfaces_along() {
    let Some(first) = Agent::start_on("mover", 0) else {
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path());
    server.sign_in();
    let credential = add_credential(&server);
    let device = discover(&server, &first.address(), &credential);
    wait_for_samples(&server, &device);
    let before = interfaces(&server, &device);
    let samples = count_samples(&server, &device);
    drop(first);
    let second = Agent::start_on("mover", 0).unwrap();
    let (status, answer) =
        server.patch(&format!("devices/{device}"), &json!({"port": second.port}));
    assert_eq!(status, 200, "{answer}");
    until("samples from its new place", || {
        count_samples(&server, &device) > samples
    });
    assert_eq!(interfaces(&server, &device), before);
}

#[test]
fn interfaces_that_are_numbered_anew_are_the_same_once_a_trap_tells_of_the_restart() {
    if !crate::traps::is_installed() {
        return;
    }
    let options = [
        "--devices",
        "20",
        "--base",
        "127.24.0.1",
        "--control",
        "127.0.0.1:0",
    ];
    let simulation = Simulation::start(&options, &[]);
    let data = tempfile::tempdir().unwrap();
    let environment = [
        ("FORETELL_TRAPS__LISTEN", "127.0.0.1:0"),
        ("FORETELL_POLL__DEFAULT_INTERVAL_SECS", "3600"),
    ];
    let mut server = Server::start_with(data.path(), &environment);
    server.sign_in();
    let mut told = server.printed.iter();
    let at = told.find_map(|line| line.strip_prefix("traps on udp://"));
    let at = at.unwrap().to_owned();
    let body = json!({"name": "sim", "kind": "snmp_v2c", "community": "public"});
    let (_, credential) = server.post("credentials", &body);
    let credential = credential["id"].as_str().unwrap();
    let device = discover(&server, &simulation.agent("127.24.0.1"), credential);
    until("the first poll", || {
        !interfaces(&server, &device).is_empty()
    });
    let before = interfaces(&server, &device);
    let (code, out) = simulation.command(&["fault", "renumber", "core-1", "--for", "1s"]);
    assert_eq!(code, 0, "{out}");
    let trap = [
        "-v1",
        "-c",
        "public",
        &at,
        "1.3.6.1.4.1.8072.3.2.10",
        "127.24.0.1",
        "0",
        "0",
        "1",
    ];
    let ids = |rows: &BTreeMap<String, (String, u64)>| -> Vec<(String, String)> {
        let rows = rows.iter();
        rows.map(|(name, (id, _))| (name.clone(), id.clone()))
            .collect()
    };
    let mut tries = 0;
    until("the new numbers to be read", || {
        // The agent sends coldStart when it is up again; the simulated one does not know how.
        if tries % 50 == 0 {
            let status = Command::new("snmptrap").args(trap).env("MIBS", "").status();
            assert!(status.unwrap().success());
        }
        tries += 1;
        let now = interfaces(&server, &device);
        let moved = |(name, (_, index)): (&String, &(String, u64))| {
            before.get(name).is_some_and(|(_, was)| was != index)
        };
        now.len() == before.len() && now.iter().all(moved)
    });
    assert_eq!(ids(&interfaces(&server, &device)), ids(&before));
}
