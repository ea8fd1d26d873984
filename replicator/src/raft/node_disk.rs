//! How much space the disk of a node has; looked at now and then, not at each answer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::sys::statvfs::statvfs;
use tokio::task::JoinHandle;

use crate::replicator::Space;

const TICK: Duration = Duration::from_secs(1);

/// The disk of the data directory.
#[derive(Debug, Clone)]
pub(crate) struct NodeDisk {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    total: AtomicU64,
    available: AtomicU64,
}

impl NodeDisk {
    /// Looks once, and then each second until the task is aborted.
    pub(crate) fn watch(path: &Path) -> (NodeDisk, JoinHandle<()>) {
        let disk = NodeDisk {
            shared: Arc::default(),
        };
        disk.look(path);
        let (watcher, path) = (disk.clone(), path.to_owned());
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(TICK);
            loop {
                ticks.tick().await;
                watcher.look(&path);
            }
        });
        (disk, task)
    }

    /// As it was when it was last looked at.
    pub(crate) fn space(&self) -> Space {
        Space {
            total: self.shared.total.load(Ordering::Relaxed),
            available: self.shared.available.load(Ordering::Relaxed),
        }
    }

    fn look(&self, path: &Path) {
        match statvfs(path) {
            Ok(disk) => {
                let block = disk.fragment_size();
                let bytes = |blocks| block.saturating_mul(blocks);
                let Shared { total, available } = self.shared.as_ref();
                total.store(bytes(disk.blocks()), Ordering::Relaxed);
                available.store(bytes(disk.blocks_available()), Ordering::Relaxed);
            }
            Err(error) => tracing::warn!(%error, "cannot see how much space is left"),
        }
    }
}
