//! Harness of the suites that run the whole of Holdfast: the real program, a real mount, a real disk.
//!
//! A suite is a folder of `tests/`, with a `main.rs` that says what it asserts:
//! * `mounted`: what POSIX promises, one file a family of operations;
//! * `conformance`: pjdfstest, fsx and stress-ng;
//! * `crash`: kill -9 and damaged data directories;
//! * `cluster`: several nodes: fail-over, partitions, snapshots, membership;
//! * `backup`: dumps of volumes, and volumes made from dumps;
//! * `upgrade`: data directories that earlier programs left;
//! * `linearizability`: histories of concurrent operations through mounts under faults, and whether one order explains them;
//! * `scale`: a directory of a million files.
//!
//! **Invariant:** no test can hang the machine. Every [`Mounted`] has a watchdog that kills its daemon,
//! which ends every system call that waits for it; every program runs under a time limit.
//!
//! Everything here panics on what a test could not go on with: a harness that cannot mount has failed.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a harness fails its test by panicking"
)]

pub mod cluster;
pub mod counters;
pub mod errno;
pub mod fixtures;
pub mod fuzz;
pub mod holds;
pub mod http;
pub mod linearizability;
pub mod locking;
pub mod metronome;
pub mod mount_table;
pub mod mounted;
pub mod pjdfstest;
pub mod place;
pub mod poll;
pub mod process;
pub mod program;
pub mod random;
mod recorded_disk;
mod small_disk;
pub mod system;
pub mod traces;
pub mod tree;
mod watchdog;

pub use cluster::{Client, Cluster, ClusterMount, ClusterSetup, Load};
pub use errno::errno;
pub use metronome::{Metronome, Stall};
pub use mounted::{Mounted, Setup, Usage};
pub use poll::wait_until;
pub use program::{Finished, run, run_within};
pub use random::Random;
pub use recorded_disk::{Contents, Film, Loss, Moment, RecordedDisk};
pub use small_disk::SmallDisk;
