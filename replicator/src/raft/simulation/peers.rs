//! What openraft sends its messages with in a simulation. They are encoded and decoded as on a wire.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use holdfast_proto as proto;
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::{Backoff, RPCOption};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::type_config::TypeConfigExt;
use openraft::{OptionalSend, RPCTypes, RaftNetworkFactory, RaftNetworkV2};
use prost::Message;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tonic::Status;

use super::network::{Network, Reset};
use super::node::GROUP;
use crate::raft::convert::{AppendAnswer, from_message, to_message};
use crate::raft::network::{append_response, snapshot_chunks};
use crate::raft::snapshot::SnapshotDirectory;
use crate::raft::type_config::{Peer, TypeConfig, Vote};

type Snapshot = openraft::alias::SnapshotOf<TypeConfig, SnapshotDirectory>;
type Failure = RPCError<TypeConfig>;
type AppendResults<'s> = BoxStream<'s, Result<StreamAppendResult<TypeConfig>, Failure>>;

/// Requests under way on one stream.
const DEPTH: usize = 64;
/// As the real network has it.
const PATIENCE_MIN: Duration = Duration::from_secs(1);

/// Makes the networks of one node.
#[derive(Clone)]
pub(super) struct PeerFactory {
    pub(super) network: Network,
    pub(super) own: u64,
}

/// What leads from one node to another.
#[derive(Clone)]
pub(super) struct PeerNetwork {
    network: Network,
    own: u64,
    peer: u64,
}

impl RaftNetworkFactory<TypeConfig> for PeerFactory {
    type Network = PeerNetwork;

    async fn new_client(&mut self, target: u64, _node: &Peer) -> PeerNetwork {
        PeerNetwork {
            network: self.network.clone(),
            own: self.own,
            peer: target,
        }
    }
}

/// As a wire does it.
fn travelled<M: Message + Default>(message: &M) -> M {
    M::decode(message.encode_to_vec().as_slice()).expect("what was encoded can be decoded")
}

fn unreachable(error: impl std::fmt::Display) -> Failure {
    let error = io::Error::other(error.to_string());
    RPCError::Unreachable(Unreachable::new(&TypeConfig::err_from_error(&error)))
}

impl From<Reset> for Failure {
    fn from(_: Reset) -> Failure {
        unreachable("the connection is broken")
    }
}

impl PeerNetwork {
    async fn within<T>(
        &self,
        action: RPCTypes,
        option: &RPCOption,
        asked: impl Future<Output = Result<Result<T, Status>, Reset>>,
    ) -> Result<T, Failure> {
        let timeout = option.soft_ttl();
        match tokio::time::timeout(timeout, asked).await {
            Ok(answered) => answered?.map_err(|status| unreachable(status.message())),
            Err(_) => Err(self.timeout(action, timeout)),
        }
    }

    fn timeout(&self, action: RPCTypes, timeout: Duration) -> Failure {
        RPCError::Timeout(Timeout {
            action,
            id: self.own,
            target: self.peer,
            timeout,
        })
    }

    async fn append(&self, message: proto::AppendRequest) -> Result<proto::AppendResponse, Reset> {
        let message = travelled(&message);
        self.network
            .ask(self.own, self.peer, move |service| {
                let message = message.clone();
                async move { service.append(message).await }
            })
            .await
            .map(|answer| travelled(&answer))
    }

