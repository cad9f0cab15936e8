//! Chance that is no chance: a number that follows from the seed and from what it is for. Whoever
//! asks twice gets the same answer, in any order, in any run.

/// Mixes the seed with what the number is for. Source: the finisher of SplitMix64 (Steele, Lea,
/// Flood 2014).
pub(crate) fn mix(seed: u64, what: u64) -> u64 {
    let mut z = seed ^ what.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// As [`mix`], for something that has a place among its like.
pub(crate) fn mix2(seed: u64, what: u64, place: u64) -> u64 {
    mix(mix(seed, what), place)
}

/// From 0 to below 1.
pub(crate) fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

/// From `low` to below `high`.
pub(crate) fn between(hash: u64, low: f64, high: f64) -> f64 {
    low + unit(hash) * (high - low)
}

/// One of `count` places.
pub(crate) fn pick(hash: u64, count: usize) -> usize {
    // The high bits, scaled: without the bias that a remainder has.
    let count = u128::try_from(count).unwrap_or(1);
    usize::try_from((u128::from(hash) * count) >> 64).unwrap_or(0)
}

/// A text as a number to mix.
pub(crate) fn text(text: &str) -> u64 {
    // FNV-1a, 64 bits.
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A smooth wandering from -1 to 1: chance at every multiple of a period, straight lines between.
pub(crate) fn wave(seed: u64, at_ms: i64, period_ms: i64) -> f64 {
    let place = at_ms.div_euclid(period_ms);
    let part = at_ms.rem_euclid(period_ms) as f64 / period_ms as f64;
    let value = |place: i64| between(mix(seed, place.cast_unsigned()), -1.0, 1.0);
    value(place) * (1.0 - part) + value(place + 1) * part
}

/// What numbers are for: each use has its own, so that no two uses move together.
pub(crate) mod purpose {
    pub(crate) const FLOW: u64 = 1;
    pub(crate) const DEMAND: u64 = 2;
    pub(crate) const BOOT: u64 = 3;
    pub(crate) const SERIAL: u64 = 4;
    pub(crate) const MAKE: u64 = 5;
    pub(crate) const SITE: u64 = 6;
    pub(crate) const LOAD: u64 = 7;
    pub(crate) const SENSOR: u64 = 8;
    pub(crate) const PACKETS: u64 = 9;
    pub(crate) const STORAGE: u64 = 10;
    pub(crate) const HOST: u64 = 11;
    pub(crate) const ROUTE: u64 = 12;
    pub(crate) const ERRORS: u64 = 13;
    pub(crate) const ENGINE: u64 = 15;
    pub(crate) const APPLICATION: u64 = 16;
    pub(crate) const LOG: u64 = 17;
}
