//! Documents of a stopped server, out and in.

use crate::program::{Server, foretell};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn run(arguments: &[&str], folder: &Path) -> (Option<i32>, String, String) {
    let folder = folder.to_str().unwrap();
    let all = [&["documents"][..], arguments, &["--data-dir", folder]].concat();
    let output = foretell(&all, &[]);
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn documents_leave_a_stopped_server_and_come_into_another() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(from.path());
    let (code, _, told) = run(&["export"], from.path());
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("stop it first"), "{told}");
    assert!(told.contains("in use by another Foretell server"), "{told}");
    drop(server);

    let file = to.path().join("documents.jsonl");
    let name = file.to_str().unwrap();
    let (code, told, _) = run(&["export", "--out", name, "--json"], from.path());
    assert_eq!(code, Some(0));
    let told: Value = serde_json::from_str(&told).unwrap();
    let count = told["documents"].as_u64().unwrap();
    // The administrator, a signing key, the vault's two.
    assert!(count >= 4, "{told}");
    let mode = file.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (code, lines, told) = run(&["export"], from.path());
    assert_eq!(
        (code, &lines),
        (Some(0), &std::fs::read_to_string(&file).unwrap())
    );
    assert!(
        told.contains(&format!("{count} documents exported")),
        "{told}"
    );

    let new = to.path().join("new");
    for (more, created) in [
        (&[][..], count),
        (&["--dry-run"][..], 0),
        (&["--mode", "replace"][..], 0),
    ] {
        let all = [&["import", name, "--json"][..], more].concat();
        let (code, told, complaints) = run(&all, &new);
        assert_eq!(code, Some(0), "{complaints}");
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["created"], created, "{told}");
        assert_eq!(told["refused"], 0, "{told}");
    }
    // With its key it is the server that it was.
    std::fs::copy(from.path().join("secret.key"), new.join("secret.key")).unwrap();
    let mut server = Server::start(&new);
    server.sign_in();
    assert_eq!(server.get("system").0, 200);
    drop(server);

    let cut: String = lines
        .lines()
        .take(2)
        .flat_map(|line| [line, "\n"])
        .collect();
    std::fs::write(&file, cut + "{\n").unwrap();
    let (code, told, complaints) = run(&["import", name], &new);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("line      3"), "{told}");
    assert!(told.contains("1 refused"), "{told}");
    assert!(complaints.contains("cut short"), "{complaints}");
}

#[test]
fn what_cannot_be_done_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    for (arguments, folder, code, told) in [
        (
            &["export", "--collection", "device"][..],
            folder.path(),
            2,
            "there are devices, interfaces",
        ),
        (
            &["export"][..],
            nowhere.as_path(),
            2,
            "there is no data folder",
        ),
        (
            &["import", "-", "--dry-run"][..],
            nowhere.as_path(),
            2,
            "there is no data folder",
        ),
        (
            &["import", "/no/such/file"][..],
            folder.path(),
            1,
            "/no/such/file cannot be read",
        ),
        (
            &["import", "-"][..],
            folder.path(),
            2,
            "this is no export of documents",
        ),
    ] {
        let (found, _, complaints) = run(arguments, folder);
        assert_eq!(found, Some(code), "{complaints}");
        assert!(complaints.contains(told), "{complaints}");
    }
    let help = foretell(&["documents", "import", "--help"], &[]);
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(help.contains("--mode replace"), "{help}");
}
