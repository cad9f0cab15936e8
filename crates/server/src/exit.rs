//! How the program ends, as scripts see it.

use std::process::ExitCode;

/// Why the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done what was asked.
    Done,
    /// Failed for a reason of this machine's: disk, port, permission.
    Failed,
    /// The command line or the configuration is wrong.
    Usage,
    /// The device did not answer.
    NoAnswer,
    /// The device answered that it refuses us.
    Refused,
}

impl Exit {
    /// How the program ends for this error.
    pub fn of(error: &anyhow::Error) -> Self {
        let unread = error
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe);
        if unread {
            return Self::Done;
        }
        let usage = error.chain().any(|cause| {
            cause.is::<UsageError>() || cause.is::<crate::config::load::ConfigError>()
        });
        if usage { Self::Usage } else { Self::Failed }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::NoAnswer => 3,
            Exit::Refused => 4,
        })
    }
}

/// A failure of usage, to tell it from others in an error chain.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);
