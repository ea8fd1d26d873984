//! What a node answers to the others: the service `Raft` over the groups of this node.

mod append;
pub(in crate::raft) mod heartbeats;
pub(in crate::raft) mod snapshot;
pub(in crate::raft) mod strangers;

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use holdfast_proto as proto;
use holdfast_proto::identity::Identity;
use openraft::Raft;
use openraft::errors::{Fatal, RaftError};
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::{Request, Response, Status, Streaming};

#[cfg(feature = "testing")]
pub(super) use self::snapshot::unpacked;
use self::strangers::Strangers;
use super::complaints::Complaints;
use super::convert::{from_message, to_message};
use super::machine::{GroupMachine, GroupStore};
use super::type_config::{GroupId, TypeConfig};

/// Where the service finds the groups of its node.
pub(crate) trait Groups: Clone + Send + Sync + 'static {
    /// The Raft of a group that runs here.
    fn group_raft(&self, group: GroupId) -> Option<GroupRaft>;

    /// The state of a group that runs here.
    fn group_store(&self, group: GroupId) -> Option<GroupStore>;
}

/// Answers the other nodes.
#[derive(Debug, Clone)]
pub(crate) struct RaftService<G> {
    groups: G,
    identity: Identity,
    stopping: watch::Receiver<bool>,
    votes_from: Instant,
    strangers: Strangers,
    complaints: Complaints,
}

