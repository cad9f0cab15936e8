//! The agents of one router: snmpd as AgentX master and lldpd as its subagent, each instance with
//! sockets, state and a host name of its own.

use crate::namespace::Namespace;
use crate::wait::until;
use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The SNMPv2c community of every router.
pub const COMMUNITY: &str = "lab-public";
/// The SNMPv3 user of every router: SHA-256 and AES-128.
pub const USER: &str = "lab-user";
/// Pass phrase of its authentication.
pub const AUTH_PASSPHRASE: &str = "lab-auth-phrase";
/// Pass phrase of its privacy.
pub const PRIVACY_PASSPHRASE: &str = "lab-privacy-phrase";

/// May write, from the router itself only.
const WRITE_COMMUNITY: &str = "lab-private";
/// NET-SNMP-AGENT-MIB::nsCacheTimeout of IF-MIB::ifTable. It is 3 s unless set: too coarse for
/// measuring how soon a poller sees a change.
const IF_TABLE_CACHE: &str = "1.3.6.1.4.1.8072.1.5.3.1.2.1.3.6.1.2.1.2.2";
/// How long an agent may take to answer first, on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// Both agents of a router. They end with its namespace.
pub struct Agents {
    folder: PathBuf,
    snmpd: Child,
    lldpd: Child,
}

impl Agents {
    /// Starts both in the namespace, under this host name, and waits until both answer.
    pub fn start(
        namespace: &Namespace,
        folder: &Path,
        name: &str,
        management: Ipv4Addr,
    ) -> anyhow::Result<Self> {
        let folder = folder.join(name);
        fs::create_dir_all(folder.join("persistent"))?;
        let snmpd = start_snmpd(namespace, &folder, name)?;
        until("the AgentX socket", READY_WITHIN, || {
            Ok(there(&folder.join("agentx")))
        })?;
        let lldpd = start_lldpd(namespace, &folder, name, management)?;
        let agents = Self {
            folder,
            snmpd,
            lldpd,
        };
        until("snmpd", READY_WITHIN, || {
            let mut set = namespace.command("snmpset");
            set.args(["-v2c", "-c", WRITE_COMMUNITY, "-t", "1", "-r", "0"])
                .args(["127.0.0.1", IF_TABLE_CACHE, "i", "1"]);
            Ok(tell(&mut set).map(drop))
        })?;
        Ok(agents)
    }

    /// Stops snmpd from answering, as one that hangs; the router itself answers pings on.
    pub fn freeze_snmpd(&self) -> anyhow::Result<()> {
        signal(&self.snmpd, Signal::SIGSTOP)
    }

    /// Lets a frozen snmpd run on.
    pub fn thaw_snmpd(&self) -> anyhow::Result<()> {
        signal(&self.snmpd, Signal::SIGCONT)
    }

    /// What lldpd itself knows of its neighbours, for people.
    pub fn neighbors_as_lldpd_says(&self) -> String {
        let mut lldpcli = Command::new("lldpcli");
        lldpcli.arg("-u").arg(self.folder.join("lldpd"));
        let told = tell(lldpcli.args(["show", "neighbors", "-f", "keyvalue"]));
        let log = fs::read_to_string(self.folder.join("lldpd.log")).unwrap_or_default();
        format!("{}\n{log}", told.unwrap_or_else(|error| error))
    }
}

impl Drop for Agents {
    fn drop(&mut self) {
        for child in [&mut self.lldpd, &mut self.snmpd] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn start_snmpd(namespace: &Namespace, folder: &Path, name: &str) -> anyhow::Result<Child> {
    let configuration = folder.join("snmpd.conf");
    fs::write(
        &configuration,
        format!(
            "agentAddress udp:161\n\
             master agentx\n\
             agentXSocket {socket}\n\
             rocommunity {COMMUNITY}\n\
             rwcommunity {WRITE_COMMUNITY} 127.0.0.1\n\
             createUser {USER} SHA-256 {AUTH_PASSPHRASE} AES {PRIVACY_PASSPHRASE}\n\
             rouser {USER} priv\n\
             sysLocation lab, shelf {name}\n\
             sysContact nobody@example.net\n",
            socket = folder.join("agentx").display(),
        ),
    )?;
    let script = r#"hostname "$1" && exec snmpd -f -C -c "$2" -LE 4"#;
    let mut command = namespace.command("unshare");
    command
        .args(["--uts", "sh", "-c", script, "sh", name])
        .arg(&configuration)
        // Of its own, so that each agent makes up an engine id of its own.
        .env("SNMP_PERSISTENT_DIR", folder.join("persistent"));
    spawn(&mut command, &folder.join("snmpd.log"))
}

fn start_lldpd(
    namespace: &Namespace,
    folder: &Path,
    name: &str,
    management: Ipv4Addr,
) -> anyhow::Result<Child> {
    // In a file that is read before it begins to work: what lldpcli sets while it starts may be
    // lost.
    let configuration = folder.join("lldpd.conf");
    fs::write(
        &configuration,
        format!(
            "configure lldp tx-interval 2\n\
             configure lldp portidsubtype ifname\n\
             configure system ip management pattern {management}\n",
        ),
    )?;
    // It wants /run/lldpd for itself, to lock and to be confined to.
    let script = r#"hostname "$1" && mount -t tmpfs tmpfs /run && mkdir /run/lldpd &&
        exec lldpd -d -c -x -X "$2" -u "$3" -O "$4""#;
    let mut command = namespace.command("unshare");
    command
        .args(["--uts", "--mount", "sh", "-c", script, "sh", name])
        .arg(folder.join("agentx"))
        .arg(folder.join("lldpd"))
        .arg(configuration);
    spawn(&mut command, &folder.join("lldpd.log"))
}

fn spawn(command: &mut Command, log: &Path) -> anyhow::Result<Child> {
    let log = File::create(log)?;
    command
        .stdout(Stdio::from(log.try_clone()?))
        .stderr(Stdio::from(log))
        .spawn()
        .context("could not start an agent")
}

/// Its output; or, where it failed, what it said.
pub(crate) fn tell(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

fn there(path: &Path) -> Result<(), String> {
    if path.exists() {
        Ok(())
    } else {
        Err(format!("no {}", path.display()))
    }
}

fn signal(child: &Child, signal: Signal) -> anyhow::Result<()> {
    let Ok(pid) = child.id().try_into() else {
        bail!("pid {} is out of range", child.id());
    };
    kill(Pid::from_raw(pid), signal).with_context(|| format!("{signal} to pid {pid}"))
}
