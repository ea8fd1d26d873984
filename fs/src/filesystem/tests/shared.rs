//! What changes when other mounts share the volume: locks, their loss, and orphans. The cluster is a stand-in.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use holdfast_metadata::{
    LockMode, LockOwner, LockRange, LockSpace, Outcome, SessionId, Write, WritePosition,
};
use holdfast_replicator::{Attendant, Pending, ReplicateError, SharedVolume, Status};
use parking_lot::Mutex;
use tokio::runtime::Runtime;

use super::fixture::{CALLER, Memory, ROOT, at_once, creation, file_name, memory};
use crate::atime::AtimeRules;
use crate::errno::errno;
use crate::filesystem::*;
use crate::locks::PageCache;
use crate::open_files::{Handle, Use};
use crate::options::MountOptions;

/// What happened, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Locked(u64),
    Unlocked(LockSpace, LockOwner, LockRange),
    /// A change that is bound to a session.
    Changed(u64),
    PagesForgotten(InodeId),
    Released(InodeId),
}

/// A volume whose locks are as the test says.
#[derive(Debug)]
struct Cluster {
    memory: Arc<Memory>,
    epoch: AtomicU64,
    events: Mutex<Vec<Event>>,
    /// What the next lock gets instead of being granted.
    refusal: Mutex<Option<Result<Outcome, ReplicateError>>>,
    /// Each unlocking takes one.
    unlockings: tokio::sync::Semaphore,
}

