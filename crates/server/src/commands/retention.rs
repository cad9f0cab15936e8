//! `foretell retention` and `foretell hold`: asks the running server how long samples are kept, and
//! changes it. What would go of a server that is stopped is told of its folder.

pub mod hold;
mod policy;

use super::answer::{list, number, print, text};
use super::client::{Client, with_server};
use super::consent;
use crate::cli::{self, Consent, DeletePolicy, PreviewRetention, SetPolicy};
use crate::config::load;
use crate::exit::{Exit, UsageError};
use crate::{clock, logging, server};
use anyhow::Context as _;
use api::RetentionPreview;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use store::{OpenError, Store};

/// Where policies are.
const POLICIES: &str = "retention/policies";

/// Runs it.
pub fn run(command: &cli::Retention) -> anyhow::Result<Exit> {
    logging::start_quiet()?;
    match command {
        cli::Retention::Preview(command) => preview(command),
        cli::Retention::List(asked) => {
            let mut policies = with_server(&asked.to, async |server| server.all(POLICIES).await)?;
            policies.sort_by_key(policy::place);
            let words: Vec<String> = policies.iter().map(policy::line).collect();
            print(&Value::Array(policies), asked.json, &words.join("\n"))?;
            Ok(Exit::Done)
        }
        cli::Retention::Set(asked) => set(asked),
        cli::Retention::Delete(asked) => delete(asked),
    }
}

fn preview(command: &PreviewRetention) -> anyhow::Result<Exit> {
    let asked = &command.asked;
    let (preview, holds) = if asked.to.is_named() {
        with_server(&asked.to, async |server| {
            let preview = server.post("retention/preview", &json!({})).await?;
            Ok((preview, reasons(server).await?))
        })?
    } else {
        of_folder(command)?
    };
    print(&preview, asked.json, &words(&preview, &holds))?;
    Ok(Exit::Done)
}

/// Makes a policy, or changes it.
fn set(asked: &SetPolicy) -> anyhow::Result<Exit> {
    asked.consent.check()?;
    with_server(&asked.asked.to, async |server| {
        let all = server.all(POLICIES).await?;
        let there = policy::named(&all, &asked.name);
        let wished = policy::wished(there, asked)?;
        let body = json!({"change": policy::change(there, &wished)});
        let preview = server.post("retention/preview", &body).await;
        let preview = preview.map_err(policy::of_the_change)?;
        let question = if there.is_some() {
            "Change the policy?"
        } else {
            "Make the policy?"
        };
        if !consented(server, asked.consent, asked.asked.json, &preview, question).await? {
            return told(asked.consent, asked.asked.json, &preview, &Value::Null, "");
        }
        let policy = match there {
            Some(there) => {
                let path = format!("{POLICIES}/{}", text(there, "id"));
                let change = policy::patch(there, &wished);
                server
                    .patch(&path, number(there, "revision"), &change)
                    .await
            }
            None => server.post(POLICIES, &wished).await,
        }?;
        let words = policy::line(&policy);
        told(asked.consent, asked.asked.json, &preview, &policy, &words)
    })
}

/// Deletes a policy.
fn delete(asked: &DeletePolicy) -> anyhow::Result<Exit> {
    asked.consent.check()?;
    with_server(&asked.asked.to, async |server| {
        let all = server.all(POLICIES).await?;
        let there = policy::named(&all, &asked.name);
        let there = there.with_context(|| format!("there is no policy `{}`", asked.name))?;
        let change = json!({"change": {"policy_id": text(there, "id")}});
        let preview = server.post("retention/preview", &change).await?;
        let question = "Delete the policy?";
        if !consented(server, asked.consent, asked.asked.json, &preview, question).await? {
            return told(asked.consent, asked.asked.json, &preview, &Value::Null, "");
        }
        let path = format!("{POLICIES}/{}", text(there, "id"));
        server.delete(&path, number(there, "revision")).await?;
        let words = format!("{} is deleted", text(there, "name"));
        told(asked.consent, asked.asked.json, &preview, there, &words)
    })
}

/// Tells what would go, and whether it is to be done.
async fn consented(
    server: &Client,
    consent: Consent,
    as_json: bool,
    preview: &Value,
    question: &str,
) -> anyhow::Result<bool> {
    let words = words(preview, &reasons(server).await?);
    if consent.asks() {
        consent::shown(&words);
    } else if !as_json {
        print(preview, false, &words)?;
    }
    Ok(consent.given(question)?)
}

/// Tells what was done: `policy` is the one that it was done to, null where nothing was.
fn told(
    consent: Consent,
    as_json: bool,
    preview: &Value,
    policy: &Value,
    words: &str,
) -> anyhow::Result<Exit> {
    let told = json!({"preview": preview, "policy": policy});
    print(&told, as_json, words)?;
    let is_done = consent.dry_run || !policy.is_null();
    Ok(if is_done { Exit::Done } else { Exit::Failed })
}

