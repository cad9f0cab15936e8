//! Agents that loop, lie and stammer, polled beside a good one: each costs only itself, and what is
//! wrong with it is in its reports.

use super::ber;
use super::fake::{self, Question, honest};
use super::polling::{INTERVAL, Lab, start_with};
use super::switch::{self, IN_ERRORS, counter};
use async_snmp::pdu::PduType;
use foretell_collect::poller::{PollReport, PollerOptions, Target};
use foretell_collect::reading::Instance;
use foretell_collect::snmp::Groups;
use model::status::Status;
use model::{DeviceId, Metric};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

const PORTS: u32 = 4;
/// Long enough for a question to be patient on a busy machine.
const EACH: Duration = INTERVAL.saturating_mul(2);
/// Polls of the good one, and of each of the others.
const POLLS: usize = 6;
const POLLS_OF_OTHERS: usize = 2;

/// Datagrams for a question, given the answer to the question before.
type Answer = fn(&Question, Option<Vec<u8>>) -> Vec<Vec<u8>>;

/// A way to behave.
struct Kind {
    name: &'static str,
    /// Of these defects one is counted; of any where there is none.
    defects: &'static [&'static str],
    /// What is right of its answers is read all the same: ifHCInOctets of each port.
    is_read: bool,
    answer: Answer,
}

const KINDS: &[Kind] = &[
    Kind {
        name: "an endless column",
        defects: &["too_many_rows", "too_slow"],
        is_read: true,
        answer: |question, _| {
            one(
                question,
                &walked(question, |cursor, _| {
                    let row = cursor.get(IN_ERRORS.len()).copied().unwrap_or(0);
                    Some((row + 1, counter(7)))
                }),
            )
        },
    },
    Kind {
        name: "a column that goes round in circles",
        defects: &["oid_not_increasing"],
        is_read: true,
        answer: |question, _| one(question, &walked(question, |_, _| Some((1, counter(7))))),
    },
    Kind {
        name: "rows that come twice",
        defects: &[],
        is_read: true,
        answer: |question, _| {
            one(
                question,
                &walked(question, |cursor, repetition| {
                    let row = cursor.get(IN_ERRORS.len()).copied()?;
                    (repetition % 2 == 1).then(|| (row, counter(7)))
                }),
            )
        },
    },
    Kind {
        name: "answers that come late",
        defects: &["answer_to_another_request"],
        is_read: false,
        answer: |_, before| before.into_iter().collect(),
    },
    Kind {
        name: "answers that come twice",
        defects: &["answer_to_another_request"],
        is_read: true,
        answer: |question, _| vec![right(question); 2],
    },
    Kind {
        name: "tables that are cut off",
        defects: &["missing_object"],
        is_read: true,
        answer: |question, _| {
            let mut objects = honest(&switch::objects(PORTS), question);
            objects.truncate(objects.len().div_ceil(2));
            one(question, &objects)
        },
    },
    Kind {
        name: "lengths that lie",
        defects: &["malformed_answer", "lax_encoding"],
        is_read: false,
        answer: |question, _| {
            let mut objects = honest(&switch::objects(PORTS), question);
            objects.pop();
            // A text of 127 octets, of which one is there.
            let oid = ber::oid(&[&IN_ERRORS[..], &[1]].concat());
            objects.push(ber::tlv(0x30, &[&oid[..], &[0x04, 0x7f, b'x']].concat()));
            one(question, &objects)
        },
    },
    Kind {
        name: "values that change their type",
        defects: &["wrong_type"],
        is_read: true,
        answer: |question, _| {
            let mut objects = switch::objects(PORTS);
            for (oid, value) in &mut objects {
                let turn = question.earlier + oid.iter().sum::<u32>() as usize;
                let is_text = turn.is_multiple_of(2);
                if oid.starts_with(&IN_ERRORS) && is_text {
                    *value = ber::text("many");
                }
            }
            one(question, &honest(&objects, question))
        },
    },
];

fn one(question: &Question, objects: &[Vec<u8>]) -> Vec<Vec<u8>> {
    vec![question.response(objects)]
}

fn right(question: &Question) -> Vec<u8> {
    question.response(&honest(&switch::objects(PORTS), question))
}

