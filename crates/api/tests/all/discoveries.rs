//! Discoveries: begun by a command, followed from the store, cancelled.

use crate::harness::Api;
use model::discovery::{DiscoveryPhase, DiscoveryResult, SnmpAnswer};
use serde_json::{Value, json};

#[tokio::test]
async fn a_run_is_begun_followed_and_cancelled() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let answer = admin
        .post("/api/v1/discoveries", &json!({"targets": ["192.0.2.0/29"]}))
        .await;
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    let run = answer.json();
    let path = answer.header("location").unwrap().to_owned();
    assert_eq!(run["phase"], "running");
    assert_eq!(
        run["request"]["methods"],
        json!(["icmp", "snmp", "neighbors"])
    );
    assert_eq!(run["request"]["max_hops"], 8);
    assert_eq!(admin.get(&path).await.json(), run);

    let id = run["id"].as_str().unwrap().parse().unwrap();
    let results: Vec<DiscoveryResult> = (1..=3).map(|n| result(&format!("192.0.2.{n}"))).collect();
    let discoveries = &api.services.store.discoveries;
    discoveries.add_results(id, &results).await.unwrap();
    let mut seen = Vec::new();
    let mut query = String::from("limit=2");
    loop {
        let page = admin.get(&format!("{path}/results?{query}")).await.json();
        let items = page["items"].as_array().unwrap();
        seen.extend(
            items
                .iter()
                .map(|item| item["address"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => query = format!("limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["192.0.2.1", "192.0.2.2", "192.0.2.3"]);

    assert_eq!(admin.delete(&path, None).await.status, 202);
    api.asked("CancelDiscovery").await;
    let mut ended = discoveries.get(id).await.unwrap().unwrap().body;
    ended.phase = DiscoveryPhase::Cancelled;
    discoveries.update(&ended).await.unwrap();
    admin.delete(&path, None).await.problem(409, "conflict");
}

#[tokio::test]
async fn runs_are_listed_the_latest_first() {
    let api = Api::new().await;
    let admin = api.admin().await;
    for n in 1..=3 {
        let body = json!({"targets": [format!("192.0.2.{n}")]});
        assert_eq!(admin.post("/api/v1/discoveries", &body).await.status, 202);
    }
    let first = admin.get("/api/v1/discoveries?limit=2").await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = admin
        .get(&format!("/api/v1/discoveries?limit=2&cursor={cursor}"))
        .await
        .json();
    let targets: Vec<&Value> = first["items"]
        .as_array()
        .unwrap()
        .iter()
        .chain(second["items"].as_array().unwrap())
        .map(|run| &run["request"]["targets"][0])
        .collect();
    assert_eq!(targets, ["192.0.2.3", "192.0.2.2", "192.0.2.1"]);
}

/// All rows of a list, page by page.
async fn rows(admin: &crate::harness::Client<'_>, path: &str, limit: usize) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("{path}&limit={limit}{cursor}")).await;
        let page = page.json();
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[tokio::test]
async fn runs_and_results_are_sorted_as_asked() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let discoveries = &api.services.store.discoveries;
    let mut last = String::new();
    for n in 1..=4u32 {
        let body = json!({"targets": [format!("192.0.2.{n}")]});
        let run = admin.post("/api/v1/discoveries", &body).await.json();
        let id = run["id"].as_str().unwrap().parse().unwrap();
        let mut run = discoveries.get(id).await.unwrap().unwrap().body;
        run.devices_found = [7, 0, 9, 7][n as usize - 1];
        if n > 2 {
            run.phase = DiscoveryPhase::Done;
            run.ended_at = Some(api.services.clock.now());
        }
        discoveries.update(&run).await.unwrap();
        last = id.to_string();
        api.pass(std::time::Duration::from_secs(1));
    }
    for (sort, expected) in [
        ("started_at", "1 2 3 4"),
        ("-started_at", "4 3 2 1"),
        ("devices_found", "2 1 4 3"),
        ("-devices_found", "3 4 1 2"),
        ("ended_at", "3 4 1 2"),
        ("-ended_at", "4 3 2 1"),
        ("phase", "1 2 3 4"),
    ] {
        for limit in [1, 2, 3, 100] {
            let rows = rows(&admin, &format!("/api/v1/discoveries?sort={sort}"), limit).await;
            let found: Vec<&str> = rows
                .iter()
                .map(|run| run["request"]["targets"][0].as_str().unwrap())
                .map(|target| target.rsplit('.').next().unwrap())
                .collect();
            assert_eq!(found.join(" "), expected, "{sort} by {limit}");
        }
    }
    let answer = admin.get("/api/v1/discoveries?sort=colour").await;
    answer.problem(400, "bad-query");
    assert_eq!(answer.pointers(), ["?sort"]);
    // A cursor belongs to its order.
    let page = admin.get("/api/v1/discoveries?limit=1").await.json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let other = format!("/api/v1/discoveries?limit=1&sort=phase&cursor={cursor}");
    admin.get(&other).await.problem(400, "bad-cursor");

    let named = |n: u8, name: Option<&str>, hops| DiscoveryResult {
        name: name.map(str::to_owned),
        hops,
        ..result(&format!("192.0.2.{n}"))
    };
    let found = [
        named(1, Some("b"), 2),
        named(2, None, 0),
        named(10, Some("A"), 1),
    ];
    let id = last.parse().unwrap();
    discoveries.add_results(id, &found).await.unwrap();
    for (sort, expected) in [
        ("address", "1 2 10"),
        ("-address", "10 2 1"),
        ("name", "10 1 2"),
        ("-name", "1 10 2"),
        ("hops", "2 10 1"),
    ] {
        for limit in [1, 2, 100] {
            let path = format!("/api/v1/discoveries/{last}/results?sort={sort}");
            let rows = rows(&admin, &path, limit).await;
            let found: Vec<&str> = rows
                .iter()
                .map(|row| row["address"].as_str().unwrap().rsplit('.').next().unwrap())
                .collect();
            assert_eq!(found.join(" "), expected, "{sort} by {limit}");
        }
    }
}

fn result(address: &str) -> DiscoveryResult {
    DiscoveryResult {
        address: address.parse().unwrap(),
        port: 161,
        via: "target".to_owned(),
        hops: 0,
        icmp_answered: Some(true),
        snmp: SnmpAnswer::Silent,
        name: None,
        description: None,
        vendor: None,
        device_id: None,
        identity_reason: None,
        model: None,
        os: None,
        kind: None,
        object_id: None,
        rule_reason: None,
    }
}

#[tokio::test]
async fn too_much_is_refused_where_it_stands() {
    use model::discovery::{CREDENTIALS_MAX, HOPS_MAX, TARGETS_MAX};
    let api = Api::new().await;
    let admin = api.admin().await;
    let many = |n: usize| vec!["192.0.2.1"; n];
    let credentials: Vec<String> = (0..=CREDENTIALS_MAX)
        .map(|_| model::CredentialId::new().to_string())
        .collect();
    let target = many(1);
    for (body, pointer) in [
        (json!({"targets": many(TARGETS_MAX + 1)}), "/targets"),
        (
            json!({"targets": target, "allowed_networks": many(TARGETS_MAX + 1)}),
            "/allowed_networks",
        ),
        (
            json!({"targets": target, "credential_ids": credentials}),
            "/credential_ids",
        ),
        (
            json!({"targets": target, "max_hops": HOPS_MAX + 1}),
            "/max_hops",
        ),
        (json!({"targets": target, "methods": []}), "/methods"),
        (json!({"targets": target, "port": 0}), "/port"),
        // As the server says it, which looks more closely.
        (json!({"targets": ["too", "large"]}), "/targets"),
    ] {
        let answer = admin.post("/api/v1/discoveries", &body).await;
        answer.problem(422, "invalid");
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
    let most = json!({"targets": many(TARGETS_MAX)});
    assert_eq!(admin.post("/api/v1/discoveries", &most).await.status, 202);
}
