//! Groups that devices tell of: members of aggregates, next hops of the default route.

use super::*;
use model::facts::{DefaultRouteFacts, Facts};
use std::collections::BTreeSet;

/// ifIndex of the aggregates.
const AGGREGATE: u32 = 9;

/// Says that ports of a device, by ifIndex, are members of aggregates; gives these, by their ifIndex.
async fn aggregate(api: &Api, id: DeviceId, members: &[(u32, u32)]) -> Vec<InterfaceId> {
    let inventory = &api.services.store.inventory;
    let record = inventory.device(id).unwrap();
    let mut ports: Vec<Interface> = record
        .interfaces
        .iter()
        .map(|one| (**one).clone())
        .collect();
    for port in &mut ports {
        let of = members.iter().find(|(member, _)| *member == port.index);
        port.aggregate = of.map(|(_, aggregate)| *aggregate);
    }
    let mut indexes: Vec<u32> = members.iter().map(|(_, aggregate)| *aggregate).collect();
    indexes.dedup();
    let made = indexes.iter().map(|index| Interface {
        name: format!("Po{index}"),
        ..interface(id, *index, 50 * GBPS)
    });
    let made: Vec<Interface> = made.collect();
    ports.extend(made.iter().cloned());
    inventory.set_interfaces(id, ports).await.unwrap();
    made.iter().map(|one| one.id).collect()
}

fn hop(index: u32, metric: Option<u32>) -> DefaultRouteFacts {
    DefaultRouteFacts {
        destination: Some("0.0.0.0/0".to_owned()),
        next_hop: format!("198.51.100.{index}").parse().ok(),
        interface: Some(format!("eth{index}")),
        interface_index: Some(index),
        metric,
        protocol: Some("ospf".to_owned()),
    }
}

async fn route(api: &Api, id: DeviceId, hops: &[DefaultRouteFacts]) {
    let facts = Facts {
        default_routes: hops.to_vec(),
        routing_read_at: Some(Timestamp::from_unix_ms(NOW)),
        ..Facts::default()
    };
    let inventory = &api.services.store.inventory;
    inventory.set_facts(id, facts).await.unwrap();
}

fn weights(direction: &Json) -> Vec<Json> {
    let members = direction["members"].as_array().unwrap();
    members.iter().map(|one| one["weight"].clone()).collect()
}

#[tokio::test]
async fn members_of_an_aggregate_are_one_group_whichever_end_tells() {
    let api = Api::new().await;
    let pair = pair(&api, 1, &[laid(10, 0.5), laid(40, 0.5)], HOURS).await;
    let [a, b] = pair.devices;
    let both = [(1, AGGREGATE), (2, AGGREGATE)];
    let of_a = aggregate(&api, a, &both).await;
    let of_b = aggregate(&api, b, &both).await;
    let admin = api.admin().await;
    let rows = items(&admin, "balance?all=true").await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    let group = &rows[0];
    assert_eq!(
        (&group["kind"], &group["name"]),
        (&json!("aggregate"), &json!("Po9"))
    );
    assert_eq!(group["id"], of_a[0].to_string());
    assert_eq!(group["b"]["device_name"], "r2");
    assert_eq!(group["is_advised"], true, "{group}");
    assert_eq!(group["directions"].as_array().unwrap().len(), 2);
    assert_eq!(weights(&group["directions"][0]), [1, 4]);
    let evidence = group["evidence"].to_string();
    assert!(
        evidence.contains("aggregate Po9: 2 ports of r1") && evidence.contains("by LLDP"),
        "{evidence}"
    );
    // The aggregate, its ports and links name it.
    let record = api.services.store.inventory.device(b).unwrap();
    let far = record
        .interfaces
        .iter()
        .find(|port| port.index == 2)
        .unwrap()
        .id;
    let near = group["directions"][0]["members"][0]["interface_id"]
        .as_str()
        .unwrap();
    for id in [
        of_a[0].to_string(),
        of_b[0].to_string(),
        near.to_owned(),
        far.to_string(),
        pair.links[1].to_string(),
    ] {
        let one = admin.get(&format!("/api/v1/balance/{id}")).await.json();
        assert_eq!(one["id"], group["id"], "{id}");
    }
    for (query, rows) in [
        ("aggregate", 1),
        ("links,routes", 0),
        ("links,aggregate", 1),
    ] {
        assert_eq!(
            items(&admin, &format!("balance?kind={query}")).await.len(),
            rows,
            "{query}"
        );
    }
    let refused = admin.get("/api/v1/balance?kind=bond").await;
    assert_eq!(
        (refused.status.as_u16(), refused.pointers()),
        (400, vec!["?kind".to_owned()])
    );
    let shown = items(&admin, &format!("devices/{a}/interfaces?sort=index")).await;
    assert_eq!(
        (&shown[0]["aggregate"], &shown[2]["aggregate"]),
        (&json!(AGGREGATE), &json!(null))
    );
}

