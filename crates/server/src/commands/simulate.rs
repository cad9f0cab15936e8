//! `foretell simulate`: answers as devices that are not there, until it is told to stop.

use crate::cli;
use crate::complain;
use crate::exit::{Exit, UsageError};
use crate::shutdown::Signals;
use anyhow::Context as _;
use sim::agent::{self, Access, Agent, ServeOptions, Shown};
use sim::recording::{self, Recordings, Survey};
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

/// The community of devices that have an address each.
const COMMUNITY: &str = "public";
/// Recordings with faults that are told one by one.
const FAULTS_TOLD_MAX: usize = 20;

/// Runs it.
pub fn run(simulate: &cli::Simulate) -> anyhow::Result<Exit> {
    let recordings = recording::load(&simulate.recordings).context("no recordings to play")?;
    let objects = survey(&recordings);
    let agents = if simulate.each_address {
        one_each(&recordings, simulate.listen)?
    } else {
        let access = Arc::new(Access::default());
        let shown = recordings.shown();
        vec![Agent::new(simulate.listen, shown, access, Instant::now())]
    };
    let agents: Vec<_> = agents.into_iter().map(Arc::new).collect();
    let server = agent::serve(&agents, &ServeOptions::default())?;

    let count = recordings.len();
    let mut out = std::io::stdout().lock();
    writeln!(out, "{count} recordings with {objects} objects")?;
    let first = server.address(0).unwrap_or(simulate.listen);
    match server.address(count - 1).filter(|_| simulate.each_address) {
        Some(last) => writeln!(out, "listening on {first} to {last}, community {COMMUNITY}")?,
        None => writeln!(
            out,
            "listening on {first}, community or context: a recording's name"
        )?,
    }
    out.flush()?;
    drop(out);

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut signals = Signals::listen().context("cannot listen for signals")?;
        signals.next().await;
        anyhow::Ok(())
    })?;
    let stats = server.stats();
    complain(&format!(
        "{} requests, {} answers",
        stats.datagrams_in, stats.datagrams_out
    ));
    Ok(Exit::Done)
}

/// How many objects there are. What is wrong with recordings is told; they are played without it.
fn survey(recordings: &Recordings) -> usize {
    let mut objects = 0;
    let mut faults = Vec::new();
    for (name, survey) in recordings.survey() {
        match survey {
            Ok(survey) => {
                objects += survey.objects;
                faults.extend(fault(&survey).map(|fault| format!("{name}: {fault}")));
            }
            Err(error) => {
                let error = anyhow::Error::from(error);
                faults.push(format!("{name}: {error:#}"));
            }
        }
    }
    for fault in faults.iter().take(FAULTS_TOLD_MAX) {
        complain(fault);
    }
    if let Some(more @ 1..) = faults.len().checked_sub(FAULTS_TOLD_MAX) {
        complain(&format!("and {more} more recordings with faults"));
    }
    objects
}

fn fault(survey: &Survey) -> Option<String> {
    let bad = survey.first_bad_line.as_ref().map(|(line, error)| {
        let count = survey.bad_lines;
        format!("{count} lines left out, the first is line {line}: {error}")
    });
    let duplicates = (survey.duplicates > 0).then(|| {
        let count = survey.duplicates;
        format!("{count} lines left out for later ones of the same name")
    });
    let parts: Vec<_> = [bad, duplicates].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// An agent for each recording, at consecutive addresses.
fn one_each(recordings: &Recordings, first: SocketAddr) -> Result<Vec<Agent>, UsageError> {
    let IpAddr::V4(first_ip) = first.ip() else {
        let text = "--each-address counts upwards from an IPv4 address".to_owned();
        return Err(UsageError(text));
    };
    let access = Arc::new(Access::by_communities([COMMUNITY]));
    let now = Instant::now();
    let agents = recordings.iter().enumerate().map(|(place, (_, mib))| {
        let ip = u32::try_from(place)
            .ok()
            .and_then(|place| u32::from(first_ip).checked_add(place))
            .map(Ipv4Addr::from)?;
        let address = SocketAddr::from((ip, first.port()));
        let agent = Agent::new(address, Shown::One(mib), Arc::clone(&access), now);
        Some(agent)
    });
    agents.collect::<Option<Vec<_>>>().ok_or_else(|| {
        let count = recordings.len();
        UsageError(format!(
            "there are no {count} addresses from {first_ip} upwards"
        ))
    })
}
