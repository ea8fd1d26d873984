//! What must hold for every sequence of bytes that a peer sends or that is on the disk of a node, for fuzzing.
//!
//! A target panics when its promise is broken: what decodes encodes to something that decodes alike.
#![expect(
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "these functions are tests"
)]

use std::fmt::Debug;

use bytes::{Bytes, BytesMut};
use holdfast_metadata::Fault;
use holdfast_proto as proto;
use prost::Message;

use super::convert::{MalformedMessage, from_message, to_message};
use super::log::records;
use super::node_directory;
use super::raft_service::unpacked;
use super::snapshot::listing::{ListedFile, Listing, ListingKind};
use super::type_config::SnapshotMeta;

/// What the log keeps: an entry, a vote, a place, the position of a state.
pub fn log_records(bytes: &[u8]) {
    same(bytes, records::decode_entry, |entry| {
        let mut buffer = BytesMut::new();
        records::encode_entry(entry, &mut buffer);
        buffer.to_vec()
    });
    same(bytes, records::decode_vote, |vote| {
        records::encode_vote(*vote)
    });
    same(bytes, records::decode_log_id, |log_id| {
        records::encode_log_id(*log_id)
    });
    accepted::<proto::StoredPosition, _>(bytes, from_message::stored_position);
}

/// The name of a message, and what is done with one.
type Check = (&'static str, fn(&[u8]));

/// One check a message of the service `Raft`; the first byte of an input chooses it.
const MESSAGES: [Check; 14] = [
    ("AppendRequest", |b| append_request(b)),
    ("AppendResponse", |b| {
        accepted::<proto::AppendResponse, _>(b, from_message::append_response);
    }),
    ("VoteRequest", |b| {
        accepted::<proto::VoteRequest, _>(b, from_message::vote_request);
    }),
    ("VoteResponse", |b| {
        accepted::<proto::VoteResponse, _>(b, from_message::vote_response);
    }),
    ("TransferLeaderRequest", |b| {
        accepted::<proto::TransferLeaderRequest, _>(b, from_message::transfer_leader_request);
    }),
    ("TransferLeaderResponse", |b| {
        accepted::<proto::TransferLeaderResponse, _>(b, from_message::transfer_leader_response);
    }),
    ("HeartbeatBatch", |b| {
        accepted::<proto::HeartbeatBatch, _>(b, |batch| {
            let requests = batch.heartbeats.into_iter().filter_map(|h| h.request);
            requests
                .map(from_message::append_request)
                .collect::<Result<Vec<_>, _>>()
        });
    }),
    ("SnapshotOffer", |b| {
        accepted::<proto::SnapshotOffer, _>(b, |offer| {
            from_message::snapshot_meta(offer.meta.unwrap_or_default())
        });
    }),
    ("SnapshotChunk", |b| chunk(b)),
    ("HeartbeatAnswers", |b| {
        accepted::<proto::HeartbeatAnswers, _>(b, |answers| {
            let responses = answers.answers.into_iter().filter_map(|a| a.response);
            responses
                .map(from_message::append_response)
                .collect::<Result<Vec<_>, _>>()
        });
    }),
    ("SnapshotOfferResponse", |b| {
        accepted::<proto::SnapshotOfferResponse, _>(b, |answer| {
            from_message::receiver_vote(answer.vote)
        });
    }),
    ("SnapshotResponse", |b| {
        accepted::<proto::SnapshotResponse, _>(b, |answer| {
            from_message::receiver_vote(answer.vote)
        });
    }),
    ("AwaitAppliedRequest", |b| {
        accepted::<proto::AwaitAppliedRequest, _>(b, Ok);
    }),
    ("AwaitAppliedResponse", |b| {
        accepted::<proto::AwaitAppliedResponse, _>(b, Ok);
    }),
];

/// What they are called.
pub fn message_names() -> impl Iterator<Item = &'static str> {
    MESSAGES.iter().map(|(name, _)| *name)
}

