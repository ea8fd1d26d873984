//! Bytes that an earlier Holdfast sent or wrote to a log are understood, and made again the same.
//!
//! What it asserts: every file in `tests/golden/v1` decodes to the value it was made from, and that
//! value encodes to the same bytes. A file is never changed: a message that gets a new field gets a new
//! file beside the old one.

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod samples;

use bytes::Bytes;
use holdfast_proto::{
    ProposalBody, decode_catalog_command, decode_command, decode_outcome, decode_proposal,
    decode_query, decode_reply, encode_catalog_command, encode_command, encode_outcome,
    encode_proposal_catalog, encode_proposal_command, encode_query, encode_reply,
};
use prost::Message;

use fixture::{every_fixture, round_trips};

#[test]
fn commands_are_read_and_written_again() {
    for (name, command) in samples::commands() {
        round_trips(name, &command, decode_command, encode_command);
    }
}

#[test]
fn outcomes_are_read_and_written_again() {
    for (name, outcome) in samples::outcomes() {
        round_trips(name, &outcome, decode_outcome, encode_outcome);
    }
}

#[test]
fn queries_are_read_and_written_again() {
    for (name, query) in samples::queries() {
        round_trips(name, &query, decode_query, encode_query);
    }
}

#[test]
fn replies_are_read_and_written_again() {
    for (name, reply) in samples::replies() {
        round_trips(name, &reply, decode_reply, |reply| {
            encode_reply(reply.clone())
        });
    }
}

#[test]
fn commands_of_the_catalog_are_read_and_written_again() {
    for (name, command) in samples::catalog_commands() {
        round_trips(
            name,
            &command,
            decode_catalog_command,
            encode_catalog_command,
        );
    }
}

#[test]
fn proposals_are_read_and_written_again() {
    for (name, proposal) in samples::proposals() {
        round_trips(
            name,
            &proposal,
            decode_proposal,
            |proposal| match proposal {
                ProposalBody::Command(command) => encode_proposal_command(encode_command(command)),
                ProposalBody::Catalog(command) => encode_proposal_catalog(command),
            },
        );
    }
}

#[test]
fn entries_of_a_log_are_read_and_written_again() {
    for (name, entry) in samples::entries() {
        round_trips(name, &entry, holdfast_proto::Entry::decode, encode);
    }
}

#[test]
fn the_position_of_a_state_machine_is_read_and_written_again() {
    let decode = holdfast_proto::StoredPosition::decode;
    round_trips(
        "stored_position",
        &samples::stored_position(),
        decode,
        encode,
    );
}

#[test]
fn the_vote_of_a_node_is_read_and_written_again() {
    round_trips(
        "vote",
        &samples::vote(),
        holdfast_proto::Vote::decode,
        encode,
    );
}

#[test]
fn no_fixture_is_without_its_value() {
    assert_eq!(every_fixture(), samples::names());
}

fn encode(message: &impl Message) -> Bytes {
    message.encode_to_vec().into()
}
