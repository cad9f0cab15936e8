//! An SNMP agent of the test's own on loopback: honest by itself, and as twisted as a case wants.

use super::ber;
use async_snmp::message::Message;
use async_snmp::pdu::PduType;
use foretell_snmp::{Credentials, Session, SessionOptions, Transport};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

pub(crate) const COMMUNITY: &str = "public";

/// A question as it came.
pub(crate) struct Question {
    pub(crate) kind: PduType,
    pub(crate) id: i32,
    pub(crate) version: i32,
    pub(crate) oids: Vec<Vec<u32>>,
    pub(crate) repetitions: u32,
    /// How many came before it.
    pub(crate) earlier: usize,
}

impl Question {
    /// Objects that an honest answer may hold.
    pub(crate) fn asked(&self) -> usize {
        self.oids.len() * usize::try_from(self.repetitions).unwrap()
    }
    pub(crate) fn response(&self, objects: &[Vec<u8>]) -> Vec<u8> {
        ber::response(self.version, COMMUNITY.as_bytes(), self.id, (0, 0), objects)
    }
    pub(crate) fn error(&self, status: i32, index: i32) -> Vec<u8> {
        ber::response(
            self.version,
            COMMUNITY.as_bytes(),
            self.id,
            (status, index),
            &[],
        )
    }
}

/// Objects in order, each with its encoded value.
pub(crate) type Objects = Vec<(Vec<u32>, Vec<u8>)>;

/// What an honest agent answers.
pub(crate) fn honest(objects: &Objects, question: &Question) -> Vec<Vec<u8>> {
    if question.kind == PduType::GetRequest {
        return question
            .oids
            .iter()
            .map(|oid| {
                let value = objects.iter().find(|(known, _)| known == oid);
                ber::object(oid, value.map_or(&[0x81, 0][..], |(_, value)| value))
            })
            .collect();
    }
    let mut cursors = question.oids.clone();
    let mut answer = Vec::new();
    for _ in 0..question.repetitions {
        for cursor in &mut cursors {
            match objects.iter().find(|(oid, _)| oid > cursor) {
                Some((oid, value)) => {
                    answer.push(ber::object(oid, value));
                    cursor.clone_from(oid);
                }
                None => answer.push(ber::object(cursor, &[0x82, 0])),
            }
        }
    }
    answer
}

/// A running agent; gone when dropped.
pub(crate) struct Agent {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts an agent that sends what `answer` gives for each question.
pub(crate) async fn start(
    mut answer: impl FnMut(&Question) -> Vec<Vec<u8>> + Send + 'static,
) -> Agent {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut buffer = vec![0; 65_535];
        let mut earlier = 0;
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            let question = question(&buffer[..length], earlier);
            earlier += 1;
            for datagram in answer(&question) {
                socket.send_to(&datagram, from).await.unwrap();
            }
        }
    });
    Agent { address, task }
}

fn question(datagram: &[u8], earlier: usize) -> Question {
    let data = datagram.to_vec().into();
    let message = Message::decode(data, async_snmp::DecodeConfig::DEFAULT).unwrap();
    let version = i32::from(message.value.version() != async_snmp::Version::V1);
    let pdu = message.value.into_pdu().unwrap();
    let repetitions = pdu
        .get_bulk_fields()
        .map_or(1, |(_, repetitions)| repetitions);
    Question {
        kind: pdu.pdu_type(),
        id: pdu.request_id(),
        version,
        oids: pdu
            .varbinds()
            .iter()
            .map(|varbind| varbind.oid.arcs().to_vec())
            .collect(),
        repetitions,
        earlier,
    }
}

/// Patience of the tests: short, for silence is waited out.
pub(crate) const OPTIONS: SessionOptions = SessionOptions {
    timeout: Duration::from_millis(80),
    retries: 1,
};

pub(crate) fn session(transport: &Transport, agent: &Agent) -> Session {
    Session::open(
        transport,
        agent.address,
        &Credentials::v2c(COMMUNITY),
        OPTIONS,
    )
}
