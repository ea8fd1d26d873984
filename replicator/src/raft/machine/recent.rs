//! The last changes that were applied to a volume here, for those who watch it (decision 26).
//!
//! **Invariant.** What was applied behind [`Kept::since`] is all there, in the order of the log.

use std::collections::VecDeque;
use std::sync::Arc;

use holdfast_metadata::{Change, Happened, LogIndex, Timestamp};
use parking_lot::Mutex;

/// A change, where it is in the log, and when it was asked for.
#[derive(Debug)]
pub(crate) struct RecentChange {
    pub(crate) index: LogIndex,
    pub(crate) time: Timestamp,
    pub(crate) change: Change,
}

/// What a change takes if its names are not very long; longer ones take the place of several.
const CHANGE_BYTES: usize = 256;

impl RecentChange {
    /// About what it takes.
    fn bytes(&self) -> usize {
        let names = match &self.change.happened {
            Happened::Made(name) | Happened::Linked(name) | Happened::Removed(name) => {
                name.name.as_bytes().len()
            }
            Happened::Renamed { from, to } | Happened::Exchanged { from, to, .. } => {
                from.name.as_bytes().len() + to.name.as_bytes().len()
            }
            Happened::Content | Happened::Attributes => 0,
        };
        size_of::<RecentChange>() + names
    }
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
    bytes: usize,
    changes_max: usize,
    since: LogIndex,
}

impl Recent {
    /// Remembers what is applied behind this place; nothing before it was told how much.
    pub(super) fn new(since: LogIndex) -> Recent {
        Recent {
            kept: Mutex::new(Kept {
                changes: VecDeque::new(),
                bytes: 0,
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
        kept.bytes += changes.iter().map(RecentChange::bytes).sum::<usize>();
        kept.changes.extend(changes.into_iter().map(Arc::new));
        kept.forget();
    }

    /// The state was replaced by one of this place: what led there nobody here has seen.
    pub(super) fn begin_again(&self, since: LogIndex) {
        let mut kept = self.kept.lock();
        kept.changes.clear();
        kept.bytes = 0;
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
        let bytes_max = self.changes_max.saturating_mul(CHANGE_BYTES);
        while self.changes.len() > self.changes_max || self.bytes > bytes_max {
            let Some(first) = self.changes.front().map(|first| first.index) else {
                return;
            };
            self.since = first;
            while let Some(next) = self.changes.pop_front_if(|next| next.index == first) {
                self.bytes -= next.bytes();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use holdfast_metadata::{FileKind, FileName, InodeId, Name, Was};

    use super::*;

    fn change(index: u64, ino: u64) -> RecentChange {
        RecentChange {
            index: LogIndex(index),
            time: Timestamp::default(),
            change: Change {
                ino: InodeId::new(ino),
                kind: FileKind::Regular,
                happened: Happened::Content,
                was: Was::Otherwise,
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
    fn long_names_take_the_place_of_several() {
        let name = || Name {
            directory: InodeId::ROOT,
            name: FileName::new(&[b'n'; 255]).unwrap(),
        };
        let recent = Recent::new(LogIndex(0));
        recent.set_max(4);
        for index in 1..=4 {
            let mut long = change(index, index);
            let (from, to) = (name(), name());
            long.change.happened = Happened::Renamed { from, to };
            recent.add(vec![long]);
        }
        assert_eq!(told(&recent, 0, 9), Err(3));
        assert_eq!(told(&recent, 3, 9), Ok(vec![4]));
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