/// A message of a peer: its kind, then its bytes.
pub fn messages(bytes: &[u8]) {
    if let Some((kind, message)) = bytes.split_first() {
        let (_, check) = MESSAGES[usize::from(*kind) % MESSAGES.len()];
        check(message);
    }
}

fn append_request(bytes: &[u8]) {
    let Ok(message) = proto::AppendRequest::decode(bytes) else {
        return;
    };
    let Ok((group, request)) = from_message::append_request(message) else {
        return;
    };
    let places = request.entries.iter().map(|entry| entry.log_id.index);
    let first = request
        .prev_log_id
        .map_or(0, |last| last.index.wrapping_add(1));
    // openraft relies on it.
    assert!(places.zip(first..).all(|(index, awaited)| index == awaited));
    let message = to_message::append_request(group, request.clone());
    let (_, again) = from_message::append_request(message).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(format!("{again:?}"), format!("{request:?}"));
}

/// However long a chunk says it is, no more than the greatest one is unpacked.
fn chunk(bytes: &[u8]) {
    if let Ok(chunk) = proto::SnapshotChunk::decode(bytes)
        && let Ok(unpacked) = unpacked(&chunk)
    {
        assert_eq!(unpacked.len(), chunk.length as usize);
        assert_eq!(crc32fast::hash(&unpacked), chunk.checksum);
    }
}

/// The list of a snapshot's files, as it is and with its checksum made right; the file of a node.
pub fn files(bytes: &[u8]) {
    for kind in [ListingKind::Meta, ListingKind::Offer] {
        let sealed = [bytes, &crc32fast::hash(bytes).to_be_bytes()].concat();
        for bytes in [bytes, &sealed] {
            match Listing::decode(kind, bytes) {
                Ok(listing) => {
                    assert_eq!(Listing::decode(kind, &listing.encode(kind)), Ok(listing));
                }
                Err(Fault::Corrupt { .. }) => {}
                Err(fault) => panic!("{fault:?}"),
            }
        }
    }
    if let Ok(text) = str::from_utf8(bytes) {
        node_directory::check_text(text);
    }
}

/// A message of each kind with something in it.
pub fn message_samples() -> Vec<Vec<u8>> {
    let vote = Some(vote());
    let samples = [
        proto::AppendRequest {
            group: 2,
            vote,
            previous: Some(place(8)),
            entries: vec![blank(9), blank(10)],
            committed: Some(place(8)),
        }
        .encode_to_vec(),
        higher_vote().encode_to_vec(),
        proto::VoteRequest {
            group: 2,
            vote,
            last_log_id: Some(place(9)),
            leadership_transfer: true,
        }
        .encode_to_vec(),
        proto::VoteResponse {
            vote,
            granted: true,
            last_log_id: Some(place(9)),
        }
        .encode_to_vec(),
        proto::TransferLeaderRequest {
            group: 2,
            from: vote,
            to: 3,
            last_log_id: Some(place(9)),
        }
        .encode_to_vec(),
        transfer_response(),
        proto::HeartbeatBatch {
            heartbeats: vec![proto::Heartbeat {
                call: 1,
                request: Some(proto::AppendRequest {
                    group: 2,
                    vote,
                    ..proto::AppendRequest::default()
                }),
            }],
        }
        .encode_to_vec(),
        proto::SnapshotOffer {
            group: 2,
            vote,
            meta: Some(meta()),
            files: vec![proto::SnapshotFile {
                name: "000012.sst".to_owned(),
                length: 4096,
            }],
        }
        .encode_to_vec(),
        chunk_sample(),
    ];
    let numbered = (0_u8..).zip(samples.into_iter().chain(more_samples()));
    numbered
        .map(|(kind, message)| [&[kind], &*message].concat())
        .collect()
}

