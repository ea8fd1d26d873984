//! A filesystem over the state machine in memory, with its reclaimer.

use std::future::Future;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use holdfast_metadata::{FileName, Format, MemoryEngine, Mode, PosixError, Write, WritePosition};
use holdfast_replicator::NoOpReplicator;
use tokio::runtime::Runtime;

use crate::atime::AtimeRules;
use crate::defects::Defects;
use crate::filesystem::*;
use crate::open_files::{Handle, Use};
use crate::options::MountOptions;
use crate::reclaim::Reclaimer;

pub(super) type Memory = NoOpReplicator<MemoryEngine>;

pub(super) const ROOT: InodeId = InodeId::ROOT;
pub(super) const CALLER: Caller = Caller {
    uid: 0,
    gid: 0,
    pid: 0,
};

/// Nothing is kept of the files that are open here.
const NO_HANDLE: Handle = Handle(0);

pub(super) struct Fixture {
    pub(super) filesystem: Filesystem<Memory>,
    reclaimer: Option<Reclaimer>,
    pub(super) runtime: Runtime,
}

impl Fixture {
    pub(super) fn new() -> Fixture {
        Fixture::over(&memory())
    }

    pub(super) fn over(replicator: &Arc<Memory>) -> Fixture {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .unwrap();
        let queue = Arc::new(ReclaimQueue::default());
        runtime
            .block_on(queue.add_left_over(&**replicator))
            .unwrap();
        let atime = Atime::new(AtimeRules::of(&MountOptions::default()));
        let filesystem = Filesystem::new(
            Arc::clone(replicator),
            Arc::new(KnownInodes::new()),
            TreeUse::Alone(Arc::clone(&queue)),
            Arc::new(atime),
            Arc::default(),
            None,
        );
        let handle = runtime.handle().clone();
        let reclaimer =
            Reclaimer::start(Arc::clone(replicator), queue, handle, &Defects::default()).unwrap();
        Fixture {
            filesystem,
            reclaimer: Some(reclaimer),
            runtime,
        }
    }

    pub(super) fn create(&self, name: &str) -> Attributes {
        at_once(
            self.filesystem
                .create(creation(name), false, OpenMode::default()),
        )
        .unwrap()
        .0
    }

    pub(super) fn write(&self, ino: InodeId, position: WritePosition, data: &[u8]) -> u64 {
        let command = Write {
            ino,
            position,
            data: Bytes::copy_from_slice(data),
            clear_privileges: false,
        };
        let how = Use::Through(NO_HANDLE);
        at_once(self.filesystem.write(CALLER, how, command)).unwrap()
    }

    pub(super) fn read(&self, ino: InodeId) -> Result<Vec<u8>, FilesystemError> {
        at_once(self.filesystem.read(ino, NO_HANDLE, 0, 4096, false))
    }

    pub(super) fn unlink(&self, name: &str) {
        at_once(self.filesystem.unlink(CALLER, ROOT, file_name(name))).unwrap();
    }

    pub(super) fn statfs(&self) -> Statfs {
        self.runtime.block_on(self.filesystem.statfs(ROOT)).unwrap()
    }

    /// Waits until the inode is gone, as the reclaimer promises.
    pub(super) fn wait_until_gone(&self, ino: InodeId) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while at_once(self.filesystem.getattr(ino)).is_ok() {
            assert!(Instant::now() < deadline, "{ino} is still there");
            std::thread::yield_now();
        }
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if let Some(reclaimer) = self.reclaimer.take() {
            reclaimer.stop();
        }
    }
}

pub(super) fn memory() -> Arc<Memory> {
    let format = Format::of_root(7, now());
    let replicator = NoOpReplicator::in_memory(format).unwrap();
    at_once(replicator.start()).unwrap();
    Arc::new(replicator)
}

/// What a replicator that answers at once never waits for.
pub(super) fn at_once<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the operation waits"),
    }
}

pub(super) fn file_name(name: &str) -> FileName {
    FileName::new(name.as_bytes()).unwrap()
}

pub(super) fn creation(name: &str) -> Creation {
    Creation {
        caller: CALLER,
        parent: ROOT,
        name: file_name(name),
        mode: Mode::new(0o644),
        umask: Mode::new(0o022),
    }
}

pub(super) fn answer<T: std::fmt::Debug>(result: Result<T, FilesystemError>) -> PosixError {
    match result {
        Err(FilesystemError::Posix(error)) => error,
        other => panic!("not an answer: {other:?}"),
    }
}
