//! `foretell analyze`: each task on small files, on pipes and on parts of files; and on the evaluation bundle, where it
//! is there.

use crate::program::{foretell, foretell_given, skipped};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs a task: its exit code, what it printed, what it complained of.
fn run(task: &str, input: &Path, output: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let (input, output) = (input.to_str().unwrap(), output.to_str().unwrap());
    let arguments = ["analyze", task, "--input", input, "--output", output];
    let came = foretell(&[&arguments, more].concat(), &[]);
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    (came.status.code(), text(&came.stdout), text(&came.stderr))
}

/// What a task that ends well writes of an input.
fn written(task: &str, input: &Path, more: &[&str]) -> String {
    let (code, out, err) = run(task, input, Path::new("-"), more);
    assert_eq!(code, Some(0), "{task}: {err}");
    out
}

/// What a task writes of a text.
fn of_text(task: &str, text: &str, more: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input");
    fs::write(&input, text).unwrap();
    written(task, &input, more)
}

/// Checks that a task refuses a text as wrong, and how.
fn refused(task: &str, text: &str, wrong: &str) {
    let came = foretell_given(&["analyze", task, "--input", "-"], &[], text);
    let told = String::from_utf8_lossy(&came.stderr);
    assert_eq!(came.status.code(), Some(2), "{task} {text}: {told}");
    assert!(told.contains(wrong), "{task}: `{wrong}` is not in {told}");
}

fn packed(text: &str) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::fast());
    writer.write_all(text.as_bytes()).unwrap();
    writer.finish().unwrap()
}

/// What a file has, plain or packed.
fn read(path: &Path) -> String {
    let octets = fs::read(path).unwrap();
    if !octets.starts_with(&[0x1f, 0x8b]) {
        return String::from_utf8(octets).unwrap();
    }
    let mut text = String::new();
    MultiGzDecoder::new(&octets[..])
        .read_to_string(&mut text)
        .unwrap();
    text
}

/// A day that goes up and down, with something like noise, and a spike.
fn value(step: usize) -> f64 {
    let noise = ((step * 7_919) % 101) as f64 / 101.0;
    let spike = if step == 700 { 400.0 } else { 0.0 };
    100.0 + 40.0 * (step as f64 / 24.0 * std::f64::consts::TAU).sin() + 5.0 * noise + spike
}

fn csv(rows: usize) -> String {
    let mut text = "timestamp,value\n".to_owned();
    for step in 0..rows {
        writeln!(text, "{},{}", 1_700_000_000 + step * 3_600, value(step)).unwrap();
    }
    text
}

fn series(rows: usize) -> Vec<f64> {
    (0..rows).map(value).collect()
}

/// Checks the rows of a detection against those of its input: how many are alarms.
fn check_detection(input: &str, output: &str) -> usize {
    let rows = |text: &str| -> Vec<Vec<String>> {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        lines
            .map(|line| line.split(',').map(str::to_owned).collect())
            .collect()
    };
    let (input, output) = (rows(input), rows(output));
    assert_eq!(output[0], ["timestamp", "anomaly_score", "alarm"]);
    assert_eq!(input.len(), output.len());
    let mut alarms = 0;
    for (given, answer) in input.iter().zip(&output).skip(1) {
        assert_eq!((given[0].trim(), answer.len()), (answer[0].as_str(), 3));
        let score: f64 = answer[1].parse().unwrap();
        assert!((0.0..=1.0).contains(&score), "{score}");
        alarms += answer[2].parse::<u8>().map(usize::from).unwrap();
    }
    alarms
}

