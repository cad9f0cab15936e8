//! `foretell analyze`: what the server says of its series, of files.

use clap::{Args, Subcommand};
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Ask files what the server asks its series: what is unusual, what comes, when something is full.
#[derive(Debug, Subcommand)]
pub enum Analyze {
    /// Tell for each row of a series how unusual it is, and whether an alarm would be raised.
    #[command(
        after_help = "IN is a CSV, a folder of them (the output has the same folders), or `-` for rows on standard input, each of which is answered before the next is read. Rows are seen one by one: what comes later changes no answer.\n\nIn, with a header; other columns are passed over:\n  timestamp   Unix seconds, or 2026-03-01 12:00:00 (UTC); a number of 100,000,000,000 or more is in milliseconds\n  value       empty, NaN and null are missing\nOut, a row for each row:\n  timestamp       as it was given\n  anomaly_score   0 (usual) to 1 (as unusual as can be)\n  alarm           1 while an alarm is raised\nand with --explain\n  kind            level, spike, dip, drift, flat_line, variance, pattern or missing, where it is unusual\n  expected, lower, upper   what was expected of the row, before it was seen\n\nExamples:\n  foretell analyze detect --input router.csv --output scores.csv\n  foretell analyze detect --input measured/ --output scores/ --explain\n  tail -f -n +1 router.csv | foretell analyze detect --input -\n\nExit codes: 0 done, 1 a file cannot be read or written, 2 an input is wrong (its line is told)."
    )]
    Detect(Detect),
    /// Forecast series, with bands that hold 80 and 95 % of what comes.
    #[command(
        after_help = "In, a JSON object a line:\n  {\"id\": \"uplink\", \"horizon\": 48, \"season\": [24, 168], \"y\": [3.1, null, 2.9, ...]}\n  id        its name, once in the file\n  y         values at equal steps; null and NaN are missing\n  horizon   steps to forecast, 1 to 8,784\n  season    steps after which it repeats; found from the values where it is left out\nOther keys are passed over. Out, a CSV with a row for each step:\n  series_id, step (1 is the first behind the last value)\n  mean         what is expected (half of what comes should be above it)\n  lo80, hi80   between these 80 % should lie\n  lo95, hi95   between these 95 % should lie\nA series of which nothing can be foretold has no rows, and is told with the reason.\n\nExample:\n  foretell analyze forecast --input series.jsonl.gz --output forecast.csv --threads 2\n\nExit codes: 0 done, 1 of some series nothing can be told or a file cannot be read or written, 2 an input is wrong (its line is told)."
    )]
    Forecast(OfSeries),
    /// Tell on which day series first exceed their capacity.
    #[command(
        after_help = "In, a JSON object a line:\n  {\"id\": \"uplink\", \"capacity\": 1e9, \"max_days\": 365, \"y\": [155538200.0, ...]}\n  y          one value a day, not negative; null and NaN are missing\n  capacity   the limit, over 0\n  max_days   days to look ahead, 1 to 3,660; 365 where it is left out\nOther keys are passed over. Out, a CSV:\n  id, hit_day   the first day behind the last value (which is day 0) on which the mean over seven days is above the capacity; empty where it is not within max_days\nand with --explain\n  earliest_day, latest_day   the same where growth is as quick and as slow as is likely\n  growth_percent_per_week\nA series that is too short is left out, and is told with the reason.\n\nExample:\n  foretell analyze capacity --input links.jsonl.gz --output days.csv --explain\n\nExit codes: 0 done, 1 of some series nothing can be told or a file cannot be read or written, 2 an input is wrong (its line is told)."
    )]
    Capacity(Explained),
    /// Find the seasons of series, where they change, and whether they rise or fall.
    #[command(
        after_help = "In, a JSON object a line: {\"id\": \"uplink\", \"y\": [3.1, null, 2.9, ...]}, values at equal steps; null and NaN are missing. Other keys are passed over.\nOut, a JSON object a line:\n  {\"id\": \"uplink\", \"periods\": [24, 168], \"change_points\": [730], \"trend\": \"up\"}\n  periods         steps after which it repeats\n  change_points   places, from 0, at which its level, slope or variance changes\n  trend           up, down or none\n\nExample:\n  foretell analyze structure --input series.jsonl.gz --output structure.jsonl\n\nExit codes: 0 done, 1 of some series nothing can be told or a file cannot be read or written, 2 an input is wrong (its line is told)."
    )]
    Structure(OfSeries),
    /// Tell when more capacity should be asked for, ahead of an overload.
    #[command(
        after_help = "In, a JSON object a line:\n  {\"id\": \"web\", \"step_s\": 300, \"season\": 288, \"threshold\": 80, \"lead_min\": 2, \"lead_max\": 8, \"y\": [...]}\n  threshold            above it is an overload\n  lead_min, lead_max   steps before the overload at which a trigger is of use\n  step_s               seconds from value to value\nOther keys are passed over. Values are seen one by one: what comes later changes no answer.\nOut, a CSV with a row for each trigger:\n  id, t   it was raised once y[0] to y[t] were seen\n\nExample:\n  foretell analyze scaling --input series.jsonl.gz --output triggers.csv\n\nExit codes: 0 done, 1 of some series nothing can be told or a file cannot be read or written, 2 an input is wrong (its line is told)."
    )]
    Scaling(OfSeries),
    /// Split traffic over a network so that its worst link has the least load.
    #[command(
        after_help = "IN is a folder:\n  topology.json              {\"nodes\": [\"s1\", ..], \"links\": [{\"a\": \"s1\", \"b\": \"s2\", \"capacity_mbps\": 1000}, ..], \"first_eval_step\": 48}; a link is one way\n  tm.csv or tm.csv.gz        step, and a column `a>b` for each pair: Mbit/s from a to b\nOut, a JSON object a line for each step from first_eval_step on (and one behind the last with --ahead), of the steps before it alone:\n  {\"step\": 48, \"paths\": {\"s1>s5\": [[0.6, [\"s1\", \"s2\", \"s5\"]], [0.4, [\"s1\", \"s6\", \"s5\"]]]}, \"elapsed_ms\": 1.7}\n  paths        for each pair the ways its traffic should take, and the share of each\n  elapsed_ms   what it took: the one thing that differs from run to run\n\nExample:\n  foretell analyze balance --input abilene --output splits.jsonl\n\nExit codes: 0 done, 1 a file cannot be read or written, 2 an input is wrong (its line is told)."
    )]
    Balance(Balance),
    /// Rank the services of an application by how likely each is the cause of an incident.
    #[command(
        after_help = "IN is a folder as that of the PetShop data:\n  targets.json                [{\"id\", \"traffic\", \"target\": {\"node\", \"metric\", \"agg\", \"timestamp\"}}, ..]: what was seen to suffer, and when\n  TRAFFIC/graph.csv           which service calls which: 1 in the row of the caller\n  TRAFFIC/noissue.csv.gz      metrics while all was well; columns by service, metric and statistic, times as Unix seconds\n  TRAFFIC/ID.csv.gz           the same around the incident\nOut, a JSON object a line: {\"id\": \"low_traffic-issue_0\", \"ranking\": [\"Search\", \"Site\", ..]}, the likeliest first.\n\nExample:\n  foretell analyze rank --input petshop --output ranking.jsonl\n\nExit codes: 0 done, 1 a file cannot be read or written, 2 an input is wrong (its line is told)."
    )]
    Rank(Files),
}

