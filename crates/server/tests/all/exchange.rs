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
    assert!(out.contains("2 rows would be taken, new or not"), "{out}");
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

#[test]
fn samples_are_pushed_and_series_listed_by_the_command() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path());
    server.sign_in();
    let one = ["metrics", "push", "--metric", "sensor_other"];
    let one = [&one[..], &["--labels", "n=a,m=b c", "--value", "-2.5"]].concat();
    let (code, told, complaints) = server.asked(&one);
    assert_eq!(code, Some(0), "{complaints}");
    assert_eq!(told, "1 samples taken, 0 refused\n");
    let two = [
        "sensor_other{n=\"b\"} 1",
        "sensor_other{n=\"c\"} 18446744073709551615",
    ];
    let told = server.asked_json(&[&["metrics", "push"][..], &two].concat());
    assert_eq!((&told["taken"], &told["faults"]), (&json!(2), &json!([])));

    let lines = "# of a script\nsensor_other{n=\"a\"} 1\n\nno sample\nnobody_knows 1\n\
        {\"metric\":\"sensor_other\",\"labels\":{\"n\":\"d\"},\"value\":3}\n\
        sensor_other 1 2020-01-01T00:00:00Z";
    let (code, told, complaints) = server.asked_with(&["metrics", "push", "-"], lines);
    assert_eq!(code, Some(1), "{told} {complaints}");
    for line in [
        "line       4  malformed: ",
        "line       5  unknown_metric: ",
        "line       7  too_late: ",
        "2 samples taken, 3 refused",
    ] {
        assert!(told.contains(line), "`{line}` is not in {told}");
    }
    assert!(
        complaints.contains("3 samples were refused"),
        "{complaints}"
    );
    for (arguments, word) in [
        (&["a"][..], "a value is expected"),
        (&["a 1", "-"], "a name is expected"),
        (&["--metric", "a"], "--value"),
        (&["--metric", "a", "--value", "NaN"], "finite"),
        (
            &["--metric", "a", "--value", "1", "--labels", "b"],
            "no label",
        ),
        (&[], "SAMPLE"),
    ] {
        let (code, _, complaints) = server.asked(&[&["metrics", "push"], arguments].concat());
        assert_eq!(code, Some(2), "{arguments:?}: {complaints}");
        assert!(complaints.contains(word), "{arguments:?}: {complaints}");
    }

    // More than a page of them.
    let many: Vec<String> = (0..1_005)
        .map(|n| format!("sensor_temperature{{n=\"{n}\"}} {n}"))
        .collect();
    let many = many.join("\n");
    let (code, _, complaints) = server.asked_with(&["metrics", "push", "-"], &many);
    assert_eq!(code, Some(0), "{complaints}");
    let selector = ["--match", "sensor_temperature{n!=\"3\"}"];
    let listed = server.asked_json(&[&["series", "list"][..], &selector].concat());
    assert_eq!(listed.as_array().unwrap().len(), 1_004);
    let (code, told, _) =
        server.asked(&[&["series", "list", "--limit", "3"][..], &selector].concat());
    assert_eq!((code, told.lines().count()), (Some(0), 3), "{told}");
    assert!(told.contains("  sensor_temperature{"), "{told}");
    let (code, told, _) = server.asked(&[&["series", "count"][..], &selector].concat());
    assert_eq!((code, told.as_str()), (Some(0), "1004 series\n"));
    let counted = server.asked_json(&["series", "count", "--top", "1"]);
    assert!(counted["series"].as_u64() >= Some(1_009), "{counted}");
    let (code, told, _) = server.asked(&["series", "count", "--top", "1"]);
    assert_eq!(code, Some(0));
    assert!(told.contains("1005 of sensor_temperature\n"), "{told}");
    let (code, _, complaints) = server.asked(&["series", "list", "--match", "a{"]);
    assert_eq!(code, Some(2), "{complaints}");
    assert!(complaints.contains("at character"), "{complaints}");
}