#[test]
fn a_folder_of_series_is_answered_file_by_file() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    fs::create_dir_all(input.join("deep/er")).unwrap();
    fs::write(input.join("a.csv"), csv(800)).unwrap();
    // Packed without saying so, with times as text, and values that are missing.
    let text = "timestamp,value\r\n2015-02-26 21:42:53,1\r\n2015-02-26 21:47:53,\r\n\r\n2015-02-26 21:52:53,NaN\r\n2015-02-26 21:57:53,null\r\n";
    fs::write(input.join("deep/er/b.csv"), packed(text)).unwrap();
    fs::write(input.join("deep/c.csv.gz"), packed(&csv(30))).unwrap();
    fs::write(input.join("README.md"), "no series").unwrap();
    let (code, told, complaints) = run("detect", &input, &output, &["--json"]);
    assert_eq!(code, Some(0), "{complaints}");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&told["task"], &told["answered"]),
        (&json!("detect"), &json!(834))
    );
    assert!(check_detection(&csv(800), &read(&output.join("a.csv"))) > 0);
    check_detection(text, &read(&output.join("deep/er/b.csv")));
    check_detection(&csv(30), &read(&output.join("deep/c.csv")));
    // One file, into a folder and into a file; and with what explains it.
    fs::create_dir(folder.path().join("one")).unwrap();
    let one = run(
        "detect",
        &input.join("deep/c.csv.gz"),
        &folder.path().join("one"),
        &[],
    );
    assert_eq!(one.0, Some(0), "{}", one.2);
    let same = read(&folder.path().join("one/c.csv"));
    assert_eq!(same, read(&output.join("deep/c.csv")));
    let explained = written("detect", &input.join("a.csv"), &["--explain"]);
    assert!(explained.starts_with("timestamp,anomaly_score,alarm,kind,expected,lower,upper\n"));
    let spike = explained.lines().nth(701).unwrap();
    assert_eq!(spike.split(',').count(), 7, "{spike}");
    assert!(spike.contains(",1,spike,"), "{spike}");
    // What is read is not written over.
    let (code, _, complaints) = run("detect", &input, &input, &[]);
    assert_eq!(
        (code, complaints.contains("into what is read")),
        (Some(2), true)
    );
    let (code, _, complaints) = run("detect", &input.join("a.csv"), &input, &[]);
    assert_eq!(code, Some(2), "{complaints}");
    assert_eq!(read(&input.join("a.csv")), csv(800));
    let (code, _, complaints) = run("detect", &input, Path::new("-"), &[]);
    assert_eq!((code, complaints.contains("a folder")), (Some(2), true));
}

