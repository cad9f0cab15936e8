//! What a row of a month's file says. The format is in `docs/formats/history.md`.

use model::history::{DeviceFound, IfStates, InterfaceFound, MaintenanceWindow, Run};
use model::interface::IfStatus;
use model::status::Evidence;
use model::{DeviceId, InterfaceId, Status, Timestamp};

/// Longest sentence of an evidence that is kept, in characters.
const DETAIL_LEN_MAX: usize = 500;

/// One thing to keep.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// How a device was found to be.
    Device {
        /// Which.
        id: DeviceId,
        /// How.
        found: DeviceFound,
    },
    /// How an interface was found to be.
    Interface {
        /// Which.
        id: InterfaceId,
        /// How.
        found: InterfaceFound,
    },
    /// A maintenance that is over.
    Maintenance {
        /// Of which device.
        id: DeviceId,
        /// When.
        window: MaintenanceWindow,
    },
    /// A time in which some server measured, as one whose history is brought here. The own run is
    /// kept by itself.
    Run(Run),
}

/// What a row is about. The numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Device = 1,
    Interface = 2,
    Maintenance = 3,
    Run = 4,
}

/// Whose row it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Subject {
    pub(super) kind: Kind,
    pub(super) id: [u8; 16],
}

impl Kind {
    /// The kind of that number on disk; none of one that a later version writes.
    pub(super) fn numbered(number: i64) -> Option<Self> {
        let all = [Self::Device, Self::Interface, Self::Maintenance, Self::Run];
        all.into_iter().find(|kind| *kind as i64 == number)
    }
}

impl Subject {
    pub(super) const RUN: Self = Self {
        kind: Kind::Run,
        id: [0; 16],
    };
}

/// A row as it is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) subject: Subject,
    /// Milliseconds since 1970; with the subject, what makes a row the one it is.
    pub(super) at: i64,
    pub(super) value: i64,
    pub(super) text: Option<String>,
}

impl Row {
    /// The checksum of all that it says.
    pub(super) fn crc(&self) -> u32 {
        let mut crc = crc32c::crc32c(&[self.subject.kind as u8]);
        crc = crc32c::crc32c_append(crc, &self.subject.id);
        crc = crc32c::crc32c_append(crc, &self.at.to_le_bytes());
        crc = crc32c::crc32c_append(crc, &self.value.to_le_bytes());
        match &self.text {
            None => crc32c::crc32c_append(crc, &[0]),
            Some(text) => crc32c::crc32c_append(crc32c::crc32c_append(crc, &[1]), text.as_bytes()),
        }
    }
}

impl Record {
    pub(super) fn subject(&self) -> Subject {
        let subject = |kind, id: &[u8; 16]| Subject { kind, id: *id };
        match self {
            Self::Device { id, .. } => subject(Kind::Device, id.as_bytes()),
            Self::Interface { id, .. } => subject(Kind::Interface, id.as_bytes()),
            Self::Maintenance { id, .. } => subject(Kind::Maintenance, id.as_bytes()),
            Self::Run(_) => Subject::RUN,
        }
    }

    /// When it was found; of what is over, when it began.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Device { found, .. } => found.at,
            Self::Interface { found, .. } => found.at,
            Self::Maintenance { window, .. } => window.from,
            Self::Run(run) => run.from,
        }
    }

    /// The time by which its month is chosen: a maintenance goes with its end, so that one of long
    /// ago is not looked for.
    pub(super) fn filed_at(&self) -> Timestamp {
        match self {
            Self::Maintenance { window, .. } => window.to,
            _ => self.at(),
        }
    }

    pub(super) fn row(&self) -> Row {
        let (value, text) = match self {
            Self::Device { found, .. } => {
                let read = i64::from(found.interfaces_read) << 4;
                (
                    status_number(found.status) | read,
                    evidence(&found.evidence),
                )
            }
            Self::Interface { found, .. } => (if_number(found), None),
            Self::Maintenance { window, .. } => (window.to.unix_ms(), window.reason.clone()),
            Self::Run(run) => (run.until.unix_ms(), None),
        };
        Row {
            subject: self.subject(),
            at: self.at().unix_ms(),
            value,
            text,
        }
    }

    /// What is kept in the place of a change that is one too many of its day.
    pub(super) fn given_up(&self, reason: &str) -> Option<Self> {
        match self {
            Self::Device { id, found } => Some(Self::Device {
                id: *id,
                found: DeviceFound {
                    at: found.at,
                    status: Status::Unknown,
                    interfaces_read: false,
                    evidence: found
                        .evidence
                        .first()
                        .map(|evidence| Evidence {
                            detail: reason.to_owned(),
                            ..evidence.clone()
                        })
                        .into_iter()
                        .collect(),
                },
            }),
            Self::Interface { id, found } => Some(Self::Interface {
                id: *id,
                found: InterfaceFound {
                    now: IfStates::default(),
                    ..*found
                },
            }),
            Self::Maintenance { .. } | Self::Run(_) => None,
        }
    }
}

