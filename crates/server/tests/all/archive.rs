//! An archive in a folder: days of a server go there, are listed, and come back, by the API and by the
//! command.

use crate::program::{PASSWORD, Server, foretell, until};
use model::{Clock, DeviceId, Labels, Metric, Timestamp, Value as Number};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::series::Batch;
use store::{Store, StoreOptions};

const DAY_MS: i64 = 86_400_000;

/// Days before this one that were measured.
const DAYS: i64 = 4;

fn today_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_millis()).unwrap();
    now.div_euclid(DAY_MS) * DAY_MS
}

/// Measures a device each hour of a day, and makes one file of it.
async fn measure(data: &Path) {
    let clock = Clock::new(|| Timestamp::from_unix_ms(today_ms()));
    let mut options = StoreOptions::new(data);
    options.series.maintain_every = None;
    let (store, _) = Store::open(options, clock).await.unwrap();
    let device_id = DeviceId::new();
    let keys = vec![(Metric::ICMP_RTT, Labels::default())];
    let column = store.series.resolve(device_id, keys).await.unwrap()[0].column;
    for hour in 0..24 {
        let at = today_ms() - DAYS * DAY_MS + hour * 3_600_000;
        let batch = Batch {
            device_id,
            at: Timestamp::from_unix_ms(at),
            values: vec![(column, Number::U64(hour.unsigned_abs()))],
        };
        store.series.append(batch).await.unwrap();
    }
    for _ in 0..8 {
        store.series.maintain().await.unwrap();
    }
    store.close().await.unwrap();
}

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let output = foretell(arguments, environment);
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn days_of_a_server_are_archived_and_brought_back() {
    let (data, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure(data.path()));
    let folder = other.path().join("archive");
    let environment = [("FORETELL_ARCHIVE__FOLDER", folder.to_str().unwrap())];
    let mut server = Server::start_with(data.path(), &environment);
    server.sign_in();
    let (status, begun) = server.post("archive/runs", &json!({}));
    assert_eq!(status, 202, "{begun}");
    let path = format!("jobs/{}", begun["id"].as_str().unwrap());
    let mut job = begun;
    until("the job", || {
        job = server.get(&path).1;
        !["waiting", "running"].contains(&job["state"].as_str().unwrap())
    });
    assert_eq!(job["state"], "done", "{job}");
    assert_eq!(job["result"]["samples"], 24);
    let (_, metrics) = server.text("/metrics");
    for line in [
        "foretell_archive_days 1",
        "foretell_archive_written_days_total 1",
        "foretell_archive_waiting_days 0",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }

    let secret = [("PASSWORD", PASSWORD)];
    let all = [&environment[..], &secret].concat();
    let of_server = ["--server", &server.url, "--password-env", "PASSWORD"];
    let listed = [&["archive", "list", "--json"][..], &of_server].concat();
    let (code, told, complaints) = run(&listed, &all);
    assert_eq!(code, Some(0), "{complaints}");
    let days: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(days[0]["samples"], 24, "{told}");
    let first = days[0]["day"].as_str().unwrap()[..10].to_owned();
    let next = Timestamp::from_unix_ms(today_ms() - (DAYS - 1) * DAY_MS).to_string();
    let range = ["--from", &first, "--to", &next];
    let restore = [&["archive", "restore"][..], &range, &of_server].concat();
    let (code, told, complaints) = run(&restore, &all);
    assert_eq!(code, Some(0), "{complaints}");
    assert!(told.contains("24 samples"), "{told}");
    let (code, told, _) = run(&[&["archive", "status"][..], &of_server].concat(), &all);
    assert_eq!(code, Some(0));
    assert!(told.contains("1 days from"), "{told}");
    drop(server);

    // Of a stopped one the folder is worked on.
    let of_data = ["--data-dir", data.path().to_str().unwrap()];
    let check = [&["archive", "check", "--json"][..], &of_data].concat();
    let (code, told, complaints) = run(&check, &environment);
    assert_eq!(code, Some(0), "{complaints}");
    let job: Value = serde_json::from_str(&told).unwrap();
    // As a server tells the job.
    assert_eq!(
        [&job["kind"], &job["state"], &job["result"]["damaged"]],
        [&json!("archive_check"), &json!("done"), &json!([])]
    );
    let (code, _, complaints) = run(&check, &[]);
    assert_eq!(code, Some(2), "{complaints}");
    assert!(complaints.contains("archive.folder"), "{complaints}");
    runtime.shutdown_timeout(Duration::from_secs(5));
}