#[test]
fn a_row_of_a_pipe_is_answered_before_the_next_is_written() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_foretell"))
        .args(["analyze", "detect", "--input", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut rows = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    let whole = csv(60);
    let mut told = String::new();
    for line in whole.lines() {
        writeln!(rows, "{line}").unwrap();
        rows.flush().unwrap();
        // It would wait here for ever, were an answer held back.
        writeln!(told, "{}", answers.next().unwrap().unwrap()).unwrap();
    }
    drop(rows);
    assert!(answers.next().is_none());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    check_detection(&whole, &told);
    assert_eq!(told, of_text("detect", &whole, &[]));
}

#[test]
fn what_comes_later_changes_no_answer() {
    let whole = of_text("detect", &csv(900), &["--explain"]);
    for rows in [0, 1, 2, 25, 699, 701, 705] {
        let part = of_text("detect", &csv(rows), &["--explain"]);
        assert!(whole.starts_with(&part), "of {rows} rows");
    }
    let line = |rows: usize| {
        let line = json!({
            "id": "a,b", "step_s": 3600, "season": 24, "threshold": 142.0, "lead_min": 1,
            "lead_max": 4, "eval_from": 200, "y": series(rows),
        });
        format!("{line}\n")
    };
    let whole = of_text("scaling", &line(900), &[]);
    assert!(whole.starts_with("id,t\n\"a,b\","), "{whole}");
    for rows in [0, 1, 30, 480, 640] {
        let part = of_text("scaling", &line(rows), &[]);
        let until = |line: &&str| {
            let (_, t) = line.rsplit_once(',').unwrap();
            t.parse::<usize>().is_ok_and(|t| t < rows)
        };
        let expected: Vec<&str> = whole.lines().skip(1).filter(until).collect();
        let told: Vec<&str> = part.lines().skip(1).collect();
        assert_eq!(told, expected, "of {rows} values");
    }
    let folder = tempfile::tempdir().unwrap();
    let whole = splits(&network(folder.path(), 30), &[]);
    assert_eq!(whole.len(), 20);
    for steps in [11, 12, 20] {
        let part = splits(&network(folder.path(), steps), &[]);
        assert_eq!(part.len(), steps - 10);
        assert_eq!(part, whole[..steps - 10], "of {steps} steps");
        let ahead = splits(&network(folder.path(), steps), &["--ahead"]);
        assert_eq!(ahead, whole[..=steps - 10], "of {steps} steps");
    }
}

/// A folder with a network of four nodes in a ring and so many steps of traffic; answers begin at step 10.
fn network(folder: &Path, steps: usize) -> PathBuf {
    let names = ["a", "b", "c", "d"];
    let links: Vec<Value> = (0..4)
        .flat_map(|at| [(at, (at + 1) % 4), ((at + 1) % 4, at)])
        .map(|(a, b)| json!({"a": names[a], "b": names[b], "capacity_mbps": 100.0}))
        .collect();
    let topology = json!({"name": "ring", "nodes": names, "links": links, "first_eval_step": 10, "steps": steps});
    fs::write(folder.join("topology.json"), topology.to_string()).unwrap();
    let mut text = "step,a>c,b>d\n".to_owned();
    for step in 0..steps {
        writeln!(
            text,
            "{step},{},{}",
            value(step) / 4.0,
            value(step * 3) / 5.0
        )
        .unwrap();
    }
    fs::write(folder.join("tm.csv.gz"), packed(&text)).unwrap();
    folder.to_owned()
}

/// Steps as `balance` splits them, without the time that each took.
fn splits(folder: &Path, more: &[&str]) -> Vec<Value> {
    let told = written("balance", folder, more);
    let steps = told.lines().map(|line| {
        let mut step: Value = serde_json::from_str(line).unwrap();
        let elapsed_ms = step.as_object_mut().unwrap().remove("elapsed_ms");
        assert!(elapsed_ms.unwrap().as_f64().unwrap() >= 0.0);
        check_paths(&step);
        step
    });
    steps.collect()
}

/// Checks that shares are 1 together, and that ways begin and end where they must.
fn check_paths(step: &Value) {
    for (ends, ways) in step["paths"].as_object().unwrap() {
        let (from, to) = ends.split_once('>').unwrap();
        let mut shares = 0.0;
        for way in ways.as_array().unwrap() {
            shares += way[0].as_f64().unwrap();
            let nodes: Vec<&str> = way[1]
                .as_array()
                .unwrap()
                .iter()
                .map(|node| node.as_str().unwrap())
                .collect();
            assert!(nodes.len() > 1, "{ends}");
            assert_eq!((nodes.first(), nodes.last()), (Some(&from), Some(&to)));
        }
        assert!((shares - 1.0).abs() < 1e-6, "{ends}: {shares}");
    }
}

/// Series of every kind that tasks of many series read.
fn many(count: usize) -> String {
    let mut text = String::new();
    for at in 0..count {
        let mut y: Vec<Option<f64>> = series(150 + at).into_iter().map(Some).collect();
        y[at % 20] = None;
        let line = json!({
            "id": format!("s{at}"), "step_s": 86_400, "season": [24], "horizon": 3, "capacity": 110.0,
            "max_days": 50, "y": y,
        });
        writeln!(text, "{line}").unwrap();
    }
    text
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let text = many(70);
    for task in ["forecast", "capacity", "structure"] {
        let one = of_text(task, &text, &["--threads", "1"]);
        for threads in ["2", "5"] {
            let more = of_text(task, &text, &["--threads", threads]);
            assert!(one == more, "{task} by {threads} threads");
        }
    }
}

#[test]
fn a_series_of_which_nothing_can_be_told_costs_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    let short = r#"{"id": "short", "horizon": 3, "capacity": 5, "y": [1, NaN, 2]}"#;
    fs::write(&input, format!("{short}\n{}", many(2))).unwrap();
    for (task, rows) in [("forecast", 7), ("capacity", 3), ("structure", 2)] {
        let (code, told, complaints) = run(task, &input, &output, &["--json"]);
        assert_eq!(code, Some(1), "{complaints}");
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(
            (&told["answered"], &told["refused"]),
            (&json!(2), &json!(1))
        );
        let fault = &told["faults"][0];
        assert_eq!((&fault["line"], &fault["id"]), (&json!(1), &json!("short")));
        assert!(complaints.contains("line 1, short: "), "{complaints}");
        let lines = read(&output);
        assert_eq!(lines.lines().count(), rows, "{lines}");
        assert!(!lines.contains("short"), "{lines}");
    }
}

