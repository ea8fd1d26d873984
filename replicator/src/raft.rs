//! Many Raft groups on one node: the order of commands is decided by a quorum.

mod convert;
mod poison;
mod type_config;
