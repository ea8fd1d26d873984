//! Crashes: `kill -9` under load, power failures of a whole disk, logs that were cut, damaged files.
//!
//! What is asserted: it mounts again, `fsck` is clean, everything that was synced is there with its
//! content, and what is there is a prefix of what was done. Where the data directory is damaged: a clear
//! refusal, an I/O error or a report, never wrong data.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod cut_log;
mod damage;
mod group_life;
mod group_power_failure;
mod kill;
mod log_failing_sync;
mod log_life;
mod log_power_failure;
mod power_failure;
mod workload;
