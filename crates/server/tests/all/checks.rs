//! Checks of services, made by the server and by the command.

use crate::program::{Server, foretell, until};
use serde_json::{Value, json};
use std::net::TcpListener;

#[test]
fn a_check_is_made_by_the_clock_measured_and_told() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path());
    server.sign_in();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let (status, device) = server.post("devices", &json!({"address": "127.0.0.1", "port": 1}));
    assert_eq!(status, 201, "{device}");
    let id = device["id"].as_str().unwrap();
    let check = json!({"name": "port", "target": target, "probe": {"kind": "tcp"}, "device_id": id, "interval_secs": 5});
    let (status, check) = server.post("checks", &check);
    assert_eq!(status, 201, "{check}");
    let path = format!("checks/{}", check["id"].as_str().unwrap());
    until("it is up", || server.get(&path).1["status"] == "up");
    assert_eq!(server.get("health").1["checks"]["up"], 1);
    let series = server
        .get(&format!("series?device_id={id}&metric=check_duration"))
        .1;
    assert_eq!(
        series["items"][0]["labels"]["check"], check["id"],
        "{series}"
    );
    drop(listener);
    until("it is down", || server.get(&path).1["status"] == "down");
    let down = server.get(&path).1;
    assert!(
        down["detail"].as_str().unwrap().contains("no connection"),
        "{down}"
    );
    let (_, text) = server.text("/metrics");
    assert!(
        text.contains("foretell_checks_total{kind=\"tcp\",status=\"down\"}"),
        "{text}"
    );
    // With its device it goes.
    assert_eq!(server.delete(&format!("devices/{id}")), 204);
    until("the check is gone", || server.get(&path).0 == 404);
}

#[test]
fn a_check_is_tried_by_the_command() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let output = foretell(&["check", "tcp", &target, "--json"], &[]);
    assert_eq!(output.status.code(), Some(0));
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcome["status"], "up", "{outcome}");
    drop(listener);
    let output = foretell(&["check", "http", &format!("http://{target}/")], &[]);
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.starts_with("down: no connection to 127.0.0.1:"),
        "{said}"
    );
    let output = foretell(&["check", "dns", "127.0.0.1", "a..b"], &[]);
    assert_eq!(output.status.code(), Some(2));
}
