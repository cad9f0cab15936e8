//! How devices and interfaces were over a range: read from what is kept, worked out by `topology`.

use crate::problem::Answer;
use crate::services::Services;
use model::history::{DeviceFound, IfStates};
use model::interface::Interface;
use model::{Status, Timestamp};
use store::inventory::DeviceRecord;
use topology::availability::{Piece, Range, State};

/// How a device was, and what each piece rests on.
pub(crate) struct DevicePast {
    pub(crate) pieces: Vec<Piece<Option<usize>>>,
    pub(crate) found: Vec<DeviceFound>,
}

/// Reads how a device was. Blocks: it may read files.
pub(crate) fn of_device(
    services: &Services,
    record: &DeviceRecord,
    range: Range,
) -> Answer<DevicePast> {
    let _ = services;
    let found = vec![DeviceFound {
        at: record.state.status_since.unwrap_or(range.to),
        status: record.state.status,
        interfaces_read: record.state.status != Status::Unknown,
        evidence: record.state.status_evidence.clone(),
    }];
    let since = |at: Timestamp, state| Piece {
        range: Range {
            from: at,
            to: range.to,
        },
        state,
        maintenance: record.device.body.maintenance.is_some(),
        basis: Some(0),
    };
    let at = record
        .state
        .status_since
        .unwrap_or(range.to)
        .clamp(range.from, range.to);
    let state = match record.state.status {
        Status::Up => State::Up,
        Status::Degraded => State::Degraded,
        Status::Down => State::Down,
        Status::Unknown => State::Unknown,
    };
    let mut pieces = vec![Piece {
        range: Range {
            from: range.from,
            to: at,
        },
        state: State::Unknown,
        maintenance: false,
        basis: None,
    }];
    pieces.push(since(at, state));
    pieces.retain(|piece| piece.range.from < piece.range.to);
    Ok(DevicePast { pieces, found })
}

/// Reads how an interface was. Blocks: it may read files.
pub(crate) fn of_interface(
    services: &Services,
    record: &DeviceRecord,
    interface: &Interface,
    range: Range,
) -> Answer<Vec<Piece<Option<IfStates>>>> {
    let past = of_device(services, record, range)?;
    let states = IfStates {
        oper: interface.oper_status,
        admin: interface.admin_status,
    };
    Ok(past
        .pieces
        .iter()
        .map(|piece| Piece {
            range: piece.range,
            state: piece.state,
            maintenance: piece.maintenance,
            basis: (piece.state != State::Unknown).then_some(states),
        })
        .collect())
}
