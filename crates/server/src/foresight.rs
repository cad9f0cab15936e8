//! Foresight in the server: the scheduled half ([`plan`]), which forecasts the series that matter day by day.
//! What a forecast is made of is in `api::foresight` and `analytics`.

pub mod plan;
