//! A real agent on loopback: net-snmp's snmpd on an unprivileged port.

use crate::program::skipped;
use std::fmt::Write as _;
use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The community that it answers to.
pub(crate) const COMMUNITY: &str = "of-the-test";
/// The user that it answers to: SHA-256 and AES-128.
pub(crate) const USER: &str = "ops";
/// Pass phrases of the user.
pub(crate) const AUTH: &str = "authenticate-me";
/// Its configuration.
const FILE: &str = "snmpd.conf";
/// The other pass phrase.
pub(crate) const PRIVACY: &str = "nobody-listens";

/// A running snmpd; ended when dropped.
pub(crate) struct Agent {
    child: Child,
    pub(crate) port: u16,
    folder: tempfile::TempDir,
}

impl Agent {
    /// Starts one on 127.0.0.1; none, said aloud, where this machine has no snmpd.
    pub(crate) fn start(name: &str) -> Option<Self> {
        Self::start_at(name, &["127.0.0.1"], "")
    }

    /// Starts one that says by LLDP that its port `lo` is connected to `lo` of another. The MACs
    /// are their chassis ids, as 12 hex digits.
    pub(crate) fn start_beside(
        name: &str,
        mac: &str,
        neighbor: &str,
        its_mac: &str,
    ) -> Option<Self> {
        let remote = "1.0.8802.1.1.2.1.4.1.1";
        let local = "1.0.8802.1.1.2.1.3";
        // Index of a remote row: time mark, local port, a number.
        let lines = [
            format!("{local}.1.0 integer 4"),
            format!("{local}.2.0 octet_str 0x{mac}"),
            format!("{local}.7.1.2.1 integer 5"),
            format!("{local}.7.1.3.1 octet_str lo"),
            format!("{remote}.4.0.1.1 integer 4"),
            format!("{remote}.5.0.1.1 octet_str 0x{its_mac}"),
            format!("{remote}.6.0.1.1 integer 5"),
            format!("{remote}.7.0.1.1 octet_str lo"),
            format!("{remote}.9.0.1.1 octet_str {neighbor}"),
        ];
        let lines = format!("override {}\n", lines.join("\noverride "));
        Self::start_at(name, &["127.0.0.1"], &lines)
    }

    /// Starts one of a make that no profile knows: enterprise 99999 has a temperature in tenths and a
    /// fan, and sysObjectID says so.
    pub(crate) fn start_of_acme(name: &str) -> Option<Self> {
        let lines = "sysObjectID 1.3.6.1.4.1.99999.1\n\
             override 1.3.6.1.4.1.99999.2.1.0 integer 315\n\
             override 1.3.6.1.4.1.99999.2.2.0 integer 2\n";
        Self::start_at(name, &["127.0.0.1"], lines)
    }

    /// Starts one that tells errors of its first interface by a text (ifInErrors of IF-MIB).
    pub(crate) fn start_with_wrong_type(name: &str) -> Option<Self> {
        let lines = "override 1.3.6.1.2.1.2.2.1.14.1 octet_str many\n";
        Self::start_at(name, &["127.0.0.1"], lines)
    }

    /// Starts one that answers at 127.0.0.2, too.
    pub(crate) fn start_on_two(name: &str) -> Option<Self> {
        Self::start_at(name, &["127.0.0.1", "127.0.0.2"], "")
    }

    /// Starts one at a port of 127.0.0.1, any free one for 0, with an engine id made of its name: it
    /// is the same agent whenever it is started.
    pub(crate) fn start_on(name: &str, port: u16) -> Option<Self> {
        // Source: RFC 3411, SnmpEngineID with text (4) of enterprise 8072.
        let mut engine_id = "80001f8804".to_owned();
        for octet in name.bytes() {
            write!(engine_id, "{octet:02x}").unwrap();
        }
        Self::start_with(
            name,
            &["127.0.0.1"],
            port,
            &format!("exactEngineID 0x{engine_id}\n"),
        )
    }

    fn start_at(name: &str, addresses: &[&str], more: &str) -> Option<Self> {
        Self::start_with(name, addresses, 0, more)
    }

    fn start_with(name: &str, addresses: &[&str], port: u16, more: &str) -> Option<Self> {
        let Some(program) = snmpd() else {
            let why = "there is no snmpd on this machine (apt-get install snmpd)";
            skipped(&format!("{name}: {why}"));
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let port = UdpSocket::bind(("127.0.0.1", port))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let listen: Vec<String> = addresses
            .iter()
            .map(|address| format!("udp:{address}:{port}"))
            .collect();
        let listen = listen.join(",");
        let configuration = format!(
            "agentAddress {listen}\nrocommunity {COMMUNITY}\nsysName {name}\n\
             sysLocation on loopback\ncreateUser {USER} SHA-256 {AUTH} AES {PRIVACY}\nrouser {USER} priv\n{more}"
        );
        fs::write(folder.path().join(FILE), configuration).unwrap();
        let agent = Self {
            child: spawn(&program, folder.path()),
            port,
            folder,
        };
        agent.wait();
        Some(agent)
    }

    /// Stops it: its port is free, and nothing answers there.
    pub(crate) fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again where it was.
    pub(crate) fn start_again(&mut self) {
        self.child = spawn(&snmpd().unwrap(), self.folder.path());
        self.wait();
    }

    /// Where it is.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Waits until it holds its port.
    fn wait(&self) {
        crate::program::until("snmpd to listen", || {
            UdpSocket::bind(("127.0.0.1", self.port)).is_err()
        });
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.stop();
    }
}

fn spawn(program: &Path, folder: &Path) -> Child {
    Command::new(program)
        .args(["-f", "-Lo", "-C", "-I", "-systemstats", "-c"])
        .arg(folder.join(FILE))
        .env("SNMP_PERSISTENT_DIR", folder.join("state"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn snmpd() -> Option<PathBuf> {
    ["/usr/sbin/snmpd", "/usr/local/sbin/snmpd"]
        .into_iter()
        .map(Path::new)
        .find(|path| path.exists())
        .map(Path::to_owned)
}