#[test]
fn what_is_wrong_is_told_by_its_line() {
    let good = r#"{"id": "a", "horizon": 2, "capacity": 5, "y": [1, 2]}"#;
    for task in ["forecast", "capacity", "structure", "scaling"] {
        refused(task, "\n{\"id\": 5}", "standard input, line 2: ");
        refused(task, "{\"id\": \"a\"", "line 1: EOF");
    }
    refused("structure", "[]", "line 1: ");
    refused("forecast", &format!("{good}\n{good}"), "another series `a`");
    refused(
        "forecast",
        &good.replace("\"horizon\": 2", "\"horizon\": 0"),
        "1 to 8784 steps",
    );
    refused("capacity", &good.replace('5', "-5"), "a number over 0");
    refused(
        "capacity",
        &good.replace("\"y\"", "\"step_s\": 60, \"y\""),
        "a value a day",
    );
    refused(
        "scaling",
        r#"{"id": "a", "threshold": 1, "lead_min": 3, "lead_max": 2, "step_s": 60, "y": []}"#,
        "line 1: a lead",
    );
    refused("detect", "", "a header is expected");
    refused("detect", "time,value\n", "there is no timestamp");
    refused(
        "detect",
        "timestamp,value\n1,2\n2,x\n",
        "line 3: `x` is no number",
    );
    refused(
        "detect",
        "timestamp,value\n1,2\n2\n",
        "line 3: it has 1 columns",
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    fs::write(&path, "timestamp,value\nsoon,2\n").unwrap();
    let (code, _, complaints) = run("detect", &path, &folder.path().join("out.csv"), &[]);
    assert_eq!(code, Some(2));
    let told = format!("{}, line 2: `soon` is no time", path.display());
    assert!(complaints.contains(&told), "{complaints}");
    // Nothing is left of an output that did not become whole.
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    for task in ["detect", "forecast", "balance", "rank"] {
        let (code, _, complaints) = run(task, &folder.path().join("none"), Path::new("-"), &[]);
        assert_eq!(
            (code, complaints.contains("cannot be read")),
            (Some(1), true),
            "{complaints}"
        );
    }
    let ring = network(folder.path(), 3);
    fs::remove_file(ring.join("tm.csv.gz")).unwrap();
    let (code, _, complaints) = run("balance", &ring, Path::new("-"), &[]);
    assert_eq!(
        (code, complaints.contains("there is no tm.csv")),
        (Some(2), true)
    );
    fs::write(ring.join("tm.csv"), "step,a>b\n0,1\n2,1\n").unwrap();
    let (code, _, complaints) = run("balance", &ring, Path::new("-"), &[]);
    assert_eq!(
        (
            code,
            complaints.contains("tm.csv, line 3: step 1 is expected")
        ),
        (Some(2), true)
    );
}

#[test]
fn services_are_ranked() {
    let folder = tempfile::tempdir().unwrap();
    let incident = |traffic: &str, node: &str| json!([{"id": "i", "traffic": traffic, "target": {"node": node, "metric": "latency", "agg": "Average", "timestamp": 30_000}}]);
    let targets = folder.path().join("targets.json");
    fs::write(&targets, incident("low", "front").to_string()).unwrap();
    let low = folder.path().join("low");
    fs::create_dir(&low).unwrap();
    fs::write(low.join("graph.csv"), ",front,back\nfront,0,1\nback,0,0\n").unwrap();
    let table = |from: usize, rows: usize, slow: f64| {
        let mut text = "microservice,front,back\nmetric,latency,latency\nstatistic,Average,Average\nunix_timestamp,,\n".to_owned();
        for row in from..from + rows {
            writeln!(
                text,
                "{}.0,{},{}",
                row * 300,
                value(row) + slow,
                value(row) / 9.0 + slow
            )
            .unwrap();
        }
        text
    };
    fs::write(low.join("noissue.csv.gz"), packed(&table(0, 90, 0.0))).unwrap();
    fs::write(low.join("i.csv"), table(98, 5, 300.0)).unwrap();
    let told = written("rank", folder.path(), &[]);
    let told: Value = serde_json::from_str(&told).unwrap();
    let mut ranking: Vec<&str> = told["ranking"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    assert_eq!(told["id"], "i");
    ranking.sort_unstable();
    assert_eq!(ranking, ["back", "front"]);
    for (wrong, told) in [
        (incident("..", "front"), "`..` is no name of a file"),
        (incident("low", "side"), "the node `side` is not known"),
    ] {
        fs::write(&targets, wrong.to_string()).unwrap();
        let (code, _, complaints) = run("rank", folder.path(), Path::new("-"), &[]);
        assert_eq!(
            (code, complaints.contains(told)),
            (Some(2), true),
            "{complaints}"
        );
    }
}

#[test]
fn tasks_are_taught() {
    for (task, taught) in [
        ("detect", "tail -f"),
        ("forecast", "lo95, hi95"),
        ("capacity", "hit_day"),
        ("structure", "change_points"),
        ("scaling", "lead_min, lead_max"),
        ("balance", "topology.json"),
        ("rank", "graph.csv"),
    ] {
        let help = foretell(&["analyze", task, "--help"], &[]);
        let help = String::from_utf8_lossy(&help.stdout).into_owned();
        assert!(
            help.contains(taught) && help.contains("Exit codes"),
            "{help}"
        );
    }
    let wrong = foretell(
        &[
            "analyze",
            "detect",
            "--input",
            "-",
            "--false-alarms-per-1000",
            "0",
        ],
        &[],
    );
    assert_eq!(wrong.status.code(), Some(2));
}

/// The bundle's files for those who build detectors; none where it is not there.
fn bundle() -> Option<PathBuf> {
    let dev = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/eval/dev");
    if dev.is_dir() {
        return Some(dev);
    }
    skipped("there is no evaluation bundle at ../shared/eval/dev");
    None
}

/// The first lines of a file of the bundle, where all of it takes too long in a build for tests.
fn some_of(path: &Path, lines: usize, into: &Path) -> String {
    let text: String = read(path)
        .lines()
        .take(lines)
        .flat_map(|line| [line, "\n"])
        .collect();
    fs::write(into, &text).unwrap();
    text
}

#[test]
fn detections_of_the_bundle_have_its_format() {
    let Some(dev) = bundle() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for set in ["nab", "kpi", "netinj"] {
        let (input, output) = (dev.join("anomaly").join(set), folder.path().join(set));
        let (code, _, complaints) = run("detect", &input, &output, &[]);
        assert_eq!(code, Some(0), "{complaints}");
        let mut left = vec![input.clone()];
        while let Some(path) = left.pop() {
            if path.is_dir() {
                left.extend(path.read_dir().unwrap().map(|entry| entry.unwrap().path()));
            } else {
                let answer = output.join(path.strip_prefix(&input).unwrap());
                check_detection(&read(&path), &read(&answer));
            }
        }
    }
}

#[test]
fn answers_to_series_of_the_bundle_have_its_format() {
    let Some(dev) = bundle() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input");
    for set in ["m4_hourly", "m4_weekly", "traffic"] {
        let text = some_of(
            &dev.join("forecast").join(format!("{set}.jsonl.gz")),
            8,
            &input,
        );
        let told = written("forecast", &input, &[]);
        let mut rows = told.lines();
        assert_eq!(rows.next(), Some("series_id,step,mean,lo80,hi80,lo95,hi95"));
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            for step in 1..=line["horizon"].as_u64().unwrap() {
                let row: Vec<&str> = rows.next().unwrap().split(',').collect();
                assert_eq!(
                    (row[0], row[1]),
                    (line["id"].as_str().unwrap(), step.to_string().as_str())
                );
                let [mean, lo80, hi80, lo95, hi95] =
                    [2, 3, 4, 5, 6].map(|at| row[at].parse::<f64>().unwrap());
                assert!(
                    lo95 <= lo80 && lo80 <= mean && mean <= hi80 && hi80 <= hi95,
                    "{row:?}"
                );
            }
        }
        assert_eq!(rows.next(), None);
    }
    let text = some_of(&dev.join("capacity/capacity.jsonl.gz"), 20, &input);
    let told = written("capacity", &input, &[]);
    assert_eq!(told.lines().next(), Some("id,hit_day"));
    for (line, row) in text.lines().zip(told.lines().skip(1)) {
        let line: Value = serde_json::from_str(line).unwrap();
        let (id, day) = row.split_once(',').unwrap();
        assert_eq!(id, line["id"].as_str().unwrap());
        assert!(day.is_empty() || (1..=365).contains(&day.parse::<u32>().unwrap()));
    }
    let text = some_of(&dev.join("structure/structure.jsonl.gz"), 8, &input);
    let told = written("structure", &input, &[]);
    for (line, told) in text.lines().zip(told.lines()) {
        let [line, told] = [line, told].map(|text| serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(line["id"], told["id"]);
        let places = told["change_points"].as_array().unwrap();
        let count = line["y"].as_array().unwrap().len() as u64;
        assert!(places.iter().all(|place| place.as_u64().unwrap() < count));
        assert!(
            told["periods"]
                .as_array()
                .unwrap()
                .iter()
                .all(Value::is_u64)
        );
        assert!(["up", "down", "none"].contains(&told["trend"].as_str().unwrap()));
    }
}

#[test]
fn advice_on_the_bundle_has_its_format() {
    let Some(dev) = bundle() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input");
    let text = some_of(&dev.join("scaling/series.jsonl.gz"), 3, &input);
    let ids: HashSet<String> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["id"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let told = written("scaling", &input, &[]);
    assert_eq!(told.lines().next(), Some("id,t"));
    for row in told.lines().skip(1) {
        let (id, t) = row.split_once(',').unwrap();
        assert!(ids.contains(id) && t.parse::<usize>().is_ok(), "{row}");
    }
    for set in ["abilene_cmu", "abilene_hourly", "attmpls"] {
        let from = dev.join("te").join(set);
        let topology = read(&from.join("topology.json"));
        let topology: Value = serde_json::from_str(&topology).unwrap();
        let first = topology["first_eval_step"].as_u64().unwrap();
        let set = folder.path().join(set);
        fs::create_dir(&set).unwrap();
        fs::copy(from.join("topology.json"), set.join("topology.json")).unwrap();
        // A header, the steps before, and three that are answered.
        let lines = usize::try_from(first).unwrap() + 4;
        some_of(&from.join("tm.csv.gz"), lines, &set.join("tm.csv"));
        let steps: Vec<u64> = splits(&set, &[])
            .iter()
            .map(|step| step["step"].as_u64().unwrap())
            .collect();
        assert_eq!(steps, [first, first + 1, first + 2]);
    }
    let told = written("rank", &dev.join("petshop"), &[]);
    let targets: Value = serde_json::from_str(&read(&dev.join("petshop/targets.json"))).unwrap();
    let targets = targets.as_array().unwrap();
    assert_eq!(told.lines().count(), targets.len());
    for (target, told) in targets.iter().zip(told.lines()) {
        let told: Value = serde_json::from_str(told).unwrap();
        assert_eq!(told["id"], target["id"]);
        let ranking = told["ranking"].as_array().unwrap();
        let names: HashSet<&str> = ranking.iter().map(|name| name.as_str().unwrap()).collect();
        assert!(names.len() == ranking.len() && names.len() > 3);
    }
}
