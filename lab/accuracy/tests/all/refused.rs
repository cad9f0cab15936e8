//! Answers that cannot be scored end the program with a word on what is wrong.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Writes files and scores them; what it says of the error.
fn refused(files: &[(&str, &str)], arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        fs::write(path, text).unwrap();
    }
    let program = env!("CARGO_BIN_EXE_accuracy");
    let ran = Command::new(program)
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(!ran.status.success() && ran.stdout.is_empty());
    String::from_utf8(ran.stderr).unwrap()
}

fn check(files: &[(&str, &str)], arguments: &[&str], word: &str) {
    let told = refused(files, arguments);
    assert!(told.contains(word), "{told}");
}

#[test]
fn rows_that_are_missing_are_told() {
    let truth = ("truth/a.csv", "timestamp,label\n1,0\n2,1\n");
    let series = ["series", "--truth", "truth", "--pred", "pred"];
    check(
        &[truth, ("pred/a.csv", "timestamp,anomaly_score\n1,0\n")],
        &series,
        "a.csv: 1 rows are answered of 2",
    );
    check(&[truth], &series, "pred/a.csv");
    check(
        &[
            truth,
            ("pred/a.csv", "timestamp,anomaly_score\n1,0\n2,high\n"),
        ],
        &series,
        "a.csv:3: anomaly_score is no number: high",
    );
}

#[test]
fn a_forecast_that_is_short_is_told() {
    let task = r#"{"id":"a","season":[1],"y":[1,2,3]}"#;
    let files = [
        ("in.jsonl", task),
        ("truth.jsonl", r#"{"id":"a","actual":[1,2]}"#),
        ("p.csv", "series_id,step,mean\na,1,1\n"),
    ];
    let forecast = [
        "forecast",
        "--input",
        "in.jsonl",
        "--truth",
        "truth.jsonl",
        "--pred",
        "p.csv",
    ];
    check(&files, &forecast, "missing or short forecast of a");
    check(&files[..1], &forecast, "truth.jsonl");
}

#[test]
fn lines_that_are_no_json_are_told() {
    let files = [
        ("truth.json", r#"{"a":{"node":"n"}}"#),
        ("p.jsonl", "{\"id\":\"a\",\"ranking\":[]}\n{\"id\":\n"),
    ];
    let ranking = ["petshop", "--truth", "truth.json", "--pred", "p.jsonl"];
    check(&files, &ranking, "p.jsonl:2");
}