/// The Raft of one group.
type GroupRaft = Raft<TypeConfig, GroupMachine>;

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl<G: Groups> RaftService<G> {
    /// Streams, and whoever waits, end when `stopping` becomes true: peers do not end them by themselves. Before `votes_from`
    /// nobody is voted for, unless the leader itself wants it: this node may have heard the leader before it was started. A
    /// leader that was not heard for `lease` does not lead any more.
    pub(crate) fn new(
        groups: G,
        identity: Identity,
        stopping: watch::Receiver<bool>,
        votes_from: Instant,
        lease: Duration,
        complaints: Complaints,
    ) -> RaftService<G> {
        RaftService {
            strangers: Strangers::new(lease, complaints.clone()),
            complaints,
            groups,
            identity,
            stopping,
            votes_from,
        }
    }

    /// Whom it listens to.
    #[cfg(test)]
    pub(in crate::raft) fn strangers(&self) -> &Strangers {
        &self.strangers
    }

    fn check_votes(&self, is_wanted: bool) -> Result<(), Status> {
        if is_wanted || Instant::now() >= self.votes_from {
            return Ok(());
        }
        Err(Status::unavailable(
            "this node has just started, and may have heard a leader before",
        ))
    }

    /// Done when the node stops.
    fn stopping(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stopping = self.stopping.clone();
        async move {
            // Whoever could have said so is gone: it never will.
            if stopping.wait_for(|stopping| *stopping).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// The message, if its sender may be talked to.
    fn accept<T>(&self, request: Request<T>) -> Result<T, Status> {
        self.identity.check(request.metadata())?;
        Ok(request.into_inner())
    }

    fn raft(&self, group: GroupId) -> Result<GroupRaft, Status> {
        self.groups.group_raft(group).ok_or_else(|| not_here(group))
    }
}

#[tonic::async_trait]
impl<G: Groups> proto::raft_server::Raft for RaftService<G> {
    type AppendStream = Answers<proto::AppendResponse>;
    type HeartbeatsStream = Answers<proto::HeartbeatAnswers>;

    async fn append(
        &self,
        request: Request<Streaming<proto::AppendRequest>>,
    ) -> Result<Response<Self::AppendStream>, Status> {
        let incoming = self.accept(request)?;
        let strangers = self.strangers.clone();
        let answers = append::answer(self.groups.clone(), strangers, incoming);
        let complaints = self.complaints.clone();
        let answers = answers.inspect(move |answer| {
            if let Err(status) = answer {
                complaints.ended("entries", status, "");
            }
        });
        Ok(Response::new(Box::pin(
            answers.take_until(Box::pin(self.stopping())),
        )))
    }

    async fn heartbeats(
        &self,
        request: Request<Streaming<proto::HeartbeatBatch>>,
    ) -> Result<Response<Self::HeartbeatsStream>, Status> {
        let incoming = self.accept(request)?;
        let strangers = self.strangers.clone();
        let answers = heartbeats::answer(self.groups.clone(), strangers, incoming);
        Ok(Response::new(Box::pin(
            answers.take_until(Box::pin(self.stopping())),
        )))
    }

    async fn request_vote(
        &self,
        request: Request<proto::VoteRequest>,
    ) -> Result<Response<proto::VoteResponse>, Status> {
        let (group, vote) = from_message::vote_request(self.accept(request)?)?;
        let raft = self.raft(group)?;
        self.strangers.admit_candidate(group, &raft, vote.vote)?;
        self.check_votes(vote.leadership_transfer)?;
        let response = raft.vote(vote).await.map_err(|error| stopped(&error))?;
        Ok(Response::new(to_message::vote_response(&response)))
    }

    async fn pre_vote(
        &self,
        request: Request<proto::VoteRequest>,
    ) -> Result<Response<proto::VoteResponse>, Status> {
        let (group, vote) = from_message::vote_request(self.accept(request)?)?;
        let raft = self.raft(group)?;
        self.strangers.admit_candidate(group, &raft, vote.vote)?;
        self.check_votes(false)?;
        let response = raft.pre_vote(vote).await.map_err(|error| stopped(&error))?;
        Ok(Response::new(to_message::vote_response(&response)))
    }

    async fn transfer_leader(
        &self,
        request: Request<proto::TransferLeaderRequest>,
    ) -> Result<Response<proto::TransferLeaderResponse>, Status> {
        let (group, transfer) = from_message::transfer_leader_request(self.accept(request)?)?;
        let raft = self.raft(group)?;
        let from = *transfer.from_leader();
        self.strangers.admit_leader(group, &raft, from)?;
        let response = raft.handle_transfer_leader(transfer).await;
        let response = response.map_err(|fatal| fatal_status(&fatal))?;
        Ok(Response::new(to_message::transfer_leader_response(
            &response,
        )))
    }

    async fn await_applied(
        &self,
        request: Request<proto::AwaitAppliedRequest>,
    ) -> Result<Response<proto::AwaitAppliedResponse>, Status> {
        let proto::AwaitAppliedRequest { group, index } = self.accept(request)?;
        let store = self.groups.group_store(GroupId(group));
        let store = store.ok_or_else(|| Status::not_found(format!("no group {group} here")))?;
        let mut applied = store.on_applied();
        let reached = tokio::select! {
            reached = applied.wait_for(|applied| applied.0 >= index) => reached.is_ok(),
            () = self.stopping() => false,
        };
        if reached {
            Ok(Response::new(proto::AwaitAppliedResponse {}))
        } else {
            Err(Status::unavailable("the group is stopping"))
        }
    }

    async fn offer_snapshot(
        &self,
        request: Request<proto::SnapshotOffer>,
    ) -> Result<Response<proto::SnapshotOfferResponse>, Status> {
        let offer = self.accept(request)?;
        let answer = snapshot::offer(&self.groups, &self.strangers, offer).await?;
        Ok(Response::new(answer))
    }

    async fn send_snapshot(
        &self,
        request: Request<Streaming<proto::SnapshotChunk>>,
    ) -> Result<Response<proto::SnapshotResponse>, Status> {
        let chunks = self.accept(request)?;
        let answer = snapshot::receive(&self.groups, &self.strangers, chunks).await?;
        Ok(Response::new(answer))
    }
}

fn not_here(group: GroupId) -> Status {
    Status::not_found(format!("group {group} does not run here"))
}

fn stopped(error: &RaftError<TypeConfig>) -> Status {
    Status::unavailable(error.to_string())
}

fn fatal_status(fatal: &Fatal<TypeConfig>) -> Status {
    Status::unavailable(fatal.to_string())
}