    async fn send_snapshot(
        &self,
        vote: Vote,
        snapshot: Snapshot,
    ) -> Result<SnapshotResponse<TypeConfig>, Failure> {
        let directory = snapshot.snapshot;
        let files = directory.files.iter();
        let files = files.map(|(name, length)| proto::SnapshotFile {
            name: name.clone(),
            length: *length,
        });
        let offer = travelled(&proto::SnapshotOffer {
            group: GROUP.0,
            vote: Some(to_message::vote(vote)),
            meta: Some(to_message::snapshot_meta(&directory.meta)),
            files: files.collect(),
        });
        let (own, peer) = (self.own, self.peer);
        let offered = self.network.ask(own, peer, move |service| {
            let offer = offer.clone();
            async move { service.offer(offer).await }
        });
        let answer = offered
            .await?
            .map_err(|status| unreachable(status.message()))?;
        let current = from_message::vote(answer.vote.unwrap_or_default());
        if current > vote {
            return Ok(SnapshotResponse::new(current));
        }
        let opening = proto::SnapshotChunk {
            group: GROUP.0,
            vote: Some(to_message::vote(vote)),
            last_log_id: directory.meta.last_log_id.map(to_message::log_id),
            file: answer.file,
            ..proto::SnapshotChunk::default()
        };
        let mut chunks = vec![opening];
        let read = snapshot_chunks(&directory, answer.file as usize, answer.offset);
        chunks.extend(read.map_err(unreachable)?);
        // How many there are is not the same in each run: how far one gets must not depend on it.
        let is_broken = self.network.chance(25);
        self.network.count("snapshots sent");
        if is_broken {
            self.network.count("snapshots cut on their way");
            chunks.truncate(1 + chunks.len() / 2);
        }
        let sent = self.network.ask(own, peer, move |service| {
            let chunks = chunks.clone();
            async move { service.receive(chunks, is_broken).await }
        });
        let response = sent
            .await?
            .map_err(|status| unreachable(status.message()))?;
        let vote = from_message::vote(response.vote.unwrap_or_default());
        Ok(SnapshotResponse::new(vote))
    }
}

