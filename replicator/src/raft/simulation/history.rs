//! What the clients asked, what they heard, and when: the rules are checked against it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_metadata::{Outcome, PosixError, Query, Reply, RequestId, SessionId, SetLock};
use parking_lot::Mutex;
use tokio::time::Instant;

/// A command, from when it was first sent.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) request: RequestId,
    pub(super) told: String,
    pub(super) invoked: Instant,
    /// When the outcome came, if it did.
    pub(super) answered: Option<(Instant, Outcome)>,
}

/// A query that was answered.
#[derive(Debug, Clone)]
pub(super) struct Read {
    pub(super) query: Query,
    pub(super) invoked: Instant,
    pub(super) answered: Instant,
    pub(super) reply: Result<Reply, PosixError>,
    /// No log was longer when the answer came.
    pub(super) last_index: u64,
}

/// A lock, and whose it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) session: SessionId,
    pub(super) lock: SetLock,
}

/// A lock that a client believes to hold.
#[derive(Debug, Clone)]
pub(super) struct Hold {
    pub(super) held: Held,
    /// Times at which it may rely on that.
    pub(super) times: Vec<(Instant, Instant)>,
    is_over: bool,
}

#[derive(Debug, Default)]
struct Kept {
    changes: Vec<Change>,
    reads: Vec<Read>,
    holds: BTreeMap<u64, Hold>,
    next_hold: u64,
    /// Sessions whose locks are nobody's.
    given_up: BTreeSet<SessionId>,
}

/// Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    kept: Arc<Mutex<Kept>>,
}

impl History {
    /// A command is sent; answers the place of it.
    pub(super) fn change(&self, request: RequestId, told: String) -> usize {
        let mut kept = self.kept.lock();
        kept.changes.push(Change {
            request,
            told,
            invoked: Instant::now(),
            answered: None,
        });
        kept.changes.len() - 1
    }

    pub(super) fn answer(&self, change: usize, outcome: Outcome) {
        self.kept.lock().changes[change].answered = Some((Instant::now(), outcome));
    }

    pub(super) fn read(&self, read: Read) {
        self.kept.lock().reads.push(read);
    }

    pub(super) fn changes(&self) -> Vec<Change> {
        self.kept.lock().changes.clone()
    }

    pub(super) fn reads(&self) -> Vec<Read> {
        self.kept.lock().reads.clone()
    }

    pub(super) fn holds(&self) -> Vec<Hold> {
        self.kept.lock().holds.values().cloned().collect()
    }

    /// A lock is held from now until then, unless it is renewed.
    pub(super) fn hold(&self, held: Held, until: Instant) -> u64 {
        let mut kept = self.kept.lock();
        let number = kept.next_hold;
        kept.next_hold += 1;
        let is_over = kept.given_up.contains(&held.session);
        let times = (!is_over).then(|| (Instant::now(), until));
        let hold = Hold {
            held,
            times: times.into_iter().collect(),
            is_over,
        };
        kept.holds.insert(number, hold);
        number
    }

    /// The cluster keeps the session until then.
    pub(super) fn renew(&self, session: SessionId, until: Instant) {
        let now = Instant::now();
        for hold in self.kept.lock().holds.values_mut() {
            if hold.held.session == session && !hold.is_over {
                hold.times.push((now, until));
            }
        }
    }

    /// The lock is given up from now on.
    pub(super) fn let_go(&self, number: u64) {
        if let Some(hold) = self.kept.lock().holds.get_mut(&number) {
            hold.end();
        }
    }

    /// The session may be ended at any time from now on, without its knowing.
    pub(super) fn give_up(&self, session: SessionId) {
        self.kept.lock().given_up.insert(session);
        self.end_session(session);
    }

    pub(super) fn is_given_up(&self, session: SessionId) -> bool {
        self.kept.lock().given_up.contains(&session)
    }

    /// The session is given up from now on.
    pub(super) fn end_session(&self, session: SessionId) {
        for hold in self.kept.lock().holds.values_mut() {
            if hold.held.session == session {
                hold.end();
            }
        }
    }
}

impl Hold {
    fn end(&mut self) {
        let now = Instant::now();
        self.is_over = true;
        for (_, until) in &mut self.times {
            *until = now.min(*until);
        }
    }
}
