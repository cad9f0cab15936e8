//! The server end to end: a real agent, a restart, a stop, a second server on the same folder.

use crate::agent::{Agent, COMMUNITY};
use crate::program::{PASSWORD, Server, foretell, until};
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn a_device_is_discovered_polled_kept_and_there_after_a_restart() {
    let Some(agent) = Agent::start("kept") else {
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path());
    assert!(
        server.printed.is_empty(),
        "a given password is not printed: {:?}",
        server.printed
    );
    server.sign_in();
    let credential = add_credential(&server);
    let device = discover(&server, &agent.address(), &credential);
    let samples = wait_for_samples(&server, &device);
    let (status, metrics) = server.text("/metrics");
    assert_eq!(status, 200);
    for name in [
        "foretell_polls_total",
        "foretell_queue_depth",
        "process_cpu_seconds_total",
        "foretell_poll_lag_seconds_bucket",
    ] {
        assert!(metrics.contains(name), "{name} is not in {metrics}");
    }

    let (status, took) = server.terminate();
    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(10), "it took {took:?} to stop");

    let mut server = Server::start(data.path());
    server.sign_in();
    let (_, again) = server.get(&format!("devices/{device}"));
    assert_eq!(again["name"], "kept");
    assert!(
        count_samples(&server, &device) >= samples,
        "samples were lost"
    );
    until("polling to go on", || {
        let (_, device) = server.get(&format!("devices/{device}"));
        device["status"] == "up" && count_samples(&server, device["id"].as_str().unwrap()) > samples
    });
}

#[test]
fn what_is_wrong_with_the_answers_of_a_device_is_told() {
    let (Some(bad), Some(good)) = (Agent::start_with_wrong_type("bad"), Agent::start("good"))
    else {
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path());
    server.sign_in();
    let credential = add_credential(&server);
    let bad = discover(&server, &bad.address(), &credential);
    let good = discover(&server, &good.address(), &credential);
    let defects = |device: &str| {
        let (status, defects) = server.get(&format!("devices/{device}/defects"));
        assert_eq!(status, 200, "{defects}");
        defects["items"].as_array().unwrap().clone()
    };
    let wrong_types = || {
        let defects = defects(&bad);
        let mut all = defects.iter().filter(|it| it["defect"] == "wrong_type");
        all.next().and_then(|it| it["count"].as_u64())
    };
    until("what is wrong to be told, and counted on", || {
        wrong_types() > Some(1)
    });
    until("polls of the good one", || {
        wait_for_samples(&server, &good) > 0
    });
    assert_eq!(defects(&good), Vec::<Value>::new());
    let (_, device) = server.get(&format!("devices/{bad}"));
    assert_eq!(device["status"], "up", "{device}");
}

#[test]
fn neighbours_that_name_each_other_are_one_link() {
    let (a, b) = ("020000000a0a", "020000000b0b");
    let Some(one) = Agent::start_beside("ra", a, "rb", b) else {
        return;
    };
    let Some(two) = Agent::start_beside("rb", b, "ra", a) else {
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path());
    server.sign_in();
    let credential = add_credential(&server);
    let request = json!({
        "targets": [one.address(), two.address()],
        "methods": ["snmp", "neighbors"],
        "credential_ids": [credential],
    });
    let (status, answer) = server.post("discoveries", &request);
    assert_eq!(status, 202, "{answer}");
    let links = || {
        server.get("links").1["items"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    };
    until("both ends to tell of the link", || {
        links().iter().any(|link| link["confidence"] == 1.0)
    });
    let links = links();
    assert_eq!(links.len(), 1, "{links:?}");
    assert_eq!(links[0]["status"], "up");
    assert!(links[0]["a"]["interface_id"].is_string() && links[0]["b"]["interface_id"].is_string());
    let said = links[0]["evidence"].to_string();
    assert!(said.contains("ra hears rb port lo on lo by LLDP"), "{said}");
    let (_, neighbors) = server.get("neighbors");
    for neighbor in neighbors["items"].as_array().unwrap() {
        assert!(neighbor["remote_device_id"].is_string(), "{neighbor}");
    }
}

#[test]
fn a_discovery_is_cancelled_refused_and_ended_by_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path());
    server.sign_in();
    let credential = add_credential(&server);
    // No agent answers there: it would take minutes.
    let begin = |server: &Server, targets: Value| {
        let request =
            json!({"targets": targets, "methods": ["snmp"], "credential_ids": [credential]});
        server.post("discoveries", &request)
    };
    let phase =
        |server: &Server, id: &str| server.get(&format!("discoveries/{id}")).1["phase"].clone();

    let (_, run) = begin(&server, json!(["127.1.0.0/16"]));
    let id = run["id"].as_str().unwrap();
    until("the discovery to move", || {
        server.get(&format!("discoveries/{id}")).1["addresses_done"].as_u64() > Some(0)
    });
    assert_eq!(server.delete(&format!("discoveries/{id}")), 202);
    until("the discovery to be cancelled", || {
        phase(&server, id) == "cancelled"
    });

    let (status, problem) = begin(&server, json!(["127.0.0.1", "127.0.0.1/99"]));
    assert_eq!(status, 422, "{problem}");
    assert_eq!(problem["errors"][0]["pointer"], "/targets/1", "{problem}");

    let running: Vec<(u16, Value)> = (0..5)
        .map(|_| begin(&server, json!(["127.1.0.0/16"])))
        .collect();
    let refused = &running[4];
    assert!(refused.0 >= 400, "a fifth at the same time: {refused:?}");
    let id = running[0].1["id"].as_str().unwrap();
    let (status, took) = server.terminate();
    assert!(
        status.success() && took < Duration::from_secs(10),
        "{status} after {took:?}"
    );
    let mut server = Server::start(data.path());
    server.sign_in();
    assert_eq!(
        phase(&server, id),
        "failed",
        "it did not end, and does not go on by itself"
    );
}

