//! Keeps a reserve of the disk free, so that removing is possible when nothing else is.
//!
//! RocksDB needs space to give space back: a removal is a record in the log, a memory table to be
//! written, a compaction. Commands that make the state larger are therefore refused while there is
//! still room for those that make it smaller: by NoOp where they are applied, by the leader of a group
//! before they are proposed.

use std::sync::atomic::{AtomicU64, Ordering};

use holdfast_metadata::{FallocateMode, LoadStep, Operation};

use crate::replicator::Space;

const MIB: u64 = 1024 * 1024;
/// On a disk that is not large the reserve is one part of so many.
const RESERVE_PART: u64 = 8;
/// What a command adds beside its data, generously.
const COMMAND_BYTES: u64 = 1024;
/// The disk is looked at again after so many bytes, and once a second while something changes.
const UNCHECKED_BYTES_MAX: u64 = 4 * MIB;

/// Knows how much of the disk is left.
#[derive(Debug)]
pub(crate) struct SpaceGuard {
    reserve_bytes_max: u64,
    total: AtomicU64,
    available: AtomicU64,
    unchecked: AtomicU64,
}

impl SpaceGuard {
    /// Keeps a part of the disk, and at most so much: enough to write all memory tables on it once more and to
    /// merge some of them.
    pub(crate) fn new(reserve_bytes_max: u64) -> SpaceGuard {
        SpaceGuard {
            reserve_bytes_max,
            total: AtomicU64::new(0),
            available: AtomicU64::new(0),
            unchecked: AtomicU64::new(0),
        }
    }

    /// Takes note of the disk as it is now.
    pub(crate) fn update(&self, space: Space) {
        self.total.store(space.total, Ordering::Relaxed);
        self.available.store(space.available, Ordering::Relaxed);
        self.unchecked.store(0, Ordering::Relaxed);
    }

    /// Whether only commands that free space are admitted.
    pub(crate) fn is_low(&self) -> bool {
        let disk = self.disk();
        disk.available < reserve(disk.total, self.reserve_bytes_max)
    }

    /// Whether there is too little space for the operation, beside what was admitted and waits to be written.
    pub(crate) fn refuses(&self, operation: &Operation, waiting_bytes: u64) -> bool {
        if !grows(operation) {
            return false;
        }
        let disk = self.disk();
        let taken = reserve(disk.total, self.reserve_bytes_max).saturating_add(waiting_bytes);
        disk.available < taken || promised_bytes(operation) > disk.available - taken
    }

    /// Counts what a command adds; answers whether it is time to look at the disk.
    pub(crate) fn count(&self, operation: &Operation) -> bool {
        let bytes = COMMAND_BYTES + data_bytes(operation);
        let before = self.unchecked.fetch_add(bytes, Ordering::Relaxed);
        before + bytes >= UNCHECKED_BYTES_MAX
    }

    /// The disk as it was when it was last looked at.
    pub(crate) fn disk(&self) -> Space {
        Space {
            total: self.total.load(Ordering::Relaxed),
            available: self.available.load(Ordering::Relaxed),
        }
    }

    /// The disk without the reserve.
    pub(crate) fn space(&self) -> Space {
        let Space { total, available } = self.disk();
        Space {
            total,
            available: available.saturating_sub(reserve(total, self.reserve_bytes_max)),
        }
    }
}

/// What is kept back of a disk of this size.
pub(crate) fn reserve(total: u64, bytes_max: u64) -> u64 {
    (total / RESERVE_PART).min(bytes_max)
}

/// Space that the operation takes into its promise and that later commands fill.
fn promised_bytes(operation: &Operation) -> u64 {
    let Operation::Fallocate(fallocate) = operation else {
        return 0;
    };
    match fallocate.mode {
        FallocateMode::Allocate { .. }
        | FallocateMode::ZeroRange { .. }
        | FallocateMode::Unshare => fallocate.length,
        FallocateMode::InsertRange | FallocateMode::PunchHole | FallocateMode::CollapseRange => 0,
    }
}

fn data_bytes(operation: &Operation) -> u64 {
    match operation {
        Operation::Write(write) => write.data.len() as u64,
        Operation::SetXattr(set) => set.value.len() as u64,
        Operation::Load(LoadStep::Entries { entries, .. }) => entries.len() as u64,
        Operation::Create(_)
        | Operation::Mknod(_)
        | Operation::Mkdir(_)
        | Operation::Symlink(_)
        | Operation::Link(_)
        | Operation::Unlink(_)
        | Operation::Rmdir(_)
        | Operation::Rename(_)
        | Operation::SetAttributes(_)
        | Operation::SetFlags(_)
        | Operation::SetQuota(_)
        | Operation::SetOwnerQuota(_)
        | Operation::CountOwners(_)
        | Operation::TouchAtime(_)
        | Operation::Fallocate(_)
        | Operation::CopyRange(_)
        | Operation::RemoveXattr(_)
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
        | Operation::SetTrash(_)
        | Operation::EmptyTrash(_)
        | Operation::Load(LoadStep::Finish(_)) => 0,
    }
}

