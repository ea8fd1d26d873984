//! What is committed: the state of all replicas, and what must be true of each step that changes it.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hasher};
use std::ops::ControlFlow;

use bytes::Bytes;
use holdfast_metadata::store::View;
use holdfast_metadata::{
    Command, Create, Credentials, Engine, FileName, Format, InodeId, LockInfo, LockMode, LogIndex,
    MemoryEngine, Mode, News, Operation, Outcome, Position, PosixError, Query, Reply, SessionId,
    StateMachine, Timestamp, invariant, keys,
};

use crate::raft::machine::of_term::of_term;

/// The files that are locked; others come and go.
pub(super) const LOCKED_FILES: usize = 2;

/// The state that all replicas agree about.
#[derive(Debug)]
pub(super) struct Cluster {
    machine: StateMachine<MemoryEngine>,
    index: u64,
    /// All there ever were.
    pub(super) news: Vec<News>,
    pub(super) open: BTreeMap<SessionId, u64>,
    ended: BTreeSet<SessionId>,
    pub(super) orphaned: BTreeMap<InodeId, u64>,
    /// Requests of writes that took effect.
    written: BTreeSet<(SessionId, u64)>,
}

/// What came of an entry.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) outcome: Outcome,
    pub(super) news: Vec<News>,
    /// What must not be.
    pub(super) broken: Vec<String>,
}

impl Cluster {
    pub(super) fn new() -> Cluster {
        let format = Format {
            generation: 1,
            now: Timestamp::default(),
            uid: 0,
            gid: 0,
            mode: Mode::new(0o777),
            awaits_load: false,
        };
        let mut cluster = Cluster {
            machine: StateMachine::open(MemoryEngine::new(), format).unwrap(),
            index: 0,
            news: Vec::new(),
            open: BTreeMap::new(),
            ended: BTreeSet::new(),
            orphaned: BTreeMap::new(),
            written: BTreeSet::new(),
        };
        for file in 0..LOCKED_FILES {
            let create = Operation::Create(create(&format!("locked{file}")));
            cluster.apply(command(create), 0).outcome.unwrap();
        }
        cluster
    }

    /// Applies a command of an entry of this term.
    pub(super) fn apply(&mut self, command: Command, term: u64) -> Done {
        let before = Before::of(self, &command);
        let position = Position {
            index: LogIndex(self.index + 1),
            record: Bytes::new(),
        };
        self.index += 1;
        let command = of_term(command, term);
        let applied = self
            .machine
            .apply_at(position, std::slice::from_ref(&command));
        let mut applied = applied.unwrap();
        let outcome = applied.outcomes.remove(0);
        let mut broken = before.broken(self, &command, &outcome);
        for news in &applied.news {
            match *news {
                News::SessionOpened(session) => {
                    self.open.insert(session, self.index);
                }
                News::SessionEnded(session) => {
                    self.open.remove(&session);
                    self.ended.insert(session);
                }
                News::Orphaned(ino) => {
                    self.orphaned.insert(ino, self.index);
                }
                News::Granted { .. } => {}
            }
        }
        broken.extend(self.locks_in_conflict());
        self.news.extend(&applied.news);
        Done {
            outcome,
            news: applied.news,
            broken,
        }
    }

    pub(super) fn query(&self, query: &Query) -> Result<Reply, PosixError> {
        self.machine.query(query).unwrap()
    }

    pub(super) fn has(&self, session: SessionId) -> bool {
        self.machine.has_session(session).unwrap()
    }

    pub(super) fn has_inode(&self, ino: InodeId) -> bool {
        self.query(&Query::Attributes { ino }).is_ok()
    }