#[test]
fn a_second_server_on_the_same_folder_refuses() {
    let data = tempfile::tempdir().unwrap();
    let _first = Server::start(data.path());
    let path = data.path().to_str().unwrap();
    let second = foretell(
        &["serve", "--listen", "127.0.0.1:0", "--data-dir", path],
        &[],
    );
    assert_eq!(second.status.code(), Some(1));
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(told.contains("in use by another"), "{told}");
}

#[test]
fn a_password_is_set_while_the_server_is_stopped() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().to_str().unwrap();
    let server = Server::start(data.path());
    let set = [
        "user",
        "set-password",
        "admin",
        "--password-env",
        "NEW",
        "--data-dir",
        path,
    ];
    let refused = foretell(&set, &[("NEW", "another password 1")]);
    assert_eq!(refused.status.code(), Some(1), "while it runs: {refused:?}");
    server.terminate();
    let done = foretell(&set, &[("NEW", "another password 1")]);
    assert!(done.status.success(), "{done:?}");
    let server = Server::start(data.path());
    let login = |password: &str| {
        server
            .post(
                "auth/login",
                &json!({"username": "admin", "password": password}),
            )
            .0
    };
    assert_eq!(login(PASSWORD), 401);
    assert_eq!(login("another password 1"), 200);
}

pub(crate) fn add_credential(server: &Server) -> String {
    let body = json!({"name": "test", "kind": "snmp_v2c", "community": COMMUNITY});
    let (status, answer) = server.post("credentials", &body);
    assert_eq!(status, 201, "{answer}");
    assert!(
        !answer.to_string().contains(COMMUNITY),
        "a secret came back: {answer}"
    );
    answer["id"].as_str().unwrap().to_owned()
}

/// Discovers the agent and gives the device's id.
pub(crate) fn discover(server: &Server, address: &str, credential: &str) -> String {
    let request =
        json!({"targets": [address], "methods": ["snmp"], "credential_ids": [credential]});
    let (status, answer) = server.post("discoveries", &request);
    assert!((200..300).contains(&status), "{status} {answer}");
    let id = answer["id"].as_str().unwrap();
    until("the discovery to end", || {
        server.get(&format!("discoveries/{id}")).1["phase"] == "done"
    });
    let (_, results) = server.get(&format!("discoveries/{id}/results"));
    let result = &results["items"][0];
    assert!(result["name"].is_string(), "{results}");
    assert!(
        result["identity_reason"]
            .as_str()
            .unwrap()
            .contains("new device"),
        "{result}"
    );
    result["device_id"].as_str().unwrap().to_owned()
}

pub(crate) fn wait_for_samples(server: &Server, device: &str) -> usize {
    until("interfaces", || {
        let (_, interfaces) = server.get(&format!("devices/{device}/interfaces"));
        let names = |i: &Value| i["name"] == "lo" && i["oper_status"] == "up";
        interfaces["items"]
            .as_array()
            .is_some_and(|all| all.iter().any(names))
    });
    until("the device to be up", || {
        server.get(&format!("devices/{device}")).1["status"] == "up"
    });
    until("samples of two polls", || {
        count_samples(server, device) >= 2
    });
    count_samples(server, device)
}

/// Samples of sysUpTime: one a poll.
pub(crate) fn count_samples(server: &Server, device: &str) -> usize {
    let (_, series) = server.get(&format!("series?device_id={device}&metric=sysUpTime"));
    let Some(id) = series["items"][0]["id"].as_str() else {
        return 0;
    };
    let (status, samples) =
        server.get(&format!("series/{id}/samples?step_secs=1&aggregation=last"));
    assert_eq!(status, 200, "{samples}");
    let points = samples["points"].as_array().unwrap();
    points.iter().filter(|point| !point[1].is_null()).count()
}
