//! What a leader remembers of the sessions of its volume: when each was last heard, and who may have which orphan open.
//!
//! News have numbers, one sequence for all sessions; each session is told those that concern it, and says up to
//! which number it knows of each orphan whether it has it open. No clock, no channel: the caller brings the time.
//!
//! **Invariant.** An orphan is given out to be reclaimed only after every session that was open when it lost its name has
//! said that it has it not open (any more), or has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use holdfast_metadata::{InodeId, SessionId};
use holdfast_proto::{Attend, GrantedLock, News, news};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Most news of one answer.
const NEWS_MAX: usize = 4096;

/// So many bits of the name of a leadership are the number of its node.
const NODE_BITS: u32 = 20;

/// The memory of one term.
#[derive(Debug)]
pub(super) struct Ledger {
    term: u64,
    /// Names this leadership to mounts: a term may have had another leader before.
    reign: u64,
    lease: Duration,
    sessions: BTreeMap<SessionId, Attendee>,
    last_number: u64,
    /// Orphans that not every session has decided about.
    orphans: BTreeMap<u64, InodeId>,
    /// Orphans that all have decided about, and some have open.
    held: BTreeSet<InodeId>,
    /// Orphans that nobody has open.
    reclaimable: Vec<InodeId>,
}

#[derive(Debug)]
struct Attendee {
    /// When it last called.
    heard: Instant,
    /// The number of the last thing it said.
    saying: u64,
    decided: u64,
    /// Locks it got, as far as it has not said that it knows.
    grants: BTreeMap<u64, GrantedLock>,
    /// Its end is proposed, and nobody can take that back: it is not told any more that it lives.
    is_ending: bool,
    /// Orphans it has open.
    holds: BTreeSet<InodeId>,
    wake: Arc<Notify>,
}

impl Attendee {
    fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.heard)
    }
}

impl Ledger {
    pub(super) fn new(term: u64, lease: Duration) -> Ledger {
        Ledger {
            term,
            reign: term,
            lease,
            sessions: BTreeMap::new(),
            last_number: 0,
            orphans: BTreeMap::new(),
            held: BTreeSet::new(),
            reclaimable: Vec::new(),
        }
    }

    /// The same, of this leader. openraft may have two of them in one term, one after the other, and what a mount has said to
    /// the first is not about the news of the second.
    pub(super) fn led_by(mut self, node: u64) -> Ledger {
        self.reign = self.term.wrapping_shl(NODE_BITS) ^ node;
        self
    }

    pub(super) fn term(&self) -> u64 {
        self.term
    }

    /// What mounts are told as the term.
    pub(super) fn reign(&self) -> u64 {
        self.reign
    }

    /// A session is open: it has a full lease from now, if it was not known.
    pub(super) fn opened(&mut self, session: SessionId, now: Instant) {
        let last_number = self.last_number;
        self.sessions.entry(session).or_insert_with(|| Attendee {
            heard: now,
            saying: 0,
            // What lost its name before is unknown to it.
            decided: last_number,
            grants: BTreeMap::new(),
            is_ending: false,
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
        self.last_number += 1;
        self.orphans.insert(self.last_number, ino);
        if self.sessions.is_empty() {
            self.settle();
        }
    }

    /// A session got a lock that it waited for.
    pub(super) fn granted(&mut self, session: SessionId, ino: InodeId, sequence: u64) {
        let Some(attendee) = self.sessions.get_mut(&session) else {
            return;
        };
        self.last_number += 1;
        let lock = GrantedLock {
            ino: ino.get(),
            sequence,
        };
        attendee.grants.insert(self.last_number, lock);
        attendee.wake.notify_waiters();
    }

    /// A session calls. False when it is not known.
    pub(super) fn heard(&mut self, attend: &Attend, now: Instant) -> bool {
        let session = SessionId(attend.session);
        let (reign, last_number) = (self.reign, self.last_number);
        let Some(attendee) = self.sessions.get_mut(&session) else {
            return false;
        };
        attendee.heard = now;
        // What it says of the news of another leader is not about these; and a call that was delayed on
        // another road says what was true before.
        if attend.term != reign || attend.saying < attendee.saying {
            return true;
        }
        attendee.saying = attend.saying;
        let held = attend.held.iter().map(|ino| InodeId::new(*ino));
        attendee.holds.extend(held);
        attendee.decided = attendee.decided.max(attend.decided.min(last_number));
        let undecided = attendee.decided.saturating_add(1);
        attendee.grants = attendee.grants.split_off(&undecided);
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
        let after = received.saturating_add(1);
        let orphans = self.orphans.range(after..).map(|(number, ino)| News {
            number: *number,
            body: Some(news::Body::Orphaned(ino.get())),
        });
        let mut news: Vec<News> = orphans.take(NEWS_MAX).collect();
        if let Some(attendee) = self.sessions.get(&session) {
            let grants = attendee.grants.range(after..).map(|(number, lock)| News {
                number: *number,
                body: Some(news::Body::Granted(*lock)),
            });
            news.extend(grants.take(NEWS_MAX));
        }
        // Those that are left out are told next, so what is told must be the first of all.
        news.sort_unstable_by_key(|news| news.number);
        news.truncate(NEWS_MAX);
        news
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

    /// Sessions that are to be ended: their lease is over, or their end is not known to have come.
    pub(super) fn expired(&self, now: Instant) -> Vec<SessionId> {
        let is_over =
            |attendee: &Attendee| attendee.is_ending || attendee.silence(now) >= self.lease;
        let sessions = self.sessions.iter();
        sessions
            .filter(|(_, attendee)| is_over(attendee))
            .map(|(session, _)| *session)
            .collect()
    }

    /// Whether a session is still to be ended; if so, it is not heard from then on. A proposal whose outcome is unknown
    /// may be carried out later, so that whoever has been proposed is proposed again until it is done.
    pub(super) fn begin_to_end(&mut self, session: SessionId, now: Instant) -> bool {
        let lease = self.lease;
        let Some(attendee) = self.sessions.get_mut(&session) else {
            return false;
        };
        attendee.is_ending |= attendee.silence(now) >= lease;
        attendee.is_ending
    }

    /// Whether it is one of this memory.
    pub(super) fn knows(&self, session: SessionId) -> bool {
        self.sessions.contains_key(&session)
    }

    /// Whether its end is under way.
    pub(super) fn is_ending(&self, session: SessionId) -> bool {
        let attendee = self.sessions.get(&session);
        attendee.is_some_and(|attendee| attendee.is_ending)
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
        Some(attendee.silence(now))
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
        let open = self.orphans.split_off(&decided.saturating_add(1));
        for ino in std::mem::replace(&mut self.orphans, open).into_values() {
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
