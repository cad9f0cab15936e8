//! Fields of a merge patch (RFC 7396): left away, null, or a value.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A field that may be emptied: left away, `Some(None)` for null, or a value.
pub(crate) type Change<T> = Option<Option<T>>;

/// For a field that may be emptied: `#[serde(default, deserialize_with = "merge::nullable")]`.
pub(crate) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    reader: D,
) -> Result<Change<T>, D::Error> {
    Option::deserialize(reader).map(Some)
}

/// For a field that always has a value: null is refused rather than taken for "left away".
pub(crate) fn not_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    reader: D,
) -> Result<Option<T>, D::Error> {
    match Option::deserialize(reader)? {
        Some(value) => Ok(Some(value)),
        None => Err(D::Error::custom("it cannot be null")),
    }
}
