//! What a PDU says happened. Source: RFC 3416 section 4.2.6, RFC 3584 section 3.1.

use super::OBJECTS_MAX;
use crate::value::Value;
use async_snmp::pdu::{Pdu, PduType, TrapV1Pdu};
use async_snmp::{Oid, VarBind, oid};
use std::net::Ipv4Addr;

/// What happened, whoever says it.
pub(super) struct Content {
    pub(super) confirmed: bool,
    pub(super) request_id: Option<i32>,
    pub(super) trap_oid: Oid,
    pub(super) uptime: Option<u32>,
    pub(super) agent_address: Option<Ipv4Addr>,
    pub(super) enterprise: Option<Oid>,
    pub(super) objects: Vec<(Oid, Value)>,
    /// Objects left out for the bound.
    pub(super) left_out: u64,
}

/// Why a PDU says nothing of the kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoContent {
    NotANotification,
    /// It does not say what happened.
    Malformed,
}

/// Of an SNMPv2-Trap-PDU or an InformRequest-PDU.
pub(super) fn of_pdu(pdu: &Pdu) -> Result<Content, NoContent> {
    let confirmed = match pdu.pdu_type() {
        PduType::TrapV2 => false,
        PduType::InformRequest => true,
        _ => return Err(NoContent::NotANotification),
    };
    let objects = pdu.varbinds();
    let trap_oid = named(objects, &snmp_trap_oid())
        // Some agents name the second object otherwise; its place tells what it is.
        .or_else(|| objects.get(1))
        .and_then(|object| match &object.value {
            async_snmp::Value::ObjectIdentifier(oid) if !oid.is_empty() => Some(oid.clone()),
            _ => None,
        })
        .ok_or(NoContent::Malformed)?;
    let uptime = named(objects, &sys_up_time())
        .or_else(|| objects.first())
        .and_then(|object| match object.value {
            async_snmp::Value::TimeTicks(ticks) => Some(ticks),
            _ => None,
        });
    let agent_address =
        named(objects, &snmp_trap_address()).and_then(|object| match object.value {
            async_snmp::Value::IpAddress(octets) => real_address(octets),
            _ => None,
        });
    let enterprise =
        named(objects, &snmp_trap_enterprise()).and_then(|object| match &object.value {
            async_snmp::Value::ObjectIdentifier(oid) => Some(oid.clone()),
            _ => None,
        });
    let mut content = Content {
        confirmed,
        request_id: Some(request_id(pdu)),
        trap_oid,
        uptime,
        agent_address,
        enterprise,
        objects: Vec::new(),
        left_out: 0,
    };
    content.keep(objects);
    Ok(content)
}

/// Of a Trap-PDU of SNMPv1.
pub(super) fn of_v1(trap: &TrapV1Pdu) -> Result<Content, NoContent> {
    let trap_oid = trap.v2_trap_oid().map_err(|_| NoContent::Malformed)?;
    let enterprise = trap.enterprise();
    let mut content = Content {
        confirmed: false,
        request_id: None,
        trap_oid,
        uptime: Some(trap.time_stamp()),
        agent_address: real_address(trap.agent_addr()),
        enterprise: (!enterprise.is_empty()).then(|| enterprise.clone()),
        objects: Vec::new(),
        left_out: 0,
    };
    content.keep(trap.varbinds());
    Ok(content)
}

/// request-id, which every PDU but the Trap-PDU of SNMPv1 has.
pub(super) fn request_id(pdu: &Pdu) -> i32 {
    pdu.request_id()
}

impl Content {
    /// Keeps the objects that are about what happened.
    fn keep(&mut self, objects: &[VarBind]) {
        for object in objects.iter().filter(|object| !is_frame(&object.oid)) {
            if self.objects.len() < OBJECTS_MAX {
                let value = Value::from(object.value.clone());
                self.objects.push((object.oid.clone(), value));
            } else {
                self.left_out += 1;
            }
        }
    }
}

fn named<'a>(objects: &'a [VarBind], name: &Oid) -> Option<&'a VarBind> {
    objects.iter().find(|object| object.oid == *name)
}

/// What every notification carries, which is not repeated among its objects; and the community that a
/// proxy says it came with, which is a secret and is neither kept nor shown.
fn is_frame(oid: &Oid) -> bool {
    *oid == sys_up_time() || *oid == snmp_trap_oid() || *oid == snmp_trap_community()
}

/// 0.0.0.0 is what agents say that do not know their address.
fn real_address(octets: [u8; 4]) -> Option<Ipv4Addr> {
    let address = Ipv4Addr::from(octets);
    (!address.is_unspecified()).then_some(address)
}

fn sys_up_time() -> Oid {
    oid!(1, 3, 6, 1, 2, 1, 1, 3, 0)
}

fn snmp_trap_oid() -> Oid {
    oid!(1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0)
}

/// What proxies append. Source: RFC 3584 section 3.1.
fn snmp_trap_community() -> Oid {
    oid!(1, 3, 6, 1, 6, 3, 18, 1, 4, 0)
}

fn snmp_trap_enterprise() -> Oid {
    oid!(1, 3, 6, 1, 6, 3, 1, 1, 4, 3, 0)
}

fn snmp_trap_address() -> Oid {
    oid!(1, 3, 6, 1, 6, 3, 18, 1, 3, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_snmp::pdu::{GenericTrap, NotificationPdu};
    use async_snmp::{Value as Wire, Version};

    #[test]
    fn a_community_that_a_proxy_appends_is_not_kept() {
        let about = oid!(1, 3, 6, 1, 2, 1, 2, 2, 1, 1, 1);
        let objects = vec![
            VarBind::new(about.clone(), Wire::Integer(1)),
            VarBind::new(snmp_trap_community(), Wire::OctetString("secret".into())),
        ];
        let kept = vec![(about, Value::Integer(1))];
        let link_down = oid!(1, 3, 6, 1, 6, 3, 1, 1, 5, 3);
        let pdu = NotificationPdu::trap_v2(Version::V2c, 1, 1, &link_down, objects.clone());
        let content = of_pdu(&pdu.unwrap().into_raw()).ok().unwrap();
        assert_eq!(content.objects, kept);
        let device = oid!(1, 3, 6, 1, 4, 1, 9);
        let trap =
            TrapV1Pdu::from_raw_parts(device, [192, 0, 2, 1], GenericTrap::LinkDown, 0, 1, objects);
        assert_eq!(of_v1(&trap).ok().unwrap().objects, kept);
    }
}