#[tokio::test]
async fn an_aggregate_needs_no_neighbour() {
    let api = Api::new().await;
    let pair = pair(
        &api,
        1,
        &[laid(10, 0.5), laid(40, 0.5), laid(10, 0.0)],
        HOURS,
    )
    .await;
    let [a, _] = pair.devices;
    // The third left.
    let po = aggregate(&api, a, &[(1, AGGREGATE), (2, AGGREGATE)]).await;
    api.services
        .store
        .inventory
        .set_links(Vec::new())
        .await
        .unwrap();
    let admin = api.admin().await;
    let rows = items(&admin, "balance").await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    let group = &rows[0];
    assert_eq!(
        (&group["id"], &group["b"]),
        (&json!(po[0].to_string()), &json!(null))
    );
    assert_eq!(group["directions"].as_array().unwrap().len(), 1);
    assert_eq!(weights(&group["directions"][0]), [1, 4]);
    let member = &group["directions"][0]["members"][0];
    assert_eq!(
        (
            &member["link_id"],
            &member["to_device_id"],
            &member["interface_name"]
        ),
        (&json!(null), &json!(null), &json!("eth1"))
    );
    assert!(
        group["evidence"].to_string().contains("only what is sent"),
        "{group}"
    );
    let one = admin
        .get(&format!("/api/v1/balance/{}", po[0]))
        .await
        .json();
    assert_eq!(
        one["courses"][0]["members"][0]["interface_id"],
        member["interface_id"]
    );
}

#[tokio::test]
async fn what_comes_back_is_looked_at_where_the_other_end_splits_it_alike() {
    let api = Api::new().await;
    let four = [
        laid(10, 0.25),
        laid(10, 0.25),
        laid(10, 0.25),
        laid(10, 0.25),
    ];
    let pair = pair(&api, 1, &four, 100).await;
    let [a, b] = pair.devices;
    aggregate(&api, a, &[(1, 9), (2, 9), (3, 9), (4, 9)]).await;
    let admin = api.admin().await;
    let told = async || {
        let rows = items(&admin, "balance?all=true&sort=device").await;
        let told = rows.iter().map(|row| {
            let directions = row["directions"].as_array().unwrap();
            let members = directions[0]["members"].as_array().unwrap();
            (
                row["a"]["device_name"].to_string(),
                directions.len(),
                members.len(),
            )
        });
        told.collect::<Vec<_>>()
    };
    let row = |name: &str, directions, members| (format!("\"{name}\""), directions, members);
    assert_eq!(
        told().await,
        [row("r1", 2, 4)],
        "the other end tells of no aggregate"
    );
    aggregate(&api, b, &[(1, 8), (2, 8), (3, 9), (4, 9)]).await;
    assert_eq!(
        told().await,
        [row("r1", 1, 4), row("r2", 1, 2), row("r2", 1, 2)]
    );
}

#[tokio::test]
async fn links_in_an_aggregate_are_no_others_parallel() {
    let api = Api::new().await;
    let four = [
        laid(10, 0.25),
        laid(10, 0.25),
        laid(10, 0.25),
        laid(10, 0.25),
    ];
    let pair = pair(&api, 1, &four, 100).await;
    aggregate(&api, pair.devices[0], &[(1, 9), (2, 9)]).await;
    let admin = api.admin().await;
    let rows = items(&admin, "balance?all=true").await;
    let kinds: BTreeSet<String> = rows.iter().map(|row| row["kind"].to_string()).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        ["\"aggregate\"", "\"links\""]
    );
    let left = rows.iter().find(|row| row["kind"] == "links").unwrap();
    assert_eq!(left["id"], pair.links[2].to_string());
}

