//! What a mount may ask of a volume: whatever it says, the state stays sound and every replica goes on.
//!
//! A command that panics or reports a fault in `apply` does so on every node, and again whenever the log is replayed.

use bytes::Bytes;
use holdfast_metadata::{
    Command, Create, Credentials, Engine, FileName, Format, InodeId, LockMode, LockOwner,
    LockRange, LockSpace, MemoryEngine, Mkdir, Mode, OpenSession, Operation, RequestId, SessionId,
    SetLock, StateMachine, Symlink, Timestamp, Unlink, Write, WritePosition, invariant,
};
use holdfast_proto as proto;
use holdfast_proto::call_request::Body;
use prost::Message;

/// The session that speaks; another one holds a lock.
const SESSION: SessionId = SessionId(7);
const OTHER: SessionId = SessionId(8);

/// The file of the volume, and what has no name any more.
const FILE: InodeId = InodeId::new(3);

/// A message as a mount sends it; what it asks is done in its order.
pub(super) fn commands(bytes: &[u8]) {
    let Ok(message) = proto::CallRequests::decode(Bytes::copy_from_slice(bytes)) else {
        return;
    };
    let machine = volume();
    for (sequence, request) in (100..).zip(message.requests) {
        match request.body {
            Some(Body::Command(command)) => change(&machine, command, sequence),
            Some(Body::Query(query)) => ask(&machine, query),
            Some(Body::Attend(_)) | None => {}
        }
    }
    let view = machine.engine().view();
    let violations = invariant::check(&view, &mut |_| ()).unwrap();
    assert!(violations.is_empty(), "{violations:?}");
}

/// A message with these bodies.
pub(super) fn input(bodies: impl IntoIterator<Item = Body>) -> Vec<u8> {
    let requests = bodies.into_iter().map(|body| proto::CallRequest {
        body: Some(body),
        ..proto::CallRequest::default()
    });
    proto::CallRequests {
        requests: requests.collect(),
        heard: 0,
    }
    .encode_to_vec()
}

fn ask(machine: &StateMachine<MemoryEngine>, query: Bytes) {
    if let Ok(query) = proto::decode_query(query) {
        let reply = machine.query(&query).unwrap();
        proto::decode_reply(proto::encode_reply(reply))
            .unwrap()
            .ok();
    }
}

/// Runs it as a node would: what only a leader decides does not come from a mount.
fn change(machine: &StateMachine<MemoryEngine>, command: Bytes, sequence: u64) {
    let Ok(mut command) = proto::decode_command(command) else {
        return;
    };
    if command.operation.is_duty() {
        return;
    }
    let said = command.request.map_or(0, |request| request.acknowledged);
    command.request = Some(RequestId {
        session: SESSION,
        sequence,
        acknowledged: said,
    });
    let outcomes = machine.apply_next(&[command]).unwrap();
    for outcome in outcomes {
        proto::decode_outcome(proto::encode_outcome(&outcome))
            .unwrap()
            .ok();
    }
}

/// Root 1, directory 2, file 3 with data, symlink 4 and an orphan 5; a lock that is held and one that is waited for.
fn volume() -> StateMachine<MemoryEngine> {
    let format = Format {
        generation: 1,
        now: Timestamp::default(),
        uid: 0,
        gid: 0,
        mode: Mode::new(0o755),
        awaits_load: false,
    };
    let machine = StateMachine::open(MemoryEngine::new(), format).unwrap();
    for (sequence, (session, operation)) in (1..).zip(operations()) {
        let command = Command {
            request: Some(RequestId {
                session,
                sequence,
                acknowledged: 0,
            }),
            now: Timestamp::default(),
            credentials: Credentials::ROOT,
            squashed: false,
            operation,
        };
        let outcomes = machine.apply_next(&[command]).unwrap();
        for outcome in outcomes {
            drop(outcome.unwrap());
        }
    }
    machine
}

/// What makes the volume, and in which session.
fn operations() -> Vec<(SessionId, Operation)> {
    let name = |name: &str| FileName::new(name.as_bytes()).unwrap();
    let parent = InodeId::ROOT;
    let (mode, umask) = (Mode::new(0o755), Mode::new(0));
    let create = |text| {
        Operation::Create(Create {
            parent,
            name: name(text),
            mode,
            umask,
            exclusive: true,
        })
    };
    let lock = |owner| {
        Operation::SetLock(SetLock {
            ino: FILE,
            space: LockSpace::Posix,
            owner: LockOwner(owner),
            range: LockRange { start: 10, end: 20 },
            mode: LockMode::Exclusive,
            process: 1,
            wait: true,
        })
    };
    let open = || {
        Operation::OpenSession(OpenSession {
            host: "host".to_owned(),
            process: 1,
            version: String::new(),
            mountpoint: String::new(),
        })
    };
    let mut operations = vec![(SESSION, open()), (OTHER, open())];
    operations.extend(
        [
            Operation::Mkdir(Mkdir {
                parent,
                name: name("directory"),
                mode,
                umask,
            }),
            create("file"),
            Operation::Symlink(Symlink {
                parent,
                name: name("link"),
                target: Bytes::from_static(b"target"),
            }),
            create("orphan"),
            write(FILE),
            write(InodeId::new(5)),
            Operation::Unlink(Unlink {
                parent,
                name: name("orphan"),
            }),
            lock(1),
            lock(2),
        ]
        .map(|operation| (OTHER, operation)),
    );
    operations
}

fn write(ino: InodeId) -> Operation {
    Operation::Write(Write {
        ino,
        position: WritePosition::At(100),
        data: Bytes::from_static(&[7; 5000]),
        clear_privileges: false,
    })
}
