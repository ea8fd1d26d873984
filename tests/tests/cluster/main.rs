//! A cluster of real nodes: what was acknowledged stays, what is read is not the past, whatever ends or is cut off.
//!
//! Nodes are processes, connections are sockets, disks are disks. Partitions are made in network namespaces. The load
//! comes from the replicator that mounts use, in this process, so that every acknowledgement is known; the last
//! themes have mounts.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod append;
mod bad_input;
mod beside;
mod copies;
mod crowd;
mod dead_mount;
mod elections;
mod everyone;
mod exactly_once;
mod failover;
mod fault_points;
mod foreign;
mod fsck;
mod full_disk;
mod health;
mod identity;
mod kill;
mod limits;
mod lock_stress;
mod locks;
mod logs;
mod membership;
mod monitoring;
mod mounts;
mod no_quorum;
mod owner_quota;
mod page;
mod partition;
mod pause;
mod power_failure;
mod quota;
mod replication;
mod restart;
mod sessions;
mod slow_follower;
mod snapshot;
mod sqlite;
mod top;
mod traces;
mod trash;
mod upgrade;
mod volumes;
mod watch;
