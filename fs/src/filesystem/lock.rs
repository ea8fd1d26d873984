//! `fcntl` and `flock` locks of a volume that others mount, too: `getlk` and `setlk`.

use std::sync::Arc;

use holdfast_metadata::{
    Answer, Command, Credentials, InodeId, LockInfo, LockMode, LockOwner, LockRange, LockSpace,
    Operation, PosixError, Query, Reply, SetLock, TestLock, Unlock,
};
use holdfast_replicator::{Pending, PosixMetadataReplicator, ReplicateError, SharedVolume};
use tokio::sync::oneshot;

use super::close::AGAIN;
use super::{Caller, Filesystem, FilesystemError, now};
use crate::locks::Locks;
use crate::open_files::{Handle, Holder, NO_HANDLE, Unlocking, Use};
use crate::{event_loops, signals, system_call};

/// What `setlk` is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LockRequest {
    pub(crate) ino: InodeId,
    pub(crate) handle: Handle,
    pub(crate) owner: LockOwner,
    pub(crate) range: LockRange,
    /// `None` to unlock.
    pub(crate) mode: Option<LockMode>,
    /// Number of the process.
    pub(crate) process: u32,
    pub(crate) wait: bool,
}

/// A lock that is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Obstacle {
    pub(crate) range: LockRange,
    pub(crate) mode: LockMode,
    /// 0 when it is a process of another mount, whose number means nothing here.
    pub(crate) process: u32,
}

impl<R: PosixMetadataReplicator> Filesystem<R> {
    /// Whether locks are kept by the cluster.
    pub(crate) fn keeps_locks(&self) -> bool {
        self.locks.is_some()
    }

    /// The number of a file that is opened.
    pub(super) fn new_handle(&self, ino: InodeId) -> Handle {
        match self.sharing() {
            Some((locks, volume)) => {
                // Of what was lost before, this file is no part.
                enter(locks, volume);
                locks.files.open(ino)
            }
            None => NO_HANDLE,
        }
    }

    /// In which session a change of the inode has to be made, if it matters; fails when this file has lost its lock.
    pub(super) fn usable(&self, ino: InodeId, how: Use) -> Result<Option<u64>, FilesystemError> {
        let Some((locks, volume)) = self.sharing() else {
            return Ok(None);
        };
        enter(locks, volume);
        let checked = locks.files.check(ino, how);
        Ok(checked.map_err(|_lost| ReplicateError::SessionLost)?)
    }

    /// Looks whether the session has changed, and with it the locks are gone.
    pub(super) fn note_session(&self) {
        if let Some((locks, volume)) = self.sharing() {
            enter(locks, volume);
        }
    }

    /// The first lock in the way of one of bytes (`F_GETLK`).
    pub(crate) async fn getlk(
        &self,
        request: LockRequest,
    ) -> Result<Option<Obstacle>, FilesystemError> {
        let (Some((locks, volume)), Some(mode)) = (self.sharing(), request.mode) else {
            return Err(PosixError::InvalidArgument.into());
        };
        let session = volume.session();
        let test = TestLock {
            ino: request.ino,
            space: LockSpace::Posix,
            session,
            owner: request.owner,
            range: request.range,
            mode,
        };
        let closings = locks.files.closings();
        locks.files.closed(request.ino).await;
        let mut found = self.test_lock(test).await?;
        if found.is_some() && closed_before(locks, request.ino, closings).await {
            found = self.test_lock(test).await?;
        }
        Ok(found.map(|lock| Obstacle {
            range: lock.range,
            mode: lock.mode,
            process: if lock.session == session {
                lock.process
            } else {
                0
            },
        }))
    }

    async fn test_lock(&self, test: TestLock) -> Result<Option<LockInfo>, FilesystemError> {
        match self.query(Query::TestLock(test)).await? {
            Reply::Lock(found) => Ok(found),
            _ => Err(FilesystemError::UnexpectedAnswer),
        }
    }

