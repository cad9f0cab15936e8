//! What every command that asks a running server takes.

use clap::Args;
use std::path::PathBuf;

/// Something asked of a running server.
#[derive(Debug, Args)]
pub struct Asked {
    /// Print one JSON value
    #[arg(long)]
    pub json: bool,
    /// The server.
    #[command(flatten)]
    pub to: ToServer,
}

/// A running server, and who signs in to it.
#[derive(Debug, Args)]
pub struct ToServer {
    /// Address of the server [default: http://127.0.0.1:8080]
    #[arg(long, value_name = "URL", help_heading = "Server")]
    pub server: Option<String>,
    /// User to sign in as [default: admin]
    #[arg(long, value_name = "NAME", help_heading = "Server")]
    pub user: Option<String>,
    /// Environment variable that holds the password
    #[arg(long, value_name = "VAR", help_heading = "Server")]
    pub password_env: Option<String>,
    /// File that holds the password
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Server",
        conflicts_with = "password_env"
    )]
    pub password_file: Option<PathBuf>,
}

/// What asks no server conflicts with all that says which is asked.
pub(super) const TO_SERVER: [&str; 4] = ["server", "user", "password_env", "password_file"];

impl ToServer {
    /// The address of the server.
    pub fn server(&self) -> &str {
        self.server.as_deref().unwrap_or("http://127.0.0.1:8080")
    }

    /// Whom to sign in as.
    pub fn user(&self) -> &str {
        self.user.as_deref().unwrap_or("admin")
    }

    /// Whether it says anything of a server that is to be asked.
    pub fn is_named(&self) -> bool {
        self.server.is_some() || self.user.is_some() || self.names_password()
    }

    /// Whether it says where the password is.
    pub fn names_password(&self) -> bool {
        self.password_env.is_some() || self.password_file.is_some()
    }
}
