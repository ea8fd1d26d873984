//! Who has a lock of one file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

use holdfast_metadata::LockMode;
use nix::errno::Errno;

use super::history::Operation;
use super::model::{Model, Next};

/// An open file of a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// The mount.
    pub mount: usize,
    /// Which one there.
    pub file: u32,
}

/// The number of the end of a session.
pub type Ending = usize;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockCall {
    /// A lock, now or not at all. The owner has none.
    Try(Owner, LockMode),
    /// A lock, whenever it can be had. The owner has none.
    Wait(Owner, LockMode),
    /// The lock is given up.
    Unlock(Owner),
    /// The cluster has ended the session of a mount: all its locks are given up.
    Expire(usize, Ending),
    /// A lock is given in a session that ends before the mount hears of it. The mount then asks again: what the caller
    /// is told is what came of that.
    Unheard(Owner, LockMode, Ending),
}

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockOutcome {
    /// 0
    Done,
    /// An error.
    Failed(Errno),
}

/// The model of a lock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct LockTable {
    held: BTreeMap<Owner, bool>,
    ended: BTreeSet<Ending>,
}

impl LockTable {
    fn conflicts(&self, owner: Owner, is_exclusive: bool) -> bool {
        let mut others = self.held.iter().filter(|(other, _)| **other != owner);
        others.any(|(_, other)| is_exclusive || *other)
    }

    fn with<T>(&self, change: impl FnOnce(&mut BTreeMap<Owner, bool>) -> T) -> LockTable {
        let mut table = self.clone();
        change(&mut table.held);
        table
    }

    /// Gives a lock if it can be had.
    fn give(&self, owner: Owner, mode: LockMode) -> Option<Next<LockTable, ()>> {
        let is_exclusive = mode == LockMode::Exclusive;
        let is_free = !self.conflicts(owner, is_exclusive);
        is_free.then(|| Next::Changes(self.with(|held| held.insert(owner, is_exclusive))))
    }
}

impl Model for LockTable {
    type Call = LockCall;
    type Outcome = LockOutcome;
    type State = LockTable;
    type Progress = ();

    fn step(
        table: &LockTable,
        operation: &Operation<LockCall, LockOutcome>,
        (): &(),
    ) -> Option<Next<LockTable, ()>> {
        let is_refused = match operation.outcome() {
            None | Some(LockOutcome::Done) => false,
            Some(LockOutcome::Failed(Errno::EAGAIN)) => true,
            Some(LockOutcome::Failed(_)) => return None,
        };
        match (operation.call, is_refused) {
            (LockCall::Try(owner, mode) | LockCall::Wait(owner, mode), false) => {
                table.give(owner, mode)
            }
            (LockCall::Unheard(owner, mode, ending), false) => {
                let is_in_time = !table.ended.contains(&ending);
                is_in_time.then(|| table.give(owner, mode)).flatten()
            }
            (LockCall::Try(owner, mode), true) => {
                let is_right = table.conflicts(owner, mode == LockMode::Exclusive);
                is_right.then_some(Next::Ends)
            }
            (LockCall::Unlock(owner), false) => {
                Some(Next::Changes(table.with(|held| held.remove(&owner))))
            }
            (LockCall::Expire(mount, ending), false) => {
                let mut kept = table.with(|held| held.retain(|owner, _| owner.mount != mount));
                kept.ended.insert(ending);
                Some(Next::Changes(kept))
            }
            (
                LockCall::Wait(..)
                | LockCall::Unlock(_)
                | LockCall::Expire(..)
                | LockCall::Unheard(..),
                true,
            ) => None,
        }
    }

    fn may_change(operation: &Operation<LockCall, LockOutcome>) -> bool {
        !matches!(operation.outcome(), Some(LockOutcome::Failed(_)))
    }
}

impl Display for Owner {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "file {} of mount {}", self.file, self.mount)
    }
}

impl Display for LockCall {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            LockCall::Try(owner, mode) => write!(f, "try {mode:?} for {owner}"),
            LockCall::Wait(owner, mode) => write!(f, "wait for {mode:?} for {owner}"),
            LockCall::Unlock(owner) => write!(f, "unlock {owner}"),
            LockCall::Expire(mount, _) => write!(f, "the session of mount {mount} ends"),
            LockCall::Unheard(owner, mode, _) => {
                write!(
                    f,
                    "{mode:?} for {owner}, whose session ends before it is heard"
                )
            }
        }
    }
}

impl Display for LockOutcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            LockOutcome::Done => write!(f, "done"),
            LockOutcome::Failed(errno) => write!(f, "{errno:?}"),
        }
    }
}

