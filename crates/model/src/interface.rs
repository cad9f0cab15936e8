//! Interfaces of devices.

use crate::{DeviceId, InterfaceId, Timestamp};
use serde::{Deserialize, Serialize};

/// ifAdminStatus and ifOperStatus. Source: IF-MIB (RFC 2863).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum IfStatus {
    /// 1
    Up,
    /// 2
    Down,
    /// 3
    Testing,
    /// 4
    Unknown,
    /// 5
    Dormant,
    /// 6: a part is missing
    NotPresent,
    /// 7: down because of what it runs over
    LowerLayerDown,
}

impl IfStatus {
    /// From the number an agent sends; none where it is not one of RFC 2863's.
    pub fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::Up,
            2 => Self::Down,
            3 => Self::Testing,
            4 => Self::Unknown,
            5 => Self::Dormant,
            6 => Self::NotPresent,
            7 => Self::LowerLayerDown,
            _ => return None,
        })
    }
    /// The number of RFC 2863.
    pub fn number(self) -> u64 {
        match self {
            Self::Up => 1,
            Self::Down => 2,
            Self::Testing => 3,
            Self::Unknown => 4,
            Self::Dormant => 5,
            Self::NotPresent => 6,
            Self::LowerLayerDown => 7,
        }
    }
}

/// An interface as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Interface {
    /// The id; kept when the agent renumbers.
    pub id: InterfaceId,
    /// Whose interface.
    pub device_id: DeviceId,
    /// ifIndex at the last poll.
    pub index: u32,
    /// ifName, else ifDescr, else `ifINDEX`.
    pub name: String,
    /// ifDescr.
    pub description: Option<String>,
    /// ifAlias: what an operator typed on the device.
    pub alias: Option<String>,
    /// ifType, by its name in IANAifType-MIB.
    pub kind: Option<String>,
    /// Nominal speed in bit/s (ifHighSpeed, else ifSpeed).
    pub speed_bps: Option<u64>,
    /// ifPhysAddress as `aa:bb:cc:dd:ee:ff`.
    pub mac: Option<String>,
    /// ifMtu in octets.
    pub mtu: Option<u32>,
    /// ifIndex of the aggregate that it is an active member of, at the last poll. Source:
    /// dot3adAggPortAttachedAggID (IEEE 802.3ad), else ifStackTable.
    #[serde(default)]
    pub aggregate: Option<u32>,
    /// ifAdminStatus.
    pub admin_status: Option<IfStatus>,
    /// ifOperStatus.
    pub oper_status: Option<IfStatus>,
    /// When we saw its state change last.
    pub last_change_at: Option<Timestamp>,
    /// Whether the agent listed it at the last complete walk.
    pub present: bool,
}
