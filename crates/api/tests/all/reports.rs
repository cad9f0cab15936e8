//! Reports: each kind over known samples, gaps, pages and refusals.

use crate::harness::{Api, Client, NOW, options};
use foretell_api::Options;
use model::history::DeviceFound;
use model::interface::{IfStatus, Interface};
use model::{DeviceId, InterfaceId, Labels, Metric, Status, Timestamp, Value};
use serde_json::{Value as Json, json};
use std::time::Duration;
use store::history::Record;
use store::series::Batch;

const HOUR: i64 = 3_600_000;
pub const DAY: i64 = 24 * HOUR;
/// Days of which there are samples.
const DAYS: i64 = 60;
/// A name that is a formula, an element and a page's end.
pub const HOSTILE: &str = "=cmd|'/c calc'!A1</title><script>alert(1)</script>\"'&";

pub fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

pub async fn get(admin: &Client<'_>, path: &str) -> Json {
    let answer = admin.get(&format!("/api/v1/reports/{path}")).await;
    assert_eq!(answer.status, 200, "{path}: {:?}", answer.body);
    answer.json()
}

/// The values of the row of that name.
#[track_caller]
fn row<'a>(report: &'a Json, name: &str) -> &'a Json {
    let rows = report["items"].as_array().unwrap();
    let row = rows.iter().find(|row| row["name"] == name);
    &row.unwrap_or_else(|| panic!("{name}: {report}"))["values"]
}

#[track_caller]
fn near(value: &Json, expected: f64) {
    let value = value.as_f64().unwrap_or(f64::NAN);
    assert!(
        (value - expected).abs() <= expected.abs() * 0.01 + 1e-9,
        "{value} {expected}"
    );
}

fn names(report: &Json) -> Vec<&str> {
    let rows = report["items"].as_array().unwrap().iter();
    rows.map(|row| row["name"].as_str().unwrap()).collect()
}

pub fn interface(device_id: DeviceId, index: u32, kind: &str) -> Interface {
    Interface {
        id: InterfaceId::new(),
        device_id,
        index,
        name: format!("eth{index}"),
        description: None,
        alias: None,
        kind: Some(kind.to_owned()),
        speed_bps: Some(100_000),
        mac: None,
        mtu: None,
        aggregate: None,
        admin_status: Some(IfStatus::Up),
        oper_status: Some(IfStatus::Up),
        last_change_at: None,
        present: true,
    }
}

/// A device that is polled each hour, with a port and a tunnel over it.
pub async fn device(api: &Api, admin: &Client<'_>, n: u8, name: &str, rest: Json) -> DeviceId {
    let mut body = json!({"address": format!("192.0.2.{n}"), "name": name, "interval_secs": 3_600});
    for (key, value) in rest.as_object().unwrap() {
        body[key] = value.clone();
    }
    let made = admin.make("/api/v1/devices", body).await;
    let id: DeviceId = made["id"].as_str().unwrap().parse().unwrap();
    let rows = vec![
        interface(id, 1, "ethernetCsmacd"),
        interface(id, 2, "tunnel"),
    ];
    let inventory = &api.services.store.inventory;
    inventory.set_interfaces(id, rows).await.unwrap();
    id
}

/// Samples by the hour of the last [`DAYS`]: octets a second received (half as many are sent) by both its
/// interfaces, used parts of a processor and of a volume of 1,000 octets, by the day.
async fn measure(
    api: &Api,
    id: DeviceId,
    octets: impl Fn(i64) -> Option<u64>,
    used: impl Fn(i64) -> f64,
) {
    let series = &api.services.series;
    let record = api.services.store.inventory.device(id).unwrap();
    let mut keys = Vec::new();
    for id in record.interfaces.iter().map(|row| row.id) {
        let labels = Labels::default().with(Labels::INTERFACE_ID, id.to_string());
        keys.push((Metric::IF_HC_IN_OCTETS, labels.clone()));
        keys.push((Metric::IF_HC_OUT_OCTETS, labels));
    }
    let volume = Labels::default().with("storage", "/var");
    keys.push((Metric::PROCESSOR_UTILIZATION, Labels::default()));
    keys.push((Metric::STORAGE_USED, volume.clone()));
    keys.push((Metric::STORAGE_SIZE, volume));
    let resolved = series.resolve(id, keys).await.unwrap();
    let mut counted = 0u64;
    let mut batches = Vec::new();
    for hour in 0..=DAYS * 24 {
        let day = hour / 24;
        let Some(rate) = octets(day) else {
            continue;
        };
        counted += rate * 3_600;
        let (whole, half) = (Value::U64(counted), Value::U64(counted / 2));
        let values = [
            whole,
            half,
            whole,
            half,
            Value::F64(used(day)),
            Value::F64(used(day) * 1_000.0),
            Value::F64(1_000.0),
        ];
        let columns = resolved.iter().map(|series| series.column);
        batches.push(Batch {
            device_id: id,
            at: at(NOW - (DAYS * 24 - hour) * HOUR),
            values: columns.zip(values).collect(),
        });
    }
    for some in batches.chunks(500) {
        for done in series.append_at_any_age(some.to_vec()).await {
            done.unwrap();
        }
    }
}

