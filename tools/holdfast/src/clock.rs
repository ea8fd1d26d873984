//! The wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use holdfast_metadata::Timestamp;

/// Before 1970 it is 1970.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp {
        seconds: since.as_secs() as i64,
        nanoseconds: since.subsec_nanos(),
    }
}
