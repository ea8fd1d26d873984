//! Requests for locks in short: `"A W 0-9"`.
//!
//! Who asks (`A` to `D` are of session 1, `E` to `H` of session 2, and so on; each is a process of its
//! own), what for (`r` shared and `w` alone, as capitals when it waits; `u` unlocks) and which bytes, `5-`
//! being all from 5 on. Then, if not the first file, which: `"A W 0-9 g"`.

use bytes::Bytes;

use crate::command::{CancelLock, Command, ExpireSession, OpenSession, Operation, SetLock, Unlock};
use crate::invariant;
use crate::keys;
use crate::news::News;
use crate::ops::fixture::Fixture;
use crate::outcome::{Answer, Outcome, Reply};
use crate::query::Query;
use crate::record::LockCount;
use crate::store::{Batch, Engine};
use crate::types::{
    Credentials, InodeId, LockMode, LockOwner, LockRange, LockSpace, Position, RequestId,
    SessionId, Timestamp,
};

pub(super) struct Desk {
    pub(super) fixture: Fixture,
    space: LockSpace,
    sequence: u64,
    news: Vec<News>,
    /// Said of the next requests instead of a process for each.
    process: Option<u32>,
    /// Whether the invariants hold.
    sound: bool,
}

impl Desk {
    pub(super) fn new(space: LockSpace) -> Desk {
        let mut fixture = Fixture::new();
        for name in ["f", "g", "h", "i", "j"] {
            fixture.create(InodeId::ROOT, name);
        }
        let mut desk = Desk {
            fixture,
            space,
            sequence: 0,
            news: Vec::new(),
            process: None,
            sound: true,
        };
        for session in 1..=6 {
            let open = Operation::OpenSession(OpenSession::default());
            desk.apply(SessionId(session), open).unwrap();
        }
        desk
    }

    /// The requests that follow are for locks of another kind.
    pub(super) fn of(&mut self, space: LockSpace) -> &mut Desk {
        self.space = space;
        self
    }

    /// The requests that follow come from this process.
    pub(super) fn by(&mut self, process: u32) -> &mut Desk {
        self.process = Some(process);
        self
    }

    /// As if a session had so many locks elsewhere.
    pub(super) fn pretend(&mut self, session: u64, locks: u32) {
        let mut batch = Batch::default();
        let count = LockCount { locks };
        let key = keys::lock_count(SessionId(session));
        batch.set(key, Some(count.encode()));
        self.fixture.machine.engine().commit(batch).unwrap();
        self.sound = false;
    }

    /// What a request answers: `locked`, `waiting`, `done` or the name of an error.
    pub(super) fn ask(&mut self, request: &str) -> String {
        let parts: Vec<&str> = request.split(' ').collect();
        let letter = parts[0].as_bytes()[0];
        let (session, owner) = whose(letter);
        let range = match parts[2].split_once('-').unwrap() {
            (start, "") => (start.parse().unwrap(), u64::MAX),
            (start, end) => (start.parse().unwrap(), end.parse().unwrap()),
        };
        let range = LockRange {
            start: range.0,
            end: range.1,
        };
        let ino = file(parts.get(3).unwrap_or(&"f"));
        let space = self.space;
        let operation = if parts[1] == "u" {
            Operation::Unlock(Unlock {
                ino,
                space,
                owner,
                range,
            })
        } else {
            Operation::SetLock(SetLock {
                ino,
                space,
                owner,
                range,
                mode: match parts[1] {
                    "r" | "R" => LockMode::Shared,
                    "w" | "W" => LockMode::Exclusive,
                    other => panic!("{other}"),
                },
                process: self.process.unwrap_or(u32::from(letter)),
                wait: parts[1] == parts[1].to_uppercase(),
            })
        };
        said(&self.apply(session, operation))
    }

    /// Each of the requests answers this.
    pub(super) fn all(&mut self, answer: &str, requests: &[&str]) {
        for request in requests {
            assert_eq!(self.ask(request), answer, "{request}");
        }
    }

