//! Keeps the session of the mount alive, and passes on what the leader tells it.
//!
//! One call is parked at the leader at all times; each answer renews the lease. Everything that is said here is said again
//! until an answer has confirmed it, and is idempotent: a call may be lost at any point.

mod memory;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use holdfast_metadata::{InodeId, SessionId};
use holdfast_proto::{Attended, News, news};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};

pub(crate) use self::memory::Memory;
use super::asking::Asking;
use super::session::Session;
use super::sessions::Sessions;
use super::waits::Waits;
use crate::call::{AnswerBody, CallBody};
use crate::error::ReplicateError;
use crate::replicator::Attendant;

/// A parked call is answered after 3 s at the latest; one that is not answered for so long is tried at another node.
const PATIENCE: Duration = Duration::from_secs(5);
/// What is to be said comes in bursts; it waits for so long.
const GATHER: Duration = Duration::from_millis(20);
/// After an answer that is not understood.
const PAUSE: Duration = Duration::from_millis(500);

/// The attendance of one mount.
pub(super) struct Attending {
    asking: Arc<Asking>,
    sessions: Arc<Sessions>,
    waits: Arc<Waits>,
    attendant: OnceLock<Arc<dyn Attendant>>,
    memory: Mutex<Memory>,
    /// There is something to say.
    news: Notify,
    /// Orphans to decide about.
    questions: mpsc::UnboundedSender<Question>,
    /// Until the tasks are started.
    asked: Mutex<Option<mpsc::UnboundedReceiver<Question>>>,
    runtime: Handle,
    is_stopped: AtomicBool,
}

/// Orphans of some news.
struct Question {
    session: SessionId,
    term: u64,
    /// The last number of these news.
    number: u64,
    orphans: Vec<InodeId>,
}

impl Attending {
    pub(super) fn new(
        asking: Arc<Asking>,
        sessions: Arc<Sessions>,
        waits: Arc<Waits>,
        runtime: &Handle,
    ) -> Arc<Attending> {
        let (questions, asked) = mpsc::unbounded_channel();
        Arc::new(Attending {
            asking,
            sessions,
            waits,
            attendant: OnceLock::new(),
            memory: Mutex::default(),
            news: Notify::new(),
            questions,
            asked: Mutex::new(Some(asked)),
            runtime: runtime.clone(),
            is_stopped: AtomicBool::new(false),
        })
    }

    /// Begins to attend once the session is registered; the tasks run until the runtime ends.
    pub(super) fn start(self: &Arc<Attending>) {
        if let Some(asked) = self.asked.lock().take() {
            self.runtime.spawn(Arc::clone(self).attend());
            self.runtime.spawn(Arc::clone(self).decide(asked));
        }
    }

    /// Nothing more is said, and no session follows one that is gone.
    pub(super) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
    }

    /// Who is asked about orphans from now on; before, nothing is in use.
    pub(super) fn set_attendant(&self, attendant: Arc<dyn Attendant>) {
        if self.attendant.set(attendant).is_err() {
            tracing::error!("a replicator serves two mounts");
        }
    }

    /// An inode that was kept is not in use any more.
    pub(super) fn release(&self, ino: InodeId) {
        self.memory.lock().release(ino);
        self.news.notify_one();
    }

    async fn attend(self: Arc<Attending>) {
        let mut is_lapsed = false;
        while !self.is_stopped.load(Ordering::Acquire) {
            let session = self.sessions.current();
            match session.opened().await {
                Ok(()) => {}
                Err(ReplicateError::Stopped) => return,
                Err(_) => {
                    self.asking.sleep(PAUSE).await;
                    continue;
                }
            }
            let said = self.memory.lock().compose(session.id);
            let began = Instant::now();
            let call = self.asking.attend(CallBody::Attend(said.clone()), PATIENCE);
            let is_saying = !said.held.is_empty() || !said.released.is_empty();
            let answer = tokio::select! {
                answer = call => answer,
                () = self.lapse(&session), if !is_lapsed => {
                    tracing::warn!(
                        session = session.id.0,
                        "the cluster has not renewed the session of this mount: it may end, and locks be lost"
                    );
                    is_lapsed = true;
                    continue;
                }
                // What is said is answered at once; only a parked call is given up for another one.
                () = self.more_to_say(), if !is_saying => continue,
            };
            match answer.map(|asked| asked.answer.body) {
                Ok(AnswerBody::Attended(attended)) => {
                    let is_renewed = !attended.is_gone;
                    is_lapsed = false;
                    self.memory
                        .lock()
                        .confirm(&said, is_renewed.then_some(attended.term));
                    self.take(&session, attended, began);
                }
                Ok(AnswerBody::Outcome(_) | AnswerBody::Reply(_)) => {
                    tracing::error!("a node does not understand a sign of life");
                    self.asking.sleep(PAUSE).await;
                }
                Err(ReplicateError::Stopped) => return,
                Err(error) => {
                    tracing::debug!(%error, "a sign of life was not answered");
                    self.asking.sleep(PAUSE).await;
                }
            }
        }
    }

    /// However often there is something, a call has some time to arrive: it is a sign of life.
    async fn more_to_say(&self) {
        self.asking.sleep(GATHER).await;
        self.news.notified().await;
    }

    /// Waits until the cluster may not keep the session any more.
    async fn lapse(&self, session: &Session) {
        match session.kept_until() {
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                self.asking.sleep(left).await;
            }
            None => std::future::pending().await,
        }
    }

    fn take(&self, session: &Arc<Session>, attended: Attended, began: Instant) {
        if self.is_stopped.load(Ordering::Acquire) {
            return;
        }
        if attended.is_gone {
            self.waits.end(session.id);
            if let Err(error) = self.sessions.replace(session) {
                tracing::error!(%error, "no new session");
            }
            return;
        }
        session.renew(began, Duration::from_millis(attended.lease_milliseconds));
        let is_new_term = self.memory.lock().enter(session.id, attended.term);
        if is_new_term {
            self.waits.look_again();
        }
        let Some(number) = attended.news.last().map(|news| news.number) else {
            return;
        };
        let mut orphans = Vec::new();
        for News { body, .. } in attended.news {
            match body {
                Some(news::Body::Orphaned(ino)) => orphans.push(InodeId::new(ino)),
                Some(news::Body::Granted(lock)) => self.waits.grant(session.id, lock.sequence),
                // News of a later version, which this one has not asked for.
                None => {}
            }
        }
        self.memory.lock().receive(number);
        let question = Question {
            session: session.id,
            term: attended.term,
            number,
            orphans,
        };
        // The other task lives as long as this one.
        self.questions.send(question).ok();
    }

    /// Finds out which orphans are in use, one batch after the other.
    async fn decide(self: Arc<Attending>, mut questions: mpsc::UnboundedReceiver<Question>) {
        while let Some(question) = questions.recv().await {
            let kept = match self.attendant.get() {
                Some(attendant) if !question.orphans.is_empty() => {
                    attendant.keep(question.orphans).await
                }
                Some(_) | None => Vec::new(),
            };
            let mut memory = self.memory.lock();
            memory.decide(question.session, question.term, question.number, kept);
            drop(memory);
            self.news.notify_one();
        }
    }
}

impl std::fmt::Debug for Attending {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Attending")
            .field("memory", &self.memory)
            .finish_non_exhaustive()
    }
}