/// Two sites: `r1` and `r2` in the east carry 500 octets a second and, in the last 30 days, 1,000; `r3` in the
/// west carries 30 more each day than 2,000, and its volume grows by a hundredth a day and is full in some weeks;
/// `r4` has never been measured.
pub async fn lab(api: &Api) -> Vec<DeviceId> {
    let admin = api.admin().await;
    let r1 = device(
        api,
        &admin,
        1,
        "r1",
        json!({"site": "east", "tags": ["core", "edge"]}),
    )
    .await;
    let r2 = device(
        api,
        &admin,
        2,
        "r2",
        json!({"site": "East", "tags": ["edge"]}),
    )
    .await;
    let r3 = device(api, &admin, 3, "r3", json!({"site": "west"})).await;
    let r4 = device(api, &admin, 4, HOSTILE, json!({})).await;
    let doubles = |day: i64| Some(if day < 30 { 500 } else { 1_000 });
    measure(api, r1, doubles, |_| 0.9).await;
    measure(api, r2, doubles, |_| 0.2).await;
    let grows = |day: i64| 1.01f64.powi(i32::try_from(day).unwrap());
    measure(
        api,
        r3,
        |day| Some(2_000 + 30 * u64::try_from(day).unwrap()),
        |day| 0.35 * grows(day),
    )
    .await;
    vec![r1, r2, r3, r4]
}

#[tokio::test]
async fn kinds_tell_what_may_be_asked_of_them() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let page = admin.get("/api/v1/reports").await.json();
    let kinds: Vec<_> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| &kind["kind"])
        .collect();
    assert_eq!(kinds, ["availability", "capacity", "percentile95", "trend"]);
    assert_eq!(page["next_cursor"], json!(null));
    let capacity = &page["items"][1];
    assert_eq!(
        capacity["by"],
        json!(["site", "tag", "device", "interface"])
    );
    assert_eq!(
        capacity["of"],
        json!([
            "in_traffic",
            "out_traffic",
            "processor",
            "memory",
            "storage"
        ])
    );
    for kind in page["items"].as_array().unwrap() {
        for column in kind["columns"].as_array().unwrap() {
            let name = column["name"].as_str().unwrap();
            assert!(
                name.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
                "{name}"
            );
            assert!(!column["help"].as_str().unwrap().is_empty());
        }
    }
    let page = admin.get("/api/v1/reports?limit=1&sort=-kind").await.json();
    assert_eq!(page["items"][0]["kind"], "trend");
    assert!(page["next_cursor"].is_string());
}

