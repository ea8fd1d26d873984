//! The `holdfast` command as people, scripts and mount(8) use it: what it prints, its exit codes, and
//! what is mounted afterwards.
//!
//! The tests mount: they want root and `/dev/fuse`. Nothing they start outlives them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;
mod cluster;
mod containers;
mod damage;
mod errors;
mod fsck;
mod full_disk;
mod helper;
mod install;
mod lifecycle;
mod output;
mod quota;
mod repair;
mod scene;
mod serve;
mod user;
