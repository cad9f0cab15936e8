//! How traffic is best split over links between the same two devices.

mod balance_groups;

use crate::harness::{Api, Client, NOW};
use model::interface::{IfStatus, Interface};
use model::link::{End, Link, LinkEvidence, LinkStatus};
use model::neighbor::Protocol;
use model::{DeviceId, InterfaceId, Labels, LinkId, Metric, Timestamp, Value};
use serde_json::{Value as Json, json};
use store::series::Batch;

const HOUR_MS: i64 = 3_600_000;
/// Hours that are known: three weeks.
const HOURS: i64 = 21 * 24;
const GBPS: u64 = 1_000_000_000;
/// What all links of a pair carry at most there, and a tenth of it back, in bit/s.
const MOST: f64 = 13e9;

/// A link of a pair: which part of all it carries, and which ends count it.
#[derive(Clone, Copy)]
struct Laid {
    speed_bps: u64,
    share: f64,
    status: LinkStatus,
    counted: [bool; 2],
}

fn laid(gbps: u64, share: f64) -> Laid {
    Laid {
        speed_bps: gbps * GBPS,
        share,
        status: LinkStatus::Up,
        counted: [true, true],
    }
}

/// Two devices and the links between them.
struct Pair {
    devices: [DeviceId; 2],
    links: Vec<LinkId>,
}

async fn device(admin: &Client<'_>, nth: usize, site: &str) -> DeviceId {
    let body = json!({
        "address": format!("192.0.2.{nth}"), "name": format!("r{nth}"), "interval_secs": 3600,
        "site": site,
    });
    let device = admin.make("/api/v1/devices", body).await;
    device["id"].as_str().unwrap().parse().unwrap()
}

fn interface(device_id: DeviceId, index: u32, speed_bps: u64) -> Interface {
    Interface {
        id: InterfaceId::new(),
        device_id,
        index,
        name: format!("eth{index}"),
        description: None,
        alias: None,
        kind: Some("ethernetCsmacd".to_owned()),
        speed_bps: Some(speed_bps),
        mac: None,
        mtu: None,
        aggregate: None,
        admin_status: Some(IfStatus::Up),
        oper_status: Some(IfStatus::Up),
        last_change_at: None,
        present: true,
    }
}

fn link(a: End, b: End, status: LinkStatus, speed_bps: Option<u64>) -> Link {
    let at = Timestamp::from_unix_ms(NOW);
    Link {
        id: LinkId::new(),
        evidence: vec![LinkEvidence {
            reported_by: a.device_id,
            protocol: Protocol::Lldp,
            seen_at: at,
            detail: "r1 hears r2 port eth1 on eth1 by LLDP".to_owned(),
        }],
        a,
        b,
        status,
        confidence: 1.0,
        speed_bps,
        first_seen_at: at,
        last_seen_at: at,
    }
}

/// By day more than by night: 0.4 to 1 of the most.
fn busy(hour: i64) -> f64 {
    0.7 + 0.3 * (hour as f64 / 24.0 * std::f64::consts::TAU).sin()
}

/// Two devices, links between them, and what these carried in the last hours.
async fn pair(api: &Api, first: usize, all: &[Laid], hours: i64) -> Pair {
    let admin = api.admin().await;
    let a = device(&admin, first, "east").await;
    let b = device(&admin, first + 1, "west").await;
    let inventory = &api.services.store.inventory;
    let ports = |device: DeviceId| -> Vec<Interface> {
        let laid = (1..).zip(all);
        laid.map(|(index, laid)| interface(device, index, laid.speed_bps))
            .collect()
    };
    let (of_a, of_b) = (ports(a), ports(b));
    let mut links: Vec<Link> = inventory
        .links()
        .iter()
        .map(|one| (**one).clone())
        .collect();
    let known = links.len();
    for ((at_a, at_b), laid) in of_a.iter().zip(&of_b).zip(all) {
        let end = |port: &Interface| End {
            device_id: port.device_id,
            interface_id: Some(port.id),
        };
        links.push(link(
            end(at_a),
            end(at_b),
            laid.status,
            Some(laid.speed_bps),
        ));
    }
    let ids = links[known..].iter().map(|link| link.id).collect();
    for (device, ports, is_a) in [(a, &of_a, true), (b, &of_b, false)] {
        inventory
            .set_interfaces(device, ports.clone())
            .await
            .unwrap();
        count(api, device, ports, all, hours, is_a).await;
    }
    inventory.set_links(links).await.unwrap();
    Pair {
        devices: [a, b],
        links: ids,
    }
}

