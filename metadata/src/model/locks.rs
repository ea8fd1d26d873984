//! Who has which byte locked, byte by byte, and who waits, in the order of their coming.

use std::collections::{BTreeMap, BTreeSet};

use super::Checked;
use crate::command::{CancelLock, SetLock, Unlock};
use crate::news::News;
use crate::outcome::{Answer, PosixError, TicketState};
use crate::types::{InodeId, LockMode, LockOwner, LockRange, LockSpace, RequestId, SessionId};

/// Bytes that are looked at one by one; all that follow are one more.
pub const LOCK_BYTES: u64 = 16;

/// A byte of an inode as an owner of a session sees it.
pub type LockedByte = (InodeId, LockSpace, SessionId, LockOwner, u64);

/// A lock, or the wish for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wait {
    /// The inode.
    pub ino: InodeId,
    /// The kind of lock.
    pub space: LockSpace,
    /// The request that waits.
    pub session: SessionId,
    /// Its number.
    pub sequence: u64,
    /// Who waits.
    pub owner: LockOwner,
    /// Its process.
    pub process: u32,
    /// For which bytes.
    pub range: LockRange,
    /// How strong.
    pub mode: LockMode,
}

#[derive(Debug, Clone, Copy)]
struct Locked {
    mode: LockMode,
    process: u32,
    ticket: Option<u64>,
}

/// Every lock and everybody who waits.
#[derive(Debug, Clone, Default)]
pub(super) struct Locks {
    bytes: BTreeMap<LockedByte, Locked>,
    waits: Vec<Wait>,
    granted: Vec<News>,
}

fn bytes_of(range: LockRange) -> impl Iterator<Item = u64> {
    range.start.min(LOCK_BYTES)..=range.end.min(LOCK_BYTES)
}

impl Wait {
    fn bytes(self) -> impl Iterator<Item = LockedByte> {
        bytes_of(self.range).map(move |byte| (self.ino, self.space, self.session, self.owner, byte))
    }

    fn is_same_owner(self, session: SessionId, owner: LockOwner) -> bool {
        (self.session, self.owner) == (session, owner)
    }

    fn excludes(self, other: Wait) -> bool {
        (self.ino, self.space) == (other.ino, other.space)
            && !self.is_same_owner(other.session, other.owner)
            && (self.mode == LockMode::Exclusive || other.mode == LockMode::Exclusive)
            && bytes_of(self.range).any(|byte| bytes_of(other.range).any(|of| of == byte))
    }
}

impl Locks {
    pub(super) fn set(&mut self, request: RequestId, set: &SetLock) -> Checked<Answer> {
        let range = meant(set.space, set.range)?;
        let wait = Wait {
            ino: set.ino,
            space: set.space,
            session: request.session,
            sequence: request.sequence,
            owner: set.owner,
            process: set.process,
            range,
            mode: set.mode,
        };
        let has_it = wait.bytes().all(|byte| {
            let locked = self.bytes.get(&byte);
            locked.is_some_and(|locked| locked.mode >= wait.mode)
        });
        let is_free = self.in_the_way(wait).is_empty();
        if has_it || (is_free && (!set.wait || self.may_pass(wait, self.waits.len()))) {
            self.give(wait, None);
            self.settle();
            return Ok(Answer::Locked);
        }
        if set.space == LockSpace::Flock {
            self.take(wait);
        }
        if !set.wait {
            self.settle();
            return Err(vec![PosixError::WouldBlock]);
        }
        self.waits.push(wait);
        if set.space == LockSpace::Posix && self.is_deadlock(wait) {
            self.waits.pop();
            return Err(vec![PosixError::Deadlock]);
        }
        self.settle();
        Ok(Answer::Waiting)
    }

    pub(super) fn unlock(&mut self, request: RequestId, unlock: &Unlock) -> Checked<Answer> {
        let range = meant(unlock.space, unlock.range)?;
        for byte in bytes_of(range) {
            let (ino, space, owner) = (unlock.ino, unlock.space, unlock.owner);
            self.bytes
                .remove(&(ino, space, request.session, owner, byte));
        }
        self.settle();
        Ok(Answer::Done)
    }

    pub(super) fn cancel(&mut self, request: RequestId, cancel: CancelLock) -> Answer {
        let state = self.ticket(cancel.ino, request.session, cancel.sequence);
        self.waits.retain(|wait| {
            (wait.ino, wait.session, wait.sequence)
                != (cancel.ino, request.session, cancel.sequence)
        });
        self.settle();
        match state {
            TicketState::Granted => Answer::Locked,
            TicketState::Waiting | TicketState::Unknown => Answer::Done,
        }
    }

    pub(super) fn end(&mut self, ended: SessionId) {
        self.bytes
            .retain(|(_, _, session, _, _), _| *session != ended);
        self.waits.retain(|wait| wait.session != ended);
        self.settle();
    }

