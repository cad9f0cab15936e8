//! `foretell retention`: tells what the policies of a stopped server would remove.

use crate::cli;
use crate::config::load;
use crate::exit::{Exit, UsageError};
use crate::{clock, logging, server};
use anyhow::Context as _;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write as _};
use store::retention::{Detail, Plan};
use store::{OpenError, Store};

/// Runs it.
pub fn run(command: &cli::Retention) -> anyhow::Result<Exit> {
    let cli::Retention::Preview(command) = command;
    logging::start_quiet()?;
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
    let preview = runtime.block_on(async {
        let opened = Store::open(options, clock::real()).await;
        let in_use = matches!(opened, Err(OpenError::InUse { .. }));
        let (store, _) = opened.with_context(|| {
            if in_use {
                "a preview on the data folder is made while the server is stopped; stop it, or ask it by HTTP"
            } else {
                "the store cannot be opened"
            }
        })?;
        let preview = Preview::of(&store).await;
        store.close().await?;
        preview
    })?;
    let mut out = io::stdout().lock();
    if command.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&preview)?)?;
    } else {
        preview.print(&mut out)?;
    }
    Ok(Exit::Done)
}

/// What would be removed.
#[derive(Serialize)]
struct Preview {
    files_removed: u64,
    days_rewritten: u64,
    bytes: u64,
    samples: u64,
    by_policy: Vec<Row>,
    by_hold: Vec<Row>,
    files_left: u64,
    bytes_left: u64,
}

/// How much goes or stays by one policy or hold.
#[derive(Serialize)]
struct Row {
    id: Option<String>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<Detail>,
    bytes: u64,
    samples: u64,
}

impl Preview {
    async fn of(store: &Store) -> anyhow::Result<Self> {
        let policies = store.retention.policies().await?;
        let policies: BTreeMap<_, _> = policies.into_iter().map(|p| (p.body.id, p.body)).collect();
        let holds = store.retention.holds().await?;
        let holds: BTreeMap<_, _> = holds.into_iter().map(|h| (h.body.id, h.body)).collect();
        let (attached, now) = (store.inventory.attached(), clock::real().now());
        let planned = store.retention.preview(&store.series, attached, None, now);
        let plan: Plan = planned.await?.plan;
        let total = plan.total();
        let by_policy = plan.by_policy.iter().map(|(id, amount)| {
            let policy = id.and_then(|id| policies.get(&id));
            let left = "left by deleted devices";
            Row {
                id: id.map(|id| id.to_string()),
                name: policy
                    .map_or(left, |policy| policy.name.as_str())
                    .to_owned(),
                level: policy.map(|policy| policy.level),
                bytes: amount.bytes,
                samples: amount.samples,
            }
        });
        let by_hold = plan.by_hold.iter().map(|(id, amount)| Row {
            id: Some(id.to_string()),
            name: holds
                .get(id)
                .map(|hold| hold.reason.clone())
                .unwrap_or_default(),
            level: None,
            bytes: amount.bytes,
            samples: amount.samples,
        });
        Ok(Self {
            files_removed: plan.whole().len() as u64,
            days_rewritten: plan.days().len() as u64,
            bytes: total.bytes,
            samples: total.samples,
            by_policy: by_policy.collect(),
            by_hold: by_hold.collect(),
            files_left: plan.left_files,
            bytes_left: plan.left_bytes,
        })
    }

    fn print(&self, out: &mut impl io::Write) -> io::Result<()> {
        let Self {
            files_removed,
            days_rewritten,
            bytes,
            samples,
            ..
        } = self;
        writeln!(
            out,
            "{samples} samples in {bytes} octets would go: {files_removed} files removed, {days_rewritten} days written again"
        )?;
        for row in &self.by_policy {
            let Row {
                name,
                bytes,
                samples,
                ..
            } = row;
            writeln!(out, "  {samples:>14} samples {bytes:>14} octets  by {name}")?;
        }
        for row in &self.by_hold {
            let Row {
                name,
                bytes,
                samples,
                ..
            } = row;
            writeln!(
                out,
                "  {samples:>14} samples {bytes:>14} octets  stay by the hold: {name}"
            )?;
        }
        if self.files_left > 0 {
            let (files, bytes) = (self.files_left, self.bytes_left);
            writeln!(
                out,
                "{files} files of {bytes} octets were not looked into; later passes do"
            )?;
        }
        Ok(())
    }
}
