//! `foretell profile`: lists, checks and explains device profiles.

use crate::cli;
use crate::commands::probe::resolve;
use crate::exit::Exit;
use crate::{clock, complain, secrets};
use anyhow::{Context, bail};
use collect::Profiles;
use collect::profile::{Catalog, Plan};
use collect::snmp::{Dialect, Look, Origin, Rows, explain, interpret_recording};
use serde_json::json;
use snmp::{Oid, Session, SessionOptions, Transport, Value};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// Octets of a recording.
const RECORDING_LEN_MAX: u64 = 64 * 1024 * 1024;

/// Runs it.
pub fn run(command: &cli::Profile) -> anyhow::Result<Exit> {
    match command {
        cli::Profile::List { own, json } => list(&*catalog(own)?, *json),
        cli::Profile::Show { name, own } => show(&*catalog(own)?, name),
        cli::Profile::Check { files, own, json } => check(&*catalog(own)?, files, *json),
        cli::Profile::Explain(command) => tell(command),
    }
}

/// The built-in profiles, and those of the operator's folder.
pub fn catalog(own: &cli::OwnProfiles) -> anyhow::Result<Arc<Catalog>> {
    let embedded = Catalog::embedded();
    match &own.folder {
        Some(folder) => {
            let (catalog, left_out) = embedded.with_folder(folder)?;
            for fault in &left_out {
                complain(&format!("left out: {fault}"));
            }
            Ok(Arc::new(catalog))
        }
        None => Ok(embedded),
    }
}

fn list(catalog: &Catalog, as_json: bool) -> anyhow::Result<Exit> {
    let mut out = std::io::stdout().lock();
    if as_json {
        let list: Vec<_> = catalog
            .heads()
            .map(|profile| {
                json!({
                    "name": profile.name,
                    "summary": profile.summary,
                    "extends": profile.extends,
                    "own": catalog.is_own(&profile.name),
                })
            })
            .collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&list)?)?;
        return Ok(Exit::Done);
    }
    for profile in catalog.heads() {
        let own = if catalog.is_own(&profile.name) {
            " (your own)"
        } else {
            ""
        };
        writeln!(out, "{:<28} {}{own}", profile.name, profile.summary)?;
    }
    Ok(Exit::Done)
}

fn show(catalog: &Catalog, name: &str) -> anyhow::Result<Exit> {
    let Some(profile) = catalog.find(name) else {
        bail!("no profile is named `{name}`; `foretell profile list` names them");
    };
    write!(std::io::stdout().lock(), "{}", profile.text)?;
    Ok(Exit::Done)
}

fn check(catalog: &Catalog, files: &[std::path::PathBuf], as_json: bool) -> anyhow::Result<Exit> {
    let mut out = std::io::stdout().lock();
    let mut found = Vec::new();
    for file in files {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let mistakes = collect::profile::check(&name, &text, catalog);
        if !as_json {
            for mistake in &mistakes {
                writeln!(out, "{}: {mistake}", file.display())?;
            }
            if mistakes.is_empty() {
                writeln!(out, "{}: no mistake", file.display())?;
            }
        }
        found.push(json!({ "file": file, "mistakes": mistakes }));
    }
    if as_json {
        writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?;
    }
    let any = found.iter().any(|file| {
        file["mistakes"]
            .as_array()
            .is_some_and(|list| !list.is_empty())
    });
    Ok(if any { Exit::Failed } else { Exit::Done })
}

fn tell(command: &cli::Explain) -> anyhow::Result<Exit> {
    let profiles = Profiles::new(catalog(&command.own)?);
    if let [recording] = command.recording.as_slice() {
        let (look, origins, plan) = recorded(recording, &profiles)?;
        return print(command.json, &look, &origins, &plan);
    }
    if !command.recording.is_empty() {
        for recording in &command.recording {
            let (look, origins, plan) = recorded(recording, &profiles)?;
            let said = json!({
                "recording": recording,
                "profiles": names(&plan),
                "origins": origins,
                "facts": look.facts,
            });
            writeln!(std::io::stdout().lock(), "{said}")?;
        }
        return Ok(Exit::Done);
    }
    let address = command
        .address
        .as_deref()
        .context("a device or a recording is needed")?;
    let (kind, secrets) = secrets::credential(&command.ask)?;
    let credentials = secrets::session_credentials(&kind, &secrets)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (look, origins, plan) = runtime.block_on(async {
        let agent = resolve(address).await?;
        let transport = Transport::bind().context("cannot ask devices from here")?;
        let mut session = Session::open(&transport, agent, &credentials, SessionOptions::default());
        let mut dialect = Dialect::new(&profiles);
        let (look, origins) = explain(&mut session, &mut dialect, &clock::real()).await;
        anyhow::Ok((look, origins, Arc::clone(dialect.plan())))
    })?;
    if look.answered_at.is_none() || (look.error.is_some() && look.complete.is_empty()) {
        match &look.error {
            Some(error) => complain(&error.to_string()),
            None => complain(&format!("no answer from {address}")),
        }
        return Ok(Exit::NoAnswer);
    }
    print(command.json, &look, &origins, &plan)
}

