//! The scorers as a program: what they say of real sets beside what the scorers in `../shared` say, and how
//! they refuse what cannot be scored.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

#[path = "all/agreement.rs"]
mod agreement;
#[path = "all/baseline.rs"]
mod baseline;
#[path = "all/refused.rs"]
mod refused;
