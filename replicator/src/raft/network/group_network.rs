//! The messages of one group to one peer.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use openraft::RPCTypes;
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Timeout};
use openraft::network::{Backoff, RPCOption};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendError,
    StreamAppendResult, TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{OptionalSend, RaftNetworkFactory, RaftNetworkV2};
use tonic::{Response, Status};

use super::append::{AppendStream, Session};
use super::link::unreachable;
use super::{Peers, Road, snapshot_sender};
use crate::raft::convert::{AppendAnswer, MalformedMessage, from_message, to_message};
use crate::raft::snapshot::SnapshotDirectory;
use crate::raft::type_config::{GroupId, LogId, Peer, TypeConfig, Vote};

type Snapshot = openraft::alias::SnapshotOf<TypeConfig, SnapshotDirectory>;
type AppendResults<'s> =
    BoxStream<'s, Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>>>;

/// Makes the networks of one group.
#[derive(Debug, Clone)]
pub(crate) struct GroupNetworkFactory {
    peers: Peers,
    group: GroupId,
}

impl GroupNetworkFactory {
    pub(super) fn new(peers: Peers, group: GroupId) -> GroupNetworkFactory {
        GroupNetworkFactory { peers, group }
    }

    fn client(&self, target: u64, node: &Peer, purpose: Purpose) -> GroupNetwork {
        GroupNetwork {
            road: self.peers.road(target, &node.address),
            address: node.address.clone(),
            peers: self.peers.clone(),
            group: self.group,
            target,
            purpose,
            idle_append: None,
        }
    }
}

impl RaftNetworkFactory<TypeConfig> for GroupNetworkFactory {
    type Network = GroupNetwork;

    async fn new_client(&mut self, target: u64, node: &Peer) -> GroupNetwork {
        self.client(target, node, Purpose::Anything)
    }

    async fn new_heartbeat_client(&mut self, target: u64, node: &Peer) -> GroupNetwork {
        self.client(target, node, Purpose::Heartbeats)
    }
}

/// What openraft made a network for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Anything,
    /// Its appends have no entries and must not wait for those that have.
    Heartbeats,
}

/// The messages of one group to one peer.
pub(crate) struct GroupNetwork {
    road: Road,
    /// Where the membership said that the peer is when openraft made this.
    address: String,
    pub(super) peers: Peers,
    pub(super) group: GroupId,
    target: u64,
    purpose: Purpose,
    /// The stream that the last session left in order.
    pub(super) idle_append: Option<AppendStream>,
}

impl fmt::Debug for GroupNetwork {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("GroupNetwork")
            .field("group", &self.group)
            .field("target", &self.target)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

impl GroupNetwork {
    /// The road to where the peer is now: openraft goes on with what it has when a node moves.
    pub(super) fn road(&mut self) -> &Road {
        let known = self.peers.whereabouts(self.target);
        let address = known.as_deref().unwrap_or(&self.address);
        if address != self.road.link.address() {
            self.road = self.peers.road(self.target, address);
            self.idle_append = None;
        }
        &self.road
    }

    pub(super) fn timeout(&self, action: RPCTypes, timeout: Duration) -> RPCError<TypeConfig> {
        RPCError::Timeout(Timeout {
            action,
            id: self.road.link.own_id(),
            target: self.target,
            timeout,
        })
    }

    pub(super) fn failed(&self, status: &Status) -> RPCError<TypeConfig> {
        self.road.link.unreachable(status)
    }

    async fn within<T>(
        &self,
        action: RPCTypes,
        patience: Duration,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, RPCError<TypeConfig>> {
        match tokio::time::timeout(patience, call).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(self.failed(&status)),
            Err(_) => Err(self.timeout(action, patience)),
        }
    }
}

impl RaftNetworkV2<TypeConfig> for GroupNetwork {
    type SnapshotData = SnapshotDirectory;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
        let previous = request.prev_log_id;
        let last = request
            .entries
            .last()
            .map(|entry| entry.log_id)
            .or(previous);
        let patience = option.soft_ttl();
        let message = to_message::append_request(self.group, request);
        let call = self.road().heartbeats.call(message);
        let answer = match tokio::time::timeout(patience, call).await {
            Ok(answer) => answer.map_err(unreachable)?,
            Err(_) => return Err(self.timeout(RPCTypes::AppendEntries, patience)),
        };
        append_response(from_message::append_response(answer), previous, last)
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<'s, Result<AppendResults<'s>, RPCError<TypeConfig>>>
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        match self.purpose {
            Purpose::Heartbeats => openraft::network::stream_append_sequential(self, input, option),
            Purpose::Anything => {
                let results: AppendResults<'s> = Box::pin(Session::begin(self, input, &option));
                Box::pin(std::future::ready(Ok(results)))
            }
        }
    }

    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let message = to_message::vote_request(self.group, &request);
        let link = Arc::clone(&self.road().link);
        let mut client = link.client();
        let call = client.request_vote(link.request(message));
        let response = self.within(RPCTypes::Vote, option.soft_ttl(), call).await?;
        from_message::vote_response(response).map_err(unreachable)
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let message = to_message::vote_request(self.group, &request);
        let link = Arc::clone(&self.road().link);
        let mut client = link.client();
        let call = client.pre_vote(link.request(message));
        let response = self.within(RPCTypes::Vote, option.soft_ttl(), call).await?;
        from_message::vote_response(response).map_err(unreachable)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let patience = option.soft_ttl();
        let link = Arc::clone(&self.road().link);
        let sending = snapshot_sender::send(&link, self.group, vote, snapshot);
        tokio::select! {
            closed = cancel => Err(StreamingError::Closed(closed)),
            sent = tokio::time::timeout(patience, sending) => sent.unwrap_or_else(|_| {
                Err(self.timeout(RPCTypes::InstallSnapshot, patience).into())
            }),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RPCError<TypeConfig>> {
        let message = to_message::transfer_leader_request(self.group, &request);
        let link = Arc::clone(&self.road().link);
        let mut client = link.client();
        let call = client.transfer_leader(link.request(message));
        let patience = option.soft_ttl();
        let response = self
            .within(RPCTypes::TransferLeader, patience, call)
            .await?;
        from_message::transfer_leader_response(response).map_err(unreachable)
    }

    fn backoff(&self) -> Option<Backoff> {
        Some(Backoff::new(super::backoff()))
    }
}

/// What openraft makes of it again takes the place of a conflict from the request.
pub(in crate::raft) fn append_response(
    answer: Result<AppendAnswer, MalformedMessage>,
    previous: Option<LogId>,
    last: Option<LogId>,
) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
    match answer.map_err(unreachable)? {
        AppendAnswer::Decided(Ok(matched)) if matched == last => Ok(AppendEntriesResponse::Success),
        AppendAnswer::Decided(Ok(matched)) => Ok(AppendEntriesResponse::PartialSuccess(matched)),
        AppendAnswer::Decided(Err(StreamAppendError::HigherVote(vote))) => {
            Ok(AppendEntriesResponse::HigherVote(vote))
        }
        AppendAnswer::Decided(Err(StreamAppendError::Conflict(place))) => {
            if previous == Some(place) {
                Ok(AppendEntriesResponse::Conflict)
            } else {
                Err(unreachable("a conflict at a place that was not asked for"))
            }
        }
        AppendAnswer::Failed(reason) => Err(unreachable(reason)),
    }
}
