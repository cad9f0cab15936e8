//! One device's use of the shared socket, as async-snmp's clients want it.

use super::Transport;
use super::ledger::Ledger;
use super::socket::{CANDIDATES_MAX, Socket};
use crate::defects::Defect;
use crate::envelope::envelope;
use crate::refusal::{Diagnosis, diagnose};
use async_snmp::{
    Candidate, Error, MAX_UDP_PAYLOAD, ReceiveLimits, RequestRegistration, ResponseIdentity,
    UDP_RECEIVE_LIMITS,
};
use bytes::Bytes;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The msgMaxSize that we announce: what an Ethernet frame carries, for fragments are often lost.
const ANNOUNCED_LEN: usize = 1472;

pub(crate) struct Link {
    socket: Arc<Socket>,
    agent: SocketAddr,
    ledger: Arc<Ledger>,
    // Whether strays from the agent are counted on this link's behalf.
    is_listed: bool,
    // Keeps the receiving tasks alive.
    _transport: Transport,
}

impl Link {
    pub(crate) fn new(
        transport: &Transport,
        agent: SocketAddr,
        ledger: Arc<Ledger>,
    ) -> io::Result<Self> {
        let mut link = Self::unlisted(transport, agent, ledger)?;
        link.socket.enlist(agent, &link.ledger);
        link.is_listed = true;
        Ok(link)
    }

    /// A second link of a session that has one.
    pub(crate) fn unlisted(
        transport: &Transport,
        agent: SocketAddr,
        ledger: Arc<Ledger>,
    ) -> io::Result<Self> {
        Ok(Self {
            socket: transport.socket_for(agent)?,
            agent,
            ledger,
            is_listed: false,
            _transport: transport.clone(),
        })
    }

    fn timed_out(&self, since: Instant) -> Error {
        Error::Timeout {
            target: self.agent,
            elapsed: since.elapsed(),
            retries: 0,
        }
    }

    fn io(&self, source: io::Error) -> Error {
        Error::Network {
            target: self.agent,
            source,
        }
    }

    /// What to do about a datagram with the right id that is no answer: end the request where the
    /// agent refused or spoke gibberish, for asking the same again brings the same again; wait on
    /// where it may be a stray.
    fn rejected(&self, datagram: Bytes, source: SocketAddr) -> async_snmp::Result<()> {
        let version = envelope(&datagram).map_or(1, |envelope| envelope.version);
        let is_agent = source.ip() == self.agent.ip();
        match diagnose(version, datagram) {
            Diagnosis::Refused(refusal) if is_agent => {
                self.ledger.refuse(refusal);
                Err(Box::new(Error::Auth { target: self.agent }))
            }
            Diagnosis::Malformed if is_agent => {
                self.ledger.malformed();
                Err(Box::new(Error::MalformedResponse { target: self.agent }))
            }
            _ => {
                self.ledger.add(Defect::AnswerToAnotherRequest);
                Ok(())
            }
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if self.is_listed {
            self.socket.delist(self.agent, &self.ledger);
        }
    }
}

impl async_snmp::Transport for Link {
    async fn send(&self, data: &[u8]) -> async_snmp::Result<()> {
        self.socket
            .send(data, self.agent)
            .await
            .map_err(|source| Box::new(self.io(source)))
    }

    async fn request_with<T, F>(
        &self,
        data: &[u8],
        registration: RequestRegistration,
        mut validate: F,
    ) -> async_snmp::Result<T>
    where
        T: Send,
        F: FnMut(Bytes, SocketAddr) -> async_snmp::Result<Candidate<T>> + Send,
    {
        let since = Instant::now();
        let deadline = registration.deadline();
        let mut ids = vec![registration.request_id()];
        ids.extend(registration.aliases().iter().copied());
        ids.dedup();
        let (registered, mut candidates) = self
            .socket
            .register(ids)
            .map_err(|request_id| Box::new(Error::RequestIdInUse { request_id }))?;
        timeout_at(deadline, self.send(data))
            .await
            .map_err(|_| Box::new(self.timed_out(since)))??;
        // A flood of candidates ends the request rather than keep its task busy to the deadline.
        for _ in 0..CANDIDATES_MAX * 4 {
            let (datagram, source) = match timeout_at(deadline, candidates.recv()).await {
                Err(_) => return Err(Box::new(self.timed_out(since))),
                Ok(None) => return Err(Box::new(Error::Closed { target: self.agent })),
                Ok(Some(candidate)) => candidate,
            };
            let identity = registration.evaluate_response_identity(&datagram, source == self.agent);
            if matches!(identity, ResponseIdentity::Reject) {
                self.rejected(datagram, source)?;
                continue;
            }
            match validate(datagram.clone(), source)? {
                Candidate::Accept(answer) => {
                    // Routers with many addresses answer from another; RFC 3417 only says SHOULD.
                    if source.ip() != self.agent.ip() {
                        self.ledger.add(Defect::AnswerFromElsewhere);
                    }
                    // What else came by now; what comes later is nobody's.
                    drop(registered);
                    while candidates.try_recv().is_ok() {
                        self.ledger.add(Defect::AnswerToAnotherRequest);
                    }
                    return Ok(answer);
                }
                Candidate::Reject => self.rejected(datagram, source)?,
            }
        }
        Err(Box::new(self.timed_out(since)))
    }

    fn peer_addr(&self) -> SocketAddr {
        self.agent
    }

    fn local_addr(&self) -> SocketAddr {
        self.socket
            .local_addr()
            .unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, 0).into())
    }

    fn is_reliable(&self) -> bool {
        false
    }

    fn receive_limits(&self) -> ReceiveLimits {
        ReceiveLimits::udp(ANNOUNCED_LEN).unwrap_or(UDP_RECEIVE_LIMITS)
    }

    fn send_capacity(&self) -> usize {
        MAX_UDP_PAYLOAD
    }
}

/// Shortest wait that makes sense for an answer.
pub(crate) const TIMEOUT_MIN: Duration = Duration::from_millis(10);
