//! A state, the streams of some mounts, and what these keep.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use bytes::Bytes;
use holdfast_metadata::{
    Answer, Command, Create, Credentials, FileName, Format, InodeId, LogIndex, MemoryEngine, Mode,
    OpenSession, Operation, Outcome, Position, PosixError, Query, Reply, RequestId, SessionId,
    StateMachine, Timestamp,
};
use holdfast_proto as proto;
use tokio::sync::{Notify, mpsc};

use crate::call::{Kept, Moment};
use crate::raft::copies::{Copies, Holder, Line, Sent};

pub(super) const REIGN: Duration = Duration::from_millis(200);
pub(super) const TERM: u64 = 5;
const LINE_MAX: usize = 64;

pub(super) struct Scene {
    pub(super) machine: StateMachine<MemoryEngine>,
    pub(super) copies: Copies,
    pub(super) streams: Vec<Stream>,
    index: u64,
}

/// One mount.
pub(super) struct Stream {
    pub(super) holder: Arc<Holder>,
    kept: Kept,
    sender: mpsc::Sender<Sent>,
    incoming: mpsc::Receiver<Sent>,
    broken: Arc<Notify>,
    session: SessionId,
    sequence: u64,
}

impl Stream {
    fn new(copies: &Copies, session: SessionId) -> Stream {
        let (sender, incoming) = mpsc::channel(LINE_MAX);
        let broken = Arc::<Notify>::default();
        let line = Line {
            answers: sender.downgrade(),
            broken: Arc::clone(&broken),
        };
        let holder = copies.enter(line);
        holder.speaks_for(session);
        let kept = Kept::new(1 << 17);
        kept.extend(Moment::now(), Duration::from_hours(1));
        Stream {
            holder,
            kept,
            sender,
            incoming,
            broken,
            session,
            sequence: 0,
        }
    }

    fn receive(&mut self) -> Option<proto::Copies> {
        match self.incoming.try_recv().ok()? {
            Sent::Copies(copies) => Some(copies),
            Sent::Response(..) | Sent::Nodes(_) => panic!("nobody answers here"),
        }
    }

    /// The next thing arrives and is confirmed; false when there is none.
    pub(super) fn deliver_one(&mut self) -> bool {
        let Some(copies) = self.receive() else {
            return false;
        };
        let number = self.kept.take(vec![copies]);
        self.holder.hears(number);
        true
    }

    pub(super) fn deliver(&mut self) {
        while self.deliver_one() {}
    }

    pub(super) fn is_quiet(&mut self) -> bool {
        self.receive().is_none()
    }

    pub(super) fn fill(&mut self) {
        while let Ok(permit) = self.sender.try_reserve() {
            permit.send(Sent::Copies(proto::Copies::default()));
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        use futures_util::FutureExt;
        self.broken.notified().now_or_never().is_some()
    }
}

pub(super) fn root() -> Query {
    Query::Attributes { ino: InodeId::ROOT }
}

pub(super) fn lookup(name: &str) -> Query {
    Query::Lookup {
        parent: InodeId::ROOT,
        name: FileName::new(name.as_bytes()).unwrap(),
    }
}

impl Scene {
    pub(super) fn new(streams: u64) -> Scene {
        let format = Format::of_root(1, Timestamp::default());
        let copies = Copies::new(REIGN, true);
        copies.enter_term(TERM);
        let sessions = 1..=streams;
        let mut scene = Scene {
            machine: StateMachine::open(MemoryEngine::new(), format).unwrap(),
            streams: sessions
                .map(|session| Stream::new(&copies, SessionId(session)))
                .collect(),
            copies,
            index: 0,
        };
        for stream in 0..scene.streams.len() {
            let open = OpenSession::default();
            scene.apply(stream, Operation::OpenSession(open)).unwrap();
        }
        scene
    }

    /// With two streams, when nobody may have copies of an earlier process any more.
    pub(super) async fn after_start() -> Scene {
        let scene = Scene::new(2);
        scene.copies.settled(None).await;
        scene
    }

    pub(super) fn holders(&self) -> impl Iterator<Item = &Arc<Holder>> {
        self.streams.iter().map(|stream| &stream.holder)
    }

    /// A mount asks the leader; what it may keep comes with the answer, which waits until all others have heard.
    pub(super) fn ask(&mut self, stream: usize, query: &Query) {
        let holder = &self.streams[stream].holder;
        let mut given = None;
        let note = |records| given = self.copies.note(holder, records);
        drop(self.machine.query_and_keep(query, note).unwrap());
        let others = self.holders().filter(|other| !Arc::ptr_eq(other, holder));
        let is_settled = others.into_iter().all(|other| other.has_heard_all());
        if let Some(given) = given.filter(|_| is_settled) {
            self.copies.give(holder, given);
        }
        assert!(holder.asked(Instant::now()));
        self.streams[stream].deliver();
    }

    /// What a mount answers by itself.
    pub(super) fn kept(&self, stream: usize, query: &Query) -> Option<Result<Reply, PosixError>> {
        self.streams[stream].kept.answer(query)
    }

    pub(super) fn apply(&mut self, stream: usize, operation: Operation) -> Outcome {
        self.index += 1;
        let stream = &mut self.streams[stream];
        let command = Command {
            request: Some(RequestId {
                session: stream.session,
                sequence: stream.sequence,
                acknowledged: 0,
            }),
            now: Timestamp {
                seconds: self.index as i64,
                nanoseconds: 0,
            },
            credentials: Credentials::ROOT,
            squashed: false,
            operation,
        };
        stream.sequence += 1;
        let position = Position {
            index: LogIndex(self.index),
            record: Bytes::new(),
        };
        let applied = self
            .machine
            .apply_before(position, &[command], Some(&self.copies));
        applied.unwrap().outcomes.remove(0)
    }

    pub(super) fn create(&mut self, stream: usize, name: &str) -> InodeId {
        let create = Create {
            parent: InodeId::ROOT,
            name: FileName::new(name.as_bytes()).unwrap(),
            mode: Mode::new(0o644),
            umask: Mode::default(),
            exclusive: true,
        };
        match self.apply(stream, Operation::Create(create)) {
            Ok(Answer::Entry { attributes, .. }) => attributes.ino,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn deliver_all(&mut self) {
        for stream in &mut self.streams {
            stream.deliver();
        }
    }
}
