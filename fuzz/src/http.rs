//! `collect::http`: what servers send that is not read by a library alone.

use collect::http::certificate::validity;

/// A certificate's DER.
pub(crate) fn certificate(data: &[u8]) {
    let _ = validity(data);
}
