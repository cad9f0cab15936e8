//! Engines: ours, which is authoritative for informs, and those of devices, which are for their
//! traps. Source: RFC 3411 section 5 (snmpEngineID), RFC 3414 sections 2.2 and 2.3.

use bytes::Bytes;
use std::collections::HashMap;
use std::time::Duration;

/// Most that engine boots and engine time may say. Source: RFC 3414 section 2.2.2.
const BOOTS_MAX: u32 = 0x7fff_ffff;
/// Seconds that a message may be off. Source: RFC 3414 section 2.2.3.
const TIME_WINDOW_SECS: u32 = 150;
/// Engines of devices whose time is remembered: one for each device, with room to spare. Beyond it
/// the one that was silent longest is forgotten, and believed anew.
const REMOTE_ENGINES_MAX: usize = 16_384;

/// An engine id or a count of boots that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// RFC 3411 bounds an engine id to 5 to 32 octets.
    #[error("an engine id has 5 to 32 octets")]
    Length,
    /// The count is used up; the engine needs another id (RFC 3414 section 2.2.2).
    #[error("the engine began too often; it needs another id")]
    Boots,
    /// The system has no random numbers.
    #[error("there are no random numbers to make an engine id of")]
    Random,
}

/// Our engine, as it is since this start.
// Invariant: `id` has 5 to 32 octets; `boots` is 1 to below BOOTS_MAX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalEngine {
    id: Bytes,
    boots: u32,
}

impl LocalEngine {
    /// The engine that has begun `boots` times, this time counted.
    pub fn new(id: &[u8], boots: u32) -> Result<Self, EngineError> {
        if !(5..=32).contains(&id.len()) {
            return Err(EngineError::Length);
        }
        if !(1..BOOTS_MAX).contains(&boots) {
            return Err(EngineError::Boots);
        }
        Ok(Self {
            id: Bytes::copy_from_slice(id),
            boots,
        })
    }

    /// A new engine at its first start, under an id made at random.
    pub fn make() -> Result<Self, EngineError> {
        let id = async_snmp::v3::generate_engine_id().map_err(|_| EngineError::Random)?;
        Self::new(&id, 1)
    }

    /// snmpEngineID.
    pub fn id(&self) -> &Bytes {
        &self.id
    }

    /// snmpEngineBoots.
    pub fn boots(&self) -> u32 {
        self.boots
    }

    /// snmpEngineTime.
    pub(super) fn time(elapsed: Duration) -> u32 {
        u32::try_from(elapsed.as_secs())
            .unwrap_or(BOOTS_MAX)
            .min(BOOTS_MAX)
    }

    /// Whether a message to us is fresh. Source: RFC 3414 section 3.2, step 7a.
    pub(super) fn is_fresh(&self, boots: u32, time: u32, elapsed: Duration) -> bool {
        boots == self.boots && time.abs_diff(Self::time(elapsed)) <= TIME_WINDOW_SECS
    }
}

/// Whether another engine's time can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timeliness {
    Timely,
    Late,
}

/// What an engine last said of its time in a message that was authenticated.
struct Remote {
    boots: u32,
    latest_time: u32,
    /// Our elapsed time when it said so.
    at: Duration,
    seen: Duration,
}

/// Engines of devices.
// Invariant: at most REMOTE_ENGINES_MAX.
#[derive(Default)]
pub(super) struct EngineTable(HashMap<Vec<u8>, Remote>);

impl EngineTable {
    /// Checks what a message that was authenticated says, and remembers it.
    pub(super) fn check(
        &mut self,
        engine_id: &[u8],
        boots: u32,
        time: u32,
        now: Duration,
    ) -> Timeliness {
        if let Some(known) = self.0.get_mut(engine_id) {
            known.seen = now;
            return known.check(boots, time, now);
        }
        if boots >= BOOTS_MAX {
            return Timeliness::Late;
        }
        self.make_room();
        let first = Remote {
            boots,
            latest_time: time,
            at: now,
            seen: now,
        };
        self.0.insert(engine_id.to_vec(), first);
        Timeliness::Timely
    }

    fn make_room(&mut self) {
        if self.0.len() < REMOTE_ENGINES_MAX {
            return;
        }
        let oldest = self.0.iter().min_by_key(|(_, remote)| remote.seen);
        if let Some(id) = oldest.map(|(id, _)| id.clone()) {
            self.0.remove(&id);
        }
    }
}

impl Remote {
    fn check(&mut self, boots: u32, time: u32, now: Duration) -> Timeliness {
        if boots >= BOOTS_MAX || boots < self.boots {
            return Timeliness::Late;
        }
        let newer = boots > self.boots || time > self.latest_time;
        if newer {
            self.boots = boots;
            self.latest_time = time;
            self.at = now;
            return Timeliness::Timely;
        }
        let since = now.saturating_sub(self.at).as_secs();
        let expected = u64::from(self.latest_time).saturating_add(since);
        if u64::from(time).saturating_add(u64::from(TIME_WINDOW_SECS)) < expected {
            Timeliness::Late
        } else {
            Timeliness::Timely
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_cannot_be() {
        assert_eq!(
            LocalEngine::new(&[1; 4], 1).err(),
            Some(EngineError::Length)
        );
        assert_eq!(
            LocalEngine::new(&[1; 33], 1).err(),
            Some(EngineError::Length)
        );
        assert_eq!(LocalEngine::new(&[1; 5], 0).err(), Some(EngineError::Boots));
        assert_eq!(
            LocalEngine::new(&[1; 5], BOOTS_MAX).err(),
            Some(EngineError::Boots)
        );
        let engine = LocalEngine::new(&[1; 5], 3).unwrap();
        let now = Duration::from_secs(1000);
        assert!(engine.is_fresh(3, 850, now) && engine.is_fresh(3, 1150, now));
        assert!(!engine.is_fresh(3, 849, now) && !engine.is_fresh(2, 1000, now));
    }

    #[test]
    fn a_clock_that_goes_on_is_believed_and_one_that_goes_back_is_not() {
        let mut table = EngineTable::default();
        let secs = Duration::from_secs;
        let mut check = |boots, time, at| table.check(b"engine", boots, time, secs(at));
        assert_eq!(check(4, 1_000, 0), Timeliness::Timely);
        assert_eq!(check(4, 1_010, 10), Timeliness::Timely);
        // Late by the window, and by more.
        assert_eq!(check(4, 900, 20), Timeliness::Timely);
        assert_eq!(check(4, 800, 20), Timeliness::Late);
        assert_eq!(check(3, 5_000, 21), Timeliness::Late);
        // It has begun anew, with its time at zero.
        assert_eq!(check(5, 1, 30), Timeliness::Timely);
        assert_eq!(check(4, 1_030, 30), Timeliness::Late);
        assert_eq!(check(BOOTS_MAX, 1, 31), Timeliness::Late);
        // A record of a message is no use later.
        assert_eq!(check(5, 1, 160), Timeliness::Timely);
        assert_eq!(check(5, 1, 190), Timeliness::Late);
    }

    #[test]
    fn engines_beyond_the_bound_take_the_place_of_the_oldest() {
        let mut table = EngineTable::default();
        for number in 0..REMOTE_ENGINES_MAX + 10 {
            let now = Duration::from_secs(number as u64);
            table.check(&number.to_be_bytes(), 1, 1, now);
        }
        assert_eq!(table.0.len(), REMOTE_ENGINES_MAX);
        assert!(!table.0.contains_key(0usize.to_be_bytes().as_slice()));
    }
}
