//! What is measured: interfaces with what they carry, series, samples, bandwidth, health.

use crate::harness::{Api, NOW};
use model::facts::{Facts, WirelessFacts, WirelessKind};
use model::interface::{IfStatus, Interface};
use model::link::{End, Link, LinkStatus};
use model::{DeviceId, InterfaceId, Labels, LinkId, Metric, SeriesId, Timestamp, Value};
use serde_json::json;
use store::series::Batch;

/// A device polled each 10 s with two interfaces; of the first there are 30 polls, the last just
/// now: 1,000 octets a second in, 500 out, and a restart before the poll of 150 s ago.
pub struct Lab {
    pub device: DeviceId,
    pub first: InterfaceId,
    received: SeriesId,
    uptime: SeriesId,
}

pub async fn lab(api: &Api) -> Lab {
    let admin = api.admin().await;
    let body = json!({"address": "192.0.2.1", "name": "r1", "interval_secs": 10});
    let device = admin.make("/api/v1/devices", body).await;
    let device: DeviceId = device["id"].as_str().unwrap().parse().unwrap();
    let interfaces: Vec<Interface> = (1..=2).map(|n| interface(device, n)).collect();
    let first = interfaces[0].id;
    let store = &api.services.store.inventory;
    store.set_interfaces(device, interfaces).await.unwrap();
    let labels = Labels::default()
        .with(Labels::VANTAGE, "local")
        .with(Labels::INTERFACE_ID, first.to_string())
        .with(Labels::INTERFACE, "eth1");
    let of_device = Labels::default().with(Labels::VANTAGE, "local");
    let keys = vec![
        (Metric::IF_HC_IN_OCTETS, labels.clone()),
        (Metric::IF_HC_OUT_OCTETS, labels),
        (Metric::SYS_UP_TIME, of_device),
    ];
    let series = &api.services.series;
    let resolved = series.resolve(device, keys).await.unwrap();
    for poll in 0..30i64 {
        let at = Timestamp::from_unix_ms(NOW - (29 - poll) * 10_000);
        let since = if poll < 15 {
            1_000 + poll * 10
        } else {
            (poll - 15) * 10 + 5
        };
        let octets = u64::try_from(since).unwrap() * 1_000;
        let values = vec![
            (resolved[0].column, Value::U64(octets)),
            (resolved[1].column, Value::U64(octets / 2)),
            (resolved[2].column, Value::F64(since as f64)),
        ];
        let batch = Batch {
            device_id: device,
            at,
            values,
        };
        series.append(batch).await.unwrap();
    }
    Lab {
        device,
        first,
        received: resolved[0].id,
        uptime: resolved[2].id,
    }
}

fn interface(device_id: DeviceId, index: u32) -> Interface {
    Interface {
        id: InterfaceId::new(),
        device_id,
        index,
        name: format!("eth{index}"),
        description: None,
        alias: Some("to the core".to_owned()),
        kind: Some("ethernetCsmacd".to_owned()),
        speed_bps: Some(16_000),
        mac: None,
        mtu: Some(1_500),
        aggregate: None,
        admin_status: Some(IfStatus::Up),
        oper_status: Some(if index == 1 {
            IfStatus::Up
        } else {
            IfStatus::LowerLayerDown
        }),
        last_change_at: None,
        present: true,
    }
}

#[tokio::test]
async fn interfaces_say_what_they_carry() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    let admin = api.admin().await;
    let path = format!("/api/v1/devices/{}/interfaces", lab.device);
    let page = admin.get(&path).await.json();
    let expected = json!({
        "id": lab.first.to_string(), "device_id": lab.device.to_string(), "index": 1,
        "name": "eth1", "description": null, "alias": "to the core", "kind": "ethernetCsmacd",
        "speed_bps": 16000, "mac": null, "admin_status": "up", "oper_status": "up",
        "in_bps": 8000.0, "out_bps": 4000.0, "in_utilization": 0.5, "out_utilization": 0.25,
        "last_change_at": null, "aggregate": null, "pvid": null, "stp_state": null,
    });
    assert_eq!(page["items"][0], expected);
    assert_eq!(page["items"][1]["in_bps"], json!(null));
    assert_eq!(page["items"][1]["in_utilization"], json!(null));
    for (query, names) in [
        ("oper_status=lowerLayerDown", vec!["eth2"]),
        ("sort=-name", vec!["eth2", "eth1"]),
        ("q=CORE&limit=1", vec!["eth1"]),
    ] {
        let page = admin
            .get(&format!("/api/v1/interfaces?{query}"))
            .await
            .json();
        let found: Vec<_> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|i| &i["name"])
            .collect();
        assert_eq!(found, names, "{query}");
    }
    let one = admin
        .get(&format!("/api/v1/interfaces/{}", lab.first))
        .await
        .json();
    assert_eq!(one, expected);
    // Three polls without an answer: what was carried is no longer what is carried.
    api.pass(std::time::Duration::from_secs(31));
    let one = admin
        .get(&format!("/api/v1/interfaces/{}", lab.first))
        .await
        .json();
    assert_eq!(one["in_bps"], json!(null));
}

