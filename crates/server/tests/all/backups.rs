//! Backups of a server that runs and of one that is stopped, restoring, verifying; and one that fails
//! is told until one succeeds.

use crate::program::{PASSWORD, Server, foretell, until};
use serde_json::{Value, json};
use std::path::Path;

const KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let output = foretell(arguments, environment);
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_server_is_backed_up_while_it_runs_and_restored() {
    let (data, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = other.path().join("backups");
    std::fs::create_dir(&folder).unwrap();
    let environment = [
        ("FORETELL_BACKUP__FOLDER", text(&folder)),
        ("FORETELL_BACKUP__EVERY_SECS", "0"),
        ("FORETELL_BACKUP_KEY", KEY),
    ];
    let mut server = Server::start_with(data.path(), &environment);
    server.sign_in();
    let (status, begun) = server.post("backups", &json!({}));
    assert_eq!(status, 202, "{begun}");
    let path = format!("backups/{}", begun["id"].as_str().unwrap());
    let mut backup = begun;
    until("the backup", || {
        backup = server.get(&path).1;
        backup["phase"] != "running"
    });
    assert_eq!(backup["phase"], "done", "{backup}");
    assert_eq!(backup["encrypted"], true);
    assert_eq!(backup["left_out"], json!([]));
    assert!(backup["bytes_written"].as_u64().unwrap() > 0);
    let (_, metrics) = server.text("/metrics");
    assert!(
        metrics.contains("foretell_backups_taken_total 1"),
        "{metrics}"
    );
    assert!(metrics.contains("foretell_scrub_bytes_total"));

    // The command asks the server, for the folder is the server's own.
    let secret = [("PASSWORD", PASSWORD)];
    let all = [&environment[..], &secret].concat();
    let of_data = ["--data-dir", text(data.path())];
    let asked = [
        "backup",
        "--server",
        &server.url,
        "--password-env",
        "PASSWORD",
        "--json",
    ];
    let (code, told, complaints) = run(&[&asked[..], &of_data].concat(), &all);
    assert_eq!(code, Some(0), "{complaints}");
    assert_eq!(parsed(&told)["phase"], "done", "{told}");
    let (code, _, complaints) = run(&[&["backup"][..], &of_data].concat(), &environment);
    assert_eq!(code, Some(2));
    assert!(complaints.contains("name the password"), "{complaints}");
    let (code, _, complaints) = run(&[&["store", "verify"][..], &of_data].concat(), &[]);
    assert_eq!(code, Some(1));
    assert!(complaints.contains("stop it first"), "{complaints}");
    drop(server);

    // Of a stopped one the folder is read.
    let stopped = [&["backup", "--json"][..], &of_data].concat();
    let (code, told, complaints) = run(&stopped, &environment);
    assert_eq!(code, Some(0), "{complaints}");
    assert_eq!(
        parsed(&told)["phase"],
        "done",
        "as a server tells it: {told}"
    );
    let last = parsed(&told)["id"].as_str().unwrap().to_owned();
    let (code, told, _) = run(&["backup", "list", "--json"], &environment);
    assert_eq!(code, Some(0));
    let listed = parsed(&told);
    assert_eq!(listed["backups"].as_array().unwrap().len(), 3, "{told}");
    assert_eq!(listed["backups"][2]["id"], last);
    let (code, told, complaints) = run(&["backup", "check"], &environment);
    assert_eq!(code, Some(0), "{complaints}");
    assert!(told.contains("0 damaged or missing"), "{told}");
    let without = [environment[0]];
    let (code, _, complaints) = run(&["backup", "list"], &without);
    assert_eq!(code, Some(1));
    assert!(complaints.contains("name the key"), "{complaints}");

    let into = other.path().join("restored");
    let restore = ["restore", "--into", text(&into), "--json"];
    let (code, told, complaints) = run(&restore, &environment);
    assert_eq!(code, Some(0), "{told}{complaints}");
    let restored = parsed(&told);
    assert_eq!(restored["backup"]["id"], last);
    assert_eq!(restored["differs"], json!([]));
    let (code, _, complaints) = run(&restore, &environment);
    assert_eq!(code, Some(1));
    assert!(complaints.contains("is not empty"), "{complaints}");
    let verify = [
        "store",
        "verify",
        "--deep",
        "--json",
        "--data-dir",
        text(&into),
    ];
    let (code, told, complaints) = run(&verify, &[]);
    assert_eq!(code, Some(0), "{complaints}");
    assert_eq!(parsed(&told)["damaged"], 0, "{told}");
    // It has its key, so it is the server that it was.
    let mut again = Server::start(&into);
    again.sign_in();
    assert_eq!(again.get("system").0, 200);
}

#[test]
fn a_backup_that_fails_is_told_until_one_succeeds() {
    let (data, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // Somebody else's folder.
    let foreign = other.path().join("letter.txt");
    std::fs::write(&foreign, "of somebody else").unwrap();
    let environment = [
        ("FORETELL_BACKUP__FOLDER", text(other.path())),
        ("FORETELL_BACKUP__EVERY_SECS", "86400"),
    ];
    let mut server = Server::start_with(data.path(), &environment);
    server.sign_in();
    let told = |server: &Server| {
        let (_, notices) = server.get("system/notices");
        let items = notices["items"].as_array().unwrap().clone();
        items
            .into_iter()
            .find(|notice| notice["code"] == "backup_failed")
    };
    until("the notice", || told(&server).is_some());
    let message = told(&server).unwrap()["message"].to_string();
    assert!(message.contains("holds no backups"), "{message}");
    assert!(message.contains(text(other.path())), "{message}");
    let (status, ready) = server.text("/readyz");
    assert_eq!(status, 200, "it is degraded, and ready");
    assert!(ready.contains("\"part\":\"backup\""), "{ready}");
    // All may ask this.
    assert!(!ready.contains(text(other.path())), "{ready}");
    let (_, metrics) = server.text("/metrics");
    assert!(
        metrics.contains("foretell_backups_failed_total 1"),
        "{metrics}"
    );
    let (_, listed) = server.get("backups");
    assert_eq!(listed["items"][0]["phase"], "failed", "{listed}");

    std::fs::remove_file(foreign).unwrap();
    let (status, begun) = server.post("backups", &json!({}));
    assert_eq!(status, 202, "{begun}");
    until("the notice to go", || told(&server).is_none());
    let (_, ready) = server.text("/readyz");
    assert!(!ready.contains("\"part\":\"backup\""), "{ready}");
    let (_, listed) = server.get("backups");
    assert_eq!(listed["items"][0]["phase"], "done", "{listed}");
    let left_out = listed["items"][0]["left_out"].to_string();
    assert!(left_out.contains("secret.key"), "{left_out}");
}

#[test]
fn a_missing_folder_is_made_and_another_ones_backups_are_taken_over_on_request() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let disk = tempfile::tempdir().unwrap();
    let folder = disk.path().join("backups");
    let backup = |data: &Path, more: &[&str]| {
        let places = ["--data-dir", text(data), "--folder", text(&folder)];
        run(&[&["backup", "--json"][..], &places, more].concat(), &[])
    };
    let (code, told, complaints) = backup(one.path(), &[]);
    assert_eq!((code, told.as_str()), (Some(1), ""));
    assert!(
        complaints.contains("foretell backup --init"),
        "{complaints}"
    );
    assert!(!folder.exists());
    let (code, told, complaints) = backup(one.path(), &["--init"]);
    assert_eq!(code, Some(0), "{complaints}");
    assert_eq!(parsed(&told)["phase"], "done", "{told}");
    let (code, _, complaints) = backup(other.path(), &[]);
    assert_eq!(code, Some(1));
    assert!(
        complaints.contains("are of another data folder"),
        "{complaints}"
    );
    let (code, _, complaints) = backup(other.path(), &["--init"]);
    assert_eq!(code, Some(1), "--init is not --adopt: {complaints}");
    let (code, _, complaints) = backup(other.path(), &["--adopt"]);
    assert_eq!(code, Some(0), "{complaints}");
    let list = ["backup", "list", "--json", "--folder", text(&folder)];
    let (code, told, _) = run(&list, &[]);
    assert_eq!(code, Some(0));
    assert_eq!(parsed(&told)["backups"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_not_in_the_latest_backup_is_told_again_after_a_start() {
    let (data, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let environment = [
        ("FORETELL_BACKUP__FOLDER", text(other.path())),
        ("FORETELL_BACKUP__EVERY_SECS", "0"),
    ];
    std::fs::create_dir(data.path().join("mibs")).unwrap();
    // It can be opened, and not read.
    let torn = data.path().join("mibs/TORN-MIB");
    std::os::unix::fs::symlink("/proc/self/mem", torn).unwrap();
    let told = |server: &Server| {
        let (_, notices) = server.get("system/notices");
        let items = notices["items"].as_array().unwrap().clone();
        items
            .into_iter()
            .find(|notice| notice["code"] == "backup_incomplete")
    };
    let mut server = Server::start_with(data.path(), &environment);
    server.sign_in();
    assert!(told(&server).is_none());
    assert_eq!(server.post("backups", &json!({})).0, 202);
    until("the notice", || told(&server).is_some());
    drop(server);
    let mut server = Server::start_with(data.path(), &environment);
    server.sign_in();
    until("the notice again", || told(&server).is_some());
    let message = told(&server).unwrap()["message"].to_string();
    assert!(message.contains("mibs/TORN-MIB"), "{message}");
    let (_, ready) = server.text("/readyz");
    assert!(
        ready.contains("files are not in the latest backup"),
        "{ready}"
    );
    assert!(!ready.contains("TORN-MIB"), "{ready}");
}

#[test]
fn commands_over_what_is_kept_say_how_they_end() {
    for command in [
        &["backup"][..],
        &["backup", "list"],
        &["backup", "check"],
        &["restore"],
        &["store", "verify"],
        &["retention", "preview"],
    ] {
        let (code, help, _) = run(&[command, &["--help"]].concat(), &[]);
        assert_eq!(code, Some(0), "{command:?}");
        // As wide as it may be.
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        // Whatever asks a server says it in the words that all of these share.
        let json = match command {
            ["retention", ..] => "Print one JSON value",
            _ => "Print one JSON object",
        };
        for words in [
            "--json",
            json,
            "Exit codes: 0 ",
            ", 1 ",
            ", 2 the command line or the configuration is wrong.",
        ] {
            assert!(help.contains(words), "{command:?}: `{words}` in {help}");
        }
        assert_eq!(run(&[command, &["--nonsense"]].concat(), &[]).0, Some(2));
    }
    let nowhere = tempfile::tempdir().unwrap();
    let nowhere = nowhere.path().join("nothing");
    for command in [
        &["backup", "--folder", "x"][..],
        &["store", "verify"],
        &["retention", "preview"],
    ] {
        let of_data = ["--data-dir", text(&nowhere), "--json"];
        let (code, told, complaints) = run(&[command, &of_data].concat(), &[]);
        assert_eq!((code, told.as_str()), (Some(2), ""), "{command:?}");
        assert!(
            complaints.contains("there is no data folder"),
            "{complaints}"
        );
    }
    for command in [
        &["backup", "list"][..],
        &["backup", "check"],
        &["restore", "--into", "x"],
    ] {
        let (code, told, complaints) = run(&[command, &["--json"]].concat(), &[]);
        assert_eq!((code, told.as_str()), (Some(2), ""), "{command:?}");
        assert!(complaints.contains("name the folder of the backups"));
        let there = ["--json", "--folder", text(&nowhere)];
        let (code, told, complaints) = run(&[command, &there].concat(), &[]);
        assert_eq!((code, told.as_str()), (Some(1), ""), "{command:?}");
        assert!(complaints.contains("there are no backups"), "{complaints}");
    }
}
