//! A network with a server that watches it.

use foretell_lab::agent::COMMUNITY;
use foretell_lab::client::Client;
use foretell_lab::network::{MANAGEMENT, Network, ROUTERS};
use foretell_lab::server::{Server, User};
use foretell_lab::wait::until_async;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often routers are polled in the lab.
pub(crate) const INTERVAL: Duration = Duration::from_secs(5);

/// A network, a server in it, and a client signed in.
pub(crate) struct Stand {
    // Before the network: it is stopped before its namespace goes.
    pub(crate) server: Server,
    pub(crate) client: Client,
    pub(crate) network: Network,
    /// The id of the credential that every router takes.
    pub(crate) community: String,
}

impl Stand {
    pub(crate) async fn up(user: User) -> Self {
        let network = Network::up().expect("the network stands");
        let server = Server::start(&network, user).await.expect("server starts");
        let client = server.client().await.expect("signed in");
        let community = json!({"name": "lab", "kind": "snmp_v2c", "community": COMMUNITY});
        let community = client.add_credential(&community).await.expect("stored");
        Self {
            server,
            client,
            network,
            community,
        }
    }

    /// What finds every router from the first one's address.
    pub(crate) fn seeded(&self) -> Value {
        json!({
            "targets": [self.network.router(1).management.to_string()],
            "methods": ["icmp", "snmp", "neighbors"],
            "credential_ids": [self.community],
            "allowed_networks": [MANAGEMENT],
        })
    }

    /// Discovers every router and has it polled every 5 s. Gives devices by name.
    pub(crate) async fn watch(&self) -> BTreeMap<String, Value> {
        let (discovery, _) = self.client.discover(&self.seeded()).await.unwrap();
        let devices = self.client.devices().await.unwrap();
        assert_eq!(devices.len(), ROUTERS, "{discovery}");
        for device in devices.values() {
            let path = format!("devices/{}", device["id"].as_str().unwrap());
            let change = json!({"interval_secs": INTERVAL.as_secs()});
            self.client.patch(&path, &change).await.unwrap();
        }
        until_async("every router up", 4 * INTERVAL, async || {
            let devices = self.client.devices().await?;
            let up = devices.values().filter(|d| d["status"] == "up").count();
            Ok(if up == ROUTERS {
                Ok(())
            } else {
                Err(format!("{up} up"))
            })
        })
        .await
        .unwrap();
        devices
    }

    /// The series of one metric of one interface.
    pub(crate) async fn series(&self, device: &str, interface: &str, metric: &str) -> String {
        let path = format!("series?device_id={device}&metric={metric}");
        let series = self.client.list(&path).await.unwrap();
        let found = series
            .iter()
            .find(|series| series["labels"]["interface"] == interface)
            .unwrap_or_else(|| panic!("no {metric} of {interface} in {series:?}"));
        found["id"].as_str().unwrap().to_owned()
    }
}

/// Prints a figure for the record.
#[allow(clippy::print_stdout)]
pub(crate) fn figure(name: &str, value: impl std::fmt::Display) {
    println!("figure {name}: {value}");
}

/// The value that a share of `values` does not exceed.
pub(crate) fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() as f64 * share).ceil();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let position = (rank as usize).clamp(1, values.len()) - 1;
    values[position]
}
