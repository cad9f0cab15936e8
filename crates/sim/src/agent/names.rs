//! The names that a request asks for: one buffer for all, used again for the next request.

/// Most arcs of an OBJECT IDENTIFIER. Source: RFC 2578 section 3.5.
const ARCS_MAX: usize = 128;

/// Object identifiers, one behind the other.
// Invariant: `ends` ascends and its last is `arcs.len()`.
#[derive(Default)]
pub(crate) struct Names {
    arcs: Vec<u32>,
    ends: Vec<usize>,
}

impl Names {
    pub(crate) fn clear(&mut self) {
        self.arcs.clear();
        self.ends.clear();
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u32]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(self.ends.iter().copied())
            .map(|(start, end)| self.arcs.get(start..end).unwrap_or(&[]))
    }

    /// Takes one in from the contents of its encoding; none where that is no object identifier.
    pub(crate) fn push_encoded(&mut self, contents: &[u8]) -> Option<()> {
        let start = self.arcs.len();
        let mut subidentifiers = Subidentifiers(contents);
        // What has no arcs at all is zeroDotZero to widespread agents, and to us.
        let first = match contents {
            [] => 0,
            _ => subidentifiers.next()??,
        };
        let top = (first / 40).min(2);
        self.arcs.push(u32::try_from(top).ok()?);
        self.arcs.push(u32::try_from(first - top * 40).ok()?);
        for arc in subidentifiers {
            self.arcs.push(u32::try_from(arc?).ok()?);
            if self.arcs.len() - start > ARCS_MAX {
                return None;
            }
        }
        self.ends.push(self.arcs.len());
        Some(())
    }
}

/// Numbers in base 128, the high bit of an octet saying that more follow. Gives none, once, for one
/// that does not end or is over 35 bits long.
struct Subidentifiers<'a>(&'a [u8]);

impl Iterator for Subidentifiers<'_> {
    type Item = Option<u64>;

    fn next(&mut self) -> Option<Option<u64>> {
        if self.0.is_empty() {
            return None;
        }
        let mut value = 0u64;
        for _ in 0..5 {
            let Some((&octet, rest)) = self.0.split_first() else {
                break;
            };
            self.0 = rest;
            value = value << 7 | u64::from(octet & 0x7f);
            if octet & 0x80 == 0 {
                return Some(Some(value));
            }
        }
        self.0 = &[];
        Some(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(contents: &[u8], expected: Option<&[u32]>) {
        let mut names = Names::default();
        let read = names
            .push_encoded(contents)
            .and_then(|()| names.iter().next());
        assert_eq!(read, expected, "{contents:02x?}");
    }

    #[test]
    fn names_as_they_come() {
        check(&[0x2b, 6, 1], Some(&[1, 3, 6, 1]));
        check(&[], Some(&[0, 0]));
        check(&[0x88, 0x37], Some(&[2, 999]));
        check(
            &[0x2b, 0x8f, 0xff, 0xff, 0xff, 0x7f],
            Some(&[1, 3, u32::MAX]),
        );
        // A number that does not end, one of 33 bits, one of 36.
        check(&[0x2b, 0x86], None);
        check(&[0x2b, 0x90, 0x80, 0x80, 0x80, 0x00], None);
        check(&[0x2b, 0x81, 0x80, 0x80, 0x80, 0x80, 0x00], None);
        check(&[1; 128], None);
        assert!(Names::default().push_encoded(&[1; 127]).is_some());
    }
}
