//! Long requests are cut, and nothing of them is lost.

use bytes::Bytes;
use holdfast_proto as proto;
use holdfast_proto::entry::Payload;
use prost::Message;

use super::{PART_BYTES, split};
use crate::raft::convert::from_message;

fn place(index: u64) -> proto::LogId {
    proto::LogId {
        term: 1,
        node: 1,
        index,
    }
}

fn request(entries: u64, length: usize) -> proto::AppendRequest {
    proto::AppendRequest {
        group: 7,
        vote: Some(proto::Vote {
            term: 1,
            node: 1,
            committed: true,
        }),
        previous: Some(place(9)),
        entries: (10..10 + entries)
            .map(|index| proto::Entry {
                log_id: Some(place(index)),
                payload: Some(Payload::Proposal(Bytes::from(vec![0; length]))),
            })
            .collect(),
        committed: Some(place(8)),
    }
}

#[test]
fn a_short_request_is_not_cut() {
    for whole in [request(0, 0), request(1, 10), request(512, 1000)] {
        assert_eq!(split(whole.clone()).collect::<Vec<_>>(), [whole]);
    }
}

#[test]
fn the_parts_of_a_long_request_follow_each_other() {
    let whole = request(20, 1 << 20);
    let parts: Vec<proto::AppendRequest> = split(whole.clone()).collect();
    assert_eq!(parts.len(), 7);
    let mut previous = whole.previous;
    let mut entries = Vec::new();
    for part in parts {
        assert!(part.encoded_len() <= PART_BYTES + 1024);
        assert_eq!(part.previous, previous);
        assert_eq!(part.committed, whole.committed);
        assert!(from_message::append_request(part.clone()).is_ok());
        previous = part.entries.last().unwrap().log_id;
        entries.extend(part.entries);
    }
    assert_eq!(entries, whole.entries);
}

#[test]
fn an_entry_that_is_too_long_travels_alone() {
    let mut whole = request(3, 10);
    whole.entries[1].payload = Some(Payload::Proposal(Bytes::from(vec![0; PART_BYTES + 1])));
    let lengths: Vec<usize> = split(whole).map(|part| part.entries.len()).collect();
    assert_eq!(lengths, [1, 1, 1]);
}
