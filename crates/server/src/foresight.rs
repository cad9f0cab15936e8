//! Foresight in the server: what is expected of every series, and what was not.
//!
//! [`watch`] goes along with the samples as they come, and never holds up those who take them in; [`plan`]
//! forecasts the series that matter day by day; [`scale`] raises triggers before an overload.
//! What a forecast is made of is in `api::foresight` and `analytics`.

pub mod plan;
pub mod scale;
pub mod watch;
