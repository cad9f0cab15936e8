//! `sim`: what is sent to a simulated agent, and recordings that others made.

use ::sim::agent::{Access, Agent, MESSAGE_LEN_DEFAULT, MESSAGE_LEN_MAX, Responder, Shown, User};
use ::sim::snapshot::{Snapshot, SnapshotBuilder};
use ::sim::{Mib, Value, recording};
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    let plain = User::new("plain", None, None).expect("a user needs no pass phrase");
    let access = Access::by_communities(["public"]).with_users([plain]);
    let address = "127.0.0.1:161".parse().expect("an address");
    let shown = Shown::One(Arc::new(device()));
    Agent::new(address, shown, Arc::new(access), Instant::now())
});

fn device() -> Snapshot {
    let mut device = SnapshotBuilder::default();
    let long = vec![b'x'; 300];
    let values = [
        Value::OctetString(b"name"[..].into()),
        Value::OctetString(long.into()),
        Value::ObjectIdentifier([1, 3, 6, 1][..].into()),
        Value::Counter64(u64::MAX),
        Value::Integer(-1),
        Value::Null,
    ];
    for (value, column) in values.iter().zip(1..) {
        for row in [1, 200, 70_000] {
            let name = [1, 3, 6, 1, 2, 1, column, row];
            device.push(&name, value).expect("it is small");
        }
    }
    device.finish().0
}

/// A datagram. Questions that are sent back make an answer as long as they were; others stay within
/// the agent's bound.
pub(crate) fn agent(data: &[u8]) {
    let mut responder = Responder::default();
    let Some(answer) = responder.respond(&AGENT, data, Instant::now()) else {
        return;
    };
    assert!(answer.len() <= MESSAGE_LEN_MAX);
    assert!(answer.len() <= MESSAGE_LEN_DEFAULT.max(data.len() + 200));
    assert_eq!(answer.first(), Some(&0x30));
}

/// The text of a recording: what was read is in order, and all of it is found.
pub(crate) fn recording(data: &[u8]) {
    let (snapshot, survey) = recording::parse(data).expect("an input is small");
    let mut last: Option<Vec<u32>> = None;
    let mut count = 0;
    snapshot.walk(&[], &mut |name, value| {
        assert!(last.as_deref().is_none_or(|last| last < name));
        assert_eq!(snapshot.get(name), Some(value));
        last = Some(name.to_vec());
        count += 1;
        ControlFlow::Continue(())
    });
    assert_eq!(count, survey.objects);
}
