//! Who has a lock of one file.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use holdfast_metadata::LockMode;
use nix::errno::Errno;

use super::history::{Moment, Operation};
use super::model::{Model, Next};

/// An open file of a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// The mount.
    pub mount: usize,
    /// Which one there.
    pub file: u32,
}

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
    Expire(usize),
    /// The owner, who has had so many locks before, had this one in a session that ended before anybody was told: the mount
    /// asks again in the next.
    Untold(Owner, LockMode, u32),
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
    /// How many locks each has had.
    had: BTreeMap<Owner, u32>,
}

impl LockTable {
    fn conflicts(&self, owner: Owner, is_exclusive: bool) -> bool {
        let mut others = self.held.iter().filter(|(other, _)| **other != owner);
        others.any(|(_, other)| is_exclusive || *other)
    }

    fn had(&self, owner: Owner) -> u32 {
        self.had.get(&owner).copied().unwrap_or_default()
    }

    fn with<T>(&self, change: impl FnOnce(&mut BTreeMap<Owner, bool>) -> T) -> LockTable {
        let mut table = self.clone();
        change(&mut table.held);
        table
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
                let is_exclusive = mode == LockMode::Exclusive;
                let is_free = !table.conflicts(owner, is_exclusive);
                is_free.then(|| {
                    let mut next = table.with(|held| held.insert(owner, is_exclusive));
                    *next.had.entry(owner).or_default() += 1;
                    Next::Changes(next)
                })
            }
            (LockCall::Untold(owner, mode, had), _) => {
                let is_exclusive = mode == LockMode::Exclusive;
                let is_free = !table.conflicts(owner, is_exclusive) && table.had(owner) == had;
                is_free.then(|| Next::Changes(table.with(|held| held.insert(owner, is_exclusive))))
            }
            (LockCall::Try(owner, mode), true) => {
                let is_right = table.conflicts(owner, mode == LockMode::Exclusive);
                is_right.then_some(Next::Ends)
            }
            (LockCall::Unlock(owner), false) => {
                Some(Next::Changes(table.with(|held| held.remove(&owner))))
            }
            (LockCall::Expire(mount), false) => {
                let kept = table.with(|held| held.retain(|owner, _| owner.mount != mount));
                Some(Next::Changes(kept))
            }
            (LockCall::Wait(..) | LockCall::Unlock(_) | LockCall::Expire(_), true) => None,
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
            LockCall::Expire(mount) => write!(f, "the session of mount {mount} ends"),
            LockCall::Untold(owner, mode, _) => write!(f, "{mode:?} for {owner}, untold"),
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

/// What these calls may have done in a session that has ended: each of a mount of `endings` that was under way for so long.
pub fn untold(
    operations: &[Operation<LockCall, LockOutcome>],
    endings: &[(usize, Moment)],
    least: Duration,
    mut id: impl FnMut() -> u32,
) -> Vec<Operation<LockCall, LockOutcome>> {
    let mut in_order: Vec<_> = operations.iter().collect();
    in_order.sort_by_key(|operation| operation.invoked);
    let mut had = BTreeMap::<Owner, u32>::new();
    let mut untold = Vec::new();
    for operation in in_order {
        let (LockCall::Try(owner, mode) | LockCall::Wait(owner, mode)) = operation.call else {
            continue;
        };
        let Some((outcome, returned)) = operation.answer else {
            continue;
        };
        let had = had.entry(owner).or_default();
        let may_end =
            |(mount, moment): &(usize, Moment)| *mount == owner.mount && *moment <= returned;
        let lasted = Duration::from_nanos(returned - operation.invoked);
        if lasted >= least && endings.iter().any(may_end) {
            untold.push(Operation {
                id: id(),
                client: operation.client.clone(),
                call: LockCall::Untold(owner, mode, *had),
                answer: None,
                invoked: operation.invoked,
            });
        }
        if outcome == LockOutcome::Done {
            *had += 1;
        }
    }
    untold
}

#[cfg(test)]
mod tests {
    use super::super::checker::{Limits, Verdict, check};
    use super::super::history::History;
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
            (15, LockCall::Expire(1), None)
        ]));
        assert!(!is_explained(&[
            held,
            taken,
            (35, LockCall::Expire(1), None)
        ]));
        assert!(!is_explained(&[
            held,
            taken,
            (15, LockCall::Expire(3), None)
        ]));
    }

    #[test]
    fn a_lock_may_be_had_twice_by_one_call_across_the_end_of_a_session_and_by_no_other() {
        let operation = |id, (invoked, call, answer): Asked| Operation {
            id,
            client: String::new(),
            call,
            answer,
            invoked,
        };
        let waits = (
            10,
            LockCall::Wait(ONE, LockMode::Exclusive),
            Some((DONE, 100)),
        );
        let others: [Asked; 5] = [
            (20, exclusive(OTHER), Some((REFUSED, 30))),
            (40, exclusive(OTHER), Some((DONE, 50))),
            (60, LockCall::Unlock(OTHER), Some((DONE, 70))),
            (80, exclusive(OTHER), Some((REFUSED, 90))),
            (15, LockCall::Expire(1), None),
        ];
        let asked = [[waits].as_slice(), &others].concat();
        assert!(!is_explained(&asked));
        let operations: Vec<_> = asked
            .iter()
            .zip(1..)
            .map(|(a, id)| operation(id, *a))
            .collect();
        let least = Duration::from_nanos(50);
        let more = |endings: &[_]| -> Vec<Asked> {
            let untold = untold(&operations, endings, least, || 99);
            let untold = untold
                .into_iter()
                .map(|more| (more.invoked, more.call, more.answer));
            asked.iter().copied().chain(untold).collect()
        };
        assert!(is_explained(&more(&[(1, 15)])));
        assert!(!is_explained(&more(&[(2, 15)])), "the session of another");
        assert!(!is_explained(&more(&[(1, 101)])), "it ended later");
        // Once it was told it is not had again.
        let mut later = more(&[(1, 15)]);
        later.push((110, LockCall::Unlock(ONE), Some((DONE, 120))));
        later.push((130, exclusive(OTHER), Some((REFUSED, 140))));
        assert!(!is_explained(&later));
    }
}