impl Cluster {
    fn note(&self, event: Event) {
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

    async fn query(
        &self,
        query: Query,
    ) -> Result<Result<Reply, holdfast_metadata::PosixError>, ReplicateError> {
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
            if let Some(refusal) = self.refusal.lock().take() {
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

const OWNER: LockOwner = LockOwner(5);

struct Mounted {
    filesystem: Arc<Filesystem<Cluster>>,
    cluster: Arc<Cluster>,
    known: Arc<KnownInodes>,
    runtime: Runtime,
}

impl Mounted {
    fn new() -> Mounted {
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
            unlockings: tokio::sync::Semaphore::new(1000),
        });
        let known = Arc::new(KnownInodes::new());
        let pages = Arc::<Cluster>::clone(&cluster);
        let filesystem = Filesystem::new(
            Arc::clone(&cluster),
            Arc::clone(&known),
            TreeUse::Shared,
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

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    fn open(&self, name: &str) -> (InodeId, Handle) {
        let made = self.filesystem.create(creation(name), false, false);
        let (attributes, handle) = self.run(made).unwrap();
        (attributes.ino, handle)
    }

    fn reopen(&self, ino: InodeId) -> Result<Handle, FilesystemError> {
        let mode = OpenMode::default();
        let opened = self.run(self.filesystem.open(CALLER, ino, mode));
        opened.map(|opened| opened.handle)
    }

    /// Another mount removes a file.
    fn remove_elsewhere(&self, name: &str) {
        let unlink = Operation::Unlink(holdfast_metadata::Unlink {
            parent: ROOT,
            name: file_name(name),
        });
        let command = Command {
            request: None,
            now: now(),
            credentials: Credentials::ROOT,
            operation: unlink,
        };
        at_once(self.cluster.replicate(command)).unwrap().unwrap();
    }

    fn keeps(&self, ino: InodeId) -> bool {
        at_once(self.known.keep(vec![ino])) == [ino]
    }

    async fn setlk(
        &self,
        (ino, handle): (InodeId, Handle),
        mode: Option<LockMode>,
    ) -> Result<(), FilesystemError> {
        let request = LockRequest {
            ino,
            handle,
            owner: OWNER,
            range: LockRange::WHOLE,
            mode,
            process: 1,
            wait: true,
        };
        let filesystem = Arc::clone(&self.filesystem);
        filesystem.setlk(CALLER, request).await
    }

    fn set_lock(
        &self,
        file: (InodeId, Handle),
        mode: Option<LockMode>,
    ) -> Result<(), FilesystemError> {
        self.run(self.setlk(file, mode))
    }

    fn lock(&self, file: (InodeId, Handle)) -> Result<(), FilesystemError> {
        self.set_lock(file, Some(LockMode::Exclusive))
    }

    fn write(&self, (ino, handle): (InodeId, Handle)) -> Result<u64, FilesystemError> {
        let command = Write {
            ino,
            position: WritePosition::At(0),
            data: Bytes::from_static(b"content"),
            clear_privileges: false,
        };
        let how = Use::Through(handle);
        self.run(self.filesystem.write(CALLER, how, command))
    }

    fn read(&self, (ino, handle): (InodeId, Handle)) -> Result<Vec<u8>, FilesystemError> {
        self.run(self.filesystem.read(ino, handle, 0, 100, true))
    }

    fn close(&self, (ino, handle): (InodeId, Handle)) {
        let releases = self.filesystem.release(ino, handle);
        self.run(Arc::clone(&self.filesystem).give_up(releases));
    }

    fn end_session(&self) {
        self.cluster.epoch.fetch_add(1, Ordering::Relaxed);
    }

    fn events(&self) -> Vec<Event> {
        std::mem::take(&mut *self.cluster.events.lock())
    }
}

fn unlocked() -> Event {
    Event::Unlocked(LockSpace::Posix, OWNER, LockRange::WHOLE)
}

#[track_caller]
fn is_eio<T: std::fmt::Debug>(result: Result<T, FilesystemError>) {
    assert_eq!(errno(&result.unwrap_err()), libc::EIO);
}

#[test]
fn a_lock_is_answered_when_old_pages_are_gone_and_given_up_when_new_ones_are_written() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    mounted.lock(file).unwrap();
    let forgotten = Event::PagesForgotten(file.0);
    assert_eq!(mounted.events(), [Event::Locked(1), forgotten]);
    mounted.set_lock(file, None).unwrap();
    assert_eq!(mounted.events(), [forgotten, unlocked()]);
    mounted.set_lock(file, None).unwrap();
    assert_eq!(mounted.events(), [], "nothing is locked");
}

#[test]
fn a_lock_that_may_become_weaker_has_its_pages_written_before() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    mounted.lock(file).unwrap();
    mounted.events();
    mounted.set_lock(file, Some(LockMode::Shared)).unwrap();
    let forgotten = Event::PagesForgotten(file.0);
    assert_eq!(mounted.events(), [forgotten, Event::Locked(1), forgotten]);
}

#[test]
fn changes_under_a_lock_are_bound_to_its_session_and_others_are_not() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    mounted.write(file).unwrap();
    assert_eq!(mounted.events(), []);
    mounted.lock(file).unwrap();
    mounted.events();
    mounted.write(file).unwrap();
    let empty = Change {
        size: Some(0),
        ..Change::default()
    };
    let through = Some(file.1);
    mounted
        .run(mounted.filesystem.setattr(CALLER, file.0, empty, through))
        .unwrap();
    assert_eq!(mounted.events(), [Event::Changed(1), Event::Changed(1)]);
}

#[test]
fn a_file_that_has_lost_its_lock_answers_eio_until_it_is_closed() {
    let mounted = Mounted::new();
    let (file, beside) = (mounted.open("file"), mounted.open("beside"));
    mounted.write(file).unwrap();
    mounted.lock(file).unwrap();
    mounted.end_session();
    is_eio(mounted.read(file));
    is_eio(mounted.write(file));
    is_eio(mounted.lock(file));
    is_eio(mounted.run(mounted.filesystem.fsync(file.0, file.1)));
    mounted.set_lock(file, None).unwrap();
    mounted.write(beside).unwrap();
    let again = (file.0, mounted.reopen(file.0).unwrap());
    assert_eq!(mounted.read(again).unwrap(), b"content");
    mounted.events();
    mounted.close(file);
    assert_eq!(mounted.events(), [], "the cluster gave it up itself");
    mounted.lock(again).unwrap();
    mounted.write(again).unwrap();
}

#[test]
fn a_change_that_meets_the_end_of_its_session_is_not_made() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    mounted.lock(file).unwrap();
    // The cluster knows before the mount does.
    let epoch = mounted
        .filesystem
        .usable(file.0, Use::Through(file.1))
        .unwrap();
    mounted.end_session();
    let touch = Operation::TouchAtime(TouchAtime { ino: file.0 });
    let changed = mounted
        .filesystem
        .change_in(epoch, now(), Credentials::ROOT, touch);
    is_eio(mounted.run(changed));
    is_eio(mounted.read(file));
}

#[test]
fn a_process_that_closes_a_descriptor_gives_up_its_locks() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    mounted.lock(file).unwrap();
    mounted.events();
    let flush = |owner| {
        let flushed = Arc::clone(&mounted.filesystem).flush(file.0, owner);
        mounted.run(flushed).unwrap();
    };
    flush(LockOwner(6));
    assert_eq!(mounted.events(), []);
    flush(OWNER);
    assert_eq!(mounted.events(), [unlocked()]);
    mounted.close(file);
    assert_eq!(mounted.events(), []);
}

#[test]
fn the_last_close_gives_up_what_is_left() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    mounted.lock(file).unwrap();
    mounted.events();
    mounted.close(file);
    assert_eq!(mounted.events(), [unlocked()]);
}

