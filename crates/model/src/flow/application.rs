//! What a flow is for, told by its protocol and service port, and the names that IANA gives them.
//!
//! A port is a guess: what runs on it may be another thing. So the key is always the number, and the
//! name stands beside it.

use std::fmt;

/// A protocol and, where it has ports, the one of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Application {
    /// Protocol number of IP; [`Application::NOT_IP`] is what was no IP at all.
    pub protocol: u16,
    /// Port; 0 where there is none.
    pub port: u16,
}

const TCP: u16 = 6;
const UDP: u16 = 17;
const DCCP: u16 = 33;
const SCTP: u16 = 132;

/// Protocol numbers. Source: IANA, Assigned Internet Protocol Numbers.
const PROTOCOLS: &[(u16, &str)] = &[
    (1, "icmp"),
    (2, "igmp"),
    (4, "ipip"),
    (TCP, "tcp"),
    (UDP, "udp"),
    (DCCP, "dccp"),
    (41, "ipv6"),
    (46, "rsvp"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (58, "ipv6-icmp"),
    (88, "eigrp"),
    (89, "ospf"),
    (103, "pim"),
    (112, "vrrp"),
    (115, "l2tp"),
    (SCTP, "sctp"),
    (Application::NOT_IP, "not-ip"),
];

/// Ports by number, whatever the protocol. Source: IANA, Service Name and Transport Protocol Port
/// Number Registry; those that a network really shows, and a few that are in wide use without being
/// assigned.
const PORTS: &[(u16, &str)] = &[
    (7, "echo"),
    (20, "ftp-data"),
    (21, "ftp"),
    (22, "ssh"),
    (23, "telnet"),
    (25, "smtp"),
    (43, "whois"),
    (49, "tacacs"),
    (53, "dns"),
    (67, "dhcp server"),
    (68, "dhcp client"),
    (69, "tftp"),
    (80, "http"),
    (88, "kerberos"),
    (110, "pop3"),
    (111, "sunrpc"),
    (119, "nntp"),
    (123, "ntp"),
    (135, "msrpc"),
    (137, "netbios-ns"),
    (138, "netbios-dgm"),
    (139, "netbios-ssn"),
    (143, "imap"),
    (161, "snmp"),
    (162, "snmptrap"),
    (179, "bgp"),
    (194, "irc"),
    (319, "ptp-event"),
    (320, "ptp-general"),
    (389, "ldap"),
    (427, "svrloc"),
    (443, "https"),
    (445, "smb"),
    (464, "kpasswd"),
    (465, "submissions"),
    (500, "isakmp"),
    (514, "syslog"),
    (515, "printer"),
    (520, "rip"),
    (546, "dhcpv6 client"),
    (547, "dhcpv6 server"),
    (548, "afp"),
    (554, "rtsp"),
    (587, "submission"),
    (623, "ipmi"),
    (631, "ipp"),
    (636, "ldaps"),
    (646, "ldp"),
    (830, "netconf-ssh"),
    (853, "dns over tls"),
    (860, "iscsi"),
    (873, "rsync"),
    (902, "vmware auth"),
    (989, "ftps-data"),
    (990, "ftps"),
    (993, "imaps"),
    (995, "pop3s"),
    (1080, "socks"),
    (1194, "openvpn"),
    (1344, "icap"),
    (1433, "mssql"),
    (1521, "oracle"),
    (1645, "radius (old)"),
    (1646, "radius-acct (old)"),
    (1701, "l2tp"),
    (1720, "h323"),
    (1723, "pptp"),
    (1812, "radius"),
    (1813, "radius-acct"),
    (1883, "mqtt"),
    (1900, "ssdp"),
    (1935, "rtmp"),
    (1985, "hsrp"),
    (2049, "nfs"),
    (2055, "netflow"),
    (2181, "zookeeper"),
    (2379, "etcd"),
    (2380, "etcd peer"),
    (3128, "squid"),
    (3205, "isns"),
    (3260, "iscsi"),
    (3268, "ldap gc"),
    (3306, "mysql"),
    (3389, "rdp"),
    (3478, "stun"),
    (3479, "stun"),
    (3784, "bfd"),
    (4420, "nvme"),
    (4500, "ipsec nat-t"),
    (4739, "ipfix"),
    (4789, "vxlan"),
    (5060, "sip"),
    (5061, "sips"),
    (5222, "xmpp"),
    (5246, "capwap-control"),
    (5247, "capwap-data"),
    (5353, "mdns"),
    (5355, "llmnr"),
    (5432, "postgresql"),
    (5671, "amqps"),
    (5672, "amqp"),
    (5900, "vnc"),
    (5985, "winrm"),
    (5986, "winrm https"),
    (6081, "geneve"),
    (6343, "sflow"),
    (6379, "redis"),
    (6443, "kubernetes api"),
    (6514, "syslog over tls"),
    (6633, "openflow (old)"),
    (6653, "openflow"),
    (7680, "delivery optimization"),
    (8080, "http-alt"),
    (8291, "winbox"),
    (8443, "https-alt"),
    (8472, "vxlan (linux)"),
    (8883, "mqtts"),
    (9090, "prometheus"),
    (9092, "kafka"),
    (9100, "jetdirect"),
    (9200, "elasticsearch"),
    (9418, "git"),
    (9995, "netflow"),
    (10050, "zabbix agent"),
    (10051, "zabbix trapper"),
    (11211, "memcached"),
    (27017, "mongodb"),
    (51820, "wireguard"),
];

/// One bit a port.
const KNOWN: [u64; 1024] = known();

const fn known() -> [u64; 1024] {
    let mut bits = [0; 1024];
    let mut rest: &[(u16, &str)] = PORTS;
    while let Some(((port, _), after)) = rest.split_first() {
        #[expect(
            clippy::indexing_slicing,
            reason = "a port divided by 64 is below 1024; evaluated by the compiler"
        )]
        {
            bits[(*port / 64) as usize] |= 1 << (*port % 64);
        }
        rest = after;
    }
    bits
}

