//! An answer made of a datagram: the whole agent but its socket.

use super::answer::{self, Scratch};
use super::ber::Reader;
use super::message::{self, Message, Unreadable, Version};
use super::names::Names;
use super::stats::Stats;
use super::{Agent, MESSAGE_LEN_MAX};
use crate::mib::Mib;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// The buffers that answers are made in, used again for every datagram; one a thread. It counts
/// what it did.
#[derive(Default)]
pub struct Responder {
    names: Names,
    scratch: Scratch,
    out: Vec<u8>,
    pub(super) tally: Stats,
}

impl Responder {
    /// The answer of `agent` to a datagram; none where there is none. What the datagram is, is
    /// counted. Never panics, and takes no more memory than a few times the longest answer.
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
            Version::V3 => {
                let _ = now;
                return None;
            }
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
        let overhead = message::overhead(message.community);
        let room = agent.message_len_max.saturating_sub(overhead);
        let verdict = self.answer(&message, mib, room);
        message::put_answer(&mut self.out, &message, verdict, &self.scratch.list);
        // A question that is sent back, as by SNMPv1, may be longer than its answer may be.
        (self.out.len() <= MESSAGE_LEN_MAX).then_some(())
    }

    fn answer(&mut self, message: &Message<'_>, mib: &dyn Mib, room: usize) -> message::Verdict {
        let Self { names, scratch, .. } = self;
        // A device that panics answers as a real one whose lookup failed, and the others go on. The
        // buffers are cleared before they are used again.
        let answered = catch_unwind(AssertUnwindSafe(|| {
            answer::answer(&message.pdu, names, message.version, mib, room, scratch)
        }));
        answered.unwrap_or_else(|_| {
            self.tally.mib_panics += 1;
            answer::echo(&message.pdu, &mut self.scratch);
            answer::FAILED
        })
    }
}
