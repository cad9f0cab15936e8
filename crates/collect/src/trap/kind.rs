//! What notifications are called, and what follows from them. One table: to add a notification, add
//! its row.

use snmp::Oid;

/// What is to be done about a device that sends a notification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Consequence {
    /// Nothing: it is kept and shown.
    #[default]
    None,
    /// It is polled at once, for its state has changed.
    Poll,
    /// All of it is read at once, for what seldom changes has changed.
    Reread,
}

/// A kind of notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its name in its MIB.
    pub name: &'static str,
    /// The MIB module that defines it.
    pub module: &'static str,
    /// What follows.
    pub consequence: Consequence,
}

/// The kind of a notification, by snmpTrapOID; none where the table has none.
pub fn of(trap_oid: &Oid) -> Option<Kind> {
    let arcs = trap_oid.arcs();
    TABLE.iter().find_map(|(prefix, rows)| {
        let (last, module, name, consequence) = match arcs.strip_prefix(*prefix)? {
            [last] => rows.iter().find(|row| row.0 == *last)?,
            _ => return None,
        };
        debug_assert!(last == arcs.last()?);
        Some(Kind {
            name,
            module,
            consequence: *consequence,
        })
    })
}

use Consequence::{None as Nothing, Poll, Reread};

/// The last arc, the module, the name, and what follows.
type Row = (u32, &'static str, &'static str, Consequence);

