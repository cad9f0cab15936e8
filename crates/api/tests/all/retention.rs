//! How long samples are kept: policies, what they would remove, and holds. That samples go is the
//! store's affair.

use crate::harness::{Api, Client, NOW};
use model::{DeviceId, Labels, Metric, PolicyId, Timestamp, Value as Number};
use serde_json::{Value, json};
use std::time::Duration;
use store::series::Batch;

const POLICIES: &str = "/api/v1/retention/policies";
const HOLDS: &str = "/api/v1/retention/holds";
const PREVIEW: &str = "/api/v1/retention/preview";
const DAY: Duration = Duration::from_hours(24);

/// A device with one sample of each of two metrics, so many days old.
async fn measured(api: &Api, admin: &Client<'_>, tag: &str, days: u32) -> Value {
    let address = format!("198.18.{}.{}", days / 256, days % 256);
    let device = json!({"address": address, "tags": [tag]});
    let device = admin.make("/api/v1/devices", device).await;
    let device_id: DeviceId = device["id"].as_str().unwrap().parse().unwrap();
    let keys = [Metric::ICMP_RTT, Metric::SENSOR_OTHER].map(|metric| (metric, Labels::default()));
    let series = api.services.series.resolve(device_id, keys.into()).await;
    let batch = Batch {
        device_id,
        at: Timestamp::from_unix_ms(NOW).minus(DAY * days),
        values: series
            .unwrap()
            .iter()
            .map(|one| (one.column, Number::U64(7)))
            .collect(),
    };
    let taken = api.services.series.append_at_any_age(vec![batch]).await;
    assert!(taken.iter().all(Result::is_ok), "{taken:?}");
    device
}

async fn seal(api: &Api) {
    for _ in 0..4 {
        api.services.series.maintain().await.unwrap();
    }
}