/// Answers as an honest agent but within ifInErrors: there `next` tells which row follows a cursor
/// in a repetition, and what it says, unless it leaves that to the honest one.
fn walked(
    question: &Question,
    next: impl Fn(&[u32], u32) -> Option<(u32, Vec<u8>)>,
) -> Vec<Vec<u8>> {
    let objects = switch::objects(PORTS);
    if question.kind == PduType::GetRequest {
        return honest(&objects, question);
    }
    let mut cursors = question.oids.clone();
    let mut answer = Vec::new();
    for repetition in 0..question.repetitions {
        for cursor in &mut cursors {
            let own = if cursor.starts_with(&IN_ERRORS) {
                next(cursor, repetition)
            } else {
                None
            };
            let own = own.map(|(row, value)| ([&IN_ERRORS[..], &[row]].concat(), value));
            let followed = || objects.iter().find(|(oid, _)| oid > cursor).cloned();
            match own.or_else(followed) {
                Some((oid, value)) => {
                    answer.push(ber::object(&oid, &value));
                    *cursor = oid;
                }
                None => answer.push(ber::object(cursor, &[0x82, 0])),
            }
        }
    }
    answer
}

async fn agent(answer: Answer) -> fake::Agent {
    let mut before = None;
    fake::start(move |question| {
        let earlier = before.replace(right(question));
        answer(question, earlier)
    })
    .await
}

/// Ports of which a metric was read.
fn ports(report: &PollReport, metric: Metric) -> u32 {
    (1..=PORTS)
        .map(|index| {
            let instance = Instance::Interface { index };
            let mut all = report.readings.iter();
            u32::from(all.any(|it| it.metric == metric && it.instance == instance))
        })
        .sum()
}

fn add(lab: &Lab, agent: &fake::Agent) -> DeviceId {
    let device_id = DeviceId::new();
    lab.poller.set(Target {
        device_id,
        address: agent.address,
        credentials: Some(switch::credentials()),
        interval: EACH,
        profile: None,
    });
    device_id
}

#[tokio::test]
async fn a_hostile_agent_costs_only_itself_and_is_told_of() {
    // An endless answer is cut off by the bound on rows or the end of its poll.
    let options = PollerOptions {
        deadline_min: EACH * 4,
        ..PollerOptions::default()
    };
    let mut lab = start_with(options, 1_024);
    let good = fake::start(|question| vec![right(question)]).await;
    let good_id = add(&lab, &good);
    // All of it is read once, before anybody is in its way.
    let mut reports = vec![lab.report_of(good_id).await];
    let (mut agents, mut kinds) = (Vec::new(), HashMap::new());
    for kind in KINDS {
        agents.push(agent(kind.answer).await);
        kinds.insert(add(&lab, agents.last().unwrap()), kind);
    }

    let mut of_others: HashMap<DeviceId, Vec<PollReport>> = HashMap::new();
    let is_enough = |reports: &[PollReport], of_others: &HashMap<DeviceId, Vec<PollReport>>| {
        let is_polled = |id| of_others.get(id).map_or(0, Vec::len) >= POLLS_OF_OTHERS;
        reports.len() >= POLLS && kinds.keys().all(is_polled)
    };
    while !is_enough(&reports, &of_others) {
        let report = lab.report().await;
        if report.device_id == good_id {
            reports.push(report);
        } else {
            let others = of_others.entry(report.device_id).or_default();
            others.push(report);
        }
    }

    for report in &reports {
        assert_eq!(report.status, Status::Up, "{report:?}");
        assert!(report.defects.is_empty(), "{report:?}");
        assert!(
            report
                .complete
                .intersects(Groups::TRAFFIC | Groups::INTERFACES),
            "{report:?}"
        );
        for metric in [Metric::IF_HC_IN_OCTETS, Metric::IF_IN_ERRORS] {
            assert_eq!(ports(report, metric), PORTS, "{report:?}");
        }
    }
    // The first poll comes at once, whatever its device's place in the interval.
    for (earlier, later) in reports.iter().skip(1).zip(reports.iter().skip(2)) {
        let passed = later.due_at.since(earlier.due_at);
        let intervals = (passed.as_secs_f64() / EACH.as_secs_f64()).round();
        assert!(
            (intervals - 1.0).abs() < 0.1,
            "a poll was left out: {passed:?}"
        );
    }

    for (device_id, kind) in &kinds {
        let reports = &of_others[device_id];
        let mut defects: BTreeMap<&str, u64> = BTreeMap::new();
        for (defect, count) in reports.iter().flat_map(|report| &report.defects) {
            *defects.entry(defect).or_default() += count;
        }
        let is_told = match kind.defects {
            [] => !defects.is_empty(),
            known => known.iter().any(|defect| defects.contains_key(defect)),
        };
        assert!(is_told, "{}: {defects:?}", kind.name);
        let read = reports.iter().map(|it| ports(it, Metric::IF_HC_IN_OCTETS));
        assert!(
            !kind.is_read || read.max() == Some(PORTS),
            "{}: {reports:?}",
            kind.name
        );
    }
    assert_eq!(lab.poller.stats().panics, 0);
    lab.stop().await;
}
