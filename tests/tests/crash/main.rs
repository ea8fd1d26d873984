//! Crashes: `kill -9` under load, logs cut as a power failure cuts them, damaged files.
//!
//! What is asserted: it mounts again, `fsck` is clean, everything that was synced is there with its
//! content, and what is there is a prefix of what was done. Where the data directory is damaged: a clear
//! refusal, an I/O error or a report, never wrong data.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod damage;
mod kill;
mod power;
mod power_failure;
mod workload;
