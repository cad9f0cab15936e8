//! The same answers scored by these scorers and by those in `../shared`, which are in Python: every score must
//! be the same to 1e-9. Without them, or without a Python that has numpy and pandas, it says that it skipped.

use crate::baseline;
use serde_json::Value;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TOLERANCE: f64 = 1e-9;

/// Runs a script without rounding what it prints.
const UNROUNDED: &str = "\
import builtins, runpy, sys
round_of = builtins.round
builtins.round = lambda x, n=None: round_of(x) if n is None else x
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
";

struct Bundle {
    scorers: PathBuf,
    dev: PathBuf,
    python: PathBuf,
    answers: tempfile::TempDir,
}

impl Bundle {
    /// What is needed, or why it is not there.
    fn find() -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let shared = root.join("../shared/eval");
        if !shared.join("scorers").is_dir() {
            return Err("../shared/eval is not there".to_owned());
        }
        // Of the environment, of the venv that `cargo xtask bench analytics` makes, or of the machine.
        let pythons = env::var_os("FORETELL_TEST_PYTHON")
            .map(PathBuf::from)
            .into_iter();
        let venv = root.join("target/tools/accuracy/bin/python");
        let has_pandas = |python: &PathBuf| {
            let asked = Command::new(python)
                .args(["-c", "import numpy, pandas"])
                .output();
            asked.is_ok_and(|asked| asked.status.success())
        };
        let python = pythons.chain([venv, "python3".into()]).find(has_pandas);
        let python = python.ok_or("no python3 has numpy and pandas")?;
        Ok(Self {
            scorers: shared.join("scorers"),
            dev: shared.join("dev"),
            python,
            answers: tempfile::tempdir().map_err(|error| error.to_string())?,
        })
    }

    fn answers(&self, name: &str) -> PathBuf {
        self.answers.path().join(name)
    }

    /// Scores by both, with the same arguments behind the task and the script.
    fn check(&self, ours: &[&str], script: &[&str], same: &[(&str, &Path)], more: &[&str]) {
        let same: Vec<_> = same
            .iter()
            .flat_map(|(name, path)| [(*name).into(), path.as_os_str().to_owned()])
            .collect();
        let program = env!("CARGO_BIN_EXE_accuracy");
        let ours_told = told(Command::new(program).args(ours).args(&same).args(more));
        let python = Command::new(&self.python);
        let mut theirs = python;
        theirs
            .args(["-W", "ignore", "-c", UNROUNDED])
            .arg(self.scorers.join(script[0]));
        let theirs_told = told(theirs.args(&script[1..]).args(&same));
        compare(&ours_told, &theirs_told, ours[0]);
    }
}

/// The first line that a program prints.
fn told(command: &mut Command) -> Value {
    let ran = command.output().unwrap();
    let error = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{command:?}: {error}");
    let text = String::from_utf8(ran.stdout).unwrap();
    serde_json::from_str(text.lines().next().unwrap()).unwrap()
}

/// Every score that they tell, ours must.
fn compare(ours: &Value, theirs: &Value, place: &str) {
    match theirs {
        Value::Object(scores) => {
            for (name, theirs) in scores {
                compare(&ours[name], theirs, &format!("{place} {name}"));
            }
        }
        Value::Number(theirs) => {
            let theirs = theirs.as_f64().unwrap();
            let ours = ours
                .as_f64()
                .unwrap_or_else(|| panic!("{place}: ours is {ours}"));
            let near = (ours - theirs).abs() <= TOLERANCE * theirs.abs().max(1.0);
            assert!(near, "{place}: {ours}, and theirs is {theirs}");
        }
        theirs => assert_eq!(ours, theirs, "{place}"),
    }
}

/// The bundle; none is told.
fn bundle() -> Option<Bundle> {
    match Bundle::find() {
        Ok(bundle) => Some(bundle),
        Err(why) => {
            println!("SKIPPED: {why}");
            None
        }
    }
}

