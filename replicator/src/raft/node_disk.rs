//! How much space the disk of a node has, and what a leader on it refuses.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use holdfast_metadata::Operation;
use tokio::task::JoinHandle;

use crate::disk_space;
use crate::replicator::Space;
use crate::space_guard::{self, SpaceGuard};

/// What part of the disk a memory table may be. The state of a volume has up to six of them and the log four, and
/// merging the top of the log takes as much as eight: with the states of a few volumes less than the reserve.
pub(crate) const WRITE_BUFFER_PART: u64 = 256;
/// So much for memory tables of their greatest size.
const RESERVE_BYTES_MAX: u64 = 2 << 30;

/// Others use the disk, too.
const TICK: Duration = Duration::from_secs(1);

/// The disk of the data directory; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct NodeDisk {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    guard: SpaceGuard,
    /// What was last said about it.
    said_low: AtomicBool,
    refused: AtomicU64,
}

impl NodeDisk {
    /// Looks once, and then each second until the task is aborted.
    pub(crate) fn watch(path: &Path) -> (NodeDisk, JoinHandle<()>) {
        let disk = NodeDisk::new(path);
        let watcher = disk.clone();
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(TICK);
            loop {
                ticks.tick().await;
                watcher.look();
            }
        });
        (disk, task)
    }

    pub(in crate::raft) fn new(path: &Path) -> NodeDisk {
        let disk = NodeDisk {
            shared: Arc::new(Shared {
                path: path.to_owned(),
                guard: SpaceGuard::new(RESERVE_BYTES_MAX),
                said_low: AtomicBool::new(false),
                refused: AtomicU64::new(0),
            }),
        };
        disk.look();
        disk
    }

    /// The disk as it was when it was last looked at.
    pub(crate) fn whole(&self) -> Space {
        self.shared.guard.disk()
    }

    /// The disk without the reserve: what callers may fill.
    pub(crate) fn space(&self) -> Space {
        self.shared.guard.space()
    }

    /// What is kept for commands that free space.
    pub(crate) fn reserve(&self) -> u64 {
        reserve(self.whole().total)
    }

    /// Whether less than the reserve is free.
    pub(crate) fn is_low(&self) -> bool {
        self.shared.guard.is_low()
    }

    /// Whether a leader must refuse the operation, while so many bytes of others wait to be written.
    pub(crate) fn refuses(&self, operation: &Operation, waiting_bytes: u64) -> bool {
        let shared = &self.shared;
        if shared.guard.count(operation) {
            self.look();
        }
        let refused = shared.guard.refuses(operation, waiting_bytes);
        if refused {
            shared.refused.fetch_add(1, Ordering::Relaxed);
        }
        refused
    }

    /// How many commands were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }

    fn look(&self) {
        let shared = &self.shared;
        match disk_space::look(&shared.path) {
            Ok(space) => shared.guard.update(space),
            Err(error) => {
                disk_space::is_not_seen(&error);
                return;
            }
        }
        let low = self.is_low();
        if shared.said_low.swap(low, Ordering::Relaxed) == low {
            return;
        }
        let Space { total, available } = self.whole();
        let reserve = self.reserve();
        if low {
            tracing::warn!(
                total,
                available,
                reserve,
                "the disk is nearly full: what this node leads takes only what frees space"
            );
        } else {
            tracing::info!(total, available, reserve, "the disk has space again");
        }
    }
}

/// What a node keeps of a disk of this size.
pub(crate) fn reserve(total: u64) -> u64 {
    space_guard::reserve(total, RESERVE_BYTES_MAX)
}