impl Display for LockTable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let shown = self.held.iter().map(|(owner, is_exclusive)| {
            let mode = if *is_exclusive { "exclusive" } else { "shared" };
            format!("{mode} by {owner}")
        });
        write!(f, "[{}]", shown.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::checker::{Limits, Verdict, check};
    use super::super::history::{History, Moment};
    use super::*;

    const ONE: Owner = Owner { mount: 1, file: 1 };
    const OTHER: Owner = Owner { mount: 2, file: 2 };
    const DONE: LockOutcome = LockOutcome::Done;
    const REFUSED: LockOutcome = LockOutcome::Failed(Errno::EAGAIN);

    /// When it was invoked, what was asked for, and what was answered when.
    type Asked = (Moment, LockCall, Option<(LockOutcome, Moment)>);

    fn is_explained(asked: &[Asked]) -> bool {
        let operations = asked
            .iter()
            .zip(1..)
            .map(|((invoked, call, answer), id)| Operation {
                id,
                client: String::new(),
                call: *call,
                answer: *answer,
                invoked: *invoked,
            });
        let limits = Limits {
            places: 10_000,
            time: Duration::from_secs(10),
        };
        let history = History::new(operations.collect());
        match check::<LockTable>(&history, &LockTable::default(), limits) {
            Verdict::Explained(_) => true,
            Verdict::Refuted { .. } => false,
            Verdict::Undecided { .. } => panic!("undecided"),
        }
    }

    fn exclusive(owner: Owner) -> LockCall {
        LockCall::Try(owner, LockMode::Exclusive)
    }

    #[test]
    fn a_lock_that_is_held_twice_is_refused() {
        let held = (0, exclusive(ONE), Some((DONE, 10)));
        assert!(!is_explained(&[
            held,
            (20, exclusive(OTHER), Some((DONE, 30)))
        ]));
        let waited = LockCall::Wait(OTHER, LockMode::Shared);
        assert!(!is_explained(&[held, (20, waited, Some((DONE, 30)))]));
        let unlocked = (25, LockCall::Unlock(ONE), Some((DONE, 40)));
        assert!(is_explained(&[
            held,
            unlocked,
            (20, waited, Some((DONE, 30)))
        ]));
        let shared = |owner| LockCall::Try(owner, LockMode::Shared);
        assert!(is_explained(&[
            (0, shared(ONE), Some((DONE, 10))),
            (20, shared(OTHER), Some((DONE, 30)))
        ]));
    }

    #[test]
    fn a_lock_that_is_refused_while_nobody_holds_it_is_refused() {
        assert!(!is_explained(&[(0, exclusive(ONE), Some((REFUSED, 10)))]));
        assert!(!is_explained(&[
            (0, exclusive(ONE), Some((DONE, 10))),
            (20, LockCall::Unlock(ONE), Some((DONE, 30))),
            (40, exclusive(OTHER), Some((REFUSED, 50))),
        ]));
        let unknown = (0, exclusive(ONE), None);
        assert!(is_explained(&[
            unknown,
            (40, exclusive(OTHER), Some((REFUSED, 50)))
        ]));
    }

    #[test]
    fn the_locks_of_a_dead_mount_are_given_to_others_only_after_its_session_ended() {
        let held = (0, exclusive(ONE), Some((DONE, 10)));
        let taken = (20, exclusive(OTHER), Some((DONE, 30)));
        assert!(is_explained(&[
            held,
            taken,
            (15, LockCall::Expire(1, 0), None)
        ]));
        assert!(!is_explained(&[
            held,
            taken,
            (35, LockCall::Expire(1, 0), None)
        ]));
        assert!(!is_explained(&[
            held,
            taken,
            (15, LockCall::Expire(3, 0), None)
        ]));
    }

    #[test]
    fn a_lock_whose_session_ended_before_it_was_heard_of_was_held_until_then_and_not_later() {
        let ends = (20, LockCall::Expire(1, 0), None);
        let unheard = (0, LockCall::Unheard(ONE, LockMode::Exclusive, 0), None);
        let asked = (0, exclusive(ONE), Some((REFUSED, 90)));
        let was_in_the_way = [
            (10, exclusive(OTHER), Some((REFUSED, 15))),
            ends,
            (30, exclusive(OTHER), Some((DONE, 95))),
        ];
        assert!(is_explained(
            &[&was_in_the_way[..], &[asked, unheard]].concat()
        ));
        assert!(!is_explained(&[&was_in_the_way[..], &[asked]].concat()));
        assert!(!is_explained(&[
            (0, exclusive(ONE), Some((DONE, 10))),
            ends,
            unheard,
            (30, exclusive(OTHER), Some((DONE, 40))),
            (50, LockCall::Unlock(OTHER), Some((DONE, 60))),
            (70, exclusive(OTHER), Some((REFUSED, 80))),
        ]));
    }
}
