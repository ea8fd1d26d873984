//! What a mount keeps of the locks that it has in a volume which others mount, too.

use std::fmt::Debug;
use std::sync::Arc;

use holdfast_metadata::InodeId;
use tokio::sync::watch;

use crate::open_files::OpenFiles;

/// What the kernel has read and not asked for again.
pub(crate) trait PageCache: Debug + Send + Sync + 'static {
    /// Writes back the pages of mappings that were changed, and forgets all pages and the attributes. Waits for requests
    /// that are under way: never to be called where those are answered.
    fn forget_pages(&self, ino: InodeId);
}

/// The locks of a mount, and the files they were taken through.
#[derive(Debug)]
pub(crate) struct Locks {
    pub(crate) files: OpenFiles,
    pages: Arc<dyn PageCache>,
    ended: watch::Sender<bool>,
}

impl Locks {
    pub(crate) fn new(pages: Arc<dyn PageCache>) -> Locks {
        Locks {
            files: OpenFiles::default(),
            pages,
            ended: watch::Sender::new(false),
        }
    }

    /// The mount is gone: nobody waits any more.
    pub(crate) fn end(&self) {
        self.ended.send_replace(true);
    }

    pub(crate) fn is_ended(&self) -> bool {
        *self.ended.borrow()
    }

    /// Completes when the mount is gone.
    pub(crate) async fn ended(&self) {
        let mut ended = self.ended.subscribe();
        // The sender is in `self`.
        ended.wait_for(|ended| *ended).await.ok();
    }

    /// Has the kernel write back and forget what it has of an inode.
    pub(crate) async fn refresh(&self, ino: InodeId) {
        let pages = Arc::clone(&self.pages);
        let refreshed = tokio::task::spawn_blocking(move || pages.forget_pages(ino)).await;
        if let Err(error) = refreshed {
            tracing::error!(%error, ino = ino.get(), "pages were not dropped");
        }
    }

    /// The same, while nobody waits for it.
    pub(crate) fn refresh_later(&self, ino: InodeId) {
        let pages = Arc::clone(&self.pages);
        tokio::task::spawn_blocking(move || pages.forget_pages(ino));
    }
}
