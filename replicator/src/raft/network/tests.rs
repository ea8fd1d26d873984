//! Real nodes that talk over loopback TCP, through proxies that misbehave when they are told to.

mod heartbeats;
mod identity;
mod malformed;
mod node;
mod partition;
mod proxy;
mod replication;
mod snapshot;

use std::time::Duration;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
