//! What agents answer, read by async-snmp and held against RFC 3416 spelled out plainly.

use super::shelf::Shelf;
use async_snmp::message::{
    CommunityMessage, Message, MsgFlags, MsgGlobalData, ScopedPdu, SecurityLevel, V3Message,
};
use async_snmp::pdu::{Pdu, PduBody, StandardPduType};
use async_snmp::v3::UsmSecurityParams;
use async_snmp::{DecodeConfig, MessageSize, Oid, VarBind};
use foretell_sim::Value;
use foretell_sim::agent::{Access, Agent, Responder, Shown, User};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Instant;

type Objects = BTreeMap<Vec<u32>, Value<'static>>;
/// error-status, error-index, and the VarBinds.
type Answer = (i32, i32, Vec<VarBind>);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Version {
    V1,
    V2c,
    V3,
}

#[derive(Clone, Debug)]
enum Question {
    Get,
    GetNext,
    GetBulk(u32, u32),
}

fn arc() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0..4u32, 1 => Just(127), 1 => Just(128), 1 => Just(300_000), 1 => Just(u32::MAX)]
}

/// Names that lie close together, so that some are there, and some are within others.
fn name() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(arc(), 0..5).prop_map(|tail| [vec![1, 3], tail].concat())
}

fn value() -> impl Strategy<Value = Value<'static>> {
    let octets = || prop::collection::vec(any::<u8>(), 0..300);
    prop_oneof![
        any::<i32>().prop_map(Value::Integer),
        octets().prop_map(|octets| Value::OctetString(octets.into())),
        name().prop_map(|name| Value::ObjectIdentifier(name.into())),
        any::<[u8; 4]>().prop_map(Value::IpAddress),
        any::<u32>().prop_map(Value::Counter32),
        any::<u32>().prop_map(Value::Gauge32),
        any::<u32>().prop_map(Value::TimeTicks),
        octets().prop_map(|octets| Value::Opaque(octets.into())),
        any::<u64>().prop_map(Value::Counter64),
        any::<u16>().prop_map(|value| Value::Counter64(value.into())),
        Just(Value::Null),
    ]
}

fn question() -> impl Strategy<Value = Question> {
    prop_oneof![
        Just(Question::Get),
        Just(Question::GetNext),
        (0..4u32, prop_oneof![0..12u32, Just(0x7fff_ffff)])
            .prop_map(|(non_repeaters, repetitions)| Question::GetBulk(non_repeaters, repetitions)),
    ]
}

fn theirs(value: &Value<'_>) -> async_snmp::Value {
    use async_snmp::Value as Theirs;
    match value {
        Value::Integer(value) => Theirs::Integer(*value),
        Value::OctetString(octets) => Theirs::OctetString(octets.to_vec().into()),
        Value::ObjectIdentifier(arcs) => Theirs::ObjectIdentifier(Oid::from_slice(arcs)),
        Value::IpAddress(octets) => Theirs::IpAddress(*octets),
        Value::Counter32(value) => Theirs::Counter32(*value),
        Value::Gauge32(value) => Theirs::Gauge32(*value),
        Value::TimeTicks(value) => Theirs::TimeTicks(*value),
        Value::Opaque(octets) => Theirs::Opaque(octets.to_vec().into()),
        Value::Counter64(value) => Theirs::Counter64(*value),
        Value::Null => Theirs::Null,
    }
}

/// RFC 3416 section 4.2 and RFC 1157 section 4.1, without a bound on the answer.
fn expected(
    objects: &Objects,
    version: Version,
    question: &Question,
    names: &[Vec<u32>],
) -> Answer {
    let sayable =
        |value: &Value<'_>| version != Version::V1 || !matches!(value, Value::Counter64(_));
    let next = |name: &[u32]| {
        objects
            .range::<[u32], _>((Bound::Excluded(name), Bound::Unbounded))
            .find(|(_, value)| sayable(value))
            .map(|(name, value)| (name.clone(), theirs(value)))
    };
    let end = |name: &[u32]| (name.to_vec(), async_snmp::Value::EndOfMibView);
    let varbind = |(name, value): (Vec<u32>, _)| VarBind::new(Oid::from_slice(&name), value);
    let mut list = Vec::new();
    match question {
        Question::Get | Question::GetNext => {
            for (name, index) in names.iter().zip(1..) {
                let found = match question {
                    Question::Get => objects
                        .get(name)
                        .filter(|value| sayable(value))
                        .map(|value| (name.clone(), theirs(value))),
                    _ => next(name),
                };
                let found = match (found, question) {
                    (Some(found), _) => found,
                    (None, _) if version == Version::V1 => {
                        let echo = names
                            .iter()
                            .map(|name| VarBind::null(Oid::from_slice(name)));
                        return (2, index, echo.collect());
                    }
                    (None, Question::Get) => {
                        let parent = &name[..name.len() - 1];
                        let related = objects
                            .keys()
                            .any(|known| known.starts_with(parent) && known.len() > parent.len());
                        let exception = if related {
                            async_snmp::Value::NoSuchInstance
                        } else {
                            async_snmp::Value::NoSuchObject
                        };
                        (name.clone(), exception)
                    }
                    (None, _) => end(name),
                };
                list.push(varbind(found));
            }
        }
        Question::GetBulk(non_repeaters, repetitions) => {
            let split = (*non_repeaters as usize).min(names.len());
            let (singles, repeaters) = names.split_at(split);
            for name in singles {
                list.push(varbind(next(name).unwrap_or_else(|| end(name))));
            }
            let mut cursors = repeaters.to_vec();
            for _ in 0..*repetitions {
                let row: Vec<_> = cursors
                    .iter()
                    .map(|cursor| next(cursor).unwrap_or_else(|| end(cursor)))
                    .collect();
                let over = row
                    .iter()
                    .all(|(_, value)| *value == async_snmp::Value::EndOfMibView);
                cursors = row.iter().map(|(name, _)| name.clone()).collect();
                list.extend(row.into_iter().map(varbind));
                if over {
                    break;
                }
            }
        }
    }
    (0, 0, list)
}

