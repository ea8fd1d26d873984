//! Messages that lack a part or hold one that cannot be: each is refused by the name of the part.

use bytes::Bytes;
use holdfast_proto as wire;
use holdfast_proto::command::Operation;
use holdfast_proto::query::Question;
use holdfast_proto::{
    Malformed, decode_catalog_command, decode_command, decode_outcome, decode_proposal,
    decode_query, decode_reply,
};
use prost::Message;

fn bytes_of(message: &impl Message) -> Bytes {
    message.encode_to_vec().into()
}

fn command(operation: Operation) -> wire::Command {
    wire::Command {
        request: None,
        now: Some(wire::Timestamp::default()),
        credentials: Some(wire::Credentials::default()),
        operation: Some(operation),
    }
}

fn mkdir() -> wire::Mkdir {
    wire::Mkdir {
        parent: 1,
        name: Bytes::from_static(b"a"),
        mode: 0o755,
        umask: 0o022,
    }
}

fn refusal_of(message: &wire::Command) -> String {
    decode_command(bytes_of(message)).unwrap_err().to_string()
}

fn refusal_of_operation(operation: Operation) -> String {
    refusal_of(&command(operation))
}

#[test]
fn a_command_without_one_of_its_parts_is_refused() {
    let whole = || command(Operation::Mkdir(mkdir()));
    decode_command(bytes_of(&whole())).unwrap();
    let without_operation = wire::Command {
        operation: None,
        ..whole()
    };
    let without_time = wire::Command {
        now: None,
        ..whole()
    };
    let without_caller = wire::Command {
        credentials: None,
        ..whole()
    };
    assert_eq!(
        refusal_of(&without_operation),
        "the operation of a command is missing"
    );
    assert_eq!(
        refusal_of(&without_time),
        "the time of a command is missing"
    );
    assert_eq!(refusal_of(&without_caller), "who asks is missing");
}

#[test]
fn an_operation_of_a_later_version_is_refused() {
    let mut bytes = bytes_of(&command(Operation::Mkdir(mkdir()))).to_vec();
    let field = bytes.iter().position(|byte| *byte == 6 << 3 | 2).unwrap();
    bytes.splice(field..=field, [0xfa, 0x3f]);
    let refusal = decode_command(bytes.into()).unwrap_err();
    assert!(matches!(refusal, Malformed::Missing { .. }), "{refusal}");
}

#[test]
fn names_that_cannot_be_are_refused() {
    for name in [&b""[..], b".", b"..", b"a/b", b"a\0b", &[b'a'; 256]] {
        let name = Bytes::copy_from_slice(name);
        let refusal = refusal_of_operation(Operation::Mkdir(wire::Mkdir { name, ..mkdir() }));
        assert!(refusal.starts_with("a name cannot be \""), "{refusal}");
    }
    let lookup = wire::Query {
        question: Some(Question::Lookup(wire::Lookup::default())),
    };
    assert!(decode_query(bytes_of(&lookup)).is_err());
}

#[test]
fn modes_and_flags_that_cannot_be_are_refused() {
    let mode = wire::Mkdir {
        mode: 0o10_000,
        ..mkdir()
    };
    assert_eq!(
        refusal_of_operation(Operation::Mkdir(mode)),
        "a mode cannot be 0o10000"
    );
    let umask = wire::Mkdir {
        umask: u32::MAX,
        ..mkdir()
    };
    assert_eq!(
        refusal_of_operation(Operation::Mkdir(umask)),
        "a mode cannot be 0o37777777777"
    );
    let flags = wire::SetFlags {
        flags: 1,
        ..Default::default()
    };
    assert_eq!(
        refusal_of_operation(Operation::SetFlags(flags)),
        "a set of flags cannot be 0x1"
    );
}

#[test]
fn a_time_with_a_second_of_nanoseconds_is_refused() {
    let now = wire::Timestamp {
        seconds: 0,
        nanoseconds: 1_000_000_000,
    };
    let message = wire::Command {
        now: Some(now),
        ..command(Operation::Mkdir(mkdir()))
    };
    assert_eq!(
        refusal_of(&message),
        "a number of nanoseconds cannot be 1000000000"
    );
}

