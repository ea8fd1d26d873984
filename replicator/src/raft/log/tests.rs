//! What the log promises, tried on disk.

mod damage;
mod fixture;
mod group_commit;
mod groups;
mod kill;
pub(in crate::raft) mod machine;
mod refusal;
mod reopen;
mod suite;

pub(super) use self::fixture::entry;
