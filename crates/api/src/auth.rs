//! Signing in, and what it permits: passwords, tokens, sessions, permissions.
//!
//! Begin with [`granted`]: a handler reaches the services only through [`Granted`], which names a
//! permission.

mod eddsa;
pub mod principal;
pub mod token;

pub use principal::{Permission, Principal, Role};
pub use token::Signer;
