//! Deleting by range over a whole store: holds, the audit, backups.

use crate::backup::{Filled, how, open, repository};
use foretell_store::audit::{
    AUDIT_KEPT_FOR, AuditAction, AuditCounts, AuditEntry, AuditFilter, AuditState, What, Who,
};
use foretell_store::backup::{Access, Progress, RestoreOptions, restore, take};
use foretell_store::deletion::{DeleteError, Deleted, Deletion};
use foretell_store::retention::Hold;
use foretell_store::series::Selector;
use foretell_store::{Store, StoreError};
use model::{HoldId, Timestamp, UserId};
use std::time::Duration;

fn who() -> Who {
    Who {
        user_id: Some(UserId::new()),
        name: "admin".to_owned(),
    }
}

fn ask(text: &str, (from, to): (Timestamp, Timestamp)) -> Deletion {
    Deletion {
        text: text.to_owned(),
        selector: text.parse().unwrap(),
        from,
        to,
        reason: "test data".to_owned(),
    }
}

async fn delete(store: &Store, ask: Deletion, dry_run: bool) -> Result<Deleted, DeleteError> {
    let store = store.clone();
    let work = move || {
        let progress = Progress::default();
        if dry_run {
            store.count_deletion(&ask, &progress)
        } else {
            store.delete_samples(&ask, &who(), None, &progress)
        }
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

async fn entries(store: &Store) -> Vec<AuditEntry> {
    let page = store.audit.page(&AuditFilter::default(), None, 100).await;
    page.unwrap().0
}

fn samples(filled: &Filled, store: &Store, n: usize) -> usize {
    let (from, to) = (Timestamp::from_unix_ms(0), filled.fixture.now());
    let to = to.plus(Duration::from_mins(1));
    store.series.read(filled.series[n], from, to).unwrap().len()
}

async fn hold(store: &Store, selector: &str, now: Timestamp, from: Timestamp) -> Hold {
    let hold = Hold {
        id: HoldId::new(),
        selector: selector.to_owned(),
        from: Some(from),
        to: None,
        reason: "case 7".to_owned(),
        by: "admin".to_owned(),
        since: now,
    };
    let selector: Selector = selector.parse().unwrap();
    let attached = store.inventory.attached();
    let placed = store
        .retention
        .place(&hold, selector, &store.series, attached)
        .await;
    placed.unwrap();
    hold
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_deleted_and_it_is_written_down_who_did_it() {
    let filled = Filled::new().await;
    let (store, now) = (&filled.store, filled.fixture.now());
    let before = samples(&filled, store, 0);
    let range = (now.minus(Duration::from_hours(1)), now);
    let text = "{device_id=~\".+\"}";
    let dry = delete(store, ask(text, range), true).await.unwrap();
    assert_eq!(samples(&filled, store, 0), before);
    assert!(entries(store).await.is_empty());
    let done = delete(store, ask(text, range), false).await.unwrap();
    assert_eq!((dry.series, dry.samples), (done.series, done.samples));
    assert!(done.counted_whole && done.samples > 0, "{done:?}");
    let gone = before - samples(&filled, store, 0);
    assert!((50..=60).contains(&gone), "{gone}");
    let all = entries(store).await;
    let [entry] = all.as_slice() else {
        panic!("{all:?}")
    };
    assert_eq!(Some(entry.id), done.audit_id);
    assert_eq!(
        (entry.state, entry.by.as_str()),
        (AuditState::Done, "admin")
    );
    assert_eq!(entry.counts.samples, done.samples);
    assert_eq!((entry.from, entry.to), (Some(range.0), Some(range.1)));
    assert_eq!(entry.detail.as_deref(), Some("test data"));
    let again = delete(store, ask(text, range), false).await.unwrap();
    assert_eq!(again.samples, 0);
    let future = (now, now.plus(Duration::from_mins(1)));
    for range in [future, (range.1, range.0), (range.0, range.0)] {
        let refused = delete(store, ask(text, range), false).await;
        assert!(matches!(refused, Err(DeleteError::Range { .. })));
    }
    let filter = AuditFilter {
        action: Some(AuditAction::Hold),
        ..AuditFilter::default()
    };
    let (none, next) = store.audit.page(&filter, None, 10).await.unwrap();
    assert_eq!((none.len(), next), (0, None));
    let (first, next) = store
        .audit
        .page(&AuditFilter::default(), None, 1)
        .await
        .unwrap();
    assert_eq!(Some(first[0].id), again.audit_id);
    let (second, _) = store
        .audit
        .page(&AuditFilter::default(), next, 1)
        .await
        .unwrap();
    assert_eq!(Some(second[0].id), done.audit_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hold_keeps_is_not_deleted() {
    let filled = Filled::new().await;
    let (store, now) = (&filled.store, filled.fixture.now());
    let held = hold(
        store,
        "{device_id=~\".+\"}",
        now,
        now.minus(Duration::from_mins(30)),
    )
    .await;
    let before = samples(&filled, store, 0);
    let text = "{device_id=~\".+\"}";
    let range = (now.minus(Duration::from_hours(1)), now);
    for dry_run in [true, false] {
        let refused = delete(store, ask(text, range), dry_run).await;
        assert!(
            matches!(refused, Err(DeleteError::Held { hold_id, .. }) if hold_id == held.id),
            "{refused:?}"
        );
    }
    assert_eq!(samples(&filled, store, 0), before);
    let all = entries(store).await;
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].state, AuditState::Refused);
    assert!(all[0].detail.as_ref().unwrap().contains("case 7"));
    // Before it begins.
    let range = (
        now.minus(Duration::from_hours(1)),
        now.minus(Duration::from_mins(30)),
    );
    delete(store, ask(text, range), false).await.unwrap();
    assert!(samples(&filled, store, 0) < before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_when_the_server_stopped_is_told_as_failed_and_old_entries_go() {
    let filled = Filled::new().await;
    let what = || What {
        action: AuditAction::DeleteSamples,
        selector: Some("icmp_rtt".to_owned()),
        range: None,
        job_id: None,
        detail: Some("x".repeat(5_000)),
    };
    let store = &filled.store;
    let begun = store.audit.begin(&who(), what()).await.unwrap();
    assert_eq!(begun.state, AuditState::Begun);
    let Filled { fixture, store, .. } = filled;
    store.close().await.unwrap();
    drop(store);
    let (store, _) = open(fixture.dir.path(), fixture.clock()).await.unwrap();
    let all = entries(&store).await;
    assert_eq!((all.len(), all[0].state), (1, AuditState::Failed));
    let detail = all[0].detail.as_ref().unwrap();
    assert_eq!(detail.chars().count(), 1_000);
    fixture.pass(AUDIT_KEPT_FOR);
    let counts = AuditCounts::default();
    let noted = store
        .audit
        .note(&who(), what(), AuditState::Done, counts)
        .await;
    noted.unwrap();
    assert_eq!(entries(&store).await.len(), 2);
    fixture.pass(Duration::from_mins(1));
    assert_eq!(store.audit.sweep().await.unwrap(), 1);
    assert_eq!(entries(&store).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_does_not_bring_back_what_was_deleted_before() {
    let filled = Filled::new().await;
    let (store, now) = (&filled.store, filled.fixture.now());
    let text = "{device_id=~\".+\"}";
    // What is in packs, in the log, and in the head.
    let range = (
        now.minus(Duration::from_mins(150)),
        now.minus(Duration::from_mins(5)),
    );
    delete(store, ask(text, range), false).await.unwrap();
    let left = samples(&filled, store, 0);
    let (store, clock) = (store.clone(), filled.fixture.clock());
    let backups = filled.backups.path().to_owned();
    let into = tempfile::tempdir().unwrap();
    let target = into.path().join("restored");
    let dir = target.clone();
    let work = move || {
        let mut repository = repository(&backups, None, Access::Write).unwrap();
        let progress = Progress::default();
        take(&store, &clock, &mut repository, &how(), &progress).unwrap();
        let options = RestoreOptions::default();
        let restored = restore(&repository, &dir, &options, &clock, &progress).unwrap();
        assert!(restored.is_whole(), "{restored:?}");
    };
    tokio::task::spawn_blocking(work).await.unwrap();
    // It is not in a backup that is not encrypted.
    let key = filled.fixture.dir.path().join("secret.key");
    std::fs::copy(key, target.join("secret.key")).unwrap();
    let (restored, _) = open(&target, filled.fixture.clock()).await.unwrap();
    assert_eq!(samples(&filled, &restored, 0), left);
    restored.series.maintain().await.unwrap();
    assert_eq!(samples(&filled, &restored, 0), left);
}

#[test]
fn errors_tell_their_own_layer() {
    let error = DeleteError::Audit(StoreError::Closed);
    assert_eq!(error.to_string(), "the audit could not be written");
}
