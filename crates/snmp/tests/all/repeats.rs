//! Rows that come twice, out of turn or round and round: what of a table they cost.

use super::agent::{self, honest, session};
use super::ber;
use super::hostile::{ROOT, rows, walk};
use foretell_snmp::{Defect, Oid, Transport, Walk, WalkBounds, WalkEnd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The last arcs of the rows under ROOT.
fn arcs(walk: &Walk) -> Vec<u32> {
    let arcs = walk.rows.iter().filter_map(|(oid, _)| oid.arcs().last());
    arcs.copied().collect()
}

/// Walks an agent whose GETBULK goes on in its own list of arcs, wherever that leads; `None` is an
/// object that lies before the column. Gives the walk and how many questions it took.
async fn listed(list: Vec<Option<u32>>) -> (Walk, usize) {
    let questions = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&questions);
    let walk = walk(move |question| {
        asked.fetch_add(1, Ordering::Relaxed);
        let after = question.oids[0].get(ROOT.len()).copied();
        let place = list.iter().rposition(|arc| arc.is_some() && *arc == after);
        let begin = place.map_or(0, |place| place + 1);
        let objects: Vec<_> = (begin..begin + question.repetitions as usize)
            .map(|place| match list.get(place) {
                Some(Some(arc)) => ber::object(&[&ROOT[..], &[*arc]].concat(), &ber::integer(1)),
                Some(None) => ber::object(&[1, 3, 6, 1, 2], &ber::integer(1)),
                None => ber::object(&[1, 3, 6, 1, 9, 2], &ber::integer(1)),
            })
            .collect();
        vec![question.response(&objects)]
    })
    .await;
    (walk, questions.load(Ordering::Relaxed))
}

#[tokio::test]
async fn a_row_that_comes_twice_costs_only_itself() {
    let all: Vec<u32> = (1..=200).collect();
    let plain = || all.iter().copied().map(Some);
    let with = |place: usize, more: &[Option<u32>]| {
        let mut list: Vec<_> = plain().collect();
        list.splice(place..place, more.iter().copied());
        list
    };
    for (case, list, defects) in [
        ("beside its like", with(120, &[Some(120)]), 1),
        ("first", with(1, &[Some(1)]), 1),
        ("last", with(200, &[Some(200)]), 1),
        ("a run of one row", with(120, &[Some(120); 30]), 1),
        (
            "rows of long ago",
            with(120, &[Some(7), Some(8), Some(9)]),
            1,
        ),
        ("an object from elsewhere", with(120, &[None]), 1),
        (
            "here and there",
            {
                let mut list = with(150, &[Some(150)]);
                list.splice(50..50, [Some(50), None]);
                list
            },
            2,
        ),
    ] {
        let (walk, _) = listed(list).await;
        assert_eq!(walk.end, WalkEnd::Complete, "{case}");
        assert_eq!(arcs(&walk), all, "{case}");
        assert_eq!(
            walk.defects.count(Defect::OidNotIncreasing),
            defects,
            "{case}"
        );
    }
    // In every answer.
    let walk = walk(|question| {
        let mut objects = honest(&rows(200), question);
        if let Some(second) = objects.get(1).cloned() {
            objects.insert(1, second);
        }
        objects.truncate(question.asked());
        vec![question.response(&objects)]
    })
    .await;
    assert_eq!(walk.end, WalkEnd::Complete);
    assert_eq!(arcs(&walk), all);
    assert!(walk.defects.count(Defect::OidNotIncreasing) > 1);
}

#[tokio::test]
async fn what_brings_nothing_new_ends_the_walk_with_the_next_answer() {
    let circle = |length: u32| move |last: u32| last % length + 1;
    for length in [1, 2, 40, 97, 150, 333] {
        let next = circle(length);
        let questions = Arc::new(AtomicUsize::new(0));
        let asked = Arc::clone(&questions);
        let walk = walk(move |question| {
            asked.fetch_add(1, Ordering::Relaxed);
            let mut last = question.oids[0].get(ROOT.len()).copied().unwrap_or(0);
            let objects: Vec<_> = (0..question.repetitions)
                .map(|_| {
                    last = next(last);
                    ber::object(&[&ROOT[..], &[last]].concat(), &ber::integer(1))
                })
                .collect();
            vec![question.response(&objects)]
        })
        .await;
        assert_eq!(walk.end, WalkEnd::NotIncreasing, "{length}");
        assert_eq!(arcs(&walk), (1..=length).collect::<Vec<_>>());
        // 48 objects in the first answer.
        let most = length as usize / 48 + 2;
        let questions = questions.load(Ordering::Relaxed);
        assert!(questions <= most, "{length}: {questions} questions");
    }
    // Twelve rows, then the beginning of all that the agent has.
    let mut list: Vec<_> = (1..=12).map(Some).collect();
    list.extend([None; 500]);
    let (walk, questions) = listed(list).await;
    assert_eq!((walk.end, walk.rows.len()), (WalkEnd::NotIncreasing, 12));
    assert_eq!(questions, 2);
}

#[tokio::test]
async fn a_column_that_stands_still_does_not_hold_up_the_others() {
    let agent = agent::start(|question| {
        let mut cursors = question.oids.clone();
        let mut objects = Vec::new();
        for _ in 0..question.repetitions {
            for cursor in &mut cursors {
                let arc = cursor.get(ROOT.len() + 1).copied().unwrap_or(0);
                let column = cursor[ROOT.len()];
                // The first never gets beyond its second row.
                let arc = if column == 1 {
                    (arc + 1).min(2)
                } else {
                    arc + 1
                };
                *cursor = if arc > 200 {
                    vec![1, 3, 6, 1, 9, 2]
                } else {
                    [&ROOT[..], &[column, arc]].concat()
                };
                objects.push(ber::object(cursor, &ber::integer(1)));
                if arc > 200 {
                    *cursor = [&ROOT[..], &[column, 200]].concat();
                }
            }
        }
        vec![question.response(&objects)]
    })
    .await;
    let transport = Transport::bind().unwrap();
    let columns = [1, 2].map(|column| Oid::from_slice(&[&ROOT[..], &[column]].concat()));
    let found = session(&transport, &agent)
        .columns(&columns, WalkBounds::default())
        .await;
    assert_eq!(found.ends, [WalkEnd::NotIncreasing, WalkEnd::Complete]);
    assert_eq!(found.rows.len(), 202);
    assert_eq!(found.defects.count(Defect::OidNotIncreasing), 1);
}
