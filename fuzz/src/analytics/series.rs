//! `analytics`: what is said of one series, or of several beside one another.

use super::values;
use crate::input::Input;
use ::analytics::calendar::{clock_changes, odd_days};
use ::analytics::clean::{filled, gaps, increases, outliers, regular};
use ::analytics::decompose::decompose;
use ::analytics::motif::{discords, matrix_profile, motifs};
use ::analytics::pattern::classify;
use ::analytics::profile::{Bounds, business_hours, thresholds, week_profile};
use ::analytics::season::seasons;
use ::analytics::similar::{Sketch, groups, nearest, together};
use ::analytics::stationarity::stationarity;
use ::analytics::talker::{Said, Seen, Talkers};
use std::collections::BTreeSet;

/// The first octet picks what is asked of the series; what is said is within its bounds.
pub(crate) fn series(data: &[u8]) {
    let mut input = Input(data);
    let (what, by) = (input.u8(), input.u8());
    let values = values(&mut input);
    match what % 6 {
        0 => clean(&values, by),
        1 => parts(&values, usize::from(by)),
        2 => {
            let _ = stationarity(&values);
        }
        3 => week(&values, by),
        4 => motif(&values, usize::from(by)),
        _ => alike(&values, usize::from(by)),
    }
}

/// Values at times of which some are unordered, doubled, or far away.
fn samples(values: &[f64], by: u8) -> Vec<(i64, f64)> {
    let mut at = 1_700_000_000_i64;
    let step = i64::from(by).saturating_mul(600).max(1);
    let place = |(nth, value): (usize, &f64)| {
        at = match (nth % 37, by % 4) {
            (11, 1) => at.saturating_sub(step),
            (23, 2) => at.saturating_add(value.to_bits().cast_signed()),
            (_, 3) if nth % 2 == 1 => at,
            _ => at.saturating_add(step),
        };
        (at, *value)
    };
    values.iter().enumerate().map(place).collect()
}

fn clean(values: &[f64], by: u8) {
    let _ = regular(&samples(values, by), (by > 127).then_some(i64::from(by)));
    assert!(
        gaps(values)
            .iter()
            .all(|gap| gap.from + gap.len <= values.len())
    );
    assert!(filled(values).iter().all(|value| value.is_finite()));
    let _ = increases(values);
    let wild = outliers(values, &[usize::from(by)], usize::from(by), 3.0);
    assert!(wild.iter().all(|at| *at < values.len()));
}

fn parts(values: &[f64], season: usize) {
    let found = seasons(&filled(values));
    let _ = decompose(values, &found);
    let _ = decompose(values, &[season, season * 7]);
}

fn week(values: &[f64], by: u8) {
    let samples = samples(values, by);
    if let Ok(pattern) = classify(&samples, None) {
        assert!(
            pattern
                .fits
                .iter()
                .all(|fit| (0.0..=1.0).contains(&fit.fits))
        );
        let again = classify(&samples, pattern.kind);
        assert_eq!(again.map(|again| again.kind), Ok(pattern.kind));
    }
    let _ = clock_changes(&samples);
    let Ok(profile) = week_profile(&samples, (0.25, 0.75)) else {
        return;
    };
    assert!((0.0..=1.0).contains(&profile.explained()));
    let _ = business_hours(&profile, &samples);
    let _ = odd_days(&samples, &profile);
    for band in thresholds(&profile, 0.95, 1.0, Bounds::default(), Bounds::default())
        .into_iter()
        .flatten()
    {
        assert!(band.low <= band.high);
    }
}

fn motif(values: &[f64], window: usize) {
    let Ok(profile) = matrix_profile(values, window) else {
        return;
    };
    for part in motifs(&profile, 5).into_iter().chain(discords(&profile, 5)) {
        assert!(part.at + window <= values.len() && part.nearest + window <= values.len());
        assert!(part.distance >= 0.0);
    }
}

fn alike(values: &[f64], lag: usize) {
    let (first, second) = values.split_at(values.len() / 2);
    if let Some(found) = together(first, second, lag) {
        assert!((-1.0..=1.0).contains(&found.correlation));
        assert!(found.lag.unsigned_abs() <= lag);
    }
    let sketches: Vec<Sketch> = [1, 6, 12]
        .into_iter()
        .filter_map(|by| Sketch::of(&week_profile(&samples(values, by), (0.25, 0.75)).ok()?))
        .collect();
    if let Some(own) = sketches.first() {
        let near = nearest(own, &sketches, 2);
        assert!(near.iter().all(|one| (-1.0..=1.0).contains(&one.1)));
    }
    let labels = groups(&sketches, 0.8).expect("there are few");
    assert!(labels.iter().all(|label| *label < sketches.len()));
}

/// Hosts in whatever windows: what ends has begun, and nobody is told twice at a time.
pub(crate) fn talkers(data: &[u8]) {
    let mut input = Input(data);
    let mut talkers = Talkers::new(input.i64());
    talkers.past(input.i64(), f64::from(input.u8()) * 1e6, &[(1, 1e6)]);
    let mut open = BTreeSet::new();
    let (mut at, mut looks) = (1_700_000_000_i64, 0);
    while !input.0.is_empty() && looks < 200 {
        looks += 1;
        at = match input.u8() {
            255 => input.i64(),
            step => at.saturating_add(i64::from(step).saturating_mul(60)),
        };
        let count = usize::from(input.u8() % 8);
        let hosts: Vec<Seen<u8>> = (0..count)
            .map(|_| Seen {
                host: input.u8(),
                octets: f64::from(input.u8()) * 1e6,
                peer: Some((input.u8(), f64::from(input.u8()) * 1e6)),
            })
            .collect();
        let total = f64::from(input.u8()) * 2e6;
        let mut said = talkers.look(at, at.div_euclid(60), total, &hosts);
        said.extend(talkers.tick(at));
        for one in said {
            match one {
                Said::Begun(talk) => assert!(open.insert(talk.host)),
                Said::Grew(talk) => assert!(open.contains(&talk.host)),
                Said::Ended { host, .. } => assert!(open.remove(&host)),
            }
        }
        assert_eq!(talkers.open_count(), open.len());
    }
}