fn is_known(port: u16) -> bool {
    KNOWN
        .get(usize::from(port / 64))
        .is_some_and(|bits| bits >> (port % 64) & 1 == 1)
}

impl Application {
    /// The protocol of what was no IP.
    pub const NOT_IP: u16 = 256;

    /// Of a flow. The service's port is the one of the two that has a name, else the lower.
    pub fn of(protocol: u8, one: u16, other: u16) -> Self {
        let protocol = u16::from(protocol);
        if !matches!(protocol, TCP | UDP | DCCP | SCTP) {
            return Self { protocol, port: 0 };
        }
        let (low, high) = (one.min(other), one.max(other));
        let port = if low == 0 || (is_known(high) && !is_known(low)) {
            high
        } else {
            low
        };
        Self { protocol, port }
    }

    /// What IANA calls it, where it has a name: `https`.
    pub fn name(self) -> Option<&'static str> {
        if self.port == 0 {
            return None;
        }
        let place = PORTS.binary_search_by_key(&self.port, |(port, _)| *port);
        PORTS.get(place.ok()?).map(|(_, name)| *name)
    }

    /// From its key.
    pub fn from_key(key: &str) -> Option<Self> {
        let (protocol, port) = match key.split_once('/') {
            Some(("ip", number)) => {
                return Some(Self {
                    protocol: number.parse().ok()?,
                    port: 0,
                });
            }
            Some((protocol, port)) => (protocol, port.parse().ok()?),
            None => (key, 0),
        };
        let protocol = PROTOCOLS.iter().find(|(_, name)| *name == protocol)?.0;
        Some(Self { protocol, port })
    }
}

/// The key: `tcp/443`, `icmp`, `ip/253`.
impl fmt::Display for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = PROTOCOLS.binary_search_by_key(&self.protocol, |(number, _)| *number);
        match place.ok().and_then(|place| PROTOCOLS.get(place)) {
            Some((_, name)) if self.port == 0 => f.write_str(name),
            Some((_, name)) => write!(f, "{name}/{}", self.port),
            None => write!(f, "ip/{}", self.protocol),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_ascend() {
        assert!(PORTS.is_sorted_by(|(one, _), (other, _)| one < other));
        assert!(PROTOCOLS.is_sorted_by(|(one, _), (other, _)| one < other));
    }

    #[test]
    fn the_port_of_the_service_is_found_on_either_side() {
        let check = |protocol, ports: (u16, u16), key: &str, name: Option<&str>| {
            for (one, other) in [ports, (ports.1, ports.0)] {
                let application = Application::of(protocol, one, other);
                assert_eq!(application.to_string(), key);
                assert_eq!(application.name(), name);
                assert_eq!(Application::from_key(key), Some(application));
            }
        };
        check(6, (51_234, 443), "tcp/443", Some("https"));
        check(6, (1_024, 3_389), "tcp/3389", Some("rdp"));
        check(17, (53, 53), "udp/53", Some("dns"));
        check(6, (40_000, 50_000), "tcp/40000", None);
        check(17, (0, 4_500), "udp/4500", Some("ipsec nat-t"));
        check(1, (0, 2_048), "icmp", None);
        check(253, (0, 0), "ip/253", None);
        check(132, (2_905, 40_000), "sctp/2905", None);
        let other = Application {
            protocol: Application::NOT_IP,
            port: 0,
        };
        assert_eq!(Application::from_key(&other.to_string()), Some(other));
    }
}
