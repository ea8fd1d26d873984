//! Keeps a reserve of the disk free, so that removing is possible when nothing else is.
//!
//! RocksDB needs space to give space back: a removal is a record in the log, a memory table to be
//! written, a compaction. Commands that make the state larger are therefore refused while there is
//! still room for those that make it smaller.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use holdfast_metadata::{FallocateMode, Operation};

use crate::replicator::Space;

const MIB: u64 = 1024 * 1024;
/// Enough to write all memory tables once more and to merge some of them.
const RESERVE_BYTES_MAX: u64 = 512 * MIB;
/// On a small disk the reserve is one part of so many.
const RESERVE_PART: u64 = 8;
/// What a command adds beside its data, generously.
const COMMAND_BYTES: u64 = 1024;
/// The disk is looked at again after so many bytes, and once a second while something changes.
const UNCHECKED_BYTES_MAX: u64 = 4 * MIB;

/// Knows how much of the disk is left.
#[derive(Debug, Default)]
pub(super) struct SpaceGuard {
    total: AtomicU64,
    available: AtomicU64,
    unchecked: AtomicU64,
    low: AtomicBool,
}

impl SpaceGuard {
    /// Takes note of the disk as it is now.
    pub(super) fn update(&self, space: Space) {
        self.total.store(space.total, Ordering::Relaxed);
        self.available.store(space.available, Ordering::Relaxed);
        self.unchecked.store(0, Ordering::Relaxed);
        self.low
            .store(space.available < reserve(space.total), Ordering::Relaxed);
    }

    /// Whether only commands that free space are admitted.
    pub(super) fn is_low(&self) -> bool {
        self.low.load(Ordering::Relaxed)
    }

    /// Whether there is too little space for the operation.
    pub(super) fn refuses(&self, operation: &Operation) -> bool {
        grows(operation) && (self.is_low() || promised_bytes(operation) > self.space().available)
    }

    /// Counts what a command adds; answers whether it is time to look at the disk.
    pub(super) fn count(&self, operation: &Operation) -> bool {
        let bytes = COMMAND_BYTES + data_bytes(operation);
        let before = self.unchecked.fetch_add(bytes, Ordering::Relaxed);
        before + bytes >= UNCHECKED_BYTES_MAX
    }

    /// The disk without the reserve.
    pub(super) fn space(&self) -> Space {
        let total = self.total.load(Ordering::Relaxed);
        let available = self.available.load(Ordering::Relaxed);
        Space {
            total,
            available: available.saturating_sub(reserve(total)),
        }
    }
}

/// What is kept back of a disk of this size.
fn reserve(total: u64) -> u64 {
    (total / RESERVE_PART).min(RESERVE_BYTES_MAX)
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
        | Operation::TouchAtime(_)
        | Operation::Fallocate(_)
        | Operation::CopyRange(_)
        | Operation::RemoveXattr(_)
        | Operation::Reclaim(_)
        | Operation::Sync
        | Operation::OpenSession(_)
        | Operation::CloseSession => 0,
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
        | Operation::Rename(_)
        | Operation::Write(_)
        | Operation::CopyRange(_)
        | Operation::SetXattr(_) => true,
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
        | Operation::TouchAtime(_)
        | Operation::RemoveXattr(_)
        | Operation::Reclaim(_)
        | Operation::Sync
        // Who wants to remove something needs a session first.
        | Operation::OpenSession(_)
        | Operation::CloseSession => false,
    }
}

#[cfg(test)]
mod tests {
    use holdfast_metadata::{Fallocate, InodeId};

    use super::*;

    fn allocate(length: u64) -> Operation {
        Operation::Fallocate(Fallocate {
            ino: InodeId::ROOT,
            offset: 0,
            length,
            mode: FallocateMode::Allocate { keep_size: false },
        })
    }

    #[test]
    fn more_than_there_is_cannot_be_promised() {
        let guard = SpaceGuard::default();
        guard.update(Space {
            total: 80 * MIB,
            available: 30 * MIB,
        });
        assert!(!guard.refuses(&allocate(20 * MIB)));
        assert!(guard.refuses(&allocate(20 * MIB + 1)));
    }

    #[test]
    fn a_nearly_full_disk_refuses_what_grows_and_nothing_else() {
        let guard = SpaceGuard::default();
        guard.update(Space {
            total: 80 * MIB,
            available: 9 * MIB,
        });
        assert!(guard.refuses(&allocate(1)));
        assert!(!guard.refuses(&Operation::Sync));
    }
}