/// Why there are holds, by their ids.
async fn reasons(server: &Client) -> anyhow::Result<BTreeMap<String, String>> {
    let holds = server.all(hold::HOLDS).await?;
    let reason = |hold: &Value| (text(hold, "id").to_owned(), text(hold, "reason").to_owned());
    Ok(holds.iter().map(reason).collect())
}

/// What would go, in words; `holds` are the reasons of holds by their ids.
fn words(preview: &Value, holds: &BTreeMap<String, String>) -> String {
    let mut words = format!(
        "{} samples in {} octets would go: {} files removed, {} days written again",
        number(preview, "samples"),
        number(preview, "bytes"),
        number(preview, "files_removed"),
        number(preview, "days_rewritten"),
    );
    for (key, what) in [("by_policy", "by"), ("by_hold", "stay by the hold:")] {
        for row in list(preview, key) {
            let name = match row.get("name").and_then(Value::as_str) {
                Some(name) => name,
                None if key == "by_policy" => "nobody: left by deleted devices",
                None => holds
                    .get(text(row, "hold_id"))
                    .map_or_else(|| text(row, "hold_id"), String::as_str),
            };
            let (samples, bytes) = (number(row, "samples"), number(row, "bytes"));
            let _ = write!(
                words,
                "\n  {samples:>14} samples {bytes:>14} octets  {what} {name}"
            );
        }
    }
    let (samples, bytes) = (
        number(preview, "samples_held_by_several"),
        number(preview, "bytes_held_by_several"),
    );
    if samples > 0 {
        let _ = write!(
            words,
            "\n  {samples:>14} samples {bytes:>14} octets  stay by several holds"
        );
    }
    let (files, bytes) = (number(preview, "files_left"), number(preview, "bytes_left"));
    if files > 0 {
        let _ = write!(
            words,
            "\n{files} files of {bytes} octets were not looked into; later passes do"
        );
    }
    words
}

/// What would go of the folder of a server that is stopped, and why there are holds.
fn of_folder(command: &PreviewRetention) -> anyhow::Result<(Value, BTreeMap<String, String>)> {
    let flags = load::Flags {
        data_dir: command.data_dir.clone(),
        ..load::Flags::default()
    };
    let settings = load::load(command.config.as_deref(), &load::environment(), &flags)?.settings;
    let dir = &settings.data_dir;
    anyhow::ensure!(
        dir.is_dir(),
        UsageError(format!("there is no data folder {}", dir.display()))
    );
    let mut options = server::options::store(&settings);
    // What is not archived waits.
    options.archive = crate::archive::options(&settings.archive, &settings.data_dir)?;
    // Nothing is to be changed by looking.
    options.series.maintain_every = None;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let opened = Store::open(options, clock::real()).await;
        let in_use = matches!(opened, Err(OpenError::InUse { .. }));
        let (store, _) = opened.with_context(|| {
            if in_use {
                "a preview on the data folder is made while the server is stopped; stop it, or ask it: --password-env VAR"
            } else {
                "the store cannot be opened"
            }
        })?;
        let told = of_store(&store).await;
        store.close().await?;
        told
    })
}

async fn of_store(store: &Store) -> anyhow::Result<(Value, BTreeMap<String, String>)> {
    let policies = store.retention.policies().await?;
    let holds = store.retention.holds().await?.into_iter();
    let holds = holds.map(|hold| (hold.body.id.to_string(), hold.body.reason));
    let (attached, now) = (store.inventory.attached(), clock::real().now());
    let planned = store.retention.preview(&store.series, attached, None, now);
    let plan = planned.await?.plan;
    let policies = policies.iter().map(|policy| &policy.body);
    let preview = serde_json::to_value(RetentionPreview::of(&plan, policies, now))?;
    Ok((preview, holds.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_is_told_in_words() {
        let preview = json!({
            "files_removed": 1, "days_rewritten": 2, "bytes": 300, "samples": 40,
            "by_policy": [{"policy_id": "p", "name": "lab", "bytes": 200, "samples": 30},
                {"policy_id": null, "name": null, "bytes": 100, "samples": 10}],
            "by_hold": [{"hold_id": "h", "bytes": 7, "samples": 1}, {"hold_id": "i", "bytes": 0, "samples": 0}],
            "samples_held_by_several": 3, "bytes_held_by_several": 21,
            "files_left": 5, "bytes_left": 6,
        });
        let holds = BTreeMap::from([("h".to_owned(), "case 17".to_owned())]);
        let told = words(&preview, &holds);
        let lines: Vec<String> = told
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            lines,
            [
                "40 samples in 300 octets would go: 1 files removed, 2 days written again",
                "30 samples 200 octets by lab",
                "10 samples 100 octets by nobody: left by deleted devices",
                "1 samples 7 octets stay by the hold: case 17",
                "0 samples 0 octets stay by the hold: i",
                "3 samples 21 octets stay by several holds",
                "5 files of 6 octets were not looked into; later passes do",
            ]
        );
    }
}
