//! Another device answers at the address of a known one: kept apart, told, and the two ways out.

use crate::agent::Agent;
use crate::program::{Server, until};
use crate::serve::{add_credential, count_samples, wait_for_samples};
use serde_json::{Value, json};

fn device(server: &Server, id: &str) -> Value {
    server.get(&format!("devices/{id}")).1
}

fn outcome(device: &Value) -> &str {
    device["status_evidence"][0]["outcome"]
        .as_str()
        .unwrap_or_default()
}

fn wait_for_conflict(server: &Server, id: &str) {
    until("the other device to be noticed", || {
        device(server, id)["identity_conflict"].is_object()
    });
    until("the known device to be down", || {
        device(server, id)["status"] == "down"
    });
    let told = device(server, id);
    assert_eq!(outcome(&told), "other_device", "{told}");
    let words = told["status_evidence"][0]["detail"].as_str().unwrap();
    assert!(
        words.starts_with("Another device answers at 127.0.0.1: SNMP engine id "),
        "{words}"
    );
    assert!(
        words.contains(" was known, ") && words.contains(" is said here"),
        "{words}"
    );
    assert_eq!(told["name"], "first", "it keeps what it said: {told}");
    assert_eq!(told["identity_conflict"]["met"]["name"], "second", "{told}");
}

#[test]
fn another_device_at_the_address_is_kept_apart_until_it_is_accepted() {
    let Some(first) = Agent::start_on("first", 0) else {
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path());
    server.sign_in();
    let credential = add_credential(&server);
    let body = json!({"address": "127.0.0.1", "port": first.port, "credential_id": credential});
    let (status, made) = server.post("devices", &body);
    assert_eq!(status, 201, "{made}");
    let id = made["id"].as_str().unwrap();
    wait_for_samples(&server, id);
    let interfaces =
        |server: &Server| server.get(&format!("devices/{id}/interfaces")).1["items"].clone();
    let lo = |server: &Server| interfaces(server)[0]["id"].clone();
    let its_lo = lo(&server);

    let port = first.port;
    drop(first);
    let second = Agent::start_on("second", port).unwrap();
    wait_for_conflict(&server, id);
    let samples = count_samples(&server, id);
    let seen = device(&server, id)["last_seen_at"].clone();
    let (_, metrics) = server.text("/metrics");
    assert!(
        metrics.contains("foretell_identity_conflicts_total 1"),
        "{metrics}"
    );

    // A discovery does not take the one for the other, and says how to get out.
    let request =
        json!({"targets": [second.address()], "methods": ["snmp"], "credential_ids": [credential]});
    let (_, run) = server.post("discoveries", &request);
    let run = format!("discoveries/{}", run["id"].as_str().unwrap());
    until("the discovery to end", || {
        server.get(&run).1["phase"] == "done"
    });
    let (_, results) = server.get(&format!("{run}/results"));
    let result = &results["items"][0];
    assert_eq!(result["device_id"], Value::Null, "{result}");
    let reason = result["identity_reason"].as_str().unwrap();
    assert!(
        reason.contains("first") && reason.contains("replaced"),
        "{reason}"
    );

    // A restart lets nothing in.
    let (status, _) = server.terminate();
    assert!(status.success());
    let mut server = Server::start(data.path());
    server.sign_in();
    assert!(device(&server, id)["identity_conflict"].is_object());
    until("it to be asked again", || {
        outcome(&device(&server, id)) == "other_device"
    });
    wait_for_conflict(&server, id);
    assert_eq!(
        count_samples(&server, id),
        samples,
        "samples of another device"
    );
    assert_eq!(device(&server, id)["last_seen_at"], seen);

    // The first comes back: it goes on by itself.
    drop(second);
    let first = Agent::start_on("first", port).unwrap();
    until("the known device to go on", || {
        let told = device(&server, id);
        told["status"] == "up" && told["identity_conflict"].is_null()
    });
    until("its samples", || count_samples(&server, id) > samples);
    drop(first);
    let samples = count_samples(&server, id);

    let second = Agent::start_on("second", port).unwrap();
    wait_for_conflict(&server, id);
    let revision = device(&server, id)["revision"].as_u64().unwrap();
    let accept = format!("devices/{id}/identity/accept");
    let (status, accepted) = server.post_at(&accept, revision);
    assert_eq!(status, 200, "{accepted}");
    assert_eq!(accepted["name"], "second");
    until("it to go on", || {
        let told = device(&server, id);
        told["status"] == "up" && count_samples(&server, id) > samples
    });
    assert_eq!(device(&server, id)["identity_conflict"], Value::Null);
    assert_eq!(lo(&server), its_lo, "an interface of that name goes on");
    let (status, problem) =
        server.post_at(&accept, device(&server, id)["revision"].as_u64().unwrap());
    assert_eq!(status, 409, "{problem}");
    // What stood in for it is an outage of the device that is known, and its interfaces unknown.
    let (_, sums) = server.get(&format!("devices/{id}/availability"));
    assert!(sums["outages"].as_u64() >= Some(1), "{sums}");
    let lo = its_lo.as_str().unwrap();
    let (_, sums) = server.get(&format!("interfaces/{lo}/availability"));
    assert_eq!(sums["down_secs"], 0.0, "{sums}");
    drop(second);
}
