//! What the callers and the threads of a NoOp replicator share.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use holdfast_metadata::{
    Command, Engine, Fault, LogIndex, Outcome, PosixError, Query, Reply, StateMachine,
};
use parking_lot::RwLock;
use tokio::sync::oneshot;

use super::home::Home;
use super::syncer::{Schedule, SyncError};
use crate::disk_space;
use crate::error::ReplicateError;
use crate::removal::Removal;
use crate::replicator::Status;
use crate::space_guard::SpaceGuard;

/// Of the store alone.
const RESERVE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// The state machine, what guards it, and what is known about it.
pub(super) struct Core<E> {
    /// Taken away by `close`; only that waits for the others.
    machine: RwLock<Option<StateMachine<E>>>,
    pub(super) home: Box<dyn Home<E>>,
    pub(super) guard: SpaceGuard,
    pub(super) schedule: Schedule,
    serving: AtomicBool,
    /// The first one stops everything.
    fault: OnceLock<Fault>,
    pub(super) removal: Removal,
    /// Batches that are durable.
    synced: AtomicU64,
    /// The last batch, once the machine is closed.
    closed_at: AtomicU64,
}

impl<E: Engine> Core<E> {
    pub(super) fn new(machine: StateMachine<E>, home: Box<dyn Home<E>>) -> Core<E> {
        let core = Core {
            machine: RwLock::new(Some(machine)),
            home,
            guard: SpaceGuard::new(RESERVE_BYTES_MAX),
            schedule: Schedule::default(),
            serving: AtomicBool::new(false),
            fault: OnceLock::new(),
            removal: Removal::default(),
            synced: AtomicU64::new(0),
            closed_at: AtomicU64::new(0),
        };
        core.check_space();
        core.weigh();
        core
    }

    /// Admits callers, unless it was closed or has failed.
    pub(super) fn serve(&self) -> Result<(), ReplicateError> {
        self.check_fault()?;
        if self.machine.read().is_none() {
            return Err(ReplicateError::Stopped);
        }
        self.serving.store(true, Ordering::Release);
        Ok(())
    }

    /// Admits no caller from now on.
    pub(super) fn refuse(&self) {
        self.serving.store(false, Ordering::Release);
    }

