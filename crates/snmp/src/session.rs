//! One device, asked.

mod ask;
mod pace;

use crate::credentials::Credentials;
use crate::defects::{Defect, Defects};
use crate::error::{Refusal, SessionError};
use crate::transport::Transport;
use crate::transport::ledger::Ledger;
use crate::transport::link::{Link, TIMEOUT_MIN};
use crate::value::Value;
use ask::{Ask, Fault};
use async_snmp::{Client, ClientConfig, Oid, Retry};
pub(crate) use pace::Pace;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

pub(crate) use ask::{Ask as Question, Fault as Failure};

/// Objects in one GET: what fits a packet of 1,472 octets with room for strings in the answer.
const OBJECTS_A_GET_MAX: usize = 20;

/// How patient a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionOptions {
    /// Wait for each answer.
    pub timeout: Duration,
    /// How often a question is asked again.
    pub retries: u8,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(1500),
            retries: 2,
        }
    }
}

/// One device and the credentials it is asked with. Keep it from poll to poll: it remembers the
/// SNMPv3 engine and how much the agent bears in one answer.
pub struct Session {
    agent: SocketAddr,
    client: Result<Client<Link>, SessionError>,
    ledger: Arc<Ledger>,
    options: SessionOptions,
    pub(crate) pace: Pace,
    is_v3: bool,
    transport: Transport,
    // What to ask with where the context or privacy is in doubt: until the agent has answered once.
    without_context: Option<Credentials>,
    without_privacy: Option<Credentials>,
}

impl Session {
    /// A session to the agent at an address. No packet is sent; what is wrong with the address
    /// family or the credentials shows in the first answer.
    pub fn open(
        transport: &Transport,
        agent: SocketAddr,
        credentials: &Credentials,
        options: SessionOptions,
    ) -> Self {
        let ledger = Arc::new(Ledger::default());
        let client = Link::new(transport, agent, Arc::clone(&ledger))
            .map_err(|error| unsendable(agent, &error))
            .and_then(|link| client(link, transport, credentials, options));
        Self {
            agent,
            client,
            ledger,
            options,
            pace: Pace::new(credentials.is_v1()),
            is_v3: credentials.is_v3(),
            transport: transport.clone(),
            without_context: credentials.without_context(),
            without_privacy: credentials.without_privacy(),
        }
    }

    /// Whom it asks.
    pub fn agent(&self) -> SocketAddr {
        self.agent
    }

    pub(crate) fn retries(&self) -> u32 {
        u32::from(self.options.retries)
    }

    /// What was wrong with the answers since this was last called.
    pub fn take_defects(&mut self) -> Defects {
        self.ledger.take().defects
    }

    /// Silence after so many attempts in a row.
    pub(crate) fn silent(&self, attempts: u32) -> SessionError {
        SessionError::Silent {
            agent: self.agent,
            waited: self.options.timeout.saturating_mul(attempts),
            attempts,
        }
    }

    pub(crate) fn note(&self, defect: Defect) {
        self.ledger.add(defect);
    }

    pub(crate) fn note_many(&self, defect: Defect, count: u64) {
        self.ledger.add_many(defect, count);
    }

    /// The values of objects, in the order asked. Objects that the agent does not have are left out.
    pub async fn get(&mut self, objects: &[Oid]) -> Result<Vec<(Oid, Value)>, SessionError> {
        let mut found = Vec::with_capacity(objects.len());
        for chunk in objects.chunks(OBJECTS_A_GET_MAX) {
            self.get_chunk(chunk, &mut found).await?;
        }
        Ok(found)
    }

    async fn get_chunk(
        &mut self,
        objects: &[Oid],
        found: &mut Vec<(Oid, Value)>,
    ) -> Result<(), SessionError> {
        let mut wanted = objects.to_vec();
        let mut size = wanted.len();
        while !wanted.is_empty() {
            let part: Vec<Oid> = wanted.iter().take(size.max(1)).cloned().collect();
            match self.ask_patiently(&Ask::Get(&part)).await {
                Ok(answers) => {
                    self.sort_out(&part, answers, found);
                    wanted.drain(..part.len());
                }
                // SNMPv1 refuses the whole question for one object that it lacks.
                Err(Failed::Fault(Fault::Status { status: 2, index })) => {
                    let lacking = usize::try_from(index)
                        .ok()
                        .and_then(|index| index.checked_sub(1))
                        .filter(|&index| index < part.len());
                    match lacking {
                        Some(index) => drop(wanted.remove(index)),
                        None if part.len() > 1 => size = 1,
                        None => drop(wanted.remove(0)),
                    }
                }
                Err(Failed::Fault(Fault::TooBig | Fault::Status { .. })) if part.len() > 1 => {
                    size = part.len() / 2;
                }
                // One object alone that the agent chokes on costs that object.
                Err(Failed::Fault(Fault::TooBig | Fault::Status { .. })) if objects.len() > 1 => {
                    self.note(Defect::AgentError);
                    wanted.remove(0);
                }
                Err(Failed::Fault(fault)) => return Err(fault.into_error(self.agent)),
                Err(Failed::Session(error)) => return Err(error),
            }
        }
        Ok(())
    }

