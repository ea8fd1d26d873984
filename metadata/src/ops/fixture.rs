//! A volume in memory and short ways to change it, for the unit tests of the operations.

use bytes::Bytes;

use crate::command::{
    Command, Create, Link, Mkdir, OpenSession, Operation, Rename, RenameFlags, Rmdir, Symlink,
    Unlink,
};
use crate::outcome::{Answer, Outcome, PosixError, Reply};
use crate::query::Query;
use crate::state_machine::{Format, StateMachine};
use crate::store::MemoryEngine;
use crate::types::{
    Attributes, Cookie, Credentials, FileName, InodeId, Mode, RequestId, SessionId, Timestamp,
};

pub(crate) struct Fixture {
    pub(crate) machine: StateMachine<MemoryEngine>,
    /// The time of the next command; it advances by a second with each.
    seconds: i64,
}

pub(crate) fn name(text: &str) -> FileName {
    FileName::new(text.as_bytes()).unwrap()
}

/// A command of a session.
pub(crate) fn of_session(session: u64, sequence: u64, operation: Operation) -> Command {
    Command {
        request: Some(RequestId {
            session: SessionId(session),
            sequence,
            acknowledged: 0,
        }),
        now: Timestamp::default(),
        credentials: Credentials::ROOT,
        squashed: false,
        operation,
    }
}

/// Registers a session of nobody in particular.
pub(crate) fn open_session() -> Operation {
    Operation::OpenSession(OpenSession::default())
}

impl Fixture {
    pub(crate) fn new() -> Fixture {
        let format = Format::of_root(7, Timestamp::default());
        Fixture {
            machine: StateMachine::open(MemoryEngine::new(), format).unwrap(),
            seconds: 0,
        }
    }

    pub(crate) fn run(&mut self, operation: Operation) -> Outcome {
        self.run_as(Credentials::ROOT, operation)
    }

    pub(crate) fn run_as(&mut self, credentials: Credentials, operation: Operation) -> Outcome {
        self.seconds += 1;
        let command = Command {
            request: None,
            now: self.now(),
            credentials,
            squashed: false,
            operation,
        };
        self.machine.apply_next(&[command]).unwrap().remove(0)
    }

    /// The time of the last command.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::new(self.seconds, 5).unwrap()
    }

    pub(crate) fn create(&mut self, parent: InodeId, text: &str) -> InodeId {
        let outcome = self.run(Operation::Create(Create {
            parent,
            name: name(text),
            mode: Mode::new(0o644),
            umask: Mode::default(),
            exclusive: true,
        }));
        entry(outcome).ino
    }

    pub(crate) fn mkdir(&mut self, parent: InodeId, text: &str) -> InodeId {
        let outcome = self.run(Operation::Mkdir(Mkdir {
            parent,
            name: name(text),
            mode: Mode::new(0o755),
            umask: Mode::default(),
        }));
        entry(outcome).ino
    }

    pub(crate) fn symlink(&mut self, parent: InodeId, text: &str, target: &[u8]) -> Outcome {
        self.run(Operation::Symlink(Symlink {
            parent,
            name: name(text),
            target: Bytes::copy_from_slice(target),
        }))
    }

    pub(crate) fn link(&mut self, ino: InodeId, parent: InodeId, text: &str) -> Outcome {
        self.run(Operation::Link(Link {
            ino,
            parent,
            name: name(text),
        }))
    }

    pub(crate) fn unlink(&mut self, parent: InodeId, text: &str) -> Outcome {
        self.run(Operation::Unlink(Unlink {
            parent,
            name: name(text),
        }))
    }

    pub(crate) fn rmdir(&mut self, parent: InodeId, text: &str) -> Outcome {
        self.run(Operation::Rmdir(Rmdir {
            parent,
            name: name(text),
            seen: None,
        }))
    }

    pub(crate) fn rename(
        &mut self,
        from: (InodeId, &str),
        to: (InodeId, &str),
        flags: RenameFlags,
    ) -> Outcome {
        self.run(Operation::Rename(Rename {
            parent: from.0,
            name: name(from.1),
            new_parent: to.0,
            new_name: name(to.1),
            flags,
            seen: None,
        }))
    }

    pub(crate) fn lookup(&self, parent: InodeId, text: &str) -> Result<InodeId, PosixError> {
        let query = Query::Lookup {
            parent,
            name: name(text),
        };
        match self.machine.query(&query).unwrap()? {
            Reply::Attributes(attributes) => Ok(attributes.ino),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn attributes(&self, ino: InodeId) -> Result<Attributes, PosixError> {
        match self.machine.query(&Query::Attributes { ino }).unwrap()? {
            Reply::Attributes(attributes) => Ok(attributes),
            other => panic!("{other:?}"),
        }
    }

    /// The names of a directory in the order of listing, without `.` and `..`.
    pub(crate) fn list(&self, ino: InodeId) -> Vec<(String, Cookie)> {
        let query = Query::ReadDirectory {
            ino,
            after: Cookie::DOT_DOT,
            entries_max: usize::MAX,
            with_attributes: true,
        };
        match self.machine.query(&query).unwrap().unwrap() {
            Reply::Directory { entries, .. } => entries
                .into_iter()
                .map(|entry| {
                    let attributes = entry.attributes.unwrap();
                    assert_eq!((attributes.ino, attributes.kind), (entry.ino, entry.kind));
                    (
                        String::from_utf8(entry.name.to_vec()).unwrap(),
                        entry.cookie,
                    )
                })
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn names(&self, ino: InodeId) -> Vec<String> {
        self.list(ino).into_iter().map(|(name, _)| name).collect()
    }
}

pub(crate) fn entry(outcome: Outcome) -> Attributes {
    match outcome.unwrap() {
        Answer::Entry { attributes, .. } => attributes,
        other => panic!("{other:?}"),
    }
}