#[tokio::test]
async fn interfaces_are_paged_across_devices() {
    let api = Api::new().await;
    lab(&api).await;
    let admin = api.admin().await;
    let body = json!({"address": "192.0.2.2", "name": "r2"});
    let device = admin.make("/api/v1/devices", body).await;
    let device: DeviceId = device["id"].as_str().unwrap().parse().unwrap();
    let rows = (1..=3).rev().map(|n| interface(device, n)).collect();
    let inventory = &api.services.store.inventory;
    inventory.set_interfaces(device, rows).await.unwrap();
    for sort in ["device", "-device", "name", "index"] {
        let path = format!("/api/v1/interfaces?sort={sort}");
        let whole = admin.get(&path).await.json();
        assert_eq!(whole["items"].as_array().unwrap().len(), 5, "{sort}");
        let (mut parts, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = admin.get(&format!("{path}&limit=2{cursor}")).await.json();
            parts.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(json!(parts), whole["items"], "{sort}");
    }
}

/// Interfaces of some devices with what they carry: octets a second in and out, none where they were
/// not measured twice.
#[tokio::test]
async fn interfaces_are_sorted_by_what_they_carry() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let traffic: [&[Option<(u64, u64)>]; 2] = [
        &[Some((100, 900)), None, Some((500, 0))],
        &[Some((0, 0)), Some((700, 100))],
    ];
    let mut devices = Vec::new();
    for (n, interfaces) in traffic.iter().enumerate() {
        let body = json!({"address": format!("192.0.2.{n}"), "interval_secs": 10});
        let device = admin.make("/api/v1/devices", body).await;
        let device: DeviceId = device["id"].as_str().unwrap().parse().unwrap();
        let mut rows: Vec<Interface> = (1..=3).map(|n| interface(device, n)).collect();
        rows.truncate(interfaces.len());
        for row in &mut rows {
            row.name = format!("{n}/{}", row.index);
            // A tenth of the speed, so that the same traffic is more of it.
            row.speed_bps = Some(if n == 1 { 160_000 } else { 16_000 });
        }
        let inventory = &api.services.store.inventory;
        inventory
            .set_interfaces(device, rows.clone())
            .await
            .unwrap();
        carry(&api, device, &rows, interfaces).await;
        devices.push(device);
    }
    for (sort, expected) in [
        ("in_bps", "1/1 0/1 0/3 1/2 0/2"),
        ("-in_bps", "1/2 0/3 0/1 1/1 0/2"),
        ("-out_bps", "0/1 1/2 1/1 0/3 0/2"),
        ("-in_utilization", "0/3 0/1 1/2 1/1 0/2"),
        ("-utilization", "0/1 0/3 1/2 1/1 0/2"),
        ("utilization", "1/1 1/2 0/3 0/1 0/2"),
    ] {
        for limit in [1, 2, 100] {
            let (mut found, mut cursor) = (Vec::new(), String::new());
            loop {
                let path = format!("/api/v1/interfaces?sort={sort}&limit={limit}{cursor}");
                let page = admin.get(&path).await.json();
                let names = page["items"].as_array().unwrap().iter().map(|i| &i["name"]);
                found.extend(names.map(|name| name.as_str().unwrap().to_owned()));
                match page["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            let order: Vec<_> = expected.split(' ').collect();
            let same = |a: &[String]| a.iter().map(String::as_str).eq(order.iter().copied());
            // Those that carry the same stand by their ids.
            assert!(
                same(&found) || sort == "-out_bps",
                "{sort} by {limit}: {found:?}"
            );
            assert_eq!(found.len(), 5, "{sort} by {limit}");
        }
    }
    let path = format!("/api/v1/devices/{}/interfaces?sort=-in_bps", devices[0]);
    let page = admin.get(&path).await.json();
    assert_eq!(page["items"][0]["name"], "0/3");
    assert_eq!(page["items"][0]["in_bps"], 4000.0);
    assert_eq!(page["items"][0]["in_utilization"], 0.25);
    assert_eq!(page["items"][2]["in_bps"], json!(null));

    // One look serves for ten seconds; then what is carried is looked at again.
    let looks = async || {
        let metrics = admin.get("/metrics").await;
        let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
        let line = metrics
            .lines()
            .find(|line| line.starts_with("foretell_rate_looks_total"));
        line.unwrap()
            .rsplit(' ')
            .next()
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    assert_eq!(looks().await, 1);
    api.pass(std::time::Duration::from_secs(31));
    let page = admin.get("/api/v1/interfaces?sort=-in_bps").await.json();
    assert_eq!(looks().await, 2);
    assert_eq!(page["items"][0]["in_bps"], json!(null), "no longer now");
}

/// Two polls of a device, ten seconds apart, the last just now.
async fn carry(api: &Api, device: DeviceId, rows: &[Interface], traffic: &[Option<(u64, u64)>]) {
    let series = &api.services.series;
    let of_device = Labels::default().with(Labels::VANTAGE, "local");
    let mut keys = vec![(Metric::SYS_UP_TIME, of_device.clone())];
    for row in rows {
        let labels = of_device
            .clone()
            .with(Labels::INTERFACE_ID, row.id.to_string())
            .with(Labels::INTERFACE, row.name.clone());
        keys.push((Metric::IF_HC_IN_OCTETS, labels.clone()));
        keys.push((Metric::IF_HC_OUT_OCTETS, labels));
    }
    let resolved = series.resolve(device, keys).await.unwrap();
    for poll in 0..2u64 {
        let mut values = vec![(resolved[0].column, Value::F64(1_000.0 + 10.0 * poll as f64))];
        for (n, octets) in traffic.iter().enumerate() {
            if let Some((received, sent)) = octets {
                let of = |column: usize, per_second: u64| {
                    (resolved[column].column, Value::U64(per_second * 10 * poll))
                };
                values.extend([of(1 + 2 * n, *received), of(2 + 2 * n, *sent)]);
            }
        }
        let ago = i64::try_from(1 - poll).unwrap() * 10_000;
        let at = Timestamp::from_unix_ms(NOW - ago);
        let batch = Batch {
            device_id: device,
            at,
            values,
        };
        series.append(batch).await.unwrap();
    }
}

#[tokio::test]
async fn series_are_listed_and_paged() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    let admin = api.admin().await;
    let one = admin
        .get(&format!("/api/v1/series/{}", lab.received))
        .await
        .json();
    assert_eq!(
        one,
        json!({"id": lab.received.to_string(), "metric": "ifHCInOctets", "unit": "octets",
            "kind": "counter", "labels": {"device_id": lab.device.to_string(), "vantage": "local",
            "interface_id": lab.first.to_string(), "interface": "eth1"}})
    );
    for (query, count) in [
        (String::new(), 3),
        (format!("device_id={}", lab.device), 3),
        (format!("interface_id={}", lab.first), 2),
        ("metric=sysUpTime,ifHCInOctets".to_owned(), 2),
        (format!("device_id={}", DeviceId::new()), 0),
    ] {
        let page = admin.get(&format!("/api/v1/series?{query}")).await.json();
        assert_eq!(page["items"].as_array().unwrap().len(), count, "{query}");
    }
    let of_device = format!("/api/v1/series?device_id={}", lab.device);
    for (sort, expected) in [
        ("metric", "ifHCInOctets ifHCOutOctets sysUpTime"),
        ("-metric", "sysUpTime ifHCOutOctets ifHCInOctets"),
        ("interface", "ifHCInOctets ifHCOutOctets sysUpTime"),
        ("device", "ifHCInOctets ifHCOutOctets sysUpTime"),
        ("-device", "sysUpTime ifHCOutOctets ifHCInOctets"),
    ] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = admin
                .get(&format!("{of_device}&sort={sort}&limit=1{cursor}"))
                .await;
            let page = page.json();
            found.push(page["items"][0]["metric"].as_str().unwrap().to_owned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(found.join(" "), expected, "{sort}");
    }
    let answer = admin.get("/api/v1/series?sort=metric").await;
    answer.problem(400, "bad-query");
    assert_eq!(answer.pointers(), ["?sort"]);
    let first = admin.get("/api/v1/series?limit=2").await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = admin
        .get(&format!("/api/v1/series?limit=2&cursor={cursor}"))
        .await
        .json();
    assert_eq!(second["items"].as_array().unwrap().len(), 1);
    assert_eq!(second["next_cursor"], json!(null));
}

#[tokio::test]
async fn samples_are_rates_with_their_breaks() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    let admin = api.admin().await;
    let path = format!("/api/v1/series/{}/samples", lab.received);
    let query = "from=2026-03-01T11:55:10Z&to=2026-03-01T12:00:00Z&step_secs=10";
    let answer = admin.get(&format!("{path}?{query}")).await.json();
    assert_eq!(answer["step_secs"], 10);
    assert_eq!(answer["level"], "raw");
    assert_eq!(answer["series"]["metric"], "ifHCInOctets");
    let points = answer["points"].as_array().unwrap();
    assert_eq!(points.len(), 29);
    assert_eq!(points[0], json!([NOW - 290_000, 1_000.0]));
    // The restart between the polls of 160 and 150 s ago is a gap.
    let gaps: Vec<_> = points
        .iter()
        .filter(|p| p[1].is_null())
        .map(|p| p[0].clone())
        .collect();
    assert_eq!(gaps, [json!(NOW - 150_000)]);
    assert!(
        points.iter().all(|p| p[1].is_null() || p[1] == 1_000.0),
        "{points:?}"
    );

    let last = admin
        .get(&format!("{path}?{query}&aggregation=last"))
        .await
        .json();
    assert_eq!(last["points"][0][1], 1_000_000.0);
    let uptime = format!("/api/v1/series/{}/samples?{query}", lab.uptime);
    assert_eq!(
        admin.get(&uptime).await.json()["points"][0][1],
        1_000.0,
        "avg of a gauge"
    );
    let hour = admin.get(&path).await.json();
    assert_eq!(hour["step_secs"], 15);
    assert_eq!(hour["to"], "2026-03-01T12:00:00.000Z");
}

#[tokio::test]
async fn samples_of_many_series_and_their_bounds() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    let admin = api.admin().await;
    let ids = [lab.received.to_string(), lab.uptime.to_string()];
    let body = json!({"series_ids": ids, "step_secs": 60});
    let answer = admin.post("/api/v1/samples/query", &body).await.json();
    assert_eq!(answer["items"].as_array().unwrap().len(), 2);
    assert_eq!(answer["items"][1]["series"]["id"], lab.uptime.to_string());
    assert_eq!(answer["items"][0]["points"].as_array().unwrap().len(), 60);

    let path = format!("/api/v1/series/{}/samples", lab.received);
    for (query, pointer) in [
        ("step_secs=0", "?step_secs"),
        ("step_secs=1&from=2026-02-01T00:00:00Z", "?step_secs"),
        ("from=2026-03-02T00:00:00Z", "?from"),
        ("from=2015-03-02T00:00:00Z", "?from"),
        ("step_secs=1800&from=2024-12-01T00:00:00Z", "?step_secs"),
        ("from=yesterday", "?from"),
        ("aggregation=median", "?aggregation"),
    ] {
        let answer = admin.get(&format!("{path}?{query}")).await;
        answer.problem(400, "bad-query");
        assert_eq!(answer.pointers(), [pointer], "{query}");
    }
    let body = json!({"series_ids": ids, "step_secs": 1, "from": "2026-02-01T00:00:00Z"});
    let answer = admin.post("/api/v1/samples/query", &body).await;
    answer.problem(422, "invalid");
    assert_eq!(answer.pointers(), ["/step_secs"]);
}

