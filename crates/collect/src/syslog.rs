//! Lines of logs by syslog: listeners over UDP, TCP and TLS, what ends a message, and what it says.
//!
//! Begin with [`parse()`]; [`frames`] is for connections; [`Syslog`] has the sockets, and
//! [`source`] what one sender may cost. Whose device a sender is, the server knows.

pub mod frames;
mod listen;
mod parse;
pub mod source;
mod structured;
mod time;
mod tls;

pub use listen::{
    BATCH_MAX, CONNECTIONS_MAX, CONNECTIONS_PER_SOURCE_MAX, Received, Syslog, SyslogOptions,
    SyslogStats,
};

pub use parse::{Defects, LINE_LEN_MAX, Parsed, parse};
pub use tls::{Tls, TlsError, TlsFiles};