#[test]
fn a_lock_that_was_refused_is_not_given_up_and_one_whose_fate_is_unknown_is() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    let refuse = |refusal| {
        *mounted.cluster.refusal.lock() = Some(refusal);
        errno(&mounted.lock(file).unwrap_err())
    };
    let refused = Ok(Err(holdfast_metadata::PosixError::WouldBlock));
    assert_eq!(refuse(refused), libc::EAGAIN);
    mounted.close(file);
    assert_eq!(mounted.events(), []);
    assert_eq!(refuse(Err(ReplicateError::OutcomeUnknown)), libc::EIO);
    mounted.close(file);
    assert_eq!(mounted.events(), [unlocked()]);
}

#[test]
fn who_waits_while_the_session_ends_waits_on_in_the_next() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    *mounted.cluster.refusal.lock() = Some(Err(ReplicateError::SessionLost));
    mounted.end_session();
    mounted.lock(file).unwrap();
    let forgotten = Event::PagesForgotten(file.0);
    assert_eq!(mounted.events(), [Event::Locked(2), forgotten]);
}

#[test]
fn an_unlocking_that_nobody_waits_for_any_more_goes_on_before_the_next_lock() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    mounted.lock(file).unwrap();
    mounted.events();
    let held_back = mounted.cluster.unlockings.forget_permits(1000);
    let given_up = Duration::from_millis(50);
    mounted.run(async {
        let unlock = mounted.setlk(file, None);
        assert!(tokio::time::timeout(given_up, unlock).await.is_err());
        let lock = mounted.setlk(file, Some(LockMode::Exclusive));
        tokio::pin!(lock);
        let waits = tokio::time::timeout(given_up, &mut lock).await.is_err();
        assert!(waits, "the unlocking would end this lock");
        mounted.cluster.unlockings.add_permits(held_back);
        lock.await.unwrap();
    });
    let forgotten = Event::PagesForgotten(file.0);
    let order = [forgotten, unlocked(), Event::Locked(1), forgotten];
    assert_eq!(mounted.events(), order);
}

#[test]
fn an_interruption_without_a_signal_is_not_told() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    *mounted.cluster.refusal.lock() = Some(Err(ReplicateError::Interrupted));
    mounted.lock(file).unwrap();
}

#[test]
fn what_another_mount_removed_is_released_once_when_it_is_closed() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    mounted.remove_elsewhere("file");
    assert!(mounted.keeps(file.0) && mounted.keeps(file.0));
    let second = (file.0, mounted.reopen(file.0).unwrap());
    mounted.close(file);
    assert_eq!(mounted.events(), []);
    mounted.close(second);
    assert_eq!(mounted.events(), [Event::Released(file.0)]);
    assert!(!mounted.keeps(file.0));
    mounted.filesystem.forget(file.0, 1);
    assert_eq!(mounted.events(), []);
}

#[test]
fn what_was_removed_here_is_released_once_when_the_kernel_forgets_it() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    let removed = mounted.filesystem.unlink(CALLER, ROOT, file_name("file"));
    mounted.run(removed).unwrap();
    assert!(mounted.keeps(file.0));
    mounted.close(file);
    assert!(
        mounted.keeps(file.0),
        "its attributes can still be asked for"
    );
    assert_eq!(mounted.events(), []);
    mounted.filesystem.forget(file.0, 1);
    assert_eq!(mounted.events(), [Event::Released(file.0)]);
    assert!(!mounted.keeps(file.0));
}

#[test]
fn a_file_that_is_gone_for_the_cluster_is_not_opened_again() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    mounted.close(file);
    mounted.remove_elsewhere("file");
    assert!(!mounted.keeps(file.0));
    let opened = mounted.reopen(file.0);
    assert_eq!(errno(&opened.unwrap_err()), libc::ESTALE);
}

#[test]
fn an_open_that_is_under_way_is_waited_for() {
    let mounted = Mounted::new();
    let file = mounted.open("file");
    mounted.close(file);
    let open = mounted.filesystem.arrive();
    mounted.remove_elsewhere("file");
    let mut kept = mounted.known.keep(vec![file.0]);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(kept.as_mut().poll(&mut context).is_pending());
    // It had seen the name.
    mounted.filesystem.begin_use(file.0, true).unwrap();
    drop(open);
    assert_eq!(mounted.run(kept), [file.0]);
}

#[test]
fn an_inode_with_a_name_is_not_released() {
    let mounted = Mounted::new();
    let ino = mounted.open("file").0;
    mounted.filesystem.forget(ino, 1);
    assert_eq!(mounted.events(), []);
}
