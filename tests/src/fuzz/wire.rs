//! What is said on the wire: every message and every conversion.

use std::fmt::Debug;

use bytes::Bytes;
use holdfast_proto as proto;
use holdfast_proto::Malformed;

use super::records::Kind;

/// One check a decoder; the first byte of an input chooses it.
pub(super) const KINDS: [Kind; 15] = [
    ("command", |b| {
        same(b, proto::decode_command, proto::encode_command);
    }),
    ("query", |b| {
        same(b, proto::decode_query, proto::encode_query);
    }),
    ("outcome", |b| {
        same(b, proto::decode_outcome, proto::encode_outcome);
    }),
    ("reply", |b| {
        let encode = |reply: &Result<_, _>| proto::encode_reply(reply.clone());
        same(b, proto::decode_reply, encode);
    }),
    ("catalog", |b| {
        same(
            b,
            proto::decode_catalog_command,
            proto::encode_catalog_command,
        );
    }),
    ("proposal", |b| {
        same(b, proto::decode_proposal, |body| match body {
            proto::ProposalBody::Command(command) => {
                proto::encode_proposal_command(proto::encode_command(command))
            }
            proto::ProposalBody::Catalog(command) => proto::encode_proposal_catalog(command),
        });
    }),
    ("call requests", message::<proto::CallRequests>),
    ("call responses", message::<proto::CallResponses>),
    ("attend", message::<proto::Attend>),
    ("attended", message::<proto::Attended>),
    ("copies", message::<proto::Copies>),
    ("open volume", message::<proto::OpenVolumeResponse>),
    ("status", message::<proto::StatusResponse>),
    ("sessions", message::<proto::ListSessionsResponse>),
    ("join", message::<proto::JoinRequest>),
];

/// A message: its kind, then its bytes.
pub(super) fn wire(bytes: &[u8]) {
    let Some((kind, message)) = bytes.split_first() else {
        return;
    };
    let (_, check) = KINDS[usize::from(*kind) % KINDS.len()];
    check(message);
}

fn same<T: PartialEq + Debug>(
    bytes: &[u8],
    decode: impl Fn(Bytes) -> Result<T, Malformed>,
    encode: impl Fn(&T) -> Bytes,
) {
    match decode(Bytes::copy_from_slice(bytes)) {
        Ok(value) => assert_eq!(decode(encode(&value)), Ok(value)),
        Err(refused) => assert!(refused.to_string().len() < 4096, "{refused}"),
    }
}

fn message<M: prost::Message + Default + PartialEq + Debug>(bytes: &[u8]) {
    if let Ok(message) = M::decode(bytes) {
        assert_eq!(M::decode(&*message.encode_to_vec()), Ok(message));
    }
}
