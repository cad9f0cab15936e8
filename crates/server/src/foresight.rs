//! Foresight: what is expected of every series, and what was not.
//!
//! [`watch`] is the half that goes along with the samples as they come; it never holds up those who take them
//! in.

pub mod watch;
