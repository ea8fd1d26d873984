//! `statfs`: counts of the volume, space of the disk below; in a quota tree what it uses and may use.

use holdfast_metadata::{InodeId, Query, Reply, limits};
use holdfast_replicator::PosixMetadataReplicator;

use super::{Filesystem, FilesystemError, TreeUse, quota};

/// A new inode with its name takes about this much of the disk below.
const INODE_BYTES: u64 = 1024;

/// What `df` and `df -i` show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Statfs {
    /// Blocks of [`limits::BLOCK_BYTES`], used and free.
    pub(crate) blocks: u64,
    pub(crate) blocks_free: u64,
    /// Inodes, used and free.
    pub(crate) inodes: u64,
    pub(crate) inodes_free: u64,
}

impl<R: PosixMetadataReplicator> Filesystem<R> {
    /// Waits for the space of files that were just removed: what a program gave back, it finds free. A cluster asks all
    /// its mounts first, which nobody waits for.
    pub(crate) async fn statfs(&self, ino: InodeId) -> Result<Statfs, FilesystemError> {
        if let TreeUse::Alone(queue) = &self.tree {
            queue.settled().await;
        }
        let Reply::Statistics(statistics) = self.query(Query::Statistics).await? else {
            return Err(FilesystemError::UnexpectedAnswer);
        };
        let available = self.replicator.status().space.available;
        let block = u64::from(limits::BLOCK_BYTES);
        let quotas = self.quotas_around(ino).await?;
        let (bytes, bytes_free) = quota::within(&quotas, |amounts| amounts.bytes, available)
            .unwrap_or((statistics.allocated, available));
        let inodes_below = available / INODE_BYTES;
        let (inodes, inodes_free) = quota::within(&quotas, |amounts| amounts.inodes, inodes_below)
            .unwrap_or((statistics.inodes, inodes_below));
        let blocks_free = bytes_free / block;
        Ok(Statfs {
            blocks: blocks_free + bytes.div_ceil(block),
            blocks_free,
            inodes: inodes_free + inodes,
            inodes_free,
        })
    }
}
