//! Sequence numbers: what went missing between an exporter and us.

/// A gap larger than this is a new beginning, not a loss: a hundred thousand flows a second that are
/// lost for two minutes.
const GAP_MAX: u32 = 1 << 24;
/// How far back a datagram may be and still be one that came late, in datagrams.
const LATE_MAX: u32 = 64;
/// So many late ones in a row, each after the other, are a new beginning.
const STRAYS_MAX: u8 = 3;

/// What number comes next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sequence {
    expected: Option<u32>,
    stray_next: u32,
    strays: u8,
}

/// What the number of a datagram tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    InOrder,
    /// So many are missing before it.
    After(u32),
    /// It was taken for lost before.
    Late,
    /// The exporter counts anew.
    Restarted,
}

impl Sequence {
    /// A datagram came with this number and moves it on by so many.
    pub(super) fn arrived(&mut self, number: u32, step: u32) -> Arrival {
        let next = number.wrapping_add(step);
        let Some(expected) = self.expected.replace(next) else {
            return Arrival::InOrder;
        };
        let gap = number.wrapping_sub(expected);
        if gap < GAP_MAX {
            self.strays = 0;
            return if gap == 0 {
                Arrival::InOrder
            } else {
                Arrival::After(gap)
            };
        }
        let behind = expected.wrapping_sub(number);
        if behind > LATE_MAX.saturating_mul(step.max(1)) {
            self.strays = 0;
            return Arrival::Restarted;
        }
        let follows = self.strays > 0 && self.stray_next == number;
        self.strays = if follows { self.strays + 1 } else { 1 };
        self.stray_next = next;
        if self.strays >= STRAYS_MAX {
            self.strays = 0;
            return Arrival::Restarted;
        }
        self.expected = Some(expected);
        Arrival::Late
    }

    /// How far the last datagram moves the number on is not known.
    pub(super) fn forget(&mut self) {
        self.expected = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(step: u32, numbers: &[(u32, Arrival)]) {
        let mut sequence = Sequence::default();
        for (place, (number, arrival)) in numbers.iter().enumerate() {
            assert_eq!(sequence.arrived(*number, step), *arrival, "{place}");
        }
    }

    #[test]
    fn gaps_late_ones_and_new_beginnings_are_told_apart() {
        use Arrival::{After, InOrder, Late, Restarted};
        check(
            1,
            &[
                (7, InOrder),
                (8, InOrder),
                (10, After(1)),
                (9, Late),
                (11, InOrder),
            ],
        );
        check(
            30,
            &[(u32::MAX - 29, InOrder), (0, InOrder), (90, After(60))],
        );
        check(1, &[(1_000_000, InOrder), (0, Restarted), (1, InOrder)]);
        // Restarted soon after its start.
        check(
            1,
            &[
                (9, InOrder),
                (0, Late),
                (1, Late),
                (2, Restarted),
                (3, InOrder),
            ],
        );
    }
}
