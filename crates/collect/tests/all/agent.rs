//! A real snmpd on a loopback address, which can be stopped and started again.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub(super) const COMMUNITY: &str = "lantern";
pub(super) const USER: &str = "ops";
pub(super) const PASSPHRASE: &str = "a long enough phrase";

/// An agent; stopped when dropped.
pub(super) struct Agent {
    pub(super) address: SocketAddr,
    dir: PathBuf,
    child: Option<Child>,
}

fn program() -> Option<&'static Path> {
    let found = ["/usr/sbin/snmpd", "/usr/local/sbin/snmpd"]
        .into_iter()
        .map(Path::new)
        .find(|path| path.exists());
    if found.is_none() {
        // Written past the test harness, which keeps what a passing test prints to itself.
        let skipped = b"SKIPPED: snmpd is not installed\n";
        std::io::Write::write_all(&mut std::io::stderr(), skipped).unwrap();
    }
    found
}

/// A port that is free on a loopback address right now.
pub(super) fn free_port(ip: &str) -> u16 {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.local_addr().unwrap().port()
}

impl Agent {
    /// Starts an agent with lines of configuration besides the usual; none where there is no snmpd.
    pub(super) async fn start(address: SocketAddr, lines: &str) -> Option<Self> {
        program()?;
        let dir = std::env::temp_dir().join(format!(
            "foretell-collect-{}-{}-{}",
            std::process::id(),
            address.ip(),
            address.port()
        ));
        std::fs::create_dir_all(&dir).unwrap();
        let mut agent = Self {
            address,
            dir,
            child: None,
        };
        agent.configure(lines);
        agent.resume().await;
        Some(agent)
    }

    /// Lines of configuration besides the usual; they hold from the next start on.
    pub(super) fn configure(&self, lines: &str) {
        let address = self.address;
        let conf = format!(
            "agentAddress udp:{address}\n\
             rocommunity {COMMUNITY}\n\
             createUser {USER} SHA-256 \"{PASSPHRASE}\" AES \"{PASSPHRASE}\"\n\
             rouser {USER} priv\n\
             {lines}\n"
        );
        std::fs::write(self.dir.join("agent.conf"), conf).unwrap();
    }

    /// Starts it again, and waits until it listens.
    pub(super) async fn resume(&mut self) {
        let child = Command::new(program().unwrap())
            .args(["-C", "-c"])
            .arg(self.dir.join("agent.conf"))
            .args(["-I", "-smux", "-f", "-Lf"])
            .arg(self.dir.join("log"))
            .env("SNMP_PERSISTENT_DIR", &self.dir)
            .env("MIBS", "")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        for _ in 0..500 {
            // The address is taken as soon as the agent has it.
            if UdpSocket::bind(self.address).is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let log = std::fs::read_to_string(self.dir.join("log"));
        panic!("snmpd does not listen on {}: {log:?}", self.address);
    }

    pub(super) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
