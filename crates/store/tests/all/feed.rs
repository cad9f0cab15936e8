//! What is told of changes, apart from what every back end is held to.

use crate::damage::{NOTES, filled, ids, open, place, put, tamper};
use foretell_store::documents::{CHANGES_KEPT, Change, Changes, Documents, Expect, What};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

fn told(changes: &mut Changes) -> Vec<(u64, String, u64, What)> {
    let mut told = Vec::new();
    while let Ok(changed) = changes.try_recv() {
        assert_eq!(changed.collection, "notes");
        told.push((
            changed.seq,
            changed.id.clone(),
            changed.revision,
            changed.what,
        ));
    }
    told
}

#[tokio::test]
async fn a_receiver_that_lags_is_told_how_much_it_missed() {
    let place = place();
    let documents = open(&place.path);
    let (mut slow, mut quick) = (documents.changes(), documents.changes());
    let over = 10;
    let mut heard = 0;
    for n in 0..CHANGES_KEPT + over {
        documents.write(vec![put(n % 50, 10)]).await.unwrap();
        heard += told(&mut quick).len();
    }
    assert_eq!(heard, CHANGES_KEPT + over);
    match slow.recv().await {
        Err(RecvError::Lagged(missed)) => assert_eq!(missed, over as u64),
        other => panic!("{other:?}"),
    }
    // What is left is all there, from the first that is still kept.
    let rest = told(&mut slow);
    assert_eq!(rest.len(), CHANGES_KEPT);
    assert_eq!(rest[0].0, over as u64 + 1);
    assert_eq!(rest[CHANGES_KEPT - 1].0, (CHANGES_KEPT + over) as u64);
}

#[tokio::test]
async fn only_what_was_kept_is_told() {
    let place = place();
    let documents = open(&place.path);
    documents.write(vec![put(0, 10)]).await.unwrap();
    let mut changes = documents.changes();
    // The second change fails, and so the first is not made.
    let delete = Change::Delete {
        collection: &NOTES,
        id: "nothing".to_owned(),
        expect: Expect::Present,
    };
    documents.write(vec![put(0, 20), delete]).await.unwrap_err();
    assert_eq!(told(&mut changes), vec![]);
    documents.write(vec![put(0, 20), put(1, 20)]).await.unwrap();
    let expected = [
        (2, "note-0000".to_owned(), 2, What::Put),
        (3, "note-0001".to_owned(), 1, What::Put),
    ];
    assert_eq!(told(&mut changes), expected);
    documents.close().await.unwrap();
    assert_eq!(changes.try_recv(), Err(TryRecvError::Closed));
}

#[tokio::test]
async fn a_document_that_is_set_aside_is_told_of() {
    let place = place();
    filled(&place.path, 4).await;
    let documents = open(&place.path);
    let mut changes = documents.changes();
    tamper(
        &place.path,
        "UPDATE doc_notes SET body = replace(body, 't', 'u') WHERE id IN ('note-0001', 'note-0002')",
    );
    assert_eq!(ids(&documents).await.len(), 2);
    documents.write(vec![put(2, 20)]).await.unwrap();
    let mut told = told(&mut changes);
    // One was met by a reader alone, the other also by the one who wrote over it.
    told.sort_by(|a, b| a.1.cmp(&b.1));
    let named: Vec<_> = told
        .iter()
        .map(|(_, id, revision, what)| (id.as_str(), *revision, *what))
        .collect();
    assert_eq!(
        named,
        [
            ("note-0001", 0, What::SetAside),
            ("note-0002", 0, What::SetAside),
            ("note-0002", 1, What::Put),
        ]
    );
}
