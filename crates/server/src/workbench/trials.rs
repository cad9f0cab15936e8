//! Walks of devices, and readings of them with a profile that is not kept.

use super::{Bench, dotted};
use crate::desk::Access;
use api::workbench::{
    FactOrigin, ProfileDraft, TrialAnswer, WalkAnswer, WalkedObject, WorkbenchError,
};
use collect::Profiles;
use collect::snmp::{Dialect, decode, explain};
use model::DeviceId;
use snmp::{Bound, Oid, Session, SessionOptions, Value, WalkBounds, WalkEnd};
use std::sync::Arc;
use std::time::Duration;

/// Longest walk. Shorter than the API waits for an answer (30 s).
const WALK_TIME_MAX: Duration = Duration::from_secs(20);
/// Longest reading with a profile that is not kept. Shorter than the API waits for an answer (30 s).
const TRIAL_TIME_MAX: Duration = Duration::from_secs(25);

pub(super) async fn walk(
    bench: &Bench,
    access: &Access,
    device_id: DeviceId,
    object: &str,
    limit: usize,
) -> Result<WalkAnswer, WorkbenchError> {
    let _turn = bench
        .trials
        .try_acquire()
        .map_err(|_| WorkbenchError::Busy)?;
    let names = {
        let bench = bench.clone();
        let names = tokio::task::spawn_blocking(move || bench.modules()).await;
        names
            .map_err(|error| WorkbenchError::Failed(error.to_string()))??
            .names
            .clone()
    };
    let root = names.find(object).ok_or_else(|| {
        let detail = format!("`{object}` is neither an OID nor named by a MIB that is here.");
        WorkbenchError::Invalid(vec![("/object", detail)])
    })?;
    let mut session = session(access, device_id).await?;
    let bounds = WalkBounds {
        rows: limit,
        time: WALK_TIME_MAX,
        ..WalkBounds::default()
    };
    let mut found = session.walk(&Oid::from_slice(&root), bounds).await;
    if found.rows.is_empty() {
        if let WalkEnd::Failed(error) = &found.end {
            return Err(WorkbenchError::Device(error.to_string()));
        }
        // A scalar that was named with its instance has nothing under it.
        let alone = session.get(&[Oid::from_slice(&root)]).await;
        found.rows = alone.map_err(|error| WorkbenchError::Device(error.to_string()))?;
    }
    let ended = match &found.end {
        WalkEnd::Complete => None,
        WalkEnd::Bound(Bound::Rows) => Some(format!("There are more than {limit} objects.")),
        WalkEnd::Bound(_) => Some("It took too long.".to_owned()),
        WalkEnd::NotIncreasing => Some("The device goes round in circles.".to_owned()),
        WalkEnd::Failed(error) => Some(error.to_string()),
    };
    let items = found.rows.into_iter().map(|(oid, value)| WalkedObject {
        name: names.name_of(oid.arcs()),
        oid: dotted(oid.arcs()),
        syntax: syntax(&value).to_owned(),
        value: text(&value),
    });
    Ok(WalkAnswer {
        items: items.collect(),
        complete: found.end.is_complete(),
        ended,
    })
}

pub(super) async fn try_on(
    bench: &Bench,
    access: &Access,
    device_id: DeviceId,
    draft: &ProfileDraft,
) -> Result<TrialAnswer, WorkbenchError> {
    let _turn = bench
        .trials
        .try_acquire()
        .map_err(|_| WorkbenchError::Busy)?;
    let catalog = bench
        .profiles
        .now()
        .with(&draft.name, &draft.text)
        .map_err(|mistakes| {
            let of = |mistake: &collect::profile::Mistake| ("/text", mistake.to_string());
            WorkbenchError::Invalid(mistakes.iter().map(of).collect())
        })?;
    let mut session = session(access, device_id).await?;
    let mut dialect = Dialect::new(&Profiles::new(Arc::new(catalog)));
    let record = access.store.inventory.device(device_id);
    let chosen = record.and_then(|record| record.device.body.typed.profile.clone());
    dialect.choose(chosen.map(Arc::from).as_ref());
    let read = explain(&mut session, &mut dialect, &access.clock);
    let (look, origins) = tokio::time::timeout(TRIAL_TIME_MAX, read)
        .await
        .map_err(|_| {
            let detail = format!(
                "The device was not read within {} s.",
                TRIAL_TIME_MAX.as_secs()
            );
            WorkbenchError::Device(detail)
        })?;
    if let (None, Some(error)) = (look.answered_at, &look.error) {
        return Err(WorkbenchError::Device(error.to_string()));
    }
    let profiles: Vec<String> = dialect
        .plan()
        .profiles
        .iter()
        .map(|one| one.name.clone())
        .collect();
    Ok(TrialAnswer {
        matched: profiles.contains(&draft.name),
        profiles,
        origins: origins
            .into_iter()
            .map(|origin| FactOrigin {
                fact: origin.fact,
                source: origin.source,
                object: origin.object,
            })
            .collect(),
        facts: look.facts,
    })
}

async fn session(access: &Access, device_id: DeviceId) -> Result<Session, WorkbenchError> {
    let (agent, credentials) = access.of(device_id).await.map_err(WorkbenchError::Device)?;
    Ok(Session::open(
        &access.transport,
        agent,
        &credentials,
        SessionOptions::default(),
    ))
}

fn syntax(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) => "INTEGER",
        Value::Octets(_) => "OCTET STRING",
        Value::Oid(_) => "OBJECT IDENTIFIER",
        Value::IpAddress(_) => "IpAddress",
        Value::Counter32(_) => "Counter32",
        Value::Gauge32(_) => "Gauge32",
        Value::TimeTicks(_) => "TimeTicks",
        Value::Counter64(_) => "Counter64",
        Value::Opaque(_) => "Opaque",
        _ => "none",
    }
}

/// A value for people: text where it is text, else octets in hex.
fn text(value: &Value) -> String {
    match value {
        Value::Octets(octets) => {
            let is_text = octets
                .iter()
                .all(|octet| (0x20..0x7f).contains(octet) || octet.is_ascii_whitespace());
            let words = decode::text(octets).filter(|_| is_text);
            words
                .or_else(|| decode::hex(octets).map(|hex| format!("0x{hex}")))
                .unwrap_or_default()
        }
        Value::Oid(oid) => dotted(oid.arcs()),
        Value::IpAddress(address) => address.to_string(),
        value => value
            .as_i64()
            .map(|number| number.to_string())
            .or_else(|| value.as_f64().map(|number| number.to_string()))
            .unwrap_or_default(),
    }
}
