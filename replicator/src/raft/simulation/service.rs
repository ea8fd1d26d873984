//! What a simulated node answers: the service of the real one, reached without a connection.

use std::time::Duration;

use holdfast_metadata::Answer;
use holdfast_proto as proto;
use holdfast_proto::identity::Identity;
use holdfast_proto::raft_server::Raft as _;
use holdfast_proto::{decode_command, decode_query, encode_outcome, encode_reply};
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
        if let (Lie::Unconfirmed, CallBody::Query(query)) = (lie, &body) {
            let query = decode_query(query.clone()).unwrap();
            let machine = self.volume.group().store().machine();
            let Machine::Volume(machine) = machine.as_ref() else {
                return Err(Refusal::NoSuchVolume);
            };
            let reply = encode_reply(machine.query(&query).unwrap());
            return Ok((AnswerBody::Reply(reply), None));
        }
        if let (Lie::Lost, CallBody::Command(command)) = (lie, &body) {
            let command = decode_command(command.clone()).unwrap();
            if command
                .request
                .is_some_and(|request| request.sequence % 16 == 7)
            {
                let done = encode_outcome(&Ok(Answer::Done));
                return Ok((AnswerBody::Outcome(done), None));
            }
        }
        self.volume.answer(body, None).await
    }
}
