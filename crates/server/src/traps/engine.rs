//! Our SNMP engine: made once, its starts counted. Source: RFC 3414 section 2.2.2.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use snmp::LocalEngine;
use store::Store;
use store::documents::Expect;

/// The setting that it is kept in.
const SETTING: &str = "snmp_engine";

/// What is kept of it.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// snmpEngineID in lower-case hex.
    engine_id: String,
    /// snmpEngineBoots at the latest start.
    boots: u32,
}

/// Our engine of this start, whose count is kept before it is used.
pub async fn begin(store: &Store) -> anyhow::Result<LocalEngine> {
    let kept = store.settings.get::<Kept>(SETTING).await?;
    let before = kept.and_then(|stored| {
        let id = hex::decode(&stored.body.engine_id).ok()?;
        LocalEngine::new(&id, stored.body.boots.checked_add(1)?).ok()
    });
    // A count that is used up, as one that is damaged, needs a new engine.
    let engine = match before {
        Some(engine) => engine,
        None => LocalEngine::make().context("making an SNMP engine id")?,
    };
    let kept = Kept {
        engine_id: hex::encode(engine.id()),
        boots: engine.boots(),
    };
    store
        .settings
        .set(SETTING, Expect::Any, &kept)
        .await
        .context("keeping the count of the SNMP engine's starts")?;
    Ok(engine)
}
