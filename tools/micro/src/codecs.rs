//! What travels and what is logged is written and read.

use bytes::Bytes;
use holdfast_metadata::{
    Answer, Attributes, Command, Create, Credentials, FileKind, FileName, InodeFlags, InodeId,
    Mode, Operation, Query, RequestId, SessionId, Timestamp, Write, WritePosition,
};
use holdfast_proto::{
    decode_command, decode_outcome, decode_query, encode_command, encode_outcome, encode_query,
};

use crate::measure::Bench;

const NOW: Timestamp = Timestamp {
    seconds: 1_790_000_000,
    nanoseconds: 123_456_789,
};

pub(crate) fn run(bench: &mut Bench) {
    let commands = [
        ("create", create()),
        ("write of 4 KiB", write(4096)),
        ("write of 128 KiB", write(131_072)),
    ];
    for (what, command) in commands {
        let bytes = encode_command(&command);
        let (encode, decode) = (format!("encode {what}"), format!("decode {what}"));
        bench.measure(&encode, || (), |()| encode_command(&command));
        bench.measure(
            &decode,
            || bytes.clone(),
            |bytes| decode_command(bytes).unwrap(),
        );
    }
    let outcome = Ok(entry());
    let bytes = encode_outcome(&outcome);
    bench.measure("encode outcome", || (), |()| encode_outcome(&outcome));
    bench.measure(
        "decode outcome",
        || bytes.clone(),
        |bytes| decode_outcome(bytes).unwrap(),
    );
    let query = lookup();
    let bytes = encode_query(&query);
    bench.measure("encode lookup", || (), |()| encode_query(&query));
    bench.measure(
        "decode lookup",
        || bytes.clone(),
        |bytes| decode_query(bytes).unwrap(),
    );
}

fn command(operation: Operation) -> Command {
    let request = RequestId {
        session: SessionId(0x1234_5678_0000_0001),
        sequence: 123_456,
        acknowledged: 123_440,
    };
    Command {
        request: Some(request),
        now: NOW,
        credentials: Credentials::ROOT,
        squashed: false,
        operation,
    }
}

fn create() -> Command {
    command(Operation::Create(Create {
        parent: InodeId::new(4711),
        name: name(),
        mode: Mode::new(0o644),
        umask: Mode::new(0o022),
        exclusive: true,
    }))
}

fn name() -> FileName {
    FileName::new(b"a-name-of-usual-length.txt").unwrap()
}

fn write(bytes: usize) -> Command {
    command(Operation::Write(Write {
        ino: InodeId::new(4711),
        position: WritePosition::At(4096),
        data: Bytes::from(vec![7; bytes]),
        clear_privileges: false,
    }))
}

fn entry() -> Answer {
    Answer::Entry {
        attributes: Attributes {
            ino: InodeId::new(4712),
            generation: 1,
            kind: FileKind::Regular,
            mode: Mode::new(0o644),
            flags: InodeFlags::default(),
            uid: 1000,
            gid: 1000,
            nlink: 1,
            device: 0,
            project: 0,
            size: 123_456,
            allocated: 123_456,
            xattrs: 0,
            atime: NOW,
            mtime: NOW,
            ctime: NOW,
            btime: NOW,
        },
        created: true,
    }
}

fn lookup() -> Query {
    Query::Lookup {
        parent: InodeId::new(4711),
        name: name(),
    }
}