/// Notifications by what their OIDs begin with.
static TABLE: &[(&[u32], &[Row])] = &[
    // RFC 3418, RFC 2863
    (
        &[1, 3, 6, 1, 6, 3, 1, 1, 5],
        &[
            (1, "SNMPv2-MIB", "coldStart", Reread),
            (2, "SNMPv2-MIB", "warmStart", Reread),
            (3, "IF-MIB", "linkDown", Poll),
            (4, "IF-MIB", "linkUp", Poll),
            (5, "SNMPv2-MIB", "authenticationFailure", Nothing),
            (6, "RFC1213-MIB", "egpNeighborLoss", Nothing),
        ],
    ),
    // RFC 6933
    (
        &[1, 3, 6, 1, 2, 1, 47, 2, 0],
        &[(1, "ENTITY-MIB", "entConfigChange", Reread)],
    ),
    // RFC 4268
    (
        &[1, 3, 6, 1, 2, 1, 131, 0],
        &[
            (1, "ENTITY-STATE-MIB", "entStateOperEnabled", Poll),
            (2, "ENTITY-STATE-MIB", "entStateOperDisabled", Poll),
        ],
    ),
    // RFC 3433 has none; RFC 2819
    (
        &[1, 3, 6, 1, 2, 1, 16, 0],
        &[
            (1, "RMON-MIB", "risingAlarm", Nothing),
            (2, "RMON-MIB", "fallingAlarm", Nothing),
        ],
    ),
    // RFC 4188
    (
        &[1, 3, 6, 1, 2, 1, 17, 0],
        &[
            (1, "BRIDGE-MIB", "newRoot", Nothing),
            (2, "BRIDGE-MIB", "topologyChange", Nothing),
        ],
    ),
    // RFC 4273, and RFC 1657 before it
    (
        &[1, 3, 6, 1, 2, 1, 15, 0],
        &[
            (1, "BGP4-MIB", "bgpEstablishedNotification", Poll),
            (2, "BGP4-MIB", "bgpBackwardTransNotification", Poll),
        ],
    ),
    (
        &[1, 3, 6, 1, 2, 1, 15, 7],
        &[
            (1, "BGP4-MIB", "bgpEstablished", Poll),
            (2, "BGP4-MIB", "bgpBackwardTransition", Poll),
        ],
    ),
    // The same as a trap of SNMPv1, mapped by RFC 3584.
    (
        &[1, 3, 6, 1, 2, 1, 15, 7, 0],
        &[
            (1, "BGP4-MIB", "bgpEstablished", Poll),
            (2, "BGP4-MIB", "bgpBackwardTransition", Poll),
        ],
    ),
    // RFC 4750
    (
        &[1, 3, 6, 1, 2, 1, 14, 16, 2],
        &[
            (1, "OSPF-TRAP-MIB", "ospfVirtIfStateChange", Poll),
            (2, "OSPF-TRAP-MIB", "ospfNbrStateChange", Poll),
            (3, "OSPF-TRAP-MIB", "ospfVirtNbrStateChange", Poll),
            (4, "OSPF-TRAP-MIB", "ospfIfConfigError", Nothing),
            (5, "OSPF-TRAP-MIB", "ospfVirtIfConfigError", Nothing),
            (6, "OSPF-TRAP-MIB", "ospfIfAuthFailure", Nothing),
            (7, "OSPF-TRAP-MIB", "ospfVirtIfAuthFailure", Nothing),
            (8, "OSPF-TRAP-MIB", "ospfIfRxBadPacket", Nothing),
            (9, "OSPF-TRAP-MIB", "ospfVirtIfRxBadPacket", Nothing),
            (10, "OSPF-TRAP-MIB", "ospfTxRetransmit", Nothing),
            (11, "OSPF-TRAP-MIB", "ospfVirtIfTxRetransmit", Nothing),
            (12, "OSPF-TRAP-MIB", "ospfOriginateLsa", Nothing),
            (13, "OSPF-TRAP-MIB", "ospfMaxAgeLsa", Nothing),
            (14, "OSPF-TRAP-MIB", "ospfLsdbOverflow", Nothing),
            (15, "OSPF-TRAP-MIB", "ospfLsdbApproachingOverflow", Nothing),
            (16, "OSPF-TRAP-MIB", "ospfIfStateChange", Poll),
        ],
    ),
    // IEEE 802.1AB
    (
        &[1, 0, 8802, 1, 1, 2, 0, 0],
        &[(1, "LLDP-MIB", "lldpRemTablesChange", Poll)],
    ),
    // RFC 1628
    (
        &[1, 3, 6, 1, 2, 1, 33, 2],
        &[
            (1, "UPS-MIB", "upsTrapOnBattery", Poll),
            (2, "UPS-MIB", "upsTrapTestCompleted", Nothing),
            (3, "UPS-MIB", "upsTrapAlarmEntryAdded", Poll),
            (4, "UPS-MIB", "upsTrapAlarmEntryRemoved", Poll),
        ],
    ),
    // RFC 2787
    (
        &[1, 3, 6, 1, 2, 1, 68, 0],
        &[
            (1, "VRRP-MIB", "vrrpTrapNewMaster", Poll),
            (2, "VRRP-MIB", "vrrpTrapAuthFailure", Nothing),
        ],
    ),
    // RFC 3621
    (
        &[1, 3, 6, 1, 2, 1, 105, 0],
        &[
            (
                1,
                "POWER-ETHERNET-MIB",
                "pethPsePortOnOffNotification",
                Poll,
            ),
            (
                2,
                "POWER-ETHERNET-MIB",
                "pethMainPowerUsageOnNotification",
                Nothing,
            ),
            (
                3,
                "POWER-ETHERNET-MIB",
                "pethMainPowerUsageOffNotification",
                Nothing,
            ),
        ],
    ),
    // RFC 2981
    (
        &[1, 3, 6, 1, 2, 1, 88, 2, 0],
        &[
            (1, "DISMAN-EVENT-MIB", "mteTriggerFired", Nothing),
            (2, "DISMAN-EVENT-MIB", "mteTriggerRising", Nothing),
            (3, "DISMAN-EVENT-MIB", "mteTriggerFalling", Nothing),
            (4, "DISMAN-EVENT-MIB", "mteTriggerFailure", Nothing),
            (5, "DISMAN-EVENT-MIB", "mteEventSetFailure", Nothing),
        ],
    ),
    // RFC 3805
    (
        &[1, 3, 6, 1, 2, 1, 43, 18, 2, 0],
        &[(1, "Printer-MIB", "printerV2Alert", Nothing)],
    ),
    (
        &[1, 3, 6, 1, 4, 1, 8072, 4, 0],
        &[
            (1, "NET-SNMP-AGENT-MIB", "nsNotifyStart", Reread),
            (2, "NET-SNMP-AGENT-MIB", "nsNotifyShutdown", Poll),
            (3, "NET-SNMP-AGENT-MIB", "nsNotifyRestart", Reread),
        ],
    ),
    (
        &[1, 3, 6, 1, 4, 1, 9, 9, 43, 2, 0],
        &[(1, "CISCO-CONFIG-MAN-MIB", "ciscoConfigManEvent", Reread)],
    ),
    (
        &[1, 3, 6, 1, 4, 1, 9, 9, 41, 2, 0],
        &[(1, "CISCO-SYSLOG-MIB", "clogMessageGenerated", Nothing)],
    ),
    (
        &[1, 3, 6, 1, 4, 1, 9, 9, 13, 3, 0],
        &[
            (
                1,
                "CISCO-ENVMON-MIB",
                "ciscoEnvMonShutdownNotification",
                Poll,
            ),
            (
                2,
                "CISCO-ENVMON-MIB",
                "ciscoEnvMonVoltageNotification",
                Poll,
            ),
            (
                3,
                "CISCO-ENVMON-MIB",
                "ciscoEnvMonTemperatureNotification",
                Poll,
            ),
            (4, "CISCO-ENVMON-MIB", "ciscoEnvMonFanNotification", Poll),
            (
                5,
                "CISCO-ENVMON-MIB",
                "ciscoEnvMonRedundantSupplyNotification",
                Poll,
            ),
        ],
    ),
    (
        &[1, 3, 6, 1, 4, 1, 9, 9, 117, 2, 0],
        &[
            (
                1,
                "CISCO-ENTITY-FRU-CONTROL-MIB",
                "cefcModuleStatusChange",
                Reread,
            ),
            (
                2,
                "CISCO-ENTITY-FRU-CONTROL-MIB",
                "cefcPowerStatusChange",
                Poll,
            ),
            (3, "CISCO-ENTITY-FRU-CONTROL-MIB", "cefcFRUInserted", Reread),
            (4, "CISCO-ENTITY-FRU-CONTROL-MIB", "cefcFRURemoved", Reread),
        ],
    ),
    (
        &[1, 3, 6, 1, 4, 1, 9, 9, 106, 2, 0],
        &[(1, "CISCO-HSRP-MIB", "cHsrpStateChange", Nothing)],
    ),
    (
        &[1, 3, 6, 1, 4, 1, 9, 9, 46, 2, 0],
        &[(7, "CISCO-VTP-MIB", "vlanTrunkPortDynamicStatusChange", Poll)],
    ),
    (
        &[1, 3, 6, 1, 4, 1, 2636, 4, 1],
        &[
            (1, "JUNIPER-MIB", "jnxPowerSupplyFailure", Poll),
            (2, "JUNIPER-MIB", "jnxFanFailure", Poll),
            (3, "JUNIPER-MIB", "jnxOverTemperature", Poll),
            (5, "JUNIPER-MIB", "jnxFruRemoval", Reread),
            (6, "JUNIPER-MIB", "jnxFruInsertion", Reread),
        ],
    ),
    (
        &[1, 3, 6, 1, 4, 1, 2636, 4, 5, 0],
        &[(1, "JUNIPER-CFGMGMT-MIB", "jnxCmCfgChange", Reread)],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_ones_are_found_by_their_oid() {
        let check = |oid: &str, expected: Option<(&str, Consequence)>| {
            let oid = Oid::parse(oid).unwrap();
            let kind = of(&oid).map(|kind| (kind.name, kind.consequence));
            assert_eq!(kind, expected, "{oid}");
        };
        check("1.3.6.1.6.3.1.1.5.3", Some(("linkDown", Poll)));
        check("1.3.6.1.6.3.1.1.5.1", Some(("coldStart", Reread)));
        check("1.3.6.1.2.1.47.2.0.1", Some(("entConfigChange", Reread)));
        check("1.3.6.1.2.1.16.0.1", Some(("risingAlarm", Nothing)));
        check(
            "1.3.6.1.2.1.15.0.2",
            Some(("bgpBackwardTransNotification", Poll)),
        );
        check("1.3.6.1.2.1.15.7.1", Some(("bgpEstablished", Poll)));
        check("1.3.6.1.2.1.15.7.0.1", Some(("bgpEstablished", Poll)));
        check("1.3.6.1.2.1.14.16.2.2", Some(("ospfNbrStateChange", Poll)));
        check("1.3.6.1.6.3.1.1.5.7", None);
        check("1.3.6.1.6.3.1.1.5", None);
        check("1.3.6.1.6.3.1.1.5.3.1", None);
        check("1.3.6.1.4.1.99999.1", None);
    }

    #[test]
    fn every_row_is_there_once() {
        let mut seen = std::collections::HashSet::new();
        for (prefix, rows) in TABLE {
            for (last, ..) in *rows {
                assert!(seen.insert((*prefix, *last)), "{prefix:?} {last}");
            }
        }
    }
}
