//! `fuser` to the filesystem: decodes a request, calls, replies. No policy.

mod decode;
mod encode;
mod negotiate;
mod operations;
mod reply;

use std::future::Future;
use std::sync::{Arc, OnceLock};

use fuser::{INodeNo, Notifier, Request};
use holdfast_metadata::{Cookie, InodeId};
use holdfast_replicator::PosixMetadataReplicator;

pub(crate) use self::negotiate::Terms;
pub(crate) use self::reply::Timeouts;
use crate::errno::errno;
use crate::filesystem::{DirectorySink, Filesystem, FilesystemError};
use crate::locks::PageCache;
use crate::run::{Call, Runner};

/// What `fuser` calls.
#[derive(Debug)]
pub(crate) struct Adapter<R> {
    filesystem: Arc<Filesystem<R>>,
    runner: Runner,
    timeouts: Timeouts,
    terms: Terms,
    kernel: Kernel,
}

/// Tells the kernel what it cannot know; empty until the mount is there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kernel(Arc<OnceLock<Notifier>>);

impl Kernel {
    pub(crate) fn connect(&self, notifier: Notifier) {
        if self.0.set(notifier).is_err() {
            tracing::error!("a mount was connected twice");
        }
    }

    /// Drops the attributes it remembers, and nothing else: that takes no lock a request could hold, so
    /// it is the one notification that may be sent before the reply.
    fn forget_attributes(&self, ino: INodeNo) {
        if let Some(Err(error)) = self
            .0
            .get()
            .map(|notifier| notifier.inval_inode(ino, -1, 0))
        {
            tracing::debug!(ino = ino.0, %error, "the kernel keeps old attributes for a while");
        }
    }
}

impl PageCache for Kernel {
    fn forget_pages(&self, ino: InodeId) {
        if let Some(Err(error)) = self
            .0
            .get()
            .map(|notifier| notifier.inval_inode(INodeNo(ino.get()), 0, 0))
        {
            tracing::debug!(ino = ino.get(), %error, "the kernel keeps old pages for a while");
        }
    }
}

impl<R: PosixMetadataReplicator> Adapter<R> {
    pub(crate) fn new(
        filesystem: Arc<Filesystem<R>>,
        runner: Runner,
        timeouts: Timeouts,
        terms: Terms,
        kernel: Kernel,
    ) -> Adapter<R> {
        Adapter {
            filesystem,
            runner,
            timeouts,
            terms,
            kernel,
        }
    }

    /// A record that is appended through the page cache leaves in pieces, and another mount's could land between
    /// them; with direct I/O it is one request.
    fn appends_directly(&self, flags: i32) -> bool {
        self.terms.shared && flags & libc::O_APPEND != 0
    }

    fn run<T, W>(
        &self,
        call: Call,
        operation: impl FnOnce(Arc<Filesystem<R>>) -> W,
        answer: impl FnOnce(Result<T, i32>) + Send + 'static,
    ) where
        W: Future<Output = Result<T, FilesystemError>> + Send + 'static,
        T: Send + 'static,
    {
        let _watch = self.runner.defects().watch();
        self.runner
            .run(call, operation(Arc::clone(&self.filesystem)), answer);
    }

    /// A page that has entries is sent even if it could not be filled: they are counted.
    fn list<T: Send + 'static>(
        &self,
        call: Call,
        at: (INodeNo, u64),
        mut page: reply::Page<T>,
        send: impl FnOnce(T, Result<(), i32>) + Send + 'static,
    ) where
        reply::Page<T>: DirectorySink,
    {
        let (ino, after) = (decode::ino(at.0), Cookie(at.1));
        self.run(
            call,
            move |fs| async move {
                let listed = fs.readdir(ino, after, &mut page).await;
                Ok((page, listed))
            },
            |answer| {
                if let Ok((page, listed)) = answer {
                    let failed = listed.err().filter(|_| page.is_empty);
                    send(
                        page.reply,
                        failed.map_or(Ok(()), |error| Err(errno(&error))),
                    );
                }
            },
        );
    }
}

fn call(name: &'static str, request: &Request, ino: INodeNo) -> Call {
    Call::new(name, ino.0, request.pid())
}
