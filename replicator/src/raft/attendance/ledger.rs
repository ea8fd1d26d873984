//! What a leader remembers of the sessions of its volume: when each was last heard, and who may have which orphan open.
//!
//! News have numbers, one sequence for all sessions; each session is told those that concern it, and says up to
//! which number it knows of each orphan whether it has it open. No clock, no channel: the caller brings the time.
//!
//! **Invariant.** An orphan is given out to be reclaimed only after every session that was open when it lost its name has
//! said that it has it not open (any more), or has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast_metadata::{InodeId, SessionId};
use holdfast_proto::{Attend, GrantedLock, News, news};
use tokio::sync::Notify;

/// Most news of one answer.
const NEWS_MAX: usize = 4096;

/// The memory of one term.
#[derive(Debug)]
pub(super) struct Ledger {
    term: u64,
    lease: Duration,
    sessions: BTreeMap<SessionId, Attendee>,
    last_number: u64,
    /// What not every session has decided about.
    news: BTreeMap<u64, Item>,
    /// Orphans that all have decided about, and some have open.
    held: BTreeSet<InodeId>,
    /// Orphans that nobody has open.
    reclaimable: Vec<InodeId>,
}

#[derive(Debug)]
enum Item {
    Orphaned(InodeId),
    Granted(SessionId, GrantedLock),
}

#[derive(Debug)]
struct Attendee {
    /// When it last called.
    heard: Instant,
    decided: u64,
    /// Orphans it has open.
    holds: BTreeSet<InodeId>,
    wake: Arc<Notify>,
}

impl Ledger {
    pub(super) fn new(term: u64, lease: Duration) -> Ledger {
        Ledger {
            term,
            lease,
            sessions: BTreeMap::new(),
            last_number: 0,
            news: BTreeMap::new(),
            held: BTreeSet::new(),
            reclaimable: Vec::new(),
        }
    }

    pub(super) fn term(&self) -> u64 {
        self.term
    }

    /// A session is open: it has a full lease from now, if it was not known.
    pub(super) fn opened(&mut self, session: SessionId, now: Instant) {
        let last_number = self.last_number;
        self.sessions.entry(session).or_insert_with(|| Attendee {
            heard: now,
            // What lost its name before is unknown to it.
            decided: last_number,
            holds: BTreeSet::new(),
            wake: Arc::default(),
        });
    }

    /// The same for one that was open before this term: it may have any orphan open.
    pub(super) fn found(&mut self, session: SessionId, now: Instant) {
        self.opened(session, now);
        if let Some(attendee) = self.sessions.get_mut(&session) {
            attendee.decided = 0;
        }
    }

    /// A session has nothing open any more.
    pub(super) fn ended(&mut self, session: SessionId) {
        if let Some(attendee) = self.sessions.remove(&session) {
            attendee.wake.notify_waiters();
            for ino in attendee.holds {
                self.let_go(ino);
            }
            self.settle();
        }
    }

    /// An inode has lost its last name.
    pub(super) fn orphaned(&mut self, ino: InodeId) {
        self.push(Item::Orphaned(ino));
        if self.sessions.is_empty() {
            self.settle();
        }
    }

    /// A session got a lock that it waited for.
    pub(super) fn granted(&mut self, session: SessionId, ino: InodeId, sequence: u64) {
        let Some(attendee) = self.sessions.get(&session) else {
            return;
        };
        let wake = Arc::clone(&attendee.wake);
        let lock = GrantedLock {
            ino: ino.get(),
            sequence,
        };
        self.push(Item::Granted(session, lock));
        wake.notify_waiters();
    }

