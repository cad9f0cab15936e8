//! A server whose data folder is on a disk that is really full.

use crate::past::now;
use crate::program::{Server, until};
use crate::small_mount::{self, filled, on_a_small_disk};
use serde_json::{Value, json};
use std::time::Duration;

const SMALL_MEBI: u32 = 16;

#[test]
fn a_server_without_room_says_that_samples_are_refused_until_there_is_some() {
    on_a_small_disk("full_disk::samples_wait_for_room", SMALL_MEBI);
}

/// What is sent to it is told as what it asks for is: no device answers here.
#[test]
#[ignore = "needs a small file system"]
fn samples_wait_for_room() {
    let small = small_mount::folder();
    let begin = now().minus(Duration::from_mins(20));
    let mut server = Server::start(&small.join("data"));
    server.sign_in();
    let (status, device) = server.post("devices", &json!({"address": "127.0.0.1"}));
    assert_eq!(status, 201, "{device}");
    let send = |server: &Server, value: u64| {
        // Each of a time of its own, and all of the past.
        let at = begin.plus(Duration::from_secs(value)).to_string();
        let sample = json!({"metric": "sensor_other", "device_id": device["id"],
            "labels": {"sensor": "1"}, "value": value, "at": at});
        server.post("samples", &json!({"samples": [sample]}))
    };
    // How many samples were sent and are read.
    let kept = |server: &Server| -> String {
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
    let told = |server: &Server| {
        let (status, ready) = server.text("/readyz");
        assert_eq!(status, 200, "it works on: {ready}");
        let (_, notices) = server.get("system/notices");
        let (_, metrics) = server.text("/metrics");
        let count = metrics
            .lines()
            .find_map(|line| line.strip_prefix("foretell_log_samples_refused_total "));
        (
            ready.contains("samples are refused: the disk is full"),
            notices.to_string().contains("\"disk_full\""),
            count.unwrap().parse::<u64>().unwrap() > 0,
        )
    };
    let mut taken = 0_u64;
    while taken < 3 {
        assert_eq!(send(&server, taken).0, 200);
        taken += 1;
    }
    assert_eq!(told(&server), (false, false, false));
    let filling = filled(&small);
    // The last page of the log may have room for some more.
    let refused = loop {
        match send(&server, taken) {
            (200, _) => taken += 1,
            (status, answer) => break (status, answer.to_string()),
        }
        assert!(taken < 1_000, "there was room");
    };
    assert_eq!(refused.0, 503, "{}", refused.1);
    let why = "could not be written to the disk";
    assert!(refused.1.contains(why), "{}", refused.1);
    assert_eq!(kept(&server), taken.to_string());
    until("it to say so", || told(&server) == (true, true, true));
    std::fs::remove_file(filling).unwrap();
    until("samples are taken again", || send(&server, taken).0 == 200);
    taken += 1;
    until("it to say so no more", || {
        let (ready, notice, _) = told(&server);
        !ready && !notice
    });
    assert_eq!(kept(&server), taken.to_string());
    server.crash();
    let mut server = Server::start(&small.join("data"));
    server.sign_in();
    let (_, notices) = server.get("system/notices");
    assert!(!notices.to_string().contains("damage"), "{notices}");
    assert_eq!(kept(&server), taken.to_string());
}
