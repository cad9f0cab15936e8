//! A run: addresses from the frontier to the agents, answers from there to the caller, neighbours
//! back to the frontier.

use super::Found;
use super::ask::{Answer, ask};
use super::frontier::{Frontier, Taken};
use super::plan::{DiscoveryPlan, agents};
use super::target::Target;
use crate::icmp::Pinger;
use model::Clock;
use model::discovery::SnmpAnswer;
use snmp::Transport;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// Devices that a run finds at most.
pub const DEVICES_MAX: u64 = 10_000;
/// Addresses asked at a time. A silent address takes 2 s and a little for each further credential,
/// so a /24 takes some 2 s and a /16 some 9 minutes; answers to so many questions fit the socket's buffer.
const IN_FLIGHT_MAX: usize = 256;
/// Addresses begun at once, so that a sweep is no burst: so many, then [`PACE`].
const BURST: usize = 32;
/// Rest after each burst: 3,200 addresses a second at most.
const PACE: Duration = Duration::from_millis(10);
/// Time between two words of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);
/// Longest wait for a name.
const RESOLVE_TIME_MAX: Duration = Duration::from_secs(5);
/// Addresses of one name that are asked.
const ADDRESSES_OF_A_NAME_MAX: usize = 8;
/// Addresses outside the allowed networks that are listed in the notice about them.
const OUTSIDE_LISTED_MAX: usize = 10;

/// Runs until every address was asked or `cancel` is cancelled. Its last word is
/// [`Found::Finished`]. A full `found` makes the run wait; a closed one ends it.
pub async fn run(
    plan: DiscoveryPlan,
    transport: Transport,
    pinger: Pinger,
    clock: Clock,
    found: mpsc::Sender<Found>,
    cancel: CancellationToken,
) {
    let mut work = Run {
        plan: Arc::new(plan),
        transport,
        pinger,
        clock,
        found: found.clone(),
        frontier: Frontier::default(),
        progress: Progress::default(),
        cancel,
        outside: BTreeSet::new(),
        outside_more: false,
    };
    let mut flights = JoinSet::new();
    let ended = work.work(&mut flights).await;
    flights.shutdown().await;
    let cancelled = matches!(ended, Err(Stop::Cancelled));
    // An error means that nobody listens any more.
    let _ = found.send(Found::Finished { cancelled }).await;
}

struct Run {
    plan: Arc<DiscoveryPlan>,
    transport: Transport,
    pinger: Pinger,
    clock: Clock,
    found: mpsc::Sender<Found>,
    frontier: Frontier,
    progress: Progress,
    // Invariant: at most OUTSIDE_LISTED_MAX.
    outside: BTreeSet<IpAddr>,
    /// There are more than are listed.
    outside_more: bool,
    cancel: CancellationToken,
}

#[derive(Default)]
struct Progress {
    done: u64,
    answered: u64,
    devices: u64,
    told: Option<Instant>,
}

/// Why a run ends before its time.
enum Stop {
    Cancelled,
    /// Nobody listens any more.
    Deaf,
}

impl Run {
    async fn work(&mut self, flights: &mut JoinSet<Box<Answer>>) -> Result<(), Stop> {
        if self.plan.icmp
            && let Some(reason) = self.pinger.notice()
        {
            self.tell(Found::Notice(reason.to_string())).await?;
        }
        self.take_targets().await?;
        let cancel = self.cancel.clone();
        loop {
            self.fill(flights).await?;
            let landed = tokio::select! {
                landed = flights.join_next() => landed,
                () = cancel.cancelled() => return Err(Stop::Cancelled),
            };
            let Some(landed) = landed else {
                break;
            };
            match landed {
                Ok(answer) => self.take(*answer).await?,
                Err(error) => {
                    tracing::error!(%error, "asking an address ended in a panic");
                    self.progress.done += 1;
                }
            }
            if self.progress.devices >= DEVICES_MAX {
                let text = format!("Stopped at {DEVICES_MAX} devices; the rest was not asked.");
                self.tell(Found::Notice(text)).await?;
                break;
            }
            self.tell_progress(false).await?;
        }
        self.tell_outside().await?;
        self.tell_progress(true).await
    }

    /// Puts the targets into the frontier, names resolved.
    async fn take_targets(&mut self) -> Result<(), Stop> {
        let plan = Arc::clone(&self.plan);
        for target in &plan.targets {
            match target {
                Target::Host { name, port } => {
                    let port = port.unwrap_or(plan.port);
                    self.take_name(name, port).await?;
                }
                Target::Address { .. } => {
                    for agent in agents(target, plan.port) {
                        self.frontier.target(agent, "target", true);
                    }
                }
                Target::Range(_) => {
                    for agent in agents(target, plan.port) {
                        self.frontier.target(agent, "target", false);
                    }
                }
            }
        }
        Ok(())
    }

