//! Idempotency keys: what is known of a request that comes again, in the same life and after a kill.

use crate::fixture::Fixture;
use foretell_store::Store;
use foretell_store::idempotency::{Attempt, Begun, KEY_LIFETIME, KeptAnswer};
use model::UserId;
use std::fs;

const ROUTE: &str = "/api/v1/credentials";

fn answer(body: &str) -> KeptAnswer {
    KeptAnswer {
        status: 201,
        headers: vec![("etag".to_owned(), "\"1\"".to_owned())],
        body: body.to_owned(),
    }
}

async fn begin(store: &Store, user: UserId, key: &str, body: &str) -> Begun {
    let begun = store.idempotency.begin(user, ROUTE, key, body.as_bytes());
    begun.await.unwrap()
}

#[track_caller]
fn first(begun: Begun) -> Attempt {
    match begun {
        Begun::First(attempt) => attempt,
        other => panic!("{}", word(&other)),
    }
}

fn word(begun: &Begun) -> &'static str {
    match begun {
        Begun::First(_) => "first",
        Begun::Again(_) => "again",
        Begun::InFlight => "in flight",
        Begun::OtherBody => "other body",
        Begun::Answered(_) => "answered",
    }
}

#[tokio::test]
async fn a_request_is_done_once() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let (user, other) = (UserId::new(), UserId::new());
    let attempt = first(begin(&store, user, "a", "body").await);
    for (who, key, body, expected) in [
        (user, "a", "body", "in flight"),
        (user, "a", "bodies", "other body"),
        (user, "b", "body", "first"),
        (other, "a", "bodies", "first"),
    ] {
        let begun = begin(&store, who, key, body).await;
        assert_eq!(word(&begun), expected, "{key} {body}");
    }
    let elsewhere = store.idempotency.begin(user, "/other", "a", b"x");
    assert_eq!(word(&elsewhere.await.unwrap()), "first", "another route");
    attempt.answered(&answer("made")).await.unwrap();
    let Begun::Answered(kept) = begin(&store, user, "a", "body").await else {
        panic!("not answered");
    };
    assert_eq!(kept, answer("made"));
    assert_eq!(
        word(&begin(&store, user, "a", "bodies").await),
        "other body"
    );
    fixture.pass(KEY_LIFETIME);
    assert_eq!(word(&begin(&store, user, "a", "bodies").await), "first");
}

#[tokio::test]
async fn what_was_refused_may_be_sent_again_otherwise() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    let user = UserId::new();
    let attempt = first(begin(&store, user, "a", "wrong").await);
    attempt.refused().await.unwrap();
    assert_eq!(store.idempotency.count(), 0);
    drop(first(begin(&store, user, "a", "right").await));
    assert_eq!(word(&begin(&store, user, "a", "right").await), "again");
}

#[tokio::test]
async fn answers_and_attempts_outlive_the_process() {
    let fixture = Fixture::new();
    let user = UserId::new();
    let store = fixture.open().await;
    let done = first(begin(&store, user, "done", "community hunter2").await);
    done.answered(&answer("made hunter2")).await.unwrap();
    let broken_off = first(begin(&store, user, "broken off", "body").await);
    let makes = broken_off.makes();
    // A kill asks nobody: the attempt is never given back.
    std::mem::forget(broken_off);
    store.close().await.unwrap();
    drop(store);
    for entry in fs::read_dir(fixture.dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            let found = bytes.windows(7).any(|octets| octets == b"hunter2");
            assert!(!found, "in the clear in {}", path.display());
        }
    }

    // The forgotten attempt holds the store of before, and with it the lock of the folder.
    let copy = Fixture::new();
    for entry in fs::read_dir(fixture.dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && path.file_name().unwrap() != "lock" {
            fs::copy(&path, copy.dir.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    let store = copy.open().await;
    let Begun::Answered(kept) = begin(&store, user, "done", "community hunter2").await else {
        panic!("not answered");
    };
    assert_eq!(kept, answer("made hunter2"));
    assert_eq!(
        word(&begin(&store, user, "broken off", "x").await),
        "other body"
    );
    let Begun::Again(attempt) = begin(&store, user, "broken off", "body").await else {
        panic!("not broken off");
    };
    assert_eq!(attempt.makes(), makes, "it makes the same thing");
}

#[tokio::test]
async fn keys_that_have_ended_are_forgotten() {
    let fixture = Fixture::new();
    let store = fixture.open().await;
    for n in 0..100 {
        drop(begin(&store, UserId::new(), "a", &n.to_string()).await);
    }
    assert_eq!(store.idempotency.count(), 100);
    fixture.pass(KEY_LIFETIME);
    for left in [100 - 64 + 1, 2] {
        drop(begin(&store, UserId::new(), "a", "").await);
        assert_eq!(store.idempotency.count(), left);
    }
    store.close().await.unwrap();
    drop(store);
    assert_eq!(fixture.open().await.idempotency.count(), 2);
}
