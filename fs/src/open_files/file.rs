//! What is kept of one inode that is open.

use std::collections::{BTreeSet, HashMap};

use holdfast_metadata::InodeId;

use super::{Handle, Holder, Lost, Release, Settled, Unlocking, Use};

/// An inode that is open, or whose locks are being given up.
#[derive(Debug, Default)]
pub(super) struct File {
    open: BTreeSet<Handle>,
    /// Those whose locks were lost, until they are closed.
    lost: BTreeSet<Handle>,
    locks: HashMap<Holder, Lock>,
    /// How many locks are being given up on nobody's behalf.
    releasing: usize,
    is_failing: bool,
}

/// The locks of one owner.
#[derive(Debug, Default)]
struct Lock {
    /// The session in which the last one was taken.
    epoch: u64,
    /// The files through which they were taken; not empty when something may be held.
    through: BTreeSet<Handle>,
    /// Requests that are not answered.
    asking: usize,
    /// Locks that were taken.
    taken: u64,
}

impl File {
    pub(super) fn open(&mut self, handle: Handle) {
        self.open.insert(handle);
    }

    pub(super) fn is_unused(&self) -> bool {
        self.open.is_empty() && self.locks.is_empty() && self.releasing == 0
    }

    pub(super) fn check(&self, how: Use) -> Result<Option<u64>, Lost> {
        let is_lost = match how {
            Use::Through(handle) => self.lost.contains(&handle),
            // The kernel writes pages back through any file of the inode, whoever has changed them.
            Use::WriteBack => !self.lost.is_empty(),
        };
        if is_lost {
            return Err(Lost);
        }
        let held = self.locks.values().filter(|lock| lock.is_held());
        Ok(held.map(|lock| lock.epoch).min())
    }

    pub(super) fn is_held(&self, holder: Holder) -> bool {
        self.locks.get(&holder).is_some_and(Lock::is_held)
    }

    /// Forgets the locks of earlier sessions; true when there were any.
    pub(super) fn lose(&mut self, epoch: u64) -> bool {
        let mut has_lost = false;
        for lock in self.locks.values_mut() {
            if lock.is_held() && lock.epoch < epoch {
                lock.through.clear();
                has_lost = true;
            }
        }
        self.locks.retain(|_, lock| !lock.is_idle());
        if has_lost {
            self.lost.clone_from(&self.open);
        }
        has_lost
    }

    pub(super) fn close(&mut self, ino: InodeId, handle: Handle) -> Vec<Release> {
        self.open.remove(&handle);
        self.lost.remove(&handle);
        let mut releases = Vec::new();
        for (holder, lock) in &mut self.locks {
            if lock.through.remove(&handle) && lock.through.is_empty() {
                let (holder, epoch) = (*holder, lock.epoch);
                releases.push(Release { ino, holder, epoch });
            }
        }
        self.releasing += releases.len();
        self.locks.retain(|_, lock| !lock.is_idle());
        releases
    }

    pub(super) fn give_up(&mut self, ino: InodeId, holder: Holder) -> Option<Release> {
        let lock = self.locks.get_mut(&holder).filter(|lock| lock.is_held())?;
        let epoch = lock.epoch;
        lock.through.clear();
        self.releasing += 1;
        self.locks.retain(|_, lock| !lock.is_idle());
        Some(Release { ino, holder, epoch })
    }

    pub(super) fn ask(&mut self, holder: Holder) {
        self.locks.entry(holder).or_default().asking += 1;
    }

    /// A request was answered; with the session when the lock may be held.
    pub(super) fn answered(&mut self, holder: Holder, handle: Handle, held_in: Option<u64>) {
        if let Some(lock) = self.locks.get_mut(&holder) {
            lock.asking -= 1;
            if let Some(epoch) = held_in {
                lock.epoch = epoch;
                lock.taken += 1;
                lock.through.insert(handle);
            }
        }
        self.locks.retain(|_, lock| !lock.is_idle());
    }

    pub(super) fn unlock(&self, holder: Holder) -> Option<Unlocking> {
        let lock = self.locks.get(&holder).filter(|lock| lock.is_held())?;
        Some(Unlocking {
            epoch: lock.epoch,
            taken: lock.taken,
        })
    }

    pub(super) fn unlocked(&mut self, holder: Holder, unlocking: Unlocking) {
        if let Some(lock) = self.locks.get_mut(&holder) {
            // Otherwise something was taken meanwhile, or may be: whether before or after, only the cluster knows.
            if lock.taken == unlocking.taken && lock.asking == 0 {
                lock.through.clear();
            }
        }
        self.locks.retain(|_, lock| !lock.is_idle());
    }

    pub(super) fn released(&mut self) {
        self.releasing -= 1;
        self.is_failing = false;
    }

    pub(super) fn release_failed(&mut self) {
        self.is_failing = true;
    }

    pub(super) fn is_settled(&self) -> Settled {
        match (self.releasing, self.is_failing) {
            (0, _) => Settled::Yes,
            (_, false) => Settled::NotYet,
            (_, true) => Settled::Failing,
        }
    }
}

impl Lock {
    fn is_held(&self) -> bool {
        !self.through.is_empty()
    }

    fn is_idle(&self) -> bool {
        self.asking == 0 && !self.is_held()
    }
}
