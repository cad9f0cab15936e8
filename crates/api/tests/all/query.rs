//! Queries over the samples of many series.

use crate::harness::{Api, NOW};
use crate::measured::lab;
use model::Timestamp;
use serde_json::{Value, json};

const PATH: &str = "/api/v1/query";

/// The last four minutes of the lab: 24 polls, of which the first come before its restart.
fn body(matching: &str, more: &Value) -> Value {
    let mut body = json!({
        "match": matching,
        "from": Timestamp::from_unix_ms(NOW - 240_000),
        "to": Timestamp::from_unix_ms(NOW),
        "step_secs": 60,
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn series_are_rows_groups_and_ranks() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    let admin = api.admin().await;
    let change = json!({"site": "lyon", "tags": ["role=lab"]});
    let path = format!("/api/v1/devices/{}", lab.device);
    let etag = admin.get(&path).await.header("etag").unwrap().to_owned();
    let answer = admin.patch(&path, Some(&etag), &change).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    // Each by itself.
    let asked = body(r#"{metric=~"ifHC.*Octets",site="lyon"}"#, &json!({}));
    let told = admin.post(PATH, &asked).await.json();
    assert_eq!(told["match"], asked["match"]);
    assert_eq!(
        (&told["level"], &told["step_secs"]),
        (&json!("raw"), &json!(60))
    );
    assert_eq!(
        (&told["matched"], &told["more"]),
        (&json!(2), &json!(false))
    );
    let part = json!([{"from": told["from"], "to": told["to"], "level": "raw"}]);
    assert_eq!(told["parts"], part);
    let rows = told["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    let row = &rows[0];
    assert_eq!(
        (&row["series"], &row["ranked_by"]),
        (&json!(1), &json!(null))
    );
    let labels = json!({
        "metric": "ifHCInOctets", "device_id": lab.device, "device": "r1", "site": "lyon",
        "tag": "role=lab", "role": "lab", "vantage": "local", "interface": "eth1",
        "interface_id": lab.first, "interface_alias": "to the core",
        "interface_kind": "ethernetCsmacd",
    });
    assert_eq!(row["labels"], labels);
    // As one series by itself is answered.
    let id = row["series_id"].as_str().unwrap();
    let (from, to) = (
        asked["from"].as_str().unwrap(),
        asked["to"].as_str().unwrap(),
    );
    let path = format!("/api/v1/series/{id}/samples?from={from}&to={to}&step_secs=60");
    let samples = admin.get(&path).await.json();
    assert_eq!(row["points"], samples["points"]);
    assert_eq!(row["points"].as_array().unwrap().len(), 4);
    assert_eq!(row["points"][3], json!([NOW - 60_000, 1_000.0]));
    assert!(told["cost"]["samples"].as_u64().unwrap() >= 60);
    // Put together, and ranked.
    let sum = json!({"across": {"op": "sum", "by": ["site"]}});
    let told = admin
        .post(PATH, &body(r#"{metric=~"ifHC.*Octets"}"#, &sum))
        .await
        .json();
    let row = &told["rows"][0];
    assert_eq!(
        (&row["labels"], &row["series"]),
        (&json!({"site": "lyon"}), &json!(2))
    );
    assert_eq!(
        (&row["series_id"], &row["points"][3][1]),
        (&json!(null), &json!(1_500.0))
    );
    for (op, metric, by) in [
        ("topk", "ifHCInOctets", 1_000.0),
        ("bottomk", "ifHCOutOctets", 500.0),
    ] {
        let first = json!({"across": {"op": op, "k": 1}});
        let told = admin
            .post(PATH, &body(r#"{metric=~"ifHC.*Octets"}"#, &first))
            .await
            .json();
        assert_eq!(told["rows"].as_array().unwrap().len(), 1);
        assert_eq!(told["rows"][0]["labels"]["metric"], metric);
        assert_eq!(told["rows"][0]["ranked_by"], by);
    }
    // Each aggregation is taken, and rows that do not fit are told.
    for op in [
        "avg", "min", "max", "sum", "count", "last", "rate", "increase", "delta", "stddev",
    ] {
        let over = json!({"over": {"op": op}, "limit": 2});
        let told = admin.post(PATH, &body("{}", &over)).await.json();
        let rows = told["rows"].as_array().map(Vec::len);
        assert_eq!(
            (rows, &told["more"], &told["matched"]),
            (Some(2), &json!(true), &json!(3)),
            "{op}"
        );
    }
    for op in ["avg", "min", "max", "sum", "count", "stddev"] {
        let across = json!({"across": {"op": op, "without": ["interface", "metric"]}});
        let told = admin.post(PATH, &body("{}", &across)).await.json();
        assert_eq!(told["rows"].as_array().map(Vec::len), Some(2), "{op}");
    }
    let quantiles = json!({
        "over": {"op": "quantile", "q": 0.5}, "across": {"op": "quantile", "q": 1},
    });
    let told = admin
        .post(PATH, &body("sysUpTime", &quantiles))
        .await
        .json();
    // Polls each ten seconds, five seconds after the restart the first.
    assert_eq!(told["rows"][0]["points"][3][1], json!(110.0));
    // By default: the last hour, steps of a minute.
    let told = admin.post(PATH, &json!({"match": "icmp_rtt"})).await.json();
    assert_eq!(
        (&told["step_secs"], &told["rows"]),
        (&json!(60), &json!([]))
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_query_is_pointed_at() {
    let api = Api::new().await;
    lab(&api).await;
    let admin = api.admin().await;
    let day = Timestamp::from_unix_ms(NOW - 86_400_000);
    let long_ago = Timestamp::from_unix_ms(NOW - 401 * 86_400_000);
    let cases: &[(Value, &[&str])] = &[
        (json!({"match": "{site="}), &["/match"]),
        (json!({"match": "no_such_metric"}), &["/match"]),
        (json!({"match": "a".repeat(5_000)}), &["/match"]),
        (
            json!({"match": "{a=~\"(\"}", "limit": 0}),
            &["/match", "/limit"],
        ),
        (json!({"limit": 1_001}), &["/limit"]),
        (json!({"step_secs": 0}), &["/step_secs"]),
        (json!({"from": day, "step_secs": 1}), &["/step_secs"]),
        // Ten years by the hour, 400 days by less.
        (
            json!({"from": long_ago, "step_secs": 3_000}),
            &["/step_secs"],
        ),
        (json!({"from": Timestamp::from_unix_ms(0)}), &["/from"]),
        (
            json!({"from": day, "step_secs": 10, "limit": 13}),
            &["/limit"],
        ),
        (json!({"from": Timestamp::from_unix_ms(NOW)}), &["/from"]),
        (json!({"over": "rate"}), &["/over"]),
        (json!({"over": {"op": "p95"}}), &["/over/op"]),
        (json!({"over": {"op": "quantile"}}), &["/over/q"]),
        (json!({"over": {"op": "quantile", "q": 1.5}}), &["/over/q"]),
        (json!({"over": {"op": "rate", "q": 0.5}}), &["/over/q"]),
        (json!({"across": {"op": "median"}}), &["/across/op"]),
        (
            json!({"across": {"op": "quantile", "q": -1}}),
            &["/across/q"],
        ),
        (json!({"across": {"op": "topk"}}), &["/across/k"]),
        (
            json!({"across": {"op": "bottomk", "k": 1_001}}),
            &["/across/k"],
        ),
        (json!({"across": {"op": "sum", "k": 3}}), &["/across/k"]),
        (
            json!({"across": {"op": "sum", "by": ["site"], "without": []}}),
            &["/across/without"],
        ),
        (
            json!({"across": {"op": "sum", "by": ["site", "1x", "a b"]}}),
            &["/across/by/1", "/across/by/2"],
        ),
        (
            json!({"across": {"op": "sum", "without": vec!["a"; 17]}}),
            &["/across/without"],
        ),
        (
            json!({"across": {"op": "sum", "colour": 1}}),
            &["/across/colour"],
        ),
        (json!({"colour": 1}), &["/colour"]),
    ];
    for (more, pointers) in cases {
        let answer = admin.post(PATH, &body("{}", more)).await;
        answer.problem(422, "invalid");
        assert_eq!(answer.pointers(), *pointers, "{more}");
    }
    // What would fit does: the polls of a day by ten seconds.
    let fits = json!({"from": day, "step_secs": 10, "limit": 12});
    let answer = admin.post(PATH, &body("{}", &fits)).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let fits =
        json!({"from": day, "step_secs": 10, "limit": 1_000, "across": {"op": "topk", "k": 2}});
    let answer = admin.post(PATH, &body("{}", &fits)).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    // It takes no key, and needs somebody who is signed in.
    let nobody = crate::harness::request(
        axum::http::Method::POST,
        PATH,
        Some(&body("{}", &json!({}))),
    );
    assert_eq!(api.send(nobody).await.status, 401);
}