    fn sort_out(
        &self,
        asked: &[Oid],
        mut answers: Vec<(Oid, Value)>,
        found: &mut Vec<(Oid, Value)>,
    ) {
        for object in asked {
            match answers.iter().position(|(oid, _)| oid == object) {
                Some(position) => {
                    let answer = answers.swap_remove(position);
                    if !answer.1.is_absent() {
                        found.push(answer);
                    }
                }
                None => self.note(Defect::MissingObject),
            }
        }
        for _ in answers {
            self.note(Defect::UnaskedObject);
        }
    }

    /// Asks, and asks again where nothing came.
    async fn ask_patiently(&mut self, ask: &Ask<'_>) -> Result<Vec<(Oid, Value)>, Failed> {
        let since = Instant::now();
        let mut attempts = 0;
        let mut rediscovered = false;
        loop {
            attempts += 1;
            match self.ask_once(ask).await {
                Ok(answers) => {
                    self.without_context = None;
                    self.without_privacy = None;
                    return Ok(answers);
                }
                Err(Fault::Silent | Fault::Malformed) if attempts <= self.retries() => {}
                Err(Fault::Silent) => {
                    let waited = since.elapsed();
                    return Err(match self.refuses_in_silence(ask).await {
                        Some(refusal) => Failed::Fault(Fault::Refused(refusal)),
                        None => Failed::Session(SessionError::Silent {
                            agent: self.agent,
                            waited,
                            attempts,
                        }),
                    });
                }
                // A device replaced by another, or that made itself a new engine id.
                Err(Fault::Refused(Refusal::UnknownEngine)) if !rediscovered => {
                    rediscovered = true;
                    self.forget_engine().await;
                }
                Err(fault) => return Err(Failed::Fault(fault)),
            }
        }
    }

    /// Why the agent is silent, where asking in another way tells.
    ///
    /// net-snmp's agent drops what is asked in a context that it does not know; in the default one
    /// it answers. AES makes something of any key, so most agents find no message in what a wrong
    /// one gives, and drop it without a Report; asked without privacy they answer, or say that this
    /// user needs more. The context comes first, for one that is unknown is silent either way.
    ///
    /// Who did not even say which engine it is says nothing to others either. One that answers the others
    /// is asked once more, for perhaps packets were lost, and that is then no refusal.
    async fn refuses_in_silence(&self, ask: &Ask<'_>) -> Option<Refusal> {
        self.transport.engines().get(&self.agent)?;
        let refusal = if self.answers_to(self.without_context.as_ref(), ask).await {
            Refusal::UnknownContext
        } else if self.answers_to(self.without_privacy.as_ref(), ask).await {
            Refusal::DecryptionError
        } else {
            return None;
        };
        let is_silent = matches!(self.ask_once(ask).await, Err(Fault::Silent));
        is_silent.then_some(refusal)
    }

    /// Whether the agent says anything to other credentials that shows that it understood.
    async fn answers_to(&self, credentials: Option<&Credentials>, ask: &Ask<'_>) -> bool {
        let Some(credentials) = credentials else {
            return false;
        };
        let ledger = Arc::clone(&self.ledger);
        let other = Link::unlisted(&self.transport, self.agent, ledger)
            .map_err(|error| unsendable(self.agent, &error))
            .and_then(|link| client(link, &self.transport, credentials, self.options));
        let Ok(other) = other else {
            return false;
        };
        matches!(
            ask::ask(&other, &self.ledger, ask).await,
            Ok(_)
                | Err(Fault::Status { .. }
                    | Fault::TooBig
                    | Fault::Refused(
                        Refusal::AuthorizationError | Refusal::UnsupportedSecurityLevel
                    ))
        )
    }

    async fn forget_engine(&self) {
        if let (true, Ok(client)) = (self.is_v3, &self.client) {
            // Where this fails the next question fails too, and says why.
            let _ = client.rediscover_engine().await;
        }
    }

    /// Asks once.
    pub(crate) async fn ask_once(&self, ask: &Ask<'_>) -> Result<Vec<(Oid, Value)>, Fault> {
        let client = self
            .client
            .as_ref()
            .map_err(|error| Fault::Session(error.clone()))?;
        ask::ask(client, &self.ledger, ask).await
    }
}

enum Failed {
    Fault(Fault),
    Session(SessionError),
}

fn client(
    link: Link,
    transport: &Transport,
    credentials: &Credentials,
    options: SessionOptions,
) -> Result<Client<Link>, SessionError> {
    let agent = async_snmp::Transport::peer_addr(&link);
    let unusable = |detail: &str| SessionError::Io {
        agent,
        kind: io::ErrorKind::InvalidInput,
        detail: detail.to_owned(),
    };
    let mut config = ClientConfig::default();
    config.auth = credentials
        .to_auth()
        .ok_or_else(|| unusable("keys cannot be derived from these credentials"))?;
    config.des_salt_state = credentials.des_salt();
    config.request_timeout = options.timeout.max(TIMEOUT_MIN);
    // Asking again is ours: a walk asks for less the second time.
    config.retry = Retry::none();
    config.max_oids_per_request = OBJECTS_A_QUESTION_MAX;
    Client::with_engine_cache(link, config, transport.engines())
        .map_err(|error| unusable(&error.to_string()))
}

fn unsendable(agent: SocketAddr, error: &io::Error) -> SessionError {
    SessionError::Io {
        agent,
        kind: error.kind(),
        detail: error.to_string(),
    }
}

/// Objects that async-snmp may put in one packet: more than we ever ask for at once.
const OBJECTS_A_QUESTION_MAX: usize = 128;