#[test]
fn nab_agrees() {
    let Some(bundle) = bundle() else { return };
    let (data, answers) = (bundle.dev.join("anomaly/nab"), bundle.answers("nab"));
    for folder in fs::read_dir(&data).unwrap() {
        let folder = folder.unwrap().path();
        if folder.is_dir() {
            for file in foretell_accuracy::read::csv_files(&folder).unwrap() {
                baseline::detect(&file, &answers.join(file.strip_prefix(&data).unwrap()));
            }
        }
    }
    let windows = bundle.dev.join("truth/anomaly/nab_windows.json");
    let files = [
        ("--data", data.as_path()),
        ("--windows", &windows),
        ("--pred", &answers),
        ("--threshold", Path::new("0.97")),
    ];
    bundle.check(&["nab"], &["score_nab.py"], &files, &[]);
}

#[test]
fn labelled_series_agree() {
    let Some(bundle) = bundle() else { return };
    for set in ["kpi", "netinj"] {
        let (truth, answers) = (
            bundle.dev.join("truth/anomaly").join(set),
            bundle.answers(set),
        );
        for file in foretell_accuracy::read::csv_files(&truth).unwrap() {
            let name = file.file_name().unwrap();
            baseline::detect(
                &bundle.dev.join("anomaly").join(set).join(name),
                &answers.join(name),
            );
        }
        let files = [("--truth", truth.as_path()), ("--pred", &answers)];
        bundle.check(&["series"], &["score_series.py"], &files, &[]);
    }
}

#[test]
fn forecasts_agree() {
    let Some(bundle) = bundle() else { return };
    for (set, more) in [
        ("m4_hourly", &[][..]),
        ("m4_weekly", &["--period", "1"]),
        ("traffic", &[]),
    ] {
        let name = format!("forecast/{set}.jsonl.gz");
        let (input, truth) = (bundle.dev.join(&name), bundle.dev.join("truth").join(&name));
        let answers = bundle.answers(&format!("{set}.csv"));
        baseline::forecast(&input, &answers);
        let files = [
            ("--input", input.as_path()),
            ("--truth", &truth),
            ("--pred", &answers),
        ];
        bundle.check(&["forecast"], &["score_forecast.py"], &files, more);
    }
}

#[test]
fn capacity_and_structure_agree() {
    let Some(bundle) = bundle() else { return };
    let (truth, answers) = (
        bundle.dev.join("truth/capacity/capacity.json"),
        bundle.answers("c.csv"),
    );
    baseline::capacity(&truth, &answers);
    let files = [("--truth", truth.as_path()), ("--pred", &answers)];
    bundle.check(&["capacity"], &["score_misc.py", "capacity"], &files, &[]);
    let truth = bundle.dev.join("truth/structure/structure.json");
    let answers = bundle.answers("s.jsonl");
    baseline::structure(&truth, &answers);
    let files = [("--truth", truth.as_path()), ("--pred", &answers)];
    bundle.check(&["structure"], &["score_misc.py", "structure"], &files, &[]);
}

#[test]
fn scaling_and_rankings_agree() {
    let Some(bundle) = bundle() else { return };
    let input = bundle.dev.join("scaling/series.jsonl.gz");
    let answers = bundle.answers("scaling.csv");
    baseline::scaling(&input, &answers);
    let files = [("--input", input.as_path()), ("--pred", &answers)];
    bundle.check(&["scaling"], &["score_scaling.py", "scaling"], &files, &[]);
    let truth = bundle.dev.join("truth/petshop/root_causes.json");
    let answers = bundle.answers("petshop.jsonl");
    baseline::ranking(&truth, &answers);
    let files = [("--truth", truth.as_path()), ("--pred", &answers)];
    bundle.check(&["petshop"], &["score_scaling.py", "petshop"], &files, &[]);
}

#[test]
fn routing_agrees() {
    let Some(bundle) = bundle() else { return };
    for set in ["abilene_cmu", "abilene_hourly", "attmpls"] {
        let folder = bundle.dev.join("te").join(set);
        let truth = bundle.dev.join(format!("truth/te/{set}.json"));
        let answers = bundle.answers(&format!("{set}.jsonl"));
        baseline::routing(&folder, &answers);
        let files = [
            ("--set", folder.as_path()),
            ("--truth", &truth),
            ("--pred", &answers),
        ];
        bundle.check(&["te"], &["score_te.py"], &files, &[]);
    }
}
