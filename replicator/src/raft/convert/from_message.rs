//! From messages to the types of openraft.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

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
use openraft::vote::RaftLeaderId;

use super::AppendAnswer;
use super::MalformedMessage;
use crate::raft::type_config::Entry;
use crate::raft::type_config::GroupId;
use crate::raft::type_config::LogId;
use crate::raft::type_config::Membership;
use crate::raft::type_config::Peer;
use crate::raft::type_config::Proposal;
use crate::raft::type_config::SnapshotMeta;
use crate::raft::type_config::StoredMembership;
use crate::raft::type_config::TypeConfig;
use crate::raft::type_config::Vote;

type LeaderId = openraft::alias::LeaderIdOf<TypeConfig>;

/// A place in a log.
pub(crate) fn log_id(message: proto::LogId) -> LogId {
    LogId {
        leader_id: LeaderId::new(message.term, message.node),
        index: message.index,
    }
}

pub(crate) fn vote(message: proto::Vote) -> Vote {
    Vote {
        leader_id: LeaderId::new(message.term, message.node),
        committed: message.committed,
    }
}

pub(crate) fn membership(message: proto::Membership) -> Result<Membership, MalformedMessage> {
    let mut nodes = BTreeMap::new();
    for member in message.nodes {
        let address = member.address;
        if nodes.insert(member.id, Peer { address }).is_some() {
            return Err(MalformedMessage("a membership lists a node twice"));
        }
    }
    let mut configurations = Vec::with_capacity(message.configurations.len());
    for voters in message.configurations {
        let count = voters.ids.len();
        let ids: BTreeSet<u64> = voters.ids.into_iter().collect();
        if ids.len() != count {
            return Err(MalformedMessage("a membership lists a voter twice"));
        }
        configurations.push(ids);
    }
    Membership::new(configurations, nodes)
        .map_err(|_| MalformedMessage("a membership without voters, or a voter that is no member"))
}

pub(crate) fn stored_membership(
    message: proto::StoredMembership,
) -> Result<StoredMembership, MalformedMessage> {
    let members = present(message.membership, "a stored membership without members")?;
    Ok(StoredMembership::new(
        message.log_id.map(log_id),
        membership(members)?,
    ))
}

/// The last entry that a state machine has applied, and the membership it knows.
pub(crate) fn stored_position(
    message: proto::StoredPosition,
) -> Result<(Option<LogId>, StoredMembership), MalformedMessage> {
    let membership = present(message.membership, "a position without a membership")?;
    Ok((
        message.last_log_id.map(log_id),
        stored_membership(membership)?,
    ))
}

pub(crate) fn entry(message: proto::Entry) -> Result<Entry, MalformedMessage> {
    let place = present(message.log_id, "an entry without a place")?;
    let payload = match present(message.payload, "an entry without a payload")? {
        Payload::Blank(proto::Blank {}) => EntryPayload::Blank,
        Payload::Proposal(bytes) => EntryPayload::Normal(Proposal(bytes)),
        Payload::Membership(members) => EntryPayload::Membership(membership(members)?),
    };
    Ok(Entry {
        log_id: log_id(place),
        payload,
    })
}

/// Entries must follow each other: openraft would panic later if they did not.
pub(crate) fn append_request(
    message: proto::AppendRequest,
) -> Result<(GroupId, AppendEntriesRequest<TypeConfig>), MalformedMessage> {
    let vote = leader_vote(message.vote)?;
    let previous = message.previous.map(log_id);
    let mut last = previous;
    let mut entries = Vec::with_capacity(message.entries.len());
    for each in message.entries {
        let next = entry(each)?;
        if !follows(last, next.log_id) {
            return Err(MalformedMessage("entries that do not follow each other"));
        }
        last = Some(next.log_id);
        entries.push(next);
    }
    let request = AppendEntriesRequest {
        vote,
        prev_log_id: previous,
        entries,
        leader_commit: message.committed.map(log_id),
    };
    Ok((GroupId(message.group), request))
}