/// Of the last kinds.
fn more_samples() -> [Vec<u8>; 5] {
    let vote = Some(vote());
    [
        proto::HeartbeatAnswers {
            answers: vec![proto::HeartbeatAnswer {
                call: 1,
                response: Some(higher_vote()),
            }],
        }
        .encode_to_vec(),
        proto::SnapshotOfferResponse {
            vote,
            file: 3,
            offset: 4096,
        }
        .encode_to_vec(),
        proto::SnapshotResponse { vote }.encode_to_vec(),
        proto::AwaitAppliedRequest { group: 2, index: 9 }.encode_to_vec(),
        proto::AwaitAppliedResponse {}.encode_to_vec(),
    ]
}

/// A list of both kinds, without its checksum and with it, and the file of a node.
pub fn file_samples() -> Vec<Vec<u8>> {
    let meta: Result<SnapshotMeta, MalformedMessage> = from_message::snapshot_meta(meta());
    let file = |name: &str| ListedFile {
        name: name.to_owned(),
        length: 4096,
        checksum: 7,
    };
    let listing = Listing {
        meta: meta.unwrap_or_else(|malformed| panic!("{malformed}")),
        files: vec![file("000012.sst"), file("CURRENT")],
    };
    let mut samples = Vec::new();
    for kind in [ListingKind::Meta, ListingKind::Offer] {
        let mut sealed = listing.encode(kind);
        samples.push(sealed.clone());
        sealed.truncate(sealed.len() - 4);
        samples.push(sealed);
    }
    samples.push(node_directory::sample_text().into_bytes());
    samples
}

fn same<T: PartialEq + Debug>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, String>,
    encode: impl Fn(&T) -> Vec<u8>,
) {
    if let Ok(value) = decode(bytes) {
        assert_eq!(decode(&encode(&value)), Ok(value));
    }
}

/// What is taken once is taken again after it was encoded.
fn accepted<M: Message + Default + Clone, T>(
    bytes: &[u8],
    check: impl Fn(M) -> Result<T, MalformedMessage>,
) {
    if let Ok(message) = M::decode(bytes) {
        let taken = check(message.clone()).is_ok();
        let again = M::decode(&*message.encode_to_vec()).map(check);
        assert!(again.is_ok_and(|again| again.is_ok() == taken));
    }
}

fn vote() -> proto::Vote {
    proto::Vote {
        term: 3,
        node: 1,
        committed: true,
    }
}

fn place(index: u64) -> proto::LogId {
    proto::LogId {
        term: 3,
        node: 1,
        index,
    }
}

fn blank(index: u64) -> proto::Entry {
    proto::Entry {
        log_id: Some(place(index)),
        payload: Some(proto::entry::Payload::Blank(proto::Blank {})),
    }
}

fn meta() -> proto::SnapshotMeta {
    let members = proto::Membership {
        configurations: vec![proto::Voters { ids: vec![1, 2] }],
        nodes: [1, 2]
            .map(|id| proto::Member {
                id,
                address: format!("127.0.0.1:{id}"),
            })
            .to_vec(),
    };
    proto::SnapshotMeta {
        last_log_id: Some(place(9)),
        last_membership: Some(proto::StoredMembership {
            log_id: Some(place(1)),
            membership: Some(members),
        }),
    }
}

fn higher_vote() -> proto::AppendResponse {
    let result = proto::append_response::Result::HigherVote(vote());
    proto::AppendResponse {
        result: Some(result),
    }
}

fn transfer_response() -> Vec<u8> {
    let changed = proto::VoteChanged {
        expected: Some(vote()),
        actual: Some(vote()),
    };
    let result = proto::transfer_leader_response::Result::VoteChanged(changed);
    proto::TransferLeaderResponse {
        result: Some(result),
    }
    .encode_to_vec()
}

fn chunk_sample() -> Vec<u8> {
    let bytes = [7; 1000];
    proto::SnapshotChunk {
        group: 2,
        vote: Some(vote()),
        last_log_id: Some(place(9)),
        file: 0,
        offset: 0,
        compressed: Bytes::from(lz4_flex::block::compress(&bytes)),
        length: bytes.len() as u32,
        checksum: crc32fast::hash(&bytes),
    }
    .encode_to_vec()
}
