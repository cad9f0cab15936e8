//! Answers of `foretell analyze` over the development sets, and their scores.

use crate::bench::figure::Outcome;
use crate::programs::{cargo, output, root, run, target_dir};
use crate::workspace;
use anyhow::{Context as _, ensure};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Scores from this on count as detections of the benchmark of Numenta, in all files.
const THRESHOLD: &str = "0.5";

/// Where sets, answers and programs are.
pub(super) struct Workplace {
    dev: PathBuf,
    answers: PathBuf,
    pub(super) foretell: PathBuf,
    scorer: PathBuf,
}

impl Workplace {
    /// Builds the programs; none where there are no sets.
    pub(super) fn open() -> anyhow::Result<Option<Self>> {
        let dev = root().join("../shared/eval/dev");
        if !dev.is_dir() {
            return Ok(None);
        }
        let foretell = workspace::build_foretell(true)?;
        run(&mut cargo(&[
            "build",
            "--release",
            "--package",
            "foretell-accuracy",
        ]))?;
        let answers = target_dir().join("bench/analytics");
        fs::create_dir_all(&answers).with_context(|| answers.display().to_string())?;
        let scorer = target_dir().join("release/accuracy");
        Ok(Some(Self {
            dev,
            answers,
            foretell,
            scorer,
        }))
    }

    pub(super) fn input(&self, name: &str) -> PathBuf {
        self.dev.join(name)
    }

    pub(super) fn truth(&self, name: &str) -> PathBuf {
        self.dev.join("truth").join(name)
    }

    /// Where answers are written.
    pub(super) fn answer(&self, name: &str) -> PathBuf {
        self.answers.join(name)
    }

    /// Asks for answers.
    fn analyze(&self, task: &str, input: &Path, into: &Path) -> anyhow::Result<()> {
        // What is left of a run before would be scored where nothing is written.
        if into.is_dir() {
            fs::remove_dir_all(into)?;
        } else if into.exists() {
            fs::remove_file(into)?;
        }
        eprintln!("    {task} of {}", input.display());
        let mut command = Command::new(&self.foretell);
        command.args(["analyze", task, "--input"]).arg(input);
        run(command.arg("--output").arg(into))
    }

    /// Scores them.
    pub(super) fn score(&self, task: &str, arguments: &[(&str, &Path)]) -> anyhow::Result<Value> {
        let mut command = Command::new(&self.scorer);
        command.arg(task);
        for (name, value) in arguments {
            command.arg(name).arg(value);
        }
        let told = output(&mut command)?;
        serde_json::from_str(told.trim()).with_context(|| format!("what {task} printed"))
    }
}

/// A figure, and where among the scores it is.
type Pick = (&'static str, &'static str);

/// Adds the figures of all tasks, or why there are none.
pub(super) fn measure(outcome: &mut Outcome) -> anyhow::Result<()> {
    let Some(at) = Workplace::open()? else {
        let why = "../shared/eval/dev is not there".to_owned();
        outcome.skipped.push(("accuracy", why));
        return Ok(());
    };
    nab(&at, outcome)?;
    labelled(&at, outcome)?;
    forecasts(&at, outcome)?;
    others(&at, outcome)?;
    balance(&at, outcome)
}

fn nab(at: &Workplace, outcome: &mut Outcome) -> anyhow::Result<()> {
    let (data, answers) = (at.input("anomaly/nab"), at.answer("nab"));
    at.analyze("detect", &data, &answers)?;
    let windows = at.truth("anomaly/nab_windows.json");
    let files = [
        ("--data", data.as_path()),
        ("--windows", &windows),
        ("--pred", &answers),
        ("--threshold", Path::new(THRESHOLD)),
    ];
    let picks = [
        ("nab_standard_points", "/standard/score_at_threshold"),
        ("nab_standard_best_points", "/standard/score"),
        (
            "nab_standard_best_threshold_score",
            "/standard/best_threshold",
        ),
        ("nab_low_fp_points", "/reward_low_FP/score_at_threshold"),
        ("nab_low_fn_points", "/reward_low_FN/score_at_threshold"),
    ];
    pick(&at.score("nab", &files)?, &picks, outcome)
}