#[tokio::test]
async fn bandwidth_speaks_bits() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    let admin = api.admin().await;
    let query = "from=2026-03-01T11:59:00Z&step_secs=10";
    let path = format!("/api/v1/interfaces/{}/bandwidth?{query}", lab.first);
    let one = admin.get(&path).await.json();
    assert_eq!(one["now"]["in_bps"], 8_000.0);
    assert_eq!(one["now"]["out_utilization"], 0.25);
    assert_eq!(one["in_bps"][0], json!([NOW - 60_000, 8_000.0]));
    assert_eq!(one["out_bps"].as_array().unwrap().len(), 6);
    let path = format!("/api/v1/devices/{}/bandwidth?{query}", lab.device);
    let all = admin.get(&path).await.json();
    assert_eq!(all["now"]["in_bps"], 8_000.0);
    assert_eq!(all["interfaces"][0]["name"], "eth1");
    assert_eq!(all["interfaces"].as_array().unwrap().len(), 2);
    assert_eq!(all["in_bps"][0], json!([NOW - 60_000, 8_000.0]));
}

#[tokio::test]
async fn an_interface_is_billed_by_its_five_minutes() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    let admin = api.admin().await;
    let path = format!("/api/v1/interfaces/{}/billing", lab.first);
    let hour = admin
        .get(&format!("{path}?from=2026-03-01T11:00:00Z"))
        .await
        .json();
    assert_eq!(
        (&hour["step_secs"], &hour["in"]["steps"]),
        (&json!(300), &json!(12))
    );
    // It was polled in the last five minutes alone, but for the restart all the time.
    assert_eq!(hour["in"]["measured_steps"], 1);
    assert_eq!(hour["in"]["p95_bps"], 8_000.0);
    assert_eq!(hour["in"]["avg_bps"], 8_000.0);
    assert_eq!(hour["out"]["max_bps"], 4_000.0);
    assert_eq!(hour["billable_bps"], 8_000.0);
    assert_eq!(hour["in"]["octets"], 280_000.0);
    let days = admin.get(&path).await.json();
    assert_eq!(days["in"]["steps"], 30 * 288);
    let none = admin
        .get(&format!("{path}?to=2026-02-01T00:00:00Z"))
        .await
        .json();
    assert_eq!(none["billable_bps"], json!(null));
    assert_eq!(none["out"]["octets"], json!(null));
    let long = admin
        .get(&format!("{path}?from=2026-01-01T00:00:00Z"))
        .await;
    long.problem(400, "bad-query");
}

