//! `fuser` to the filesystem: decodes a request, calls, replies. No policy.

mod decode;
mod encode;
mod negotiate;
mod operations;
mod reply;

use std::future::Future;
use std::sync::Arc;

use fuser::{INodeNo, Request};
use holdfast_metadata::Cookie;
use holdfast_replicator::PosixMetadataReplicator;

pub(crate) use self::reply::Timeouts;
use crate::errno::errno;
use crate::filesystem::{DirectorySink, Filesystem, FilesystemError};
use crate::run::{Call, Runner};

/// What `fuser` calls.
#[derive(Debug)]
pub(crate) struct Adapter<R> {
    filesystem: Arc<Filesystem<R>>,
    runner: Runner,
    timeouts: Timeouts,
}

impl<R: PosixMetadataReplicator> Adapter<R> {
    pub(crate) fn new(
        filesystem: Arc<Filesystem<R>>,
        runner: Runner,
        timeouts: Timeouts,
    ) -> Adapter<R> {
        Adapter {
            filesystem,
            runner,
            timeouts,
        }
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
