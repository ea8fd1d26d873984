//! The same entry is committed at an index everywhere, and for ever.

use crate::raft::type_config::Entry;

/// Compares what is committed here with what somebody had committed at its index.
pub(in crate::raft::simulation) fn same_entry(known: &Entry, entry: &Entry) -> Result<(), String> {
    if known == entry {
        return Ok(());
    }
    let (index, first, second) = (entry.log_id.index, known.log_id, entry.log_id);
    Err(format!(
        "two entries are committed at {index}: {first} and {second}"
    ))
}
