//! Locks as POSIX and the manual pages say, who waits for whom, and who may pass.

mod deadlocks;
mod desk;
mod flock;
mod posix;
mod queue;
mod sessions;
