//! The last changes that were applied to a volume here, for those who watch it (decision 26).
//!
//! **Invariant.** What was applied behind [`Kept::since`] is all there, in the order of the log.

use std::collections::VecDeque;
use std::sync::Arc;

use holdfast_metadata::{Change, LogIndex, Timestamp};
use parking_lot::Mutex;

/// A change, where it is in the log, and when it was asked for.
#[derive(Debug)]
pub(crate) struct RecentChange {
    pub(crate) index: LogIndex,
    pub(crate) time: Timestamp,
    pub(crate) change: Change,
}

/// Some of what is asked for is not remembered any more; all behind this place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forgotten {
    pub(crate) since: LogIndex,
}

/// A bounded memory of changes.
#[derive(Debug)]
pub(super) struct Recent {
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    changes: VecDeque<Arc<RecentChange>>,
    changes_max: usize,
    since: LogIndex,
}

impl Recent {
    /// Remembers what is applied behind this place; nothing before it was told how much.
    pub(super) fn new(since: LogIndex) -> Recent {
        Recent {
            kept: Mutex::new(Kept {
                changes: VecDeque::new(),
                changes_max: 0,
                since,
            }),
        }
    }

    /// How many changes to remember.
    pub(super) fn set_max(&self, changes_max: usize) {
        let mut kept = self.kept.lock();
        kept.changes_max = changes_max;
        kept.forget();
    }

    /// What was applied last.
    pub(super) fn add(&self, changes: Vec<RecentChange>) {
        if changes.is_empty() {
            return;
        }
        let mut kept = self.kept.lock();
        kept.changes.extend(changes.into_iter().map(Arc::new));
        kept.forget();
    }

    /// The state was replaced by one of this place: what led there nobody here has seen.
    pub(super) fn begin_again(&self, since: LogIndex) {
        let mut kept = self.kept.lock();
        kept.changes.clear();
        kept.since = since;
    }

    /// What came after one place, up to another.
    pub(super) fn between(
        &self,
        after: LogIndex,
        through: LogIndex,
    ) -> Result<Vec<Arc<RecentChange>>, Forgotten> {
        let kept = self.kept.lock();
        if after < kept.since {
            return Err(Forgotten { since: kept.since });
        }
        let start = kept.changes.partition_point(|change| change.index <= after);
        let end = kept
            .changes
            .partition_point(|change| change.index <= through);
        Ok(kept.changes.range(start..end.max(start)).cloned().collect())
    }
}

impl Kept {
    /// What is of one place is forgotten together.
    fn forget(&mut self) {
        while self.changes.len() > self.changes_max {
            let Some(first) = self.changes.pop_front() else {
                return;
            };
            self.since = first.index;
            while let Some(next) = self.changes.pop_front_if(|next| next.index == first.index) {
                drop(next);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use holdfast_metadata::{FileKind, Happened, InodeId};

    use super::*;

    fn change(index: u64, ino: u64) -> RecentChange {
        RecentChange {
            index: LogIndex(index),
            time: Timestamp::default(),
            change: Change {
                ino: InodeId::new(ino),
                kind: FileKind::Regular,
                happened: Happened::Content,
            },
        }
    }

    fn told(recent: &Recent, after: u64, through: u64) -> Result<Vec<u64>, u64> {
        let changes = recent.between(LogIndex(after), LogIndex(through));
        let changes = changes.map_err(|forgotten| forgotten.since.0)?;
        Ok(changes
            .iter()
            .map(|recent| recent.change.ino.get())
            .collect())
    }

    #[test]
    fn what_came_between_two_places_is_told_in_its_order() {
        let recent = Recent::new(LogIndex(4));
        recent.set_max(10);
        recent.add(vec![change(5, 1), change(7, 2), change(7, 3)]);
        recent.add(vec![change(9, 4)]);
        assert_eq!(told(&recent, 4, 9), Ok(vec![1, 2, 3, 4]));
        assert_eq!(told(&recent, 5, 8), Ok(vec![2, 3]));
        assert_eq!(told(&recent, 9, 9), Ok(vec![]));
        assert_eq!(told(&recent, 20, 9), Ok(vec![]));
        assert_eq!(told(&recent, 3, 9), Err(4));
    }

    #[test]
    fn what_is_forgotten_is_forgotten_by_whole_places() {
        let recent = Recent::new(LogIndex(0));
        recent.set_max(3);
        recent.add(vec![change(1, 1), change(1, 2), change(2, 3), change(3, 4)]);
        assert_eq!(told(&recent, 0, 9), Err(1));
        assert_eq!(told(&recent, 1, 9), Ok(vec![3, 4]));
        recent.set_max(0);
        assert_eq!(told(&recent, 2, 9), Err(3));
        assert_eq!(told(&recent, 3, 9), Ok(vec![]));
    }

    #[test]
    fn a_state_that_was_replaced_begins_again() {
        let recent = Recent::new(LogIndex(0));
        recent.set_max(3);
        recent.add(vec![change(1, 1)]);
        recent.begin_again(LogIndex(50));
        assert_eq!(told(&recent, 1, 60), Err(50));
        recent.add(vec![change(51, 2)]);
        assert_eq!(told(&recent, 50, 60), Ok(vec![2]));
    }
}
