//! The operations: one file each, written once over [`Transaction`](crate::store::Transaction).
//!
//! An operation checks everything first and changes the state after; when it stops with an error, the
//! caller drops what it changed.

mod change_locks;
mod context;
pub(crate) mod directory;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod namespace_tests;
#[cfg(test)]
mod rename_tests;

pub(crate) mod cancel_lock;
pub(crate) mod close_session;
pub(crate) mod copy_range;
pub(crate) mod count_owners;
pub(crate) mod create;
pub(crate) mod empty_trash;
pub(crate) mod expire_session;
pub(crate) mod fallocate;
pub(crate) mod link;
pub(crate) mod load;
pub(crate) mod mkdir;
pub(crate) mod mknod;
pub(crate) mod open_session;
pub(crate) mod reclaim;
pub(crate) mod remove_xattr;
pub(crate) mod rename;
pub(crate) mod rmdir;
pub(crate) mod set_attributes;
pub(crate) mod set_flags;
pub(crate) mod set_lock;
pub(crate) mod set_owner_quota;
pub(crate) mod set_quota;
pub(crate) mod set_trash;
pub(crate) mod set_xattr;
pub(crate) mod symlink;
pub(crate) mod touch_atime;
pub(crate) mod unlink;
pub(crate) mod unlock;
pub(crate) mod write;

pub(crate) use context::{Context, Stop, check_changeable, load_inode, load_regular};
pub(crate) use set_lock::range_in;