    /// Cancels a request of the owner's session for a lock of the first file.
    pub(super) fn cancel(&mut self, owner: &str, sequence: u64) -> String {
        let (session, _) = whose(owner.as_bytes()[0]);
        let ino = file("f");
        let outcome = self.apply(session, Operation::CancelLock(CancelLock { ino, sequence }));
        said(&outcome)
    }

    pub(super) fn expire(&mut self, session: u64) {
        let session = SessionId(session);
        let expire = Operation::ExpireSession(ExpireSession { session, term: 1 });
        self.apply(session, expire).unwrap();
    }

    /// The sequence of the last request.
    pub(super) fn last(&self) -> u64 {
        self.sequence
    }

    /// Runs an operation as the next request of a session.
    pub(super) fn apply(&mut self, session: SessionId, operation: Operation) -> Outcome {
        self.sequence += 1;
        self.again(session, self.sequence, operation)
    }

    /// Runs an operation as this request.
    pub(super) fn again(
        &mut self,
        session: SessionId,
        sequence: u64,
        operation: Operation,
    ) -> Outcome {
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
        let position = Position {
            index: self.fixture.machine.applied().next(),
            record: Bytes::new(),
        };
        let applied = self.fixture.machine.apply_at(position, &[command]).unwrap();
        self.news.extend(applied.news);
        let view = self.fixture.machine.engine().view();
        if self.sound {
            assert_eq!(invariant::check(&view, &mut |_| ()), Ok(Vec::new()));
        }
        applied.outcomes[0].clone()
    }

    /// The sequences of the requests that were granted since this was last asked.
    pub(super) fn granted(&mut self) -> Vec<u64> {
        let news = std::mem::take(&mut self.news).into_iter();
        news.filter_map(|news| match news {
            News::Granted { sequence, .. } => Some(sequence),
            News::Orphaned(_) | News::SessionOpened(_) | News::SessionEnded(_) => None,
        })
        .collect()
    }

    /// The locks of the first file, as requests: by first byte those that are held, then who waits.
    pub(super) fn locks(&self) -> String {
        let query = Query::Locks {
            ino: Some(file("f")),
            after: Bytes::new(),
            entries_max: 100,
        };
        let Reply::Locks { mut locks, .. } = self.fixture.machine.query(&query).unwrap().unwrap()
        else {
            panic!("no locks");
        };
        locks.sort_by_key(|lock| {
            (
                lock.waiting,
                if lock.waiting { 0 } else { lock.range.start },
            )
        });
        let line = locks.iter().map(|lock| {
            let owner = char::from(lock.owner.0 as u8);
            let mode = match (lock.mode, lock.waiting) {
                (LockMode::Shared, false) => 'r',
                (LockMode::Exclusive, false) => 'w',
                (LockMode::Shared, true) => 'R',
                (LockMode::Exclusive, true) => 'W',
            };
            let end = match lock.range.end {
                u64::MAX => String::new(),
                end => end.to_string(),
            };
            format!("{owner} {mode} {}-{end}", lock.range.start)
        });
        line.collect::<Vec<_>>().join(", ")
    }
}

pub(super) fn file(name: &str) -> InodeId {
    InodeId::new(u64::from(name.as_bytes()[0] - b'f') + 2)
}

fn whose(letter: u8) -> (SessionId, LockOwner) {
    let session = u64::from(letter - b'A') / 4 + 1;
    (SessionId(session), LockOwner(u64::from(letter)))
}

fn said(outcome: &Outcome) -> String {
    match outcome {
        Ok(Answer::Locked) => "locked".to_owned(),
        Ok(Answer::Waiting) => "waiting".to_owned(),
        Ok(Answer::Done) => "done".to_owned(),
        Ok(other) => panic!("{other:?}"),
        Err(error) => format!("{error:?}"),
    }
}
