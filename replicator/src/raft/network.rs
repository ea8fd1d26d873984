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
#[cfg(test)]
pub(in crate::raft) use self::group_network::append_response;
pub(crate) use self::heartbeats::HeartbeatCounts;
use self::heartbeats::Heartbeats;
use self::link::{Channels, Link};
pub(in crate::raft) use self::snapshot_reader::CHUNK_BYTES;
#[cfg(test)]
pub(in crate::raft) use self::snapshot_reader::snapshot_chunks;
use super::limits::Limits;
use super::type_config::GroupId;
use crate::tls::Tls;

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
    tls: Option<Tls>,
    room: usize,
    /// The connections to each address; with TLS, for each node that is looked for there.
    channels: Mutex<BTreeMap<(Option<u64>, String), Channels>>,
    roads: Mutex<BTreeMap<(u64, String), Road>>,
    /// Where the nodes are, as the catalog says: the membership of a group may not say so yet.
    known: Mutex<BTreeMap<u64, String>>,
}

/// What leads to one node at one address.
#[derive(Debug, Clone)]
struct Road {
    link: Arc<Link>,
    heartbeats: Heartbeats,
}

impl Peers {
    pub(crate) fn new(identity: Identity, tls: Option<Tls>) -> Peers {
        Peers::within(&Limits::default(), identity, tls)
    }

    pub(crate) fn within(limits: &Limits, identity: Identity, tls: Option<Tls>) -> Peers {
        Peers {
            shared: Arc::new(Shared {
                identity,
                tls,
                room: limits.replication_bytes,
                channels: Mutex::default(),
                roads: Mutex::default(),
                known: Mutex::default(),
            }),
        }
    }

    /// Bytes of entries of one group that may be on their way to one peer.
    fn room(&self) -> usize {
        self.shared.room
    }

    /// The connection to a node; it is made when it is first used, and again after it broke.
    pub(crate) fn channel(&self, node: u64, address: &str) -> Channel {
        self.channels(Some(node), address).short
    }

    /// The same, to whichever node is there.
    pub(crate) fn channel_to_any(&self, address: &str) -> Channel {
        self.channels(None, address).short
    }

    /// From now on these nodes are looked for there, also by groups whose membership says something else.
    pub(crate) fn learn(&self, nodes: BTreeMap<u64, String>) {
        *self.shared.known.lock() = nodes;
    }

    /// Where a node is, if the catalog says so.
    fn whereabouts(&self, node: u64) -> Option<String> {
        self.shared.known.lock().get(&node).cloned()
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

    fn channels(&self, node: Option<u64>, address: &str) -> Channels {
        let tls = self.shared.tls.as_ref();
        // Without TLS nobody can tell them apart.
        let node = node.filter(|_| tls.is_some());
        let mut channels = self.shared.channels.lock();
        let known = channels.entry((node, address.to_owned()));
        let made = known.or_insert_with(|| Channels::new(address, tls, node));
        made.clone()
    }

    fn road(&self, node: u64, address: &str) -> Road {
        let mut roads = self.shared.roads.lock();
        let place = (node, address.to_owned());
        if let Some(road) = roads.get(&place) {
            return road.clone();
        }
        let identity = self.shared.identity.clone();
        let channels = self.channels(Some(node), address);
        let link = Arc::new(Link::new(node, address, channels, identity));
        let heartbeats = Heartbeats::start(Arc::clone(&link));
        let road = Road { link, heartbeats };
        roads.insert(place, road.clone());
        road
    }
}

/// How long to wait before each further attempt.
pub(in crate::raft) fn backoff() -> impl Iterator<Item = Duration> + Send + 'static {
    std::iter::successors(Some(BACKOFF_MIN), |last| Some((*last * 2).min(BACKOFF_MAX)))
}
