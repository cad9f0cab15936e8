//! A server whose data folder is on a disk that is really full: a small file system, which is mounted
//! where only this program run again, and the server that it starts, see it. That takes root and
//! `unshare`; where they are not to be had the test is skipped, and says so.

use crate::program::{Server, until};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the small file system is. Without it the test that needs it is not to be run.
const SMALL: &str = "FORETELL_TEST_SMALL_DISK";
const INNER: &str = "full_disk::samples_wait_for_room";

#[test]
fn a_server_without_room_refuses_samples_and_takes_them_by_itself_once_there_is_some() {
    if !nix::unistd::geteuid().is_root() {
        println!("SKIPPED {INNER}: mounting a small file system takes root");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mounted = |run: &str| {
        let script = format!("mount -t tmpfs -o size=16m none \"$0\" && {run}");
        let mut unshare = Command::new("unshare");
        unshare.args(["-m", "sh", "-c", &script]).arg(folder.path());
        unshare
    };
    match mounted("true").output() {
        Ok(tried) if tried.status.success() => {}
        other => {
            println!("SKIPPED {INNER}: a small file system cannot be mounted: {other:?}");
            return;
        }
    }
    let mut run = mounted("exec \"$@\"");
    run.arg(std::env::current_exe().unwrap())
        .args(["--exact", INNER, "--ignored", "--nocapture"])
        .env(SMALL, folder.path());
    let done = run.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    let why = String::from_utf8_lossy(&done.stderr);
    let ran = said.contains("1 passed");
    assert!(done.status.success() && ran, "{said}\n{why}");
}

/// Fills what room is left, and answers the file that does.
fn filled(folder: &Path) -> PathBuf {
    let path = folder.join("filling");
    let mut file = File::create(&path).unwrap();
    while file.write_all(&[0; 4_096]).is_ok() {}
    path
}

#[test]
#[ignore = "needs a small file system"]
fn samples_wait_for_room() {
    let small = PathBuf::from(std::env::var(SMALL).unwrap());
    let mut server = Server::start(&small.join("data"));
    server.sign_in();
    // It is asked every five seconds, whether or not it answers.
    let (status, device) = server.post("devices", &json!({"address": "127.0.0.1"}));
    assert_eq!(status, 201, "{device}");
    let send = |value: usize| {
        let sample = json!({"metric": "sensor_other", "device_id": device["id"],
            "labels": {"sensor": "1"}, "value": value});
        server.post("samples", &json!({"samples": [sample]}))
    };
    // How many samples were sent and are read.
    let kept = || -> String {
        let of = format!("series?device_id={}", device["id"].as_str().unwrap());
        let (_, series) = server.get(&of);
        let series = series["items"].as_array().unwrap().clone();
        let is_sent = |one: &&Value| one["metric"] == "sensor_other";
        let id = series.iter().find(is_sent).unwrap()["id"].clone();
        let path = format!("series/{}/samples?aggregation=count", id.as_str().unwrap());
        let (status, read) = server.get(&path);
        assert_eq!(status, 200, "reading goes on: {read}");
        let points = read["points"].as_array().unwrap();
        let counts = points.iter().filter_map(|point| point[1].as_f64());
        counts.sum::<f64>().to_string()
    };
    let mut taken = 0;
    while taken < 3 {
        assert_eq!(send(taken).0, 200);
        taken += 1;
    }
    let filling = filled(&small);
    // The last page of the log may have room for some more.
    let refused = loop {
        match send(taken) {
            (200, _) => taken += 1,
            (status, answer) => break (status, answer.to_string()),
        }
        assert!(taken < 1_000, "there was room");
    };
    assert_eq!(refused.0, 503, "{}", refused.1);
    let told = "could not be written to the disk";
    assert!(refused.1.contains(told), "{}", refused.1);
    assert_eq!(kept(), taken.to_string());
    until("readiness says so", || {
        let (status, ready) = server.text("/readyz");
        assert_eq!(status, 200, "{ready}");
        ready.contains("samples could not be kept lately")
    });
    std::fs::remove_file(filling).unwrap();
    until("samples are taken again", || send(taken).0 == 200);
    taken += 1;
    assert_eq!(kept(), taken.to_string());
    server.crash();
    let mut server = Server::start(&small.join("data"));
    server.sign_in();
    let (_, notices) = server.get("system/notices");
    assert!(!notices.to_string().contains("damage"), "{notices}");
}
