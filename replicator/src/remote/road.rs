//! The stream that calls take now, and what callers tell of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::{Notify, mpsc, watch};

use super::connect_error::FailureReason;
use crate::call::{CallAnswer, CallStream};
use crate::refusal::Endpoint;

/// Where calls go. Callers read it and report; only the pathfinder changes it.
#[derive(Debug)]
pub(super) struct Road {
    way: watch::Sender<Way>,
    reports: mpsc::UnboundedSender<Report>,
    /// Answers that came, ever.
    answers: AtomicU64,
    /// Callers that wait for one.
    waiting: AtomicUsize,
    nobody_waits: Notify,
}

/// What a caller finds.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// Wait: a node is being looked for.
    Searching,
    /// Go.
    Open(Arc<Lane>),
    /// The volume does not exist any more.
    Gone,
    /// The replicator was stopped.
    Stopped,
}

/// One stream to one node.
#[derive(Debug)]
pub(super) struct Lane {
    /// Later ones are larger; the first is 1.
    pub(super) generation: u64,
    pub(super) address: String,
    pub(super) volume: u64,
    pub(super) stream: CallStream,
    /// The node answered a call.
    is_proven: AtomicBool,
    /// Somebody said already that another node leads.
    is_hinted: AtomicBool,
}

/// What a caller tells of a lane.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) generation: u64,
    pub(super) news: News,
}

/// What happened on a lane.
#[derive(Debug)]
pub(super) enum News {
    /// The node does not lead, and says who does.
    Led(Endpoint),
    /// The node answers through another one, which leads.
    Hint(Endpoint),
    /// The node is of no use now.
    Useless(FailureReason),
    /// Calls are under way, and no answer comes.
    Silence(FailureReason),
}

/// Why there is no lane, and will be none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoWay {
    /// See [`Way::Gone`].
    Gone,
    /// See [`Way::Stopped`].
    Stopped,
}

/// Counts a caller that waits for an answer, until it is dropped.
#[derive(Debug)]
pub(super) struct Waiting<'a>(&'a Road);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.0.waiting.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.nobody_waits.notify_waiters();
        }
    }
}

impl Lane {
    pub(super) fn new(generation: u64, address: String, volume: u64, stream: CallStream) -> Lane {
        Lane {
            generation,
            address,
            volume,
            stream,
            is_proven: AtomicBool::new(false),
            is_hinted: AtomicBool::new(false),
        }
    }

    pub(super) fn is_proven(&self) -> bool {
        self.is_proven.load(Ordering::Relaxed)
    }

    /// The next hint is worth a try again.
    pub(super) fn allow_hint(&self) {
        self.is_hinted.store(false, Ordering::Relaxed);
    }
}

impl Road {
    pub(super) fn new() -> (Road, mpsc::UnboundedReceiver<Report>) {
        let (reports, receiver) = mpsc::unbounded_channel();
        let road = Road {
            way: watch::Sender::new(Way::Searching),
            reports,
            answers: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            nobody_waits: Notify::new(),
        };
        (road, receiver)
    }

    /// A lane later than the one that failed; waits for it.
    pub(super) async fn lane_after(&self, failed: u64) -> Result<Arc<Lane>, NoWay> {
        let usable = |way: &Way| match way {
            Way::Searching => None,
            Way::Open(lane) => (lane.generation > failed).then(|| Ok(Arc::clone(lane))),
            Way::Gone => Some(Err(NoWay::Gone)),
            Way::Stopped => Some(Err(NoWay::Stopped)),
        };
        let now = usable(&self.way.borrow());
        if let Some(found) = now {
            return found;
        }
        let mut way = self.way.subscribe();
        loop {
            let found = usable(&way.borrow_and_update());
            if let Some(found) = found {
                return found;
            }
            if way.changed().await.is_err() {
                return Err(NoWay::Stopped);
            }
        }
    }

    /// The lane that calls take now.
    pub(super) fn lane(&self) -> Option<Arc<Lane>> {
        match &*self.way.borrow() {
            Way::Open(lane) => Some(Arc::clone(lane)),
            Way::Searching | Way::Gone | Way::Stopped => None,
        }
    }

    /// Changes what callers find, unless that is final.
    pub(super) fn set(&self, next: Way) {
        self.way.send_if_modified(|way| match way {
            Way::Searching | Way::Open(_) => {
                *way = next;
                true
            }
            Way::Gone | Way::Stopped => false,
        });
    }

    /// No call is taken any more; those under way are given up.
    pub(super) fn stop(&self) {
        if let Way::Open(lane) = self.way.send_replace(Way::Stopped) {
            lane.stream.close("the mount was stopped");
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        matches!(*self.way.borrow(), Way::Gone)
    }

    /// Whether there will be no way any more.
    pub(super) fn is_over(&self) -> bool {
        matches!(*self.way.borrow(), Way::Gone | Way::Stopped)
    }

    /// Tells the pathfinder; what is said of a lane that was left already does not count.
    pub(super) fn report(&self, lane: &Lane, news: News) {
        let report = Report {
            generation: lane.generation,
            news,
        };
        // The pathfinder ends when there is no way any more.
        self.reports.send(report).ok();
    }

    /// An answer came.
    pub(super) fn answered(&self, lane: &Lane, answer: &CallAnswer) {
        self.count_answer();
        if !lane.is_proven() {
            lane.is_proven.store(true, Ordering::Relaxed);
        }
        if let Some(leader) = &answer.leader
            && leader.address != lane.address
            && !lane.is_hinted.swap(true, Ordering::Relaxed)
        {
            self.report(lane, News::Hint(leader.clone()));
        }
    }

    pub(super) fn count_answer(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
    }

    /// A caller begins to wait.
    pub(super) fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        Waiting(self)
    }

    pub(super) fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    pub(super) fn is_anybody_waiting(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Waits until nobody waits.
    pub(super) async fn idle(&self) {
        loop {
            let notified = self.nobody_waits.notified();
            if !self.is_anybody_waiting() {
                return;
            }
            notified.await;
        }
    }
}
