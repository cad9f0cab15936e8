//! Recordings of real agents, walked from end to end.

use async_snmp::message::{CommunityMessage, Message};
use async_snmp::pdu::GetBulkPdu;
use async_snmp::{DecodeConfig, Oid, Value, VarBind, Version};
use foretell_sim::agent::{Access, Agent, Responder};
use foretell_sim::recording;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Walks the recording of this name by GETBULK; how many objects it has.
fn walk(responder: &mut Responder, agent: &Agent, name: &str) -> usize {
    let community = bytes::Bytes::copy_from_slice(name.as_bytes());
    let mut cursor = Oid::from_slice(&[0, 0]);
    let mut count = 0;
    loop {
        let from = vec![VarBind::null(cursor.clone())];
        let pdu = GetBulkPdu::new(Version::V2c, 1, 0, 50, from).unwrap();
        let question = CommunityMessage::v2c(community.clone(), pdu).unwrap();
        let question = question.encode().unwrap();
        let answer = responder.respond(agent, &question, Instant::now()).unwrap();
        let answer = Message::decode(answer.to_vec().into(), DecodeConfig::STRICT);
        let pdu = answer.unwrap().value.into_pdu().unwrap();
        assert_eq!(pdu.error_status(), 0, "{name} after {cursor}");
        for varbind in pdu.varbinds() {
            if varbind.value == Value::EndOfMibView {
                return count;
            }
            assert!(
                varbind.oid > cursor,
                "{name}: {} after {cursor}",
                varbind.oid
            );
            cursor = varbind.oid.clone();
            count += 1;
        }
    }
}

#[test]
fn every_object_of_every_device_of_the_corpus() {
    let folder = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/corpus/devices"
    ));
    if !folder.is_dir() {
        // Written past the test harness, which keeps what a passing test prints to itself.
        let skipped = b"SKIPPED: there is no ../shared/corpus beside the checkout\n";
        return std::io::stderr().write_all(skipped).unwrap();
    }
    let recordings = recording::load(folder).unwrap();
    let agent = Agent::new(
        "127.0.0.1:161".parse().unwrap(),
        recordings.shown(),
        Arc::new(Access::default()),
        Instant::now(),
    );
    // Values may be longer than an Ethernet frame.
    let agent = agent.with_message_len_max(foretell_sim::agent::MESSAGE_LEN_MAX);
    let mut responder = Responder::default();
    for (name, survey) in recordings.survey() {
        assert_eq!(
            walk(&mut responder, &agent, name),
            survey.unwrap().objects,
            "{name}"
        );
    }
}