    pub(crate) async fn setlk(
        self: Arc<Self>,
        caller: Caller,
        request: LockRequest,
    ) -> Result<(), FilesystemError> {
        let Some((locks, volume)) = self.sharing() else {
            return Err(PosixError::NotSupported.into());
        };
        let space = system_call::lock_space(caller.pid).await;
        let holder = (space.unwrap_or(LockSpace::Posix), request.owner);
        enter(locks, volume);
        match request.mode {
            None => {
                let Some(unlocking) = locks.files.unlock(request.ino, holder) else {
                    return Ok(());
                };
                let (teller, told) = oneshot::channel();
                // It goes on when nobody waits for it: what is left under way could end a later lock.
                tokio::spawn(Arc::clone(&self).unlock(request, holder, unlocking, teller));
                tokio::select! {
                    biased;
                    told = told => told.unwrap_or(Err(ReplicateError::Stopped.into())),
                    () = signals::told_to_end(caller.pid) => Err(FilesystemError::Interrupted),
                }
            }
            Some(mode) => {
                let lock = SetLock {
                    ino: request.ino,
                    space: holder.0,
                    owner: request.owner,
                    range: request.range,
                    mode,
                    process: request.process,
                    wait: request.wait,
                };
                self.take_lock((request.handle, lock), caller).await
            }
        }
    }

    /// Takes a lock, unless somebody has one in its way that has not closed the file before.
    async fn take_lock(
        &self,
        (handle, lock): (Handle, SetLock),
        caller: Caller,
    ) -> Result<(), FilesystemError> {
        let Some((locks, volume)) = self.sharing() else {
            return Err(PosixError::NotSupported.into());
        };
        let interrupted = || interrupted(locks, caller.pid, lock.wait);
        let closings = locks.files.closings();
        let settled = async {
            locks.files.closed(lock.ino).await;
            locks
                .files
                .settled(lock.ino, (lock.space, lock.owner))
                .await
        };
        let is_settled = tokio::select! {
            biased;
            is_settled = settled => is_settled,
            () = interrupted() => return Err(FilesystemError::Interrupted),
        };
        if !is_settled {
            return Err(ReplicateError::TimedOut.into());
        }
        let taken = self.lock(locks, volume, (handle, lock), caller).await;
        let Err(FilesystemError::Posix(PosixError::WouldBlock)) = taken else {
            return taken;
        };
        let is_closed = tokio::select! {
            biased;
            is_closed = closed_before(locks, lock.ino, closings) => is_closed,
            () = interrupted() => return Err(FilesystemError::Interrupted),
        };
        if is_closed {
            return self.lock(locks, volume, (handle, lock), caller).await;
        }
        taken
    }

    async fn lock(
        &self,
        locks: &Locks,
        volume: &dyn SharedVolume,
        (handle, lock): (Handle, SetLock),
        caller: Caller,
    ) -> Result<(), FilesystemError> {
        let (ino, holder) = (lock.ino, (lock.space, lock.owner));
        let holds = locks.files.is_held(ino, holder);
        if holds {
            // It may become weaker, and others may then read what was changed under it.
            locks.refresh(ino).await;
        }
        let (asking, outcome) = loop {
            enter(locks, volume);
            let epoch = volume.epoch();
            let asking = locks.files.ask(ino, holder, handle, epoch);
            let asking = asking.map_err(|_lost| ReplicateError::SessionLost)?;
            let command = command(caller.credentials(), Operation::SetLock(lock));
            let interrupted = interrupted(locks, caller.pid, lock.wait);
            let outcome = volume.set_lock(epoch, command, holds, interrupted).await;
            let is_over = match &outcome {
                // Another thread may have taken the signal.
                Err(ReplicateError::Interrupted) => {
                    locks.is_ended() || signals::is_interrupted(caller.pid)
                }
                // Who waits has lost nothing but his place, unless he held another lock.
                Err(ReplicateError::SessionLost) => false,
                Ok(_) | Err(_) => true,
            };
            if is_over {
                break (asking, outcome);
            }
            asking.refused();
        };
        match outcome {
            Ok(Ok(Answer::Locked)) => {}
            Ok(Ok(_)) => return Err(FilesystemError::UnexpectedAnswer),
            Ok(Err(refused)) => {
                asking.refused();
                return Err(refused.into());
            }
            Err(error) => {
                if is_certain(&error) {
                    asking.refused();
                }
                return Err(error.into());
            }
        }
        drop(asking);
        // What others changed before they gave up the lock must be seen under it.
        locks.refresh(ino).await;
        self.usable(ino, Use::Through(handle)).map(drop)
    }

