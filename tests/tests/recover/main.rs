//! A cluster that lost its quorum for ever goes on from the data directory of one node.
//!
//! What it asserts: everything that is in the log of that node is there afterwards, also what was never known to be committed; the node
//! elects itself in every group, and others join it; nodes and mounts of the old cluster are refused and hear why; what the old
//! mounts held is released; nothing is changed by looking, by a slip, or while the node runs.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod forced;
mod guarded;
mod left_behind;
