//! `analytics`: what is said of numbers that nobody measured, and detectors of states that nobody wrote.

pub(crate) mod series;

use crate::input::Input;
use ::analytics::anomaly::{Detector, Moment, Options};
use ::analytics::balance::{Balancer, Link, Network};
use ::analytics::calendar::{Calendar, ENTRY_CHARS_MAX};
use ::analytics::capacity::exhaustion;
use ::analytics::change::change_points;
use ::analytics::forecast::forecast;
use ::analytics::gaps::filled;
use ::analytics::rank::{Kind, Metric, Node, rank};
use ::analytics::scaling::{ScalingOptions, Trigger};
use ::analytics::season::seasons;
use ::analytics::trend::trend;
use foretell_server::foresight::watch::saved;

/// Values of a series: what more would show takes longer than an input may.
const VALUES_MAX: usize = 400;

/// Numbers of what is left: eight octets each, or one where the first says that they are small; then some
/// values come again, as a chance input has neither seasons nor runs.
fn values(input: &mut Input) -> Vec<f64> {
    let how = input.u8();
    let mut values = Vec::new();
    while !input.0.is_empty() && values.len() < VALUES_MAX {
        values.push(if how & 1 == 0 {
            f64::from(input.u8())
        } else {
            f64::from_bits(input.i64().cast_unsigned())
        });
    }
    if how & 2 == 2 && !values.is_empty() {
        values = values.iter().copied().cycle().take(VALUES_MAX).collect();
    }
    values
}

/// A forecast has a step for each that was asked for, bounds in their order, and weights that are 1 together.
pub(crate) fn forecasts(data: &[u8]) {
    let mut input = Input(data);
    let (horizon, season) = (usize::from(input.u8()), usize::from(input.u8()));
    let values = values(&mut input);
    let Ok(told) = forecast(&values, &[season, season * 7], horizon, &[0.8, 0.95]) else {
        return;
    };
    assert_eq!(told.median.len(), horizon);
    for band in &told.bands {
        for (lower, upper) in band.lower.iter().zip(&band.upper) {
            assert!(lower <= upper, "{lower} {upper}");
        }
    }
    let weights: f64 = told.members.iter().map(|member| member.1).sum();
    assert!((weights - 1.0).abs() < 1e-6, "{weights}");
}

