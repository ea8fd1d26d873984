//! Which changes must be durable before they are acknowledged: `sync`, `dirsync`, `chattr +S +D`.
//!
//! The kernel asks for an `fsync` itself after writes to files opened with `O_SYNC` and on mounts with
//! `sync`; it knows nothing of changes to directories and of the flags that `chattr` sets.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use holdfast_metadata::{Attributes, InodeFlags, InodeId, Operation};
use parking_lot::Mutex;

/// What is known about synchronous inodes and mounts.
#[derive(Debug, Default)]
pub(crate) struct Synchronous {
    /// The mount says `sync`.
    all: AtomicBool,
    /// The mount says `dirsync`.
    directories: AtomicBool,
    /// Inodes the kernel knows and that have `+S` or `+D`; hardly anybody uses them.
    flagged: Mutex<HashSet<InodeId>>,
    flagged_count: AtomicUsize,
}

impl Synchronous {
    /// From now on the mount is as these flags say.
    pub(crate) fn set_mount(&self, all: bool, directories: bool) {
        self.all.store(all, Ordering::Relaxed);
        self.directories.store(directories, Ordering::Relaxed);
    }

    /// Looks at the flags of an inode that an operation came across.
    pub(crate) fn note(&self, attributes: &Attributes) {
        let is_flagged = attributes
            .flags
            .has_any(InodeFlags::SYNC | InodeFlags::DIRECTORY_SYNC);
        if !is_flagged && self.flagged_count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut flagged = self.flagged.lock();
        if is_flagged {
            flagged.insert(attributes.ino);
        } else {
            flagged.remove(&attributes.ino);
        }
        self.flagged_count.store(flagged.len(), Ordering::Relaxed);
    }

    /// Whether the operation is to be durable when it is acknowledged.
    pub(crate) fn is_asked_for(&self, operation: &Operation) -> bool {
        let (touched, names) = touched(operation);
        if touched == [None, None] {
            return false;
        }
        if self.all.load(Ordering::Relaxed) || (names && self.directories.load(Ordering::Relaxed)) {
            return true;
        }
        if self.flagged_count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let flagged = self.flagged.lock();
        touched.iter().flatten().any(|ino| flagged.contains(ino))
    }
}

/// The inodes whose flags decide, and whether a directory changes.
fn touched(operation: &Operation) -> ([Option<InodeId>; 2], bool) {
    match operation {
        Operation::Create(command) => ([Some(command.parent), None], true),
        Operation::Mknod(command) => ([Some(command.parent), None], true),
        Operation::Mkdir(command) => ([Some(command.parent), None], true),
        Operation::Symlink(command) => ([Some(command.parent), None], true),
        Operation::Link(command) => ([Some(command.parent), Some(command.ino)], true),
        Operation::Unlink(command) => ([Some(command.parent), None], true),
        Operation::Rmdir(command) => ([Some(command.parent), None], true),
        Operation::Rename(command) => ([Some(command.parent), Some(command.new_parent)], true),
        Operation::SetAttributes(command) => ([Some(command.ino), None], false),
        Operation::SetFlags(command) => ([Some(command.ino), None], false),
        Operation::SetQuota(command) => ([Some(command.ino), None], false),
        Operation::Write(command) => ([Some(command.ino), None], false),
        Operation::Fallocate(command) => ([Some(command.ino), None], false),
        Operation::CopyRange(command) => ([Some(command.destination), None], false),
        Operation::SetXattr(command) => ([Some(command.ino), None], false),
        Operation::RemoveXattr(command) => ([Some(command.ino), None], false),
        Operation::SetOwnerQuota(_)
        | Operation::CountOwners(_)
        | Operation::TouchAtime(_)
        | Operation::Reclaim(_)
        | Operation::Sync
        | Operation::OpenSession(_)
        | Operation::CloseSession
        | Operation::RefuseNoSpace
        | Operation::SetLock(_)
        | Operation::Unlock(_)
        | Operation::CancelLock(_)
        | Operation::ExpireSession(_)
        | Operation::RefusePastTerm
        | Operation::Load(_)
        | Operation::SetTrash(_)
        | Operation::EmptyTrash(_) => ([None, None], false),
    }
}

#[cfg(test)]
mod tests {
    use holdfast_metadata::{FileName, TouchAtime, Unlink, Write, WritePosition};

    use super::*;

    fn unlink(parent: u64) -> Operation {
        let name = FileName::new(b"name").unwrap();
        Operation::Unlink(Unlink {
            parent: InodeId::new(parent),
            name,
        })
    }

    fn write(ino: u64) -> Operation {
        Operation::Write(Write {
            ino: InodeId::new(ino),
            position: WritePosition::End,
            data: bytes::Bytes::new(),
            clear_privileges: false,
        })
    }

    #[test]
    fn a_mount_with_sync_makes_every_change_durable() {
        let synchronous = Synchronous::default();
        assert!(!synchronous.is_asked_for(&write(2)));
        synchronous.set_mount(true, false);
        assert!(synchronous.is_asked_for(&write(2)) && synchronous.is_asked_for(&unlink(1)));
        let touch = Operation::TouchAtime(TouchAtime { ino: InodeId::ROOT });
        assert!(!synchronous.is_asked_for(&touch));
        assert!(!synchronous.is_asked_for(&Operation::Sync));
    }

    #[test]
    fn a_mount_with_dirsync_makes_changes_of_names_durable() {
        let synchronous = Synchronous::default();
        synchronous.set_mount(false, true);
        assert!(synchronous.is_asked_for(&unlink(1)) && !synchronous.is_asked_for(&write(2)));
    }
}
