//! Discoveries that the server begins by itself.

use crate::agent::Agent;
use crate::program::{Server, until};
use crate::serve::add_credential;
use model::schedule::ScheduleState;
use model::{Clock, Timestamp};
use serde_json::{Value, json};
use std::path::Path;

fn start(data: &Path) -> Server {
    let mut server = Server::start(data);
    server.sign_in();
    server
}

fn add(server: &Server, targets: &[String], credential: &str, register: bool) -> Value {
    let body = json!({
        "name": format!("register {register}"), "every_secs": 86400, "keep_runs": 2,
        "request": {
            "targets": targets, "methods": ["snmp"], "credential_ids": [credential],
            "register": register,
        },
    });
    let (status, made) = server.post("discovery-schedules", &body);
    assert_eq!(status, 201, "{made}");
    assert!(made["next_run_at"].is_string(), "{made}");
    made
}

/// Runs a schedule and gives the run when it has ended.
fn run(server: &Server, schedule: &Value) -> Value {
    let path = format!(
        "discovery-schedules/{}/run",
        schedule["id"].as_str().unwrap()
    );
    let (status, begun) = server.post(&path, &json!({}));
    assert_eq!(status, 202, "{begun}");
    ended(server, begun["id"].as_str().unwrap())
}

fn ended(server: &Server, run: &str) -> Value {
    let path = format!("discoveries/{run}");
    until("the run to end", || server.get(&path).1["phase"] == "done");
    server.get(&path).1
}

#[test]
fn what_is_new_is_told_once_and_old_runs_go() {
    let Some(agent) = Agent::start("scheduled") else {
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let server = start(data.path());
    let credential = add_credential(&server);
    let only_told = add(&server, &[agent.address()], &credential, false);
    let found = |run: &Value| (run["devices_found"].clone(), run["devices_new"].clone());
    let first = run(&server, &only_told);
    assert_eq!(found(&first), (json!(1), json!(1)));
    assert_eq!(first["schedule_id"], only_told["id"]);
    let second = run(&server, &only_told);
    assert_eq!(found(&second), (json!(1), json!(0)), "it was told already");
    assert_eq!(
        server.get("devices").1["items"],
        json!([]),
        "and not registered"
    );
    let registers = add(&server, &[agent.address()], &credential, true);
    assert_eq!(found(&run(&server, &registers)), (json!(1), json!(1)));
    assert_eq!(found(&run(&server, &registers)), (json!(1), json!(0)));
    let third = run(&server, &only_told);
    assert_eq!(found(&third), (json!(1), json!(0)), "it is registered now");
    // Two are kept of each.
    let id = only_told["id"].as_str().unwrap();
    let (_, runs) = server.get(&format!("discoveries?schedule_id={id}"));
    let kept: Vec<_> = runs["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| &run["id"])
        .collect();
    assert_eq!(kept, [&third["id"], &second["id"]]);
    let (_, schedule) = server.get(&format!("discovery-schedules/{id}"));
    assert_eq!(schedule["last_discovery_id"], third["id"]);
    assert_eq!(schedule["revision"], 1, "a run is no change");
    // Its runs outlive it, as runs that somebody began.
    let path = format!("discovery-schedules/{id}");
    assert_eq!(server.patch(&path, &json!({"enabled": false})).0, 200);
    assert_eq!(server.get(&path).1["next_run_at"], json!(null));
    assert_eq!(server.delete(&path), 204);
    let (_, run) = server.get(&format!("discoveries/{}", third["id"].as_str().unwrap()));
    assert_eq!(
        (&run["phase"], &run["schedule_id"]),
        (&json!("done"), &json!(null))
    );
    let request = json!({"targets": ["127.0.0.1/99"], "credential_ids": [credential]});
    let body = json!({"name": "other", "request": request, "every_secs": 600});
    let (status, problem) = server.post("discovery-schedules", &body);
    assert_eq!(status, 422, "{problem}");
    assert_eq!(problem["errors"][0]["pointer"], "/request/targets/0");
}

#[test]
fn two_runs_of_one_schedule_are_never_at_work_at_once() {
    let data = tempfile::tempdir().unwrap();
    let server = start(data.path());
    let credential = add_credential(&server);
    // No agent answers there: it would take minutes.
    let schedule = add(&server, &["127.1.0.0/16".to_owned()], &credential, false);
    let id = schedule["id"].as_str().unwrap();
    let path = format!("discovery-schedules/{id}/run");
    let (status, first) = server.post(&path, &json!({}));
    assert_eq!(status, 202, "{first}");
    let (status, problem) = server.post(&path, &json!({}));
    assert_eq!(status, 409, "{problem}");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("still at work"),
        "{problem}"
    );
    let run = first["id"].as_str().unwrap();
    assert_eq!(server.delete(&format!("discoveries/{run}")), 202);
    until("the run to be cancelled", || {
        server.get(&format!("discoveries/{run}")).1["phase"] == "cancelled"
    });
    assert_eq!(server.post(&path, &json!({})).0, 202);
}

#[test]
fn a_run_that_was_missed_is_made_up_for_once() {
    let Some(agent) = Agent::start("missed") else {
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let server = start(data.path());
    let credential = add_credential(&server);
    let schedule = add(&server, &[agent.address()], &credential, true);
    let id = schedule["id"].as_str().unwrap();
    assert!(server.terminate().0.success());
    // As if the server had been stopped for three days.
    let missed: Timestamp = "2026-03-01T03:00:00Z".parse().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let clock = Clock::new(move || missed);
        let options = store::StoreOptions::new(data.path());
        let (store, _) = store::Store::open(options, clock).await.unwrap();
        let state = ScheduleState {
            next_run_at: Some(missed),
            ..ScheduleState::default()
        };
        let id = id.parse().unwrap();
        store.schedules.set_state(id, &state).await.unwrap();
        store.close().await.unwrap();
    });
    let server = start(data.path());
    let path = format!("discovery-schedules/{id}");
    until("the missed run", || {
        server.get(&path).1["last_discovery_id"].is_string()
    });
    let (_, schedule) = server.get(&path);
    let run = ended(&server, schedule["last_discovery_id"].as_str().unwrap());
    assert_eq!(run["devices_new"], 1);
    let next: Timestamp = schedule["next_run_at"].as_str().unwrap().parse().unwrap();
    let last: Timestamp = schedule["last_run_at"].as_str().unwrap().parse().unwrap();
    assert!(next > last, "once, and then at its time: {schedule}");
    let (_, runs) = server.get(&format!("discoveries?schedule_id={id}"));
    assert_eq!(runs["items"].as_array().unwrap().len(), 1);
}