/// A recording, read as a device would be: only what would be asked of it counts.
fn recorded(path: &Path, profiles: &Profiles) -> anyhow::Result<(Look, Vec<Origin>, Arc<Plan>)> {
    let len = std::fs::metadata(path)
        .with_context(|| format!("reading {}", path.display()))?
        .len();
    if len > RECORDING_LEN_MAX {
        bail!("{} has more than 64 MiB", path.display());
    }
    let text = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let (snapshot, survey) = sim::recording::parse(&text)?;
    if survey.bad_lines > 0 {
        complain(&format!(
            "{}: {} lines could not be read",
            path.display(),
            survey.bad_lines
        ));
    }
    let mut objects = Vec::new();
    sim::Mib::walk(&snapshot, &[], &mut |oid, value| {
        objects.push((Oid::from_slice(oid), asked(&value)));
        ControlFlow::Continue(())
    });
    let rows: Rows = objects.into_iter().collect();
    Ok(interpret_recording(&rows, profiles))
}

/// A value as it would have come over the wire.
pub(crate) fn asked(value: &sim::Value<'_>) -> Value {
    match value {
        sim::Value::Integer(value) => Value::Integer(i64::from(*value)),
        sim::Value::OctetString(octets) => Value::Octets(octets.to_vec().into()),
        sim::Value::ObjectIdentifier(arcs) => Value::Oid(Oid::from_slice(arcs)),
        sim::Value::IpAddress(octets) => Value::IpAddress((*octets).into()),
        sim::Value::Counter32(value) => Value::Counter32(*value),
        sim::Value::Gauge32(value) => Value::Gauge32(*value),
        sim::Value::TimeTicks(value) => Value::TimeTicks(*value),
        sim::Value::Opaque(octets) => Value::Opaque(octets.to_vec().into()),
        sim::Value::Counter64(value) => Value::Counter64(*value),
        sim::Value::Null => Value::Null,
    }
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.profiles
        .iter()
        .map(|profile| profile.name.as_str())
        .collect()
}

fn as_json(look: &Look, origins: &[Origin], plan: &Plan) -> serde_json::Value {
    json!({
        "profiles": names(plan),
        "origins": origins,
        "facts": look.facts,
    })
}

fn print(json: bool, look: &Look, origins: &[Origin], plan: &Plan) -> anyhow::Result<Exit> {
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(
            out,
            "{}",
            serde_json::to_string_pretty(&as_json(look, origins, plan))?
        )?;
        return Ok(Exit::Done);
    }
    writeln!(out, "profiles, the sharpest first:")?;
    for profile in &plan.profiles {
        writeln!(out, "  {:<26} {}", profile.name, profile.summary)?;
    }
    let facts = serde_json::to_value(&look.facts)?;
    writeln!(out, "facts:")?;
    let mut told: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for origin in origins {
        let place = told.entry(origin.fact.as_str()).or_default();
        let value = value_of(&facts, &origin.fact, *place, origin.object.is_some());
        *place += 1;
        let object = origin
            .object
            .as_deref()
            .map(|object| format!(", {object}"))
            .unwrap_or_default();
        writeln!(
            out,
            "  {:<22} {value:<40} {}{object}",
            origin.fact, origin.source
        )?;
    }
    Ok(Exit::Done)
}

/// The fact in a few words: a field of the device, or the next one of a list.
fn value_of(facts: &serde_json::Value, fact: &str, place: usize, is_one: bool) -> String {
    if let Some((section, field)) = fact.split_once('.') {
        let value = facts.get(section).and_then(|section| section.get(field));
        return match value {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        };
    }
    let list = facts.get(fact).and_then(serde_json::Value::as_array);
    if !is_one {
        return format!("{} in all", list.map_or(0, Vec::len));
    }
    let item = list.and_then(|list| list.get(place));
    let text = |key: &str| item.and_then(|item| item.get(key)?.as_str());
    let number = ["value", "utilization_percent", "used_percent", "id"]
        .into_iter()
        .find_map(|key| item.and_then(|item| item.get(key)?.as_f64()));
    let words = [
        text("name").map(str::to_owned),
        number.map(|number| number.to_string()),
        text("unit").map(str::to_owned),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}