fn labelled(at: &Workplace, outcome: &mut Outcome) -> anyhow::Result<()> {
    let netinj: &[Pick] = &[
        ("netinj_vus_pr_share", "/VUS_PR"),
        ("netinj_event_f1_share", "/event_F1"),
        ("netinj_event_precision_share", "/event_precision"),
        ("netinj_event_recall_share", "/event_recall"),
        (
            "netinj_false_alarms_per_1000_points",
            "/false_alarms_per_1000",
        ),
        ("netinj_median_delay_points", "/median_delay"),
    ];
    let kpi: &[Pick] = &[
        ("kpi_vus_pr_share", "/VUS_PR"),
        ("kpi_vus_pr_share_low", "/VUS_PR_lowest"),
        ("kpi_vus_pr_share_high", "/VUS_PR_highest"),
        ("kpi_event_f1_share", "/event_F1"),
        ("kpi_false_alarms_per_1000_points", "/false_alarms_per_1000"),
    ];
    for (set, picks) in [("netinj", netinj), ("kpi", kpi)] {
        let answers = at.answer(set);
        at.analyze("detect", &at.input(&format!("anomaly/{set}")), &answers)?;
        let truth = at.truth(&format!("anomaly/{set}"));
        let files = [("--truth", truth.as_path()), ("--pred", &answers)];
        pick(&at.score("series", &files)?, picks, outcome)?;
    }
    Ok(())
}

fn forecasts(at: &Workplace, outcome: &mut Outcome) -> anyhow::Result<()> {
    let hourly: &[Pick] = &[
        ("m4_hourly_owa_ratio", "/OWA_vs_Naive2"),
        ("m4_hourly_msis_ratio", "/msis"),
        ("m4_hourly_coverage_share", "/cov95"),
        ("m4_hourly_coverage_80_share", "/cov80"),
        ("m4_hourly_crps_ratio", "/crps"),
    ];
    let weekly: &[Pick] = &[
        ("m4_weekly_owa_ratio", "/OWA_vs_Naive2"),
        ("m4_weekly_msis_ratio", "/msis"),
        ("m4_weekly_coverage_share", "/cov95"),
    ];
    let traffic: &[Pick] = &[
        ("traffic_mase_ratio", "/gmean_rel_MASE_vs_Naive2"),
        ("traffic_coverage_share", "/cov95"),
        ("traffic_coverage_80_share", "/cov80"),
        ("traffic_crps_ratio", "/crps"),
    ];
    // A week is the period of hours that repeat by day; weeks repeat by none, as the competition has it.
    let sets = [
        ("m4_hourly", None, hourly),
        ("m4_weekly", Some("1"), weekly),
        ("traffic", None, traffic),
    ];
    for (set, period, picks) in sets {
        let name = format!("forecast/{set}.jsonl.gz");
        let (input, truth) = (at.input(&name), at.truth(&name));
        let answers = at.answer(&format!("{set}.csv"));
        at.analyze("forecast", &input, &answers)?;
        let mut files = vec![
            ("--input", input.as_path()),
            ("--truth", &truth),
            ("--pred", &answers),
        ];
        files.extend(period.map(|period| ("--period", Path::new(period))));
        pick(&at.score("forecast", &files)?, picks, outcome)?;
    }
    Ok(())
}