#[test]
fn a_write_that_does_not_say_where_is_refused() {
    let write = wire::Write {
        ino: 1,
        position: None,
        clear_privileges: false,
        data: Bytes::from_static(b"data"),
    };
    assert_eq!(
        refusal_of_operation(Operation::Write(write)),
        "the position of a write is missing"
    );
}

#[test]
fn an_enum_without_a_value_or_with_an_unknown_one_is_refused() {
    let mknod = |kind| {
        refusal_of_operation(Operation::Mknod(wire::Mknod {
            name: Bytes::from_static(b"a"),
            kind,
            ..Default::default()
        }))
    };
    assert_eq!(mknod(0), "the kind of a file is missing");
    assert_eq!(mknod(8), "the kind of a file cannot be 8");
    assert_eq!(mknod(-1), "the kind of a file cannot be -1");
    let fallocate = |mode| {
        refusal_of_operation(Operation::Fallocate(wire::Fallocate {
            mode,
            ..Default::default()
        }))
    };
    assert_eq!(fallocate(0), "the mode of fallocate is missing");
    assert_eq!(fallocate(9), "the mode of fallocate cannot be 9");
    let set_xattr = refusal_of_operation(Operation::SetXattr(wire::SetXattr::default()));
    assert_eq!(set_xattr, "how an extended attribute is set is missing");
    let seek = wire::Query {
        question: Some(Question::Seek(wire::Seek::default())),
    };
    assert_eq!(
        decode_query(bytes_of(&seek)).unwrap_err().to_string(),
        "what is sought is missing"
    );
    for (number, refusal) in [
        (0, "an error is missing"),
        (1000, "an error cannot be 1000"),
    ] {
        let outcome = wire::Outcome {
            result: Some(wire::outcome::Result::Error(number)),
        };
        let reply = wire::QueryReply {
            result: Some(wire::query_reply::Result::Error(number)),
        };
        let outcome = decode_outcome(bytes_of(&outcome)).unwrap_err();
        let reply = decode_reply(bytes_of(&reply)).unwrap_err();
        assert_eq!(outcome.to_string(), refusal);
        assert_eq!(reply.to_string(), refusal);
    }
}

#[test]
fn an_access_mask_of_more_than_a_byte_is_refused() {
    let access = wire::Query {
        question: Some(Question::Access(wire::Access {
            ino: 1,
            mask: 256,
            credentials: Some(wire::Credentials::default()),
        })),
    };
    assert_eq!(
        decode_query(bytes_of(&access)).unwrap_err().to_string(),
        "an access mask cannot be 256"
    );
}

#[test]
fn an_answer_without_its_attributes_is_refused() {
    let entry = wire::Outcome {
        result: Some(wire::outcome::Result::Entry(wire::EntryAnswer::default())),
    };
    let data = wire::QueryReply {
        result: Some(wire::query_reply::Result::Data(wire::FileData::default())),
    };
    for refusal in [
        decode_outcome(bytes_of(&entry)).unwrap_err(),
        decode_reply(bytes_of(&data)).unwrap_err(),
    ] {
        assert_eq!(refusal.to_string(), "the set of attributes is missing");
    }
}

#[test]
fn an_id_that_is_not_sixteen_bytes_long_is_refused() {
    for length in [0, 15, 17] {
        let create = wire::CatalogCommand {
            operation: Some(wire::catalog_command::Operation::CreateCluster(
                wire::CreateCluster {
                    cluster_id: vec![1; length].into(),
                },
            )),
        };
        let refusal = decode_catalog_command(bytes_of(&create)).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            format!("the id of a cluster cannot be {length} bytes long")
        );
    }
}

#[test]
fn no_bytes_at_all_are_refused() {
    let missing = |refusal: Malformed| assert!(matches!(refusal, Malformed::Missing { .. }));
    missing(decode_command(Bytes::new()).unwrap_err());
    missing(decode_outcome(Bytes::new()).unwrap_err());
    missing(decode_query(Bytes::new()).unwrap_err());
    missing(decode_reply(Bytes::new()).unwrap_err());
    missing(decode_catalog_command(Bytes::new()).unwrap_err());
    missing(decode_proposal(Bytes::new()).unwrap_err());
}

#[test]
fn bytes_that_are_no_message_are_refused() {
    let refusal = decode_command(Bytes::from_static(&[0xff])).unwrap_err();
    assert!(matches!(refusal, Malformed::Encoding(_)), "{refusal}");
}
