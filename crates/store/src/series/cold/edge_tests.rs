//! Archived days beside those that are here, damaged, and archived anew while they are read.

use super::tests::{FIVE_MINUTES, HOUR, Kept, SEVEN_MINUTES, ask, assert_same, day, restore};
use super::{ColdDays as _, ColdFault, Fetch, MemorySeries};
use crate::series::{AdoptRefused, Aggregation, Ask, Column, Grain, Points, SeriesError, read};
use model::{Labels, Metric, Timestamp, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The pair of samples across midnight is of a day that went and of one that is here.
#[tokio::test(flavor = "multi_thread")]
async fn rates_go_on_over_the_edge_of_a_day_that_went() {
    let (after_ms, minutes) = (7 * 60_000, |n: u64| Duration::from_mins(n));
    for archived in [true, false] {
        let kept = Kept::of_polls(3, after_ms).await;
        let counter = kept.series[1].id;
        let steps = |from: Timestamp, to: Timestamp, step, how| {
            let asked = Ask {
                from,
                to,
                ..ask(step, how, (0, 0))
            };
            let read = kept.store.steps(kept.device_id, &[counter], &asked);
            read.unwrap().pop().unwrap().steps
        };
        let (noon, evening) = (day(1).plus(HOUR * 12), day(1).plus(HOUR * 23));
        let all = || {
            let hows = [Aggregation::Rate, Aggregation::Increase, Aggregation::Peak];
            let all = hows.map(|how| {
                // Those behind the day that went, those before it, and across.
                let ranges = [
                    (day(1), noon),
                    (evening, day(2)),
                    (evening, day(2).plus(HOUR)),
                ];
                let of = ranges.map(|(from, to)| steps(from, to, FIVE_MINUTES, how));
                (of, steps(day(1), noon, minutes(10), how))
            });
            all.to_vec()
        };
        let before = all();
        let first = before[0].0[0][0].1;
        assert!(
            first.is_some(),
            "the first step has the pair across midnight"
        );
        for n in [0, 2] {
            if archived {
                kept.retire(n);
            } else {
                kept.remove(n);
            }
        }
        let reads = kept.cold.reads();
        let after = all();
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before.0[..2], after.0[..2], "archived: {archived}");
            assert_eq!(before.1, after.1, "archived: {archived}");
            if archived {
                assert_eq!(before.0[2], after.0[2]);
            }
        }
        // Across, part of a day is asked for: that is fetched.
        assert_eq!(kept.cold.reads() > reads, archived);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_costs_the_series_that_it_reaches() {
    let kept = Kept::of_days(2).await;
    kept.retire(0);
    let torn = kept.series[1];
    kept.cold.set_fault(Some(ColdFault::DamagedSeries(torn.id)));
    for series in &kept.series {
        let read = kept.store.read(series.id, day(0), day(2));
        if series.id == torn.id {
            assert!(
                matches!(read, Err(SeriesError::ArchiveMissing { day: of, .. }) if of == day(0)),
                "{read:?}"
            );
        } else {
            let expected = kept.expected_of(series.column, day(0), day(2));
            assert_same(&read.unwrap(), &expected);
        }
    }
    // Read together, as a query and as steps: of each its own.
    let ids: Vec<_> = kept.series.iter().map(|series| series.id).collect();
    for how in [Aggregation::Stddev, Aggregation::Count] {
        let asked = ask(SEVEN_MINUTES, how, (0, 2));
        let read = kept.store.steps(kept.device_id, &ids, &asked).unwrap();
        let grains: Vec<_> = read.iter().map(crate::series::Stepped::coarsest).collect();
        // What roll-ups have of it is the more that there is.
        let of_torn = if how == Aggregation::Count {
            Grain::FiveMinutes
        } else {
            Grain::Missing
        };
        assert_eq!(grains, [Grain::Archive, of_torn, Grain::Archive], "{how:?}");
    }
    // It comes back but for that, which is read once it is mended.
    let restored = restore(&kept.store, 0).await.unwrap();
    assert_eq!((restored.series, restored.samples), (2, 2 * 96));
    let refused = BTreeMap::from([(AdoptRefused::Damaged, 1)]);
    assert_eq!(restored.refused, refused);
    assert!(!restored.is_whole());
    kept.cold.set_fault(None);
    kept.check(day(0), day(2));
    assert_eq!(restore(&kept.store, 0).await.unwrap().samples, 3 * 96);
    kept.cold.set_whole_here(day(0), true);
    kept.check(day(0), day(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_archived_anew_meanwhile_is_read_once_more() {
    let kept = Kept::of_days(1).await;
    kept.retire(0);
    let series = kept.series[0];
    kept.cold.set_delay(Duration::from_millis(200));
    let (cold, device_id) = (Arc::clone(&kept.cold), kept.device_id);
    let points: Points = vec![(day(0), Value::F64(7.0))];
    let newer = MemorySeries {
        device_id,
        id: series.id,
        metric: Metric::ICMP_RTT.name().to_owned(),
        labels: Labels::default(),
        points: points.clone(),
    };
    let generation = cold.meets(day(0), day(1))[0].generation;
    let put = std::thread::spawn(move || {
        while cold.reads() == 0 {
            std::thread::yield_now();
        }
        cold.put(day(0), generation + 1, vec![newer]);
    });
    let read = kept.store.read(series.id, day(0), day(1)).unwrap();
    put.join().unwrap();
    assert_same(&read, &points);
    assert_eq!(kept.cold.reads(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_is_held_of_an_archived_day_than_may_be() {
    let kept = Kept::of_days(1).await;
    kept.retire(0);
    let columns: Vec<Column> = kept.series.iter().map(|series| series.column).collect();
    let parts = kept.store.parts();
    for (max, is_all) in [(3 * 96, true), (3 * 96 - 1, false), (5, false)] {
        let mut fetch = Fetch::default();
        let range = (day(0), day(1));
        let of = (parts, kept.device_id, columns.as_slice());
        let read = read::read_at_most(of.0, of.1, of.2, range, max, Some(&mut fetch));
        assert_eq!(read.unwrap().is_some(), is_all, "{max}");
    }
}
