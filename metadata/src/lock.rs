//! Locks: who holds what, who waits for whom, and who is let through.
//!
//! A command loads the [`Table`] of each inode and kind of lock it comes upon into its [`Tables`], changes
//! them in memory, and writes the differences, from which the counts and the list of pending requests
//! follow. The rules:
//!
//! * Locks of two owners on a common byte are both shared. An owner is never in its own way.
//! * Who waits draws a turn. In the order of turns, a waiter is granted its lock as soon as nothing that is
//!   held is in its way and nobody who came earlier is, but those it may pass.
//! * It may pass whoever waits for it: for a lock that its owner or its process holds, directly or over
//!   others. Else queueing would make a deadlock where there was none. Processes count, not owners alone,
//!   because with `flock(2)` each open file is an owner of its own.
//! * [`LockSpace::Posix`](crate::LockSpace::Posix) alone knows deadlocks: a wait that would close a circle
//!   of owners who wait for locks that the next one holds is refused, as Linux does.

mod changes;
mod info;
mod paths;
mod settle;
mod table;
mod tables;
#[cfg(test)]
mod tests;

pub(crate) use info::{info_of_held, info_of_waiter};
pub(crate) use table::{Holder, Table, Want, held_as};
pub(crate) use tables::{Place, TableId, Tables};
