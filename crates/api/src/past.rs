//! How devices and interfaces were over a range: read from what is kept, worked out by `topology`.
//! All of it blocks: it reads files.

use crate::problem::{Answer, Kind, Problem};
use model::Timestamp;
use model::device::Device;
use model::history::{DeviceFound, IfStates, MaintenanceWindow, Run};
use model::interface::Interface;
use store::history::{History, HistoryError};
use topology::availability::{self, Piece, Range};

/// Reads the past of one range. What all devices share is read once.
pub(crate) struct PastReader<'a> {
    history: &'a History,
    range: Range,
    runs: Vec<Run>,
}

/// How a device was, and what each piece rests on.
pub(crate) struct DevicePast {
    pub(crate) pieces: Vec<Piece<Option<usize>>>,
    pub(crate) found: Vec<DeviceFound>,
}

impl<'a> PastReader<'a> {
    pub(crate) fn new(history: &'a History, range: Range) -> Answer<Self> {
        let runs = history.runs(range.from, range.to).map_err(of_history)?;
        Ok(Self {
            history,
            range,
            runs,
        })
    }

    /// How a device was. Evidence is read only where it is wanted.
    pub(crate) fn device(&self, device: &Device, with_evidence: bool) -> Answer<DevicePast> {
        let Range { from, to } = self.range;
        let found = self.history.device(device.id, from, to, with_evidence);
        let found = found.map_err(of_history)?;
        let windows = self.windows(device)?;
        Ok(DevicePast {
            pieces: availability::of_device(self.range, &self.runs, &found, &windows),
            found,
        })
    }

    /// How an interface of a device was.
    pub(crate) fn interface(
        &self,
        device: &Device,
        interface: &Interface,
    ) -> Answer<Vec<Piece<Option<IfStates>>>> {
        let Range { from, to } = self.range;
        let found = self.history.device(device.id, from, to, false);
        let found = found.map_err(of_history)?;
        let own = self.history.interface(interface.id, from, to);
        let own = own.map_err(of_history)?;
        // What never changed since the keeping began is as it is now.
        let now = interface.present.then_some(IfStates {
            oper: interface.oper_status,
            admin: interface.admin_status,
        });
        let first = if own.never_changed { now } else { own.first };
        let windows = self.windows(device)?;
        Ok(availability::of_interface(
            self.range, &self.runs, &found, first, &own.found, &windows,
        ))
    }

    /// The maintenance of a device: what is over, and what goes on.
    fn windows(&self, device: &Device) -> Answer<Vec<MaintenanceWindow>> {
        let Range { from, to } = self.range;
        let windows = self.history.maintenance(device.id, from, to);
        let mut windows = windows.map_err(of_history)?;
        windows.extend(device.maintenance.as_ref().map(|work| MaintenanceWindow {
            from: work.since.max(device.created_at),
            to: work.until.unwrap_or(Timestamp::from_unix_ms(i64::MAX)),
            reason: None,
        }));
        Ok(windows)
    }
}

fn of_history(error: HistoryError) -> Problem {
    match error {
        HistoryError::TooMany { .. } => Problem::field(Kind::BadQuery, "?from", error.to_string()),
        error => Problem::internal("reading the history", &error),
    }
}