/// What a device counted, by the middle of each hour.
async fn count(
    api: &Api,
    device: DeviceId,
    ports: &[Interface],
    all: &[Laid],
    hours: i64,
    is_a: bool,
) {
    let counted = ports.iter().zip(all);
    let counted = counted.filter(|(_, laid)| laid.counted[usize::from(!is_a)]);
    let counted: Vec<_> = counted.collect();
    let keys = counted.iter().flat_map(|(port, _)| {
        let labels = Labels::default()
            .with(Labels::VANTAGE, "local")
            .with(Labels::INTERFACE_ID, port.id.to_string());
        [Metric::IF_HC_OUT_OCTETS, Metric::IF_HC_IN_OCTETS].map(|metric| (metric, labels.clone()))
    });
    let series = &api.services.series;
    let known = series.resolve(device, keys.collect()).await.unwrap();
    let mut octets = 0.0;
    let mut batches = Vec::new();
    for hour in -hours..0 {
        octets += MOST * busy(hour) * 3_600.0 / 8.0;
        let mut values = Vec::new();
        for ((_, laid), columns) in counted.iter().zip(known.chunks(2)) {
            // There all of it, back a tenth.
            for (column, is_out) in [(&columns[0], true), (&columns[1], false)] {
                let part = if is_out == is_a { 1.0 } else { 0.1 };
                // Not negative, and under 2^53.
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let whole = (octets * laid.share * part) as u64;
                values.push((column.column, Value::U64(whole)));
            }
        }
        batches.push(Batch {
            device_id: device,
            at: Timestamp::from_unix_ms(NOW + hour * HOUR_MS + HOUR_MS / 2),
            values,
        });
    }
    for done in series.append_at_any_age(batches).await {
        done.unwrap();
    }
}

async fn items(admin: &Client<'_>, path: &str) -> Vec<Json> {
    let page = admin.get(&format!("/api/v1/{path}")).await;
    assert_eq!(page.status, 200, "{:?}", page.body);
    page.json()["items"].as_array().unwrap().clone()
}

fn number(value: &Json) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

