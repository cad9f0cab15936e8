//! An answer made of a datagram: the whole agent but its socket.

use super::access::Level;
use super::answer::{self, Scratch};
use super::ber::{self, Reader};
use super::message::{self, Pdu, RESPONSE, Unreadable, Verdict, Version};
use super::names::Names;
use super::socket::REQUEST_LEN_MAX;
use super::stats::Stats;
use super::usm::{Believed, Report};
use super::{Agent, MESSAGE_LEN_MAX, v3};
use crate::mib::{Mib, Value};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// Tag of a Report-PDU. Source: RFC 3416.
const REPORT: u8 = 0xa8;

/// The buffers that answers are made in, used again for every datagram; one a thread. It counts
/// what it did.
#[derive(Default)]
pub struct Responder {
    names: Names,
    scratch: Scratch,
    out: Vec<u8>,
    // A scoped PDU of SNMPv3 as it is before it is enciphered.
    scoped: Vec<u8>,
    pub(super) tally: Stats,
}

impl Responder {
    /// The answer of `agent` to a datagram; none where there is none. What the datagram is, is
    /// counted. Never panics. Memory is bounded by an answer's length for each name asked for.
    pub fn respond(&mut self, agent: &Agent, datagram: &[u8], now: Instant) -> Option<&[u8]> {
        self.out.clear();
        let (version, message) = match message::open(datagram) {
            Ok(opened) => opened,
            Err(Unreadable::Version) => {
                self.tally.bad_version += 1;
                return None;
            }
            Err(Unreadable::Malformed) => {
                self.tally.malformed += 1;
                return None;
            }
        };
        match version {
            Version::V1 | Version::V2c => self.by_community(agent, version, message)?,
            Version::V3 => self.by_user(agent, datagram, message, now)?,
        }
        Some(&self.out)
    }

    /// What was counted so far.
    pub fn stats(&self) -> Stats {
        self.tally
    }

    fn by_community(&mut self, agent: &Agent, version: Version, message: Reader<'_>) -> Option<()> {
        let Some(message) = message::community(version, message, &mut self.names) else {
            self.tally.malformed += 1;
            return None;
        };
        let Some(mib) = agent.by_community(message.community) else {
            self.tally.bad_community += 1;
            return None;
        };
        let overhead = message::overhead(&message);
        let room = agent.message_len_max.saturating_sub(overhead);
        let verdict = self.answer(&message.pdu, version, mib, room);
        message::put_answer(&mut self.out, &message, verdict, &self.scratch.list);
        self.sendable(Some(()))
    }

    /// Whether what was written may be sent. A question that is sent back, as by SNMPv1, may have
    /// become longer than a datagram can be.
    fn sendable(&mut self, written: Option<()>) -> Option<()> {
        let sendable = written.filter(|()| self.out.len() <= MESSAGE_LEN_MAX);
        if sendable.is_none() {
            self.tally.unsent += 1;
        }
        sendable
    }

    fn by_user(
        &mut self,
        agent: &Agent,
        datagram: &[u8],
        message: Reader<'_>,
        now: Instant,
    ) -> Option<()> {
        let Some(message) = v3::read(datagram.len(), message) else {
            self.tally.malformed += 1;
            return None;
        };
        let at = Moment {
            agent,
            message: &message,
            clock: agent.engine.boots_and_time(now),
        };
        let believed = agent.security.believe(
            &agent.access,
            agent.engine.id(),
            at.clock,
            &message,
            datagram,
        );
        let believed = match believed {
            Ok(believed) => believed,
            Err((report, believed)) => {
                // The question's own id may be read only where nothing hides it.
                let id = match message.level {
                    Level::AuthPriv => 0,
                    _ => self.request_id(message.data),
                };
                return self.report(&at, report, id, believed.as_ref());
            }
        };
        let deciphered;
        let scoped = if message.level == Level::AuthPriv {
            // A wrong key makes noise of a scoped PDU, and only its tag and length can tell.
            let plain = believed.decipher(&message);
            let Some(plain) = plain.filter(|plain| Reader(plain).sequence().is_some()) else {
                return self.report(&at, Report::DecryptionError, 0, None);
            };
            deciphered = plain;
            Reader(&deciphered).sequence()?.0
        } else {
            message.data
        };
        let read = v3::scope(scoped).and_then(|scope| {
            let mut rest = scope.pdu;
            let pdu = message::pdu(&mut rest, Version::V3, &mut self.names)?;
            rest.is_empty().then_some((scope, pdu))
        });
        let Some((scope, pdu)) = read else {
            self.tally.malformed += 1;
            return None;
        };
        // Some ask for the default context of no engine in particular, and mean ours.
        let own = agent.engine.id().as_bytes();
        if !(scope.engine_id.is_empty() || scope.engine_id == own) {
            let report = Report::UnknownPduHandler;
            return self.report(&at, report, pdu.request_id, Some(&believed));
        }
        let Some(mib) = agent.by_context(scope.context) else {
            let report = Report::UnknownContext;
            return self.report(&at, report, pdu.request_id, Some(&believed));
        };
        let verdict = if believed.is_high_enough() {
            // Salts have eight octets with every cipher.
            let salt: &[u8] = match believed.level() {
                Level::AuthPriv => &[0; 8],
                _ => &[],
            };
            let envelope = at.envelope(Some(&believed), salt);
            let overhead = v3::overhead(&envelope, &scope, &pdu);
            let longest = agent.message_len_max.min(message.max_size);
            let room = longest.saturating_sub(overhead);
            self.answer(&pdu, Version::V3, mib, room)
        } else {
            answer::echo(&pdu, &mut self.scratch);
            answer::NOT_AUTHORIZED
        };
        let what = What {
            tag: RESPONSE,
            request_id: pdu.request_id,
            verdict,
        };
        let written = self.put(&at, &what, scope.engine_id, scope.context, Some(&believed));
        self.sendable(written)
    }

