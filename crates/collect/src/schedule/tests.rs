//! The schedule by fed time.

use super::*;
use proptest::prelude::*;

const MINUTE: Duration = Duration::from_mins(1);

fn id(n: u64) -> DeviceId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    DeviceId::from_bytes(bytes)
}

/// Runs polls that take `took` each until `until`, and gives the times at which they began.
fn run(schedule: &mut Schedule, took: Ms, silent: u32, until: Ms) -> Vec<Ms> {
    let mut begun = Vec::new();
    while let Some(at) = schedule.next_due().filter(|at| *at < until) {
        let due = schedule.take_due(at).unwrap();
        begun.push(at);
        schedule.finished(due.device_id, due.at, silent, at + took);
    }
    begun
}

#[test]
fn the_first_poll_comes_at_once_and_then_each_interval() {
    let mut schedule = Schedule::new(INTERVAL_MIN);
    schedule.set(id(1), MINUTE, 5_000);
    let begun = run(&mut schedule, 100, 0, 1_000_000);
    assert_eq!(begun[0], 5_000);
    assert!(
        (12_000..=72_000).contains(&(begun[1] - begun[0])),
        "{begun:?}"
    );
    for pair in begun[1..].windows(2) {
        assert_eq!(pair[1] - pair[0], 60_000, "{begun:?}");
    }
}

#[test]
fn many_devices_start_quickly_and_are_spread_evenly() {
    let mut schedule = Schedule::new(INTERVAL_MIN);
    for n in 0..10_000 {
        schedule.set(id(n), MINUTE, 0);
    }
    let mut first = Vec::new();
    while let Some(due) = schedule.take_due(20_000) {
        first.push(due);
    }
    assert_eq!(first.len(), 10_000);
    for due in first {
        schedule.finished(due.device_id, due.at, 0, due.at + 50);
    }
    // From the second poll on: 10,000 in 60 s are 167 a second, and no second has much more.
    let begun: Vec<Ms> = run(&mut schedule, 50, 0, 240_000)
        .into_iter()
        .filter(|at| (120_000..180_000).contains(at))
        .collect();
    assert_eq!(begun.len(), 10_000);
    let mut per_second = [0u32; 60];
    for at in begun {
        per_second[usize::try_from((at - 120_000) / 1000).unwrap()] += 1;
    }
    assert!(
        per_second.iter().all(|n| (110..230).contains(n)),
        "{per_second:?}"
    );
}

#[test]
fn a_device_in_flight_is_not_due() {
    let mut schedule = Schedule::new(INTERVAL_MIN);
    schedule.set(id(1), MINUTE, 0);
    let due = schedule.take_due(0).unwrap();
    schedule.hasten(id(1), 10);
    schedule.set(id(1), Duration::from_secs(5), 10);
    assert_eq!(schedule.take_due(1_000_000), None);
    assert_eq!(schedule.next_due(), None);
    // It was asked for in the meantime, so it is due at once; then by the new interval.
    schedule.finished(id(1), due.at, 0, 200);
    let again = schedule.take_due(200).unwrap();
    assert_eq!(again.at, 200);
    schedule.finished(id(1), again.at, 0, 300);
    assert!(schedule.next_due().unwrap() <= 200 + 6_000);
}

#[test]
fn removed_means_never_again() {
    let mut schedule = Schedule::new(INTERVAL_MIN);
    schedule.set(id(1), MINUTE, 0);
    schedule.remove(id(1));
    assert_eq!(schedule.take_due(1_000_000), None);
    schedule.set(id(1), MINUTE, 0);
    let due = schedule.take_due(10).unwrap();
    schedule.remove(id(1));
    schedule.finished(id(1), due.at, 0, 100);
    assert!(schedule.is_empty());
    assert_eq!(schedule.next_due(), None);
}

#[test]
fn an_overrun_is_counted_and_keeps_the_phase() {
    let mut schedule = Schedule::new(INTERVAL_MIN);
    schedule.set(id(1), Duration::from_secs(5), 0);
    let begun = run(&mut schedule, 7_000, 0, 100_000);
    assert!(schedule.overruns() >= 8, "{begun:?}");
    for pair in begun[1..].windows(2) {
        assert_eq!(pair[1] - pair[0], 10_000, "{begun:?}");
    }
}

#[test]
fn backing_off_is_modest_and_bounded() {
    for (interval_secs, silent, expected_secs) in [
        (60, 0, 60.0),
        (60, 2, 60.0),
        (60, 3, 75.0),
        (60, 4, 90.0),
        (60, 5, 105.0),
        (60, u32::MAX, 105.0),
        (5, 100, 8.75),
        (240, 100, 300.0),
        (300, 100, 300.0),
        (86_400, 100, 86_400.0),
    ] {
        let got = wait(interval_secs * 1000, silent) as f64 / 1000.0;
        assert!(
            (got - expected_secs).abs() < 0.01,
            "{interval_secs} s after {silent} silent polls: {got} s"
        );
    }
}

#[test]
fn a_shorter_interval_takes_effect_soon() {
    let mut schedule = Schedule::new(INTERVAL_MIN);
    schedule.set(id(1), Duration::from_hours(24), 0);
    let due = schedule.take_due(0).unwrap();
    schedule.finished(id(1), due.at, 0, 100);
    assert!(schedule.next_due().unwrap() > 40_000_000);
    schedule.set(id(1), Duration::from_secs(5), 1_000);
    assert!(schedule.next_due().unwrap() <= 6_000);
}

#[test]
fn intervals_are_held_to_what_is_sensible() {
    for (given, held) in [
        (0, 5_000),
        (1, 5_000),
        (60, 60_000),
        (1_000_000, 86_400_000),
    ] {
        assert_eq!(interval_ms(Duration::from_secs(given), INTERVAL_MIN), held);
    }
}

proptest! {
    #[test]
    fn the_next_time_in_phase_is_within_one_interval(
        n in any::<u64>(), interval in 1u64..100_000_000, from in 0u64..1_000_000_000_000,
    ) {
        let next = next_in_phase(id(n), interval, from);
        prop_assert!(next >= from && next < from + interval);
        prop_assert_eq!(next % interval, spread(id(n)) % interval);
        prop_assert_eq!(next_in_phase(id(n), interval, next), next);
    }

    #[test]
    fn the_queue_and_the_entries_agree(steps in proptest::collection::vec((0u8..5, 0u64..4, 0u64..20_000), 0..200)) {
        let mut schedule = Schedule::new(INTERVAL_MIN);
        let mut now = 0;
        let mut flying: Vec<Due> = Vec::new();
        for (what, n, by) in steps {
            now += by;
            match what {
                0 => schedule.set(id(n), Duration::from_millis(5_000 + by), now),
                1 => {
                    schedule.remove(id(n));
                    flying.retain(|due| due.device_id != id(n));
                }
                2 => schedule.hasten(id(n), now),
                3 => if let Some(due) = schedule.take_due(now) {
                    prop_assert!(flying.iter().all(|f| f.device_id != due.device_id));
                    flying.push(due);
                },
                _ => if let Some(due) = flying.pop() {
                    schedule.finished(due.device_id, due.at, u32::try_from(n).unwrap(), now);
                    prop_assert!(schedule.entries[&due.device_id].due.unwrap() >= now);
                },
            }
            let queued: BTreeSet<_> = schedule.entries.iter()
                .filter_map(|(id, e)| e.due.map(|due| (due, *id))).collect();
            prop_assert_eq!(&queued, &schedule.queue);
        }
    }
}