pub(crate) fn append_response(
    message: proto::AppendResponse,
) -> Result<AppendAnswer, MalformedMessage> {
    let answer = match present(message.result, "an answer to entries without a result")? {
        AppendResult::Matched(matched) => AppendAnswer::Decided(Ok(matched.log_id.map(log_id))),
        AppendResult::Conflict(previous) => {
            AppendAnswer::Decided(Err(StreamAppendError::Conflict(log_id(previous))))
        }
        AppendResult::HigherVote(higher) => {
            AppendAnswer::Decided(Err(StreamAppendError::HigherVote(vote(higher))))
        }
        AppendResult::Failure(failure) => AppendAnswer::Failed(failure.message),
    };
    Ok(answer)
}

pub(crate) fn vote_request(
    message: proto::VoteRequest,
) -> Result<(GroupId, VoteRequest<TypeConfig>), MalformedMessage> {
    let wanted = present(message.vote, "a request for a vote without one")?;
    let mut request = VoteRequest::new(vote(wanted), message.last_log_id.map(log_id));
    request.leadership_transfer = message.leadership_transfer;
    Ok((GroupId(message.group), request))
}

pub(crate) fn vote_response(
    message: proto::VoteResponse,
) -> Result<VoteResponse<TypeConfig>, MalformedMessage> {
    let current = present(message.vote, "an answer to a vote without one")?;
    Ok(VoteResponse::new(
        vote(current),
        message.last_log_id.map(log_id),
        message.granted,
    ))
}

pub(crate) fn transfer_leader_request(
    message: proto::TransferLeaderRequest,
) -> Result<(GroupId, TransferLeaderRequest<TypeConfig>), MalformedMessage> {
    let from = leader_vote(message.from)?;
    let last_log_id = message.last_log_id.map(log_id);
    Ok((
        GroupId(message.group),
        TransferLeaderRequest::new(from, message.to, last_log_id),
    ))
}

pub(crate) fn transfer_leader_response(
    message: proto::TransferLeaderResponse,
) -> Result<TransferLeaderResponse<TypeConfig>, MalformedMessage> {
    let response = match present(message.result, "an answer to a transfer without a result")? {
        TransferResult::Accepted(proto::Blank {}) => Ok(()),
        TransferResult::VoteChanged(changed) => Err(TransferLeaderError::VoteChanged {
            expected: vote(present(changed.expected, "a changed vote without the old")?),
            actual: vote(present(changed.actual, "a changed vote without the new")?),
        }),
        TransferResult::LogNotFlushed(behind) => Err(TransferLeaderError::LogNotFlushed {
            expected: behind.expected.map(log_id),
            actual: behind.actual.map(log_id),
        }),
    };
    Ok(response)
}

pub(crate) fn snapshot_meta(
    message: proto::SnapshotMeta,
) -> Result<SnapshotMeta, MalformedMessage> {
    let membership = present(message.last_membership, "a snapshot without a membership")?;
    Ok(SnapshotMeta {
        last_log_id: message.last_log_id.map(log_id),
        last_membership: stored_membership(membership)?,
    })
}

/// A vote that only a leader can have.
pub(crate) fn leader_vote(message: Option<proto::Vote>) -> Result<Vote, MalformedMessage> {
    let vote = vote(present(message, "a leader's message without a vote")?);
    if !vote.committed {
        return Err(MalformedMessage("a leader's message by a candidate"));
    }
    Ok(vote)
}

/// Of who is sent a snapshot.
pub(crate) fn receiver_vote(message: Option<proto::Vote>) -> Result<Vote, MalformedMessage> {
    present(message, "an answer to a snapshot without a vote").map(vote)
}

/// A field that every message of this version has.
pub(crate) fn present<T>(field: Option<T>, missing: &'static str) -> Result<T, MalformedMessage> {
    field.ok_or(MalformedMessage(missing))
}

fn follows(last: Option<LogId>, next: LogId) -> bool {
    match last {
        None => next.index == 0,
        Some(last) => {
            last.index.checked_add(1) == Some(next.index) && last.leader_id <= next.leader_id
        }
    }
}