    async fn take_name(&mut self, name: &str, port: u16) -> Result<(), Stop> {
        let lookup = tokio::net::lookup_host((name, port));
        let waited = self
            .cancel
            .run_until_cancelled(timeout(RESOLVE_TIME_MAX, lookup));
        let addresses: Vec<SocketAddr> = match waited.await.ok_or(Stop::Cancelled)? {
            Ok(Ok(addresses)) => addresses.take(ADDRESSES_OF_A_NAME_MAX).collect(),
            Ok(Err(error)) => {
                let text = format!("The name `{name}` could not be resolved: {error}.");
                return self.tell(Found::Notice(text)).await;
            }
            Err(_) => {
                let secs = RESOLVE_TIME_MAX.as_secs();
                let text = format!("The name `{name}` was not resolved within {secs} s.");
                return self.tell(Found::Notice(text)).await;
            }
        };
        for agent in addresses {
            let address = agent.ip().to_canonical();
            // Copied only here, before any address is asked.
            Arc::make_mut(&mut self.plan).allowed.add(address);
            let agent = SocketAddr::new(address, port);
            self.frontier.target(agent, &format!("target {name}"), true);
        }
        Ok(())
    }

    /// Begins to ask as many as there are places for.
    async fn fill(&mut self, flights: &mut JoinSet<Box<Answer>>) -> Result<(), Stop> {
        let mut begun = 0usize;
        while flights.len() < IN_FLIGHT_MAX {
            let Some(lead) = self.frontier.next() else {
                return Ok(());
            };
            let plan = Arc::clone(&self.plan);
            let transport = self.transport.clone();
            let pinger = self.pinger.clone();
            let clock = self.clock.clone();
            flights.spawn(
                async move { Box::new(ask(lead, &plan, &transport, &pinger, &clock).await) },
            );
            begun += 1;
            if begun.is_multiple_of(BURST) {
                tokio::time::sleep(PACE).await;
                self.tell_progress(false).await?;
            }
        }
        Ok(())
    }

    /// Takes in what came of one address.
    async fn take(&mut self, answer: Answer) -> Result<(), Stop> {
        self.progress.done += 1;
        let result = &answer.result;
        let snmp_answered = matches!(
            result.snmp,
            SnmpAnswer::Identified { .. } | SnmpAnswer::Refused { .. }
        );
        let answered = snmp_answered || result.icmp_answered == Some(true);
        if answered {
            self.progress.answered += 1;
        }
        if matches!(result.snmp, SnmpAnswer::Identified { .. }) {
            self.progress.devices += 1;
        }
        self.follow(&answer).await?;
        if let Some(notice) = answer.notice {
            self.tell(Found::Notice(notice)).await?;
        }
        if answered || answer.lead.named {
            self.tell(Found::Address {
                result: Box::new(answer.result),
                look: answer.look,
                credential: answer.credential,
            })
            .await?;
        }
        Ok(())
    }

    /// Takes up the neighbours that an address told of.
    async fn follow(&mut self, answer: &Answer) -> Result<(), Stop> {
        let agent = answer.lead.agent;
        let who = match &answer.result.name {
            Some(name) => format!("{name} ({})", agent.ip()),
            None => agent.ip().to_string(),
        };
        for address in &answer.neighbors {
            let taken = self.frontier.neighbor(
                &answer.lead,
                &who,
                *address,
                self.plan.port,
                &self.plan.allowed,
            );
            match taken {
                Taken::New | Taken::Known => {}
                Taken::NotAllowed => {
                    if self.outside.len() < OUTSIDE_LISTED_MAX {
                        self.outside.insert(*address);
                    } else {
                        self.outside_more |= !self.outside.contains(address);
                    }
                }
                Taken::Full => {
                    let text = format!(
                        "{who} and others tell of more neighbours than can be; some were left out."
                    );
                    return self.tell(Found::Notice(text)).await;
                }
            }
        }
        Ok(())
    }

    async fn tell_outside(&self) -> Result<(), Stop> {
        if self.outside.is_empty() {
            return Ok(());
        }
        let listed: Vec<String> = self.outside.iter().map(ToString::to_string).collect();
        let text = format!(
            "Neighbours outside the allowed networks were not asked: {}{}.",
            listed.join(", "),
            if self.outside_more { " and others" } else { "" }
        );
        self.tell(Found::Notice(text)).await
    }

    async fn tell_progress(&mut self, anyway: bool) -> Result<(), Stop> {
        let now = Instant::now();
        let told = self.progress.told;
        if !anyway && told.is_some_and(|at| now - at < PROGRESS_INTERVAL) {
            return Ok(());
        }
        self.progress.told = Some(now);
        self.tell(Found::Progress {
            total: self.frontier.total(),
            done: self.progress.done,
            answered: self.progress.answered,
        })
        .await
    }

    async fn tell(&self, what: Found) -> Result<(), Stop> {
        let sent = self.cancel.run_until_cancelled(self.found.send(what)).await;
        sent.ok_or(Stop::Cancelled)?.map_err(|_| Stop::Deaf)
    }
}
