//! Proves that a group's state is whole and at the place it says, whatever happens.

mod apply;
mod crash;
pub(in crate::raft) mod fixture;
mod full_disk;
mod openraft;
mod snapshots;
