//! Where ICMP is not permitted, that is said, and status rests on SNMP.

use crate::faults::reaches;
use crate::stand::{INTERVAL, Stand, figure};
use foretell_lab::server::User;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root; run cargo xtask lab"]
async fn without_icmp_the_page_says_so_and_status_rests_on_snmp() {
    let stand = Stand::up(User::Nobody).await;
    stand.watch().await;
    let notices = stand
        .client
        .get("system/notices")
        .await
        .unwrap()
        .to_string();
    println!("{notices}");
    assert!(notices.contains("ICMP"), "{notices}");
    let (_, device) = reaches(&stand, "r1", "up", 2 * INTERVAL).await;
    let evidence = device["status_evidence"].as_array().unwrap();
    let outcome = |check: &str| {
        let of = |e: &&serde_json::Value| e["check"] == check;
        evidence.iter().find(of).map(|e| e["outcome"].clone())
    };
    assert_eq!(outcome("snmp"), Some("answered".into()), "{device}");
    assert_eq!(outcome("icmp"), Some("skipped".into()), "{device}");
    // With nothing else to ask, a silent agent is a silent device.
    stand.network.router(3).agents.freeze_snmpd().unwrap();
    let (took, _) = reaches(&stand, "r3", "down", 4 * INTERVAL).await;
    figure("without_icmp_down_secs", took.as_secs_f64());
}
