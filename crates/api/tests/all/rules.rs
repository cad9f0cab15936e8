//! Rules for what discoveries find, and the addresses that are offered; that a discovery heeds them
//! is the server's affair.

use crate::harness::{Api, NOW};
use foretell_api::Options;
use model::discovery::{DiscoveryRequest, DiscoveryResult, SnmpAnswer};
use model::facts::{ArpFacts, Facts, RoutingNeighborFacts};
use model::neighbor::RoutingProtocol;
use model::{DeviceId, DiscoveryId, Timestamp};
use serde_json::{Value, json};

const RULES: &str = "/api/v1/discovery-rules";
const DRY_RUN: &str = "/api/v1/discovery-rules/dry-run";
const CANDIDATES: &str = "/api/v1/candidates";

#[tokio::test]
async fn a_rule_is_made_read_changed_and_deleted() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let body = json!({
        "name": " lab ", "order": 20,
        "condition": {"networks": ["192.0.2.0/24"], "vendor": "cisco*", "sources": ["neighbor"]},
        "actions": {"verdict": "ignore", "tags": [" lab "], "site": "HQ", "interval_secs": 300,
            "profile": " built-in "},
    });
    let answer = admin.post(RULES, &body).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    let path = answer.header("location").unwrap().to_owned();
    let (made, etag) = (answer.json(), answer.header("etag").unwrap().to_owned());
    assert_eq!((&made["name"], &made["order"]), (&json!("lab"), &json!(20)));
    assert_eq!(
        (&made["enabled"], &made["continue"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(made["actions"]["tags"], json!(["lab"]));
    assert_eq!(made["actions"]["profile"], "built-in");
    assert_eq!(admin.get(&path).await.json(), made);
    admin.post(RULES, &body).await.problem(409, "conflict");

    let first = admin
        .make(RULES, json!({"name": "first", "order": 1}))
        .await;
    let listed = admin.get(RULES).await.json();
    let names: Vec<&str> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["first", "lab"]);
    assert_eq!(first["condition"]["vendor"], json!(null));

    let change = json!({"enabled": false, "condition": {"os": "IOS*"}, "continue": true});
    let answer = admin.patch(&path, Some(&etag), &change).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let changed = answer.json();
    assert_eq!(
        changed["condition"]["vendor"],
        json!(null),
        "replaced as a whole"
    );
    assert_eq!(changed["actions"], made["actions"]);
    admin
        .patch(&path, Some(&etag), &change)
        .await
        .problem(412, "stale");
    let etag = answer.header("etag").unwrap();
    assert_eq!(admin.delete(&path, Some(etag)).await.status, 204);
    admin.get(&path).await.problem(404, "not-found");
}

#[tokio::test]
async fn what_is_wrong_with_a_rule_is_pointed_at() {
    let api = Api::new().await;
    let admin = api.admin().await;
    for (body, pointers) in [
        (
            json!({"name": "", "order": 2_000_000, "actions": {"interval_secs": 1, "tags": ["a,b"]}}),
            vec!["/actions/interval_secs", "/actions/tags", "/name", "/order"],
        ),
        (
            json!({"name": "a", "condition": {"networks": ["x"], "os": "/(/"}}),
            vec!["/condition/networks/0", "/condition/os"],
        ),
        (
            json!({"name": "a", "condition": {"colour": "red"}}),
            vec!["/condition/colour"],
        ),
        (
            json!({"name": "a", "actions": {"verdict": "maybe"}}),
            vec!["/actions/verdict"],
        ),
        (
            json!({"name": "a", "actions": {"profile": "nowhere"}}),
            vec!["/actions/profile"],
        ),
    ] {
        let answer = admin.post(RULES, &body).await;
        answer.problem(422, "invalid");
        let mut found = answer.pointers();
        found.sort();
        assert_eq!(found, pointers, "{body}");
        let tried = json!({"on": "devices", "rule": body});
        let answer = admin.post(DRY_RUN, &tried).await;
        answer.problem(422, "invalid");
        let mut found = answer.pointers();
        found.sort();
        let pointers: Vec<String> = pointers.iter().map(|at| format!("/rule{at}")).collect();
        assert_eq!(found, pointers, "{tried}");
    }
}

#[tokio::test]
async fn a_rule_whose_profile_is_gone_can_still_be_changed() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let draft = json!({"name": "acme", "text": "summary = \"a\""});
    assert_eq!(admin.post("/api/v1/profiles", &draft).await.status, 201);
    let actions = json!({"profile": "acme"});
    let rule = json!({"name": "ours", "actions": actions});
    let made = admin.make(RULES, rule).await;
    let gone = admin.delete("/api/v1/profiles/acme", Some("*")).await;
    assert_eq!(gone.status, 204, "{:?}", gone.body);
    let path = format!("{RULES}/{}", made["id"].as_str().unwrap());
    let same = json!({"enabled": false, "actions": actions});
    let answer = admin.patch(&path, Some("*"), &same).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let other = json!({"actions": {"profile": "nowhere"}});
    let answer = admin.patch(&path, Some("*"), &other).await;
    answer.problem(422, "invalid");
    assert_eq!(answer.pointers(), ["/actions/profile"]);

    // What can be saved can be tried before.
    for (profile, status) in [("acme", 200), ("nowhere", 422)] {
        let rule = json!({"name": "ours", "enabled": false, "actions": {"profile": profile}});
        let body = json!({"on": "devices", "rule": rule, "replaces": made["id"]});
        let answer = admin.post(DRY_RUN, &body).await;
        assert_eq!(answer.status, status, "{:?}", answer.body);
    }
}

