//! One question, one answer.

use crate::defects::Defect;
use crate::error::{Refusal, SessionError};
use crate::refusal::refusal;
use crate::transport::ledger::Ledger;
use crate::transport::link::Link;
use crate::value::Value;
use async_snmp::{Client, Error, ErrorStatus, Oid, ResponseMetadata, VarBind};
use std::net::SocketAddr;
use std::time::Duration;

/// A question.
pub(crate) enum Ask<'a> {
    /// The objects themselves.
    Get(&'a [Oid]),
    /// What comes after each.
    Next(&'a [Oid]),
    /// What comes after each, so many times over.
    Bulk(&'a [Oid], u32),
}

/// Why a question has no usable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Silent,
    TooBig,
    /// Another error-status, and the position (from 1) of the object that it is about.
    Status {
        status: i32,
        index: u32,
    },
    Malformed,
    Refused(Refusal),
    Session(SessionError),
}

impl Fault {
    pub(crate) fn into_error(self, agent: SocketAddr) -> SessionError {
        match self {
            Self::Silent => SessionError::Silent {
                agent,
                waited: Duration::ZERO,
                attempts: 1,
            },
            Self::TooBig => SessionError::Agent { agent, status: 1 },
            Self::Status { status: 6 | 16, .. } => SessionError::Refused {
                agent,
                reason: Refusal::AuthorizationError,
            },
            Self::Status { status, .. } => SessionError::Agent { agent, status },
            Self::Malformed => SessionError::Malformed { agent },
            Self::Refused(reason) => SessionError::Refused { agent, reason },
            Self::Session(error) => error,
        }
    }
}

pub(crate) async fn ask(
    client: &Client<Link>,
    ledger: &Ledger,
    ask: &Ask<'_>,
) -> Result<Vec<(Oid, Value)>, Fault> {
    ledger.begin();
    let answer = match ask {
        Ask::Get(objects) => fixed(client.get_many(objects).await),
        Ask::Next(objects) => fixed(client.get_next_many(objects).await),
        Ask::Bulk(objects, repetitions) => client
            .get_bulk_with_metadata(objects, 0, *repetitions)
            .await
            .map(|bulk| (bulk.varbinds, bulk.metadata)),
    };
    match answer {
        Ok((objects, metadata)) => {
            for _ in &metadata.decode_anomalies {
                ledger.add(Defect::LaxEncoding);
            }
            Ok(objects
                .into_iter()
                .map(|object| (object.oid, Value::from(object.value)))
                .collect())
        }
        Err(error) => Err(fault(&error, ledger)),
    }
}

type Answer = async_snmp::Result<(Vec<VarBind>, ResponseMetadata)>;

fn fixed(answer: async_snmp::Result<async_snmp::FixedCardinalityResponse>) -> Answer {
    answer.map(|response| (response.varbinds, response.metadata))
}

fn fault(error: &Error, ledger: &Ledger) -> Fault {
    if let Some(refusal) = ledger.refusal() {
        return Fault::Refused(refusal);
    }
    if ledger.was_malformed() {
        return Fault::Malformed;
    }
    match error.exchange_source() {
        Error::Timeout { .. } => Fault::Silent,
        Error::Snmp { status, index, .. } => match status {
            ErrorStatus::TooBig => Fault::TooBig,
            status => Fault::Status {
                status: status.as_i32(),
                index: *index,
            },
        },
        Error::Report { status, .. } => Fault::Refused(refusal(status)),
        Error::Auth { .. } => Fault::Refused(Refusal::WrongDigest),
        Error::Decode(_) | Error::MalformedResponse { .. } | Error::ResponseShape { .. } => {
            ledger.add(Defect::MalformedAnswer);
            Fault::Malformed
        }
        Error::OutboundMessageTooLarge { .. } => Fault::TooBig,
        Error::Network { target, source } => Fault::Session(SessionError::Io {
            agent: *target,
            kind: source.kind(),
            detail: source.to_string(),
        }),
        other => Fault::Session(SessionError::Io {
            agent: SocketAddr::from(([0, 0, 0, 0], 0)),
            kind: std::io::ErrorKind::Other,
            detail: other.to_string(),
        }),
    }
}
