//! What Foretell keeps.

pub mod blocks;
pub mod series;
