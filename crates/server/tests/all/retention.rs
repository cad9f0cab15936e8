//! What the policies of a stopped server would remove; policies and holds of a running one, by the
//! command.

use crate::program::{Server, foretell};
use model::{Clock, Timestamp};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::{Store, StoreOptions};

const DAY: Duration = Duration::from_hours(24);

fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_unix_ms(i64::try_from(now.as_millis()).unwrap())
}

#[test]
fn a_preview_on_the_folder_of_a_stopped_server() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().to_str().unwrap();
    let run = |more: &[&str]| {
        let all = [&["retention", "preview", "--data-dir", folder][..], more].concat();
        let output = foretell(&all, &[]);
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let (told, complaints) = (text(&output.stdout), text(&output.stderr));
        (output.status.code(), told, complaints)
    };
    let server = Server::start(data.path());
    let (code, _, told) = run(&[]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("stop it"), "{told}");
    drop(server);
    let (code, told, complaints) = run(&["--json"]);
    assert_eq!(code, Some(0), "{complaints}");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&told["samples"], &told["by_policy"]),
        (&json!(0), &json!([]))
    );
    let (code, told, _) = run(&[]);
    assert_eq!(code, Some(0));
    assert!(told.starts_with("0 samples in 0 octets would go"), "{told}");
    let nowhere = foretell(&["retention", "preview", "--data-dir", "/nonexistent"], &[]);
    assert_eq!(nowhere.status.code(), Some(2));
}

/// Makes files of what is in the folder of a stopped server.
fn seal(data: &Path) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut options = StoreOptions::new(data);
        options.series.maintain_every = None;
        let (store, _) = Store::open(options, Clock::new(now)).await.unwrap();
        for _ in 0..8 {
            store.series.maintain().await.unwrap();
        }
        store.close().await.unwrap();
    });
}

/// The folder of a server with a device `core-1` that was measured 20 times, three days ago.
fn measured() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path());
    server.sign_in();
    let device = json!({"address": "192.0.2.1", "name": "core-1", "tags": ["lab"]});
    let (status, device) = server.post("devices", &device);
    assert_eq!(status, 201, "{device}");
    let id = device["id"].as_str().unwrap();
    let begun = now().minus(3 * DAY);
    let lines: Vec<String> = (0..20)
        .map(|n| {
            let at = begun.plus(Duration::from_secs(n));
            format!("sensor_other{{device_id=\"{id}\"}} {n} {at}")
        })
        .collect();
    let (code, told, complaints) = server.asked_with(&["metrics", "push", "-"], &lines.join("\n"));
    assert_eq!(code, Some(0), "{told} {complaints}");
    server.terminate();
    seal(data.path());
    data
}

