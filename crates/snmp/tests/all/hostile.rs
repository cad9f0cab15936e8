//! Agents that loop, lie, stammer and fall silent: counted, bounded, survived.

use super::agent::{self, COMMUNITY, OPTIONS, Objects, Question, honest, session};
use super::ber;
use async_snmp::pdu::PduType;
use foretell_snmp::{
    Bound, Credentials, Defect, Oid, Session, SessionError, SessionOptions, Transport, Value, Walk,
    WalkBounds, WalkEnd,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(crate) const ROOT: [u32; 6] = [1, 3, 6, 1, 9, 1];

/// So many rows under ROOT, and one object after them.
pub(crate) fn rows(count: u32) -> Objects {
    (1..=count)
        .map(|row| ([&ROOT[..], &[row]].concat(), ber::integer(7)))
        .chain([(vec![1, 3, 6, 1, 10, 1], ber::text("beyond"))])
        .collect()
}

pub(crate) async fn walk(answer: impl FnMut(&Question) -> Vec<Vec<u8>> + Send + 'static) -> Walk {
    let agent = agent::start(answer).await;
    let transport = Transport::bind().unwrap();
    let bounds = WalkBounds {
        rows: 500,
        octets: 1 << 20,
        time: Duration::from_secs(5),
    };
    session(&transport, &agent)
        .walk(&Oid::from_slice(&ROOT), bounds)
        .await
}

#[tokio::test]
async fn an_honest_agent_is_read_whole() {
    let walk = walk(|question| vec![question.response(&honest(&rows(200), question))]).await;
    assert_eq!(walk.end, WalkEnd::Complete);
    assert_eq!(walk.rows.len(), 200);
    assert!(walk.rows.is_sorted_by(|a, b| a.0 < b.0));
    assert!(walk.defects.is_empty(), "{:?}", walk.defects);
}

#[tokio::test]
async fn a_looping_agent_ends_the_walk() {
    let first = [&ROOT[..], &[1]].concat();
    let walk = walk(move |question| {
        let same = ber::object(&first, &ber::integer(1));
        vec![question.response(&vec![same; question.asked()])]
    })
    .await;
    assert_eq!(walk.end, WalkEnd::NotIncreasing);
    assert_eq!(walk.rows.len(), 1);
    assert_eq!(walk.defects.count(Defect::OidNotIncreasing), 1);
}

#[tokio::test]
async fn an_agent_that_counts_down_over_and_over_ends_the_walk() {
    let walk = walk(|question| {
        let objects: Vec<_> = (0..question.repetitions)
            .map(|row| ber::object(&[&ROOT[..], &[1000 - row]].concat(), &ber::integer(1)))
            .collect();
        vec![question.response(&objects)]
    })
    .await;
    assert_eq!(walk.end, WalkEnd::NotIncreasing);
    assert!(
        walk.rows.is_sorted_by(|a, b| a.0 < b.0),
        "each once, in order"
    );
    assert!(walk.rows.len() < 500, "{} rows", walk.rows.len());
    assert!(walk.defects.count(Defect::OidNotIncreasing) > 0);
}

#[tokio::test]
async fn a_table_out_of_order_is_read_whole_and_counted() {
    // As a table sorted by the text of its index: 10.x before 9.x.
    let order = [1, 10, 11, 2, 30, 4, 200, 5];
    let walk = walk(move |question| {
        let last = question.oids[0].get(ROOT.len()).copied();
        let begin = last.map_or(0, |last| {
            order.iter().position(|&arc| arc == last).unwrap() + 1
        });
        let beyond = ber::object(&[1, 3, 6, 1, 9, 2], &ber::integer(1));
        let objects: Vec<_> = (begin..begin + question.repetitions as usize)
            .map(|place| match order.get(place) {
                Some(&arc) => ber::object(&[&ROOT[..], &[arc]].concat(), &ber::integer(1)),
                None => beyond.clone(),
            })
            .collect();
        vec![question.response(&objects)]
    })
    .await;
    let arcs: Vec<u32> = walk
        .rows
        .iter()
        .filter_map(|(oid, _)| oid.arcs().last().copied())
        .collect();
    assert_eq!(arcs, [1, 2, 4, 5, 10, 11, 30, 200]);
    assert_eq!(walk.defects.count(Defect::OidNotIncreasing), 3);
    assert_eq!(walk.end, WalkEnd::Complete);
}

#[tokio::test]
async fn a_walk_that_only_counts_down_ends_at_its_bound() {
    let walk = walk(|question| {
        let last = question.oids[0].get(ROOT.len()).copied().unwrap_or(1 << 20);
        let objects: Vec<_> = (1..=question.repetitions)
            .map(|step| ber::object(&[&ROOT[..], &[last - step]].concat(), &ber::integer(1)))
            .collect();
        vec![question.response(&objects)]
    })
    .await;
    assert_eq!(walk.end, WalkEnd::Bound(Bound::Rows));
    assert_eq!(walk.rows.len(), 500);
}

#[tokio::test]
async fn an_endless_agent_is_cut_at_the_bound() {
    let walk = walk(|question| {
        let last = question.oids[0].get(6).copied().unwrap_or(0);
        let objects: Vec<_> = (1..=question.repetitions)
            .map(|step| ber::object(&[&ROOT[..], &[last + step]].concat(), &ber::integer(1)))
            .collect();
        vec![question.response(&objects)]
    })
    .await;
    assert_eq!(walk.end, WalkEnd::Bound(Bound::Rows));
    assert_eq!(walk.rows.len(), 500);
    assert_eq!(walk.defects.count(Defect::TooManyRows), 1);
}

#[tokio::test]
async fn an_endless_agent_is_cut_at_the_time() {
    let agent = agent::start(|question| {
        let last = question.oids[0].get(6).copied().unwrap_or(0);
        let next = ber::object(&[&ROOT[..], &[last + 1]].concat(), &ber::integer(1));
        vec![question.response(&[next])]
    })
    .await;
    let transport = Transport::bind().unwrap();
    let bounds = WalkBounds {
        rows: usize::MAX,
        octets: usize::MAX,
        time: Duration::from_millis(200),
    };
    let walk = session(&transport, &agent)
        .walk(&Oid::from_slice(&ROOT), bounds)
        .await;
    assert_eq!(walk.end, WalkEnd::Bound(Bound::Time));
    assert_eq!(walk.defects.count(Defect::TooSlow), 1);
    assert!(!walk.rows.is_empty());
}

#[tokio::test]
async fn values_without_end_are_cut_at_the_bound() {
    let walk = walk(|question| {
        let last = question.oids[0].get(6).copied().unwrap_or(0);
        let objects: Vec<_> = (1..=question.repetitions.min(3))
            .map(|step| {
                let long = ber::tlv(0x04, &[b'x'; 15_000]);
                ber::object(&[&ROOT[..], &[last + step]].concat(), &long)
            })
            .collect();
        vec![question.response(&objects)]
    })
    .await;
    assert_eq!(walk.end, WalkEnd::Bound(Bound::Octets));
    assert!(walk.rows.len() < 80, "{}", walk.rows.len());
}

#[tokio::test]
async fn more_objects_than_were_asked_are_dropped_and_counted() {
    let walk = walk(|question| {
        let mut objects = honest(&rows(5), question);
        objects.extend(vec![ber::object(&ROOT, &ber::integer(1)); 1000]);
        vec![question.response(&objects)]
    })
    .await;
    assert_eq!((walk.rows.len(), walk.end), (5, WalkEnd::Complete));
    assert!(walk.defects.count(Defect::UnaskedObject) > 0);
}

#[tokio::test]
async fn an_answer_without_objects_is_malformed() {
    let walk = walk(|question| vec![question.response(&[])]).await;
    assert!(
        matches!(walk.end, WalkEnd::Failed(SessionError::Malformed { .. })),
        "{:?}",
        walk.end
    );
}

#[tokio::test]
async fn an_agent_that_finds_answers_too_big_is_asked_for_less() {
    let walk = walk(|question| {
        if question.asked() > 6 {
            return vec![question.error(1, 0)];
        }
        vec![question.response(&honest(&rows(40), question))]
    })
    .await;
    assert_eq!((walk.rows.len(), walk.end), (40, WalkEnd::Complete));
}

#[tokio::test]
async fn an_agent_whose_long_answers_are_lost_is_asked_for_less() {
    let walk = walk(|question| {
        if question.asked() > 30 {
            return Vec::new();
        }
        vec![question.response(&honest(&rows(40), question))]
    })
    .await;
    assert_eq!((walk.rows.len(), walk.end), (40, WalkEnd::Complete));
}

#[tokio::test]
async fn an_agent_that_breaks_on_getbulk_is_asked_by_getnext() {
    for status in [Some(5), None] {
        let walk = walk(move |question| {
            if question.kind != PduType::GetBulkRequest {
                return vec![question.response(&honest(&rows(12), question))];
            }
            status
                .map(|status| question.error(status, 0))
                .into_iter()
                .collect()
        })
        .await;
        assert_eq!(
            (walk.rows.len(), walk.end),
            (12, WalkEnd::Complete),
            "{status:?}"
        );
    }
}

#[tokio::test]
async fn one_column_that_an_agent_chokes_on_costs_only_itself() {
    let agent = agent::start(|question| {
        let poison = question
            .oids
            .iter()
            .any(|oid| oid.starts_with(&[1, 3, 6, 1, 9, 2]));
        if poison {
            return Vec::new();
        }
        vec![question.response(&honest(&rows(10), question))]
    })
    .await;
    let transport = Transport::bind().unwrap();
    let columns = [Oid::from_slice(&[1, 3, 6, 1, 9, 2]), Oid::from_slice(&ROOT)];
    let found = session(&transport, &agent)
        .columns(&columns, WalkBounds::default())
        .await;
    assert!(matches!(
        found.ends[0],
        WalkEnd::Failed(SessionError::Silent { .. })
    ));
    assert_eq!(found.ends[1], WalkEnd::Complete);
    assert_eq!(found.rows.len(), 10);
}

#[tokio::test]
async fn columns_of_different_lengths_come_together_by_index() {
    let mut objects: Objects = (1..=30)
        .map(|row| (vec![1, 3, 6, 1, 9, 1, 1, row], ber::integer(1)))
        .collect();
    objects.extend([3, 7].map(|row| (vec![1, 3, 6, 1, 9, 1, 2, row], ber::text("x"))));
    let agent =
        agent::start(move |question| vec![question.response(&honest(&objects, question))]).await;
    let transport = Transport::bind().unwrap();
    let columns = [1, 2, 3].map(|column| Oid::from_slice(&[1, 3, 6, 1, 9, 1, column]));
    let table = session(&transport, &agent)
        .table(&columns, WalkBounds::default())
        .await;
    assert!(table.is_complete());
    assert_eq!(table.rows.len(), 30);
    let text = Value::Octets("x".into());
    assert_eq!(
        table.rows[&vec![7]],
        [Some(Value::Integer(1)), Some(text), None]
    );
    assert_eq!(table.rows[&vec![8]], [Some(Value::Integer(1)), None, None]);
}

/// What a GET makes of an answer, and the defects it leaves.
async fn get(
    answer: impl FnMut(&Question) -> Vec<Vec<u8>> + Send + 'static,
) -> (
    Result<Vec<(Oid, Value)>, SessionError>,
    foretell_snmp::Defects,
) {
    let agent = agent::start(answer).await;
    let transport = Transport::bind().unwrap();
    let mut session = session(&transport, &agent);
    let found = session
        .get(&[Oid::from_slice(&[1, 3, 6, 1, 9, 1, 1])])
        .await;
    (found, session.take_defects())
}

fn whole(question: &Question) -> Vec<u8> {
    question.response(&honest(&rows(3), question))
}

#[tokio::test]
async fn answers_to_another_request_are_not_ours() {
    let (found, defects) = get(|question| {
        let objects = honest(&rows(3), question);
        let other = question.id.wrapping_add(1_000_000) & i32::MAX;
        vec![ber::response(
            1,
            COMMUNITY.as_bytes(),
            other,
            (0, 0),
            &objects,
        )]
    })
    .await;
    assert!(
        matches!(found, Err(SessionError::Silent { attempts: 2, .. })),
        "{found:?}"
    );
    assert_eq!(defects.count(Defect::AnswerToAnotherRequest), 2);
}

#[tokio::test]
async fn answers_with_another_community_are_not_ours() {
    let (found, defects) = get(|question| {
        let objects = honest(&rows(3), question);
        vec![ber::response(1, b"private", question.id, (0, 0), &objects)]
    })
    .await;
    assert!(
        matches!(found, Err(SessionError::Silent { .. })),
        "{found:?}"
    );
    assert!(defects.count(Defect::AnswerToAnotherRequest) > 0);
}

#[tokio::test]
async fn damaged_answers_are_told_from_silence() {
    let half = |question: &Question| {
        let answer = whole(question);
        vec![answer[..answer.len() - 4].to_vec()]
    };
    let lying = |question: &Question| {
        let mut answer = whole(question);
        let last = answer.len() - 6;
        answer[last] = 0x7f;
        vec![answer]
    };
    let (found, defects) = get(half).await;
    assert!(
        matches!(found, Err(SessionError::Malformed { .. })),
        "{found:?}"
    );
    assert_eq!(defects.count(Defect::MalformedAnswer), 2);
    let (found, _) = get(lying).await;
    assert!(
        matches!(found, Err(SessionError::Malformed { .. })),
        "{found:?}"
    );
    let (found, defects) = get(|_| vec![b"not snmp".to_vec(), Vec::new()]).await;
    assert!(
        matches!(found, Err(SessionError::Silent { .. })),
        "{found:?}"
    );
    assert_eq!(defects.count(Defect::MalformedAnswer), 4);
}

#[tokio::test]
async fn objects_that_were_not_asked_for_are_dropped() {
    let (found, defects) = get(|question| {
        let other = ber::object(&[1, 3, 6, 1, 9, 9, 9], &ber::integer(1));
        vec![question.response(&[other])]
    })
    .await;
    assert_eq!(found, Ok(Vec::new()));
    assert_eq!(defects.count(Defect::MissingObject), 1);
    assert_eq!(defects.count(Defect::UnaskedObject), 1);
}

#[tokio::test]
async fn a_flood_of_answers_does_no_harm() {
    let (found, _) = get(|question| vec![whole(question); 300]).await;
    assert_eq!(found.unwrap().len(), 1);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again() {
    let (found, defects) = get(|question| match question.earlier {
        0 => Vec::new(),
        _ => vec![whole(question)],
    })
    .await;
    assert_eq!(found.unwrap().len(), 1);
    assert!(defects.is_empty());
}

#[tokio::test]
async fn version_1_leaves_out_what_the_agent_lacks_and_ends_at_nosuchname() {
    let agent = agent::start(|question| {
        let objects = rows(4);
        let lacking = question.oids.iter().position(|oid| match question.kind {
            PduType::GetRequest => !objects.iter().any(|(known, _)| known == oid),
            _ => objects.last().is_some_and(|(last, _)| last <= oid),
        });
        match lacking {
            Some(place) => vec![question.error(2, i32::try_from(place).unwrap() + 1)],
            None => vec![question.response(&honest(&objects, question))],
        }
    })
    .await;
    let transport = Transport::bind().unwrap();
    let mut session = Session::open(
        &transport,
        agent.address,
        &Credentials::v1(COMMUNITY),
        OPTIONS,
    );
    let there = Oid::from_slice(&[&ROOT[..], &[2]].concat());
    let lacking = Oid::from_slice(&[&ROOT[..], &[9]].concat());
    let found = session
        .get(&[lacking.clone(), there.clone(), lacking])
        .await
        .unwrap();
    assert_eq!(found, [(there, Value::Integer(7))]);
    let beyond = Oid::from_slice(&[1, 3, 6, 1, 10]);
    let found = session
        .columns(&[Oid::from_slice(&ROOT), beyond], WalkBounds::default())
        .await;
    assert_eq!(found.ends, [WalkEnd::Complete, WalkEnd::Complete]);
    assert_eq!(found.rows.len(), 5);
}

#[tokio::test]
async fn a_silent_agent_costs_only_its_own_session() {
    let silent = agent::start(|_| Vec::new()).await;
    let lively = agent::start(|question| vec![whole(question)]).await;
    let transport = Transport::bind().unwrap();
    let patient = SessionOptions {
        timeout: Duration::from_secs(2),
        retries: 0,
    };
    let mut waiting = Session::open(
        &transport,
        silent.address,
        &Credentials::v2c(COMMUNITY),
        patient,
    );
    let object = [Oid::from_slice(&[&ROOT[..], &[1]].concat())];
    let started = Instant::now();
    let mut asked = session(&transport, &lively);
    let (waited, found) = tokio::join!(waiting.get(&object), async {
        let found = asked.get(&object).await;
        (found, started.elapsed())
    });
    assert!(matches!(waited, Err(SessionError::Silent { .. })));
    assert_eq!(found.0.unwrap().len(), 1);
    assert!(found.1 < Duration::from_secs(1), "{:?}", found.1);
}

/// Random damage to honest answers: whatever comes, no panic and no hang.
#[tokio::test]
async fn random_damage_is_survived() {
    let seed = 0x5eed_u64;
    let mut state = seed;
    let mut random = move || {
        // xorshift64: any seed that is not zero walks through all 64-bit numbers.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let agent = agent::start(move |question| {
        let mut answer = question.response(&honest(&rows(20), question));
        for _ in 0..random() % 4 {
            let place = usize::try_from(random()).unwrap() % answer.len();
            answer[place] = random().to_le_bytes()[0];
        }
        if random() % 4 == 0 {
            answer.truncate(usize::try_from(random()).unwrap() % answer.len());
        }
        vec![answer]
    })
    .await;
    let transport = Transport::bind().unwrap();
    let options = SessionOptions {
        timeout: Duration::from_millis(15),
        retries: 0,
    };
    let mut session = Session::open(
        &transport,
        agent.address,
        &Credentials::v2c(COMMUNITY),
        options,
    );
    let mut defects = 0;
    for _ in 0..100 {
        let walk = session
            .walk(&Oid::from_slice(&ROOT), WalkBounds::default())
            .await;
        assert!(walk.rows.len() <= 21, "seed {seed:#x}");
        defects += walk.defects.iter().map(|(_, count)| count).sum::<u64>();
    }
    assert!(defects > 0, "seed {seed:#x}");
}

#[tokio::test]
async fn answers_that_come_late_are_told_from_the_one_that_is_waited_for() {
    let mut before: Option<Vec<u8>> = None;
    let walk = walk(move |question| {
        let answer = question.response(&honest(&rows(200), question));
        let late = before.replace(answer.clone());
        late.into_iter().chain([answer]).collect()
    })
    .await;
    assert_eq!(walk.end, WalkEnd::Complete);
    assert_eq!(walk.rows.len(), 200);
    assert!(
        walk.defects.count(Defect::AnswerToAnotherRequest) > 0,
        "{:?}",
        walk.defects
    );
}

#[tokio::test]
async fn answers_that_come_twice_are_taken_once() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let walk = walk(move |question| {
        count.fetch_add(1, Ordering::SeqCst);
        let answer = question.response(&honest(&rows(200), question));
        vec![answer.clone(), answer]
    })
    .await;
    assert_eq!(walk.end, WalkEnd::Complete);
    assert_eq!(walk.rows.len(), 200);
    assert!(walk.rows.is_sorted_by(|a, b| a.0 < b.0));
    // The second of the last may come when nobody listens any more.
    let asked = asked.load(Ordering::SeqCst);
    let seconds = walk.defects.count(Defect::AnswerToAnotherRequest);
    assert!(
        (asked - 1..=asked).contains(&seconds),
        "{seconds} of {asked}"
    );
    let all: u64 = walk.defects.iter().map(|(_, count)| count).sum();
    assert_eq!(all, seconds, "{:?}", walk.defects);
}

