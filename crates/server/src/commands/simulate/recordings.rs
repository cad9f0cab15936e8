//! `foretell simulate --recordings`: answers as devices that were recorded.

use super::access::{Credential, access};
use crate::exit::{Exit, UsageError};
use crate::shutdown::Signals;
use crate::{cli, clock, complain};
use anyhow::Context as _;
use serde::Serialize;
use sim::agent::{self, Access, Agent, Engine, EngineId, Shown};
use sim::recording::{self, Recordings, Survey};
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// The community of devices that have an address each, unless another is given.
const COMMUNITY: &str = "public";
/// Recordings with faults that are told one by one.
const FAULTS_TOLD_MAX: usize = 20;

/// Plays the recordings of a folder.
pub(super) fn run(folder: &Path, simulate: &cli::Simulate) -> anyhow::Result<Exit> {
    let (access, credential) = access(&simulate.ask, COMMUNITY)?;
    let access = Arc::new(access);
    let listen = simulate.listen;
    let recordings = recording::load(folder).context("no recordings to play")?;
    let objects = survey(&recordings);
    let agents = if simulate.each_address {
        one_each(&recordings, listen, &access)?
    } else {
        vec![agent(listen, recordings.shown(), access)]
    };
    let agents: Vec<_> = agents.into_iter().map(Arc::new).collect();
    let server = agent::serve(&agents, &super::serve_options(simulate, 0))?;
    let words = Words {
        recordings: recordings.len(),
        objects,
        first_address: server.address(0).unwrap_or(listen),
        last_address: server.address(agents.len() - 1).unwrap_or(listen),
        credential: Credential {
            community: credential.community.filter(|_| simulate.each_address),
            ..credential
        },
    };
    words.print(simulate)?;

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut signals = Signals::listen().context("cannot listen for signals")?;
        signals.next().await;
        anyhow::Ok(())
    })?;
    super::farewell(server.stats());
    Ok(Exit::Done)
}

/// What is told when it runs.
#[derive(Debug, Serialize)]
struct Words {
    recordings: usize,
    objects: usize,
    first_address: SocketAddr,
    last_address: SocketAddr,
    /// Its community is null where a recording's name is the community.
    #[serde(flatten)]
    credential: Credential,
}

impl Words {
    fn print(&self, simulate: &cli::Simulate) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        if simulate.json {
            writeln!(out, "{}", serde_json::to_string(self)?)?;
        } else {
            writeln!(
                out,
                "{} recordings with {} objects",
                self.recordings, self.objects
            )?;
            writeln!(out, "{}", self.where_and_how(simulate.each_address))?;
        }
        out.flush()?;
        Ok(())
    }

    fn where_and_how(&self, each_address: bool) -> String {
        let (first, last) = (self.first_address, self.last_address);
        if each_address {
            return format!(
                "listening on {first} to {last}, {}",
                self.credential.words()
            );
        }
        let context = match &self.credential.v3_user {
            Some(user) => format!(", context of v3 user {user}"),
            None => String::new(),
        };
        format!("listening on {first}, community{context}: a recording's name")
    }
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
fn one_each(
    recordings: &Recordings,
    first: SocketAddr,
    access: &Arc<Access>,
) -> Result<Vec<Agent>, UsageError> {
    let IpAddr::V4(first_ip) = first.ip() else {
        let text = "--each-address counts upwards from an IPv4 address".to_owned();
        return Err(UsageError(text));
    };
    let agents = recordings.iter().enumerate().map(|(place, (_, mib))| {
        let ip = u32::try_from(place)
            .ok()
            .and_then(|place| u32::from(first_ip).checked_add(place))
            .map(Ipv4Addr::from)?;
        let address = SocketAddr::from((ip, first.port()));
        Some(agent(address, Shown::One(mib), Arc::clone(access)))
    });
    agents.collect::<Option<Vec<_>>>().ok_or_else(|| {
        let count = recordings.len();
        UsageError(format!(
            "there are no {count} addresses from {first_ip} upwards"
        ))
    })
}

/// An agent that starts now, after all earlier ones that were at its address.
fn agent(address: SocketAddr, shown: Shown, access: Arc<Access>) -> Agent {
    let boots = Engine::boots_of_start(clock::real().now());
    let now = Instant::now();
    let engine = Engine::new(EngineId::of_address(address), boots, now);
    Agent::new(address, shown, access, now).with_engine(engine)
}
