//! From what the steps of all series were made: of each part of the range the coarsest.

use super::Part;
use crate::series::rollup::steps::tell;
use crate::series::rollup::{Grain, Part as OfSeries};
use model::Timestamp;

/// The parts of the range, ascending; they cover it.
#[derive(Debug)]
pub(super) struct Levels(Vec<OfSeries>);

impl Levels {
    /// Of samples, as long as nothing else is known.
    pub(super) fn raw(from: Timestamp, to: Timestamp) -> Self {
        let mut all = Vec::new();
        tell(&mut all, from, to, Grain::Raw);
        Self(all)
    }

    /// Takes in what a series was made of: parts that cover the range, ascending.
    pub(super) fn merge(&mut self, parts: &[OfSeries]) {
        // So it mostly is.
        if parts == self.0 {
            return;
        }
        let mut all = Vec::with_capacity(self.0.len() + parts.len());
        let (mut own, mut others) = (self.0.iter().peekable(), parts.iter().peekable());
        let mut from = self.0.first().map(|part| part.from);
        while let (Some(begin), Some(a), Some(b)) = (from, own.peek(), others.peek()) {
            let end = a.to.min(b.to);
            tell(&mut all, begin, end, a.grain.max(b.grain));
            own.next_if(|part| part.to <= end);
            others.next_if(|part| part.to <= end);
            from = Some(end);
        }
        self.0 = all;
    }

    /// The coarsest of all.
    pub(super) fn coarsest(&self) -> Grain {
        let grains = self.0.iter().map(|part| part.grain);
        grains.max().unwrap_or(Grain::Raw)
    }

    pub(super) fn parts(&self) -> Vec<Part> {
        let part = |part: &OfSeries| Part {
            from: part.from,
            to: part.to,
            level: part.grain.name(),
        };
        self.0.iter().map(part).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `r4 h9`: of samples until 4, of hours until 9.
    fn parts(text: &str) -> Vec<OfSeries> {
        let mut all = Vec::new();
        let mut from = 0;
        for word in text.split_whitespace() {
            let (grain, to) = word.split_at(1);
            let grain = match grain {
                "r" => Grain::Raw,
                "f" => Grain::FiveMinutes,
                _ => Grain::Hours,
            };
            let to: i64 = to.parse().unwrap();
            let at = Timestamp::from_unix_ms;
            tell(&mut all, at(from), at(to), grain);
            from = to;
        }
        all
    }

    #[test]
    fn of_each_part_the_coarsest_is_told() {
        let mut levels = Levels::raw(Timestamp::from_unix_ms(0), Timestamp::from_unix_ms(9));
        for (series, expected, coarsest) in [
            ("r9", "r9", Grain::Raw),
            ("r2 f4 r9", "r2 f4 r9", Grain::FiveMinutes),
            ("r3 h5 r9", "r2 f3 h5 r9", Grain::Hours),
            ("f9", "f3 h5 f9", Grain::Hours),
            ("r9", "f3 h5 f9", Grain::Hours),
            ("h9", "h9", Grain::Hours),
        ] {
            levels.merge(&parts(series));
            assert_eq!(levels.0, parts(expected), "{series}");
            assert_eq!(levels.coarsest(), coarsest, "{series}");
        }
    }
}
