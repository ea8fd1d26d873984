//! One stream that has copies.

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use holdfast_metadata::copies::{self, Record, Touches};
use holdfast_metadata::{InodeId, SessionId};
use holdfast_proto as proto;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::{Copies, Fates, share};
use crate::raft::client_service::Place;
use crate::raft::type_config::GroupId;

/// A mount has one session, and another when that has ended.
const SESSIONS_MAX: usize = 16;

/// What leaves on a stream.
#[derive(Debug)]
pub(crate) enum Sent {
    /// With what it takes until it has left.
    Response(proto::CallResponse, Place),
    Copies(proto::Copies),
    Nodes(Vec<proto::Endpoint>),
}

/// The way to a stream: what is sent here leaves in its order, together with the answers.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// Weak: a stream does not go on for the sake of its copies.
    pub(crate) answers: mpsc::WeakSender<Sent>,
    /// Ends the stream: it did not take what it must hear.
    pub(crate) broken: Arc<Notify>,
}

/// Records that a holder is about to have.
#[derive(Debug)]
pub(crate) struct Given {
    records: Vec<Record>,
    /// What the holder had been told when they were read.
    sent: u64,
}

/// One stream of a mount, which may become a holder.
#[derive(Debug)]
pub(crate) struct Caller {
    line: Line,
    /// A mount has one volume; of another there are no copies on its stream.
    holder: OnceLock<(GroupId, Arc<Holder>)>,
    /// Who was last named on it, for the counts; 0 at first.
    session: AtomicU64,
}

impl Caller {
    pub(crate) fn new(line: Line) -> Caller {
        Caller {
            line,
            holder: OnceLock::new(),
            session: AtomicU64::new(0),
        }
    }

    /// The mount has named its session.
    pub(crate) fn names(&self, session: SessionId) {
        self.session.store(session.0, Ordering::Relaxed);
    }

    /// Whose stream it is, as far as it has said.
    pub(crate) fn session(&self) -> Option<SessionId> {
        let session = self.session.load(Ordering::Relaxed);
        (session != 0).then_some(SessionId(session))
    }

    /// What it has of a group.
    pub(crate) fn holder(&self, group: GroupId) -> Option<Arc<Holder>> {
        let (of, holder) = self.holder.get()?;
        (*of == group).then(|| Arc::clone(holder))
    }

    /// It wants copies of a group.
    pub(crate) fn enter(&self, group: GroupId, copies: &Copies) -> Option<Arc<Holder>> {
        self.holder
            .get_or_init(|| (group, copies.enter(self.line.clone())));
        self.holder(group)
    }

    /// See [`Holder::hears`].
    pub(crate) fn hears(&self, number: u64) {
        if let Some((_, holder)) = self.holder.get() {
            holder.hears(number);
        }
    }

    /// See [`Holder::end`].
    pub(crate) fn end(&self) {
        if let Some((_, holder)) = self.holder.get() {
            holder.end();
        }
    }
}

/// A stream that has copies.
#[derive(Debug)]
pub(crate) struct Holder {
    line: Line,
    reign: Duration,
    /// With copies of one more inode all are taken back.
    inodes_max: usize,
    began: Instant,
    /// When it last asked something whose answer says how long copies may be used: microseconds after it began.
    asked: AtomicU64,
    /// The number of what it was sent last.
    sent: AtomicU64,
    /// The number of what it has confirmed last.
    heard: AtomicU64,
    hears: Notify,
    has_ended: AtomicBool,
    interest: Mutex<Interest>,
}

#[derive(Debug, Default)]
struct Interest {
    inodes: HashSet<InodeId>,
    /// Whose commands come on this stream.
    sessions: BTreeSet<SessionId>,
}

impl Holder {
    pub(super) fn new(line: Line, reign: Duration, inodes_max: usize) -> Holder {
        Holder {
            line,
            reign,
            inodes_max,
            began: Instant::now(),
            asked: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            hears: Notify::new(),
            has_ended: AtomicBool::new(false),
            interest: Mutex::default(),
        }
    }

    /// A question was received at this time, and its answer is about to say how long copies may be used; false when that
    /// must not be said, as the stream is told nothing any more. Whoever waits for this holder sees the question, or this
    /// sees that it has ended.
    pub(crate) fn asked(&self, received: Instant) -> bool {
        let since = received.saturating_duration_since(self.began).as_micros() as u64;
        self.asked.fetch_max(since, Ordering::SeqCst);
        !self.has_ended()
    }

    /// Commands of this session come on this stream.
    pub(crate) fn speaks_for(&self, session: SessionId) {
        let mut interest = self.interest.lock();
        if interest.sessions.len() >= SESSIONS_MAX {
            interest.sessions.clear();
        }
        interest.sessions.insert(session);
    }

    /// It answers from what it was sent up to this number.
    pub(crate) fn hears(&self, number: u64) {
        // Nobody can have heard what was not sent.
        let number = number.min(self.sent());
        self.heard.fetch_max(number, Ordering::AcqRel);
        self.hears.notify_waiters();
    }

