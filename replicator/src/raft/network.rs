//! What a node says to the others: one connection a peer, shared by all groups.
//!
//! Heartbeats of all groups to a peer share one stream; the entries of a group have a stream of their
//! own; snapshots have a connection of their own, so that they delay nothing else.

mod append;
mod group_network;
mod heartbeats;
mod link;
mod snapshot_reader;
mod snapshot_sender;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use holdfast_proto::identity::Identity;
use parking_lot::Mutex;
use tonic::transport::Channel;

pub(crate) use self::group_network::GroupNetworkFactory;
pub(crate) use self::heartbeats::HeartbeatCounts;
use self::heartbeats::Heartbeats;
use self::link::Link;
pub(in crate::raft) use self::snapshot_reader::CHUNK_BYTES;
use super::type_config::GroupId;

/// The longest message between nodes.
pub(crate) const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// The first wait before a peer that could not be reached is tried again. It doubles up to
/// [`BACKOFF_MAX`]: short, because a peer that comes back is needed.
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// The connections of a node to all others.
#[derive(Debug, Clone)]
pub(crate) struct Peers {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    identity: Identity,
    roads: Mutex<BTreeMap<String, Road>>,
}

/// What leads to one address.
#[derive(Debug, Clone)]
struct Road {
    link: Arc<Link>,
    heartbeats: Heartbeats,
}

impl Peers {
    pub(crate) fn new(identity: Identity) -> Peers {
        Peers {
            shared: Arc::new(Shared {
                identity,
                roads: Mutex::default(),
            }),
        }
    }

    /// The connection to an address; it is made when it is first used, and again after it broke.
    pub(crate) fn channel(&self, address: &str) -> Channel {
        self.road(address).link.channel()
    }

    /// What the Raft group sends its messages with.
    pub(crate) fn network(&self, group: GroupId) -> GroupNetworkFactory {
        GroupNetworkFactory::new(self.clone(), group)
    }

    /// How many heartbeats went to all peers, and in how many messages.
    pub(crate) fn heartbeats(&self) -> HeartbeatCounts {
        let mut sum = HeartbeatCounts::default();
        for road in self.shared.roads.lock().values() {
            let counts = road.heartbeats.counts();
            sum.heartbeats += counts.heartbeats;
            sum.batches += counts.batches;
        }
        sum
    }

    fn road(&self, address: &str) -> Road {
        let mut roads = self.shared.roads.lock();
        if let Some(road) = roads.get(address) {
            return road.clone();
        }
        let link = Arc::new(Link::new(address, self.shared.identity.clone()));
        let heartbeats = Heartbeats::start(Arc::clone(&link));
        let road = Road { link, heartbeats };
        roads.insert(address.to_owned(), road.clone());
        road
    }
}

/// How long to wait before each further attempt.
fn backoff() -> impl Iterator<Item = Duration> + Send + 'static {
    std::iter::successors(Some(BACKOFF_MIN), |last| Some((*last * 2).min(BACKOFF_MAX)))
}
