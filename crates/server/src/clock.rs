//! The one real clock. Everything else takes it, or a time, as an argument.

use model::{Clock, Timestamp};
use std::time::{SystemTime, UNIX_EPOCH};

/// The clock of this machine.
pub fn real() -> Clock {
    Clock::new(|| {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_unix_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    })
}
