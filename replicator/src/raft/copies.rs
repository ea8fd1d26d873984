//! Which streams have copies of which inodes, and who has to hear of a change before others do.
//!
//! See `docs/decisions/0010-copies.md`. A stream is a [`Holder`]; what it is sent ([`Line`]) comes before every answer that is
//! sent after it.
//!
//! **Invariant.** When the effects of a batch become visible, every holder with a copy of what it touches has been sent what
//! becomes of that copy. Whoever then waits in [`Copies::settled`] goes on when all others have confirmed it, or may not use their copies any
//! more.

mod holder;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use holdfast_metadata::copies::{self, Record, Touches, Witness};
use holdfast_metadata::store::Batch;
use holdfast_metadata::{InodeId, SessionId};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::limits::Limits;

pub(crate) use self::holder::{Caller, Given, Holder, Line, Sent};

/// Copies may be used for so much of the time in which no other leader is elected: clocks differ in rate.
const LEASE_PARTS: u32 = 4;
const TERM_PARTS: u32 = 5;

/// The holders of one group.
#[derive(Debug)]
pub(crate) struct Copies {
    /// After a leader was heard, no other is elected for so long.
    reign: Duration,
    /// Before, a process that ran here earlier may have holders that this one does not know.
    settled_from: Instant,
    holders: Mutex<Vec<Arc<Holder>>>,
    /// The number of holders, to be read without the lock.
    count: AtomicUsize,
    /// Whether this node answers in a way that lets copies be used.
    is_allowed: bool,
    inodes_max: usize,
    /// The term that is known of.
    term: AtomicU64,
    /// In this term, and before, no copies are given out any more.
    closed: AtomicU64,
}

impl Copies {
    pub(crate) fn new(reign: Duration, is_allowed: bool) -> Copies {
        Copies {
            reign,
            is_allowed,
            inodes_max: Limits::default().copied_inodes,
            settled_from: Instant::now() + reign,
            holders: Mutex::default(),
            count: AtomicUsize::new(0),
            term: AtomicU64::new(0),
            closed: AtomicU64::new(0),
        }
    }

    /// The same, with copies of so many inodes for one holder.
    pub(crate) fn with_inodes_max(self, inodes_max: usize) -> Copies {
        Copies { inodes_max, ..self }
    }

    /// How long copies may be used, from when the question was asked whose answer says so.
    pub(crate) fn lease(&self) -> Option<Duration> {
        let lease = self.reign * LEASE_PARTS / TERM_PARTS;
        self.is_open().then_some(lease)
    }

    /// A stream wants copies.
    pub(crate) fn enter(&self, line: Line) -> Arc<Holder> {
        let holder = Arc::new(Holder::new(line, self.reign, self.inodes_max));
        let mut holders = self.holders.lock();
        holders.push(Arc::clone(&holder));
        self.count.store(holders.len(), Ordering::Release);
        holder
    }

    /// Remembers that a holder is about to have copies of these records. Only to be called while nothing is applied, and by who
    /// may answer from the state.
    pub(crate) fn note(&self, holder: &Holder, records: Vec<Record>) -> Option<Given> {
        holder.note(records, || self.is_open())
    }

    /// Gives a holder what was noted, unless it was told something since. Only to be called when all others know what is in it
    /// ([`Copies::settled`]): from then on it may be told to anybody.
    pub(crate) fn give(&self, holder: &Holder, given: Given) {
        holder.give(given, || self.is_open());
    }

    fn is_open(&self) -> bool {
        let term = self.term.load(Ordering::SeqCst);
        self.is_allowed && term > self.closed.load(Ordering::SeqCst)
    }

    /// Waits until all that was touched before this call is known to everybody else who had copies of it.
    pub(crate) async fn settled(&self, except: Option<&Arc<Holder>>) {
        if self.count.load(Ordering::Acquire) > 0 {
            let is_other = |holder: &&Arc<Holder>| {
                except.is_none_or(|except| !Arc::ptr_eq(holder, except)) && !holder.has_heard_all()
            };
            let late: Vec<(Arc<Holder>, u64)> = {
                let holders = self.holders.lock();
                let late = holders.iter().filter(is_other);
                late.map(|holder| (Arc::clone(holder), holder.sent()))
                    .collect()
            };
            for (holder, number) in late {
                holder.heard_or_over(number).await;
            }
        }
        if Instant::now() < self.settled_from {
            tokio::time::sleep_until(self.settled_from).await;
        }
    }

    /// Takes all copies back, gives no more in this term, and waits until nobody uses any.
    pub(crate) async fn close(&self, term: u64) {
        self.closed.fetch_max(term, Ordering::SeqCst);
        // Whoever was given something in this moment is told after that to forget it.
        self.reset();
        self.settled(None).await;
    }

    /// A term begins, in which copies are given.
    pub(crate) fn enter_term(&self, term: u64) {
        self.term.fetch_max(term, Ordering::SeqCst);
    }

    /// Takes all copies back.
    pub(crate) fn reset(&self) {
        for holder in self.holders.lock().iter() {
            holder.reset();
        }
    }
}

impl Witness for Copies {
    fn listens(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    /// Tells everybody who has copies what becomes of them. Who made the change gets the new records, if nobody else has to be
    /// waited for.
    fn touched(&self, touches: &Touches, batch: &Batch) {
        let mut holders = self.holders.lock();
        let now = Instant::now();
        // Those that have ended are waited for as the others, as long as their copies may be in use.
        holders.retain(|holder| !holder.has_ended() || holder.may_use(now));
        self.count.store(holders.len(), Ordering::Release);
        let may_give = self.is_open();
        let mut fates: Vec<Fates> = holders
            .iter()
            .map(|holder| holder.fates(touches, may_give))
            .collect();
        let is_waited_for =
            |(holder, fates): (&Arc<Holder>, &Fates)| !fates.is_empty() || !holder.has_heard_all();
        let waited_for = holders.iter().zip(&fates).filter(|one| is_waited_for(*one));
        let waited_for = waited_for.count();
        for (holder, fates) in holders.iter().zip(&mut fates) {
            let others = waited_for - usize::from(is_waited_for((holder, fates)));
            if others > 0 {
                // It would tell what others do not know yet.
                holder.drop_renewed(fates);
            }
            holder.tell(fates, |ino| copies::changes_of(batch, ino));
        }
    }
}

/// Whether one of these sessions is among those.
fn share(sessions: &BTreeSet<SessionId>, others: &BTreeSet<SessionId>) -> bool {
    sessions.iter().any(|session| others.contains(session))
}

/// What a batch means for a holder.
#[derive(Debug, Default)]
struct Fates {
    /// Inodes that its own commands have changed.
    renewed: Vec<InodeId>,
    /// Those that it must forget.
    dropped: Vec<InodeId>,
}

impl Fates {
    fn is_empty(&self) -> bool {
        self.renewed.is_empty() && self.dropped.is_empty()
    }
}

#[cfg(test)]
mod tests;