fn agent(objects: Objects, longest: usize) -> Agent {
    let access = Access::by_communities(["a community"])
        .with_users([User::new("plain", None, None).unwrap()]);
    let address = "127.0.0.1:161".parse().unwrap();
    let shown = Shown::One(Arc::new(Shelf(objects)));
    Agent::new(address, shown, Arc::new(access), Instant::now()).with_message_len_max(longest)
}

fn ask(
    agent: &Agent,
    version: Version,
    question: &Question,
    names: &[Vec<u32>],
) -> (Answer, usize) {
    const ID: i32 = -77;
    let body = match *question {
        Question::Get | Question::GetNext => PduBody::Standard {
            pdu_type: match question {
                Question::Get => StandardPduType::GetRequest,
                _ => StandardPduType::GetNextRequest,
            },
            error_status: 0,
            error_index: 0,
        },
        Question::GetBulk(non_repeaters, max_repetitions) => PduBody::GetBulk {
            non_repeaters,
            max_repetitions,
        },
    };
    let names = names
        .iter()
        .map(|name| VarBind::null(Oid::from_slice(name)));
    let pdu = Pdu::from_raw_parts(ID, body, names.collect());
    let engine_id = agent.engine().id().as_bytes().to_vec();
    let datagram = match version {
        Version::V1 => CommunityMessage::v1(&b"a community"[..], pdu)
            .unwrap()
            .encode(),
        Version::V2c => CommunityMessage::v2c(&b"a community"[..], pdu)
            .unwrap()
            .encode(),
        Version::V3 => {
            let flags = MsgFlags::new(SecurityLevel::NoAuthNoPriv, true);
            let size = MessageSize::new(65_507).unwrap();
            let header = MsgGlobalData::new(4711, size, flags).unwrap();
            let security = UsmSecurityParams::new(engine_id.clone(), 1, 0, &b"plain"[..]).unwrap();
            let scoped = ScopedPdu::new(engine_id, &b""[..], pdu);
            V3Message::new(header, security.encode().unwrap(), scoped)
                .unwrap()
                .encode()
        }
    };
    let mut responder = Responder::default();
    let answer = responder
        .respond(agent, &datagram.unwrap(), Instant::now())
        .unwrap()
        .to_vec();
    let length = answer.len();
    let message = Message::decode(answer.into(), DecodeConfig::STRICT).unwrap();
    assert!(message.anomalies.is_empty(), "{:?}", message.anomalies);
    let (id, body, varbinds) = message.value.into_pdu().unwrap().into_raw_parts();
    assert_eq!(id, ID);
    let PduBody::Standard {
        pdu_type: StandardPduType::Response,
        error_status,
        error_index,
    } = body
    else {
        panic!("no response: {body:?}");
    };
    ((error_status, error_index, varbinds), length)
}

proptest! {
    #[test]
    fn answers_are_what_the_standards_say(
        objects in prop::collection::btree_map(name(), value(), 0..40),
        names in prop::collection::vec(name(), 1..6),
        question in question(),
        version in prop_oneof![Just(Version::V1), Just(Version::V2c), Just(Version::V3)],
        longest in prop_oneof![Just(484usize), Just(1472), Just(65_507)],
    ) {
        prop_assume!(version != Version::V1 || !matches!(question, Question::GetBulk(..)));
        let wanted = expected(&objects, version, &question, &names);
        let (given, length) = ask(&agent(objects, longest), version, &question, &names);
        prop_assert!(length <= longest, "{length} octets");
        if given == wanted {
            return Ok(());
        }
        // What did not fit: told by tooBig, or left away at the end.
        let whole: usize = wanted.2.iter().map(VarBind::encoded_size).sum();
        prop_assert!(whole + 120 > longest, "{given:?} for {wanted:?}");
        if given.0 == 1 {
            prop_assert_eq!(given.1, 0);
        } else {
            prop_assert!(matches!(question, Question::GetBulk(..)));
            prop_assert_eq!((given.0, given.1), (0, 0));
            prop_assert!(!given.2.is_empty());
            prop_assert!(wanted.2.starts_with(&given.2), "{:?} of {:?}", given.2, wanted.2);
        }
    }
}
