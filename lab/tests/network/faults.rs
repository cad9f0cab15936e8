//! What breaks is seen within two intervals, and so is its mending.

use crate::stand::{INTERVAL, Stand, figure};
use foretell_lab::server::User;
use foretell_lab::wait::until_async;
use serde_json::Value;
use std::time::Duration;

const WITHIN: Duration = INTERVAL.saturating_mul(2);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root; run cargo xtask lab"]
async fn a_cut_link_shows_down_on_the_interface() {
    let stand = Stand::up(User::Root).await;
    let devices = stand.watch().await;
    let port = stand.network.router(1).link_to(2).unwrap();
    let r1 = devices["r1"]["id"].as_str().unwrap();
    let shows = async |wanted: &str| {
        until_async(&format!("{wanted} on the interface"), WITHIN, async || {
            let interfaces = stand.client.interfaces(r1).await?;
            let status = interfaces[&port.interface]["oper_status"].clone();
            Ok(if status == wanted {
                Ok(())
            } else {
                Err(status.to_string())
            })
        })
        .await
        .unwrap()
    };
    shows("up").await;
    let other = &stand.network.router(2).namespace;
    other.set_link(&port.other_interface, false).unwrap();
    figure("cut_link_down_secs", shows("down").await.as_secs_f64());
    other.set_link(&port.other_interface, true).unwrap();
    figure("mended_link_up_secs", shows("up").await.as_secs_f64());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root; run cargo xtask lab"]
async fn a_stopped_agent_is_degraded_and_a_dead_router_is_down() {
    let stand = Stand::up(User::Root).await;
    stand.watch().await;
    let router = stand.network.router(4);
    router.agents.freeze_snmpd().unwrap();
    let (took, device) = reaches(&stand, "r4", "degraded", WITHIN).await;
    figure("stopped_agent_degraded_secs", took.as_secs_f64());
    let evidence = device["status_evidence"].to_string();
    assert!(evidence.contains("icmp"), "{evidence}");
    router.agents.thaw_snmpd().unwrap();
    // The poller backs off from an agent that does not answer.
    let (took, _) = reaches(&stand, "r4", "up", 12 * INTERVAL).await;
    figure("thawed_agent_up_secs", took.as_secs_f64());
    router.namespace.set_link("mgmt0", false).unwrap();
    // Nothing answers for two intervals, and the last poll of them must end.
    let (took, _) = reaches(&stand, "r4", "down", 4 * INTERVAL).await;
    figure("dead_router_down_secs", took.as_secs_f64());
}

/// Waits until the device of that name has that status.
pub(crate) async fn reaches(
    stand: &Stand,
    name: &str,
    status: &str,
    within: Duration,
) -> (Duration, Value) {
    let mut device = Value::Null;
    let took = until_async(&format!("{name} {status}"), within, async || {
        device = stand.client.devices().await?[name].clone();
        Ok(if device["status"] == status {
            Ok(())
        } else {
            Err(device["status_evidence"].to_string())
        })
    })
    .await
    .unwrap();
    (took, device)
}
