//! Discovery finds what is there, once, and says how it knows.

use crate::stand::{Stand, figure};
use foretell_lab::agent::{AUTH_PASSPHRASE, PRIVACY_PASSPHRASE, USER as SNMP_USER};
use foretell_lab::network::ROUTERS;
use foretell_lab::server::User;
use foretell_lab::wait::until_async;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const WITHIN: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root; run cargo xtask lab"]
async fn one_seed_finds_every_router_and_all_its_neighbours() {
    let stand = Stand::up(User::Root).await;
    let started = Instant::now();
    let (discovery, results) = stand.client.discover(&stand.seeded()).await.unwrap();
    figure("discovery_secs", started.elapsed().as_secs_f64());
    assert_eq!(discovery["phase"], "done", "{discovery}");
    assert_eq!(discovery["devices_found"], ROUTERS, "{results:?}");
    let devices = stand.client.devices().await.unwrap();
    let names: Vec<_> = devices.keys().map(String::as_str).collect();
    assert_eq!(names, ["r1", "r2", "r3", "r4", "r5", "r6"]);

    // Each end of each link, as (router, its interface, the other router, the interface there).
    let expected: BTreeSet<(String, String, String, String)> = stand
        .network
        .routers()
        .iter()
        .flat_map(|router| {
            router.links.iter().map(|port| {
                let other = stand.network.router(port.other);
                let (here, there) = (port.interface.clone(), port.other_interface.clone());
                (router.name.clone(), here, other.name.clone(), there)
            })
        })
        .collect();
    let left = WITHIN.saturating_sub(started.elapsed());
    until_async("all LLDP neighbours", left, async || {
        let mut found = BTreeSet::new();
        for (name, device) in stand.client.devices().await? {
            let id = device["id"].as_str().unwrap_or_default();
            let path = format!("devices/{id}/neighbors");
            for neighbor in stand.client.list(&path).await? {
                if neighbor["protocol"] == "lldp" {
                    let field = |key: &str| neighbor[key].as_str().unwrap_or_default().to_owned();
                    found.insert((
                        name.clone(),
                        field("local_interface"),
                        field("remote_name"),
                        field("remote_port"),
                    ));
                }
            }
        }
        Ok(if found == expected {
            Ok(())
        } else {
            let missing: Vec<_> = expected.difference(&found).collect();
            let extra: Vec<_> = found.difference(&expected).collect();
            Err(format!("missing {missing:?}, too many {extra:?}"))
        })
    })
    .await
    .unwrap();
    let took = started.elapsed();
    figure("discovery_and_neighbours_secs", took.as_secs_f64());
    assert!(took < WITHIN, "{took:?}");
    let links = stand.client.list("links").await.unwrap();
    assert_eq!(links.len(), stand.network.routers().len(), "{links:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root; run cargo xtask lab"]
async fn a_device_met_by_two_addresses_is_one_device() {
    let stand = Stand::up(User::Root).await;
    let router = stand.network.router(2);
    let second = "10.77.0.112/24";
    let add = ["address", "add", second, "dev", "mgmt0"];
    router.namespace.ip(&add).unwrap();
    let request = json!({
        "targets": [router.management.to_string(), "10.77.0.112"],
        "methods": ["snmp"],
        "credential_ids": [stand.community],
    });
    let (discovery, results) = stand.client.discover(&request).await.unwrap();
    assert_eq!(discovery["devices_found"], 1, "{results:?}");
    assert_eq!(stand.client.devices().await.unwrap().len(), 1);
    let ids: BTreeSet<_> = results.iter().map(|r| r["device_id"].to_string()).collect();
    assert_eq!((results.len(), ids.len()), (2, 1), "{results:?}");
    let reason = |result: &Value| result["identity_reason"].as_str().map(str::to_owned);
    assert!(results.iter().all(|r| reason(r).is_some()), "{results:?}");
    println!("{:?}", results.iter().map(reason).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root; run cargo xtask lab"]
async fn a_wrong_v3_password_is_told_from_silence() {
    let stand = Stand::up(User::Root).await;
    let user = |name: &str, auth: &str| {
        json!({
            "name": name, "kind": "snmp_v3", "user": SNMP_USER,
            "auth": "sha256", "auth_passphrase": auth,
            "privacy": "aes128", "privacy_passphrase": PRIVACY_PASSPHRASE,
        })
    };
    let wrong = user("wrong", "not-the-passphrase");
    let wrong = stand.client.add_credential(&wrong).await.unwrap();
    let right = user("right", AUTH_PASSPHRASE);
    let right = stand.client.add_credential(&right).await.unwrap();
    let ask = async |credentials: Value, address: String| {
        let request = json!({
            "targets": [address], "methods": ["snmp"], "credential_ids": credentials,
            "register": false,
        });
        let (_, results) = stand.client.discover(&request).await.unwrap();
        let first = results.first().cloned().unwrap_or_default();
        first["snmp"].clone()
    };
    let address = stand.network.router(1).management.to_string();
    let refused = ask(json!([wrong]), address.clone()).await;
    println!("{refused}");
    assert_eq!(refused["outcome"], "refused", "{refused}");
    let identified = ask(json!([wrong, right]), address).await;
    assert_eq!(identified["outcome"], "identified", "{identified}");
    assert_eq!(identified["credential_id"], right.as_str());
    let nobody = ask(json!([right]), "10.77.0.250".to_owned()).await;
    assert!(
        nobody.is_null() || nobody["outcome"] == "silent",
        "{nobody}"
    );
    assert!(stand.client.devices().await.unwrap().is_empty());
}
