//! A mounted volume whose cluster is a stand-in: its locks are as a test says.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use holdfast_metadata::{
    LockMode, LockOwner, LockRange, LockSpace, Outcome, Reclaim, Rename, RenameFlags, SessionId,
    Write, WritePosition,
};
use holdfast_replicator::{Attendant, Pending, ReplicateError, SharedVolume, Status};
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, Semaphore};

use crate::atime::AtimeRules;
use crate::filesystem::tests::fixture::{
    CALLER, Memory, ROOT, at_once, creation, file_name, memory,
};
use crate::filesystem::*;
use crate::locks::PageCache;
use crate::open_files::{Handle, Use};
use crate::options::MountOptions;

/// What happened, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Locked(u64),
    Unlocked(LockSpace, LockOwner, LockRange),
    /// A change that is bound to a session.
    Changed(u64),
    PagesForgotten(InodeId),
    Released(InodeId),
}

/// A volume whose locks are as the test says.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) memory: Arc<Memory>,
    pub(super) epoch: AtomicU64,
    pub(super) events: Mutex<Vec<Event>>,
    /// What the next lock gets instead of being granted.
    pub(super) refusal: Mutex<Option<Result<Outcome, ReplicateError>>>,
    /// Each unlocking takes one.
    pub(super) unlockings: Semaphore,
    /// An unlocking has come.
    pub(super) unlocking: Notify,
    /// Each refusal takes one.
    pub(super) refusals: Semaphore,
    /// A refusal is about to be given.
    pub(super) refusing: Notify,
}

impl Cluster {
    pub(super) fn note(&self, event: Event) {
        self.events.lock().push(event);
    }
}

impl PosixMetadataReplicator for Cluster {
    async fn start(&self) -> Result<(), ReplicateError> {
        Ok(())
    }

    async fn replicate(&self, command: Command) -> Result<Outcome, ReplicateError> {
        self.memory.replicate(command).await
    }

    async fn query(&self, query: Query) -> Result<Result<Reply, PosixError>, ReplicateError> {
        self.memory.query(query).await
    }

    async fn stop(&self) -> Result<(), ReplicateError> {
        Ok(())
    }

    fn status(&self) -> Status {
        self.memory.status()
    }

    fn shared(&self) -> Option<&dyn SharedVolume> {
        Some(self)
    }
}

impl SharedVolume for Cluster {
    fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    fn session(&self) -> SessionId {
        SessionId(self.epoch())
    }

    fn replicate_in(
        &self,
        epoch: u64,
        command: Command,
    ) -> Pending<'_, Result<Outcome, ReplicateError>> {
        Box::pin(async move {
            if epoch != self.epoch() {
                return Err(ReplicateError::SessionLost);
            }
            if let Operation::Unlock(unlock) = command.operation {
                self.unlocking.notify_one();
                self.unlockings.acquire().await.unwrap().forget();
                self.note(Event::Unlocked(unlock.space, unlock.owner, unlock.range));
                return Ok(Ok(Answer::Done));
            }
            self.note(Event::Changed(epoch));
            self.memory.replicate(command).await
        })
    }

    fn set_lock<'a>(
        &'a self,
        epoch: u64,
        _command: Command,
        _holds: bool,
        _interrupted: Pending<'a, ()>,
    ) -> Pending<'a, Result<Outcome, ReplicateError>> {
        Box::pin(async move {
            let refusal = self.refusal.lock().take();
            if let Some(refusal) = refusal {
                self.refusing.notify_one();
                self.refusals.acquire().await.unwrap().forget();
                return refusal;
            }
            self.note(Event::Locked(epoch));
            Ok(Ok(Answer::Locked))
        })
    }

    fn set_attendant(&self, _attendant: Arc<dyn Attendant>) {}

    fn release(&self, ino: InodeId) {
        self.note(Event::Released(ino));
    }
}

impl PageCache for Cluster {
    fn forget_pages(&self, ino: InodeId) {
        self.note(Event::PagesForgotten(ino));
    }
}

pub(super) const OWNER: LockOwner = LockOwner(5);
const OTHER_OWNER: LockOwner = LockOwner(6);

fn request(
    (ino, handle): (InodeId, Handle),
    owner: LockOwner,
    mode: Option<LockMode>,
) -> LockRequest {
    LockRequest {
        ino,
        handle,
        owner,
        range: LockRange::WHOLE,
        mode,
        process: 1,
        wait: true,
    }
}

pub(super) struct Mounted {
    pub(super) filesystem: Arc<Filesystem<Cluster>>,
    pub(super) cluster: Arc<Cluster>,
    pub(super) known: Arc<KnownInodes>,
    pub(super) runtime: Runtime,
}

impl Mounted {
    pub(super) fn new() -> Mounted {
        Mounted::with(false)
    }

