//! Rules for new devices, heeded by discoveries of a real agent; and an import by the command.

use crate::agent::Agent;
use crate::program::{PASSWORD, Server, foretell, until};
use crate::serve::add_credential;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

fn discovered(server: &Server, target: &str, credential: &str) -> Value {
    let request = json!({"targets": [target], "methods": ["snmp"], "credential_ids": [credential]});
    let (status, begun) = server.post("discoveries", &request);
    assert_eq!(status, 202, "{begun}");
    let path = format!("discoveries/{}", begun["id"].as_str().unwrap());
    until("the run to end", || server.get(&path).1["phase"] == "done");
    server.get(&format!("{path}/results")).1["items"][0].clone()
}

#[test]
fn a_discovery_heeds_the_rules() {
    let Some(agent) = Agent::start("ruled") else {
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path());
    server.sign_in();
    let credential = add_credential(&server);
    let rule = json!({"name": "not this", "condition": {"networks": ["127.0.0.0/8"]}, "actions": {"verdict": "ignore"}});
    let (status, rule) = server.post("discovery-rules", &rule);
    assert_eq!(status, 201, "{rule}");
    let result = discovered(&server, &agent.address(), &credential);
    assert_eq!(result["device_id"], json!(null));
    let reason = result["rule_reason"].as_str().unwrap();
    assert!(
        reason.starts_with("ignored by the rule `not this` (address 127."),
        "{reason}"
    );
    assert_eq!(server.get("devices").1["items"], json!([]));

    let change = json!({"actions": {"tags": ["lab"], "site": "HQ", "interval_secs": 7}});
    let path = format!("discovery-rules/{}", rule["id"].as_str().unwrap());
    let (status, _) = server.patch(&path, &change);
    assert_eq!(status, 200);
    let result = discovered(&server, &agent.address(), &credential);
    assert!(result["device_id"].is_string(), "{result}");
    let device = server.get("devices").1["items"][0].clone();
    assert_eq!(device["tags"], json!(["lab"]));
    assert_eq!(
        (&device["site"], &device["interval_secs"]),
        (&json!("HQ"), &json!(7))
    );
}

/// A NetBox of two pages; gives its address and what it was asked.
fn netbox() -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let own = url.clone();
    let asked = std::thread::spawn(move || {
        let device = |n: u8| {
            json!({"name": format!("sw{n}"), "status": {"value": "active"},
            "primary_ip": {"address": format!("192.0.2.{n}/24")}, "site": {"name": "HQ"}, "tags": []})
        };
        let mut asked = Vec::new();
        for page in 0..2 {
            let (mut client, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            let mut octet = [0];
            while !head.ends_with(b"\r\n\r\n") {
                client.read_exact(&mut octet).unwrap();
                head.push(octet[0]);
            }
            asked.push(String::from_utf8(head).unwrap());
            let next = (page == 0).then(|| format!("{own}/api/dcim/devices/?limit=200&offset=200"));
            let body =
                json!({"count": 2, "next": next, "previous": null, "results": [device(page + 1)]});
            let body = body.to_string();
            let length = body.len();
            write!(
                client,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
            )
            .unwrap();
        }
        asked
    });
    (url, asked)
}

#[test]
fn an_inventory_is_imported_from_a_netbox_and_from_a_file() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path());
    server.sign_in();
    let environment = [("PASSWORD", PASSWORD), ("NETBOX_TOKEN", "0123456789abcdef")];
    let to = ["--server", &server.url, "--password-env", "PASSWORD"];
    let (url, asked) = netbox();
    let of_netbox = [
        "import",
        "--format",
        "netbox",
        "--url",
        &url,
        "--token-env",
        "NETBOX_TOKEN",
    ];
    let output = foretell(&[&of_netbox[..], &to].concat(), &environment);
    let (out, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(output.status.code(), Some(0), "{out} {errors}");
    assert!(
        out.ends_with("2 created, 0 known already, 0 refused\n"),
        "{out}"
    );
    let asked = asked.join().unwrap();
    assert!(
        asked[0].starts_with("GET /api/dcim/devices/?limit=200 HTTP/1.1\r\n"),
        "{}",
        asked[0]
    );
    assert!(asked[1].contains("offset=200"), "{}", asked[1]);
    let lower = asked[1].to_lowercase();
    assert!(
        lower.contains("authorization: token 0123456789abcdef"),
        "{}",
        asked[1]
    );

    let file = data.path().join("devices.csv");
    std::fs::write(
        &file,
        "address,name\n192.0.2.1,sw1\n192.0.2.9,new\nnowhere,x\n",
    )
    .unwrap();
    let of_file = [
        "import",
        file.to_str().unwrap(),
        "--format",
        "csv",
        "--json",
    ];
    for (dry, devices) in [(&["--dry-run"][..], 2), (&[], 3)] {
        let output = foretell(&[&of_file[..], dry, &to].concat(), &environment);
        assert_eq!(output.status.code(), Some(1), "one row is refused");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let counts = ["created", "known", "refused"].map(|key| answer[key].as_u64().unwrap());
        assert_eq!(counts, [1, 1, 1], "{answer}");
        let there = server.get("devices").1["items"].as_array().unwrap().len();
        assert_eq!(there, devices);
    }
    let output = foretell(
        &[&["import", "/nowhere", "--format", "csv"], &to[..]].concat(),
        &environment,
    );
    assert_eq!(output.status.code(), Some(1));
    let output = foretell(&["import", file.to_str().unwrap(), "--format", "csv"], &[]);
    assert_eq!(output.status.code(), Some(2), "a password is needed");
}
