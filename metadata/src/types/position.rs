//! Where a batch stands in the log, and what the keeper of the log wants to know of that place.

use bytes::Bytes;

use super::LogIndex;

/// A place in the log, stored in the same write as the effects of the batch up to there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Greater than that of every batch before.
    pub index: LogIndex,
    /// Means nothing here: whoever keeps the log reads it again after a restart.
    pub record: Bytes,
}