    /// A mount whose kernel may remember names, or not.
    pub(super) fn with(kernel_remembers: bool) -> Mounted {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .unwrap();
        let cluster = Arc::new(Cluster {
            memory: memory(),
            epoch: AtomicU64::new(1),
            events: Mutex::default(),
            refusal: Mutex::default(),
            unlockings: Semaphore::new(1000),
            unlocking: Notify::new(),
            refusals: Semaphore::new(1000),
            refusing: Notify::new(),
        });
        let known = Arc::new(KnownInodes::new());
        let pages = Arc::<Cluster>::clone(&cluster);
        let filesystem = Filesystem::new(
            Arc::clone(&cluster),
            Arc::clone(&known),
            TreeUse::Shared(Sharing {
                directories: SeenDirectories::new(),
                kernel_remembers,
                is_squashed: false,
            }),
            Arc::new(Atime::new(AtimeRules::of(&MountOptions::shared()))),
            Arc::default(),
            Some(Arc::new(Locks::new(pages))),
        );
        Mounted {
            filesystem: Arc::new(filesystem),
            cluster,
            known,
            runtime,
        }
    }

    pub(super) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    pub(super) fn open(&self, name: &str) -> (InodeId, Handle) {
        let made = self
            .filesystem
            .create(creation(name), false, OpenMode::default());
        let (attributes, handle) = self.run(made).unwrap();
        (attributes.ino, handle)
    }

    pub(super) fn reopen(&self, ino: InodeId) -> Result<Handle, FilesystemError> {
        let mode = OpenMode::default();
        let opened = self.run(self.filesystem.open(CALLER, ino, mode));
        opened.map(|opened| opened.handle)
    }

    /// Another mount removes a file.
    pub(super) fn remove_elsewhere(&self, name: &str) {
        self.change_elsewhere(Operation::Unlink(holdfast_metadata::Unlink {
            parent: ROOT,
            name: file_name(name),
        }));
    }

    /// Another mount exchanges two names.
    pub(super) fn exchange_elsewhere(&self, one: &str, other: &str) {
        self.change_elsewhere(Operation::Rename(Rename {
            parent: ROOT,
            name: file_name(one),
            new_parent: ROOT,
            new_name: file_name(other),
            flags: RenameFlags {
                exchange: true,
                ..RenameFlags::default()
            },
            seen: None,
        }));
    }

    /// The session has ended, and with it what it had open.
    pub(super) fn reclaim_elsewhere(&self, ino: InodeId) {
        self.end_session();
        self.change_elsewhere(Operation::Reclaim(Reclaim {
            inodes: vec![ino],
            term: None,
        }));
    }

    fn change_elsewhere(&self, operation: Operation) {
        let command = Command {
            request: None,
            now: now(),
            credentials: Credentials::ROOT,
            squashed: false,
            operation,
        };
        at_once(self.cluster.replicate(command)).unwrap().unwrap();
    }

    /// What the mount says after as long as it likes.
    pub(super) fn keeps(&self, ino: InodeId) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(self.known.keep(vec![ino])) == [ino]
    }

    pub(super) async fn setlk(
        &self,
        file: (InodeId, Handle),
        mode: Option<LockMode>,
    ) -> Result<(), FilesystemError> {
        let filesystem = Arc::clone(&self.filesystem);
        filesystem.setlk(CALLER, request(file, OWNER, mode)).await
    }

    /// As somebody else, who does not wait.
    pub(super) async fn try_lock(&self, file: (InodeId, Handle)) -> Result<(), FilesystemError> {
        let request = LockRequest {
            wait: false,
            ..request(file, OTHER_OWNER, Some(LockMode::Exclusive))
        };
        let filesystem = Arc::clone(&self.filesystem);
        filesystem.setlk(CALLER, request).await
    }

    /// What is in the way of somebody else.
    pub(super) async fn getlk(
        &self,
        file: (InodeId, Handle),
    ) -> Result<Option<Obstacle>, FilesystemError> {
        let request = request(file, OTHER_OWNER, Some(LockMode::Exclusive));
        self.filesystem.getlk(request).await
    }

    pub(super) fn set_lock(
        &self,
        file: (InodeId, Handle),
        mode: Option<LockMode>,
    ) -> Result<(), FilesystemError> {
        self.run(self.setlk(file, mode))
    }

    pub(super) fn lock(&self, file: (InodeId, Handle)) -> Result<(), FilesystemError> {
        self.set_lock(file, Some(LockMode::Exclusive))
    }

    pub(super) fn write(&self, (ino, handle): (InodeId, Handle)) -> Result<u64, FilesystemError> {
        let command = Write {
            ino,
            position: WritePosition::At(0),
            data: Bytes::from_static(b"content"),
            clear_privileges: false,
        };
        let how = Use::Through(handle);
        self.run(self.filesystem.write(CALLER, how, command))
    }

    pub(super) fn read(
        &self,
        (ino, handle): (InodeId, Handle),
    ) -> Result<Vec<u8>, FilesystemError> {
        self.run(self.filesystem.read(ino, handle, 0, 100, true))
    }

    pub(super) fn close(&self, (ino, handle): (InodeId, Handle)) {
        let releases = self.filesystem.release(ino, handle);
        self.run(Arc::clone(&self.filesystem).give_up(releases));
    }

    pub(super) fn end_session(&self) {
        self.cluster.epoch.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn events(&self) -> Vec<Event> {
        std::mem::take(&mut *self.cluster.events.lock())
    }
}
