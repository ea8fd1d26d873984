//! `holdfast fsck --cluster`: the replicas of a cluster that is in use.
//!
//! What it asserts: a sound cluster is clean, also while it is written to, and writing goes on; a damage that all replicas have and one that only
//! one has are found and named with their nodes; what does not answer is not taken for sound.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod damaged;
mod under_load;