    /// Unlocks a range, however long it takes; says what came of the first try.
    async fn unlock(
        self: Arc<Self>,
        request: LockRequest,
        holder: Holder,
        unlocking: Unlocking,
        teller: oneshot::Sender<Result<(), FilesystemError>>,
    ) {
        let Some((locks, volume)) = self.sharing() else {
            return;
        };
        let ino = request.ino;
        locks.refresh(ino).await;
        let mut teller = Some(teller);
        loop {
            let unlock = unlock(ino, holder, request.range);
            let end = match volume.replicate_in(unlocking.epoch, unlock).await {
                // An inode that is gone has no locks.
                Ok(Ok(_) | Err(PosixError::InodeGone)) => {
                    if holder.0 == LockSpace::Flock || request.range == LockRange::WHOLE {
                        locks.files.unlocked(ino, holder, unlocking);
                    }
                    Ok(())
                }
                Ok(Err(error)) => Err(error.into()),
                // It is not held any more.
                Err(ReplicateError::SessionLost) => {
                    enter(locks, volume);
                    Ok(())
                }
                Err(error) if is_certain(&error) => Err(error.into()),
                Err(error) => {
                    tracing::debug!(ino = ino.get(), %error, "a lock is not given up yet");
                    locks.files.release_failed(ino, holder);
                    if let Some(teller) = teller.take() {
                        teller.send(Err(error.into())).ok();
                    }
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
            };
            locks.files.released(ino, holder);
            if let Some(teller) = teller.take() {
                teller.send(end).ok();
            }
            return;
        }
    }

    pub(super) fn sharing(&self) -> Option<(&Locks, &dyn SharedVolume)> {
        Some((self.locks.as_deref()?, self.replicator.shared()?))
    }
}

/// Whether a file was closed, since `closings` were, that may have been in the way of a lock that was asked for later; it is not
/// any more.
async fn closed_before(locks: &Locks, ino: InodeId, closings: u64) -> bool {
    // The kernel told of it first, perhaps to a thread that has not said so yet.
    event_loops::caught_up().await;
    let is_closed = locks.files.closings() != closings;
    locks.files.closed(ino).await;
    is_closed
}

/// Says what a new session of the mount means for its files.
fn enter(locks: &Locks, volume: &dyn SharedVolume) {
    let lost = locks.files.enter(volume.epoch());
    if lost.is_empty() {
        return;
    }
    let inodes: Vec<u64> = lost.iter().take(10).map(|ino| ino.get()).collect();
    tracing::error!(
        files = lost.len(),
        ?inodes,
        "the cluster has ended the session of this mount, and its locks are lost: files that were locked \
         answer EIO until they are closed"
    );
    for ino in lost {
        // What is read must come here, too.
        locks.refresh_later(ino);
    }
}

/// Whether it is certain that a lock was not given.
fn is_certain(error: &ReplicateError) -> bool {
    match error {
        ReplicateError::Stopped
        | ReplicateError::Unavailable { .. }
        | ReplicateError::SessionLost
        | ReplicateError::Interrupted => true,
        ReplicateError::OutcomeUnknown | ReplicateError::TimedOut | ReplicateError::Fault(_) => {
            false
        }
    }
}

/// Who waits for a lock minds every signal; who asks for one only minds those that are meant to end it.
fn interrupted(locks: &Locks, thread: u32, waits: bool) -> Pending<'_, ()> {
    Box::pin(async move {
        let signal = async {
            if waits {
                signals::interrupted(thread).await;
            } else {
                signals::told_to_end(thread).await;
            }
        };
        tokio::select! {
            () = signal => {}
            () = locks.ended() => {}
        }
    })
}

pub(super) fn unlock(ino: InodeId, (space, owner): Holder, range: LockRange) -> Command {
    let unlock = Unlock {
        ino,
        space,
        owner,
        range,
    };
    command(Credentials::ROOT, Operation::Unlock(unlock))
}

fn command(credentials: Credentials, operation: Operation) -> Command {
    Command {
        request: None,
        now: now(),
        credentials,
        squashed: false,
        operation,
    }
}
