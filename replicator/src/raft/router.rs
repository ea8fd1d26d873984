//! Finds who answers a call: this node when it leads, else the leader, one hop away.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_proto::identity::Identity;
use parking_lot::Mutex;

use super::network::Peers;
use super::registry::Registry;
use super::volume::Volume;
use crate::call::{CallAnswer, CallBody, CallStream};
use crate::refusal::{Endpoint, Refusal};

/// Answers calls of mounts, and of other nodes that pass them on.
#[derive(Debug, Clone)]
pub(crate) struct Router {
    registry: Registry,
    links: Links,
}

impl Router {
    pub(crate) fn new(registry: Registry, peers: Peers, identity: Identity) -> Router {
        Router {
            registry,
            links: Links {
                peers,
                identity,
                streams: Arc::default(),
            },
        }
    }

    /// Answers a call here or through the leader; one that was passed on already is not passed on again.
    pub(crate) async fn call(
        &self,
        volume: u64,
        forwarded: bool,
        body: CallBody,
    ) -> Result<CallAnswer, Refusal> {
        let found = self.registry.volume(volume);
        let found = found.ok_or_else(|| self.registry.missing(volume))?;
        if found.group().leads() {
            return self.here(&found, body).await;
        }
        match found.group().leader() {
            Some(leader) if !forwarded && leader.id != self.registry.node() => {
                let stream = self.links.stream(&leader.address).await?;
                let mut answer = stream.call(volume, true, body).await?;
                answer.leader = Some(leader);
                Ok(answer)
            }
            leader => Err(Refusal::NotLeader { leader }),
        }
    }

    async fn here(&self, volume: &Volume, body: CallBody) -> Result<CallAnswer, Refusal> {
        let body = volume.answer(body).await?;
        Ok(CallAnswer {
            body,
            leader: None,
            space: Some(self.registry.space()),
        })
    }

    /// Who leads a volume, as this node knows it.
    pub(crate) fn leader(&self, volume: &Volume) -> Option<Endpoint> {
        volume.group().leader()
    }

    /// The volumes and groups behind it.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }
}

/// The streams on which this node passes calls on, one a node.
#[derive(Debug, Clone)]
struct Links {
    peers: Peers,
    identity: Identity,
    streams: Arc<Mutex<BTreeMap<String, CallStream>>>,
}

impl Links {
    async fn stream(&self, address: &str) -> Result<CallStream, Refusal> {
        let known = self.streams.lock().get(address).cloned();
        if let Some(stream) = known.filter(|stream| !stream.is_closed()) {
            return Ok(stream);
        }
        let stream = CallStream::open(self.peers.channel(address), &self.identity).await?;
        self.streams
            .lock()
            .insert(address.to_owned(), stream.clone());
        Ok(stream)
    }
}
