//! What the values of the log database are: messages of `raft.proto`.

use bytes::{Bytes, BytesMut};
use holdfast_proto as proto;
use prost::Message;

use crate::raft::convert::{from_message, to_message};
use crate::raft::type_config::{Entry, LogId, Vote};

/// Adds an encoded entry to a buffer.
pub(in crate::raft) fn encode_entry(entry: &Entry, buffer: &mut BytesMut) {
    // The buffer grows as it must, so nothing can fail.
    let _encoded = to_message::entry(entry.clone()).encode(buffer);
}

pub(in crate::raft) fn decode_entry(value: &[u8]) -> Result<Entry, String> {
    // The payload will share these bytes.
    let value = Bytes::copy_from_slice(value);
    let message: proto::Entry = decode(value)?;
    from_message::entry(message).map_err(|error| error.to_string())
}

pub(in crate::raft) fn encode_vote(vote: Vote) -> Vec<u8> {
    to_message::vote(vote).encode_to_vec()
}

pub(in crate::raft) fn decode_vote(value: &[u8]) -> Result<Vote, String> {
    decode(value).map(from_message::vote)
}

pub(in crate::raft) fn encode_log_id(log_id: LogId) -> Vec<u8> {
    to_message::log_id(log_id).encode_to_vec()
}

pub(in crate::raft) fn decode_log_id(value: &[u8]) -> Result<LogId, String> {
    decode(value).map(from_message::log_id)
}

fn decode<M: Message + Default>(value: impl bytes::Buf) -> Result<M, String> {
    M::decode(value).map_err(|error| error.to_string())
}
