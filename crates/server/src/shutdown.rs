//! Being told to stop: the first SIGTERM or SIGINT asks for an orderly stop, the second ends the
//! process at once.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals by which an operator or a supervisor stops a program.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens from now on.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for one, and tells its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Ends the process without waiting for anything. What was acknowledged is synced already.
pub fn at_once() -> ! {
    tracing::warn!("stopped at once");
    std::process::exit(1)
}
