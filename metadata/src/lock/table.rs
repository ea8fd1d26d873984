//! The locks of one kind on one inode: who holds which bytes, and who waits in which order.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::record::{LockRecord, WaiterRecord};
use crate::types::{LockMode, LockOwner, LockRange, SessionId, Timestamp, Turn};

/// Whom a lock belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Holder {
    pub(crate) session: SessionId,
    pub(crate) owner: LockOwner,
}

/// A lock that somebody holds or would like to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Want {
    pub(crate) holder: Holder,
    pub(crate) range: LockRange,
    pub(crate) mode: LockMode,
}

impl Want {
    /// Whether both cannot be held at once.
    pub(crate) fn excludes(self, other: Want) -> bool {
        self.holder != other.holder
            && self.range.overlaps(other.range)
            && (self.mode == LockMode::Exclusive || other.mode == LockMode::Exclusive)
    }
}

impl WaiterRecord {
    /// What it waits for.
    pub(crate) fn want(&self) -> Want {
        Want {
            holder: Holder {
                session: self.session,
                owner: self.owner,
            },
            range: self.range,
            mode: self.mode,
        }
    }
}

/// Where a lock is kept in its table: the locks of a holder lie side by side, none over another.
pub(crate) type HeldKey = (Holder, u64);

/// The locks of one kind on one inode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    /// By holder and first byte.
    pub(crate) held: BTreeMap<HeldKey, LockRecord>,
    pub(crate) waiters: BTreeMap<Turn, WaiterRecord>,
}

impl Table {
    /// The locks of others that are in the way, by holder.
    pub(crate) fn in_the_way(&self, want: Want) -> impl Iterator<Item = (&HeldKey, &LockRecord)> {
        let excludes =
            move |(key, lock): &(&HeldKey, &LockRecord)| held_as(key, lock).excludes(want);
        self.held.iter().filter(excludes)
    }

    /// The first to wait after one turn and before another who wants what excludes it.
    pub(crate) fn next_ahead(&self, want: Want, after: Turn, before: Turn) -> Option<Turn> {
        let mut between = self
            .waiters
            .range((Bound::Excluded(after), Bound::Excluded(before)));
        let found = between.find(|(_, waiter)| waiter.want().excludes(want));
        found.map(|(turn, _)| *turn)
    }

    /// Whether the holder has every byte of it at least as strongly.
    pub(crate) fn covers(&self, want: Want) -> bool {
        let mut next = Some(want.range.start);
        for (start, lock) in self.of(want.holder) {
            match next {
                Some(byte) if start <= byte && byte <= lock.end && lock.mode >= want.mode => {
                    next = lock
                        .end
                        .checked_add(1)
                        .filter(|byte| *byte <= want.range.end);
                }
                Some(_) | None => {}
            }
        }
        next.is_none()
    }

    /// Gives the holder the lock, in place of all it has of these bytes. With a ticket it stays apart from
    /// what the holder has beside it, so that it is known again.
    pub(crate) fn set(&mut self, want: Want, process: u32, since: Timestamp, ticket: Option<u64>) {
        let (holder, range) = (want.holder, want.range);
        // What is locked again is the lock it was.
        let before = self
            .of(holder)
            .filter(|(start, lock)| lock.mode == want.mode && range.overlaps(bytes(*start, lock)))
            .map(|(_, lock)| lock.since)
            .min();
        self.cut(holder, range);
        let mut start = range.start;
        let mut lock = LockRecord {
            mode: want.mode,
            end: range.end,
            process,
            since: before.map_or(since, |before| before.min(since)),
            ticket,
        };
        if ticket.is_none() {
            for (other_start, other) in self.beside(want) {
                self.held.remove(&(holder, other_start));
                start = start.min(other_start);
                lock.end = lock.end.max(other.end);
                lock.since = lock.since.min(other.since);
            }
        }
        self.held.insert((holder, start), lock);
    }

    /// Takes the bytes from the holder; answers whether it had any of them.
    pub(crate) fn cut(&mut self, holder: Holder, range: LockRange) -> bool {
        let over: Vec<(u64, LockRecord)> = self
            .of(holder)
            .filter(|(start, lock)| range.overlaps(bytes(*start, lock)))
            .map(|(start, lock)| (start, *lock))
            .collect();
        for &(start, lock) in &over {
            self.held.remove(&(holder, start));
            if start < range.start {
                let end = range.start - 1;
                self.held
                    .insert((holder, start), LockRecord { end, ..lock });
            }
            if range.end < lock.end {
                self.held.insert((holder, range.end + 1), lock);
            }
        }
        !over.is_empty()
    }

    /// Whether the session holds something that this request of it waited for.
    pub(crate) fn was_granted(&self, session: SessionId, sequence: u64) -> bool {
        let mut held = self.held.iter();
        held.any(|((holder, _), lock)| holder.session == session && lock.ticket == Some(sequence))
    }

    /// The turn of the request, if it waits.
    pub(crate) fn turn_of(&self, session: SessionId, sequence: u64) -> Option<Turn> {
        let mut waiters = self.waiters.iter();
        let found =
            waiters.find(|(_, waiter)| waiter.session == session && waiter.sequence == sequence);
        found.map(|(turn, _)| *turn)
    }

    /// How many locks the session has and waits for.
    pub(crate) fn count(&self, session: SessionId) -> usize {
        let first = Holder {
            session,
            owner: LockOwner(0),
        };
        let last = Holder {
            session,
            owner: LockOwner(u64::MAX),
        };
        let held = self.held.range((first, 0)..=(last, u64::MAX)).count();
        let of_session = |waiter: &&WaiterRecord| waiter.session == session;
        held + self.waiters.values().filter(of_session).count()
    }

    /// The locks of a holder, by first byte.
    fn of(&self, holder: Holder) -> impl Iterator<Item = (u64, &LockRecord)> {
        let locks = self.held.range((holder, 0)..=(holder, u64::MAX));
        locks.map(|((_, start), lock)| (*start, lock))
    }

    /// Locks like this one that the holder has right before and right after it.
    fn beside(&self, want: Want) -> Vec<(u64, LockRecord)> {
        let like = |(start, lock): &(u64, &LockRecord)| {
            let before = lock.end.checked_add(1) == Some(want.range.start);
            let after = want.range.end.checked_add(1) == Some(*start);
            (before || after) && lock.mode == want.mode && lock.ticket.is_none()
        };
        let locks = self.of(want.holder).filter(like);
        locks.map(|(start, lock)| (start, *lock)).collect()
    }
}

fn bytes(start: u64, lock: &LockRecord) -> LockRange {
    LockRange {
        start,
        end: lock.end,
    }
}

/// A lock of a table as a whole.
pub(crate) fn held_as(key: &HeldKey, lock: &LockRecord) -> Want {
    Want {
        holder: key.0,
        range: bytes(key.1, lock),
        mode: lock.mode,
    }
}
