//! What is left here of an archived day goes by its age as well, whatever was done to it meanwhile.

use super::kept_tests::{policy, read_all};
use super::tests::{DAY_MS, Kept, bits, day, run};
use super::*;
use crate::documents::Expect;
use crate::retention::{Amount, Hold};
use crate::series::{Grave, Selector};
use model::{DeviceId, HoldId};

/// Two days that are archived, of which a hold keeps one series of each device here.
async fn thinned(kept: &Kept, archive: &Archive) -> HoldId {
    let hold = Hold {
        id: HoldId::from_bytes([8; 16]),
        selector: "icmp_rtt{sensor=\"a\"}".to_owned(),
        from: None,
        to: None,
        reason: "case 7".to_owned(),
        by: "admin".to_owned(),
        since: kept.now(),
    };
    let retention = &kept.store.retention;
    retention.set_archive(archive.keeper());
    let short = policy(1);
    let put = retention.put_policy(&short, Expect::Absent);
    put.await.unwrap();
    let selector: Selector = hold.selector.parse().unwrap();
    let attached = kept.store.inventory.attached();
    let placed = retention.place(&hold, selector, &kept.store.series, attached);
    placed.await.unwrap();
    assert_eq!(run(archive).await.days, 2);
    let pass = kept.pass().await;
    assert_eq!((pass.days_rewritten, pass.left), (2, 0), "{pass:?}");
    assert!(archive.days().iter().all(|day| day.thinned));
    hold.id
}

/// The days of which something is here.
fn here(kept: &Kept) -> Vec<Timestamp> {
    let here = kept.store.series.packs_of_samples();
    let mut days: Vec<Timestamp> = here.into_iter().map(|(day, _)| day).collect();
    days.dedup();
    days
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_an_archived_day_goes_also_where_some_of_it_was_deleted() {
    let mut kept = Kept::new(2, 3).await;
    let depot = tempfile::tempdir().unwrap();
    let archive = kept.archive(Place::Folder(depot.path().to_owned())).await;
    let hold = thinned(&kept, &archive).await;
    let device_id = *kept.series.keys().next().unwrap();
    // It is written again for what was deleted of it, after the hold kept it from going.
    let graves = vec![Grave {
        device_id,
        columns: None,
    }];
    let (series, end) = (
        kept.store.series.clone(),
        day(0).plus(Duration::from_hours(12)),
    );
    let buried = tokio::task::spawn_blocking(move || series.bury(graves, (day(0), end)));
    buried.await.unwrap().unwrap();
    let before = kept.store.series.packs_of_samples();
    kept.settle(day(3).unix_ms() + DAY_MS / 4).await;
    assert_ne!(kept.store.series.packs_of_samples(), before);
    let released = kept.store.retention.release(hold, Expect::Any);
    released.await.unwrap();
    let pass = kept.pass().await;
    assert_eq!(pass.waits_for_archive, Amount::default());
    assert_eq!(here(&kept), [day(2)], "{pass:?}");
    for ((of, _), points) in &mut kept.given {
        points.retain(|at, _| *of != device_id || *at >= end.unix_ms());
    }
    let read = read_all(&kept.store.series, &kept.given).await;
    assert_eq!(bits(&read), bits(&kept.given));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_an_archived_day_goes_also_where_the_step_was_the_last() {
    let kept = Kept::new(2, 3).await;
    let depot = tempfile::tempdir().unwrap();
    let archive = kept.archive(Place::Folder(depot.path().to_owned())).await;
    assert_eq!(run(&archive).await.days, 2);
    // The pass ends in the midst, as the server stops.
    let (series, keeper) = (kept.store.series.clone(), archive.keeper());
    let step = move || {
        let keep = |device_id: DeviceId, _| device_id.as_bytes()[0] == 1;
        let may_go = |day, _: &crate::series::Here| keeper.thin(day).is_ok();
        series.rewrite_day(day(0), &keep, &may_go).unwrap()
    };
    let rewritten = tokio::task::spawn_blocking(step).await.unwrap().unwrap();
    assert!(rewritten.after.samples < rewritten.before.samples);
    let retention = &kept.store.retention;
    retention.set_archive(archive.keeper());
    let short = policy(1);
    let put = retention.put_policy(&short, Expect::Absent);
    put.await.unwrap();
    let pass = kept.pass().await;
    assert_eq!(pass.waits_for_archive, Amount::default());
    assert_eq!(here(&kept), [day(2)], "{pass:?}");
    let read = read_all(&kept.store.series, &kept.given).await;
    assert_eq!(bits(&read), bits(&kept.given));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_late_to_an_archived_day_waits_also_where_it_was_written_again() {
    let mut kept = Kept::new(2, 3).await;
    let depot = tempfile::tempdir().unwrap();
    let archive = kept.archive(Place::Folder(depot.path().to_owned())).await;
    let hold = thinned(&kept, &archive).await;
    kept.append(day(0).unix_ms() + 1_000, model::Value::U64(4))
        .await;
    for hours in [6, 12] {
        kept.settle(day(3).unix_ms() + DAY_MS / 24 * hours).await;
    }
    let released = kept.store.retention.release(hold, Expect::Any);
    released.await.unwrap();
    let pass = kept.pass().await;
    assert!(pass.waits_for_archive.samples > 0, "{pass:?}");
    assert_eq!(here(&kept), [day(0), day(2)], "{pass:?}");
    let read = read_all(&kept.store.series, &kept.given).await;
    assert_eq!(bits(&read), bits(&kept.given));
}