#[tokio::test]
async fn a_dry_run_tells_the_profile() {
    let api = Api::new().await;
    let admin = api.admin().await;
    admin
        .make("/api/v1/devices", json!({"address": "192.0.2.9"}))
        .await;
    let rule = json!({"name": "ours", "actions": {"profile": "built-in"}});
    let body = json!({"on": "devices", "rule": rule});
    let answer = admin.post(DRY_RUN, &body).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let row = answer.json()["items"][0].clone();
    assert_eq!(row["decision"]["profile"], "built-in", "{row}");
}

async fn tried(api: &Api, body: Value) -> Vec<(String, String, String)> {
    let answer = api.admin().await.post(DRY_RUN, &body).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    answer.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let verdict = text(&row["decision"]["verdict"]);
            (text(&row["address"]), verdict, text(&row["reason"]))
        })
        .collect()
}

fn row(address: &str, verdict: &str, reason: &str) -> (String, String, String) {
    (address.to_owned(), verdict.to_owned(), reason.to_owned())
}

#[tokio::test]
async fn rules_are_tried_on_what_is_known_and_change_nothing() {
    let api = Api::new().await;
    let admin = api.admin().await;
    admin
        .make("/api/v1/devices", json!({"address": "192.0.2.9"}))
        .await;
    admin
        .make("/api/v1/devices", json!({"address": "192.0.2.10"}))
        .await;
    let rule = json!({"name": "even", "condition": {"networks": ["192.0.2.10"]}, "actions": {"verdict": "ignore"}});
    let reason = "ignored by the rule `even` (address 192.0.2.10 in 192.0.2.10)";
    let before = admin.get("/api/v1/devices").await.json();
    let on = json!({"on": "devices", "rule": rule});
    let none = "no rule holds: registered";
    let expected = [
        row("192.0.2.9", "register", none),
        row("192.0.2.10", "ignore", reason),
    ];
    assert_eq!(tried(&api, on).await, expected);
    assert_eq!(admin.get(RULES).await.json()["items"], json!([]));
    assert_eq!(admin.get("/api/v1/devices").await.json(), before);

    // A draft takes the place of the rule that it is to replace.
    let kept = admin.make(RULES, rule).await;
    let draft = json!({"name": "odd", "condition": {"networks": ["192.0.2.9"]}, "actions": {"verdict": "ignore"}});
    let on = json!({"on": "devices", "rule": draft, "replaces": kept["id"]});
    let verdicts: Vec<String> = tried(&api, on).await.into_iter().map(|row| row.1).collect();
    assert_eq!(verdicts, ["ignore", "register"]);

    // The latest discovery: only what answered.
    assert_eq!(tried(&api, json!({"on": "discovery"})).await, []);
    let request: DiscoveryRequest =
        serde_json::from_value(json!({"targets": ["192.0.2.0/24"], "methods": ["snmp"]})).unwrap();
    let runs = &api.services.store.discoveries;
    let run = runs.create(DiscoveryId::new(), request).await.unwrap().body;
    let found = |address: &str, snmp| -> DiscoveryResult {
        serde_json::from_value(json!({
            "address": address, "port": 161, "via": "target", "hops": 0, "icmp_answered": null,
            "snmp": snmp, "name": "sw1", "description": null, "vendor": "Cisco",
            "device_id": null, "identity_reason": null,
        }))
        .unwrap()
    };
    let answered = json!(SnmpAnswer::Identified {
        credential_id: None
    });
    let results = [
        found("192.0.2.10", answered),
        found("192.0.2.11", json!(SnmpAnswer::Silent)),
    ];
    runs.add_results(run.id, &results).await.unwrap();
    let tried_on = tried(&api, json!({"on": "discovery"})).await;
    assert_eq!(tried_on, [row("192.0.2.10", "ignore", reason)]);
    let unknown = json!({"on": "discovery", "discovery_id": DiscoveryId::new()});
    let answer = admin.post(DRY_RUN, &unknown).await;
    answer.problem(422, "invalid");
    assert_eq!(answer.pointers(), ["/discovery_id"]);
}

