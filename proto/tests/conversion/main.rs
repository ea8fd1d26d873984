//! Every command, query and answer survives the wire, and nothing that arrives makes a node panic.
//!
//! What it asserts: what was encoded decodes to the same; bytes that are damaged or made up are
//! decoded or refused; each part that is missing or cannot be is refused by name; the data of a write
//! is not copied.

#[cfg(test)]
mod generate;
#[cfg(test)]
mod refusal;

use bytes::Bytes;
use holdfast_metadata::{
    Command, Credentials, InodeId, Operation, RequestId, SessionId, Timestamp, Write, WritePosition,
};
use holdfast_proto::{
    ProposalBody, decode_catalog_command, decode_command, decode_outcome, decode_proposal,
    decode_query, decode_reply, encode_catalog_command, encode_command, encode_outcome,
    encode_proposal_catalog, encode_proposal_command, encode_query, encode_reply,
};
use proptest::prelude::*;
use proptest::sample::Index;

proptest! {
    #[test]
    fn commands_survive_the_wire(command in generate::command()) {
        prop_assert_eq!(decode_command(encode_command(&command)), Ok(command));
    }

    #[test]
    fn outcomes_survive_the_wire(outcome in generate::outcome()) {
        prop_assert_eq!(decode_outcome(encode_outcome(&outcome)), Ok(outcome));
    }

    #[test]
    fn queries_survive_the_wire(query in generate::query()) {
        prop_assert_eq!(decode_query(encode_query(&query)), Ok(query));
    }

    #[test]
    fn replies_survive_the_wire(reply in generate::reply()) {
        prop_assert_eq!(decode_reply(encode_reply(reply.clone())), Ok(reply));
    }

    #[test]
    fn commands_of_the_catalog_survive_the_wire(command in generate::catalog_command()) {
        prop_assert_eq!(decode_catalog_command(encode_catalog_command(&command)), Ok(command));
    }

    #[test]
    fn proposals_say_whom_they_are_for(
        command in generate::command(),
        catalog in generate::catalog_command(),
    ) {
        let proposal = encode_proposal_command(encode_command(&command));
        prop_assert_eq!(decode_proposal(proposal), Ok(ProposalBody::Command(command)));
        let proposal = encode_proposal_catalog(&catalog);
        prop_assert_eq!(decode_proposal(proposal), Ok(ProposalBody::Catalog(catalog)));
    }

    #[test]
    fn bytes_that_were_made_up_are_decoded_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        decode_as_everything(&bytes);
    }

    #[test]
    fn messages_that_were_damaged_are_decoded_or_refused(
        command in generate::command(),
        reply in generate::reply(),
        damage in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4),
        length in any::<Index>(),
    ) {
        let proposal = encode_proposal_command(encode_command(&command));
        for message in [proposal, encode_command(&command), encode_reply(reply)] {
            let mut bytes = message.to_vec();
            for (place, byte) in &damage {
                let place = place.index(bytes.len());
                bytes[place] = *byte;
            }
            decode_as_everything(&bytes);
            bytes.truncate(length.index(bytes.len()));
            decode_as_everything(&bytes);
        }
    }
}

/// What it answers does not matter: it comes back.
fn decode_as_everything(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    drop(decode_command(bytes.clone()));
    drop(decode_outcome(bytes.clone()));
    drop(decode_query(bytes.clone()));
    drop(decode_reply(bytes.clone()));
    drop(decode_catalog_command(bytes.clone()));
    drop(decode_proposal(bytes));
}

#[test]
fn the_data_of_a_write_is_a_part_of_the_bytes_of_the_entry() {
    let command = Command {
        request: Some(RequestId {
            session: SessionId(1),
            sequence: 2,
            acknowledged: 1,
        }),
        now: Timestamp::default(),
        credentials: Credentials::ROOT,
        squashed: false,
        operation: Operation::Write(Write {
            ino: InodeId::new(2),
            position: WritePosition::End,
            data: Bytes::from(vec![7; 1 << 20]),
            clear_privileges: false,
        }),
    };
    let entry = encode_proposal_command(encode_command(&command));
    let ProposalBody::Command(decoded) = decode_proposal(entry.clone()).unwrap() else {
        panic!("not a command");
    };
    let Operation::Write(write) = decoded.operation else {
        panic!("not a write");
    };
    let offset = entry.len() - write.data.len();
    assert_eq!(write.data.as_ptr(), entry[offset..].as_ptr());
    assert!(offset < 64, "{offset} bytes around the data");
}
