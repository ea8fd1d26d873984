//! The files that are open on a mount, the locks that were taken through them, and which of them have lost theirs.
//!
//! The cluster keeps the locks. What is kept here says which of them have to be given up at a close, so that closing a file
//! without locks costs no command, and under which session they were taken. A lock whose fate is not known counts as held.
//!
//! A session that ends takes its locks along. Every file that was open then and had locks is *lost*: whoever has it open
//! goes on in the belief of a lock that somebody else may hold.
//!
//! **Invariant.** An inode is in the table exactly as long as it has an open file, a lock, or a lock that is being given up.

mod file;
mod pending;

use std::collections::HashMap;

use holdfast_metadata::{InodeId, LockOwner, LockSpace};
use parking_lot::Mutex;

use self::file::File;
pub(crate) use self::pending::{Asking, Unlocking};

/// An open file, as the kernel names it; 0 where nothing is kept of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Handle(pub(crate) u64);

/// Where nothing is kept of open files.
pub(crate) const NO_HANDLE: Handle = Handle(0);

/// Whose lock it is, within an inode.
pub(crate) type Holder = (LockSpace, LockOwner);

/// A lock that is to be given up, whatever it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Release {
    pub(crate) ino: InodeId,
    pub(crate) holder: Holder,
    /// The session in which it was taken.
    pub(crate) epoch: u64,
}

/// The lock that protected this file is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost;

/// What of an inode is asked whether it is usable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// A system call on this file.
    Through(Handle),
    /// Pages of a mapping, from whichever of the inode's files.
    WriteBack,
}

/// What giving up a lock waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// No lock of the owner is being given up.
    Yes,
    /// At least one is.
    NotYet,
    /// At least one is, and the cluster did not take it when it was last tried.
    Failing,
}

/// The files of one mount.
#[derive(Debug, Default)]
pub(crate) struct OpenFiles {
    table: Mutex<Table>,
    changed: tokio::sync::Notify,
}

#[derive(Debug, Default)]
struct Table {
    files: HashMap<InodeId, File>,
    last_handle: u64,
    /// The session of now, as far as it is known here.
    epoch: u64,
    /// How often a file was closed through which something was locked.
    closings: u64,
}

impl OpenFiles {
    /// Another session: who held locks in an earlier one is lost. Answers with the inodes of those.
    pub(crate) fn enter(&self, epoch: u64) -> Vec<InodeId> {
        let mut table = self.table.lock();
        if table.epoch >= epoch {
            return Vec::new();
        }
        table.epoch = epoch;
        let files = table.files.iter_mut();
        let mut lost: Vec<InodeId> = files
            .filter_map(|(ino, file)| file.lose(epoch).then_some(*ino))
            .collect();
        lost.sort_unstable();
        lost
    }

    /// A file is opened.
    pub(crate) fn open(&self, ino: InodeId) -> Handle {
        let mut table = self.table.lock();
        table.last_handle += 1;
        let handle = Handle(table.last_handle);
        table.files.entry(ino).or_default().open(handle);
        handle
    }

    /// A file is closed for good: what was locked through it, and through no other, is to be given up.
    pub(crate) fn close(&self, ino: InodeId, handle: Handle) -> Vec<Release> {
        let releases = self.change(ino, |file| file.close(ino, handle));
        let releases = releases.unwrap_or_default();
        if !releases.is_empty() {
            self.table.lock().closings += 1;
        }
        releases
    }

    /// Grows with each close that gives up a lock.
    pub(crate) fn closings(&self) -> u64 {
        self.table.lock().closings
    }

    /// A descriptor is closed by this owner, which gives up all its locks of bytes (POSIX).
    pub(crate) fn flush(&self, ino: InodeId, owner: LockOwner) -> Option<Release> {
        let holder = (LockSpace::Posix, owner);
        self.change(ino, |file| file.give_up(ino, holder)).flatten()
    }

