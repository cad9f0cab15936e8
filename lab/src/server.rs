//! Foretell itself, run in the lab's server namespace.

use crate::client::Client;
use crate::network::{Network, SERVER};
use crate::wait::until_async;
use anyhow::{Context as _, bail};
use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// The administrator's password in the lab.
pub const PASSWORD: &str = "lab-administrator-password";

/// The user and group `nobody` of Debian.
const NOBODY: u32 = 65534;
/// A start that takes longer has hung.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// Whom the server runs as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// Root: ICMP is permitted.
    Root,
    /// Nobody, with no capability and no group that may ping: ICMP is not permitted.
    Nobody,
}

/// A server process. Dropping it kills it.
pub struct Server {
    child: Child,
    log: PathBuf,
    /// When its process was started.
    pub started: Instant,
}

impl Server {
    /// Starts the server on data in the network's folder and waits until it is ready.
    pub async fn start(network: &Network, user: User) -> anyhow::Result<Self> {
        let folder = network.folder().join("server");
        fs::create_dir_all(&folder)?;
        let program = folder.join("foretell");
        if !program.exists() {
            // The checkout may lie where nobody may look.
            let built = std::env::var_os("FORETELL_BIN").context("FORETELL_BIN is not set")?;
            fs::copy(&built, &program).with_context(|| Path::new(&built).display().to_string())?;
            fs::set_permissions(&program, Permissions::from_mode(0o755))?;
        }
        let data = folder.join("data");
        fs::create_dir_all(&data)?;
        let mut command = match user {
            User::Root => network.server.command(&program),
            User::Nobody => {
                chown(&data, Some(NOBODY), Some(NOBODY))?;
                let mut setpriv = network.server.command("setpriv");
                setpriv
                    .args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")])
                    .args(["--clear-groups", "--inh-caps=-all", "--bounding-set=-all"])
                    .arg(&program);
                setpriv
            }
        };
        let log = folder.join("log");
        let to = OpenOptions::new().create(true).append(true).open(&log)?;
        let started = Instant::now();
        let child = command
            .arg("serve")
            .arg("--data-dir")
            .arg(&data)
            .args(["--listen", &SERVER.to_string()])
            .env("FORETELL_ADMIN_PASSWORD", PASSWORD)
            // The browser is not on loopback here, and there is no TLS in front.
            .env("FORETELL_HTTP__SECURE_COOKIE", "never")
            .env_remove("FORETELL_BIN")
            .env_remove("FORETELL_LAB_BIN")
            .stdout(Stdio::from(File::try_clone(&to)?))
            .stderr(Stdio::from(to))
            .spawn()
            .context("could not start the server")?;
        let mut server = Self {
            child,
            log,
            started,
        };
        server.wait_until_ready().await?;
        Ok(server)
    }

    /// A client of it, signed in as the administrator.
    pub async fn client(&self) -> anyhow::Result<Client> {
        Client::sign_in(&url(), PASSWORD).await
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// The last lines of what it printed and logged.
    pub fn log_end(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let ready = format!("{}/readyz", url());
        let waited = until_async("a ready server", READY_WITHIN, async || {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status}");
            }
            Ok(match http.get(&ready).send().await {
                Ok(answer) if answer.status().is_success() => Ok(()),
                Ok(answer) => Err(answer.text().await.unwrap_or_default()),
                Err(error) => Err(error.to_string()),
            })
        })
        .await;
        waited.with_context(|| self.log_end()).map(drop)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.kill();
        if std::thread::panicking() {
            eprintln!("the server's log ends:\n{}", self.log_end());
        }
    }
}

/// Where the server is, from the host.
pub fn url() -> String {
    format!("http://{SERVER}")
}