/// Seasons fit in, changes are in their order and inside, and a trend is a number.
pub(crate) fn structure(data: &[u8]) {
    let values = filled(&values(&mut Input(data)));
    let seasons = seasons(&values);
    assert!(seasons.iter().all(|season| *season * 2 <= values.len()));
    let changes = change_points(&values, &seasons);
    assert!(changes.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(
        changes
            .iter()
            .all(|place| (1..values.len()).contains(place))
    );
    let _ = trend(&values, &seasons, &changes);
}

/// An entry of a calendar, which names days in their order, or what is wrong with it.
pub(crate) fn calendar(data: &[u8]) {
    let Ok(entry) = std::str::from_utf8(data) else {
        return;
    };
    let mut calendar = Calendar::default();
    match calendar.add(entry) {
        Ok(()) => {
            assert!(entry.chars().count() <= ENTRY_CHARS_MAX);
            assert!(calendar.days(2_000, 2_030).is_sorted());
        }
        Err(error) => {
            assert_eq!(calendar, Calendar::default());
            assert!(error.to_string().len() < 400, "{error}");
        }
    }
}

/// A limit is exceeded within the steps that were asked for, or not.
pub(crate) fn capacity(data: &[u8]) {
    let mut input = Input(data);
    let (cycle, steps) = (usize::from(input.u8()), usize::from(input.u8()));
    let limit = f64::from_bits(input.i64().cast_unsigned());
    if let Ok(told) = exhaustion(&values(&mut input), cycle, limit, steps) {
        for step in [told.expected, told.earliest, told.latest]
            .into_iter()
            .flatten()
        {
            assert!((1..=steps).contains(&step));
        }
    }
}

/// A detector says something sound of every sample, at whatever times, and goes on as before from its bytes.
pub(crate) fn samples(data: &[u8]) {
    let mut input = Input(data);
    let step = input.u8();
    let mut detector = Detector::new(Options {
        step_secs: (step > 0).then(|| u32::from(step)),
        ..Options::default()
    });
    let mut at = 1_700_000_000_i64;
    for (place, value) in values(&mut input).into_iter().enumerate() {
        at = match place % 31 {
            7 => at.saturating_sub(1),
            19 => at.saturating_add(value.to_bits().cast_signed()),
            _ => at.saturating_add(i64::from(step)),
        };
        if place % 13 == 5 {
            let mut state = Vec::new();
            detector.encode(&mut state);
            detector = Detector::decode(&state).expect("its own state");
        }
        // A clock that shows anything.
        let shown = at.saturating_add(value.to_bits().cast_signed());
        let told = detector.observe(Moment { at, shown }, Some(value));
        assert!((0.0..=1.0).contains(&told.score), "{}", told.score);
        if let Some((lower, upper)) = told.lower.zip(told.upper) {
            assert!(lower <= upper, "{lower} {upper}");
        }
    }
}

/// A detector's state, which must go on and be written as it was read.
pub(crate) fn detector(data: &[u8]) {
    let Ok(mut detector) = Detector::decode(data) else {
        return;
    };
    let mut written = Vec::new();
    detector.encode(&mut written);
    assert_eq!(written, data);
    for at in 0..20_i64 {
        let told = detector.observe(at * 300, Some(1.0));
        assert!((0.0..=1.0).contains(&told.score), "{}", told.score);
    }
}

/// A trigger takes whatever comes.
pub(crate) fn trigger(data: &[u8]) {
    let mut input = Input(data);
    let options = ScalingOptions {
        threshold: f64::from_bits(input.i64().cast_unsigned()),
        lead_min: usize::from(input.u8()),
        lead_max: usize::from(input.u8()),
        step_secs: u32::from(input.u8()),
    };
    let Ok(mut trigger) = Trigger::new(options) else {
        return;
    };
    for (place, value) in (0_i64..).zip(values(&mut input)) {
        trigger.observe(place * i64::from(options.step_secs), value);
    }
}

/// A trigger's state: it is refused, or goes on.
pub(crate) fn trigger_state(data: &[u8]) {
    let options = ScalingOptions {
        threshold: 80.0,
        lead_min: 2,
        lead_max: 8,
        step_secs: 300,
    };
    if let Ok(mut trigger) = Trigger::decode(options, data) {
        for place in 0..20 {
            trigger.observe(place * 300, 50.0);
        }
    }
}

/// A file of detectors: what proves itself is taken, and what is wrong is told.
pub(crate) fn watch_state(data: &[u8]) {
    let (devices, damage) = saved::read(data);
    let written = saved::write(devices.iter().map(|(id, of)| (*id, of)));
    let (again, none) = saved::read(&written);
    assert!(none.is_none(), "what was read is written and read again");
    assert_eq!(again.len(), devices.len());
    assert!(damage.is_some() || written == data);
}

/// A network and two steps of demands: shares are 1 together.
pub(crate) fn balance(data: &[u8]) {
    let mut input = Input(data);
    let nodes = usize::from(input.u8() % 12);
    let links: Vec<Link> = (0..input.u8() % 40)
        .map(|_| Link {
            from: usize::from(input.u8()),
            to: usize::from(input.u8()),
            capacity: f64::from(input.u8()),
        })
        .collect();
    let Ok(network) = Network::new(nodes, links) else {
        return;
    };
    let mut balancer = Balancer::new(network);
    let mut values = values(&mut input).into_iter().cycle();
    for _ in 0..2 {
        let demands: Vec<f64> = values.by_ref().take(nodes * nodes).collect();
        let _ = balancer.observe(&demands);
    }
    let Ok(plan) = balancer.plan() else {
        return;
    };
    for split in &plan.splits {
        let shares: f64 = split.routes.iter().map(|route| route.share).sum();
        assert!((shares - 1.0).abs() < 1e-6, "{shares}");
    }
}

/// Services in whatever order call one another; every one is ranked once.
pub(crate) fn ranking(data: &[u8]) {
    let mut input = Input(data);
    let (count, target) = (usize::from(input.u8() % 20), usize::from(input.u8() % 20));
    let calls: Vec<(usize, usize)> = (0..input.u8())
        .map(|_| (usize::from(input.u8() % 20), usize::from(input.u8() % 20)))
        .collect();
    let values = values(&mut input);
    let nodes: Vec<Node> = (0..count)
        .map(|node| {
            let mut of = values.chunks(7).skip(node * 2);
            let mut next = || of.next().unwrap_or_default().to_vec();
            let kind = [
                Kind::Latency,
                Kind::Errors,
                Kind::Availability,
                Kind::Traffic,
            ][node % 4];
            let (normal, during) = (next(), next());
            Node {
                metrics: vec![Metric {
                    kind,
                    normal,
                    during,
                }],
            }
        })
        .collect();
    if let Ok(suspects) = rank(&nodes, &calls, target, Kind::Latency) {
        let mut ranked: Vec<usize> = suspects.iter().map(|suspect| suspect.node).collect();
        ranked.sort_unstable();
        assert_eq!(ranked, (0..count).collect::<Vec<_>>());
    }
}