#[tokio::test]
async fn equal_default_routes_over_several_neighbours_are_a_group_one_way() {
    let api = Api::new().await;
    let pair = pair(&api, 1, &[laid(10, 0.5), laid(40, 0.5)], HOURS).await;
    let [a, b] = pair.devices;
    let admin = api.admin().await;
    // Over the same links as a group that is seen, they are that group.
    route(
        &api,
        a,
        &[hop(1, Some(10)), hop(2, Some(10)), hop(2, Some(20))],
    )
    .await;
    let rows = items(&admin, "balance?kind=routes").await;
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (&rows[0]["id"], &rows[0]["b"]["device_id"]),
        (&json!(pair.links[0].to_string()), &json!(b.to_string()))
    );
    assert!(
        rows[0]["evidence"]
            .to_string()
            .contains("equal-cost default routes: r1")
    );
    assert_eq!(items(&admin, "balance?all=true").await.len(), 1);
    // Over another neighbour.
    let other = device(&admin, 3, "north").await;
    let inventory = &api.services.store.inventory;
    let port = interface(other, 1, 40 * GBPS);
    let mut links: Vec<Link> = inventory
        .links()
        .iter()
        .map(|one| (**one).clone())
        .collect();
    links[1].b = End {
        device_id: other,
        interface_id: Some(port.id),
    };
    inventory.set_interfaces(other, vec![port]).await.unwrap();
    inventory.set_links(links).await.unwrap();
    let rows = items(&admin, "balance").await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    let group = &rows[0];
    assert_eq!(
        (&group["id"], &group["kind"], &group["b"]),
        (&json!(a.to_string()), &json!("routes"), &json!(null))
    );
    assert_eq!(group["directions"].as_array().unwrap().len(), 1);
    assert_eq!(weights(&group["directions"][0]), [1, 4]);
    let ends: Vec<_> = (0..2)
        .map(|at| group["directions"][0]["members"][at]["to_device_name"].clone())
        .collect();
    assert_eq!(ends, ["r2", "r3"]);
    assert!(
        group["evidence"]
            .to_string()
            .contains("set by those who send it"),
        "{group}"
    );
    for id in [a.to_string(), pair.links[1].to_string()] {
        let one = admin.get(&format!("/api/v1/balance/{id}")).await.json();
        assert_eq!(one["id"], group["id"], "{id}");
    }
    for (query, rows) in [
        ("site=north", 1),
        (&format!("device_id={other}"), 1),
        ("site=south", 0),
    ] {
        assert_eq!(
            items(&admin, &format!("balance?{query}")).await.len(),
            rows,
            "{query}"
        );
    }
    let shown = items(&admin, &format!("devices/{a}/default-routes?sort=-metric")).await;
    assert_eq!((shown.len(), &shown[0]["metric"]), (3, &json!(20)));
    // Unequal, of no known cost, over one interface, by two protocols.
    let by_bgp = DefaultRouteFacts {
        protocol: Some("bgp".to_owned()),
        ..hop(2, Some(10))
    };
    for hops in [
        vec![hop(1, Some(10)), hop(2, Some(11))],
        vec![hop(1, None), hop(2, None)],
        vec![hop(1, Some(10)), hop(1, Some(10))],
        vec![hop(1, Some(10)), by_bgp],
        vec![hop(1, Some(10)), hop(77, Some(10))],
        vec![],
    ] {
        route(&api, a, &hops).await;
        assert_eq!(items(&admin, "balance?all=true").await.len(), 0, "{hops:?}");
    }
}

#[tokio::test]
async fn routes_over_what_lies_over_ports_are_not_advised() {
    let api = Api::new().await;
    let pair = pair(&api, 1, &[laid(10, 0.5), laid(40, 0.5)], HOURS).await;
    let [a, _] = pair.devices;
    let inventory = &api.services.store.inventory;
    inventory.set_links(Vec::new()).await.unwrap();
    route(&api, a, &[hop(1, Some(10)), hop(2, Some(10))]).await;
    let admin = api.admin().await;
    for (kind, is_told) in [
        ("ethernetCsmacd", false),
        ("l2vlan", true),
        ("l3ipvlan", true),
        ("tunnel", true),
        ("propVirtual", true),
        ("softwareLoopback", true),
    ] {
        let record = inventory.device(a).unwrap();
        let mut ports: Vec<Interface> = record
            .interfaces
            .iter()
            .map(|one| (**one).clone())
            .collect();
        ports[1].kind = Some(kind.to_owned());
        inventory.set_interfaces(a, ports).await.unwrap();
        let rows = items(&admin, "balance?all=true").await;
        assert_eq!(rows.len(), 1, "{rows:?}");
        let reason = rows[0]["reason"].to_string();
        let told = "its capacity is that of the port beneath";
        assert_eq!(reason.contains(told), is_told, "{kind}: {reason}");
        assert_eq!(rows[0]["is_advised"], !is_told, "{kind}");
    }
}
