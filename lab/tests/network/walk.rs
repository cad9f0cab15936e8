//! The browser's walk through the real thing: web/e2e/real.mjs.

use crate::stand::{Stand, figure, percentile};
use foretell_lab::agent::COMMUNITY;
use foretell_lab::network::MANAGEMENT;
use foretell_lab::server::{PASSWORD, User, url};
use std::path::Path;
use std::process::{Command, Stdio};

const P99_MAX_SECS: f64 = 1.0;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root; run cargo xtask lab"]
async fn the_browser_walks_from_sign_in_to_a_live_value() {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web");
    let missing = ["e2e/real.mjs", "node_modules", "dist/index.html"]
        .into_iter()
        .find(|path| !web.join(path).exists());
    if let Some(missing) = missing {
        println!("SKIPPED the browser's walk: there is no web/{missing}");
        return;
    }
    let stand = Stand::up(User::Root).await;
    let seed = stand.network.router(1).management.to_string();
    let output = Command::new("node")
        .arg("e2e/real.mjs")
        .current_dir(&web)
        .env("FORETELL_URL", url())
        .env("FORETELL_PASSWORD", PASSWORD)
        .env("FORETELL_SEED", &seed)
        .env("FORETELL_ALLOWED", MANAGEMENT)
        .env("FORETELL_COMMUNITY", COMMUNITY)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    println!("{printed}");
    assert!(output.status.success(), "{}", stand.server.log_end());
    let last = printed.lines().last().unwrap_or_default();
    let told: serde_json::Value = serde_json::from_str(last).expect("it ends with one JSON object");
    let delays = told["delays_ms"].as_array().expect("it measured delays");
    let mut delays: Vec<f64> = delays
        .iter()
        .filter_map(|d| Some(d.as_f64()? / 1e3))
        .collect();
    assert!(delays.len() >= 20, "{told}");
    let p99 = percentile(&mut delays, 0.99);
    figure("browser_delay_p99_secs", p99);
    assert!(p99 < P99_MAX_SECS, "{delays:?}");
}