    /// A session calls. False when it is not known.
    pub(super) fn heard(&mut self, attend: &Attend, now: Instant) -> bool {
        let session = SessionId(attend.session);
        let (term, last_number) = (self.term, self.last_number);
        let Some(attendee) = self.sessions.get_mut(&session) else {
            return false;
        };
        attendee.heard = now;
        // What it says of the news of another term is not about these.
        if attend.term != term {
            return true;
        }
        let held = attend.held.iter().map(|ino| InodeId::new(*ino));
        attendee.holds.extend(held);
        attendee.decided = attendee.decided.max(attend.decided.min(last_number));
        let mut released = Vec::new();
        for ino in &attend.released {
            let ino = InodeId::new(*ino);
            if attendee.holds.remove(&ino) {
                released.push(ino);
            }
        }
        for ino in released {
            self.let_go(ino);
        }
        self.settle();
        true
    }

    /// What is new for a session, in order.
    pub(super) fn news_for(&self, session: SessionId, received: u64) -> Vec<News> {
        let after = self.news.range(received.saturating_add(1)..);
        let news = after.filter_map(|(number, item)| {
            let body = match item {
                Item::Orphaned(ino) => news::Body::Orphaned(ino.get()),
                Item::Granted(to, lock) if *to == session => news::Body::Granted(*lock),
                Item::Granted(..) => return None,
            };
            Some(News {
                number: *number,
                body: Some(body),
            })
        });
        news.take(NEWS_MAX).collect()
    }

    /// What wakes the parked call of a session.
    pub(super) fn wake(&self, session: SessionId) -> Option<Arc<Notify>> {
        Some(Arc::clone(&self.sessions.get(&session)?.wake))
    }

    /// Wakes every session.
    pub(super) fn wake_all(&self) {
        for attendee in self.sessions.values() {
            attendee.wake.notify_waiters();
        }
    }

    /// Sessions whose lease is over.
    pub(super) fn expired(&self, now: Instant) -> Vec<SessionId> {
        let is_over =
            |attendee: &Attendee| now.saturating_duration_since(attendee.heard) >= self.lease;
        let sessions = self.sessions.iter();
        sessions
            .filter(|(_, attendee)| is_over(attendee))
            .map(|(session, _)| *session)
            .collect()
    }

    /// Nobody could be heard for a while: whoever was there has a full lease again.
    pub(super) fn renew_all(&mut self, now: Instant) {
        for attendee in self.sessions.values_mut() {
            attendee.heard = now;
        }
    }

    /// How long ago a session was heard.
    pub(super) fn silence(&self, session: SessionId, now: Instant) -> Option<Duration> {
        let attendee = self.sessions.get(&session)?;
        Some(now.saturating_duration_since(attendee.heard))
    }

    /// Orphans that may be reclaimed now; the caller keeps them.
    pub(super) fn take_reclaimable(&mut self, most: usize) -> Vec<InodeId> {
        let rest = self.reclaimable.len().saturating_sub(most);
        self.reclaimable.split_off(rest)
    }

    /// Those that were taken and are not reclaimed yet.
    pub(super) fn put_back(&mut self, inodes: impl IntoIterator<Item = InodeId>) {
        self.reclaimable.extend(inodes);
    }

    fn push(&mut self, item: Item) {
        self.last_number += 1;
        self.news.insert(self.last_number, item);
    }

    /// One session less has it open.
    fn let_go(&mut self, ino: InodeId) {
        let is_held = |attendee: &Attendee| attendee.holds.contains(&ino);
        if !self.sessions.values().any(is_held) && self.held.remove(&ino) {
            self.reclaimable.push(ino);
        }
    }

    /// Takes the news that every session has decided about.
    fn settle(&mut self) {
        let decided = self.sessions.values().map(|attendee| attendee.decided);
        let decided = decided.min().unwrap_or(self.last_number);
        let open = self.news.split_off(&decided.saturating_add(1));
        for item in std::mem::replace(&mut self.news, open).into_values() {
            let Item::Orphaned(ino) = item else { continue };
            let is_held = |attendee: &Attendee| attendee.holds.contains(&ino);
            if self.sessions.values().any(is_held) {
                self.held.insert(ino);
            } else {
                self.reclaimable.push(ino);
            }
        }
    }
}

#[cfg(test)]
mod tests;