/// What is read and what is written.
#[derive(Debug, Args)]
pub struct Files {
    /// What is read, plain or as gzip
    #[arg(long, value_name = "IN")]
    pub input: PathBuf,
    /// What is written; `-` is standard output
    #[arg(long, value_name = "OUT", default_value = "-")]
    pub output: PathBuf,
    /// Print what was done as one JSON object (on standard error where OUT is `-`)
    #[arg(long)]
    pub json: bool,
}

/// Many series.
#[derive(Debug, Args)]
pub struct OfSeries {
    /// The files; `-` reads standard input.
    #[command(flatten)]
    pub files: Files,
    /// Threads; what comes out is the same for any number [default: one for each processor]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
}

/// Many series, with more columns where wanted.
#[derive(Debug, Args)]
pub struct Explained {
    /// The series.
    #[command(flatten)]
    pub of: OfSeries,
    /// Write the columns that explain an answer as well
    #[arg(long)]
    pub explain: bool,
}

/// What is unusual.
#[derive(Debug, Args)]
pub struct Detect {
    /// The series.
    #[command(flatten)]
    pub explained: Explained,
    /// Seconds from row to row; learned from the first rows where it is not given
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=604_800))]
    pub step_secs: Option<u32>,
    /// False alarms that are accepted, of 1,000 rows; 0.01 to 100
    #[arg(long, value_name = "N", value_parser = rate)]
    pub false_alarms_per_1000: Option<f64>,
}

/// How traffic is split.
#[derive(Debug, Args)]
pub struct Balance {
    /// The folder, and what is written.
    #[command(flatten)]
    pub files: Files,
    /// Also tell the step behind the last one
    #[arg(long)]
    pub ahead: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text
        .parse()
        .ok()
        .filter(|rate| (0.01..=100.0).contains(rate));
    rate.ok_or_else(|| "a number from 0.01 to 100 is expected".to_owned())
}
