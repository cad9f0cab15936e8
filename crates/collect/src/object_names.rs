//! Names of well-known objects, for people who read OIDs. One table; what a make of device has of
//! its own is not here.

/// What an OID is called, as `ifDescr.3`: the name of the longest known beginning, and the rest in
/// numbers. None where no beginning is known.
pub fn name(oid: &[u32]) -> Option<String> {
    let mut longest = None;
    for (prefix, rows) in TABLE {
        let Some((last, _)) = oid.strip_prefix(*prefix).and_then(<[u32]>::split_first) else {
            continue;
        };
        let named = rows.iter().find(|(arc, _)| arc == last);
        let length = prefix.len() + 1;
        if let Some((_, name)) = named
            && longest.is_none_or(|(before, _)| length > before)
        {
            longest = Some((length, *name));
        }
    }
    let (length, known) = longest?;
    let mut text = known.to_owned();
    for arc in oid.get(length..).unwrap_or_default() {
        text.push('.');
        text.push_str(&arc.to_string());
    }
    Some(text)
}

/// The OID that a name stands for, with numbers behind it: `ifDescr.3`, `ifTable`.
pub fn oid(name: &str) -> Option<Vec<u32>> {
    let (first, rest) = name
        .split_once('.')
        .map_or((name, None), |(a, b)| (a, Some(b)));
    let mut arcs = TABLE.iter().find_map(|(prefix, rows)| {
        let (last, _) = rows.iter().find(|(_, known)| *known == first)?;
        Some([*prefix, &[*last]].concat())
    })?;
    for arc in rest.into_iter().flat_map(|rest| rest.split('.')) {
        arcs.push(arc.parse().ok()?);
    }
    Some(arcs)
}

