//! Reading a device by the standard MIBs: what to ask, and what the answers mean.
//!
//! A look has two halves. The asking half (here) names the columns of the groups that are wanted and
//! walks them together. The reading half is pure: each file under `snmp/` turns rows of one MIB into
//! facts and readings, without a packet, so that a recording tests it as well as a device.
//! How a question is put on the wire is the `snmp` crate's business; when it is put, the schedule's.

pub mod decode;
mod groups;
mod look;
mod rows;

pub use groups::Groups;
pub use look::Look;
pub use rows::Rows;

use ::snmp::{Session, SessionError};
use model::Clock;

/// Enough of a device to know it again: the system group, its engine id, chassis id, serial.
pub async fn identify(session: &mut Session, clock: &Clock) -> Result<Look, SessionError> {
    let look = read(session, Groups::SYSTEM, clock).await;
    match &look.error {
        Some(error) if look.answered_at.is_none() => Err(error.clone()),
        _ => Ok(look),
    }
}

/// Reads the groups that are wanted. What could not be read is missing from
/// [`Look::complete`]; what ended the look early is [`Look::error`].
pub async fn read(session: &mut Session, groups: Groups, clock: &Clock) -> Look {
    let mut look = Look {
        asked: groups,
        ..Look::default()
    };
    match session
        .get(&[::snmp::oid!(1, 3, 6, 1, 2, 1, 1, 3, 0)])
        .await
    {
        Ok(_) => look.answered_at = Some(clock.now()),
        Err(error) => look.error = Some(error),
    }
    look.defects = session.take_defects();
    look
}