#[test]
fn policies_are_set_and_deleted_by_the_command() {
    let data = measured();
    let server = Server::start(data.path());
    let (code, told, complaints) = server.asked(&["retention", "list"]);
    assert_eq!(code, Some(0), "{complaints}");
    assert!(
        told.starts_with("raw    400 days  priority    last  built-in raw: all series\n"),
        "{told}"
    );
    let sizes = server.asked_json(&["store", "sizes"]);
    assert_eq!(sizes["sizes"][0]["level"], "raw", "{sizes}");
    let (code, told, _) = server.asked(&["store", "sizes"]);
    assert_eq!(code, Some(0));
    assert!(told.contains("octets in "), "{told}");

    let set = ["retention", "set", "of the lab"];
    let body = [
        "--level",
        "raw",
        "--metric",
        "sensor_.*",
        "--device-tag",
        "lab",
    ];
    let body = [&set[..], &body, &["--keep-days"]].concat();
    let whole = [&body[..], &["1"]].concat();
    let (code, _, complaints) = server.asked(&whole);
    assert_eq!(code, Some(2), "nobody can be asked");
    assert!(complaints.contains("--yes"), "{complaints}");
    let dry = server.asked_json(&[&whole[..], &["--dry-run"]].concat());
    assert_eq!(
        (&dry["preview"]["samples"], &dry["policy"]),
        (&json!(20), &json!(null))
    );
    assert_eq!(dry["preview"]["by_policy"][0]["name"], "of the lab");
    assert_eq!(
        server
            .asked_json(&["retention", "list"])
            .as_array()
            .unwrap()
            .len(),
        3
    );
    // It keeps for longer than anything is old, so that no pass takes anything meanwhile.
    let longer = [&body[..], &["60", "--yes"]].concat();
    let (code, told, complaints) = server.asked(&longer);
    assert_eq!(code, Some(0), "{complaints}");
    assert!(
        told.ends_with(
            "raw     60 days  priority     100  of the lab: sensor_.* of devices with lab\n"
        ),
        "{told}"
    );
    let change = [&set[..], &["--keep-days", "50", "--priority", "7", "-y"]].concat();
    let changed = server.asked_json(&change);
    assert_eq!(
        [
            &changed["policy"]["keep_days"],
            &changed["policy"]["priority"],
            &changed["policy"]["revision"]
        ],
        [&json!(50), &json!(7), &json!(2)]
    );
    assert_eq!(changed["policy"]["metrics"], json!(["sensor_.*"]));

    // Days of a built-in policy are tried, too, and those that it was built with.
    let longer = ["retention", "set", "built-in raw", "--keep-days", "4000"];
    let longer = server.asked_json(&[&longer[..], &["--yes"]].concat());
    assert_eq!(longer["policy"]["keep_days"], 4_000);
    let as_built = server.asked_json(&["retention", "delete", "built-in raw", "--yes"]);
    assert_eq!(as_built["preview"]["samples"], 0);
    let listed = server.asked_json(&["retention", "list"]);
    assert_eq!(listed[1]["keep_days"], 400, "{listed}");
    let built_in = ["retention", "set", "built-in raw", "--keep-days", "1"];
    let (code, told, _) = server.asked(&[&built_in[..], &["--dry-run"]].concat());
    assert_eq!(code, Some(0));
    assert!(
        told.starts_with("0 samples"),
        "the other one decides: {told}"
    );
    for (arguments, word) in [
        (
            &["built-in raw", "--priority", "9", "--yes"][..],
            "only the days",
        ),
        (&["another", "--keep-days", "3", "--yes"], "--level"),
        (&["of the lab", "--metric", "(", "--yes"], "metrics/0: "),
        (&["of the lab", "--keep-days", "0", "--yes"], "--keep-days"),
    ] {
        let (code, _, complaints) = server.asked(&[&["retention", "set"], arguments].concat());
        assert_eq!(code, Some(2), "{arguments:?}: {complaints}");
        assert!(complaints.contains(word), "{arguments:?}: {complaints}");
    }

    let delete = ["retention", "delete", "of the lab", "--yes"];
    let (code, told, complaints) = server.asked(&delete);
    assert_eq!(code, Some(0), "{complaints}");
    assert!(told.ends_with("of the lab is deleted\n"), "{told}");
    let (code, _, complaints) = server.asked(&delete);
    assert_eq!(code, Some(1));
    assert!(
        complaints.contains("no policy `of the lab`"),
        "{complaints}"
    );
}

#[test]
fn what_is_asked_is_done_though_nobody_reads_what_came_of_it() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let set = ["retention", "set", "short", "--level", "raw"];
    let set = [&set[..], &["--keep-days", "300", "--yes"]].concat();
    assert_eq!(server.asked_unread(&set), Some(0));
    assert_eq!(
        server.asked_json(&["retention", "list"])[0]["name"],
        "short"
    );
    let hold = ["hold", "add", "--match", "{tag=\"lab\"}", "--reason", "x"];
    let hold = server.asked_json(&hold);
    let remove = ["hold", "remove", hold["id"].as_str().unwrap(), "--yes"];
    assert_eq!(server.asked_unread(&remove), Some(0));
    assert_eq!(server.asked_json(&["hold", "list"]), json!([]));
    let delete = ["retention", "delete", "short", "--yes"];
    assert_eq!(server.asked_unread(&delete), Some(0));
    assert_eq!(server.asked_unread(&delete), Some(1), "it is gone");
    // Some are refused, and that is told by how it ends.
    let push = ["metrics", "push", "sensor_other 1", "nobody_knows 1"];
    assert_eq!(server.asked_unread(&push), Some(1));
}

