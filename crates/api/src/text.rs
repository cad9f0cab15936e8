//! Text that people type into fields.

/// Longest name, location, site or tag, in characters: sysName's bound (RFC 3418).
const LEN_MAX: usize = 255;

/// Why a text is not taken; none where it is.
pub(crate) fn objection(text: &str) -> Option<String> {
    if text.chars().count() > LEN_MAX {
        Some(format!("at most {LEN_MAX} characters are taken"))
    } else if text.chars().any(char::is_control) {
        Some("control characters are not taken".to_owned())
    } else {
        None
    }
}
