//! What the demo promises, checked: the devices and links of the simulated network are there, samples
//! flow, and there is history; sensors, flows and log lines are there, and how traffic is best split.

use super::Stand;
use crate::http::Api;
use crate::service::Interrupt;
use anyhow::{Context as _, bail};
use serde_json::Value;
use std::time::Duration;

/// How long the first polls may take to be shown.
const SHOWN_WITHIN: Duration = Duration::from_mins(2);
/// A minute of flows, the minute that is waited for late ones, and as much again.
const FLOWS_WITHIN: Duration = Duration::from_mins(5);
/// A device says something of no consequence in ten minutes, about: that none of a dozen does is less likely than
/// once in a hundred thousand demos.
const LINES_WITHIN: Duration = Duration::from_mins(10);
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
    let sensors = interrupt.or_until("sensors are there", SHOWN_WITHIN, || {
        first_rows(&api, &found, "sensors")
    })?;
    let groups = groups(&api, interrupt, count("aggregates"))?;
    let flows = interrupt.or_until("flows are there", FLOWS_WITHIN, || {
        let exporters = api.list("flows/exporters")?;
        for device in exporters.iter().filter_map(|one| one["device_id"].as_str()) {
            let top = api.get(&format!("flows/top?device_id={device}"))?;
            let rows = top["items"].as_array().map_or(0, Vec::len);
            if rows > 0 {
                return Ok(Some(exporters.len()));
            }
        }
        Ok(None)
    })?;
    let logged = interrupt.or_until("log lines are there", LINES_WITHIN, || {
        let page = api.get("logs")?;
        let of_devices = page["items"].as_array().into_iter().flatten();
        let count = of_devices.filter(|line| line["device_id"].is_string());
        Ok(Some(count.count()).filter(|count| *count > 0))
    })?;
    Ok(format!(
        "{devices} devices, {} of {links} links, {carrying} interfaces that carry traffic, history in {whole} of {steps} steps, {sensors} sensors of the first device, {groups} groups whose traffic can be split, flows from {flows} devices, {logged} log lines",
        api.list("links")?.len(),
    ))
}

/// How many rows of a kind the first device has; none where there is none yet.
fn first_rows(api: &Api, devices: &[Value], of: &str) -> anyhow::Result<Option<usize>> {
    let id = devices.first().and_then(|device| device["id"].as_str());
    let id = id.context("no device")?;
    let rows = api.list(&format!("devices/{id}/{of}"))?.len();
    Ok(Some(rows).filter(|rows| *rows > 0))
}

/// How many groups there are whose traffic can be split: each aggregate of the network is one.
fn groups(api: &Api, interrupt: &Interrupt, aggregates: usize) -> anyhow::Result<usize> {
    interrupt.or_until("every aggregate is a group", SHOWN_WITHIN, || {
        let groups = api.list("balance?all=true")?;
        let of_kind = groups.iter().filter(|group| group["kind"] == "aggregate");
        Ok((of_kind.count() == aggregates).then_some(groups.len()))
    })
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
