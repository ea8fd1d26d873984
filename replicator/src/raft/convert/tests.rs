//! Everything comes back as it went, and nothing malformed comes through.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use bytes::Bytes;
use holdfast_proto as proto;
use openraft::EntryPayload;
use openraft::raft::AppendEntriesRequest;
use openraft::raft::StreamAppendError;
use openraft::raft::TransferLeaderError;
use openraft::raft::TransferLeaderRequest;
use openraft::raft::VoteRequest;
use openraft::raft::VoteResponse;

use super::AppendAnswer;
use super::from_message;
use super::to_message;
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

const GROUP: GroupId = GroupId(9);

fn place(term: u64, index: u64) -> LogId {
    from_message::log_id(proto::LogId {
        term,
        node: 3,
        index,
    })
}

fn joint() -> Membership {
    let nodes: BTreeMap<u64, Peer> = (1..=4)
        .map(|id| {
            let address = format!("10.0.0.{id}:7000");
            (id, Peer { address })
        })
        .collect();
    let configurations = vec![BTreeSet::from([1, 2, 3]), BTreeSet::from([2, 3])];
    Membership::new(configurations, nodes).unwrap()
}

fn entries() -> Vec<Entry> {
    vec![
        Entry {
            log_id: place(2, 6),
            payload: EntryPayload::Blank,
        },
        Entry {
            log_id: place(2, 7),
            payload: EntryPayload::Normal(Proposal(Bytes::from_static(b"proposal"))),
        },
        Entry {
            log_id: place(3, 8),
            payload: EntryPayload::Membership(joint()),
        },
    ]
}

fn request() -> AppendEntriesRequest<TypeConfig> {
    AppendEntriesRequest {
        vote: Vote::new_committed(3, 2),
        prev_log_id: Some(place(1, 5)),
        entries: entries(),
        leader_commit: Some(place(1, 4)),
    }
}

#[test]
fn entries_and_memberships_come_back_as_they_went() {
    for entry in entries() {
        assert_eq!(
            from_message::entry(to_message::entry(entry.clone())),
            Ok(entry)
        );
    }
    let none = StoredMembership::default();
    let some = StoredMembership::new(Some(place(3, 8)), joint());
    for stored in [none, some] {
        let message = to_message::stored_membership(&stored);
        assert_eq!(from_message::stored_membership(message), Ok(stored.clone()));
        let message = to_message::stored_position(Some(place(4, 9)), &stored);
        assert_eq!(
            from_message::stored_position(message),
            Ok((Some(place(4, 9)), stored.clone()))
        );
        let meta = SnapshotMeta {
            last_log_id: Some(place(4, 9)),
            last_membership: stored,
        };
        let message = to_message::snapshot_meta(&meta);
        assert_eq!(from_message::snapshot_meta(message), Ok(meta));
    }
}

#[test]
fn appends_come_back_as_they_went() {
    let (group, back) =
        from_message::append_request(to_message::append_request(GROUP, request())).unwrap();
    assert_eq!(group, GROUP);
    assert_eq!(format!("{back:?}"), format!("{:?}", request()));
    for answer in [
        AppendAnswer::Decided(Ok(None)),
        AppendAnswer::Decided(Ok(Some(place(3, 8)))),
        AppendAnswer::Decided(Err(StreamAppendError::Conflict(place(1, 5)))),
        AppendAnswer::Decided(Err(StreamAppendError::HigherVote(Vote::new(5, 1)))),
        AppendAnswer::Failed("stopped".to_owned()),
    ] {
        let message = to_message::append_response(answer.clone());
        assert_eq!(from_message::append_response(message), Ok(answer));
    }
}

#[test]
fn votes_and_transfers_come_back_as_they_went() {
    let mut vote = VoteRequest::new(Vote::new(7, 2), Some(place(3, 8)));
    vote.leadership_transfer = true;
    let message = to_message::vote_request(GROUP, &vote);
    assert_eq!(from_message::vote_request(message), Ok((GROUP, vote)));

    let response = VoteResponse::new(Vote::new_committed(7, 2), None, true);
    let message = to_message::vote_response(&response);
    assert_eq!(from_message::vote_response(message), Ok(response));

    let transfer = TransferLeaderRequest::new(Vote::new_committed(3, 2), 4, Some(place(3, 8)));
    let message = to_message::transfer_leader_request(GROUP, &transfer);
    assert_eq!(
        from_message::transfer_leader_request(message),
        Ok((GROUP, transfer))
    );
    for response in [
        Ok(()),
        Err(TransferLeaderError::VoteChanged {
            expected: Vote::new_committed(3, 2),
            actual: Vote::new(4, 1),
        }),
        Err(TransferLeaderError::LogNotFlushed {
            expected: Some(place(3, 8)),
            actual: None,
        }),
    ] {
        let message = to_message::transfer_leader_response(&response);
        assert_eq!(
            from_message::transfer_leader_response(message),
            Ok(response)
        );
    }
}

#[test]
fn entries_with_a_gap_or_an_earlier_term_are_malformed() {
    let message = || to_message::append_request(GROUP, request());
    let refused = |message| from_message::append_request(message).is_err();

    let mut gap = message();
    gap.entries.remove(1);
    assert!(refused(gap));
    let mut detached = message();
    detached.previous = None;
    assert!(refused(detached));
    let mut backwards = message();
    backwards.entries[2].log_id.as_mut().unwrap().term = 1;
    assert!(refused(backwards));
    let mut overflowing = message();
    overflowing.previous.as_mut().unwrap().index = u64::MAX;
    assert!(refused(overflowing));
    assert!(!refused(message()));
}

#[test]
fn a_message_that_lacks_a_field_is_malformed() {
    let mut candidate = to_message::append_request(GROUP, request());
    candidate.vote.as_mut().unwrap().committed = false;
    assert!(from_message::append_request(candidate).is_err());
    assert!(from_message::append_request(proto::AppendRequest::default()).is_err());
    assert!(from_message::append_response(proto::AppendResponse::default()).is_err());
    assert!(from_message::entry(proto::Entry::default()).is_err());
    assert!(from_message::vote_request(proto::VoteRequest::default()).is_err());
    assert!(from_message::vote_response(proto::VoteResponse::default()).is_err());
    let transfer = proto::TransferLeaderRequest::default();
    assert!(from_message::transfer_leader_request(transfer).is_err());
    let transfer = proto::TransferLeaderResponse::default();
    assert!(from_message::transfer_leader_response(transfer).is_err());
    assert!(from_message::snapshot_meta(proto::SnapshotMeta::default()).is_err());
    assert!(from_message::stored_position(proto::StoredPosition::default()).is_err());
}

#[test]
fn a_membership_that_openraft_would_refuse_is_malformed() {
    let message = || to_message::membership(&joint());
    let refused = |message| from_message::membership(message).is_err();

    let mut empty = message();
    empty.configurations[1].ids.clear();
    assert!(refused(empty));
    let mut stranger = message();
    stranger.configurations[0].ids.push(5);
    assert!(refused(stranger));
    let mut twice = message();
    twice.nodes.push(twice.nodes[0].clone());
    assert!(refused(twice));
    let mut voter_twice = message();
    voter_twice.configurations[0].ids.push(1);
    assert!(refused(voter_twice));
    assert!(!refused(message()));
}