#[tokio::test]
async fn percentiles_are_of_the_sum_beside_the_period_before() {
    let api = Api::new().await;
    let ids = lab(&api).await;
    let admin = api.admin().await;
    let report = get(&admin, "percentile95").await;
    assert_eq!(
        (&report["partial"], &report["rows"]),
        (&json!(false), &json!(4))
    );
    assert_eq!(report["before_from"], at(NOW - 60 * DAY).to_string());
    // What carries most comes first, what was not measured last.
    assert_eq!(names(&report), ["r3", "r2", "r1", HOSTILE]);
    let r1 = row(&report, "r1");
    near(&r1["percentile_bps"], 8_000.0);
    near(&r1["in_percentile_bps"], 8_000.0);
    near(&r1["out_percentile_bps"], 4_000.0);
    near(&r1["in_peak_bps"], 8_000.0);
    near(&r1["before_percentile_bps"], 4_000.0);
    near(&r1["change_ratio"], 1.0);
    // The tunnel runs over the port: one interface, two counters, 30 days by the hour.
    assert_eq!(
        (&r1["members"], &r1["members_measured"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(r1["samples"], 2 * 30 * 24);
    near(&r1["measured_ratio"], 1.0);
    near(&r1["before_measured_ratio"], 1.0);
    let none = row(&report, HOSTILE);
    for column in ["percentile_bps", "before_percentile_bps", "change_ratio"] {
        assert_eq!(none[column], json!(null), "{column}");
    }
    assert_eq!(
        (&none["samples"], &none["measured_ratio"]),
        (&json!(0), &json!(0.0))
    );
    let first = &report["items"][2];
    assert_eq!(first["device_id"], ids[0].to_string());
    assert_eq!(first["site"], "east");
    let points = first["points"].as_array().unwrap();
    assert!((50..=60).contains(&points.len()), "{}", points.len());

    // Sites are told apart without regard to case; a device without one is a group of its own.
    let report = get(&admin, "percentile95?by=site").await;
    assert_eq!(names(&report), ["west", "east", ""]);
    near(&row(&report, "east")["percentile_bps"], 16_000.0);
    assert_eq!(row(&report, "east")["members"], 4);
    // A device with two tags counts for both; with a filter only for what was asked.
    let report = get(&admin, "percentile95?by=tag&sort=name").await;
    assert_eq!(names(&report), ["", "core", "edge"]);
    near(&row(&report, "core")["percentile_bps"], 8_000.0);
    near(&row(&report, "edge")["percentile_bps"], 16_000.0);
    let report = get(&admin, "percentile95?by=tag&tag=EDGE").await;
    assert_eq!(names(&report), ["edge"]);
    // Of interfaces the tunnel, too.
    let report = get(
        &admin,
        &format!("percentile95?by=interface&device_id={}", ids[0]),
    )
    .await;
    assert_eq!(names(&report).len(), 2);
    near(&row(&report, "r1 eth2")["percentile_bps"], 8_000.0);
    assert!(report["items"][0]["interface_id"].is_string());
}

#[tokio::test]
async fn a_period_before_that_is_missing_is_not_made_up() {
    let api = Api::new().await;
    let ids = lab(&api).await;
    let admin = api.admin().await;
    // Twice as long as there are samples: the period before has none, this one half.
    let (from, to) = (at(NOW - 120 * DAY), at(NOW));
    let path = format!("percentile95?device_id={}&from={from}&to={to}", ids[0]);
    let report = get(&admin, &path).await;
    let r1 = row(&report, "r1");
    near(&r1["measured_ratio"], 0.5);
    assert_eq!(r1["before_measured_ratio"], 0.0);
    for column in ["before_percentile_bps", "change_ratio"] {
        assert_eq!(r1[column], json!(null), "{column}");
    }
    near(&r1["percentile_bps"], 8_000.0);
    let report = get(&admin, &path.replace("percentile95", "trend")).await;
    let r1 = row(&report, "r1");
    assert_eq!(
        (&r1["trend"], &r1["before_mean"]),
        (&json!("no trend"), &json!(null))
    );
    // A period in which nothing was measured at all.
    let (from, to) = (at(NOW - 300 * DAY), at(NOW - 200 * DAY));
    for kind in ["percentile95", "trend", "capacity", "availability"] {
        let report = get(&admin, &format!("{kind}?from={from}&to={to}")).await;
        assert_eq!(report["rows"], 4, "{kind}");
        for row in report["items"].as_array().unwrap() {
            assert_eq!(row["values"]["measured_ratio"], 0.0, "{kind}");
        }
    }
}

#[tokio::test]
async fn trends_are_told_with_how_sure_they_are() {
    let api = Api::new().await;
    let ids = lab(&api).await;
    let admin = api.admin().await;
    let report = get(&admin, "trend").await;
    assert_eq!(report["of"], "in_traffic");
    assert_eq!(report["columns"][0]["unit"], "bit/s");
    let r3 = row(&report, "r3");
    assert_eq!(r3["trend"], "up");
    assert!(r3["score"].as_f64().unwrap() > 3.29);
    assert!(r3["slope"].as_f64().unwrap() > 100.0);
    assert_eq!(r3["days"], 29, "the days at both ends are not whole");
    // Its middles are the days 45 and 15.
    near(&r3["change_ratio"], 30.0 * 30.0 / (2_000.0 + 30.0 * 14.5));
    let r1 = row(&report, "r1");
    assert_eq!(r1["trend"], "no trend");
    near(&r1["mean"], 8_000.0);
    near(&r1["before_mean"], 4_000.0);
    assert_eq!(row(&report, HOSTILE)["trend"], "unknown");
    // Ratios are means over what has them; the volume of 1,000 octets is known by its size.
    let report = get(&admin, "trend?of=storage&by=site").await;
    near(&row(&report, "east")["mean"], 0.55);
    assert_eq!(report["columns"][0]["unit"], "ratio");
    let report = get(
        &admin,
        &format!("trend?of=processor&device_id={},{}", ids[0], ids[2]),
    )
    .await;
    assert_eq!(names(&report), ["r3", "r1"]);
    assert_eq!(row(&report, "r1")["trend"], "no trend");
    // Ten days are too few.
    let report = get(&admin, &format!("trend?from={}", at(NOW - 10 * DAY))).await;
    assert_eq!(row(&report, "r3")["trend"], "unknown");
    assert_eq!(row(&report, "r3")["slope"], json!(null));
}

#[tokio::test]
async fn capacity_names_the_resource_that_is_short_first() {
    let api = Api::new().await;
    lab(&api).await;
    let admin = api.admin().await;
    let report = get(&admin, "capacity").await;
    let r1 = row(&report, "r1");
    // Both are at 0.9, over the threshold of 0.8; the port at 0.08.
    assert_eq!(
        (&r1["verdict"], &r1["days_until"]),
        (&json!("over"), &json!(0))
    );
    assert_eq!((&r1["over"], &r1["members"]), (&json!(2), &json!(4)));
    near(&r1["used_ratio"], 0.9);
    let none = row(&report, HOSTILE);
    assert_eq!(
        (&none["verdict"], &none["members"]),
        (&json!(null), &json!(0))
    );

    let report = get(&admin, "capacity?of=storage&sort=name").await;
    assert_eq!(row(&report, "r2")["verdict"], "not expected");
    let r3 = row(&report, "r3");
    assert_eq!(
        (&r3["resource"], &r3["device"]),
        (&json!("storage /var"), &json!("r3"))
    );
    assert_eq!(
        (&r3["limit"], &r3["limit_unit"]),
        (&json!(1_000.0), &json!("octets"))
    );
    // From 0.35 by a hundredth a day: the mean of the last week is 0.61, and 0.8 after 28 days.
    assert_eq!(r3["verdict"], "expected");
    let days = r3["days_until"].as_u64().unwrap();
    assert!((24..=30).contains(&days), "{days}");
    let bounds = [&r3["days_earliest"], &r3["days_latest"]].map(|days| days.as_u64().unwrap());
    assert!(bounds[0] <= days && days <= bounds[1], "{bounds:?}");
    near(&r3["growth_ratio"], 1.01f64.powi(7) - 1.0);
    assert_eq!(r3["horizon_days"], 4 * 58);
    // At half of it, it is over by now, by the peak as by the mean.
    for statistic in ["mean", "percentile", "peak"] {
        let path = format!("capacity?of=storage&threshold_ratio=0.5&statistic={statistic}");
        assert_eq!(
            row(&get(&admin, &path).await, "r3")["verdict"],
            "over",
            "{statistic}"
        );
    }
    let report = get(&admin, "capacity?by=interface&threshold_ratio=1").await;
    let port = row(&report, "r3 eth1");
    assert_eq!(port["resource"], "traffic received, eth1");
    assert_eq!(port["limit_unit"], "bit/s");
    near(
        &port["peak_ratio"],
        (2_000.0 + 30.0 * 60.0) * 8.0 / 100_000.0,
    );
    let report = get(&admin, "capacity?by=site").await;
    assert_eq!(names(&report)[0], "east");
    assert_eq!(row(&report, "east")["device"], "r1");
}

/// Up for two hours, down for two, then up for six; the ten hours before were not measured.
#[tokio::test]
async fn availability_leaves_out_what_was_not_measured() {
    let patient = Options {
        token_lifetime: Duration::from_hours(48),
        ..options()
    };
    let api = Api::with(patient).await;
    let admin = api.admin().await;
    let history = api.services.store.history.clone();
    history.begin_run().await.unwrap();
    let east = device(&api, &admin, 1, "r1", json!({"site": "east"})).await;
    let second = device(&api, &admin, 2, "r2", json!({"site": "east"})).await;
    for (hours, status) in [(0, Status::Up), (2, Status::Down), (4, Status::Up)] {
        for id in [east, second] {
            let status = if id == second { Status::Up } else { status };
            let found = DeviceFound {
                at: at(NOW + hours * HOUR),
                status,
                interfaces_read: status == Status::Up,
                evidence: Vec::new(),
            };
            history
                .append(vec![Record::Device { id, found }])
                .await
                .unwrap();
        }
        api.pass(Duration::from_hours(2));
    }
    api.pass(Duration::from_hours(4));
    history.alive().await.unwrap();
    let period = format!("from={}&to={}", at(NOW), at(NOW + 10 * HOUR));
    let report = get(&admin, &format!("availability?{period}")).await;
    assert_eq!(names(&report), ["r1", "r2"], "the worst first");
    let r1 = row(&report, "r1");
    near(&r1["up_ratio"], 0.8);
    near(&r1["down_secs"], 7_200.0);
    assert_eq!(
        (&r1["outages"], &r1["longest_outage_secs"]),
        (&json!(1), &json!(7_200.0))
    );
    near(&r1["measured_ratio"], 1.0);
    assert_eq!(r1["before_measured_ratio"], 0.0);
    for column in ["before_up_ratio", "change_ratio", "before_down_secs"] {
        assert_eq!(r1[column], json!(null), "{column}");
    }
    // Of a site the sums: 18 of 20 hours.
    let report = get(&admin, &format!("availability?by=site&{period}")).await;
    let site = row(&report, "east");
    near(&site["up_ratio"], 0.9);
    assert_eq!(
        (&site["members"], &site["members_measured"]),
        (&json!(2), &json!(2))
    );
    // The port could not be read while its device was down: eight hours are measured.
    let report = get(&admin, &format!("availability?by=interface&{period}")).await;
    let port = row(&report, "r1 eth1");
    near(&port["up_ratio"], 1.0);
    near(&port["measured_ratio"], 0.8);
    // Half of the longer period was not measured, and the share is of the other half.
    let longer = format!("from={}&to={}", at(NOW - 10 * HOUR), at(NOW + 10 * HOUR));
    let report = get(&admin, &format!("availability?{longer}")).await;
    near(&row(&report, "r1")["up_ratio"], 0.8);
    near(&row(&report, "r1")["measured_ratio"], 0.5);
    near(&row(&report, "r1")["unknown_secs"], 36_000.0);
}

#[tokio::test]
async fn rows_come_in_pages_and_in_any_order() {
    let api = Api::new().await;
    lab(&api).await;
    let admin = api.admin().await;
    for sort in [
        "name",
        "-name",
        "percentile_bps",
        "-change_ratio",
        "measured_ratio",
    ] {
        let path = format!(
            "percentile95?sort={sort}&from={}&to={}",
            at(NOW - 20 * DAY),
            at(NOW)
        );
        let whole = get(&admin, &path).await;
        let (mut parts, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = get(&admin, &format!("{path}&limit=1{cursor}")).await;
            assert_eq!(page["rows"], 4);
            parts.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(json!(parts), whole["items"], "{sort}");
    }
}

#[tokio::test]
async fn what_cannot_be_told_is_refused() {
    let api = Api::new().await;
    let admin = api.admin().await;
    for (path, pointer) in [
        ("trend?by=rack", "?by"),
        ("trend?of=beauty", "?of"),
        ("availability?of=storage", "?of"),
        ("capacity?of=loss", "?of"),
        ("trend?by=interface&of=processor", "?of"),
        ("trend?statistic=mean", "?statistic"),
        ("trend?threshold_ratio=0.5", "?threshold_ratio"),
        ("capacity?threshold_ratio=0", "?threshold_ratio"),
        ("capacity?threshold_ratio=NaN", "?threshold_ratio"),
        ("capacity?threshold_ratio=1.1", "?threshold_ratio"),
        ("trend?from=2020-01-01T00:00:00Z", "?from"),
        ("trend?from=2026-03-01T12:00:00Z", "?from"),
        ("trend?format=pdf", "?format"),
        ("trend?format=csv&limit=5", "?limit"),
        ("trend?format=html&cursor=abc", "?cursor"),
        ("trend?limit=0", "?limit"),
        ("trend?sort=beauty", "?sort"),
        ("trend?device_id=7", "?device_id"),
        ("trend?until=2026-03-01T12:00:00Z", "?until"),
    ] {
        let answer = admin.get(&format!("/api/v1/reports/{path}")).await;
        answer.problem(400, "bad-query");
        assert_eq!(answer.pointers(), [pointer], "{path}");
    }
    admin
        .get("/api/v1/reports/beauty")
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn nobody_is_kept_waiting_longer_than_a_request_may_take() {
    let api = Api::new().await;
    lab(&api).await;
    let services = foretell_api::Services {
        options: Options {
            request_timeout: Duration::from_nanos(1),
            ..options()
        },
        registry: std::sync::Arc::default(),
        ..api.services.clone()
    };
    let router = foretell_api::router(services);
    let token = api.token().await;
    let request = axum::http::Request::get("/api/v1/reports/percentile95")
        .header("authorization", format!("Bearer {token}"))
        .body(axum::body::Body::empty())
        .unwrap();
    let answer = tower::ServiceExt::oneshot(router, request).await.unwrap();
    assert_eq!(answer.status(), 504);
}