    /// Whether a file may be used; answers with the session in which it is locked, if it is.
    pub(crate) fn check(&self, ino: InodeId, how: Use) -> Result<Option<u64>, Lost> {
        match self.table.lock().files.get(&ino) {
            Some(file) => file.check(how),
            None => Ok(None),
        }
    }

    /// Whether a lock of this owner may be held.
    pub(crate) fn is_held(&self, ino: InodeId, holder: Holder) -> bool {
        let table = self.table.lock();
        table
            .files
            .get(&ino)
            .is_some_and(|file| file.is_held(holder))
    }

    /// A lock is asked for, in the session of `epoch`.
    pub(crate) fn ask(
        &self,
        ino: InodeId,
        holder: Holder,
        handle: Handle,
        epoch: u64,
    ) -> Result<Asking<'_>, Lost> {
        let mut table = self.table.lock();
        let file = table.files.entry(ino).or_default();
        file.check(Use::Through(handle))?;
        file.ask(holder);
        Ok(Asking::new(self, ino, holder, handle, epoch))
    }

    /// An owner gives up a lock, until [`OpenFiles::released`] says that the cluster knows; nothing where it has none.
    pub(crate) fn unlock(&self, ino: InodeId, holder: Holder) -> Option<Unlocking> {
        self.change(ino, |file| file.unlock(holder)).flatten()
    }

    /// The owner has given up everything it had when the unlocking began.
    pub(crate) fn unlocked(&self, ino: InodeId, holder: Holder, unlocking: Unlocking) {
        self.change(ino, |file| file.unlocked(holder, unlocking));
    }

    /// A lock was given up, or is lost.
    pub(crate) fn released(&self, ino: InodeId, holder: Holder) {
        self.change(ino, |file| file.released(holder));
        self.changed.notify_waiters();
    }

    /// The cluster could not be told of it; it is tried again.
    pub(crate) fn release_failed(&self, ino: InodeId, holder: Holder) {
        self.change(ino, |file| file.release_failed(holder));
        self.changed.notify_waiters();
    }

    /// Waits until what an owner was giving up is given up; false when the cluster does not take it.
    ///
    /// A new lock must wait for that: its owner may have the number of an earlier one, and the cluster would take the
    /// end of that lock for the end of this.
    pub(crate) async fn settled(&self, ino: InodeId, holder: Holder) -> bool {
        loop {
            let changed = self.changed.notified();
            match self.is_settled(ino, holder) {
                Settled::Yes => return true,
                Settled::Failing => return false,
                Settled::NotYet => changed.await,
            }
        }
    }

    /// Waits until what was locked through files that are closed by now is given up, unless the cluster does not take it.
    ///
    /// The kernel does not wait for the answer to a last close: without this, a program that asks for a lock
    /// right after it would meet one that nobody has any more.
    pub(crate) async fn closed(&self, ino: InodeId) {
        let closing = {
            let table = self.table.lock();
            table.files.get(&ino).map(File::closing)
        };
        for holder in closing.unwrap_or_default() {
            self.settled(ino, holder).await;
        }
    }

    fn is_settled(&self, ino: InodeId, holder: Holder) -> Settled {
        let table = self.table.lock();
        let file = table.files.get(&ino);
        file.map_or(Settled::Yes, |file| file.is_settled(holder))
    }

    /// A request for a lock was answered; with the session when the lock may be held.
    fn answered(&self, ino: InodeId, holder: Holder, handle: Handle, held_in: Option<u64>) {
        let epoch = self.table.lock().epoch;
        self.change(ino, |file| {
            file.answered(holder, handle, held_in);
            if held_in.is_some_and(|held_in| held_in < epoch) {
                file.lose(epoch);
            }
        });
    }

    fn change<T>(&self, ino: InodeId, change: impl FnOnce(&mut File) -> T) -> Option<T> {
        let mut table = self.table.lock();
        let file = table.files.get_mut(&ino)?;
        let result = change(file);
        if file.is_unused() {
            table.files.remove(&ino);
        }
        Some(result)
    }
}

#[cfg(test)]
mod tests;
