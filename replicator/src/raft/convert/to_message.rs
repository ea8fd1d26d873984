//! From the types of openraft to messages.

use holdfast_proto as proto;
use holdfast_proto::append_response::Result as AppendResult;
use holdfast_proto::entry::Payload;
use holdfast_proto::transfer_leader_response::Result as TransferResult;
use openraft::EntryPayload;
use openraft::raft::AppendEntriesRequest;
use openraft::raft::StreamAppendError;
use openraft::raft::TransferLeaderError;
use openraft::raft::TransferLeaderRequest;
use openraft::raft::TransferLeaderResponse;
use openraft::raft::VoteRequest;
use openraft::raft::VoteResponse;

use super::AppendAnswer;
use crate::raft::type_config::Entry;
use crate::raft::type_config::GroupId;
use crate::raft::type_config::LogId;
use crate::raft::type_config::Membership;
use crate::raft::type_config::SnapshotMeta;
use crate::raft::type_config::StoredMembership;
use crate::raft::type_config::TypeConfig;
use crate::raft::type_config::Vote;

/// A place in a log.
pub(crate) fn log_id(log_id: LogId) -> proto::LogId {
    proto::LogId {
        term: log_id.leader_id.term,
        node: log_id.leader_id.node_id,
        index: log_id.index,
    }
}

pub(crate) fn vote(vote: Vote) -> proto::Vote {
    proto::Vote {
        term: vote.leader_id.term,
        node: vote.leader_id.node_id,
        committed: vote.committed,
    }
}

pub(crate) fn membership(membership: &Membership) -> proto::Membership {
    let voters = |ids: &std::collections::BTreeSet<u64>| proto::Voters {
        ids: ids.iter().copied().collect(),
    };
    proto::Membership {
        configurations: membership.get_joint_config().iter().map(voters).collect(),
        nodes: membership
            .nodes()
            .map(|(id, peer)| proto::Member {
                id: *id,
                address: peer.address.clone(),
            })
            .collect(),
    }
}

pub(crate) fn stored_membership(stored: &StoredMembership) -> proto::StoredMembership {
    proto::StoredMembership {
        log_id: stored.log_id().map(log_id),
        membership: Some(membership(stored.membership())),
    }
}

/// What a state machine stores beside its state, to know where it is in the log.
pub(crate) fn stored_position(
    last_log_id: Option<LogId>,
    membership: &StoredMembership,
) -> proto::StoredPosition {
    proto::StoredPosition {
        last_log_id: last_log_id.map(log_id),
        membership: Some(stored_membership(membership)),
    }
}

/// The bytes of a proposal are shared, not copied.
pub(crate) fn entry(entry: Entry) -> proto::Entry {
    let payload = match entry.payload {
        EntryPayload::Blank => Payload::Blank(proto::Blank {}),
        EntryPayload::Normal(proposal) => Payload::Proposal(proposal.0),
        EntryPayload::Membership(members) => Payload::Membership(membership(&members)),
    };
    proto::Entry {
        log_id: Some(log_id(entry.log_id)),
        payload: Some(payload),
    }
}

pub(crate) fn append_request(
    group: GroupId,
    request: AppendEntriesRequest<TypeConfig>,
) -> proto::AppendRequest {
    proto::AppendRequest {
        group: group.0,
        vote: Some(vote(request.vote)),
        previous: request.prev_log_id.map(log_id),
        entries: request.entries.into_iter().map(entry).collect(),
        committed: request.leader_commit.map(log_id),
    }
}

pub(crate) fn append_response(answer: AppendAnswer) -> proto::AppendResponse {
    let result = match answer {
        AppendAnswer::Decided(Ok(matched)) => AppendResult::Matched(proto::Matched {
            log_id: matched.map(log_id),
        }),
        AppendAnswer::Decided(Err(StreamAppendError::Conflict(previous))) => {
            AppendResult::Conflict(log_id(previous))
        }
        AppendAnswer::Decided(Err(StreamAppendError::HigherVote(higher))) => {
            AppendResult::HigherVote(vote(higher))
        }
        AppendAnswer::Failed(message) => AppendResult::Failure(proto::Failure { message }),
    };
    proto::AppendResponse {
        result: Some(result),
    }
}

pub(crate) fn vote_request(
    group: GroupId,
    request: &VoteRequest<TypeConfig>,
) -> proto::VoteRequest {
    proto::VoteRequest {
        group: group.0,
        vote: Some(vote(request.vote)),
        last_log_id: request.last_log_id.map(log_id),
        leadership_transfer: request.leadership_transfer,
    }
}

pub(crate) fn vote_response(response: &VoteResponse<TypeConfig>) -> proto::VoteResponse {
    proto::VoteResponse {
        vote: Some(vote(response.vote)),
        granted: response.vote_granted,
        last_log_id: response.last_log_id.map(log_id),
    }
}

pub(crate) fn transfer_leader_request(
    group: GroupId,
    request: &TransferLeaderRequest<TypeConfig>,
) -> proto::TransferLeaderRequest {
    proto::TransferLeaderRequest {
        group: group.0,
        from: Some(vote(*request.from_leader())),
        to: *request.to_node_id(),
        last_log_id: request.last_log_id().copied().map(log_id),
    }
}

pub(crate) fn transfer_leader_response(
    response: &TransferLeaderResponse<TypeConfig>,
) -> proto::TransferLeaderResponse {
    let result = match response {
        Ok(()) => TransferResult::Accepted(proto::Blank {}),
        Err(TransferLeaderError::VoteChanged { expected, actual }) => {
            TransferResult::VoteChanged(proto::VoteChanged {
                expected: Some(vote(*expected)),
                actual: Some(vote(*actual)),
            })
        }
        Err(TransferLeaderError::LogNotFlushed { expected, actual }) => {
            TransferResult::LogNotFlushed(proto::LogNotFlushed {
                expected: expected.map(log_id),
                actual: actual.map(log_id),
            })
        }
    };
    proto::TransferLeaderResponse {
        result: Some(result),
    }
}

pub(crate) fn snapshot_meta(meta: &SnapshotMeta) -> proto::SnapshotMeta {
    proto::SnapshotMeta {
        last_log_id: meta.last_log_id.map(log_id),
        last_membership: Some(stored_membership(&meta.last_membership)),
    }
}
