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
    /// Address of the server
    #[arg(
        long,
        value_name = "URL",
        help_heading = "Server",
        default_value = "http://127.0.0.1:8080"
    )]
    pub server: String,
    /// User to sign in as
    #[arg(
        long,
        value_name = "NAME",
        help_heading = "Server",
        default_value = "admin"
    )]
    pub user: String,
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

impl ToServer {
    /// Whether it says where the password is.
    pub fn names_password(&self) -> bool {
        self.password_env.is_some() || self.password_file.is_some()
    }
}