/// Those whose answers are one file beside one of truth.
fn others(at: &Workplace, outcome: &mut Outcome) -> anyhow::Result<()> {
    let (input, answers) = (
        at.input("scaling/series.jsonl.gz"),
        at.answer("scaling.csv"),
    );
    at.analyze("scaling", &input, &answers)?;
    let told = at.score("scaling", &[("--input", &input), ("--pred", &answers)])?;
    let picks = [
        ("scaling_f1_share", "/F1"),
        ("scaling_f1_share_low", "/F1_low"),
        ("scaling_f1_share_high", "/F1_high"),
        ("scaling_false_triggers_per_day", "/false_triggers_per_day"),
    ];
    pick(&told, &picks, outcome)?;
    let capacity: &[Pick] = &[
        ("capacity_f1_share", "/exhaust_F1"),
        ("capacity_error_share", "/median_rel_error"),
        (
            "capacity_near_share",
            "/share_within_25pct_or_7d_of_all_true",
        ),
    ];
    let structure: &[Pick] = &[
        ("structure_period_f1_share", "/period_F1"),
        ("structure_change_f1_share", "/changepoint_F1"),
        ("structure_covering_share", "/changepoint_covering"),
        ("structure_trend_share", "/trend_accuracy"),
    ];
    let petshop: &[Pick] = &[
        ("petshop_top1_share", "/top1"),
        ("petshop_top1_share_low", "/top1_low"),
        ("petshop_top1_share_high", "/top1_high"),
        ("petshop_top3_share", "/top3"),
        ("petshop_top3_share_low", "/top3_low"),
        ("petshop_top3_share_high", "/top3_high"),
    ];
    let sets = [
        (
            "capacity",
            "capacity",
            "capacity/capacity.jsonl.gz",
            "capacity/capacity.json",
            capacity,
        ),
        (
            "structure",
            "structure",
            "structure/structure.jsonl.gz",
            "structure/structure.json",
            structure,
        ),
        (
            "rank",
            "petshop",
            "petshop",
            "petshop/root_causes.json",
            petshop,
        ),
    ];
    for (task, scorer, input, truth, picks) in sets {
        let (truth, answers) = (at.truth(truth), at.answer(task));
        at.analyze(task, &at.input(input), &answers)?;
        let files = [("--truth", truth.as_path()), ("--pred", &answers)];
        pick(&at.score(scorer, &files)?, picks, outcome)?;
    }
    Ok(())
}

fn balance(at: &Workplace, outcome: &mut Outcome) -> anyhow::Result<()> {
    let sets: [(&str, [Pick; 2]); 3] = [
        (
            "abilene_cmu",
            [
                ("balance_mean_ratio", "/mlu_over_optimal/mean"),
                ("balance_95th_ratio", "/mlu_over_optimal/p95"),
            ],
        ),
        (
            "abilene_hourly",
            [
                ("balance_hourly_mean_ratio", "/mlu_over_optimal/mean"),
                ("balance_hourly_95th_ratio", "/mlu_over_optimal/p95"),
            ],
        ),
        (
            "attmpls",
            [
                ("balance_attmpls_mean_ratio", "/mlu_over_optimal/mean"),
                ("balance_attmpls_95th_ratio", "/mlu_over_optimal/p95"),
            ],
        ),
    ];
    for (set, picks) in sets {
        let (folder, answers) = (
            at.input(&format!("te/{set}")),
            at.answer(&format!("{set}.jsonl")),
        );
        at.analyze("balance", &folder, &answers)?;
        let truth = at.truth(&format!("te/{set}.json"));
        let files = [
            ("--set", folder.as_path()),
            ("--truth", &truth),
            ("--pred", &answers),
        ];
        pick(&at.score("te", &files)?, &picks, outcome)?;
    }
    Ok(())
}

fn pick(told: &Value, picks: &[Pick], outcome: &mut Outcome) -> anyhow::Result<()> {
    for (figure, place) in picks {
        let score = told.pointer(place).and_then(Value::as_f64);
        // Where no event was found there is no delay.
        if let Some(score) = score {
            outcome.add(figure, score);
        } else {
            ensure!(told.pointer(place).is_some(), "the scorer tells no {place}");
        }
    }
    Ok(())
}
