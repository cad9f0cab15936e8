//! The log: what makes an append durable before it is acknowledged.
//!
//! Append-only segment files, `log/0000000000000001.log`; each poll is one [`frame`]. One thread
//! ([`writer`]) writes and syncs for all. A segment is deleted once blocks hold all its samples,
//! and never before an older one, so what is left is always the newest part. The format is in
//! `docs/formats/log.md`.

pub mod frame;
pub(crate) mod segments;
pub(crate) mod writer;
