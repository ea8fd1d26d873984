//! Finds who answers a call: this node when it leads, else the leader, one hop away.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use holdfast_metadata::RequestId;
use holdfast_proto::identity::Identity;
use holdfast_proto::{OpenVolumeResponse, decode_command};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::copies::Caller;
use super::limits::Limits;
use super::network::Peers;
use super::registry::Registry;
use super::volume::Volume;
use crate::call::{CallAnswer, CallBody, CallLimits, CallStream, HereNode};
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
                // No more than a leader has room for, whatever its settings say.
                limits: CallLimits::default(),
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
        caller: Option<&Caller>,
    ) -> Result<CallAnswer, Refusal> {
        let found = self.registry.volume(volume);
        let found = found.ok_or_else(|| self.registry.missing(volume))?;
        if found.group().leads() {
            return self.here(&found, body, caller).await;
        }
        match found.group().leader() {
            Some(leader) if !forwarded && leader.id != self.registry.node() => {
                if tracing::enabled!(tracing::Level::DEBUG)
                    && let Some(request) = request_of(&body)
                {
                    tracing::debug!(%request, leader = leader.id, "passed on");
                }
                let lost = |refusal| leader_lost(&leader, refusal);
                let stream = self.links.stream(&leader).await.map_err(lost)?;
                // What others keep they have to ask the leader for themselves.
                let body = body.not_kept();
                let mut answer = stream.call(volume, true, body).await.map_err(lost)?;
                answer.leader = Some(leader);
                answer.lease = None;
                Ok(answer)
            }
            leader => Err(Refusal::NotLeader { leader }),
        }
    }

    async fn here(
        &self,
        volume: &Volume,
        body: CallBody,
        caller: Option<&Caller>,
    ) -> Result<CallAnswer, Refusal> {
        let (body, lease) = volume.answer(body, caller).await?;
        Ok(CallAnswer {
            body,
            lease,
            leader: None,
            space: Some(self.registry.disk().space()),
        })
    }

    /// How much may wait.
    pub(crate) fn limits(&self) -> &Limits {
        &self.registry.options().limits
    }

    /// What to say of a volume that is not here.
    pub(crate) fn missing(&self, id: u64) -> Refusal {
        self.registry.missing(id)
    }

    /// What a volume is called.
    pub(crate) fn volume_name(&self, id: u64) -> Option<String> {
        let state = self.registry.catalog_state().ok()?;
        let volume = state.volumes.into_iter().find(|volume| volume.id == id);
        volume.map(|volume| volume.name)
    }

    /// See [`Registry::on_nodes`].
    pub(crate) fn on_nodes(&self) -> watch::Receiver<Vec<Endpoint>> {
        self.registry.on_nodes()
    }

    /// Finds a volume by its name; the error says what there is, of what may be told.
    pub(crate) fn open_volume(
        &self,
        name: &str,
        may_see: impl Fn(&str) -> bool,
    ) -> Result<OpenVolumeResponse, NoVolume> {
        let state = self.registry.catalog_state().map_err(NoVolume::Unknown)?;
        if state.cluster_id.is_none() {
            return Err(NoVolume::Unknown(Refusal::Unavailable {
                reason: "this node has not heard of its cluster yet".to_owned(),
            }));
        }
        let Some(record) = state.volumes.iter().find(|record| record.name == name) else {
            let names = state.volumes.iter().map(|volume| volume.name.as_str());
            let names: Vec<&str> = names.filter(|name| may_see(name)).collect();
            let names = if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            };
            return Err(NoVolume::Missing(format!(
                "there is no volume {name:?}; there is: {names}"
            )));
        };
        let volume = self.registry.volume(record.id);
        if volume.as_ref().is_some_and(|volume| !volume.is_whole()) {
            return Err(NoVolume::Missing(format!(
                "a dump is being loaded into volume {name:?}: wait for that. If it was cut off, delete the volume \
                 (holdfast volume delete {name} --yes) and load again"
            )));
        }
        let leader = volume.and_then(|volume| volume.group().leader());
        let message = |id: u64, address: &str| holdfast_proto::Endpoint {
            id,
            address: address.to_owned(),
        };
        let nodes = state.nodes.iter();
        Ok(OpenVolumeResponse {
            volume: record.id,
            generation: record.format.generation,
            nodes: nodes.map(|node| message(node.id, &node.address)).collect(),
            leader: leader.map(|leader| message(leader.id, &leader.address)),
            read_only: false,
            squash: None,
        })
    }
}

/// Says whom a call was passed on to in vain.
fn leader_lost(leader: &Endpoint, refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Unavailable { reason } => Refusal::Unavailable {
            reason: format!(
                "the last leader it knows is node {} ({}): {reason}",
                leader.id, leader.address
            ),
        },
        other => other,
    }
}

fn request_of(body: &CallBody) -> Option<RequestId> {
    match body {
        CallBody::Command(command) => decode_command(command.clone()).ok()?.request,
        CallBody::Query(_) | CallBody::Kept(_) | CallBody::Attend(_) => None,
    }
}

/// Why a volume was not found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoVolume {
    /// There is none of that name.
    #[error("{0}")]
    Missing(String),
    /// This node cannot say.
    #[error(transparent)]
    Unknown(Refusal),
}

impl HereNode for Router {
    fn open_volume(&self, name: &str) -> Result<OpenVolumeResponse, String> {
        Router::open_volume(self, name, |_| true).map_err(|error| error.to_string())
    }

    fn call(
        &self,
        volume: u64,
        forwarded: bool,
        body: CallBody,
    ) -> Pin<Box<dyn Future<Output = Result<CallAnswer, Refusal>> + Send + '_>> {
        Box::pin(Router::call(self, volume, forwarded, body, None))
    }
}

/// The streams on which this node passes calls on, one a node.
#[derive(Debug, Clone)]
struct Links {
    peers: Peers,
    identity: Identity,
    limits: CallLimits,
    streams: Arc<Mutex<BTreeMap<String, CallStream>>>,
}

impl Links {
    async fn stream(&self, node: &Endpoint) -> Result<CallStream, Refusal> {
        let known = self.streams.lock().get(&node.address).cloned();
        if let Some(stream) = known.filter(|stream| !stream.is_closed()) {
            return Ok(stream);
        }
        let channel = self.peers.channel(node.id, &node.address);
        let stream = CallStream::open(channel, &self.identity, self.limits).await?;
        self.streams
            .lock()
            .insert(node.address.clone(), stream.clone());
        Ok(stream)
    }
}
