//! What the policies of a stopped server would remove.

use crate::program::{Server, foretell};
use serde_json::{Value, json};

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
