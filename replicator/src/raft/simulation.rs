//! A whole cluster in one thread, in simulated time: one seed decides everything that happens to it.
//!
//! Real are openraft, [`Group`](super::group::Group) with its proposer and its rounds of the read index,
//! [`Volume`](super::volume::Volume), the attendance and duties of the leader, the state machine with its snapshots in `RocksDB`, and what
//! answers the other nodes. Simulated are the clock, the network ([`network`]), the log ([`log`]) on its disk ([`platter`]), and the
//! machines ([`host`]). Clients ([`client`]) keep what they asked and heard; the rules are in [`rules`].

mod client;
mod history;
mod host;
mod log;
mod nemesis;
mod network;
mod node;
mod peers;
mod platter;
mod random;
mod rules;
mod runtime;
mod service;
mod story;
mod tally;
mod tests;
mod watch;
mod witness;
mod workload;
mod world;

pub(in crate::raft) use self::host::Host;
pub(crate) use self::runtime::Runtime;