    pub(super) fn check_serving(&self) -> Result<(), ReplicateError> {
        self.check_fault()?;
        if self.serving.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err(ReplicateError::Stopped)
        }
    }

    /// Applies one command, or refuses it for want of space.
    pub(super) fn apply(&self, command: &Command) -> Result<Outcome, ReplicateError> {
        self.check_serving()?;
        let machine = self.machine.read();
        let machine = machine.as_ref().ok_or(ReplicateError::Stopped)?;
        if self.guard.count(&command.operation) {
            self.check_space();
            self.weigh_machine(machine);
        }
        // A retry must get the outcome of its first attempt, which only the state machine knows.
        if command.request.is_none() && self.guard.refuses(&command.operation, 0) {
            return Ok(Err(PosixError::NoSpace));
        }
        match machine.apply_next(std::slice::from_ref(command)) {
            Ok(mut outcomes) => {
                self.schedule.mark_dirty();
                outcomes
                    .pop()
                    .ok_or_else(|| self.fail(Fault::corrupt("apply", "no outcome")))
            }
            Err(Fault::NoSpace) => {
                self.schedule.mark_dirty();
                Ok(Err(PosixError::NoSpace))
            }
            Err(fault) => Err(self.fail(fault)),
        }
    }

    /// Answers one query; any number side by side.
    pub(super) fn query(&self, query: &Query) -> Result<Result<Reply, PosixError>, ReplicateError> {
        self.check_serving()?;
        let machine = self.machine.read();
        let machine = machine.as_ref().ok_or(ReplicateError::Stopped)?;
        machine.query(query).map_err(|fault| self.fail(fault))
    }

    /// Waits until everything that was applied is on disk; does not wait if it is already.
    pub(super) async fn durable(&self) -> Result<(), SyncError> {
        let applied = self.applied();
        if LogIndex(self.synced.load(Ordering::Acquire)) >= applied {
            return Ok(());
        }
        let (sender, receiver) = oneshot::channel();
        self.schedule.wait_for_sync(sender);
        // The syncer answers everybody before it ends.
        receiver
            .await
            .unwrap_or(Err(SyncError::Refused(ReplicateError::Stopped)))
    }

    /// Syncs the log and moves the watermark; the syncer thread's work.
    pub(super) fn sync(&self) -> Result<(), SyncError> {
        self.check_fault().map_err(SyncError::Refused)?;
        let machine = self.machine.read();
        let Some(machine) = machine.as_ref() else {
            return Err(SyncError::Refused(ReplicateError::Stopped));
        };
        let applied = machine.applied();
        let synced = machine
            .engine()
            .sync()
            .and_then(|()| self.home.synced(applied));
        match synced {
            Ok(()) => {
                self.synced.store(applied.0, Ordering::Release);
                Ok(())
            }
            Err(Fault::NoSpace) => Err(SyncError::NoSpace),
            Err(fault) => Err(SyncError::Refused(self.fail(fault))),
        }
    }

    /// Looks at the disk.
    pub(super) fn check_space(&self) {
        match self.home.space() {
            Ok(space) => self.guard.update(space),
            Err(error) => disk_space::is_not_seen(&error),
        }
    }

    /// How much the volume holds, in bytes; `None` when it is closed or has failed.
    pub(super) fn weigh(&self) -> Option<u64> {
        if self.fault.get().is_some() {
            return None;
        }
        self.weigh_machine(self.machine.read().as_ref()?)
    }

    /// The lock is taken once a call: a second reader of one thread would wait for `close` for ever.
    fn weigh_machine(&self, machine: &StateMachine<E>) -> Option<u64> {
        match machine.query(&Query::Statistics) {
            Ok(Ok(Reply::Statistics(statistics))) => Some(self.removal.weigh(&statistics)),
            Ok(_) => None,
            Err(fault) => {
                self.fail(fault);
                None
            }
        }
    }

    /// Gives space of removed data back to the disk; the compactor thread's work.
    pub(super) fn compact(&self, proceed: &dyn Fn() -> bool) {
        let machine = self.machine.read();
        let Some(machine) = machine.as_ref() else {
            return;
        };
        match self.home.compact(machine.engine(), proceed) {
            Ok(()) => self.check_space(),
            // Writing fails for the commands too, and they say so.
            Err(Fault::NoSpace) => tracing::warn!("no space to compact the store"),
            Err(fault) => {
                self.fail(fault);
            }
        }
    }

    /// Makes everything durable and lets others open the state.
    pub(super) fn close(&self) -> Result<(), ReplicateError> {
        let mut slot = self.machine.write();
        let Some(machine) = slot.take() else {
            return self.check_fault();
        };
        let applied = machine.applied();
        self.closed_at.store(applied.0, Ordering::Release);
        let closed = self.check_fault().and_then(|()| {
            let engine = machine.engine();
            let flushed = engine.sync().and_then(|()| self.home.close(engine));
            let noted = flushed.and_then(|()| self.home.synced(applied));
            noted.map_err(|fault| self.fail(fault))
        });
        drop(machine);
        self.home.release();
        closed
    }

    pub(super) fn status(&self) -> Status {
        self.check_space();
        Status {
            serving: self.check_serving().is_ok(),
            applied: self.applied(),
            space: self.guard.space(),
            fault: self.fault.get().map(ToString::to_string),
        }
    }

    fn applied(&self) -> LogIndex {
        let closed_at = || LogIndex(self.closed_at.load(Ordering::Acquire));
        self.machine
            .read()
            .as_ref()
            .map_or_else(closed_at, StateMachine::applied)
    }

    fn check_fault(&self) -> Result<(), ReplicateError> {
        match self.fault.get() {
            None => Ok(()),
            Some(fault) => Err(ReplicateError::Fault(fault.clone())),
        }
    }

    /// Stops serving for good.
    fn fail(&self, fault: Fault) -> ReplicateError {
        if self.fault.set(fault.clone()).is_ok() {
            tracing::error!(%fault, "the filesystem has stopped: its store failed");
        }
        ReplicateError::Fault(fault)
    }
}
