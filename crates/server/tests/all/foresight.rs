//! An anomaly that is put into a simulated network is found, in a network whose past was made up.

use crate::program::Server;
use crate::simulate::Simulation;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long making a past of four days and learning it may take here: far more than it does.
const LEARNED_WITHIN: Duration = Duration::from_mins(4);
/// How long an anomaly may take to be found after it begins.
const FOUND_WITHIN: Duration = Duration::from_mins(1);

#[test]
fn a_surge_in_a_simulated_network_is_found_within_a_minute_and_outlives_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("scenario.toml");
    let text = "name = \"found\"\ntopology = \"hub-and-spoke\"\ndevices = 3\nports = 2\n\
                [agents]\nbase = \"127.23.7.1\"\nport = 0\n";
    std::fs::write(&scenario, text).unwrap();
    let scenario = scenario.to_str().unwrap();
    let simulation = Simulation::start(&["--scenario", scenario], &[]);
    let data = folder.path().join("data");
    let arguments = ["--seed-history", "4d", "--seed-scenario", scenario];
    let mut server = Server::start_given(&data, &arguments, &[]);
    server.sign_in();
    let agent = simulation.agent("127.23.7.1");
    let port: u16 = agent.rsplit(':').next().unwrap().parse().unwrap();
    let credential = json!({"name": "public", "kind": "snmp_v2c", "community": "public"});
    let (_, credential) = server.post("credentials", &credential);
    let discovery = json!({"targets": ["127.23.7.1-127.23.7.3"], "port": port, "methods": ["snmp"],
        "credential_ids": [credential["id"]], "register": true});
    let (status, run) = server.post("discoveries", &discovery);
    assert_eq!(status, 202, "{run}");
    // What is expected of the traffic of the hub is known once its past was made and learned.
    let asked = Instant::now();
    while !is_learned(&server) {
        assert!(asked.elapsed() < LEARNED_WITHIN, "the past is not learned");
        std::thread::sleep(Duration::from_millis(500));
    }
    let before = anomalies(&server, "");
    let began = Instant::now();
    let (code, told) = simulation.command(&["fault", "surge", "127.23.7.1", "--factor", "50"]);
    assert_eq!(code, 0, "{told}");
    let is_new = |found: &&Value| before.iter().all(|known| known["id"] != found["id"]);
    let mut found = None;
    while found.is_none() && began.elapsed() < FOUND_WITHIN {
        std::thread::sleep(Duration::from_millis(200));
        let all = anomalies(&server, "&open=true");
        let mut new = all.iter().filter(is_new);
        found = new
            .find(|one| one["metric"].as_str().unwrap().contains("Octets"))
            .cloned();
    }
    let found = found.expect("the surge was not found within a minute");
    assert!(
        found["value"].as_f64().unwrap() > found["upper"].as_f64().unwrap(),
        "{found}"
    );
    server.crash();
    let mut server = Server::start_given(&data, &arguments, &[]);
    server.sign_in();
    let again = anomalies(
        &server,
        &format!("&series_id={}", found["series_id"].as_str().unwrap()),
    );
    assert!(
        again.iter().any(|one| one["id"] == found["id"]),
        "{again:?}"
    );
}

fn anomalies(server: &Server, more: &str) -> Vec<Value> {
    let (status, page) = server.get(&format!("anomalies?limit=1000{more}"));
    assert_eq!(status, 200, "{page}");
    page["items"].as_array().unwrap().clone()
}

/// Whether enough is known of all that interfaces send.
fn is_learned(server: &Server) -> bool {
    let (_, page) = server.get("series?match=ifHCOutOctets");
    let all = page["items"].as_array().into_iter().flatten();
    let mut ids = all.filter_map(|one| one["id"].as_str()).peekable();
    ids.peek().is_some()
        && ids.all(|id| {
            let (_, bands) = server.get(&format!("bands?series_id={id}"));
            bands["learning"] == false && !bands["points"].as_array().is_none_or(Vec::is_empty)
        })
}