#[tokio::test]
async fn links_of_different_speeds_get_weights_in_proportion() {
    let api = Api::new().await;
    let pair = pair(&api, 1, &[laid(10, 0.5), laid(40, 0.5)], HOURS).await;
    let admin = api.admin().await;
    let rows = items(&admin, "balance").await;
    assert_eq!(rows.len(), 1);
    let group = &rows[0];
    assert_eq!(group["id"], pair.links[0].to_string());
    assert_eq!(group["is_advised"], true, "{group}");
    assert_eq!(group["reason"], json!(null));
    assert_eq!(
        (&group["a"]["device_name"], &group["b"]["site"]),
        (&json!("r1"), &json!("west"))
    );
    assert_eq!(group["quantile"], 0.9);
    // Half of 13 Gbit/s on ten is 65 %; one and four of five make 26 %.
    assert!((number(&group["worst_now"]) - 0.65).abs() < 0.05, "{group}");
    assert!(
        (number(&group["worst_then"]) - 0.26).abs() < 0.02,
        "{group}"
    );
    let there = &group["directions"][0];
    assert_eq!(there["from_device_id"], pair.devices[0].to_string());
    let weights: Vec<_> = there["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["weight"])
        .collect();
    assert_eq!(weights, [1, 4]);
    let small = &there["members"][0];
    assert!((number(&small["share_now"]) - 0.5).abs() < 0.01, "{small}");
    assert!(
        (number(&small["mean_bps"]) / (0.35 * MOST) - 1.0).abs() < 0.02,
        "{small}"
    );
    assert_eq!(small["interface_name"], "eth1");
    assert!(
        number(&there["worst_with_another"]) < 0.18,
        "13 of 90: {there}"
    );
    assert!(
        (number(&there["peak_bps"]) / MOST - 1.0).abs() < 0.05,
        "{there}"
    );
    // A tenth comes back: nothing is to be gained there, or little.
    let back = &group["directions"][1];
    assert_eq!(
        (&back["is_advised"], &back["from_device_id"]),
        (&json!(false), &json!(pair.devices[1].to_string()))
    );
    assert_eq!(back["members"][0]["to_device_name"], "r1");
    assert!(
        back["reason"]
            .as_str()
            .unwrap()
            .contains("percentage points")
    );
    let evidence = group["evidence"].to_string();
    assert!(
        evidence.contains("2 links") && evidence.contains("by LLDP"),
        "{evidence}"
    );
    // Any of its links names the group.
    for id in &pair.links {
        let one = admin.get(&format!("/api/v1/balance/{id}")).await.json();
        assert_eq!(one["id"], group["id"]);
        assert_eq!(one["directions"], group["directions"]);
        let course = &one["courses"][0];
        let points = course["points"].as_array().unwrap();
        assert_eq!(points.len(), 169, "the hour that is under way, and a week");
        assert_eq!(points[0][0], NOW);
        assert_eq!(course["past"].as_array().unwrap().len(), 168);
        for (place, link) in pair.links.iter().enumerate() {
            let member = &course["members"][place];
            assert_eq!(member["link_id"], link.to_string());
            assert_eq!(member["now_bps"].as_array().unwrap().len(), 169);
        }
        let then: f64 = (0..2)
            .map(|at| number(&course["members"][at]["then_bps"][5]))
            .sum();
        assert!((then / number(&points[5][2]) - 1.0).abs() < 1e-6, "{then}");
    }
}

#[tokio::test]
async fn a_link_that_is_down_counts_as_nothing() {
    let api = Api::new().await;
    let down = Laid {
        status: LinkStatus::Down,
        ..laid(10, 0.0)
    };
    let even = pair(&api, 1, &[laid(10, 0.5), laid(10, 0.5), down], HOURS).await;
    let dark = pair(&api, 3, &[down, down], HOURS).await;
    let admin = api.admin().await;
    assert_eq!(items(&admin, "balance").await.len(), 0);
    let rows = items(&admin, "balance?all=true").await;
    assert_eq!(rows.len(), 2);
    let group = &rows[0];
    assert_eq!(group["id"], even.links[0].to_string());
    assert!(
        group["reason"]
            .as_str()
            .unwrap()
            .starts_with("it is balanced"),
        "{group}"
    );
    let last = &group["directions"][0]["members"][2];
    for share in ["share_now", "share_then", "load_now", "load_then"] {
        assert_eq!(last[share], 0.0, "{share}");
    }
    assert_eq!(last["status"], "down");
    assert!(
        group["evidence"]
            .to_string()
            .contains("eth3 - eth3 is down"),
        "{group}"
    );
    assert_eq!(rows[1]["id"], dark.links[0].to_string());
    assert_eq!(
        (&rows[1]["gain"], &rows[1]["reason"]),
        (&json!(null), &json!("no link of the group is up"))
    );
}

#[tokio::test]
async fn the_other_end_counts_where_one_does_not() {
    let api = Api::new().await;
    let one_end = |at_a: bool| Laid {
        counted: [at_a, !at_a],
        ..laid(10, 0.5)
    };
    let wide = Laid {
        counted: [false, true],
        ..laid(40, 0.5)
    };
    pair(&api, 1, &[one_end(true), wide], HOURS).await;
    let neither = Laid {
        counted: [false, false],
        ..laid(10, 0.5)
    };
    pair(&api, 3, &[laid(10, 0.5), neither], HOURS).await;
    let admin = api.admin().await;
    let rows = items(&admin, "balance?all=true").await;
    assert_eq!(rows[0]["is_advised"], true, "{}", rows[0]);
    let there = &rows[0]["directions"][0];
    assert_eq!(
        (
            &there["members"][0]["weight"],
            &there["members"][1]["weight"]
        ),
        (&json!(1), &json!(4))
    );
    assert!(
        rows[0]["evidence"]
            .to_string()
            .contains("counted by the end that receives alone")
    );
    assert_eq!(
        rows[1]["reason"],
        "what eth2 - eth2 carries is measured at neither end"
    );
    assert_eq!(
        rows[1]["directions"][0]["members"][1]["mean_bps"],
        json!(null)
    );
}

#[tokio::test]
async fn what_is_not_known_is_said() {
    let api = Api::new().await;
    pair(&api, 1, &[laid(10, 0.9), laid(10, 0.1)], 0).await;
    pair(&api, 3, &[laid(10, 0.9), laid(10, 0.1)], 4).await;
    pair(&api, 5, &[laid(0, 0.9), laid(10, 0.1)], HOURS).await;
    let spare = pair(&api, 7, &[laid(10, 1.0), laid(10, 0.0)], 100).await;
    let admin = api.admin().await;
    let rows = items(&admin, "balance?all=true&sort=device").await;
    let reasons: Vec<_> = rows
        .iter()
        .map(|row| row["reason"].as_str().unwrap_or(""))
        .collect();
    assert!(
        reasons[0].contains("measured at neither end"),
        "{reasons:?}"
    );
    assert!(reasons[1].contains("hours are known"), "{reasons:?}");
    assert!(reasons[2].contains("speed"), "{reasons:?}");
    assert_eq!(rows[3]["id"], spare.links[0].to_string());
    let evidence = rows[3]["evidence"].to_string();
    assert!(
        evidence.contains("next to nothing") && evidence.contains("hours are known"),
        "{evidence}"
    );
    for row in &rows[..3] {
        assert_eq!(
            (&row["is_advised"], &row["gain"]),
            (&json!(false), &json!(null))
        );
    }
}

#[tokio::test]
async fn groups_are_paged_and_filtered() {
    let api = Api::new().await;
    let large = pair(&api, 1, &[laid(10, 0.9), laid(10, 0.1)], 100).await;
    let small = pair(&api, 3, &[laid(20, 0.9), laid(20, 0.1)], 100).await;
    pair(&api, 5, &[laid(10, 0.5), laid(10, 0.5)], 100).await;
    let alone = pair(&api, 7, &[laid(10, 1.0)], 0).await;
    let admin = api.admin().await;
    let mut found = Vec::new();
    let mut path = "/api/v1/balance?limit=1".to_owned();
    loop {
        let page = admin.get(&path).await.json();
        found.push(page["items"][0]["id"].clone());
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/v1/balance?limit=1&cursor={next}");
    }
    let best = [&large, &small].map(|pair| json!(pair.links[0].to_string()));
    assert_eq!(found, best, "what gains most is first");
    let least = items(&admin, "balance?sort=gain").await;
    assert_eq!(least[0]["id"], best[1]);
    for (query, rows) in [
        ("all=true", 3),
        ("site=east", 2),
        ("site=nowhere", 0),
        ("tag=core&all=true", 0),
        (&format!("device_id={}", small.devices[1]), 1),
        (&format!("device_id={}", alone.devices[0]), 0),
    ] {
        assert_eq!(
            items(&admin, &format!("balance?{query}")).await.len(),
            rows,
            "{query}"
        );
    }
    for (query, pointer) in [
        ("limit=0", "?limit"),
        ("limit=1001", "?limit"),
        ("sort=x", "?sort"),
        ("all=1", "?all"),
    ] {
        let refused = admin.get(&format!("/api/v1/balance?{query}")).await;
        assert_eq!(
            (refused.status.as_u16(), refused.pointers()),
            (400, vec![pointer.to_owned()]),
            "{query}"
        );
    }
    for id in [alone.links[0], LinkId::new()] {
        let none = admin.get(&format!("/api/v1/balance/{id}")).await;
        none.problem(404, "not-found");
    }
    admin.get("/api/v1/balance/x").await.problem(400, "bad-id");
    let request = crate::harness::request(axum::http::Method::GET, "/api/v1/balance", None);
    assert_eq!(api.send(request).await.status, 401);
}

#[tokio::test]
async fn no_more_groups_are_looked_at_than_may_be() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let mut devices = Vec::new();
    for nth in 1..=24 {
        devices.push(device(&admin, nth, "east").await);
    }
    let mut links = Vec::new();
    for (place, a) in devices.iter().enumerate() {
        for b in &devices[place + 1..] {
            // Those of the first device are of no known speed.
            let speed = (place > 0).then_some(GBPS);
            let end = |id: &DeviceId| End {
                device_id: *id,
                interface_id: None,
            };
            for _ in 0..2 {
                links.push(link(end(a), end(b), LinkStatus::Up, speed));
            }
        }
    }
    // One group has more links than are split.
    for _ in 0..64 {
        let (a, b) = (devices[22], devices[23]);
        let end = |device_id| End {
            device_id,
            interface_id: None,
        };
        links.push(link(end(a), end(b), LinkStatus::Up, Some(GBPS)));
    }
    api.services.store.inventory.set_links(links).await.unwrap();
    let rows = items(&admin, "balance?all=true&limit=1000").await;
    assert_eq!(rows.len(), 256, "of 276");
    let of_first = rows
        .iter()
        .filter(|row| row["a"]["device_id"] == devices[0].to_string());
    assert_eq!(
        of_first.count(),
        3,
        "those with the least speed are left out"
    );
    let wide = rows
        .iter()
        .find(|row| row["a"]["device_id"] == devices[22].to_string());
    assert!(
        wide.unwrap()["reason"]
            .as_str()
            .unwrap()
            .contains("at most 64")
    );
    let metrics = admin.get("/metrics").await;
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(
        metrics.contains("foretell_balance_groups_left_out 20"),
        "{metrics}"
    );
}