    pub(super) fn orphans(&self) -> Vec<InodeId> {
        let query = Query::Orphans {
            after: InodeId::new(0),
            inodes_max: 4096,
        };
        match self.query(&query) {
            Ok(Reply::Orphans(orphans)) => orphans,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn sessions(&self) -> Vec<SessionId> {
        match self.query(&Query::Sessions) {
            Ok(Reply::Sessions(sessions)) => sessions.iter().map(|info| info.session).collect(),
            other => panic!("{other:?}"),
        }
    }

    /// All that are held or waited for.
    pub(super) fn locks(&self) -> Vec<LockInfo> {
        let query = Query::Locks {
            ino: None,
            after: Bytes::new(),
            entries_max: 4096,
        };
        match self.query(&query) {
            Ok(Reply::Locks { locks, .. }) => locks,
            other => panic!("{other:?}"),
        }
    }

    /// Whether the session has this file for itself.
    pub(super) fn has_locked(&self, session: SessionId, ino: InodeId) -> bool {
        let is_it = |lock: &LockInfo| {
            !lock.waiting && lock.session == session && lock.mode == LockMode::Exclusive
        };
        let of_file = |lock: &LockInfo| lock.ino == ino && is_it(lock);
        self.locks().iter().any(of_file)
    }

    /// The file that was made as the first, second, ...
    pub(super) fn locked_file(file: usize) -> InodeId {
        InodeId::new(2 + file as u64)
    }

    /// What `fsck` would say.
    pub(super) fn damage(&self) -> Vec<String> {
        let violations = invariant::check(&self.machine.engine().view(), &mut |_| ()).unwrap();
        violations.iter().map(ToString::to_string).collect()
    }

    fn locks_in_conflict(&self) -> Vec<String> {
        let mut locks = self.locks();
        locks.retain(|lock| !lock.waiting);
        let mut broken = Vec::new();
        for (place, one) in locks.iter().enumerate() {
            let excludes = |other: &&LockInfo| {
                (one.ino, one.space) == (other.ino, other.space)
                    && (one.session, one.owner) != (other.session, other.owner)
                    && one.range.overlaps(other.range)
                    && (one.mode == LockMode::Exclusive || other.mode == LockMode::Exclusive)
            };
            for other in locks.iter().skip(place + 1).filter(excludes) {
                broken.push(format!("two hold one lock: {one:?} and {other:?}"));
            }
        }
        for lock in &locks {
            if !self.open.contains_key(&lock.session) {
                broken.push(format!("a session that ended holds a lock: {lock:?}"));
            }
        }
        broken
    }

    pub(super) fn size(&self, ino: InodeId) -> u64 {
        match self.query(&Query::Attributes { ino }) {
            Ok(Reply::Attributes(attributes)) => attributes.size,
            other => panic!("{other:?}"),
        }
    }

    /// All keys and values but the volume record, which counts the entries.
    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let (volume, position) = (keys::volume(), keys::position());
        let view = self.machine.engine().view();
        view.scan(&[], &[u8::MAX], &mut |key, value| {
            if key != volume && key != position {
                hasher.write(key);
                hasher.write(value);
            }
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
        hasher.finish()
    }
}

/// What is remembered of the state before a command.
struct Before {
    /// When the session of the command has ended.
    fingerprint: Option<u64>,
    /// When it writes.
    file: Option<(InodeId, u64, bool)>,
}

impl Before {
    fn of(cluster: &Cluster, command: &Command) -> Before {
        let session = command.request.map(|request| request.session);
        let has_ended = session.is_some_and(|session| cluster.ended.contains(&session));
        let file = match (&command.operation, session) {
            (Operation::Write(write), Some(session)) => Some((
                write.ino,
                cluster.size(write.ino),
                cluster.has_locked(session, write.ino),
            )),
            _ => None,
        };
        Before {
            fingerprint: has_ended.then(|| cluster.fingerprint()),
            file,
        }
    }

    fn broken(&self, cluster: &mut Cluster, command: &Command, outcome: &Outcome) -> Vec<String> {
        let mut broken = Vec::new();
        if let Some(before) = self.fingerprint
            && cluster.fingerprint() != before
        {
            broken.push(format!(
                "a command of an ended session took effect: {command:?} {outcome:?}"
            ));
        }
        if let (Some((ino, size, has_locked)), Some(request)) = (self.file, command.request)
            && cluster.size(ino) != size
        {
            if !has_locked {
                broken.push(format!("a write without its lock took effect: {command:?}"));
            }
            if !cluster.written.insert((request.session, request.sequence)) {
                broken.push(format!("a write took effect twice: {command:?}"));
            }
        }
        broken
    }
}

/// A command that nobody tries again.
pub(super) fn command(operation: Operation) -> Command {
    Command {
        request: None,
        now: Timestamp::default(),
        credentials: Credentials::ROOT,
        squashed: false,
        operation,
    }
}

pub(super) fn create(name: &str) -> Create {
    Create {
        parent: InodeId::ROOT,
        name: FileName::new(name.as_bytes()).unwrap(),
        mode: Mode::new(0o666),
        umask: Mode::new(0),
        exclusive: false,
    }
}
