//! What a real device's past looks like: it stops and comes back, the server is restarted and
//! crashes, an operator works on it.

use crate::agent::Agent;
use crate::program::{Server, until};
use crate::serve::{add_credential, discover};
use model::Timestamp;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// The kernel answers echoes for whatever is on loopback, so that nothing there would ever be down.
fn start(data: &Path) -> Server {
    let mut server = Server::start_with(data, &[("FORETELL_POLL__ICMP", "false")]);
    server.sign_in();
    server
}

pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp::from_unix_ms(i64::try_from(since.unwrap().as_millis()).unwrap())
}

fn wait_for(server: &Server, device: &str, status: &str) {
    until(&format!("the device to be {status}"), || {
        server.get(&format!("devices/{device}")).1["status"] == status
    });
}

/// Statuses since a time, the oldest first, `*` for maintenance.
fn history(server: &Server, device: &str, since: Timestamp) -> Vec<Value> {
    let path = format!("devices/{device}/status-history?from={since}&sort=from&limit=1000");
    let (status, page) = server.get(&path);
    assert_eq!(status, 200, "{page}");
    let rows = page["items"].as_array().unwrap().clone();
    for pair in rows.windows(2) {
        assert_eq!(pair[0]["to"], pair[1]["from"], "no gap: {pair:?}");
    }
    rows
}

fn words(rows: &[Value]) -> Vec<String> {
    let word = |row: &Value| {
        let work = if row["maintenance"] == true { "*" } else { "" };
        format!("{}{work}", row["status"].as_str().unwrap())
    };
    rows.iter().map(word).collect()
}

#[test]
fn an_agent_that_stops_is_an_outage_and_a_server_that_stops_is_not() {
    let Some(mut agent) = Agent::start("past") else {
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let server = start(data.path());
    let began = now();
    let credential = add_credential(&server);
    let device = discover(&server, &agent.address(), &credential);
    wait_for(&server, &device, "up");
    agent.stop();
    wait_for(&server, &device, "down");
    agent.start_again();
    wait_for(&server, &device, "up");
    let rows = history(&server, &device, began);
    // Silence is degraded first: it takes two intervals to be down.
    assert_eq!(words(&rows), ["unknown", "up", "degraded", "down", "up"]);
    let said = rows[3]["evidence"][0]["detail"].as_str().unwrap();
    assert!(said.contains("no answer"), "{said}");
    assert_eq!(rows[4]["ongoing"], true);

    // The same from the sums, for the device, for its interface, and in the list.
    let path = format!("devices/{device}/availability?from={began}");
    let (_, sums) = server.get(&path);
    let secs = |sums: &Value, field: &str| sums[field].as_f64().unwrap();
    assert_eq!(sums["outages"], 1, "{sums}");
    assert!(
        secs(&sums, "down_secs") > 0.0 && secs(&sums, "up_secs") > 0.0,
        "{sums}"
    );
    assert_eq!(sums["mean_time_to_repair_secs"], sums["down_secs"]);
    let (_, interfaces) = server.get(&format!("devices/{device}/interfaces?q=lo"));
    let port = interfaces["items"][0]["id"].as_str().unwrap();
    let (_, of_port) = server.get(&format!("interfaces/{port}/availability?from={began}"));
    assert_eq!(
        (&of_port["outages"], &of_port["up_ratio"]),
        (&json!(0), &json!(1.0))
    );
    assert!(
        secs(&of_port, "unknown_secs") >= secs(&sums, "down_secs"),
        "{of_port}"
    );
    let (_, list) = server.get(&format!("availability?from={began}"));
    assert_eq!(list["items"][0]["device_id"], device.as_str());
    assert_eq!(list["items"][0]["outages"], 1);

    // An orderly stop, then a crash: unknown both times, and no outage.
    let again = now();
    let (status, _) = server.terminate();
    assert!(status.success());
    std::thread::sleep(Duration::from_secs(2));
    let server = start(data.path());
    wait_for(&server, &device, "up");
    server.crash();
    std::thread::sleep(Duration::from_secs(2));
    let server = start(data.path());
    wait_for(&server, &device, "up");
    let rows = history(&server, &device, again);
    assert_eq!(words(&rows), ["up", "unknown", "up", "unknown", "up"]);
    for row in [&rows[1], &rows[3]] {
        assert!(row["secs"].as_f64().unwrap() >= 2.0, "{row}");
    }
    let (_, sums) = server.get(&path);
    assert_eq!(sums["outages"], 1, "{sums}");
    assert!(secs(&sums, "unknown_secs") >= 4.0, "{sums}");
}

#[test]
fn maintenance_ends_at_its_time_also_while_the_server_is_stopped() {
    let Some(mut agent) = Agent::start("worked-on") else {
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let server = start(data.path());
    let credential = add_credential(&server);
    let device = discover(&server, &agent.address(), &credential);
    wait_for(&server, &device, "up");
    let path = format!("devices/{device}");
    let began = now();
    let until_then = now().plus(Duration::from_secs(2));
    let body =
        json!({"maintenance": true, "maintenance_until": until_then, "maintenance_reason": "fan"});
    let (status, told) = server.patch(&path, &body);
    assert_eq!(
        (status, &told["maintenance"]),
        (200, &json!(true)),
        "{told}"
    );
    until("the maintenance to end", || {
        server.get(&path).1["maintenance"] == false
    });
    let (_, told) = server.get(&path);
    assert_eq!(told["maintenance_reason"], json!(null));
    let rows = history(&server, &device, began);
    let of_work: Vec<&Value> = rows
        .iter()
        .filter(|row| row["maintenance"] == true)
        .collect();
    assert_eq!(of_work.len(), 1, "{rows:?}");
    assert_eq!(of_work[0]["to"], json!(until_then), "to the moment");

    // It goes down under maintenance, which ends while the server is stopped.
    let began = now();
    let until_then = now().plus(Duration::from_secs(20));
    let body = json!({"device_ids": [device], "until": until_then, "reason": "power"});
    let (status, told) = server.post("maintenance", &body);
    assert_eq!(
        (status, &told["items"][0]["outcome"]),
        (200, &json!("began")),
        "{told}"
    );
    agent.stop();
    wait_for(&server, &device, "down");
    let (_, health) = server.get("health");
    assert_eq!(
        (
            &health["devices"]["maintenance"],
            &health["devices"]["down"]
        ),
        (&json!(1), &json!(0))
    );
    server.crash();
    until("the time to come", || now() > until_then);
    let server = start(data.path());
    until("the maintenance to end", || {
        server.get(&path).1["maintenance"] == false
    });
    wait_for(&server, &device, "down");
    let (_, sums) = server.get(&format!("{path}/availability?from={began}"));
    let work = sums["maintenance_secs"].as_f64().unwrap();
    assert!((18.0..=20.1).contains(&work), "{sums}");
    let rows = history(&server, &device, began);
    let words = words(&rows);
    assert!(words.contains(&"down*".to_owned()), "{words:?}");
    assert_eq!(words.last().unwrap(), "down", "{words:?}");
}