    /// The request-id of a scoped PDU that nobody vouches for; 0 where there is none to be read.
    /// Source: RFC 3412 section 7.1, step 3.
    fn request_id(&mut self, scoped: &[u8]) -> i32 {
        v3::scope(scoped)
            .and_then(|mut scope| message::pdu(&mut scope.pdu, Version::V3, &mut self.names))
            .map_or(0, |pdu| pdu.request_id)
    }

    fn report(
        &mut self,
        at: &Moment<'_>,
        report: Report,
        request_id: i32,
        believed: Option<&Believed<'_>>,
    ) -> Option<()> {
        let count = at.agent.security.count(report);
        if !at.message.reportable {
            return None;
        }
        self.tally.reports += 1;
        let list = &mut self.scratch.list;
        list.clear();
        ber::put_varbind(list, report.oid(), &Value::Counter32(count));
        let what = What {
            tag: REPORT,
            request_id,
            verdict: Verdict {
                status: 0,
                index: 0,
            },
        };
        let own = at.agent.engine.id().as_bytes();
        let written = self.put(at, &what, own, b"", believed);
        self.sendable(written)
    }

    /// Writes an answer or report of SNMPv3 around the VarBinds in `scratch`, protected as the
    /// question was; without a believed question, not at all. None where a cipher failed.
    fn put(
        &mut self,
        at: &Moment<'_>,
        what: &What,
        engine_id: &[u8],
        context: &[u8],
        believed: Option<&Believed<'_>>,
    ) -> Option<()> {
        let Self {
            scratch,
            out,
            scoped,
            ..
        } = self;
        let (boots, time) = at.clock;
        let level = believed.map_or(Level::NoAuthNoPriv, Believed::level);
        scoped.clear();
        let pdu_len = message::pdu_len(what.request_id, what.verdict, scratch.list.len());
        v3::put_scope(scoped, engine_id, context, pdu_len);
        message::put_pdu(
            scoped,
            what.tag,
            what.request_id,
            what.verdict,
            &scratch.list,
        );
        let hidden = match believed {
            Some(believed) if level == Level::AuthPriv => {
                Some(believed.encipher(scoped, boots, time)?)
            }
            _ => None,
        };
        let (data, salt) = hidden
            .as_ref()
            .map_or((scoped.as_slice(), &[][..]), |(data, salt)| (data, salt));
        let envelope = at.envelope(believed, salt);
        let auth_at = v3::put(out, &envelope, data);
        if let Some(believed) = believed {
            believed.sign(out, &envelope, auth_at)?;
        }
        Some(())
    }

    fn answer(&mut self, pdu: &Pdu<'_>, version: Version, mib: &dyn Mib, room: usize) -> Verdict {
        let Self { names, scratch, .. } = self;
        // A device that panics answers as a real one whose lookup failed, and the others go on. The
        // buffers are cleared before they are used again.
        let answered = catch_unwind(AssertUnwindSafe(|| {
            answer::answer(pdu, names, version, mib, room, scratch)
        }));
        answered.unwrap_or_else(|_| {
            self.tally.mib_panics += 1;
            answer::echo(pdu, &mut self.scratch);
            answer::FAILED
        })
    }
}

/// What a message of SNMPv3 is answered with.
#[derive(Clone, Copy)]
struct Moment<'a> {
    agent: &'a Agent,
    message: &'a v3::Message<'a>,
    /// snmpEngineBoots and snmpEngineTime.
    clock: (u32, u32),
}

impl<'a> Moment<'a> {
    /// What an answer says besides its scoped PDU.
    fn envelope(&self, believed: Option<&Believed<'_>>, salt: &'a [u8]) -> v3::Envelope<'a> {
        let (boots, time) = self.clock;
        v3::Envelope {
            id: self.message.id,
            max_size: REQUEST_LEN_MAX,
            level: believed.map_or(Level::NoAuthNoPriv, Believed::level),
            engine_id: self.agent.engine.id().as_bytes(),
            boots,
            time,
            user: self.message.user,
            auth_len: believed.map_or(0, Believed::auth_len),
            privacy: salt,
        }
    }
}

/// The head of a PDU.
#[derive(Clone, Copy)]
struct What {
    tag: u8,
    request_id: i32,
    verdict: Verdict,
}
