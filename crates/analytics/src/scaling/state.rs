//! What a trigger knows, as bytes.

use super::course::{Course, HOURS, SINCE_MAX, slots};
use super::learner::FEATURES;
use super::{ScalingOptions, Trigger, Unscalable};

/// The first word: which layout follows.
const LAYOUT: u64 = 1;
/// Means, shares and weights are never beyond this.
const NUMBER_MAX: f64 = 1e101;

impl Trigger {
    /// All that it knows, as little-endian words of 64 bits: the layout, the options, and the state. Under
    /// 16 KiB. O(length).
    pub fn encode(&self) -> Vec<u8> {
        let mut words = head(&self.options).to_vec();
        let flag = u64::from;
        let size = |of: usize| of as u64;
        let (last_secs, last) = self.last.unwrap_or_default();
        words.extend([
            flag(self.last.is_some()),
            last_secs.cast_unsigned(),
            last.to_bits(),
            flag(self.raised_for.is_some()),
            size(self.raised_for.unwrap_or_default()),
            flag(self.course.begun),
            size(self.course.since),
            size(self.over.len()),
            size(self.looked.len()),
        ]);
        words.extend(self.over.iter().map(|over| flag(*over)));
        words.extend(self.looked.iter().map(|(_, since)| size(*since)));
        let mut copy = self.clone();
        copy.each(&mut |number| words.push(number.to_bits()));
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// The trigger that was encoded. Refused where the options are others, or the bytes say what no trigger
    /// does.
    pub fn decode(options: ScalingOptions, bytes: &[u8]) -> Result<Self, Unscalable> {
        let mut trigger = Self::new(options)?;
        let (chunks, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(Unscalable::State);
        }
        let mut words = chunks.iter().map(|chunk| u64::from_le_bytes(*chunk));
        trigger.read(&mut words).ok_or(Unscalable::State)?;
        match words.next() {
            None => Ok(trigger),
            Some(_) => Err(Unscalable::State),
        }
    }

    fn read(&mut self, words: &mut impl Iterator<Item = u64>) -> Option<()> {
        for expected in head(&self.options) {
            (words.next()? == expected).then_some(())?;
        }
        let (known, last_secs) = (flag(words.next()?)?, words.next()?.cast_signed());
        let last = f64::from_bits(words.next()?);
        super::tellable(last).then_some(())?;
        self.last = known.then_some((last_secs, last));
        let (raised, raised_for) = (flag(words.next()?)?, size(words.next()?, usize::MAX)?);
        self.raised_for = raised.then_some(raised_for);
        self.course.begun = flag(words.next()?)?;
        self.course.since = size(words.next()?, usize::MAX - 1)?;
        let over = size(words.next()?, 2 * self.options.lead_max + 2)?;
        let looked = size(words.next()?, self.options.lead_max + 1)?;
        for _ in 0..over {
            self.over.push_back(flag(words.next()?)?);
        }
        for _ in 0..looked {
            let since = size(words.next()?, usize::MAX - 1)?;
            self.looked.push_back(([0.0; FEATURES], since));
        }
        let mut whole = Some(());
        self.each(&mut |number| {
            let read = words.next().map(f64::from_bits);
            match read.filter(|read| read.abs() <= NUMBER_MAX) {
                Some(read) => *number = read,
                None => whole = None,
            }
        });
        whole
    }

    /// Each number of the state, in the order of the layout.
    fn each(&mut self, with: &mut impl FnMut(&mut f64)) {
        let Course {
            level,
            spread,
            means,
            shares,
            of_day,
            of_week,
            of_since,
            begun: _,
            since: _,
        } = &mut self.course;
        debug_assert_eq!(of_day.len(), slots(&self.options));
        debug_assert_eq!((of_week.len(), of_since.len()), (HOURS, SINCE_MAX + 1));
        let looked = self.looked.iter_mut().flat_map(|(features, _)| features);
        [level, spread]
            .into_iter()
            .chain(means)
            .chain(shares)
            .chain(of_day)
            .chain(of_week)
            .chain(of_since)
            .chain(&mut self.learner.weights)
            .chain(&mut self.learner.covariance)
            .chain(looked)
            .for_each(with);
    }
}

/// The first words: of which layout and options it is.
fn head(options: &ScalingOptions) -> [u64; 5] {
    [
        LAYOUT,
        options.threshold.to_bits(),
        options.lead_min as u64,
        options.lead_max as u64,
        u64::from(options.step_secs),
    ]
}

fn flag(word: u64) -> Option<bool> {
    match word {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn size(word: u64, most: usize) -> Option<usize> {
    usize::try_from(word).ok().filter(|size| *size <= most)
}
