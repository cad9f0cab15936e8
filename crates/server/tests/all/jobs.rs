//! Jobs and the audit, by the command.

use crate::program::Server;
use serde_json::{Value, json};

/// An import that waits to be sent more.
fn receiving(server: &Server) -> String {
    let path = "imports/samples?format=csv&more=true";
    let head = b"time,value,metric,label:n\n2026-03-01T00:00:00Z,1,sensor_other,a\n";
    let (status, job) = server.post_octets(path, head);
    assert_eq!(status, 202, "{job}");
    job["id"].as_str().unwrap().to_owned()
}

#[test]
fn jobs_are_listed_followed_and_ended_by_the_command() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path());
    server.sign_in();
    assert_eq!(server.asked_json(&["job", "list"]), json!([]));
    let (first, second) = (receiving(&server), receiving(&server));
    let (status, job) = server.post(&format!("imports/{first}/run"), &json!({}));
    assert_eq!(status, 202, "{job}");
    let (code, told, complaints) = server.asked(&["job", "follow", &first]);
    assert_eq!(code, Some(0), "{complaints}");
    assert!(told.contains(" 1 rows, 1 added, "), "{told}");
    let shown = server.asked_json(&["job", "show", &first]);
    assert_eq!(
        [&shown["state"], &shown["result"]["added"]],
        [&json!("done"), &json!(1)]
    );

    let ids = |arguments: &[&str]| -> Vec<Value> {
        let jobs = server.asked_json(&[&["job", "list"], arguments].concat());
        jobs.as_array()
            .unwrap()
            .iter()
            .map(|job| job["id"].clone())
            .collect()
    };
    assert_eq!(ids(&[]).len(), 2);
    assert_eq!(ids(&["--limit", "1"]), [json!(second)], "the latest first");
    assert_eq!(ids(&["--state", "receiving,waiting"]), [json!(second)]);
    assert_eq!(ids(&["--kind", "export"]), [] as [Value; 0]);
    let (code, told, _) = server.asked(&["job", "list", "--state", "done"]);
    assert_eq!(code, Some(0));
    assert!(
        told.starts_with(&first) && told.contains("import"),
        "{told}"
    );

    // Somebody follows one that somebody else ends.
    std::thread::scope(|scope| {
        let followed = scope.spawn(|| server.asked(&["job", "follow", &second]));
        let (code, told, complaints) = server.asked(&["job", "cancel", &second]);
        assert_eq!(code, Some(0), "{complaints}");
        assert!(told.contains("is being ended"), "{told}");
        let (code, told, _) = followed.join().unwrap();
        assert_eq!(code, Some(1));
        assert!(told.contains("cancelled"), "{told}");
    });
    let (code, _, complaints) = server.asked(&["job", "cancel", &second]);
    assert_eq!(code, Some(1));
    assert!(complaints.contains("over already"), "{complaints}");
    let nobody = "0198b2c4-7d1e-7a30-9c5f-3f6f0e6a4b21";
    for (arguments, expected) in [
        (&["show", nobody][..], 1),
        (&["follow", nobody], 1),
        (&["show", "7"], 2),
        (&["list", "--kind", "holiday"], 2),
    ] {
        let (code, _, complaints) = server.asked(&[&["job"], arguments].concat());
        assert_eq!(code, Some(expected), "{arguments:?}: {complaints}");
    }
}

#[test]
fn the_audit_is_told_by_the_command() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path());
    server.sign_in();
    let hold = [
        "hold",
        "add",
        "--match",
        "{tag=\"lab\"}",
        "--reason",
        "case 17",
    ];
    server.asked_json(&hold);
    let policy = [
        "retention",
        "set",
        "lab",
        "--level",
        "1h",
        "--keep-days",
        "9",
    ];
    server.asked_json(&[&policy[..], &["--yes"]].concat());
    let actions = |arguments: &[&str]| -> Vec<Value> {
        let entries = server.asked_json(&[&["audit"], arguments].concat());
        let entries = entries.as_array().unwrap().iter();
        entries.map(|entry| entry["action"].clone()).collect()
    };
    assert_eq!(actions(&[]), ["policy", "hold"], "the newest first");
    assert_eq!(actions(&["--limit", "1"]), ["policy"]);
    assert_eq!(actions(&["--action", "hold"]), ["hold"]);
    assert_eq!(actions(&["--by", "admin", "--limit", "1"]), ["policy"]);
    assert_eq!(actions(&["--by", "alice"]), [] as [Value; 0]);
    assert_eq!(actions(&["--to", "2026-01-01"]), [] as [Value; 0]);
    assert_eq!(actions(&["--from", "2026-01-01"]).len(), 2);
    let (code, told, _) = server.asked(&["audit"]);
    assert_eq!(code, Some(0));
    assert!(
        told.contains("  hold            done    by admin  hold "),
        "{told}"
    );
    let (code, _, complaints) = server.asked(&["audit", "--action", "dance"]);
    assert_eq!(code, Some(2), "{complaints}");
}
