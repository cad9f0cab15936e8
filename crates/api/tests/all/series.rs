//! Which series there are: by a selector, and how many.

use crate::harness::Api;
use crate::measured::lab;
use model::{Labels, Metric};
use serde_json::json;
use std::fmt::Write as _;

#[tokio::test]
async fn series_are_found_by_a_selector() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    let admin = api.admin().await;
    let change = json!({"site": "lyon", "tags": ["role=lab"]});
    let path = format!("/api/v1/devices/{}", lab.device);
    let etag = admin.get(&path).await.header("etag").unwrap().to_owned();
    let answer = admin.patch(&path, Some(&etag), &change).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let ask = |selector: &str, more: &str| {
        let mut encoded = String::new();
        for octet in selector.bytes() {
            let _ = write!(encoded, "%{octet:02x}");
        }
        format!("/api/v1/series?match={encoded}{more}")
    };
    let of_device = format!("{{device_id=\"{}\"}}", lab.device);
    let of_interface = format!("{{interface_id=\"{}\"}}", lab.first);
    for (selector, count) in [
        ("ifHCInOctets", 1),
        ("{}", 3),
        (r#"{site="lyon",interface=~"eth.*"}"#, 2),
        (r#"{role!="lab"}"#, 0),
        (r#"{device="r1",interface=""}"#, 1),
        (
            r#"{interface_alias="to the core",metric=~".*OutOctets"}"#,
            1,
        ),
        (&of_device, 3),
        (&of_interface, 2),
    ] {
        let page = admin.get(&ask(selector, "")).await.json();
        assert_eq!(page["items"].as_array().unwrap().len(), count, "{selector}");
        assert_eq!(page["next_cursor"], json!(null));
    }
    // Page by page, each once, in the order of their ids.
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin
            .get(&ask("{}", &format!("&limit=2{cursor}")))
            .await
            .json();
        for item in page["items"].as_array().unwrap() {
            ids.push(item["id"].as_str().unwrap().to_owned());
        }
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(ids.len(), 3);
    assert!(ids.is_sorted());
    admin
        .get(&ask("sysUpTime", &cursor))
        .await
        .problem(400, "bad-cursor");
    for selector in ["", "{site=}", "no_such_metric", "{a=~\"(\"}"] {
        let answer = admin.get(&ask(selector, "")).await;
        answer.problem(400, "bad-query");
        assert_eq!(answer.pointers(), ["?match"], "{selector}");
    }
    let long = format!("{{a=\"{}\"}}", "x".repeat(4_096));
    let answer = admin.get(&ask(&long, "")).await;
    assert_eq!(answer.pointers(), ["?match"]);
    let answer = admin.get(&ask("{}", "&sort=metric")).await;
    assert_eq!(answer.pointers(), ["?sort"]);
}

#[tokio::test]
async fn series_are_counted() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    let admin = api.admin().await;
    let series = &api.services.series;
    let key = |n: usize| {
        let labels = Labels::default().with("sensor", n.to_string());
        (Metric::SENSOR_OTHER, labels)
    };
    let too_many = (0..20_000).map(key).collect();
    assert!(series.resolve(lab.device, too_many).await.is_err());
    let counted = admin.get("/api/v1/series/cardinality?limit=1").await.json();
    assert_eq!(
        (&counted["series"], &counted["devices"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(counted["series_per_device_max"], 16_384);
    assert_eq!(
        counted["by_label"][2],
        json!({"label": "vantage", "values": 1, "series": 3})
    );
    assert_eq!(
        counted["by_metric"][0],
        json!({"metric": "ifHCInOctets", "series": 1, "known": true})
    );
    let device = json!({
        "device_id": lab.device.to_string(), "device_name": "r1", "series": 3, "asked": 20_003,
    });
    assert_eq!(counted["largest_devices"], json!([device]));
    assert_eq!(counted["near_bound"], json!([device]));
    assert_eq!(counted["near_bound_count"], 1);
    for limit in ["0", "101", "x"] {
        let path = format!("/api/v1/series/cardinality?limit={limit}");
        let answer = admin.get(&path).await;
        answer.problem(400, "bad-query");
        assert_eq!(answer.pointers(), ["?limit"]);
    }
}
