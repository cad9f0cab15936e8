//! Which days there are roll-ups of, and whether they may be used. Pure: of a list of packs.
//!
//! A roll-up is of the samples that there were when it was made, and generations tell what was made
//! later. It may be used while no later pack has samples of its day, for a device while no later pack
//! has any of that device ([`Day::at`]). Where nothing is left of what it was made of, as retention
//! keeps roll-ups longer than samples, it is all there is, and is used whatever came since.

use super::DAY_MS;
use crate::blocks::Level;
use crate::pack::{Kind, PackId, PackMeta};
use model::Timestamp;
use std::collections::BTreeMap;

/// What there is of a UTC day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::series) struct Day {
    /// Packs of samples of it.
    pub(in crate::series) samples: Vec<PackId>,
    /// Packs of roll-ups of it, by five minutes and by hours, each ascending by generation.
    fives: Vec<PackId>,
    hours: Vec<PackId>,
}

/// The days that packs of `[from, to)` are of, by their starts.
pub(in crate::series) fn days(
    list: &[PackMeta],
    from: Timestamp,
    to: Timestamp,
) -> BTreeMap<Timestamp, Day> {
    let mut days: BTreeMap<Timestamp, Day> = BTreeMap::new();
    let met = list.iter().map(|meta| meta.id);
    for id in met.filter(|id| id.start < to && id.end() > from) {
        let mut start = Level::Day.start(id.start.max(from));
        while start < id.end().min(to) {
            let day = days.entry(start).or_default();
            let of = match id.kind {
                Kind::Samples => &mut day.samples,
                Kind::FiveMinutes => &mut day.fives,
                Kind::Hours => &mut day.hours,
            };
            of.push(id);
            start = Timestamp::from_unix_ms(start.unix_ms().saturating_add(DAY_MS));
        }
    }
    for day in days.values_mut() {
        for rolled in [&mut day.fives, &mut day.hours] {
            rolled.sort_unstable_by_key(|id| id.generation);
        }
    }
    days
}

impl Day {
    /// Its packs of roll-ups of a kind, ascending by generation; of samples there are none.
    pub(in crate::series) fn rolled(&self, kind: Kind) -> &[PackId] {
        match kind {
            Kind::Samples => &[],
            Kind::FiveMinutes => &self.fives,
            Kind::Hours => &self.hours,
        }
    }

    /// Packs of samples that were made before a roll-up, and so may be what it was made of.
    pub(in crate::series) fn before(&self, rolled: &PackId) -> impl Iterator<Item = &PackId> {
        let generation = rolled.generation;
        let samples = self.samples.iter();
        samples.filter(move |id| id.generation < generation)
    }

    /// Packs of samples that were made after it, and may have what it does not.
    pub(in crate::series) fn after(&self, rolled: &PackId) -> impl Iterator<Item = &PackId> {
        let generation = rolled.generation;
        let samples = self.samples.iter();
        samples.filter(move |id| id.generation > generation)
    }

    /// Whether it has roll-ups of a kind that are of all there is.
    pub(in crate::series) fn is_rolled(&self, kind: Kind) -> bool {
        let latest = self.rolled(kind).last();
        latest.is_some_and(|latest| self.after(latest).next().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::Totals;

    /// `s10` is a day's pack of samples of generation 10, `h2` a half-hour's, `f5` and `o5` roll-ups,
    /// `m7` those of the month by hours.
    fn day(text: &str) -> Day {
        let start = Timestamp::from_unix_ms(20_513 * DAY_MS);
        let metas = text.split_whitespace().map(|word| {
            let (what, generation) = word.split_at(1);
            let (kind, level) = match what {
                "s" => (Kind::Samples, Level::Day),
                "h" => (Kind::Samples, Level::HalfHour),
                "f" => (Kind::FiveMinutes, Level::Day),
                "o" => (Kind::Hours, Level::Day),
                "m" => (Kind::Hours, Level::Month),
                other => panic!("{other}"),
            };
            PackMeta {
                id: PackId {
                    start: level.start(start),
                    level,
                    kind,
                    class: 0,
                    shard: 0,
                    generation: generation.parse().unwrap(),
                },
                bytes: 0,
                totals: Totals::default(),
                crc: 0,
            }
        });
        let metas: Vec<PackMeta> = metas.collect();
        let end = Timestamp::from_unix_ms(start.unix_ms() + 1);
        let days = days(&metas, start, end);
        assert!(days.len() <= 1);
        days.into_values().next().unwrap_or_default()
    }

    #[test]
    fn roll_ups_stand_by_generation() {
        for (text, rolled) in [
            ("", false),
            ("s10", false),
            ("s10 f11 o12", true),
            ("s10 m40", true),
            // Something came.
            ("s10 f11 o12 h20", false),
            ("s10 f11 o12 m15 h20", false),
            // It was made anew: with its roll-ups, or not yet.
            ("s21 f22 o23 m15", true),
            ("s10 s21 f11 o12", false),
            // The samples are gone; some came since, or were written again without the others.
            ("f11 o12", true),
            ("m40", true),
            ("f11 o12 h20", false),
            ("o12 s20", false),
        ] {
            assert_eq!(day(text).is_rolled(Kind::Hours), rolled, "{text}");
        }
    }

    #[test]
    fn days_of_a_month() {
        let month = Level::Month.start(Timestamp::from_unix_ms(20_513 * DAY_MS));
        let id = super::super::write::id(Kind::Hours, Level::Month, month);
        let meta = PackMeta {
            id,
            bytes: 0,
            totals: Totals::default(),
            crc: 0,
        };
        let from = Timestamp::from_unix_ms(month.unix_ms() - DAY_MS);
        let to = Timestamp::from_unix_ms(month.unix_ms() + 70 * DAY_MS);
        assert_eq!(days(&[meta], from, to).len(), 31);
        let to = Timestamp::from_unix_ms(month.unix_ms() + 1);
        assert_eq!(days(&[meta], from, to).len(), 1);
    }
}
