//! Concurrent operations through real mounts of a real cluster, under faults, are linearizable.
//!
//! Each round has mounts, arenas (directories that no operation leaves, so that each is judged by itself) and clients that
//! make random calls in them, while something is killed, frozen, cut off, replaced or filled. Then one order must explain
//! every answer. Whatever is refused is shown as the few operations that contradict each other, and saved as a whole.
//!
//! `MINUTES=N` runs for so long in all, in equal shares; otherwise each of the seven nemeses goes on for 20 seconds. What
//! they are for is asserted, too: that the disk was full for somebody, and that the sessions of silent mounts ended.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod clients;
mod found_out;
mod judge;
mod nemeses;
mod round;
mod sessions;