/// The last arc of an object, and its name.
type Row = (u32, &'static str);

/// Names by the arcs before their last one.
static TABLE: &[(&[u32], &[Row])] = &[
    // RFC 1213 and its successors
    (
        &[1, 3, 6, 1, 2, 1],
        &[
            (1, "system"),
            (2, "interfaces"),
            (4, "ip"),
            (5, "icmp"),
            (6, "tcp"),
            (7, "udp"),
            (11, "snmp"),
            (14, "ospf"),
            (15, "bgp"),
            (16, "rmon"),
            (17, "dot1dBridge"),
            (25, "host"),
            (31, "ifMIB"),
            (33, "upsMIB"),
            (43, "printmib"),
            (47, "entityMIB"),
            (99, "entitySensorMIB"),
        ],
    ),
    // SNMPv2-MIB (RFC 3418)
    (
        &[1, 3, 6, 1, 2, 1, 1],
        &[
            (1, "sysDescr"),
            (2, "sysObjectID"),
            (3, "sysUpTime"),
            (4, "sysContact"),
            (5, "sysName"),
            (6, "sysLocation"),
            (7, "sysServices"),
            (8, "sysORLastChange"),
            (9, "sysORTable"),
        ],
    ),
    (
        &[1, 3, 6, 1, 2, 1, 1, 9, 1],
        &[(2, "sysORID"), (3, "sysORDescr"), (4, "sysORUpTime")],
    ),
    // IF-MIB (RFC 2863)
    (&[1, 3, 6, 1, 2, 1, 2], &[(1, "ifNumber"), (2, "ifTable")]),
    (
        &[1, 3, 6, 1, 2, 1, 2, 2, 1],
        &[
            (1, "ifIndex"),
            (2, "ifDescr"),
            (3, "ifType"),
            (4, "ifMtu"),
            (5, "ifSpeed"),
            (6, "ifPhysAddress"),
            (7, "ifAdminStatus"),
            (8, "ifOperStatus"),
            (9, "ifLastChange"),
            (10, "ifInOctets"),
            (11, "ifInUcastPkts"),
            (12, "ifInNUcastPkts"),
            (13, "ifInDiscards"),
            (14, "ifInErrors"),
            (15, "ifInUnknownProtos"),
            (16, "ifOutOctets"),
            (17, "ifOutUcastPkts"),
            (18, "ifOutNUcastPkts"),
            (19, "ifOutDiscards"),
            (20, "ifOutErrors"),
            (21, "ifOutQLen"),
            (22, "ifSpecific"),
        ],
    ),
    (
        &[1, 3, 6, 1, 2, 1, 31, 1],
        &[
            (1, "ifXTable"),
            (2, "ifStackTable"),
            (5, "ifTableLastChange"),
            (6, "ifStackLastChange"),
        ],
    ),
    (
        &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1],
        &[
            (1, "ifName"),
            (2, "ifInMulticastPkts"),
            (3, "ifInBroadcastPkts"),
            (4, "ifOutMulticastPkts"),
            (5, "ifOutBroadcastPkts"),
            (6, "ifHCInOctets"),
            (7, "ifHCInUcastPkts"),
            (8, "ifHCInMulticastPkts"),
            (9, "ifHCInBroadcastPkts"),
            (10, "ifHCOutOctets"),
            (11, "ifHCOutUcastPkts"),
            (12, "ifHCOutMulticastPkts"),
            (13, "ifHCOutBroadcastPkts"),
            (14, "ifLinkUpDownTrapEnable"),
            (15, "ifHighSpeed"),
            (16, "ifPromiscuousMode"),
            (17, "ifConnectorPresent"),
            (18, "ifAlias"),
            (19, "ifCounterDiscontinuityTime"),
        ],
    ),
    // IP-MIB (RFC 4293)
    (
        &[1, 3, 6, 1, 2, 1, 4],
        &[
            (1, "ipForwarding"),
            (20, "ipAddrTable"),
            (21, "ipRouteTable"),
            (22, "ipNetToMediaTable"),
            (24, "ipForward"),
            (34, "ipAddressTable"),
            (35, "ipNetToPhysicalTable"),
        ],
    ),
    (
        &[1, 3, 6, 1, 2, 1, 4, 20, 1],
        &[
            (1, "ipAdEntAddr"),
            (2, "ipAdEntIfIndex"),
            (3, "ipAdEntNetMask"),
        ],
    ),
    (
        &[1, 3, 6, 1, 2, 1, 4, 22, 1],
        &[
            (1, "ipNetToMediaIfIndex"),
            (2, "ipNetToMediaPhysAddress"),
            (3, "ipNetToMediaNetAddress"),
            (4, "ipNetToMediaType"),
        ],
    ),
    (
        &[1, 3, 6, 1, 2, 1, 4, 34, 1],
        &[
            (3, "ipAddressIfIndex"),
            (4, "ipAddressType"),
            (5, "ipAddressPrefix"),
            (7, "ipAddressStatus"),
        ],
    ),
    // IP-FORWARD-MIB (RFC 4292) and what was before it
    (
        &[1, 3, 6, 1, 2, 1, 4, 21, 1],
        &[
            (2, "ipRouteIfIndex"),
            (3, "ipRouteMetric1"),
            (7, "ipRouteNextHop"),
            (8, "ipRouteType"),
            (9, "ipRouteProto"),
        ],
    ),
    (
        &[1, 3, 6, 1, 2, 1, 4, 24, 4, 1],
        &[
            (5, "ipCidrRouteIfIndex"),
            (6, "ipCidrRouteType"),
            (7, "ipCidrRouteProto"),
            (11, "ipCidrRouteMetric1"),
        ],
    ),
    (
        &[1, 3, 6, 1, 2, 1, 4, 24, 7, 1],
        &[
            (7, "inetCidrRouteIfIndex"),
            (8, "inetCidrRouteType"),
            (9, "inetCidrRouteProto"),
            (12, "inetCidrRouteMetric1"),
        ],
    ),
    // IEEE8023-LAG-MIB (IEEE 802.3ad)
    (
        &[1, 2, 840, 10006, 300, 43, 1, 2, 1, 1],
        &[(13, "dot3adAggPortAttachedAggID")],
    ),
    // BGP4-MIB (RFC 4273)
    (
        &[1, 3, 6, 1, 2, 1, 15, 3, 1],
        &[
            (1, "bgpPeerIdentifier"),
            (2, "bgpPeerState"),
            (3, "bgpPeerAdminStatus"),
            (7, "bgpPeerRemoteAddr"),
            (9, "bgpPeerRemoteAs"),
            (14, "bgpPeerLastError"),
            (16, "bgpPeerFsmEstablishedTime"),
        ],
    ),
    // OSPF-MIB (RFC 4750)
    (&[1, 3, 6, 1, 2, 1, 14, 1], &[(1, "ospfRouterId")]),
    (
        &[1, 3, 6, 1, 2, 1, 14, 7, 1],
        &[
            (1, "ospfIfIpAddress"),
            (2, "ospfAddressLessIf"),
            (12, "ospfIfState"),
        ],
    ),
    (
        &[1, 3, 6, 1, 2, 1, 14, 10, 1],
        &[
            (1, "ospfNbrIpAddr"),
            (2, "ospfNbrAddressLessIndex"),
            (3, "ospfNbrRtrId"),
            (6, "ospfNbrState"),
        ],
    ),
    // RMON-MIB (RFC 2819)
    (
        &[1, 3, 6, 1, 2, 1, 16, 3, 1, 1],
        &[
            (1, "alarmIndex"),
            (3, "alarmVariable"),
            (4, "alarmSampleType"),
            (5, "alarmValue"),
            (7, "alarmRisingThreshold"),
            (8, "alarmFallingThreshold"),
        ],
    ),
    // BRIDGE-MIB (RFC 4188)
    (
        &[1, 3, 6, 1, 2, 1, 17, 1],
        &[
            (1, "dot1dBaseBridgeAddress"),
            (2, "dot1dBaseNumPorts"),
            (4, "dot1dBasePortTable"),
        ],
    ),
    (
        &[1, 3, 6, 1, 2, 1, 17, 1, 4, 1],
        &[(1, "dot1dBasePort"), (2, "dot1dBasePortIfIndex")],
    ),
    (
        &[1, 3, 6, 1, 2, 1, 17, 4, 3, 1],
        &[
            (1, "dot1dTpFdbAddress"),
            (2, "dot1dTpFdbPort"),
            (3, "dot1dTpFdbStatus"),
        ],
    ),
    // HOST-RESOURCES-MIB (RFC 2790)
    (
        &[1, 3, 6, 1, 2, 1, 25, 1],
        &[
            (1, "hrSystemUptime"),
            (2, "hrSystemDate"),
            (5, "hrSystemNumUsers"),
            (6, "hrSystemProcesses"),
        ],
    ),
    (
        &[1, 3, 6, 1, 2, 1, 25, 2],
        &[(2, "hrMemorySize"), (3, "hrStorageTable")],
    ),
    (
        &[1, 3, 6, 1, 2, 1, 25, 2, 3, 1],
        &[
            (1, "hrStorageIndex"),
            (2, "hrStorageType"),
            (3, "hrStorageDescr"),
            (4, "hrStorageAllocationUnits"),
            (5, "hrStorageSize"),
            (6, "hrStorageUsed"),
        ],
    ),
    (
        &[1, 3, 6, 1, 2, 1, 25, 3, 2, 1],
        &[
            (1, "hrDeviceIndex"),
            (2, "hrDeviceType"),
            (3, "hrDeviceDescr"),
            (4, "hrDeviceID"),
            (5, "hrDeviceStatus"),
        ],
    ),
    (
        &[1, 3, 6, 1, 2, 1, 25, 3, 3, 1],
        &[(1, "hrProcessorFrwID"), (2, "hrProcessorLoad")],
    ),
    // UPS-MIB (RFC 1628)
    (
        &[1, 3, 6, 1, 2, 1, 33, 1, 2],
        &[
            (1, "upsBatteryStatus"),
            (2, "upsSecondsOnBattery"),
            (3, "upsEstimatedMinutesRemaining"),
            (4, "upsEstimatedChargeRemaining"),
            (5, "upsBatteryVoltage"),
            (7, "upsBatteryTemperature"),
        ],
    ),
    // ENTITY-MIB (RFC 6933)
    (
        &[1, 3, 6, 1, 2, 1, 47, 1, 1, 1, 1],
        &[
            (1, "entPhysicalIndex"),
            (2, "entPhysicalDescr"),
            (3, "entPhysicalVendorType"),
            (4, "entPhysicalContainedIn"),
            (5, "entPhysicalClass"),
            (6, "entPhysicalParentRelPos"),
            (7, "entPhysicalName"),
            (8, "entPhysicalHardwareRev"),
            (9, "entPhysicalFirmwareRev"),
            (10, "entPhysicalSoftwareRev"),
            (11, "entPhysicalSerialNum"),
            (12, "entPhysicalMfgName"),
            (13, "entPhysicalModelName"),
            (14, "entPhysicalAlias"),
            (15, "entPhysicalAssetID"),
            (16, "entPhysicalIsFRU"),
        ],
    ),
    (&[1, 3, 6, 1, 2, 1, 47, 1, 4], &[(1, "entLastChangeTime")]),
    // ENTITY-SENSOR-MIB (RFC 3433)
    (
        &[1, 3, 6, 1, 2, 1, 99, 1, 1, 1],
        &[
            (1, "entPhySensorType"),
            (2, "entPhySensorScale"),
            (3, "entPhySensorPrecision"),
            (4, "entPhySensorValue"),
            (5, "entPhySensorOperStatus"),
            (6, "entPhySensorUnitsDisplay"),
            (7, "entPhySensorValueTimeStamp"),
            (8, "entPhySensorValueUpdateRate"),
        ],
    ),
    // SNMPv2-MIB, SNMP-COMMUNITY-MIB, SNMP-FRAMEWORK-MIB
    (
        &[1, 3, 6, 1, 6, 3, 1, 1, 4],
        &[(1, "snmpTrapOID"), (3, "snmpTrapEnterprise")],
    ),
    (
        &[1, 3, 6, 1, 6, 3, 1, 1, 5],
        &[
            (1, "coldStart"),
            (2, "warmStart"),
            (3, "linkDown"),
            (4, "linkUp"),
            (5, "authenticationFailure"),
            (6, "egpNeighborLoss"),
        ],
    ),
    (
        &[1, 3, 6, 1, 6, 3, 18, 1],
        &[(3, "snmpTrapAddress"), (4, "snmpTrapCommunity")],
    ),
    (
        &[1, 3, 6, 1, 6, 3, 10, 2, 1],
        &[
            (1, "snmpEngineID"),
            (2, "snmpEngineBoots"),
            (3, "snmpEngineTime"),
            (4, "snmpEngineMaxMessageSize"),
        ],
    ),
    // LLDP-MIB (IEEE 802.1AB)
    (
        &[1, 0, 8802, 1, 1, 2, 1, 3],
        &[
            (1, "lldpLocChassisIdSubtype"),
            (2, "lldpLocChassisId"),
            (3, "lldpLocSysName"),
            (4, "lldpLocSysDesc"),
            (7, "lldpLocPortTable"),
        ],
    ),
    (
        &[1, 0, 8802, 1, 1, 2, 1, 4, 1, 1],
        &[
            (4, "lldpRemChassisIdSubtype"),
            (5, "lldpRemChassisId"),
            (6, "lldpRemPortIdSubtype"),
            (7, "lldpRemPortId"),
            (8, "lldpRemPortDesc"),
            (9, "lldpRemSysName"),
            (10, "lldpRemSysDesc"),
            (11, "lldpRemSysCapSupported"),
            (12, "lldpRemSysCapEnabled"),
        ],
    ),
    // UCD-SNMP-MIB
    (
        &[1, 3, 6, 1, 4, 1, 2021, 4],
        &[
            (5, "memTotalReal"),
            (6, "memAvailReal"),
            (14, "memBuffer"),
            (15, "memCached"),
        ],
    ),
    (
        &[1, 3, 6, 1, 4, 1, 2021, 10, 1],
        &[
            (1, "laIndex"),
            (2, "laNames"),
            (3, "laLoad"),
            (5, "laLoadInt"),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_known_beginning_names_an_object() {
        let check = |arcs: &[u32], expected: Option<&str>| {
            assert_eq!(name(arcs).as_deref(), expected);
            if let Some(text) = expected {
                assert_eq!(oid(text).as_deref(), Some(arcs));
            }
        };
        check(&[1, 3, 6, 1, 2, 1, 1, 5, 0], Some("sysName.0"));
        check(&[1, 3, 6, 1, 2, 1, 2, 2, 1, 8, 17], Some("ifOperStatus.17"));
        check(&[1, 3, 6, 1, 2, 1, 2, 2], Some("ifTable"));
        check(&[1, 3, 6, 1, 2, 1, 2, 7], Some("interfaces.7"));
        check(&[1, 3, 6, 1, 4, 1, 9], None);
        check(&[], None);
        assert_eq!(oid("ifDescr.x"), None);
        assert_eq!(oid("nothing"), None);
    }
}
