//! How good answers are: scores of anomalies, forecasts, capacity, structure, scaling, rankings and routing, of
//! files of answers beside files of truth.
//!
//! Each score is written from its definition in the literature, which its module names. Nothing here knows how
//! Foretell works inside: it reads what `foretell analyze` writes, as it would read what any other program
//! writes in the same formats (`docs/accuracy.md`). Begin with [`nab`] or [`forecast`].
#![allow(clippy::indexing_slicing)] // Places in rows of equal length that are checked where they are read.

pub mod capacity;
pub mod events;
pub mod forecast;
pub mod nab;
pub mod naive;
pub mod number;
pub mod points;
pub mod ranking;
pub mod read;
pub mod routing;
pub mod scaling;
pub mod series;
pub mod structure;
