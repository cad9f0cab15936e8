//! Samples brought in and taken out by the command.

use crate::program::{PASSWORD, Server, foretell};
use serde_json::{Value, json};
use std::path::Path;

fn run(arguments: &[&str], server: &Server) -> (Option<i32>, String, String) {
    let to = ["--server", &server.url, "--password-env", "PASSWORD"];
    let arguments = [arguments, &to].concat();
    let output = foretell(&arguments, &[("PASSWORD", PASSWORD)]);
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

#[test]
fn samples_are_imported_and_exported_by_the_command() {
    let (data, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut server = Server::start(data.path());
    server.sign_in();
    let file = other.path().join("samples.csv");
    std::fs::write(
        &file,
        "time,value,metric,label:n\n\
         2026-03-01T00:00:00Z,1,sensor_other,a\n\
         2026-03-01T00:01:00Z,2.5,sensor_other,a\n\
         whenever,3,sensor_other,a\n",
    )
    .unwrap();
    let import = ["metrics", "import", text(&file), "--format", "csv"];
    let dry = [&import[..], &["--dry-run"]].concat();
    let (code, out, errors) = run(&dry, &server);
    assert_eq!(code, Some(1), "a row is refused: {out} {errors}");
    assert!(out.contains("line       4"), "{out}");
    assert!(out.contains("2 would be added"), "{out}");
    let json = [&import[..], &["--json"]].concat();
    let (code, out, errors) = run(&json, &server);
    assert_eq!(code, Some(1), "{errors}");
    let job: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&job["state"], &job["result"]["added"]),
        (&json!("done"), &json!(2))
    );
    let exported = other.path().join("exported.txt");
    let export = [
        "metrics",
        "export",
        "--match",
        "sensor_other",
        "--from",
        "2026-01-01T00:00:00Z",
        "--format",
        "openmetrics",
        "--out",
        text(&exported),
    ];
    let (code, out, errors) = run(&export, &server);
    assert_eq!(code, Some(0), "{out} {errors}");
    let written = std::fs::read_to_string(&exported).unwrap();
    assert!(
        written.ends_with("sensor_other{n=\"a\",vantage=\"local\"} 2.5 1772323260.000\n# EOF\n"),
        "{written}"
    );
    let (code, _, _) = run(&export, &server);
    assert_eq!(code, Some(1), "what is there is not written over");
    let back = [
        "metrics",
        "import",
        text(&exported),
        "--format",
        "openmetrics",
    ];
    let (code, out, errors) = run(&back, &server);
    assert_eq!(code, Some(0), "{errors}");
    assert!(out.contains("2 the same already"), "{out}");
    let (code, out, _) = run(&["metrics", "types"], &server);
    assert_eq!(code, Some(0));
    assert!(
        out.lines().any(|line| line.starts_with("sensor_other ")),
        "{out}"
    );
}
