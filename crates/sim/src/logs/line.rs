//! The words of each make for what happens, made after what such devices are known to write: RFC 3164
//! with the vendors' own additions, or RFC 5424.

use crate::hash;
use crate::network::{Device, PortNo};
use model::Timestamp;

/// Facilities (RFC 5424 section 6.2.1), times 8.
const DAEMON: u8 = 3 << 3;
const LOCAL7: u8 = 23 << 3;
/// Severities (the same).
const ERROR: u8 = 3;
const WARNING: u8 = 4;
const NOTICE: u8 = 5;
const INFORMATIONAL: u8 = 6;

/// What a device has something to say of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// It has booted.
    Restart,
    /// A port went up or down.
    Port { port: PortNo, is_up: bool },
    /// It is too warm.
    Hot,
    /// Somebody or something did what is done every day.
    Routine { chance: u64 },
}

/// Who says it, and when.
pub(super) struct Line<'a> {
    pub(super) device: &'a Device,
    /// How many it has said, with this.
    pub(super) number: u64,
    pub(super) at: Timestamp,
}

/// Severity, what a make calls such a line (its mnemonic, its process or its topic), and the text.
type Words = (u8, &'static str, String);

impl Line<'_> {
    /// What is sent of it, one line a datagram.
    pub(super) fn datagrams(&self, happening: Happening) -> Vec<Vec<u8>> {
        let lines = match self.device.make.os {
            "IOS XE" | "NX-OS" | "EOS" => self.mnemonic(happening),
            "Junos" => self.junos(happening),
            "RouterOS" => self.routeros(happening),
            _ => self.plain(happening),
        };
        let lines = lines.into_iter().map(|words| self.framed(words));
        lines.map(String::into_bytes).collect()
    }

    fn framed(&self, (severity, tag, text): Words) -> String {
        let name = &self.device.name;
        match self.device.make.os {
            "IOS XE" => {
                let at = self.time("%b %e %H:%M:%S%.3f");
                let number = self.number;
                format!("<{}>{number}: {at}: {tag}: {text}", LOCAL7 | severity)
            }
            "NX-OS" => {
                let at = self.time("%Y %b %e %H:%M:%S UTC");
                format!("<{}>: {at}: {tag}: {text}", LOCAL7 | severity)
            }
            "EOS" => {
                let at = self.time("%b %e %H:%M:%S");
                format!("<{}>{at} {name} Ebra: {tag}: {text}", LOCAL7 | severity)
            }
            "Junos" => {
                let at = self.time("%b %e %H:%M:%S");
                format!("<{}>{at} {name} {tag}: {text}", DAEMON | severity)
            }
            "RouterOS" => {
                let at = self.time("%b %e %H:%M:%S");
                format!("<{}>{at} {name} {tag} {text}", DAEMON | severity)
            }
            _ => {
                let at = self.time("%Y-%m-%dT%H:%M:%S%.3fZ");
                format!("<{}>1 {at} {name} {tag} - - - {text}", DAEMON | severity)
            }
        }
    }

    /// Cisco's form, `%FACILITY-SEVERITY-MNEMONIC`, which Arista writes too.
    fn mnemonic(&self, happening: Happening) -> Vec<Words> {
        match happening {
            Happening::Restart => vec![(
                NOTICE,
                "%SYS-5-RESTART",
                format!("System restarted -- {} {}", self.make(), self.version()),
            )],
            Happening::Port { port, is_up } => {
                let name = self.device.port_description(port.port);
                let state = if is_up { "up" } else { "down" };
                let link = (
                    ERROR,
                    "%LINK-3-UPDOWN",
                    format!("Interface {name}, changed state to {state}"),
                );
                let protocol = (
                    NOTICE,
                    "%LINEPROTO-5-UPDOWN",
                    format!("Line protocol on Interface {name}, changed state to {state}"),
                );
                vec![link, protocol]
            }
            Happening::Hot => vec![(
                WARNING,
                "%ENVMON-4-TEMP_WARNING",
                "Inlet temperature is above its warning threshold".to_owned(),
            )],
            Happening::Routine { chance } => vec![(
                NOTICE,
                "%SYS-5-CONFIG_I",
                format!("Configured from console by {} on vty0", person(chance)),
            )],
        }
    }

    fn junos(&self, happening: Happening) -> Vec<Words> {
        vec![match happening {
            Happening::Restart => (
                NOTICE,
                "eventd[1712]",
                "SYSTEM_OPERATIONAL: System is operational".to_owned(),
            ),
            Happening::Port { port, is_up } => {
                let name = self.device.port_name(port.port);
                let (event, status) = if is_up {
                    ("SNMP_TRAP_LINK_UP", "up(1)")
                } else {
                    ("SNMP_TRAP_LINK_DOWN", "down(2)")
                };
                let text =
                    format!("{event}: ifAdminStatus up(1), ifOperStatus {status}, ifName {name}");
                (WARNING, "mib2d[1890]", text)
            }
            Happening::Hot => (
                WARNING,
                "chassisd[1631]",
                "CHASSISD_OVER_TEMP_CONDITION: Chassis temperature over its warning threshold"
                    .to_owned(),
            ),
            Happening::Routine { chance } => (
                INFORMATIONAL,
                "mgd[4120]",
                format!(
                    "UI_COMMIT: User '{}' requested 'commit' operation",
                    person(chance)
                ),
            ),
        }]
    }

    fn routeros(&self, happening: Happening) -> Vec<Words> {
        vec![match happening {
            Happening::Restart => (NOTICE, "system,info", "router rebooted".to_owned()),
            Happening::Port { port, is_up } => {
                let name = self.device.port_name(port.port);
                let state = if is_up { "up" } else { "down" };
                (NOTICE, "interface,info", format!("{name} link {state}"))
            }
            Happening::Hot => (
                WARNING,
                "system,warning",
                "temperature is above its limit".to_owned(),
            ),
            Happening::Routine { chance } => (
                INFORMATIONAL,
                "system,info,account",
                format!("user {} logged in via ssh", person(chance)),
            ),
        }]
    }

    fn plain(&self, happening: Happening) -> Vec<Words> {
        vec![match happening {
            Happening::Restart => (NOTICE, "system", format!("{} started", self.make())),
            Happening::Port { port, is_up } => {
                let name = self.device.port_name(port.port);
                let state = if is_up { "up" } else { "down" };
                (WARNING, "link", format!("port {name} is {state}"))
            }
            Happening::Hot => (
                WARNING,
                "environment",
                "temperature is above its limit".to_owned(),
            ),
            Happening::Routine { chance } => (
                INFORMATIONAL,
                "sshd",
                format!("session opened for user {}", person(chance)),
            ),
        }]
    }

    fn make(&self) -> String {
        let make = self.device.make;
        format!("{} {}", make.vendor, make.os)
    }

    fn version(&self) -> &'static str {
        self.device.make.version
    }

    fn time(&self, format: &str) -> String {
        jiff::Timestamp::from_millisecond(self.at.unix_ms())
            .map(|at| at.strftime(format).to_string())
            .unwrap_or_default()
    }
}

/// Who did it.
fn person(chance: u64) -> &'static str {
    const PEOPLE: [&str; 4] = ["admin", "netops", "backup", "ansible"];
    PEOPLE
        .get(hash::pick(chance, PEOPLE.len()))
        .copied()
        .unwrap_or("admin")
}
