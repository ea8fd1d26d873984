//! What a simulated node answers: the service of the real one, reached without a connection.

use std::time::Duration;

use holdfast_metadata::{Answer, PosixError, Query, Reply, TicketState};
use holdfast_proto as proto;
use holdfast_proto::identity::Identity;
use holdfast_proto::raft_server::Raft as _;
use holdfast_proto::{decode_command, decode_query, encode_command, encode_outcome, encode_reply};
use tokio::sync::watch;
use tonic::{Request, Status};

use super::node::OneGroup;
use crate::call::{AnswerBody, CallBody};
use crate::raft::convert::{AppendAnswer, to_message};
use crate::raft::machine::Machine;
use crate::raft::raft_service::{RaftService, heartbeats, snapshot};
use crate::raft::volume::Volume;
use crate::refusal::Refusal;

/// What a node may tell clients wrongly, to see that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lie {
    /// Some commands are said to be done, and are not proposed.
    Lost,
    /// Some commands are never answered.
    Silent,
    /// Some commands are run under another number, too.
    Twice,
    /// Whoever waits for a lock is said to have it.
    Granted,
    /// Some sessions are said to be gone.
    Gone,
    /// A query is answered without asking the others who leads.
    Unconfirmed,
}

/// Of one process.
pub(super) struct Service {
    pub(super) groups: OneGroup,
    pub(super) raft: RaftService<OneGroup>,
    pub(super) volume: Volume,
    pub(super) lie: Option<Lie>,
    /// The node never stops in good order.
    pub(super) _stopping: watch::Sender<bool>,
}

/// The headers that all nodes of the cluster send.
pub(super) fn identity(node: u64) -> Identity {
    Identity {
        cluster: Some([1; 16]),
        node: Some(node),
        program: "simulation",
    }
}

fn request<T>(from: u64, message: T) -> Request<T> {
    let mut request = Request::new(message);
    identity(from).attach(request.metadata_mut());
    request
}

impl Service {
    pub(super) async fn vote(
        &self,
        from: u64,
        message: proto::VoteRequest,
    ) -> Result<proto::VoteResponse, Status> {
        let answer = self.raft.request_vote(request(from, message)).await;
        answer.map(tonic::Response::into_inner)
    }

    pub(super) async fn pre_vote(
        &self,
        from: u64,
        message: proto::VoteRequest,
    ) -> Result<proto::VoteResponse, Status> {
        let answer = self.raft.pre_vote(request(from, message)).await;
        answer.map(tonic::Response::into_inner)
    }

    pub(super) async fn transfer_leader(
        &self,
        from: u64,
        message: proto::TransferLeaderRequest,
    ) -> Result<proto::TransferLeaderResponse, Status> {
        let answer = self.raft.transfer_leader(request(from, message)).await;
        answer.map(tonic::Response::into_inner)
    }

    pub(super) async fn append(&self, message: proto::AppendRequest) -> proto::AppendResponse {
        let answer = heartbeats::decide(&self.groups, self.raft.strangers(), message).await;
        to_message::append_response(answer.unwrap_or_else(AppendAnswer::Failed))
    }

    pub(super) async fn offer(
        &self,
        message: proto::SnapshotOffer,
    ) -> Result<proto::SnapshotOfferResponse, Status> {
        snapshot::offer(&self.groups, self.raft.strangers(), message).await
    }

    /// The chunks that arrive; the stream breaks behind them when they are not all.
    pub(super) async fn receive(
        &self,
        chunks: Vec<proto::SnapshotChunk>,
        is_broken: bool,
    ) -> Result<proto::SnapshotResponse, Status> {
        let broken = is_broken.then(|| Err(Status::unavailable("the connection broke")));
        let chunks = chunks.into_iter().map(Ok).chain(broken);
        let chunks = futures_util::stream::iter(chunks);
        snapshot::receive(&self.groups, self.raft.strangers(), chunks).await
    }

    pub(super) async fn call(
        &self,
        body: CallBody,
    ) -> Result<(AnswerBody, Option<Duration>), Refusal> {
        let group = self.volume.group();
        if !group.leads() {
            let leader = group.leader();
            return Err(Refusal::NotLeader { leader });
        }
        match (self.lie, body) {
            (None, body) => self.volume.answer(body, None).await,
            (Some(lie), body) => self.lie(lie, body).await,
        }
    }

    async fn lie(
        &self,
        lie: Lie,
        body: CallBody,
    ) -> Result<(AnswerBody, Option<Duration>), Refusal> {
        match &body {
            CallBody::Query(query) => {
                let query = decode_query(query.clone()).unwrap();
                if let Some(reply) = self.lie_about(lie, &query) {
                    return Ok((AnswerBody::Reply(encode_reply(reply)), None));
                }
            }
            CallBody::Command(command) => {
                let mut command = decode_command(command.clone()).unwrap();
                let request = command.request.as_mut();
                if let Some(request) = request.filter(|request| request.sequence % 16 == 7) {
                    let told = match lie {
                        Lie::Lost => Some(Ok(Answer::Done)),
                        Lie::Gone => Some(Err(PosixError::SessionGone)),
                        Lie::Silent => return std::future::pending().await,
                        Lie::Twice => {
                            request.sequence += 1_000_000;
                            let again = encode_command(&command);
                            self.volume.answer(CallBody::Command(again), None).await?;
                            None
                        }
                        Lie::Granted | Lie::Unconfirmed => None,
                    };
                    if let Some(told) = told {
                        return Ok((AnswerBody::Outcome(encode_outcome(&told)), None));
                    }
                }
            }
            _ => {}
        }
        self.volume.answer(body, None).await
    }

    fn lie_about(&self, lie: Lie, query: &Query) -> Option<Result<Reply, PosixError>> {
        match (lie, query) {
            (Lie::Granted, Query::LockTicket { .. }) => {
                Some(Ok(Reply::Ticket(TicketState::Granted)))
            }
            (Lie::Unconfirmed, _) => match self.volume.group().store().machine().as_ref() {
                Machine::Volume(machine) => Some(machine.query(query).unwrap()),
                Machine::Catalog(_) => None,
            },
            _ => None,
        }
    }
}
