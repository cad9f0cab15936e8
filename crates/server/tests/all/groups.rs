//! Aggregates and equal-cost routes from what devices of a simulated network say to the advice.

use crate::program::{Server, until};
use crate::simulate::Simulation;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Devices: enough for an aggregate at the way out, and for a switch with an old table of routes.
const DEVICES: usize = 30;
/// The first address.
const BASE: &str = "127.28.0.1";

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key}: {value}"))
}

fn rows<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// The devices of a simulation, discovered and polled: ids by name.
fn polled(server: &Server, simulation: &Simulation) -> BTreeMap<String, String> {
    let agent = simulation.agent(BASE);
    let port: u16 = agent.rsplit(':').next().unwrap().parse().unwrap();
    let credential = json!({"name": "public", "kind": "snmp_v2c", "community": "public"});
    let (_, credential) = server.post("credentials", &credential);
    let targets = format!("{BASE}-127.28.0.{DEVICES}");
    let discovery = json!({"targets": [targets], "port": port, "methods": ["snmp"],
        "credential_ids": [credential["id"]], "register": true});
    let (status, run) = server.post("discoveries", &discovery);
    assert_eq!(status, 202, "{run}");
    let mut devices = Value::Null;
    until("all devices to be up", || {
        devices = server.get("devices?limit=1000").1;
        let up = rows(&devices, "items")
            .iter()
            .filter(|device| device["status"] == "up");
        up.count() == DEVICES
    });
    let devices = rows(&devices, "items").iter();
    devices
        .map(|device| {
            (
                text(device, "name").to_owned(),
                text(device, "id").to_owned(),
            )
        })
        .collect()
}

/// Interfaces of the members of a direction, with where they lead to.
fn members<'a>(
    direction: &'a Value,
    ids: &'a BTreeMap<String, String>,
) -> BTreeSet<(&'a str, &'a str)> {
    let members = rows(direction, "members").iter();
    members
        .map(|member| {
            let to = text(member, "to_device_id");
            let (name, _) = ids.iter().find(|(_, id)| *id == to).unwrap();
            (text(member, "interface_name"), name.as_str())
        })
        .collect()
}

/// Ports of a device that links of the network lead from, with where they lead to.
fn ports<'a>(truth: &'a Value, device: &str) -> BTreeSet<(&'a str, &'a str)> {
    let links = rows(truth, "links").iter();
    links
        .flat_map(|link| [(&link["a"], &link["b"]), (&link["b"], &link["a"])])
        .filter(|(near, _)| near["node"] == device)
        .map(|(near, far)| (text(near, "port"), text(far, "node")))
        .collect()
}

#[test]
fn aggregates_and_equal_routes_of_simulated_devices_are_groups() {
    let folder = tempfile::tempdir().unwrap();
    let truth = folder.path().join("truth.json");
    let count = DEVICES.to_string();
    let arguments = [
        "--devices",
        &count,
        "--base",
        BASE,
        "--truth",
        truth.to_str().unwrap(),
    ];
    let simulation = Simulation::start(&arguments, &[]);
    let truth: Value = serde_json::from_slice(&std::fs::read(truth).unwrap()).unwrap();
    let mut server = Server::start(&folder.path().join("data"));
    server.sign_in();
    let ids = polled(&server, &simulation);
    // An aggregate is no link of its own.
    until("the links of the network", || {
        let (_, links) = server.get("links?limit=1000");
        rows(&links, "items").len() == rows(&truth, "links").len()
    });
    let heads: BTreeSet<&str> = rows(&truth, "nodes")
        .iter()
        .filter(|node| node["role"] == "distribution")
        .map(|node| text(node, "id"))
        .collect();
    let mut groups = Value::Null;
    // A port's link may be known before the port.
    until("all groups, and where they lead to", || {
        groups = server.get("balance?all=true&limit=1000").1;
        let groups = rows(&groups, "items");
        let directions = groups.iter().flat_map(|group| rows(group, "directions"));
        let mut members = directions.flat_map(|direction| rows(direction, "members"));
        groups.len() == 1 + heads.len() && members.all(|member| member["to_device_id"].is_string())
    });
    let of_kind = |kind: &str| -> Vec<&Value> {
        let groups = rows(&groups, "items").iter();
        groups.filter(|group| group["kind"] == kind).collect()
    };
    let [aggregate] = of_kind("aggregate")[..] else {
        panic!("{groups}");
    };
    let [told] = rows(&truth, "aggregates") else {
        panic!("{truth}");
    };
    let ends: BTreeSet<&str> = [&told["a"], &told["b"]].map(|end| text(end, "node")).into();
    let named = |end: &str| text(&aggregate[end], "device_name");
    assert_eq!(BTreeSet::from([named("a"), named("b")]), ends);
    let near = [&told["a"], &told["b"]]
        .into_iter()
        .find(|end| end["node"] == named("a"))
        .unwrap();
    assert_eq!(aggregate["name"], near["port"]);
    let directions = rows(aggregate, "directions");
    assert_eq!(directions.len(), 2, "{aggregate}");
    let from = &ids[text(&told["a"], "node")];
    let direction = directions
        .iter()
        .find(|direction| direction["from_device_id"] == **from)
        .unwrap();
    let expected: BTreeSet<(&str, &str)> = rows(told, "members")
        .iter()
        .map(|member| (text(member, "port"), text(&told["b"], "node")))
        .collect();
    assert_eq!(members(direction, &ids), expected);

    let routes = of_kind("routes");
    let of: BTreeSet<&str> = routes
        .iter()
        .map(|group| text(&group["a"], "device_name"))
        .collect();
    assert_eq!(of, heads);
    for group in routes {
        let name = text(&group["a"], "device_name");
        let [direction] = rows(group, "directions") else {
            panic!("{group}");
        };
        let mut to_cores = ports(&truth, name);
        to_cores.retain(|(_, far)| far.starts_with("core-"));
        assert_eq!(members(direction, &ids), to_cores, "{name}");
    }
    default_routes(&server, &truth, &ids);
}

/// What devices say of their default route, each make in the table that it has.
fn default_routes(server: &Server, truth: &Value, ids: &BTreeMap<String, String>) {
    let mut vendors = BTreeSet::new();
    for node in rows(truth, "nodes") {
        let name = text(node, "id");
        let (status, hops) = server.get(&format!("devices/{}/default-routes", ids[name]));
        assert_eq!(status, 200, "{hops}");
        let hops = rows(&hops, "items");
        let expected = match text(node, "role") {
            // What is beyond the way out tells nothing.
            "gateway" => 0,
            "distribution" => 2,
            _ => 1,
        };
        assert_eq!(hops.len(), expected, "{name}: {hops:?}");
        for hop in hops {
            assert_eq!(hop["destination"], "0.0.0.0/0");
            assert!(
                hop["interface"].is_string() && hop["metric"].is_u64(),
                "{hop}"
            );
        }
        vendors.insert(text(node, "vendor"));
    }
    // By ipRouteTable, which is all that these have.
    assert!(vendors.contains("HP"), "{vendors:?}");
}