async fn hears(api: &Api, id: &Value, arp: &[&str], peer: &str) {
    let id: DeviceId = id.as_str().unwrap().parse().unwrap();
    let facts = Facts {
        arp: arp
            .iter()
            .map(|address| ArpFacts {
                address: address.parse().ok(),
                mac: Some("02:00:00:00:00:07".to_owned()),
                interface: Some("vlan10".to_owned()),
            })
            .collect(),
        arp_read_at: Some(Timestamp::from_unix_ms(NOW)),
        routing_neighbors: vec![RoutingNeighborFacts {
            protocol: Some(RoutingProtocol::Bgp),
            remote_address: peer.parse().ok(),
            remote_as: Some(64_500),
            state: Some("established".to_owned()),
            ..RoutingNeighborFacts::default()
        }],
        routing_read_at: Some(Timestamp::from_unix_ms(NOW - 60_000)),
        ..Facts::default()
    };
    api.services
        .store
        .inventory
        .set_facts(id, facts)
        .await
        .unwrap();
}

#[tokio::test]
async fn addresses_that_were_heard_of_are_offered_accepted_and_ignored() {
    let api = Api::with(Options {
        allowed_networks: vec!["192.0.2.0/24".to_owned()],
        ..Options::default()
    })
    .await;
    let admin = api.admin().await;
    let credential = json!({"name": "ro", "kind": "snmp_v2c", "community": "public"});
    let credential = admin.make("/api/v1/credentials", credential).await;
    let router = json!({"address": "192.0.2.1", "port": 1161, "name": "r1", "credential_id": credential["id"]});
    let router = admin.make("/api/v1/devices", router).await;
    hears(
        &api,
        &router["id"],
        &["192.0.2.7", "192.0.2.1", "198.51.100.7"],
        "192.0.2.9",
    )
    .await;

    let listed = admin.get(CANDIDATES).await.json();
    let items = listed["items"].as_array().unwrap();
    let addresses: Vec<&str> = items
        .iter()
        .map(|c| c["address"].as_str().unwrap())
        .collect();
    assert_eq!(addresses, ["192.0.2.7", "192.0.2.9"]);
    let seen = &items[1]["evidence"][0];
    assert_eq!(
        (&seen["device_name"], &seen["how"]),
        (&json!("r1"), &json!("bgp"))
    );
    assert_eq!(seen["detail"], "AS 64500, established");
    assert_eq!(seen["seen_at"], "2026-03-01T11:59:00.000Z");
    let by_arp = admin.get(&format!("{CANDIDATES}?how=arp")).await.json();
    assert_eq!(by_arp["items"].as_array().unwrap().len(), 1);
    assert_eq!(by_arp["items"][0]["mac"], "02:00:00:00:00:07");

    // Accepted it is asked as the device that heard of it is.
    let accept = format!("{CANDIDATES}/192.0.2.9/accept");
    let answer = admin.post(&accept, &json!({})).await;
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    let begun = answer.json();
    assert_eq!(begun["request"]["targets"], json!(["192.0.2.9:1161"]));
    assert_eq!(
        begun["request"]["credential_ids"],
        json!([credential["id"]])
    );
    assert_eq!(begun["request"]["max_hops"], 0);
    admin
        .post(&format!("{CANDIDATES}/192.0.2.8/accept"), &json!({}))
        .await
        .problem(404, "not-found");
    admin
        .post(&accept, &json!({"port": 0}))
        .await
        .problem(422, "invalid");

    let ignore = format!("{CANDIDATES}/192.0.2.7/ignore");
    assert_eq!(admin.post(&ignore, &json!(null)).await.status, 204);
    assert_eq!(admin.post(&ignore, &json!(null)).await.status, 204);
    let offered = admin.get(CANDIDATES).await.json();
    assert_eq!(offered["items"].as_array().unwrap().len(), 1);
    let ignored = admin
        .get(&format!("{CANDIDATES}?ignored=true"))
        .await
        .json();
    assert_eq!(
        ignored["items"][0]["ignored_at"],
        "2026-03-01T12:00:00.000Z"
    );
    let tried_on = tried(&api, json!({"on": "candidates"})).await;
    assert_eq!(
        tried_on,
        [row("192.0.2.9", "register", "no rule holds: registered")]
    );
    assert_eq!(admin.delete(&ignore, None).await.status, 204);
    admin.delete(&ignore, None).await.problem(404, "not-found");

    // One that is registered is none any more.
    admin
        .make("/api/v1/devices", json!({"address": "192.0.2.9"}))
        .await;
    let left = admin.get(CANDIDATES).await.json();
    assert_eq!(left["items"][0]["address"], "192.0.2.7");
    assert_eq!(left["items"].as_array().unwrap().len(), 1);

    let of_router = format!("/api/v1/devices/{}", router["id"].as_str().unwrap());
    let peers = admin
        .get(&format!("{of_router}/routing-neighbors"))
        .await
        .json();
    assert_eq!(peers["items"][0]["remote_as"], 64_500);
    let arp = admin
        .get(&format!("{of_router}/arp?sort=-address&limit=1"))
        .await
        .json();
    assert_eq!(arp["items"][0]["address"], "198.51.100.7");
}
