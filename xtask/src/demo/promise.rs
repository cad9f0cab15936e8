//! What the demo promises, checked: the devices and links of the simulated network are there, samples
//! flow, and there is history.

use super::Stand;
use crate::http::Api;
use crate::service::Interrupt;
use anyhow::{Context as _, bail};
use serde_json::Value;
use std::time::Duration;

/// How long the first polls may take to be shown.
const SHOWN_WITHIN: Duration = Duration::from_mins(2);
/// Of the links of the network, the share that must be found: a fault may have taken some.
const LINKS_MIN: f64 = 0.9;
/// Of the steps of the history, the share that must hold something.
const HISTORY_MIN: f64 = 0.95;

/// One sentence of what is there; an error for what is not.
pub(super) fn check(stand: &Stand, interrupt: &Interrupt) -> anyhow::Result<String> {
    let api = stand.api()?;
    let network = stand.network()?;
    let count = |list: &str| network[list].as_array().map_or(0, Vec::len);
    let (devices, links) = (count("nodes"), count("links"));
    let found = api.list("devices")?;
    if found.len() != devices {
        bail!(
            "{} devices are known, the network has {devices}",
            found.len()
        );
    }
    let links_min = (links as f64 * LINKS_MIN).ceil();
    interrupt.or_until("the links are there", SHOWN_WITHIN, || {
        Ok((api.list("links")?.len() as f64 >= links_min).then_some(()))
    })?;
    let carrying = interrupt.or_until("samples flow", SHOWN_WITHIN, || {
        let interfaces = api.list("interfaces")?;
        let carries =
            |interface: &&Value| interface["in_bps"].as_f64().is_some_and(|bps| bps > 0.0);
        let carrying = interfaces.iter().filter(carries).count();
        Ok((carrying > devices).then_some(carrying))
    })?;
    let (steps, whole) = history(&api, &found)?;
    Ok(format!(
        "{devices} devices, {} of {links} links, {carrying} interfaces that carry traffic, history in {whole} of {steps} steps",
        api.list("links")?.len(),
    ))
}

/// How many steps the history of one interface has, and in how many there is something.
fn history(api: &Api, devices: &[Value]) -> anyhow::Result<(usize, usize)> {
    let device = devices.first().and_then(|device| device["id"].as_str());
    let device = device.context("no device")?;
    let series = api.list(&format!("series?device_id={device}&metric=ifHCInOctets"))?;
    let series = series.first().and_then(|series| series["id"].as_str());
    let series = series.context("no series of an interface")?;
    let notices = api.get("system/notices")?;
    let from = notices["items"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|notice| notice["code"] == "history_seeded")
        .and_then(|notice| notice["since"].as_str())
        .context("the server does not say that its history was made")?;
    let samples = api.get(&format!("series/{series}/samples?from={from}"))?;
    let points = samples["points"].as_array().context("no points")?;
    let whole = points.iter().filter(|point| point[1].is_number()).count();
    if (whole as f64) < points.len() as f64 * HISTORY_MIN {
        bail!("history in {whole} of {} steps since {from}", points.len());
    }
    Ok((points.len(), whole))
}