#[tokio::test]
async fn samples_are_summed_up_in_each_way() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    let admin = api.admin().await;
    let read = async |id: SeriesId, way: &str| {
        let query = format!("from=2026-03-01T11:58:00Z&step_secs=60&aggregation={way}");
        let path = format!("/api/v1/series/{id}/samples?{query}");
        admin.get(&path).await.json()["points"][1][1].clone()
    };
    // Six polls of the last minute, 85 s to 135 s after the restart; the next is at its end.
    for (way, value) in [
        ("count", 6.0),
        ("p50", 110.0),
        ("p95", 132.5),
        ("delta", 60.0),
    ] {
        assert_eq!(read(lab.uptime, way).await, value, "{way}");
    }
    assert_eq!(read(lab.received, "increase").await, 60_000.0);
    let spread = read(lab.uptime, "stddev").await.as_f64().unwrap();
    assert!(
        (spread - (3_500.0_f64 / 12.0).sqrt()).abs() < 1e-9,
        "{spread}"
    );
}

#[tokio::test]
async fn links_say_what_they_carry_as_both_ends_tell_it() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    let admin = api.admin().await;
    let other = admin
        .make("/api/v1/devices", json!({"address": "192.0.2.2"}))
        .await;
    let far = interface(other["id"].as_str().unwrap().parse().unwrap(), 2);
    let inventory = &api.services.store.inventory;
    let other_end = End {
        device_id: far.device_id,
        interface_id: Some(far.id),
    };
    inventory
        .set_interfaces(far.device_id, vec![far])
        .await
        .unwrap();
    let at = Timestamp::from_unix_ms(NOW);
    let link = Link {
        id: LinkId::new(),
        a: End {
            device_id: lab.device,
            interface_id: Some(lab.first),
        },
        b: other_end.clone(),
        status: LinkStatus::Up,
        confidence: 1.0,
        evidence: vec![],
        speed_bps: Some(16_000),
        first_seen_at: at,
        last_seen_at: at,
    };
    let unknown = Link {
        id: LinkId::new(),
        a: End {
            device_id: lab.device,
            interface_id: None,
        },
        ..link.clone()
    };
    let links = vec![link.clone(), unknown.clone()];
    inventory.set_links(links).await.unwrap();
    let nothing = json!({
        "interface": null, "oper_status": null,
        "in_bps": null, "out_bps": null, "in_utilization": null, "out_utilization": null,
    });
    let far_end = json!({
        "interface": "eth2", "oper_status": "lowerLayerDown",
        "in_bps": null, "out_bps": null, "in_utilization": null, "out_utilization": null,
    });
    let expected = json!([
        {
            "link_id": link.id.to_string(),
            "a": {
                "interface": "eth1", "oper_status": "up",
                "in_bps": 8000.0, "out_bps": 4000.0, "in_utilization": 0.5, "out_utilization": 0.25,
            },
            "b": far_end,
            "utilization": 0.5,
        },
        {"link_id": unknown.id.to_string(), "a": nothing, "b": far_end, "utilization": null},
    ]);
    let page = admin.get("/api/v1/links/loads").await.json();
    assert_eq!(page["items"], expected);
    let first = admin.get("/api/v1/links/loads?limit=1").await.json();
    let next = format!(
        "/api/v1/links/loads?limit=1&cursor={}",
        first["next_cursor"].as_str().unwrap()
    );
    assert_eq!(admin.get(&next).await.json()["items"][0], expected[1]);
    for (sort, first) in [("utilization", 0), ("-utilization", 0), ("-id", 1)] {
        let path = format!("/api/v1/links/loads?sort={sort}");
        let page = admin.get(&path).await.json();
        assert_eq!(page["items"][0], expected[first], "{sort}");
    }
    let none = format!("/api/v1/links/loads?device_id={}", DeviceId::new());
    assert_eq!(admin.get(&none).await.json()["items"], json!([]));
}

