//! Who asks, and what they may do.

use model::{Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// What a person may do, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Admin,
    /// Looking at everything but credentials' names; changing nothing.
    Viewer,
}

/// One thing that may be permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Look at devices, interfaces, links, series and health.
    ReadInventory,
    /// Make, change, delete and poll devices.
    WriteInventory,
    /// Look at discoveries.
    ReadDiscoveries,
    /// Begin and cancel discoveries.
    RunDiscoveries,
    /// See what credentials there are, never their secrets.
    ReadCredentials,
    /// Make, change and delete credentials.
    WriteCredentials,
    /// Write samples as they are measured.
    WriteSamples,
    /// Say how long samples are kept, hold, correct and delete them, and take backups.
    ManageStorage,
    /// Look at this server: version, notices, metrics.
    ReadSystem,
    /// Look at and change one's own sign-in.
    OwnAccount,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 10] = [
        Self::ReadInventory,
        Self::WriteInventory,
        Self::ReadDiscoveries,
        Self::RunDiscoveries,
        Self::ReadCredentials,
        Self::WriteCredentials,
        Self::WriteSamples,
        Self::ManageStorage,
        Self::ReadSystem,
        Self::OwnAccount,
    ];
}

impl Role {
    /// Its name, as accounts keep it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Viewer => "viewer",
        }
    }
    /// The strongest of the roles that are named; none where none is known.
    pub fn strongest(names: &[String]) -> Option<Self> {
        [Self::Admin, Self::Viewer]
            .into_iter()
            .find(|role| names.iter().any(|name| name == role.name()))
    }
    /// Whether this role carries a permission.
    pub fn may(self, permission: Permission) -> bool {
        match self {
            Self::Admin => true,
            Self::Viewer => matches!(
                permission,
                Permission::ReadInventory
                    | Permission::ReadDiscoveries
                    | Permission::ReadSystem
                    | Permission::OwnAccount
            ),
        }
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The person.
    pub user_id: UserId,
    /// The name they sign in with.
    pub username: String,
    /// What they may do.
    pub role: Role,
    /// How they showed who they are.
    pub method: Method,
    /// What it rests on, to be looked at again where somebody stays for long.
    pub basis: Basis,
    /// When that ends.
    pub expires_at: Timestamp,
}

/// What a sign-in rests on; that of a ticket is what the ticket was made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basis {
    /// A token.
    Token {
        /// When it was signed.
        issued_at: Timestamp,
    },
    /// A session.
    Session {
        /// The hash that it is kept by.
        token_hash: String,
    },
}

/// How somebody showed who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SignInMethod)]
pub enum Method {
    /// A bearer token.
    Token,
    /// The session cookie.
    Session,
    /// A one-time ticket of the stream.
    Ticket,
}
