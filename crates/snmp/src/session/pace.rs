//! How much an agent bears in one answer, learned as it goes.

/// Objects asked for in the first answer: they fit an Ethernet frame with room to spare.
const OBJECTS_START: u32 = 48;
/// Objects asked for in the first answer of which little is wanted.
const OBJECTS_SPARING: u32 = 8;
/// Objects asked for at most: a frame of 1,472 octets holds about 60 counters; agents cut the rest.
const OBJECTS_MAX: u32 = 96;
/// How much more is asked after each good answer.
const OBJECTS_GROWTH: u32 = 4;
/// Failures that only GETBULK shows, after which the agent is asked by GETNEXT alone.
const BULK_FAULTS_MAX: u32 = 3;

/// How much is asked for at once. Halved at every failure, grown slowly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    objects: u32,
    v1: bool,
    bulk_faults: u32,
}

impl Pace {
    pub(crate) fn new(v1: bool) -> Self {
        Self {
            objects: OBJECTS_START,
            v1,
            bulk_faults: 0,
        }
    }
    /// Of tables of which little is wanted: what lies behind it may be slow to find, and its names may
    /// be so long that an answer with many is too big, over which net-snmp 5.9.3 ends by SNMPv3.
    pub(crate) fn sparing(&self) -> Self {
        Self {
            objects: self.objects.min(OBJECTS_SPARING),
            ..self.clone()
        }
    }
    /// Whether GETBULK may be used.
    pub(crate) fn bulk(&self) -> bool {
        !self.v1 && self.bulk_faults < BULK_FAULTS_MAX
    }
    /// max-repetitions for a question about so many columns.
    pub(crate) fn repetitions(&self, columns: usize) -> u32 {
        let columns = u32::try_from(columns.max(1)).unwrap_or(u32::MAX);
        (self.objects / columns).max(1)
    }
    pub(crate) fn went_well(&mut self) {
        self.objects = (self.objects + OBJECTS_GROWTH).min(OBJECTS_MAX);
    }
    pub(crate) fn went_badly(&mut self) {
        self.objects = (self.objects / 2).max(1);
    }
    /// GETBULK failed where GETNEXT did not.
    pub(crate) fn bulk_failed(&mut self) {
        self.bulk_faults = self.bulk_faults.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_at_once_and_grows_slowly() {
        let mut pace = Pace::new(false);
        assert_eq!(pace.repetitions(4), 12);
        pace.went_badly();
        assert_eq!(pace.repetitions(4), 6);
        for _ in 0..20 {
            pace.went_badly();
        }
        assert_eq!(pace.repetitions(4), 1);
        for _ in 0..100 {
            pace.went_well();
        }
        assert_eq!(pace.repetitions(1), OBJECTS_MAX);
        assert_eq!(pace.repetitions(0), OBJECTS_MAX);
    }

    #[test]
    fn bulk_is_given_up_after_repeated_faults_and_never_used_on_v1() {
        let mut pace = Pace::new(false);
        for _ in 0..BULK_FAULTS_MAX {
            assert!(pace.bulk());
            pace.bulk_failed();
        }
        assert!(!pace.bulk());
        assert!(!Pace::new(true).bulk());
    }
}