impl RaftNetworkV2<TypeConfig> for PeerNetwork {
    type SnapshotData = SnapshotDirectory;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, Failure> {
        let previous = request.prev_log_id;
        let last = request.entries.last().map(|entry| entry.log_id);
        let last = last.or(previous);
        let timeout = option.soft_ttl();
        let asked = self.append(to_message::append_request(GROUP, request));
        let Ok(answered) = tokio::time::timeout(timeout, asked).await else {
            return Err(self.timeout(RPCTypes::AppendEntries, timeout));
        };
        append_response(from_message::append_response(answered?), previous, last)
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<'s, Result<AppendResults<'s>, Failure>>
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        let session = Session {
            network: self.clone(),
            input,
            input_ended: false,
            under_way: VecDeque::new(),
            last_sent: None,
            patience: option.soft_ttl().max(PATIENCE_MIN),
        };
        let results = futures_util::stream::unfold(Some(session), |session| async move {
            let mut session = session?;
            match session.next().await? {
                Ok(Ok(matched)) => Some((Ok(Ok(matched)), Some(session))),
                end @ (Ok(Err(_)) | Err(_)) => Some((end, None)),
            }
        });
        let results: AppendResults<'s> = Box::pin(results);
        Box::pin(std::future::ready(Ok(results)))
    }

    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, Failure> {
        let message = travelled(&to_message::vote_request(GROUP, &request));
        let own = self.own;
        let asked = self.network.ask(own, self.peer, move |service| async move {
            service.vote(own, message).await
        });
        let answer = self.within(RPCTypes::Vote, &option, asked).await?;
        from_message::vote_response(answer).map_err(unreachable)
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, Failure> {
        let message = travelled(&to_message::vote_request(GROUP, &request));
        let own = self.own;
        let asked = self.network.ask(own, self.peer, move |service| async move {
            service.pre_vote(own, message).await
        });
        let answer = self.within(RPCTypes::Vote, &option, asked).await?;
        from_message::vote_response(answer).map_err(unreachable)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let patience = option.soft_ttl().min(Duration::from_secs(10));
        let sending = self.send_snapshot(vote, snapshot);
        tokio::select! {
            biased;
            closed = cancel => Err(StreamingError::Closed(closed)),
            sent = tokio::time::timeout(patience, sending) => match sent {
                Ok(sent) => sent.map_err(StreamingError::from),
                Err(_) => Err(self.timeout(RPCTypes::InstallSnapshot, patience).into()),
            },
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, Failure> {
        let message = travelled(&to_message::transfer_leader_request(GROUP, &request));
        let own = self.own;
        let asked = self.network.ask(own, self.peer, move |service| async move {
            service.transfer_leader(own, message).await
        });
        let answer = self
            .within(RPCTypes::TransferLeader, &option, asked)
            .await?;
        from_message::transfer_leader_response(answer).map_err(unreachable)
    }

    fn backoff(&self) -> Option<Backoff> {
        Some(Backoff::new(crate::raft::network::backoff()))
    }
}

/// Many requests under way, sent in their order and answered in it; a stream of the real network does the same.
struct Session<S> {
    network: PeerNetwork,
    input: S,
    input_ended: bool,
    under_way: VecDeque<oneshot::Receiver<Result<proto::AppendResponse, Reset>>>,
    /// Done when the request before has arrived.
    last_sent: Option<oneshot::Receiver<()>>,
    patience: Duration,
}

enum Event {
    Request(Option<AppendEntriesRequest<TypeConfig>>),
    Response(Result<proto::AppendResponse, Reset>),
    Silence,
}

impl<S: Stream<Item = AppendEntriesRequest<TypeConfig>> + Unpin> Session<S> {
    async fn next(&mut self) -> Option<Result<StreamAppendResult<TypeConfig>, Failure>> {
        let mut deadline = Instant::now() + self.patience;
        loop {
            if self.input_ended && self.under_way.is_empty() {
                return None;
            }
            let has_room = self.under_way.len() < DEPTH && !self.input_ended;
            let oldest = self.under_way.front_mut();
            let is_waiting = oldest.is_some();
            let response = async {
                match oldest {
                    Some(answer) => answer.await.unwrap_or(Err(Reset)),
                    None => std::future::pending().await,
                }
            };
            let event = tokio::select! {
                biased;
                response = response => Event::Response(response),
                request = self.input.next(), if has_room => Event::Request(request),
                () = tokio::time::sleep_until(deadline), if is_waiting => Event::Silence,
            };
            match event {
                Event::Request(Some(request)) => {
                    if !is_waiting {
                        deadline = Instant::now() + self.patience;
                    }
                    self.send(request);
                }
                Event::Request(None) => self.input_ended = true,
                Event::Silence => {
                    return Some(Err(self
                        .network
                        .timeout(RPCTypes::AppendEntries, self.patience)));
                }
                Event::Response(response) => {
                    self.under_way.pop_front();
                    return Some(match response.map(from_message::append_response) {
                        Ok(Ok(AppendAnswer::Decided(result))) => Ok(result),
                        Ok(Ok(AppendAnswer::Failed(reason))) => Err(unreachable(reason)),
                        Ok(Err(malformed)) => Err(unreachable(malformed)),
                        Err(reset) => Err(reset.into()),
                    });
                }
            }
        }
    }

    /// It does not overtake the one before; the one that is lost stops all behind it.
    fn send(&mut self, request: AppendEntriesRequest<TypeConfig>) {
        let message = to_message::append_request(GROUP, request);
        let (answered, answer) = oneshot::channel();
        let (arrived, has_arrived) = oneshot::channel();
        let before = self.last_sent.replace(has_arrived);
        let network = self.network.clone();
        tokio::spawn(async move {
            if let Some(before) = before
                && before.await.is_err()
            {
                return std::future::pending().await;
            }
            let (arrivals, mut arrives) = mpsc::unbounded_channel();
            let message = travelled(&message);
            let asked = network
                .network
                .ask(network.own, network.peer, move |service| {
                    let (message, arrivals) = (message.clone(), arrivals.clone());
                    async move {
                        arrivals.send(()).ok();
                        service.append(message).await
                    }
                });
            let watch = async {
                if arrives.recv().await.is_some() {
                    arrived.send(()).ok();
                }
                std::future::pending::<()>().await;
            };
            let result = tokio::select! {
                biased;
                result = asked => result,
                () = watch => return,
            };
            // Whoever asked may not wait any more.
            answered.send(result).ok();
        });
        self.under_way.push_back(answer);
    }
}
