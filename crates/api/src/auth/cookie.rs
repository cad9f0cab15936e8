//! The session cookie. What it carries is a random token; the store keeps its hash only.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::time::Duration;
use zeroize::Zeroizing;

/// The name of the cookie.
pub(crate) const NAME: &str = "foretell_session";

/// Bytes of a token: nobody guesses 256 bits.
const TOKEN_BYTES: usize = 32;
/// Length of a token as it is written.
const TOKEN_LEN: usize = 43;

/// A new random token.
pub(crate) fn new_token() -> Result<Zeroizing<String>, getrandom::Error> {
    let mut bytes = Zeroizing::new([0u8; TOKEN_BYTES]);
    getrandom::fill(bytes.as_mut_slice())?;
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
}

/// What is kept of a token: SHA-256 in lower-case hex. A slow hash is for what people choose; this
/// is random.
pub(crate) fn hash(token: &str) -> String {
    Sha256::digest(token.as_bytes())
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// The token that a request carries.
pub(crate) fn read(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, token)| *name == NAME && token.len() == TOKEN_LEN)
        .map(|(_, token)| token)
}

/// The header that gives a browser the token for `lifetime`, or with an empty token takes it away.
pub(crate) fn set(token: &str, lifetime: Duration, secure: bool) -> Option<HeaderValue> {
    let secure = if secure { "; Secure" } else { "" };
    let mut value = HeaderValue::from_str(&format!(
        "{NAME}={token}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{secure}",
        lifetime.as_secs()
    ))
    .ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back() {
        let token = new_token().unwrap();
        assert_eq!(token.len(), TOKEN_LEN);
        let mut headers = HeaderMap::new();
        let line = format!("a=b; {NAME}=short; {NAME}={}; c", token.as_str());
        headers.insert(header::COOKIE, HeaderValue::from_str(&line).unwrap());
        assert_eq!(read(&headers), Some(token.as_str()));
        assert_eq!(read(&HeaderMap::new()), None);
        assert_eq!(hash("abc").len(), 64);
        assert_eq!(hash("abc").get(..8), Some("ba7816bf"));
    }
}
