//! What is said on the wire but between nodes: every conversion and every message.

use std::fmt::Debug;

use bytes::Bytes;
use holdfast_proto as proto;
use holdfast_proto::Malformed;

use super::records::Kind;
use super::services::MESSAGES;

/// One check a conversion; the first byte of an input chooses it, or a message of a service after them.
pub(super) const KINDS: [Kind; 6] = [
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
];

/// A message: its kind, then its bytes.
pub(super) fn wire(bytes: &[u8]) {
    let Some((kind, message)) = bytes.split_first() else {
        return;
    };
    let kind = usize::from(*kind) % (KINDS.len() + MESSAGES.len());
    match KINDS.get(kind) {
        Some((_, check)) => check(message),
        None => (MESSAGES[kind - KINDS.len()].check)(message),
    }
}

/// A message of each service, after its kind.
pub(super) fn service_samples() -> Vec<Vec<u8>> {
    let numbered = (KINDS.len() as u8..).zip(MESSAGES);
    let samples = numbered.map(|(kind, spoken)| [&[kind], &*(spoken.sample)()].concat());
    samples.collect()
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
