//! An SNMP engine: its id, how often it booted, and for how long it has been running. Source: RFC
//! 3411 (SnmpEngineID), RFC 3414 section 2.2.

use model::Timestamp;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// snmpEngineBoots and snmpEngineTime count to 2^31 - 1. Source: RFC 3414 section 2.2.2.
pub(crate) const BOOTS_MAX: u32 = 0x7fff_ffff;
/// The enterprise number for examples. Source: RFC 5612.
const ENTERPRISE: u32 = 32_473;
/// The fifth octet of an engine id whose rest is octets of the administrator's choice.
const FORMAT_OCTETS: u8 = 5;

/// An id of an engine.
// Invariant: 5 to 32 octets, neither all 0x00 nor all 0xff (RFC 3411, SnmpEngineID).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EngineId(Box<[u8]>);

/// Octets that are no engine id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineIdError {
    /// Too few or too many.
    #[error("an engine id has 5 to 32 octets, not {octets}")]
    Length {
        /// How many were given.
        octets: usize,
    },
    /// Reserved.
    #[error("an engine id is neither all zeros nor all ones")]
    Reserved,
}

impl EngineId {
    /// Takes one in.
    pub fn new(octets: &[u8]) -> Result<Self, EngineIdError> {
        if !(5..=32).contains(&octets.len()) {
            return Err(EngineIdError::Length {
                octets: octets.len(),
            });
        }
        if [0x00, 0xff]
            .iter()
            .any(|filler| octets.iter().all(|octet| octet == filler))
        {
            return Err(EngineIdError::Reserved);
        }
        Ok(Self(octets.into()))
    }

    /// One made of an address and port, under the enterprise number for examples.
    pub fn of_address(address: SocketAddr) -> Self {
        let mut octets = (0x8000_0000 | ENTERPRISE).to_be_bytes().to_vec();
        octets.push(FORMAT_OCTETS);
        match address.ip() {
            IpAddr::V4(ip) => octets.extend(ip.octets()),
            IpAddr::V6(ip) => octets.extend(ip.octets()),
        }
        octets.extend(address.port().to_be_bytes());
        Self(octets.into())
    }

    /// Its octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// An engine: its id stays, its clock runs and may be set back by [`Engine::restart`].
#[derive(Debug)]
pub struct Engine {
    id: EngineId,
    life: Mutex<Life>,
}

#[derive(Clone, Copy, Debug)]
struct Life {
    boots: u32,
    started_at: Instant,
    // What the clock showed at `started_at`: an engine may be older than the simulation.
    age: Duration,
}

impl Engine {
    /// An engine that booted for the `boots`th time at `started_at`.
    pub fn new(id: EngineId, boots: u32, started_at: Instant) -> Self {
        Self::with_age(id, boots, started_at, Duration::ZERO)
    }

    /// An engine that booted for the `boots`th time, `age` before `now`.
    pub fn with_age(id: EngineId, boots: u32, now: Instant, age: Duration) -> Self {
        let life = Life {
            boots: boots.min(BOOTS_MAX),
            started_at: now,
            age,
        };
        Self {
            id,
            life: Mutex::new(life),
        }
    }

    /// snmpEngineBoots of an engine that starts now and remembers no earlier start: the seconds since
    /// 1970, which fit until 2038. A manager believes an engine no more whose boots went back; so a
    /// later start has more of them. Source: RFC 3414 section 2.2.2.
    pub fn boots_of_start(now: Timestamp) -> u32 {
        let secs = now.unix_ms().max(0) / 1_000;
        u32::try_from(secs).unwrap_or(BOOTS_MAX).min(BOOTS_MAX)
    }

    /// snmpEngineID
    pub fn id(&self) -> &EngineId {
        &self.id
    }

    /// Boots once more.
    pub fn restart(&self, now: Instant) {
        let mut life = self.life();
        *life = Life {
            boots: life.boots.saturating_add(1).min(BOOTS_MAX),
            started_at: now,
            age: Duration::ZERO,
        };
    }

    /// snmpEngineBoots and snmpEngineTime (seconds). When the time reaches its end, that is another
    /// boot. Source: RFC 3414 section 2.3.
    pub fn boots_and_time(&self, now: Instant) -> (u32, u32) {
        let Life {
            boots,
            started_at,
            age,
        } = *self.life();
        let secs = age
            .saturating_add(now.saturating_duration_since(started_at))
            .as_secs();
        let whole = u64::from(BOOTS_MAX) + 1;
        let boots = u64::from(boots).saturating_add(secs / whole);
        let boots = u32::try_from(boots).unwrap_or(BOOTS_MAX).min(BOOTS_MAX);
        (boots, u32::try_from(secs % whole).unwrap_or(BOOTS_MAX))
    }

    // A life is copied whole, so a panic elsewhere leaves nothing half done.
    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_checked() {
        let check = |octets: &[u8], expected| assert_eq!(EngineId::new(octets).err(), expected);
        check(&[1, 2, 3, 4, 5], None);
        check(&[1; 4], Some(EngineIdError::Length { octets: 4 }));
        check(&[1; 33], Some(EngineIdError::Length { octets: 33 }));
        check(&[0; 5], Some(EngineIdError::Reserved));
        check(&[0xff; 12], Some(EngineIdError::Reserved));
        let made = EngineId::of_address("127.0.0.1:161".parse().unwrap());
        assert_eq!(
            made.as_bytes(),
            [0x80, 0, 0x7e, 0xd9, 5, 127, 0, 0, 1, 0, 161]
        );
        check(made.as_bytes(), None);
    }

    #[test]
    fn the_clock_runs_and_is_set_back() {
        let now = Instant::now();
        let id = EngineId::new(&[1; 5]).unwrap();
        let engine = Engine::with_age(id.clone(), 3, now, Duration::from_secs(100));
        let later = now + Duration::from_millis(1900);
        assert_eq!(engine.boots_and_time(later), (3, 101));
        engine.restart(later);
        assert_eq!(engine.boots_and_time(later), (4, 0));
        let old = Engine::with_age(id, 1, now, Duration::from_secs(1 << 31));
        assert_eq!(old.boots_and_time(now), (2, 0));
    }
}
