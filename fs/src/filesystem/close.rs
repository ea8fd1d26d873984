//! `flush` and `release`: what closing a file gives up.

use std::sync::Arc;
use std::time::Duration;

use holdfast_metadata::{InodeId, LockOwner, LockRange};
use holdfast_replicator::{PosixMetadataReplicator, ReplicateError};

use super::lock::unlock;
use super::{Filesystem, FilesystemError};
use crate::open_files::{Handle, Release};

/// A `close` does not wait longer for the cluster to take its locks; they are given up all the same.
const CLOSE_MAX: Duration = Duration::from_secs(2);
/// Between two tries to give up a lock.
pub(super) const AGAIN: Duration = Duration::from_millis(500);

impl<R: PosixMetadataReplicator> Filesystem<R> {
    /// A descriptor is closed: its owner gives up what it has locked of the inode.
    pub(crate) async fn flush(
        self: Arc<Self>,
        ino: InodeId,
        owner: LockOwner,
    ) -> Result<(), FilesystemError> {
        let release = self
            .locks
            .as_ref()
            .and_then(|locks| locks.files.flush(ino, owner));
        if let Some(release) = release {
            let given_up = tokio::spawn(self.give_up(vec![release]));
            // In vain it waits only for a cluster that has no quorum: then nobody gets the lock anyway.
            tokio::time::timeout(CLOSE_MAX, given_up).await.ok();
        }
        Ok(())
    }

    /// A file is closed for good; answers with what was locked through it and is to be given up.
    pub(crate) fn release(&self, ino: InodeId, handle: Handle) -> Vec<Release> {
        self.end_use(ino);
        match &self.locks {
            Some(locks) => locks.files.close(ino, handle),
            None => Vec::new(),
        }
    }

    /// Gives up locks, however long it takes.
    pub(crate) async fn give_up(self: Arc<Self>, releases: Vec<Release>) {
        let Some((locks, volume)) = self.sharing() else {
            return;
        };
        for release in releases {
            loop {
                let unlock = unlock(release.ino, release.holder, LockRange::WHOLE);
                match volume.replicate_in(release.epoch, unlock).await {
                    Ok(_) | Err(ReplicateError::SessionLost | ReplicateError::Stopped) => break,
                    Err(error) => {
                        let ino = release.ino.get();
                        tracing::debug!(ino, %error, "a lock is not given up yet");
                        locks.files.release_failed(release.ino, release.holder);
                        tokio::time::sleep(AGAIN).await;
                    }
                }
            }
            locks.files.released(release.ino, release.holder);
        }
    }
}
