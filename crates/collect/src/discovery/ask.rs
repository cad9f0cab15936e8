//! One address of a discovery: echo requests and each credential in turn.

use super::frontier::Lead;
use super::plan::{Candidate, DiscoveryPlan};
use crate::icmp::{Echoes, Pinger};
use crate::snmp::{Dialect, Groups, Look, identify, read_within};
use futures_util::stream::{FuturesUnordered, StreamExt};
use model::discovery::{DiscoveryResult, SnmpAnswer};
use model::{Clock, CredentialId};
use snmp::{Credentials, Session, SessionError, SessionOptions, Transport};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How patient a sweep is: one repetition, short waits.
const PATIENCE: SessionOptions = SessionOptions {
    timeout: Duration::from_secs(1),
    retries: 1,
};
/// Time that a credential is tried alone before the next one is too: more than the round trips of
/// a near device, so that the order decides there.
const HEAD_START: Duration = Duration::from_millis(400);
/// Longest time for one credential on one address: identification is a handful of answers.
const IDENTIFY_TIME_MAX: Duration = Duration::from_secs(15);
/// Longest time for the neighbour tables of one address. A liar or a slow agent loses only its own
/// neighbours.
const NEIGHBORS_TIME_MAX: Duration = Duration::from_secs(15);

/// What came of one address.
pub(super) struct Answer {
    pub(super) lead: Lead,
    pub(super) result: DiscoveryResult,
    pub(super) look: Option<Box<Look>>,
    pub(super) credential: Option<CredentialId>,
    /// Neighbours' management addresses, as the agent told them.
    pub(super) neighbors: Vec<IpAddr>,
    /// What could not be done, where an operator should know.
    pub(super) notice: Option<String>,
}

/// Asks one address everything that the plan wants to know.
pub(super) async fn ask(
    lead: Lead,
    plan: &DiscoveryPlan,
    transport: &Transport,
    pinger: &Pinger,
    clock: &Clock,
) -> Answer {
    let (icmp_answered, snmp) = tokio::join!(
        echo(&lead, plan, pinger),
        try_credentials(&lead, plan, transport, clock)
    );
    let facts = snmp.look.as_ref().map(|look| &look.facts.device);
    let result = DiscoveryResult {
        address: lead.agent.ip(),
        port: lead.agent.port(),
        via: lead.via.clone(),
        hops: lead.hops,
        icmp_answered,
        snmp: snmp.answer,
        name: facts.and_then(|f| f.name.clone()),
        description: facts.and_then(|f| f.description.clone()),
        vendor: facts.and_then(|f| f.vendor.clone()),
        model: facts.and_then(|f| f.model.clone()),
        os: facts.and_then(|f| f.os.clone()),
        kind: facts.and_then(|f| f.kind.clone()),
        object_id: facts.and_then(|f| f.object_id.clone()),
        device_id: None,
        identity_reason: None,
        rule_reason: None,
    };
    Answer {
        lead,
        result,
        look: snmp.look,
        credential: snmp.credential,
        neighbors: snmp.neighbors,
        notice: snmp.notice,
    }
}

/// Whether it answers an echo request; none where that was not or could not be asked.
async fn echo(lead: &Lead, plan: &DiscoveryPlan, pinger: &Pinger) -> Option<bool> {
    if !plan.icmp {
        return None;
    }
    let echo = pinger.ping(lead.agent.ip(), Echoes::SWEEP).await.ok()?;
    Some(echo.received > 0)
}

struct Snmp {
    answer: SnmpAnswer,
    look: Option<Box<Look>>,
    credential: Option<CredentialId>,
    neighbors: Vec<IpAddr>,
    notice: Option<String>,
}

impl Snmp {
    fn nothing(answer: SnmpAnswer) -> Self {
        Self {
            answer,
            look: None,
            credential: None,
            neighbors: Vec::new(),
            notice: None,
        }
    }
}

/// Tries each credential in turn until one is answered. Each has a head start before the next; one
/// that waits in vain does not hold up those behind it.
async fn try_credentials(
    lead: &Lead,
    plan: &DiscoveryPlan,
    transport: &Transport,
    clock: &Clock,
) -> Snmp {
    if !plan.snmp {
        return Snmp::nothing(SnmpAnswer::NotAsked);
    }
    let mut silent = Vec::new();
    let mut next = plan.credentials.iter().enumerate();
    let mut attempts = FuturesUnordered::new();
    // By place, so that they are told in the order in which the credentials were given.
    let mut reasons = BTreeMap::new();
    loop {
        if attempts.is_empty() {
            let Some((place, candidate)) = next.next() else {
                break;
            };
            attempts.push(try_one(place, candidate, lead, plan, transport, clock));
        }
        let outcome = tokio::select! {
            Some(outcome) = attempts.next() => outcome,
            () = sleep(HEAD_START), if next.len() > 0 => {
                if let Some((place, candidate)) = next.next() {
                    attempts.push(try_one(place, candidate, lead, plan, transport, clock));
                }
                continue;
            }
        };
        match outcome {
            Tried::Identified(candidate, mut met, look) => {
                return identified_by(lead, plan, candidate, &mut met, look, clock).await;
            }
            Tried::Refused(place, reason) => {
                reasons.insert(place, reason);
            }
            Tried::Silent(place, reason) => silent.push((place, reason)),
        }
    }
    // Where nobody is, there is nothing to tell of each credential.
    if !reasons.is_empty() {
        reasons.extend(silent);
    }
    Snmp::nothing(if reasons.is_empty() {
        SnmpAnswer::Silent
    } else {
        let reasons = reasons.into_values().collect();
        SnmpAnswer::Refused { reasons }
    })
}