#[tokio::test]
async fn parts_links_and_health_are_there_before_anything_is_known() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    let admin = api.admin().await;
    for part in [
        "neighbors",
        "addresses",
        "vlans",
        "processors",
        "memory",
        "storage",
        "sensors",
        "wireless",
        "inventory",
        "defects",
    ] {
        let answer = admin
            .get(&format!("/api/v1/devices/{}/{part}", lab.device))
            .await;
        assert_eq!(answer.status, 200, "{part}: {:?}", answer.body);
        assert_eq!(
            answer.json(),
            json!({"items": [], "next_cursor": null}),
            "{part}"
        );
    }
    for list in ["neighbors", "links"] {
        let page = admin.get(&format!("/api/v1/{list}")).await.json();
        assert_eq!(page["items"], json!([]));
    }
    let health = admin.get("/api/v1/health").await.json();
    assert_eq!(health["devices"]["unknown"], 1);
    assert_eq!(health["score"], json!(null));
}

#[tokio::test]
async fn access_points_and_radios_of_a_controller_are_listed_and_sorted() {
    let api = Api::new().await;
    let lab = lab(&api).await;
    let admin = api.admin().await;
    let radio = |name: &str, clients: u32| WirelessFacts {
        kind: Some(WirelessKind::Radio),
        name: Some(name.to_owned()),
        access_point: Some("lobby".to_owned()),
        channel: Some(36),
        clients: Some(clients),
        noise_dbm: Some(-92.0),
        ..WirelessFacts::default()
    };
    let facts = Facts {
        wireless: vec![radio("lobby radio 0", 3), radio("lobby radio 1", 11)],
        ..Facts::default()
    };
    let inventory = &api.services.store.inventory;
    inventory.set_facts(lab.device, facts).await.unwrap();
    let path = format!("/api/v1/devices/{}/wireless", lab.device);
    let page = admin.get(&format!("{path}?sort=-clients")).await.json();
    assert_eq!(
        page["items"],
        json!([
            {"kind": "radio", "name": "lobby radio 1", "access_point": "lobby", "channel": 36, "clients": 11, "noise_dbm": -92.0},
            {"kind": "radio", "name": "lobby radio 0", "access_point": "lobby", "channel": 36, "clients": 3, "noise_dbm": -92.0},
        ])
    );
    let answer = admin.get(&format!("{path}?sort=mast")).await;
    assert_eq!(answer.status, 400);
}
