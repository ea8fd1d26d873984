//! `holdfast fsck`: the replicas of a cluster that is in use, and data directories that are not.
//!
//! What it asserts: a sound cluster is clean, also while it is written to, and writing goes on; a damage that all replicas have and one that only
//! one has are found and named with their nodes; what does not answer is not taken for sound. Of every rule there is, damages are found, in a data directory
//! that is not in use as well.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod damaged;
mod planted;
mod under_load;