#[tokio::test]
async fn a_table_that_breaks_off_keeps_the_rows_it_had() {
    let sent = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&sent);
    let walk = walk(move |question| {
        if question.earlier > 1 {
            return Vec::new();
        }
        let objects = honest(&rows(400), question);
        count.fetch_add(objects.len() as u64, Ordering::SeqCst);
        vec![question.response(&objects)]
    })
    .await;
    assert!(
        matches!(walk.end, WalkEnd::Failed(SessionError::Silent { .. })),
        "{:?}",
        walk.end
    );
    let sent = sent.load(Ordering::SeqCst);
    assert!(sent > 50, "{sent}");
    assert_eq!(walk.rows.len() as u64, sent);
    assert!(walk.rows.is_sorted_by(|a, b| a.0 < b.0));
    assert!(walk.defects.is_empty(), "{:?}", walk.defects);
}

#[tokio::test]
async fn answers_with_padding_behind_them_are_read_and_counted() {
    let walk = walk(|question| {
        let mut answer = question.response(&honest(&rows(20), question));
        answer.extend([0; 40]);
        vec![answer]
    })
    .await;
    assert_eq!(walk.end, WalkEnd::Complete);
    assert_eq!(walk.rows.len(), 20);
    assert!(walk.defects.count(Defect::LaxEncoding) > 0);
}
