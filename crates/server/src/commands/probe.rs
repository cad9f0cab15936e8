//! `foretell probe`: asks one device everything that it says of itself, and prints it.

use crate::cli;
use crate::exit::{Exit, UsageError};
use crate::secrets::Tried;
use crate::{clock, complain, secrets};
use anyhow::Context;
use collect::snmp::{Groups, Look};
use model::facts::Facts;
use snmp::{Oid, Session, SessionError, SessionOptions, Transport};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::lookup_host;

/// UDP port of agents. Source: RFC 3417.
const SNMP_PORT: u16 = 161;
/// sysObjectID.0, which every agent has.
const SYS_OBJECT_ID: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 2, 0];

/// Runs it.
pub fn run(probe: &cli::Probe) -> anyhow::Result<Exit> {
    let tried = secrets::credentials(&probe.ask)?;
    let profiles = collect::Profiles::new(super::profile::catalog(&probe.own)?);
    let mut dialect = collect::snmp::Dialect::new(&profiles);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let look = runtime.block_on(async {
        let agent = resolve(&probe.address).await?;
        let transport = Transport::bind().context("cannot ask devices from here")?;
        let options = SessionOptions {
            timeout: Duration::from_millis(probe.timeout_ms),
            retries: probe.retries,
        };
        match open(&transport, agent, &tried, options).await? {
            Ok(mut session) => {
                let look =
                    collect::snmp::read(&mut session, &mut dialect, Groups::ALL, &clock::real())
                        .await;
                anyhow::Ok(Ok(look))
            }
            Err(error) => Ok(Err(error)),
        }
    })?;
    let look = match look {
        Ok(look) => look,
        Err(error) => return Ok(no_answer(&probe.address, Some(&error))),
    };
    // An agent that refuses us answers, too, but tells nothing.
    if look.answered_at.is_none() || (look.error.is_some() && look.complete.is_empty()) {
        return Ok(no_answer(&probe.address, look.error.as_ref()));
    }
    tell_what_is_missing(&look);
    let mut out = std::io::stdout().lock();
    if probe.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&look.facts)?)?;
    } else {
        print_people(&mut out, &look.facts)?;
    }
    Ok(Exit::Done)
}

/// A session with the first credential that is answered; of several, each that is not is told with
/// the reason. Else the error of the one that came nearest: a refusal before silence.
pub(super) async fn open(
    transport: &Transport,
    agent: SocketAddr,
    tried: &[Tried],
    options: SessionOptions,
) -> anyhow::Result<Result<Session, SessionError>> {
    // One alone is not tried beforehand: what it is asked for tells the same.
    if let [only] = tried {
        let credentials = &only.credentials;
        return Ok(Ok(Session::open(transport, agent, credentials, options)));
    }
    let mut nearest = None;
    for one in tried {
        let mut session = Session::open(transport, agent, &one.credentials, options);
        match session.get(&[Oid::from_slice(SYS_OBJECT_ID)]).await {
            Ok(_) => {
                complain(&format!("{} is answered", one.name));
                return Ok(Ok(session));
            }
            Err(error) => {
                complain(&format!("{}: {error}", one.name));
                if nearest.is_none() || error.is_answer() {
                    nearest = Some(error);
                }
            }
        }
    }
    nearest.map(Err).context("there is no credential to try")
}

/// `ADDR`, `ADDR:PORT`, `[V6]`, `[V6]:PORT`, or a name in place of the address.
pub(super) async fn resolve(text: &str) -> anyhow::Result<SocketAddr> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address);
    }
    if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, SNMP_PORT));
    }
    let with_port = match text.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => text.to_owned(),
        Some(_) => {
            let text = format!("`{text}` is no address; ADDR:PORT or [V6]:PORT is expected");
            return Err(UsageError(text).into());
        }
        None => format!("{text}:{SNMP_PORT}"),
    };
    lookup_host(&with_port)
        .await
        .with_context(|| format!("`{text}` has no address"))?
        .next()
        .with_context(|| format!("`{text}` has no address"))
}

/// Tells why there is nothing to show; how the program ends.
pub(super) fn no_answer(address: &str, error: Option<&SessionError>) -> Exit {
    match error {
        Some(error) => complain(&error.to_string()),
        None => complain(&format!("no answer from {address}")),
    }
    match error {
        Some(SessionError::Refused { .. } | SessionError::Agent { .. }) => Exit::Refused,
        Some(SessionError::Io { .. }) => Exit::Failed,
        _ => Exit::NoAnswer,
    }
}

fn tell_what_is_missing(look: &Look) {
    if let Some(error) = &look.error {
        complain(&format!("the look ended early: {error}"));
    }
    let cut = look.asked - look.complete;
    if !cut.is_empty() {
        complain(&format!("not read to the end: {cut:?}"));
    }
    for (name, count) in look.defects.by_name() {
        complain(&format!("defect in its answers: {name}, {count} times"));
    }
}

fn print_people(out: &mut impl Write, facts: &Facts) -> std::io::Result<()> {
    let device = &facts.device;
    for (what, value) in [
        ("name", &device.name),
        ("description", &device.description),
        ("vendor", &device.vendor),
        ("model", &device.model),
        ("os", &device.os),
        ("version", &device.os_version),
        ("serial", &device.serial),
        ("location", &device.location),
        ("contact", &device.contact),
    ] {
        if let Some(value) = value {
            writeln!(out, "{what:<12} {}", value.replace(['\r', '\n'], " "))?;
        }
    }
    for interface in &facts.interfaces {
        let status = interface.oper_status.map(|status| format!("{status:?}"));
        writeln!(
            out,
            "interface    {:<20} {:<8} {}",
            interface.name.as_deref().unwrap_or("?"),
            status.unwrap_or_default().to_lowercase(),
            interface.alias.as_deref().unwrap_or("")
        )?;
    }
    for neighbor in &facts.neighbors {
        writeln!(
            out,
            "neighbour    {:<20} {} {}",
            neighbor.local_interface.as_deref().unwrap_or("?"),
            neighbor.remote_name.as_deref().unwrap_or("?"),
            neighbor.remote_port.as_deref().unwrap_or("")
        )?;
    }
    for (what, count) in [
        ("addresses", facts.addresses.len()),
        ("processors", facts.processors.len()),
        ("memory", facts.memory.len()),
        ("storage", facts.storage.len()),
        ("sensors", facts.sensors.len()),
        ("wireless", facts.wireless.len()),
        ("vlans", facts.vlans.len()),
        ("parts", facts.inventory.len()),
    ] {
        if count > 0 {
            writeln!(out, "{what:<12} {count} (see --json)")?;
        }
    }
    Ok(())
}