/// An agent that answered: the session with it, and how it is asked.
struct Met {
    session: Session,
    dialect: Dialect,
}

/// What came of one credential.
enum Tried<'a> {
    Identified(&'a Candidate, Box<Met>, Box<Look>),
    Refused(usize, String),
    /// Silence, and an agent too slow to be told from it.
    Silent(usize, String),
}

async fn try_one<'a>(
    place: usize,
    candidate: &'a Candidate,
    lead: &Lead,
    plan: &DiscoveryPlan,
    transport: &Transport,
    clock: &Clock,
) -> Tried<'a> {
    let session = Session::open(transport, lead.agent, &candidate.credentials, PATIENCE);
    let mut met = Box::new(Met {
        session,
        dialect: Dialect::new(&plan.profiles),
    });
    // The look ends itself in time and keeps what it read; a slow device is no silent one.
    let time = IDENTIFY_TIME_MAX * 4 / 5;
    let Met { session, dialect } = &mut *met;
    let identified = timeout(IDENTIFY_TIME_MAX, identify(session, dialect, clock, time)).await;
    match identified.map(|identified| identified.and_then(said_something)) {
        Ok(Ok(look)) => Tried::Identified(candidate, met, Box::new(look)),
        Ok(Err(error)) if error.is_answer() => {
            Tried::Refused(place, reason(place, candidate, &error))
        }
        Ok(Err(_)) | Err(_) => {
            let name = named(place, candidate);
            Tried::Silent(place, format!("{name} is not answered in time."))
        }
    }
}

/// A look that ended in an error before the agent said anything of itself is that error.
fn said_something(mut look: Look) -> Result<Look, SessionError> {
    let device = &look.facts.device;
    let nothing =
        device.object_id.is_none() && device.description.is_none() && device.name.is_none();
    match look.error.take_if(|_| nothing) {
        Some(error) => Err(error),
        None => Ok(look),
    }
}

async fn identified_by(
    lead: &Lead,
    plan: &DiscoveryPlan,
    candidate: &Candidate,
    met: &mut Met,
    look: Box<Look>,
    clock: &Clock,
) -> Snmp {
    let mut found = Snmp {
        answer: SnmpAnswer::Identified {
            credential_id: candidate.id,
        },
        look: Some(look),
        credential: candidate.id,
        neighbors: Vec::new(),
        notice: None,
    };
    if plan.neighbors && lead.hops < plan.hops_max {
        let neighbors = read_within(
            &mut met.session,
            &mut met.dialect,
            Groups::NEIGHBORS,
            clock,
            NEIGHBORS_TIME_MAX,
        )
        .await;
        let rows = neighbors.facts.neighbors.iter();
        found.neighbors = rows.filter_map(|row| row.remote_address).collect();
        if !neighbors.complete.contains(Groups::NEIGHBORS) {
            found.notice = Some(format!(
                "The neighbours of {} could not be read to the end.",
                lead.agent
            ));
        }
        if let Some(look) = &mut found.look {
            look.facts.neighbors = neighbors.facts.neighbors;
        }
    }
    found
}

/// Why a credential was refused, in a sentence; never the secret itself.
fn reason(place: usize, candidate: &Candidate, error: &SessionError) -> String {
    let name = named(place, candidate);
    match error {
        SessionError::Refused { reason, .. } => format!("{name} is refused: {reason}."),
        other => format!("{name}: {other}."),
    }
}

/// A credential by its place in the order in which they are tried, and what is no secret of it.
fn named(place: usize, candidate: &Candidate) -> String {
    let number = place.saturating_add(1);
    match candidate.credentials.as_ref() {
        Credentials::V1 { .. } => format!("Credential {number} (SNMPv1)"),
        Credentials::V2c { .. } => format!("Credential {number} (SNMPv2c)"),
        Credentials::V3(user) => format!("Credential {number} (SNMPv3, user {})", user.name()),
    }
}
