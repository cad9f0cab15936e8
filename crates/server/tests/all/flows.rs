//! Flows from a real exporter, through the program, to the answers of its API.

use crate::packets::write_packets;
use crate::program::{Server, skipped, until};
use serde_json::{Value, json};
use std::net::UdpSocket;
use std::process::{Command, Stdio};

#[test]
fn what_softflowd_exports_is_kept_and_told() {
    if Command::new("softflowd").arg("-h").output().is_err() {
        return skipped("softflowd is missing (Debian: softflowd)");
    }
    let data = tempfile::tempdir().unwrap();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = format!(r#"["{}"]"#, taken.local_addr().unwrap());
    let environment = [
        ("FORETELL_FLOWS__LISTEN_NETFLOW", r#"["127.0.0.1:0"]"#),
        // A port that cannot be had stops nothing.
        ("FORETELL_FLOWS__LISTEN_SFLOW", taken.as_str()),
    ];
    let mut server = Server::start_with(data.path(), &environment);
    server.sign_in();
    let (status, device) = server.post("devices", &json!({"address": "127.0.0.1", "name": "host"}));
    assert_eq!(status, 201, "{device}");
    let device_id = device["id"].as_str().unwrap();
    let mut listeners = Value::Null;
    until("the listeners to be told", || {
        listeners = server.get("flows/listeners").1;
        listeners["items"]
            .as_array()
            .is_some_and(|items| items.len() == 2)
    });
    let address = listeners["items"][0]["address"].as_str().unwrap();
    assert_eq!(listeners["items"][0]["error"], json!(null), "{listeners}");
    assert!(listeners["items"][1]["error"].is_string(), "{listeners}");
    let notices = server.get("system/notices").1;
    let codes = notices["items"].as_array().unwrap().iter();
    assert!(
        codes
            .map(|it| &it["code"])
            .any(|code| code == "flows_not_listened_for"),
        "{notices}"
    );

    let packets = data.path().join("packets.pcap");
    write_packets(&packets);
    let status = Command::new("softflowd")
        .args(["-d", "-c", "none", "-v", "10", "-s", "10", "-n", address])
        .arg("-r")
        .arg(&packets)
        .arg("-p")
        .arg(data.path().join("pid"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    let mut exporters = Value::Null;
    until("its flows to be counted", || {
        exporters = server
            .get(&format!("flows/exporters?device_id={device_id}"))
            .1;
        exporters["items"][0]["flows"] == 2
    });
    let exporter = &exporters["items"][0];
    assert_eq!(
        (&exporter["format"], &exporter["sampling_rate"]),
        (&json!("ipfix"), &json!(10))
    );
    let (_, metrics) = server.text("/metrics");
    assert!(
        metrics.contains("foretell_flow_records_total 2"),
        "{metrics}"
    );

    // A minute that is not over is kept when the server stops.
    server.terminate();
    let mut server = Server::start(data.path());
    server.sign_in();
    let (status, top) = server.get(&format!("flows/top?device_id={device_id}"));
    assert_eq!(status, 200, "{top}");
    let rows = top["items"].as_array().unwrap().iter();
    let rows: Vec<Value> = rows
        .map(|row| json!([row["key"], row["name"], row["octets"], row["octets_error"]]))
        .collect();
    assert_eq!(
        json!(rows),
        json!([["tcp/443", "https", 20_800, 0], ["udp/53", "dns", 1_280, 0]])
    );
    assert_eq!(top["total"]["packets"], 30);
    assert_eq!(top["sampling"]["rate_max"], 10);
    let (_, hosts) = server.get(&format!("flows/top?device_id={device_id}&by=host"));
    assert_eq!(hosts["items"][0]["key"], "10.1.0.2", "{hosts}");
}
