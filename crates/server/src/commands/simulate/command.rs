//! Commands to a simulation that runs, over its control.

use crate::cli::{Fault, SimulateCommand, ToControl};
use crate::exit::{Exit, UsageError};
use anyhow::Context as _;
use reqwest::{Client, Method, Url};
use serde_json::Value;
use sim::scenario::FaultDraft;
use std::io::Write as _;
use std::time::Duration;

/// Time for an answer: routing a large network anew takes a second.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// Runs it.
pub(super) fn run(command: &SimulateCommand) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match command {
            SimulateCommand::Fault(fault) => {
                let draft = serde_json::to_value(draft(fault))?;
                let to = &fault.to_control;
                let added = ask(to, Method::POST, "faults", Some(draft)).await?;
                tell(to, &added, |added| vec![line(added)])
            }
            SimulateCommand::Faults(to) => {
                let all = ask(to, Method::GET, "faults", None).await?;
                tell(to, &all, |all| {
                    let items = all["items"].as_array().map_or(&[][..], Vec::as_slice);
                    items.iter().map(line).collect()
                })
            }
            SimulateCommand::Heal(heal) => {
                let to = &heal.to_control;
                let path = format!("faults/{}", heal.id);
                let ended = ask(to, Method::DELETE, &path, None).await?;
                tell(to, &ended, |ended| vec![line(ended)])
            }
        }
    })
}

fn draft(fault: &Fault) -> FaultDraft {
    FaultDraft {
        kind: fault.kind.clone(),
        target: fault.target.join(" "),
        at: fault.at,
        lasts: fault.lasts,
        over: fault.over,
        delay_ms: fault.delay_ms,
        ratio: fault.ratio,
        factor: fault.factor,
        to: fault.to,
        by_celsius: fault.by_celsius,
    }
}

async fn ask(
    to: &ToControl,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> anyhow::Result<Value> {
    let wrong = || {
        UsageError(format!(
            "`{}` is no control, as http://127.0.0.1:1180 is",
            to.control
        ))
    };
    let url: Url = to.control.parse().map_err(|_| wrong())?;
    let url = url.join(path).map_err(|_| wrong())?;
    let client = Client::builder().timeout(ANSWER_TIME_MAX).build()?;
    let mut request = client.request(method, url);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request
        .send()
        .await
        .with_context(|| format!("no simulation answers at {}", to.control))?;
    let status = answer.status();
    let body: Value = answer
        .json()
        .await
        .with_context(|| format!("what answers at {} is no simulation", to.control))?;
    if status.is_success() {
        return Ok(body);
    }
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
    let told = match (text("/errors/0/pointer"), text("/errors/0/detail")) {
        (Some(pointer), Some(detail)) => {
            format!("`{}`: {detail}", pointer.trim_start_matches('/'))
        }
        _ => text("/detail").unwrap_or("refused").to_owned(),
    };
    if status.is_client_error() {
        return Err(UsageError(told).into());
    }
    anyhow::bail!(told)
}

fn tell(
    to: &ToControl,
    body: &Value,
    lines: impl FnOnce(&Value) -> Vec<String>,
) -> anyhow::Result<Exit> {
    let mut out = std::io::stdout().lock();
    if to.json {
        writeln!(out, "{}", serde_json::to_string_pretty(body)?)?;
    } else {
        for line in lines(body) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(Exit::Done)
}

fn line(fault: &Value) -> String {
    let word = |key: &str| fault[key].as_str().unwrap_or("-").to_owned();
    format!(
        "{:>4}  {:<9}  {:<11}  {:<28}  {} to {}",
        fault["id"],
        word("state"),
        word("kind"),
        word("target"),
        word("starts_at"),
        fault["ends_at"].as_str().unwrap_or("the end"),
    )
}
