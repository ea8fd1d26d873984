//! The FUSE filesystem of Holdfast: the kernel's requests in, commands and queries out.
//!
//! Three layers, each blind to the next but one: `adapter` decodes a request, calls and replies, and
//! is the only module that knows `fuser`; `filesystem` is POSIX without FUSE; below it is whatever
//! [`PosixMetadataReplicator`](holdfast_replicator::PosixMetadataReplicator) orders the commands.
//! What is specific to a mount is beside them: lookup counts, reclaim of orphans, access times.
//!
//! **Invariant.** An inode without a name is reclaimed only when the kernel does not use it any more: every
//! reply that gives the kernel a node id or an open file is counted before it is sent.

mod adapter;
mod arrivals;
mod atime;
mod defects;
mod errno;
mod event_loops;
mod filesystem;
mod ioctl;
mod known_inodes;
mod locks;
mod lookup_count;
mod metrics;
mod mount;
mod mount_error;
mod mount_flags;
mod open_files;
mod options;
mod quota;
mod reclaim;
mod run;
mod seen_directories;
mod signals;
mod synchronous;
mod system_call;
mod unmount;

pub use metrics::Metrics;
pub use mount::Mount;
pub use mount_error::MountError;
pub use options::{AtimePolicy, LockKeeper, MountOptions};
pub use quota::{
    ALL_NAME, AROUND_NAME, COUNT_NAME, CountState, LIMITS_NAME, NewLimits, OwnerAttribute,
    OwnerLine, QuotaLine,
};
pub use unmount::Unmounter;