    /// The stream is over. Who was at its other end may use the copies for a while.
    pub(crate) fn end(&self) {
        self.has_ended.store(true, Ordering::SeqCst);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::SeqCst) || self.line.answers.strong_count() == 0
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Acquire)
    }

    pub(super) fn has_heard_all(&self) -> bool {
        self.heard.load(Ordering::Acquire) >= self.sent()
    }

    /// Whether its copies may be in use.
    pub(super) fn may_use(&self, now: Instant) -> bool {
        now < self.over()
    }

    /// When its copies are not used any more, as far as it has asked.
    fn over(&self) -> Instant {
        self.began + Duration::from_micros(self.asked.load(Ordering::SeqCst)) + self.reign
    }

    /// Waits until it has heard this, or does not use its copies any more. What it asks meanwhile is answered behind what it is
    /// to hear.
    pub(super) async fn heard_or_over(&self, number: u64) {
        let over = self.over();
        loop {
            let hears = self.hears.notified();
            tokio::pin!(hears);
            hears.as_mut().enable();
            if self.heard.load(Ordering::Acquire) >= number || Instant::now() >= over {
                return;
            }
            tokio::select! {
                biased;
                () = hears => {}
                () = tokio::time::sleep_until(over) => {}
            }
        }
    }

    /// Whether anything may be given is asked under the lock, so that what is given is not behind a reset.
    pub(super) fn note(
        &self,
        records: Vec<Record>,
        is_open: impl FnOnce() -> bool,
    ) -> Option<Given> {
        let mut interest = self.interest.lock();
        if records.is_empty() || !is_open() {
            return None;
        }
        let inodes = records.iter().filter_map(|(key, _)| copies::inode_of(key));
        interest.inodes.extend(inodes);
        self.check_size(&mut interest);
        Some(Given {
            records,
            sent: self.sent(),
        })
    }

    pub(super) fn give(&self, given: Given, is_open: impl FnOnce() -> bool) {
        let _interest = self.interest.lock();
        if is_open() && self.sent() == given.sent {
            self.send(proto::Copies {
                records: given.records.into_iter().map(record).collect(),
                ..proto::Copies::default()
            });
        }
    }

    pub(super) fn fates(&self, touches: &Touches, may_give: bool) -> Fates {
        let mut interest = self.interest.lock();
        let mut fates = Fates::default();
        for (ino, sessions) in touches.iter() {
            if may_give && share(&interest.sessions, sessions) {
                interest.inodes.insert(ino);
                fates.renewed.push(ino);
            } else if interest.inodes.remove(&ino) {
                fates.dropped.push(ino);
            }
        }
        fates
    }

    /// What would have been renewed is dropped instead.
    pub(super) fn drop_renewed(&self, fates: &mut Fates) {
        let mut interest = self.interest.lock();
        for ino in fates.renewed.drain(..) {
            interest.inodes.remove(&ino);
            fates.dropped.push(ino);
        }
    }

    pub(super) fn tell(&self, fates: &Fates, changes_of: impl Fn(InodeId) -> Vec<Record>) {
        if fates.is_empty() {
            return;
        }
        let renewed = fates.renewed.iter().flat_map(|ino| changes_of(*ino));
        let copies = proto::Copies {
            dropped: fates.dropped.iter().map(|ino| ino.get()).collect(),
            records: renewed.map(record).collect(),
            ..proto::Copies::default()
        };
        let mut interest = self.interest.lock();
        self.send_numbered(copies);
        self.check_size(&mut interest);
    }

    fn check_size(&self, interest: &mut Interest) {
        if interest.inodes.len() > self.inodes_max {
            self.reset_locked(interest);
        }
    }

    pub(super) fn reset(&self) {
        self.reset_locked(&mut self.interest.lock());
    }

    fn reset_locked(&self, interest: &mut Interest) {
        interest.inodes.clear();
        self.send_numbered(proto::Copies {
            reset: true,
            ..proto::Copies::default()
        });
    }

    /// Under the lock of the interest: numbers leave in their order.
    fn send_numbered(&self, copies: proto::Copies) {
        let number = self.sent.fetch_add(1, Ordering::AcqRel) + 1;
        self.send(proto::Copies { number, ..copies });
    }

    fn send(&self, copies: proto::Copies) {
        if self.has_ended() {
            return;
        }
        let answers = self.line.answers.upgrade();
        let is_sent = answers.is_some_and(|answers| answers.try_send(Sent::Copies(copies)).is_ok());
        if !is_sent {
            tracing::debug!("a mount does not take what it is told: its stream ends");
            // It would answer from what it should have dropped.
            self.end();
            self.line.broken.notify_one();
        }
    }
}

fn record((key, value): Record) -> proto::Record {
    proto::Record {
        key: key.into(),
        value,
    }
}