/// Whether the state is larger after the operation than before, so that it must wait for space.
fn grows(operation: &Operation) -> bool {
    match operation {
        Operation::Create(_)
        | Operation::Mknod(_)
        | Operation::Mkdir(_)
        | Operation::Symlink(_)
        | Operation::Link(_)
        | Operation::Write(_)
        | Operation::CopyRange(_)
        | Operation::SetXattr(_)
        | Operation::Load(LoadStep::Entries { .. }) => true,
        // A name goes and a name comes; only a whiteout is more than there was.
        Operation::Rename(rename) => rename.flags.whiteout,
        Operation::Fallocate(fallocate) => match fallocate.mode {
            FallocateMode::Allocate { .. }
            | FallocateMode::ZeroRange { .. }
            | FallocateMode::InsertRange
            | FallocateMode::Unshare => true,
            FallocateMode::PunchHole | FallocateMode::CollapseRange => false,
        },
        Operation::Unlink(_)
        | Operation::Rmdir(_)
        | Operation::SetAttributes(_)
        | Operation::SetFlags(_)
        | Operation::SetQuota(_)
        | Operation::SetOwnerQuota(_)
        | Operation::CountOwners(_)
        | Operation::TouchAtime(_)
        | Operation::RemoveXattr(_)
        | Operation::Reclaim(_)
        | Operation::Sync
        // Who wants to remove something needs a session first, and perhaps a lock; a session has a
        // bounded number of them.
        | Operation::OpenSession(_)
        | Operation::CloseSession
        | Operation::RefuseNoSpace
        | Operation::SetLock(_)
        | Operation::Unlock(_)
        | Operation::CancelLock(_)
        | Operation::ExpireSession(_)
        | Operation::RefusePastTerm
        | Operation::SetTrash(_)
        | Operation::EmptyTrash(_)
        | Operation::Load(LoadStep::Finish(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use holdfast_metadata::{Fallocate, FileName, InodeId, Rename, RenameFlags};

    use super::*;

    fn allocate(length: u64) -> Operation {
        Operation::Fallocate(Fallocate {
            ino: InodeId::ROOT,
            offset: 0,
            length,
            mode: FallocateMode::Allocate { keep_size: false },
        })
    }

    fn rename(whiteout: bool) -> Operation {
        let name = FileName::new(b"name").unwrap();
        Operation::Rename(Rename {
            parent: InodeId::ROOT,
            name: name.clone(),
            new_parent: InodeId::ROOT,
            new_name: name,
            flags: RenameFlags {
                whiteout,
                ..RenameFlags::default()
            },
            seen: None,
        })
    }

    #[test]
    fn more_than_there_is_cannot_be_promised() {
        let guard = SpaceGuard::new(u64::MAX);
        guard.update(Space {
            total: 80 * MIB,
            available: 30 * MIB,
        });
        assert!(!guard.refuses(&allocate(20 * MIB), 0));
        assert!(guard.refuses(&allocate(20 * MIB + 1), 0));
    }

    #[test]
    fn the_reserve_is_a_part_of_the_disk_up_to_its_limit() {
        assert_eq!(reserve(80 * MIB, 20 * MIB), 10 * MIB);
        assert_eq!(reserve(8000 * MIB, 20 * MIB), 20 * MIB);
    }

    #[test]
    fn what_waits_to_be_written_is_no_space_for_others() {
        let guard = SpaceGuard::new(u64::MAX);
        guard.update(Space {
            total: 80 * MIB,
            available: 30 * MIB,
        });
        assert!(!guard.refuses(&allocate(MIB), 19 * MIB));
        assert!(guard.refuses(&allocate(MIB), 20 * MIB));
        assert!(guard.refuses(&allocate(1), u64::MAX));
        assert!(!guard.is_low());
    }

    #[test]
    fn a_nearly_full_disk_refuses_what_grows_and_nothing_else() {
        let guard = SpaceGuard::new(u64::MAX);
        guard.update(Space {
            total: 80 * MIB,
            available: 9 * MIB,
        });
        assert!(guard.is_low());
        assert!(guard.refuses(&allocate(1), 0));
        assert!(!guard.refuses(&Operation::Sync, 0));
        assert!(!guard.refuses(&rename(false), 0));
        assert!(guard.refuses(&rename(true), 0));
    }
}
