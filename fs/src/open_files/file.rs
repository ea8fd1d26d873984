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
    /// What is being given up, by owner.
    releasing: HashMap<Holder, Releasing>,
}

/// Requests to give up locks of one owner.
#[derive(Debug, Default)]
struct Releasing {
    count: usize,
    is_failing: bool,
    /// One of them is because the file was closed, which nobody waits for.
    is_closed: bool,
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
        self.open.is_empty() && self.locks.is_empty() && self.releasing.is_empty()
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
        for release in &releases {
            self.begin_to_release(release.holder).is_closed = true;
        }
        self.locks.retain(|_, lock| !lock.is_idle());
        releases
    }

    pub(super) fn give_up(&mut self, ino: InodeId, holder: Holder) -> Option<Release> {
        let lock = self.locks.get_mut(&holder).filter(|lock| lock.is_held())?;
        let epoch = lock.epoch;
        lock.through.clear();
        self.begin_to_release(holder);
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

    pub(super) fn unlock(&mut self, holder: Holder) -> Option<Unlocking> {
        let lock = self.locks.get(&holder).filter(|lock| lock.is_held())?;
        let unlocking = Unlocking {
            epoch: lock.epoch,
            taken: lock.taken,
        };
        self.begin_to_release(holder);
        Some(unlocking)
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

    fn begin_to_release(&mut self, holder: Holder) -> &mut Releasing {
        let releasing = self.releasing.entry(holder).or_default();
        releasing.count += 1;
        releasing
    }

    pub(super) fn released(&mut self, holder: Holder) {
        if let Some(releasing) = self.releasing.get_mut(&holder) {
            releasing.count -= 1;
            releasing.is_failing = false;
        }
        self.releasing.retain(|_, releasing| releasing.count > 0);
    }

    pub(super) fn release_failed(&mut self, holder: Holder) {
        if let Some(releasing) = self.releasing.get_mut(&holder) {
            releasing.is_failing = true;
        }
    }

    /// Whose locks are being given up because a file was closed.
    pub(super) fn closing(&self) -> Vec<Holder> {
        let releasing = self.releasing.iter();
        releasing
            .filter_map(|(holder, releasing)| releasing.is_closed.then_some(*holder))
            .collect()
    }

    pub(super) fn is_settled(&self, holder: Holder) -> Settled {
        match self.releasing.get(&holder) {
            None => Settled::Yes,
            Some(releasing) if releasing.is_failing => Settled::Failing,
            Some(_) => Settled::NotYet,
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