impl Row {
    /// What it says of a device. The evidence is read only where it is wanted.
    pub(super) fn device(&self, with_evidence: bool) -> DeviceFound {
        let evidence = self.text.as_deref().filter(|_| with_evidence);
        DeviceFound {
            at: Timestamp::from_unix_ms(self.at),
            status: status_of(self.value & 15),
            interfaces_read: self.value & 16 != 0,
            // What a later version writes otherwise is no evidence to this one.
            evidence: evidence
                .and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_default(),
        }
    }

    /// What it says of an interface.
    pub(super) fn interface(&self) -> InterfaceFound {
        let part = |shift: u32| (self.value >> shift) & 15;
        let states = |shift: u32| IfStates {
            oper: if_status_of(part(shift)),
            admin: if_status_of(part(shift + 4)),
        };
        InterfaceFound {
            at: Timestamp::from_unix_ms(self.at),
            before: (part(8) & 1 == 1).then(|| states(12)),
            now: states(0),
        }
    }

    /// What it says of a maintenance.
    pub(super) fn maintenance(&self) -> MaintenanceWindow {
        MaintenanceWindow {
            from: Timestamp::from_unix_ms(self.at),
            to: Timestamp::from_unix_ms(self.value),
            reason: self.text.clone(),
        }
    }

    /// What it says, whatever it is of.
    pub(super) fn record(&self) -> Record {
        let id = self.subject.id;
        match self.subject.kind {
            Kind::Device => Record::Device {
                id: DeviceId::from_bytes(id),
                found: self.device(true),
            },
            Kind::Interface => Record::Interface {
                id: InterfaceId::from_bytes(id),
                found: self.interface(),
            },
            Kind::Maintenance => Record::Maintenance {
                id: DeviceId::from_bytes(id),
                window: self.maintenance(),
            },
            Kind::Run => Record::Run(self.run()),
        }
    }

    /// What it says of a run.
    pub(super) fn run(&self) -> Run {
        Run {
            from: Timestamp::from_unix_ms(self.at),
            until: Timestamp::from_unix_ms(self.value),
        }
    }
}

fn status_number(status: Status) -> i64 {
    match status {
        Status::Unknown => 0,
        Status::Up => 1,
        Status::Degraded => 2,
        Status::Down => 3,
    }
}

fn status_of(number: i64) -> Status {
    match number {
        1 => Status::Up,
        2 => Status::Degraded,
        3 => Status::Down,
        _ => Status::Unknown,
    }
}

/// Four bits each: ifOperStatus, ifAdminStatus, whether it was known before, and both as they were.
fn if_number(found: &InterfaceFound) -> i64 {
    let bits =
        |status: Option<IfStatus>| status.map_or(0, |status| (status.number() & 15).cast_signed());
    let states = |states: IfStates| bits(states.oper) | bits(states.admin) << 4;
    let before = found
        .before
        .map_or(0, |before| 1 << 8 | states(before) << 12);
    states(found.now) | before
}

fn if_status_of(number: i64) -> Option<IfStatus> {
    IfStatus::from_number(number.cast_unsigned())
}

fn evidence(evidence: &[Evidence]) -> Option<String> {
    if evidence.is_empty() {
        return None;
    }
    let short: Vec<Evidence> = evidence
        .iter()
        .map(|evidence| Evidence {
            detail: evidence.detail.chars().take(DETAIL_LEN_MAX).collect(),
            ..evidence.clone()
        })
        .collect();
    serde_json::to_string(&short).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::status::{Check, CheckOutcome};

    #[test]
    fn records_are_rows_and_back() {
        let at = Timestamp::from_unix_ms(1_772_366_400_000);
        for status in [Status::Up, Status::Degraded, Status::Down, Status::Unknown] {
            let found = DeviceFound {
                at,
                status,
                interfaces_read: status == Status::Up,
                evidence: vec![Evidence {
                    check: Check::Snmp,
                    outcome: CheckOutcome::Silent,
                    at,
                    detail: "No answer.".to_owned(),
                }],
            };
            let id = DeviceId::new();
            let row = Record::Device {
                id,
                found: found.clone(),
            }
            .row();
            assert_eq!(row.device(true), found);
            assert_eq!(row.device(false).evidence, []);
        }
        let states = |oper, admin| IfStates {
            oper: IfStatus::from_number(oper),
            admin: IfStatus::from_number(admin),
        };
        for before in [None, Some(states(0, 0)), Some(states(7, 2))] {
            for now in [states(1, 1), states(6, 0), states(0, 3)] {
                let found = InterfaceFound { at, before, now };
                let id = InterfaceId::new();
                assert_eq!(Record::Interface { id, found }.row().interface(), found);
            }
        }
    }

    /// Rows of version 1 are read for ever.
    #[test]
    fn the_numbers_on_disk_stay() {
        let found = InterfaceFound {
            at: Timestamp::from_unix_ms(5),
            before: Some(IfStates {
                oper: Some(IfStatus::Up),
                admin: Some(IfStatus::Up),
            }),
            now: IfStates {
                oper: Some(IfStatus::Down),
                admin: Some(IfStatus::Up),
            },
        };
        let id = InterfaceId::from_bytes([7; 16]);
        let row = Record::Interface { id, found }.row();
        assert_eq!(row.value, 0x1_1112);
        assert_eq!(row.crc(), 1_862_007_601);
    }
}
