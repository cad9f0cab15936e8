//! Long tables that are walked in pieces: honest ones, ones out of order, and circles.

use super::agent::{self, honest, session};
use super::ber;
use super::hostile::{ROOT, rows};
use foretell_snmp::{Bound, Oid, Trail, Transport, WalkBounds, WalkEnd};

#[tokio::test]
async fn a_walk_in_pieces_reads_what_one_reads() {
    let agent =
        agent::start(|question| vec![question.response(&honest(&rows(250), question))]).await;
    let transport = Transport::bind().unwrap();
    let mut session = session(&transport, &agent);
    let root = Oid::from_slice(&ROOT);
    let bounds = WalkBounds {
        rows: 60,
        ..WalkBounds::default()
    };
    let (mut trail, mut rows) = (Trail::under(&root), Vec::new());
    loop {
        let piece = session.walk_on(&mut trail, bounds).await;
        assert!(piece.defects.is_empty(), "{:?}", piece.defects);
        rows.extend(piece.rows);
        if piece.end.is_complete() {
            break;
        }
        assert_eq!(piece.end, WalkEnd::Bound(Bound::Rows));
        assert_eq!(rows.last().map(|(oid, _)| oid), Some(trail.last()));
    }
    let whole = session.walk(&root, WalkBounds::default()).await;
    assert_eq!(rows, whole.rows);
    assert_eq!(rows.len(), 250);
}

/// Walks an agent whose rows follow each other as told in pieces of 60, of which there are 20 at
/// most: the rows of all pieces, in order, and how the last one ended.
async fn in_pieces(next: fn(u32) -> Option<u32>) -> (Vec<u32>, WalkEnd) {
    let agent = agent::start(move |question| {
        let mut last = question.oids[0].get(ROOT.len()).copied().or(Some(0));
        let objects: Vec<_> = (0..question.repetitions)
            .map(|_| {
                last = last.and_then(next);
                let oid = match last {
                    Some(arc) => [&ROOT[..], &[arc]].concat(),
                    None => vec![1, 3, 6, 1, 9, 2],
                };
                ber::object(&oid, &ber::integer(1))
            })
            .collect();
        vec![question.response(&objects)]
    })
    .await;
    let transport = Transport::bind().unwrap();
    let mut session = session(&transport, &agent);
    let mut trail = Trail::under(&Oid::from_slice(&ROOT));
    let bounds = WalkBounds {
        rows: 60,
        ..WalkBounds::default()
    };
    let mut rows = Vec::new();
    for _ in 0..20 {
        let piece = session.walk_on(&mut trail, bounds).await;
        assert!(piece.rows.is_sorted_by(|a, b| a.0 < b.0));
        let arcs = piece.rows.iter().filter_map(|(oid, _)| oid.arcs().last());
        rows.extend(arcs.copied());
        if piece.end != WalkEnd::Bound(Bound::Rows) {
            rows.sort_unstable();
            return (rows, piece.end);
        }
    }
    panic!("it does not end: {} rows", rows.len());
}

#[tokio::test]
async fn a_table_out_of_order_that_is_longer_than_a_piece_is_read_whole_and_once() {
    // 2, 1, 4, 3 and so on, so that a piece ends before its greatest; then the upper half before
    // the lower.
    let (rows, end) = in_pieces(|last| match last {
        0 => Some(2),
        199 => None,
        even if even % 2 == 0 => Some(even - 1),
        odd => Some(odd + 3),
    })
    .await;
    assert_eq!(end, WalkEnd::Complete);
    assert_eq!(rows, (1..=200).collect::<Vec<_>>());
    let (rows, end) = in_pieces(|last| match last {
        0 => Some(101),
        200 => Some(1),
        100 => None,
        last => Some(last + 1),
    })
    .await;
    assert_eq!(end, WalkEnd::Complete);
    assert_eq!(rows, (1..=200).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_circle_that_is_longer_than_a_piece_ends_the_walk_in_pieces() {
    // From the end to the beginning, and from the end into the middle by way of what is new.
    let (rows, end) = in_pieces(|last| Some(last % 150 + 1)).await;
    assert_eq!(end, WalkEnd::NotIncreasing);
    assert_eq!(rows, (1..=150).collect::<Vec<_>>());
    let (rows, end) = in_pieces(|last| match last {
        0 => Some(101),
        250 => Some(99),
        99 => Some(100),
        last => Some(last + 1),
    })
    .await;
    assert_eq!(end, WalkEnd::NotIncreasing);
    assert_eq!(rows, (99..=250).collect::<Vec<_>>());
}
