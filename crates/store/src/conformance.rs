//! What every back end must do, as suites that the crate of a back end calls in its tests: whatever
//! is asked of it, it answers as a plain map would. Behind the feature `testing`.
//!
//! A suite is a function that takes a way to open the back end, and panics with the shortest steps
//! that it could find where the back end does something else.

mod documents;

pub use documents::{OpenDocuments, documents};
