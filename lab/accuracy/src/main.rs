//! Scores a file or folder of answers, and prints the scores as one line of JSON.
#![allow(clippy::print_stdout)] // The line is its product.
#![allow(clippy::indexing_slicing)] // Of JSON only: indexing it makes what is not there.

use clap::{Args, Parser, Subcommand};
use foretell_accuracy::{capacity, forecast, nab, ranking, routing, scaling, series, structure};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(
    name = "accuracy",
    about = "Scores answers beside the truth, as one line of JSON."
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// The Numenta Anomaly Benchmark: a folder of `<category>/<file>.csv` with `timestamp,anomaly_score`.
    Nab {
        /// The folder of the data.
        #[arg(long)]
        data: PathBuf,
        /// The windows of each file.
        #[arg(long)]
        windows: PathBuf,
        /// The folder of answers.
        #[arg(long)]
        pred: PathBuf,
        /// Also the score at this threshold, 0 to 1.
        #[arg(long)]
        threshold: Option<f64>,
    },
    /// Points that are labelled: a folder of `<name>.csv` with `timestamp,anomaly_score,alarm`.
    Series {
        #[command(flatten)]
        files: Files,
        /// Rows after an event in which an alarm still counts as of it.
        #[arg(long, default_value_t = 10)]
        buffer: usize,
        /// Scores from this on are alarms where there is no column `alarm`.
        #[arg(long)]
        threshold: Option<f64>,
    },
    /// Forecasts: a CSV file with `series_id,step,mean,lo80,hi80,lo95,hi95` and perhaps `q05` and the like.
    Forecast {
        /// The tasks.
        #[arg(long)]
        input: PathBuf,
        #[command(flatten)]
        files: Files,
        /// The season of naive forecasts and of the scale, in steps; else the first of each task.
        #[arg(long)]
        period: Option<usize>,
        /// Also the scores of each group of series, by what their ids begin with.
        #[arg(long)]
        group: bool,
    },
    /// Days until a limit is reached: a CSV file with `id,hit_day`.
    Capacity(Files),
    /// Seasons, changes and trends: JSON lines with `id`, `periods`, `change_points`, `trend`.
    Structure(Files),
    /// Triggers before an overload: a CSV file with `id,t`.
    Scaling {
        /// The series.
        #[arg(long)]
        input: PathBuf,
        /// The file of answers.
        #[arg(long)]
        pred: PathBuf,
    },
    /// Rankings of causes: JSON lines with `id` and `ranking`.
    Petshop(Files),
    /// Routing: JSON lines with `step` and `weights`, `paths` or `next`.
    Te {
        /// The folder of the network and its demands.
        #[arg(long)]
        set: PathBuf,
        #[command(flatten)]
        files: Files,
    },
}

#[derive(Args)]
struct Files {
    /// The file or folder of the truth.
    #[arg(long)]
    truth: PathBuf,
    /// The file or folder of answers.
    #[arg(long)]
    pred: PathBuf,
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(scores) => {
            println!("{scores}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("accuracy: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<Value> {
    match task {
        Task::Nab {
            data,
            windows,
            pred,
            threshold,
        } => {
            let set = nab::Set::read(&data, &windows, &pred)?;
            let mut told = json!({ "windows": set.windows(), "rows": set.rows() });
            for (name, profile) in nab::PROFILES {
                let best = set.best(profile);
                told[name] = json!({ "score": best.best, "best_threshold": best.threshold });
                if let Some(threshold) = threshold {
                    told[name]["score_at_threshold"] = json!(set.at(profile, threshold));
                }
            }
            Ok(told)
        }
        Task::Series {
            files,
            buffer,
            threshold,
        } => series::score(&files.truth, &files.pred, buffer, threshold),
        Task::Forecast {
            input,
            files,
            period,
            group,
        } => forecast::score(&input, &files.truth, &files.pred, period, group),
        Task::Capacity(files) => capacity::score(&files.truth, &files.pred),
        Task::Structure(files) => structure::score(&files.truth, &files.pred),
        Task::Scaling { input, pred } => scaling::score(&input, &pred),
        Task::Petshop(files) => ranking::score(&files.truth, &files.pred),
        Task::Te { set, files } => routing::score(&set, &files.truth, &files.pred),
    }
}
