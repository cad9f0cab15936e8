//! What can be said of a series from its past: pure functions of values at equal steps, without a clock, a
//! disk or chance. The same input gives the same output to the bit.
//!
//! A series is a slice of values at equal steps, of which those that are no finite numbers, or beyond
//! 1e100, are missing.
//! Season lengths and horizons are counted in steps.

pub mod anomaly;
pub mod balance;
pub mod calendar;
pub mod capacity;
pub mod change;
pub mod clean;
pub mod decompose;
mod fft;
pub mod forecast;
pub mod gaps;
mod linear;
pub mod motif;
pub mod pattern;
pub mod profile;
pub mod rank;
pub mod robust;
pub mod scaling;
pub mod season;
pub mod similar;
pub mod stationarity;
pub mod talker;
pub mod trend;
