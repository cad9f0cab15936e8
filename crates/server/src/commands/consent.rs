//! Whether something that cannot be undone is done: by `--yes`, or by an answer on the terminal.

use super::answer::plain;
use crate::cli::Consent;
use crate::complain;
use crate::exit::UsageError;
use std::io::{self, IsTerminal as _, Write as _};

/// Shows what somebody is asked about, who reads it whatever reads standard output.
pub(super) fn shown(words: &str) {
    for line in words.lines() {
        complain(&plain(line));
    }
}

impl Consent {
    /// Refuses what can be neither asked nor done, before anything is begun.
    pub(super) fn check(self) -> Result<(), UsageError> {
        if !self.asks() || io::stdin().is_terminal() {
            return Ok(());
        }
        let text =
            "nobody is at a terminal to be asked: say --yes, or --dry-run to see what would go";
        Err(UsageError(text.to_owned()))
    }

    /// Whether somebody is asked.
    pub(super) fn asks(self) -> bool {
        !self.dry_run && !self.yes
    }

    /// Whether it is to be done; asks where that is not said.
    pub(super) fn given(self, question: &str) -> io::Result<bool> {
        if !self.asks() {
            return Ok(self.yes);
        }
        let mut err = io::stderr().lock();
        let asked = write!(err, "{question} [y/N] ").and_then(|()| err.flush());
        drop(err);
        // Where nobody can be asked nothing is done, and that is a failure.
        asked.map_err(io::Error::other)?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        let is_yes = matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes");
        if !is_yes {
            complain("nothing was changed");
        }
        Ok(is_yes)
    }
}
