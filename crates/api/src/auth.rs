//! Signing in, and what it permits: passwords, tokens, sessions, permissions.
//!
//! Begin with [`gate`]: a handler reaches the services only through `Granted`, which names a
//! permission.

pub mod bootstrap;
pub(crate) mod cookie;
mod eddsa;
pub(crate) mod gate;
pub(crate) mod limit;
pub(crate) mod origin;
pub mod password;
pub mod principal;
pub(crate) mod remembered;
pub mod token;

pub use bootstrap::{BootstrapError, GeneratedPassword, bootstrap_admin, load_signer};
pub use principal::{Permission, Principal, Role};
pub use token::Signer;
