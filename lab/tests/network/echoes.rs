//! What ICMP says of a path is kept as it was: round trip, jitter, loss.

use crate::stand::{INTERVAL, Stand, figure};
use foretell_lab::echo::{Answering, Manner};
use foretell_lab::server::User;
use foretell_lab::wait::until_async;
use jiff::Timestamp;
use std::path::Path;

const MANNER: Manner = Manner {
    delay_ms: 200,
    longer_ms: 200,
    lost_of: 4,
};
/// What a busy machine may add to a round trip, and to a difference of two.
const BUSY_SECS: f64 = 0.2;
/// Polls that are looked at, of three echo requests each: a whole number of times four of these.
const POLLS: usize = 8;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root; run cargo xtask lab"]
async fn delay_jitter_and_loss_of_one_router_are_kept_as_series() {
    let stand = Stand::up(User::Root).await;
    let devices = stand.watch().await;
    let id = |name: &str| devices[name]["id"].as_str().unwrap().to_owned();
    let binary = std::env::var("FORETELL_LAB_BIN").expect("set by cargo xtask lab");
    let path = Path::new(&binary);
    let _answering = Answering::start(path, &stand.network.router(2).namespace, MANNER).unwrap();
    // A poll that was under way is of both.
    tokio::time::sleep(INTERVAL).await;
    let begin = Timestamp::now();

    let values = async |device: &str, metric: &str| {
        let path = format!("series?device_id={device}&metric={metric}");
        let series = stand.client.list(&path).await?;
        let series = series.first().map(|series| series["id"].clone());
        let series = series.unwrap_or_default();
        let path = format!(
            "series/{}/samples?from={begin}&to={}&step_secs=1&aggregation=last",
            series.as_str().unwrap_or_default(),
            Timestamp::now()
        );
        let chart = stand.client.get(&path).await?;
        let points = chart["points"].as_array().into_iter().flatten();
        anyhow::Ok(
            points
                .filter_map(|point| point[1].as_f64())
                .collect::<Vec<f64>>(),
        )
    };
    let (far, near) = (id("r2"), id("r1"));
    let enough = INTERVAL * u32::try_from(POLLS + 3).unwrap();
    until_async("losses of enough polls", enough, async || {
        let there = values(&far, "icmp_loss").await?.len();
        Ok(if there >= POLLS {
            Ok(())
        } else {
            Err(format!("{there}"))
        })
    })
    .await
    .unwrap();

    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (least, most) = (0.2, 0.4 + BUSY_SECS);
    let rtt = values(&far, "icmp_rtt").await.unwrap();
    figure("icmp_rtt_mean_secs", mean(&rtt));
    assert!(rtt.len() >= POLLS, "{rtt:?}");
    assert!(
        rtt.iter().all(|secs| (least..most).contains(secs)),
        "{rtt:?}"
    );
    let jitter = values(&far, "icmp_jitter").await.unwrap();
    figure("icmp_jitter_mean_secs", mean(&jitter));
    // Where the second of three is lost, the others waited as long as each other.
    let uneven = jitter
        .iter()
        .filter(|secs| (*secs - 0.2).abs() < BUSY_SECS / 2.0);
    assert!(uneven.count() >= POLLS / 2, "{jitter:?}");
    let loss = values(&far, "icmp_loss").await.unwrap();
    figure("icmp_loss_mean_ratio", mean(&loss));
    let third = |loss: &f64| loss.abs() < 1e-9 || (loss - 1.0 / 3.0).abs() < 1e-9;
    assert!(loss.iter().all(third), "{loss:?}");
    let mean_of_first = mean(&loss[..POLLS]);
    assert!((mean_of_first - 0.25).abs() < 1e-9, "{loss:?}");

    let near_rtt = values(&near, "icmp_rtt").await.unwrap();
    assert!(mean(&near_rtt) < least / 2.0, "{near_rtt:?}");
    let near_loss = values(&near, "icmp_loss").await.unwrap();
    assert!(near_loss.iter().all(|loss| *loss == 0.0), "{near_loss:?}");
}