#[test]
fn holds_are_placed_and_released_by_the_command() {
    let data = measured();
    let server = Server::start(data.path());
    let add = [
        "hold",
        "add",
        "--match",
        "{tag=\"lab\"}",
        "--reason",
        "case 17",
    ];
    let hold = server.asked_json(&[&add[..], &["--from", "2026-01-01"]].concat());
    assert_eq!(
        [&hold["devices"], &hold["from"], &hold["by"]],
        [
            &json!(1),
            &json!("2026-01-01T00:00:00.000Z"),
            &json!("admin")
        ]
    );
    let id = hold["id"].as_str().unwrap();
    let (code, told, _) = server.asked(&["hold", "list"]);
    assert_eq!(code, Some(0));
    let expected = format!(
        "{id}  {{tag=\"lab\"}}  from 2026-01-01T00:00:00.000Z without end  1 devices  by admin: case 17\n"
    );
    assert_eq!(told, expected);

    // What it keeps alone is told before it is released.
    let policy = [
        "retention",
        "set",
        "short",
        "--level",
        "raw",
        "--keep-days",
        "1",
        "--yes",
    ];
    let set = server.asked_json(&policy);
    assert_eq!(set["preview"]["by_hold"][0]["samples"], 20, "{set}");
    let (code, told, _) = server.asked(&["retention", "preview"]);
    assert_eq!(code, Some(0));
    assert!(told.contains("stay by the hold: case 17"), "{told}");
    let (code, told, _) = server.asked(&["hold", "remove", id, "--dry-run"]);
    assert_eq!(code, Some(0));
    assert!(told.contains("20 samples in "), "{told}");
    let (code, _, complaints) = server.asked(&["hold", "remove", id]);
    assert_eq!(code, Some(2), "nobody can be asked: {complaints}");
    let other = ["hold", "add", "--match", "sensor_other", "--reason", "too"];
    let other = server.asked_json(&other);
    let (code, told, _) = server.asked(&["hold", "remove", id, "--dry-run"]);
    assert_eq!(code, Some(0));
    assert!(
        told.contains("\n0 samples in 0 octets"),
        "another keeps them: {told}"
    );
    let (code, told, _) = server.asked(&["retention", "preview"]);
    assert_eq!(code, Some(0));
    assert!(told.contains("stay by several holds"), "{told}");
    let other = ["hold", "remove", other["id"].as_str().unwrap(), "--yes"];
    server.asked_json(&other);
    let released = server.asked_json(&["hold", "remove", id, "--yes"]);
    assert_eq!(
        (&released["released"], &released["kept_alone"]["samples"]),
        (&json!(true), &json!(20))
    );
    assert_eq!(server.asked_json(&["hold", "list"]), json!([]));
    let (code, _, complaints) = server.asked(&["hold", "remove", id, "--yes"]);
    assert_eq!(code, Some(1));
    assert!(complaints.contains("no hold"), "{complaints}");
    for (arguments, word) in [
        (&["--match", "a{", "--reason", "x"][..], "selector: "),
        (&["--match", "{tag=\"lab\"}", "--reason", ""], "reason: "),
        (
            &[
                "--match",
                "{tag=\"lab\"}",
                "--reason",
                "x",
                "--from",
                "soon",
            ],
            "no day",
        ),
    ] {
        let (code, _, complaints) = server.asked(&[&["hold", "add"], arguments].concat());
        assert_eq!(code, Some(2), "{arguments:?}: {complaints}");
        assert!(complaints.contains(word), "{arguments:?}: {complaints}");
    }
}