    pub(super) fn forget(&mut self, gone: InodeId) {
        self.bytes.retain(|(ino, _, _, _, _), _| *ino != gone);
        self.waits.retain(|wait| wait.ino != gone);
    }

    pub(super) fn ticket(&self, ino: InodeId, session: SessionId, sequence: u64) -> TicketState {
        let waits =
            |wait: &Wait| (wait.ino, wait.session, wait.sequence) == (ino, session, sequence);
        if self.waits.iter().any(waits) {
            return TicketState::Waiting;
        }
        let granted = |(byte, locked): (&LockedByte, &Locked)| {
            (byte.0, byte.2, locked.ticket) == (ino, session, Some(sequence))
        };
        if self.bytes.iter().any(granted) {
            return TicketState::Granted;
        }
        TicketState::Unknown
    }

    pub(super) fn held(&self) -> BTreeMap<LockedByte, LockMode> {
        let held = self.bytes.iter();
        held.map(|(byte, locked)| (*byte, locked.mode)).collect()
    }

    pub(super) fn waits(&self) -> Vec<Wait> {
        self.waits.clone()
    }

    pub(super) fn take_granted(&mut self) -> Vec<News> {
        std::mem::take(&mut self.granted)
    }

    fn give(&mut self, wait: Wait, ticket: Option<u64>) {
        for byte in wait.bytes() {
            let locked = Locked {
                mode: wait.mode,
                process: wait.process,
                ticket,
            };
            self.bytes.insert(byte, locked);
        }
    }

    fn take(&mut self, wait: Wait) {
        for byte in wait.bytes() {
            self.bytes.remove(&byte);
        }
    }

    /// Grants as long as there is somebody who need not wait, the first to come first.
    fn settle(&mut self) {
        while let Some(place) = (0..self.waits.len()).find(|place| {
            let wait = self.waits[*place];
            self.in_the_way(wait).is_empty() && self.may_pass(wait, *place)
        }) {
            let wait = self.waits.remove(place);
            self.give(wait, Some(wait.sequence));
            self.granted.push(News::Granted {
                session: wait.session,
                sequence: wait.sequence,
                ino: wait.ino,
            });
        }
    }

    /// Session, owner and process of the others who have a byte that is in the way.
    fn in_the_way(&self, wait: Wait) -> BTreeSet<(SessionId, LockOwner, u32)> {
        let mut holders = BTreeSet::new();
        for (&(ino, space, session, owner, byte), locked) in &self.bytes {
            if (ino, space) == (wait.ino, wait.space)
                && bytes_of(wait.range).any(|of| of == byte)
                && !wait.is_same_owner(session, owner)
                && (wait.mode == LockMode::Exclusive || locked.mode == LockMode::Exclusive)
            {
                holders.insert((session, owner, locked.process));
            }
        }
        holders
    }

    /// Whether all who came earlier and want what excludes it wait for it.
    fn may_pass(&self, wait: Wait, place: usize) -> bool {
        (0..place)
            .filter(|earlier| self.waits[*earlier].excludes(wait))
            .all(|earlier| self.waits_for(earlier, wait, &mut BTreeSet::new()))
    }

    /// Whether the one who waits at a place waits for a lock of this owner or process, over others perhaps.
    fn waits_for(&self, place: usize, target: Wait, seen: &mut BTreeSet<usize>) -> bool {
        if !seen.insert(place) {
            return false;
        }
        let wait = self.waits[place];
        for (session, owner, process) in self.in_the_way(wait) {
            if session == target.session && (owner == target.owner || process == target.process) {
                return true;
            }
            for (next, other) in self.waits.iter().enumerate() {
                let too =
                    other.session == session && (other.owner == owner || other.process == process);
                if too && self.waits_for(next, target, seen) {
                    return true;
                }
            }
        }
        (0..place).any(|earlier| {
            self.waits[earlier].excludes(wait) && self.waits_for(earlier, target, seen)
        })
    }

    /// Whether the wait is for a lock whose owner waits, over other owners perhaps, for one of its own.
    fn is_deadlock(&self, wait: Wait) -> bool {
        let mut owners = BTreeSet::new();
        let mut next = vec![wait];
        while let Some(waiting) = next.pop() {
            for (session, owner, _) in self.in_the_way(waiting) {
                if wait.is_same_owner(session, owner) {
                    return true;
                }
                if owners.insert((session, owner)) {
                    let waits = self.waits.iter();
                    next.extend(waits.filter(|other| {
                        other.space == LockSpace::Posix && other.is_same_owner(session, owner)
                    }));
                }
            }
        }
        false
    }
}

/// The bytes of which a command speaks.
pub(super) fn meant(space: LockSpace, range: LockRange) -> Checked<LockRange> {
    match space {
        LockSpace::Flock => Ok(LockRange::WHOLE),
        LockSpace::Posix if range.start <= range.end => Ok(range),
        LockSpace::Posix => Err(vec![PosixError::InvalidArgument]),
    }
}
