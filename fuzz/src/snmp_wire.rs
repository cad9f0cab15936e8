//! The `snmp` crate: what comes off the wire.

/// The shell of a message, and the diagnosis of a report.
pub(crate) fn envelope(data: &[u8]) {
    if let Some(envelope) = snmp::envelope(data) {
        assert!(matches!(envelope.version, 0 | 1 | 3));
    }
}
