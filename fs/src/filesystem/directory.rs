//! `readdir` and `readdirplus`.

use holdfast_metadata::{Attributes, Cookie, DirectoryEntry, InodeId, Query, Reply};
use holdfast_replicator::PosixMetadataReplicator;

use super::{Filesystem, FilesystemError};

/// Entries asked for at once: about what fits into one reply.
const PAGE_ENTRIES: usize = 128;

/// Takes entries until it is full.
pub(crate) trait DirectorySink {
    /// Whether attributes are wanted, and with them the right to use the inodes (`readdirplus`).
    const WITH_ATTRIBUTES: bool;

    /// Takes an entry; false when there is no room for it.
    fn add(&mut self, entry: &DirectoryEntry) -> bool;
}

impl<R: PosixMetadataReplicator> Filesystem<R> {
    /// Lists the entries after a cookie, as many as the sink takes.
    pub(crate) async fn readdir<S: DirectorySink>(
        &self,
        ino: InodeId,
        after: Cookie,
        sink: &mut S,
    ) -> Result<(), FilesystemError> {
        let _arrival = S::WITH_ATTRIBUTES.then(|| self.arrive());
        let mut after = after;
        let mut is_touched = false;
        loop {
            let (entries, attributes) = self.page::<S>(ino, after).await?;
            if !is_touched {
                self.touch_atime(&attributes).await;
                is_touched = true;
            }
            let is_last = entries.len() < PAGE_ENTRIES;
            for entry in entries {
                if !sink.add(&entry) {
                    return Ok(());
                }
                if let Some(attributes) = &entry.attributes {
                    self.remember(attributes);
                }
                after = entry.cookie;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    async fn page<S: DirectorySink>(
        &self,
        ino: InodeId,
        after: Cookie,
    ) -> Result<(Vec<DirectoryEntry>, Attributes), FilesystemError> {
        let query = Query::ReadDirectory {
            ino,
            after,
            entries_max: PAGE_ENTRIES,
            with_attributes: S::WITH_ATTRIBUTES,
        };
        match self.query(query).await? {
            Reply::Directory {
                entries,
                attributes,
            } => Ok((entries, attributes)),
            _ => Err(FilesystemError::UnexpectedAnswer),
        }
    }
}