#[tokio::test]
async fn policies_are_made_read_changed_and_deleted() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let built_in = admin.get(POLICIES).await.json();
    let days: Vec<(&str, u64)> = built_in["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| {
            assert_eq!(
                (&policy["built_in"], &policy["revision"]),
                (&json!(true), &json!(0))
            );
            let level = policy["level"].as_str().unwrap();
            (level, policy["keep_days"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(days, [("raw", 400), ("5m", 1_826), ("1h", 3_652)]);

    let body = json!({"name": " lab ", "level": "raw", "metrics": ["icmp_.*"],
        "device_tags": [" lab "], "keep_days": 30});
    let answer = admin.post(POLICIES, &body).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    let path = answer.header("location").unwrap().to_owned();
    let made = answer.json();
    assert_eq!(made["name"], "lab");
    assert_eq!(made["device_tags"], json!(["lab"]));
    assert_eq!(
        (&made["priority"], &made["built_in"]),
        (&json!(100), &json!(false))
    );
    assert_eq!(admin.get(&path).await.json(), made);
    admin.post(POLICIES, &body).await.problem(409, "conflict");
    let taken = json!({"name": "built-in raw", "level": "raw", "keep_days": 3});
    admin.post(POLICIES, &taken).await.problem(409, "conflict");

    let change = json!({"keep_days": 60, "device_tags": []});
    let answer = admin.patch(&path, Some("\"1\""), &change).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(answer.json()["keep_days"], 60);
    assert_eq!(answer.json()["metrics"], made["metrics"]);
    admin
        .patch(&path, Some("\"1\""), &change)
        .await
        .problem(412, "stale");
    admin
        .patch(&path, None, &change)
        .await
        .problem(428, "precondition-required");
    assert_eq!(
        admin.get(&format!("{POLICIES}?limit=2")).await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(admin.delete(&path, Some("\"2\"")).await.status, 204);
    admin.get(&path).await.problem(404, "not-found");
}

#[tokio::test]
async fn of_a_built_in_policy_the_days_can_be_changed() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let listed = admin.get(POLICIES).await.json();
    let path = format!("{POLICIES}/{}", listed["items"][0]["id"].as_str().unwrap());
    let answer = admin.delete(&path, Some("\"0\"")).await;
    answer.problem(409, "conflict");
    let wrong = json!({"name": "mine", "priority": 7, "metrics": ["a"], "keep_days": 0});
    let answer = admin.patch(&path, Some("\"0\""), &wrong).await;
    answer.problem(422, "invalid");
    assert_eq!(
        answer.pointers(),
        ["/name", "/metrics", "/priority", "/keep_days"]
    );
    let answer = admin
        .patch(&path, Some("\"0\""), &json!({"keep_days": 90}))
        .await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let read = admin.get(&path).await;
    assert_eq!(read.header("etag"), Some("\"1\""));
    assert_eq!(read.json()["keep_days"], 90);
    assert_eq!(admin.delete(&path, Some("\"1\"")).await.status, 204);
    assert_eq!(admin.get(&path).await.json()["keep_days"], 400);
}

#[tokio::test]
async fn what_is_wrong_with_a_policy_or_hold_is_pointed_at() {
    let api = Api::new().await;
    let admin = api.admin().await;
    for (body, expected) in [
        (
            json!({"name": "", "level": "raw", "keep_days": 0, "priority": 0}),
            vec!["/name", "/keep_days", "/priority"],
        ),
        (
            json!({"name": "a", "level": "raw", "keep_days": 40_000, "metrics": ["if.*", "("]}),
            vec!["/metrics/1", "/keep_days"],
        ),
        (
            json!({"name": "a", "level": "raw", "keep_days": 1, "device_tags": ["a,b"]}),
            vec!["/device_tags"],
        ),
        (
            json!({"name": "a", "level": "2m", "keep_days": 1}),
            vec!["/level"],
        ),
    ] {
        let answer = admin.post(POLICIES, &body).await;
        answer.problem(422, "invalid");
        assert_eq!(answer.pointers(), expected, "{body}");
        let answer = admin.post(PREVIEW, &json!({"policies": [body]})).await;
        answer.problem(422, "invalid");
        let expected: Vec<String> = expected
            .iter()
            .map(|at| format!("/policies/0{at}"))
            .collect();
        assert_eq!(answer.pointers(), expected, "{body}");
    }
    for (body, expected) in [
        (
            json!({"selector": "{a=", "reason": " "}),
            vec!["/reason", "/selector"],
        ),
        (
            json!({"selector": "noSuchMetric", "reason": "x"}),
            vec!["/selector"],
        ),
        (
            json!({"selector": "{}", "reason": "x".repeat(1_001),
                "from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}),
            vec!["/reason", "/to"],
        ),
        (
            json!({"selector": format!("{{a=\"{}\"}}", "x".repeat(4_096)), "reason": "x"}),
            vec!["/selector"],
        ),
    ] {
        let answer = admin.post(HOLDS, &body).await;
        answer.problem(422, "invalid");
        assert_eq!(answer.pointers(), expected, "{body}");
    }
}

#[tokio::test]
async fn a_preview_tells_what_would_go_and_what_a_hold_keeps() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let old = measured(&api, &admin, "lab", 20).await;
    measured(&api, &admin, "core", 10).await;
    seal(&api).await;
    let standing = admin.get("/api/v1/retention").await.json();
    let sizes = standing["sizes"].as_array().unwrap();
    let samples: u64 = sizes
        .iter()
        .filter(|size| size["level"] == "raw")
        .map(|size| size["samples"].as_u64().unwrap())
        .sum();
    assert_eq!(samples, 4, "{standing}");
    assert_eq!(sizes[0]["level"], "raw");
    assert_eq!(standing["last_pass"], json!(null));
    let accepted = admin
        .post("/api/v1/retention/damage/accept", &json!({}))
        .await;
    assert_eq!(accepted.status, 204, "there is nothing to accept");

    let none = admin.post(PREVIEW, &json!({})).await.json();
    assert_eq!((&none["samples"], &none["bytes"]), (&json!(0), &json!(0)));
    let draft = json!({"name": "a", "level": "raw", "keep_days": 5, "metrics": ["icmp_rtt"]});
    assert_eq!(
        preview_of(&admin, json!({"create": draft})).await["samples"],
        2
    );
    let body = json!({"policies": [draft]});
    let preview = admin.post(PREVIEW, &body).await.json();
    assert_eq!(preview["samples"], 2, "{preview}");
    assert_eq!(preview["days_rewritten"], 2);
    assert_eq!(preview["by_policy"][0]["name"], "a");
    assert_eq!(preview["by_policy"][0]["bytes"], preview["bytes"]);
    assert_eq!(preview["files"][0]["whole"], false);
    assert_eq!(preview["files_left"], 0);

    let hold = json!({"selector": "{tag=\"lab\"}", "reason": " case 7 "});
    let answer = admin.post(HOLDS, &hold).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    let path = answer.header("location").unwrap().to_owned();
    let placed = answer.json();
    assert_eq!(
        (&placed["reason"], &placed["by"]),
        (&json!("case 7"), &json!("admin"))
    );
    assert_eq!(
        (&placed["devices"], &placed["from"]),
        (&json!(1), &json!(null))
    );
    assert_eq!(admin.get(HOLDS).await.json()["items"], json!([placed]));
    let preview = admin.post(PREVIEW, &body).await.json();
    assert_eq!(preview["samples"], 1, "{preview}");
    assert_eq!(preview["by_hold"][0]["hold_id"], placed["id"]);
    assert_eq!(preview["by_hold"][0]["samples"], 1);

    let device = format!("/api/v1/devices/{}", old["id"].as_str().unwrap());
    let problem = admin
        .delete(&device, Some("*"))
        .await
        .problem(409, "conflict");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(placed["id"].as_str().unwrap()), "{detail}");
    assert!(detail.contains("case 7"), "{detail}");

    // Its range and reason can be changed, its series cannot.
    let answer = admin
        .patch(&path, Some("\"1\""), &json!({"selector": "{}"}))
        .await;
    answer.problem(422, "invalid");
    let change = json!({"from": "2026-02-20T00:00:00Z", "reason": "later"});
    let answer = admin.patch(&path, Some("\"1\""), &change).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let preview = admin.post(PREVIEW, &body).await.json();
    assert_eq!(preview["samples"], 2, "{preview}");

    assert_eq!(admin.delete(&path, Some("\"2\"")).await.status, 204);
    assert_eq!(admin.delete(&device, Some("*")).await.status, 204);
}

/// What would go with a change of the policies that there are.
async fn preview_of(admin: &Client<'_>, change: Value) -> Value {
    let answer = admin.post(PREVIEW, &json!({"change": change})).await;
    assert_eq!(answer.status, 200, "{change}: {:?}", answer.body);
    answer.json()
}

#[tokio::test]
async fn a_change_is_tried_as_it_would_be_made() {
    let api = Api::new().await;
    let admin = api.admin().await;
    measured(&api, &admin, "lab", 500).await;
    seal(&api).await;
    let listed = admin.get(POLICIES).await.json();
    let built_in = listed["items"][0]["id"].clone();
    let path = format!("{POLICIES}/{}", built_in.as_str().unwrap());
    let as_built = json!({"change": {"policy_id": built_in}});
    assert_eq!(admin.post(PREVIEW, &as_built).await.status, 409);
    assert_eq!(admin.delete(&path, Some("\"0\"")).await.status, 409);
    let longer = json!({"keep_days": 4_000});
    let answer = admin.patch(&path, Some("\"0\""), &longer).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(admin.post(PREVIEW, &json!({})).await.json()["samples"], 0);
    // Deleted it is as it was built in, and that is 400 days.
    let change = json!({"policy_id": built_in});
    assert_eq!(preview_of(&admin, change).await["samples"], 2);
    let change = json!({"policy_id": built_in, "patch": {"keep_days": 90}});
    let told = preview_of(&admin, change).await;
    let row = &told["by_policy"][0];
    assert_eq!(
        (&row["name"], &row["samples"]),
        (&json!("built-in raw"), &json!(2))
    );

    let make = |name: &str, days: u32, metrics: Vec<String>| json!({"name": name, "level": "raw", "keep_days": days, "metrics": metrics});
    let own = admin.make(POLICIES, make("own", 30_000, Vec::new())).await;
    let shorter = json!({"policy_id": own["id"], "patch": {"name": "shorter", "keep_days": 9}});
    let told = preview_of(&admin, shorter).await;
    let row = &told["by_policy"][0];
    assert_eq!(
        (&row["name"], &row["samples"]),
        (&json!("shorter"), &json!(2))
    );
    assert_eq!(
        preview_of(&admin, json!({"policy_id": own["id"]})).await["samples"],
        0
    );

    for (change, status, pointer) in [
        (json!({}), 422, "/change"),
        (
            json!({"policy_id": own["id"], "create": make("a", 9, Vec::new())}),
            422,
            "/change",
        ),
        (
            json!({"create": make("own", 9, Vec::new())}),
            409,
            "/change/create/name",
        ),
        (
            json!({"create": make("a", 0, Vec::new())}),
            422,
            "/change/create/keep_days",
        ),
        (
            json!({"policy_id": built_in, "patch": {"priority": 9}}),
            422,
            "/change/patch/priority",
        ),
    ] {
        let answer = admin.post(PREVIEW, &json!({"change": change})).await;
        assert_eq!(answer.status, status, "{change}: {:?}", answer.body);
        assert_eq!(answer.pointers(), [pointer], "{change}");
    }
    let both = json!({"policies": [], "change": {"policy_id": own["id"]}});
    admin.post(PREVIEW, &both).await.problem(422, "invalid");
    let nobodys = json!({"change": {"policy_id": PolicyId::new()}});
    admin
        .post(PREVIEW, &nobodys)
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn a_change_is_tried_beside_as_many_policies_as_may_be() {
    let api = Api::new().await;
    let admin = api.admin().await;
    measured(&api, &admin, "lab", 20).await;
    seal(&api).await;
    for policy in 0..100 {
        let count = if policy < 5 { 60 } else { 0 };
        let metrics: Vec<String> = (0..count).map(|n| format!("own_{policy}_{n}")).collect();
        let body = json!({"name": format!("p{policy}"), "level": "raw", "keep_days": 30, "metrics": metrics});
        admin.make(POLICIES, body).await;
    }
    let listed = admin.get(&format!("{POLICIES}?limit=200")).await.json();
    let listed = listed["items"].as_array().unwrap();
    let of = |name: &str| {
        let found = listed.iter().find(|policy| policy["name"] == name);
        found.unwrap()["id"].clone()
    };
    for name in ["p0", "built-in raw"] {
        let change = json!({"policy_id": of(name), "patch": {"keep_days": 9}});
        assert_eq!(preview_of(&admin, change).await["samples"], 0, "{name}");
    }
    let one_more = json!({"name": "one more", "level": "raw", "keep_days": 9});
    for (path, body) in [
        (POLICIES, one_more.clone()),
        (PREVIEW, json!({"change": {"create": one_more}})),
    ] {
        admin.post(path, &body).await.problem(409, "conflict");
    }
}
