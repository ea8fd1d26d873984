//! What a program on a mount can rely on: one file a family of operations, as in `docs/SEMANTICS.md`.
//!
//! Every test mounts a filesystem of its own; when it ends, the unmount must go well and `fsck` must
//! find nothing wrong.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod acl;
mod atime;
mod chattr;
mod copy_file_range;
mod create;
mod defect;
mod export;
mod fallocate;
mod full_disk;
mod link;
mod locks;
mod names;
mod options;
mod owner_quota;
mod quota;
mod readdir;
mod rename;
mod seek;
mod set_id;
mod shutdown;
mod statfs;
mod times;
mod truncate;
mod unlink;
mod unmount;
mod write;
mod xattr;
