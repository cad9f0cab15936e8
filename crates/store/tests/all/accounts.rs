//! Accounts, sessions and signing keys.

use crate::fixture::Fixture;
use foretell_store::accounts::PasswordHash;
use foretell_store::accounts::sessions::SESSIONS_PER_USER_MAX;
use foretell_store::{Expect, Store, StoreError};
use model::UserId;
use std::time::Duration;

async fn user(store: &Store, name: &str) -> UserId {
    let hash = PasswordHash::new("$argon2id$v=19$...".to_owned());
    let made = store
        .accounts
        .create(name.to_owned(), hash, vec!["administrator".to_owned()])
        .await
        .unwrap();
    made.body.id
}

#[tokio::test]
async fn accounts_are_found_by_name() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    assert_eq!(store.accounts.count().await.unwrap(), 0);
    let id = user(&store, "admin").await;
    assert_eq!(store.accounts.count().await.unwrap(), 1);
    let mut found = store.accounts.named("admin").await.unwrap().unwrap();
    assert_eq!(found.body.id, id);
    assert!(
        !format!("{found:?}").contains("argon2id"),
        "hashes are never printed"
    );
    assert_eq!(store.accounts.named("nobody").await.unwrap(), None);
    let again = store
        .accounts
        .create("admin".to_owned(), PasswordHash::new(String::new()), vec![])
        .await;
    assert!(
        matches!(again, Err(StoreError::Duplicate { .. })),
        "{again:?}"
    );
    found.body.disabled = true;
    let changed = store
        .accounts
        .update(found.body, Expect::Revision(1))
        .await
        .unwrap();
    assert_eq!(changed.revision, 2);
}

#[tokio::test]
async fn sessions_end() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let id = user(&store, "admin").await;
    let sessions = &store.accounts.sessions;
    let ends = fixture.now().plus(Duration::from_mins(1));
    sessions.create("aa".to_owned(), id, ends).await.unwrap();
    sessions.create("bb".to_owned(), id, ends).await.unwrap();
    assert_eq!(sessions.get("aa").await.unwrap().unwrap().user_id, id);
    sessions.delete("aa").await.unwrap();
    assert_eq!(sessions.get("aa").await.unwrap(), None);
    fixture.pass(Duration::from_mins(1));
    assert_eq!(sessions.get("bb").await.unwrap(), None);
    assert_eq!(sessions.forget_ended().await.unwrap(), 1);
    let ghost = sessions.create("cc".to_owned(), UserId::new(), ends).await;
    assert!(
        matches!(ghost, Err(StoreError::NotFound { .. })),
        "{ghost:?}"
    );
}

#[tokio::test]
async fn a_user_has_so_many_sessions_and_no_more() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let id = user(&store, "admin").await;
    let sessions = &store.accounts.sessions;
    for n in 0..=SESSIONS_PER_USER_MAX {
        fixture.pass(Duration::from_secs(1));
        let ends = fixture.now().plus(Duration::from_hours(1));
        sessions.create(format!("{n:02}"), id, ends).await.unwrap();
    }
    assert_eq!(
        sessions.get("00").await.unwrap(),
        None,
        "the oldest made room"
    );
    assert!(sessions.get("01").await.unwrap().is_some());
    store.accounts.delete(id, Expect::Any).await.unwrap();
    assert_eq!(
        sessions.get("01").await.unwrap(),
        None,
        "signed out everywhere"
    );
}

#[tokio::test]
async fn signing_keys_come_back_after_a_restart() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    store
        .accounts
        .signing_keys
        .add("first", b"private 1")
        .await
        .unwrap();
    fixture.pass(Duration::from_secs(1));
    store
        .accounts
        .signing_keys
        .add("second", b"private 2")
        .await
        .unwrap();
    drop(store);
    let store = fixture.open().await;
    let keys = store.accounts.signing_keys.all().await.unwrap();
    let seen: Vec<_> = keys
        .iter()
        .map(|k| (k.kid.as_str(), k.private.as_slice()))
        .collect();
    assert_eq!(
        seen,
        [("second", &b"private 2"[..]), ("first", b"private 1")]
    );
}
