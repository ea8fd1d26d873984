//! The threads behind a NoOp replicator: one syncs the log, one compacts the store.
//!
//! The syncer sleeps until somebody waits for the disk or something has changed. All who wait are
//! answered by one sync (group commit): those who come meanwhile by the next. What nobody waits for is
//! synced a second after it changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use holdfast_metadata::Engine;
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::core::Core;
use crate::error::ReplicateError;

/// The most that a power failure takes from those who did not ask for more.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);
/// Why what was applied is not known to be durable.
#[derive(Debug, Clone)]
pub(super) enum SyncError {
    /// The log found no space; it will be durable when there is.
    NoSpace,
    /// It will not be.
    Refused(ReplicateError),
}

pub(super) type Waiter = oneshot::Sender<Result<(), SyncError>>;

/// What the threads have to do.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    /// Whether something changed since the last sync began; looked at by every command.
    dirty: AtomicBool,
    state: Mutex<State>,
    syncer: Condvar,
    compactor: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiters: Vec<Waiter>,
    sync_at: Option<Instant>,
    compact: bool,
    stopping: bool,
}

impl Schedule {
    /// Something was applied: it is to be synced in a second.
    pub(super) fn mark_dirty(&self) {
        if self.dirty.load(Ordering::Acquire) || self.dirty.swap(true, Ordering::AcqRel) {
            return;
        }
        self.sync_later();
    }

    /// Asks to be told when everything that was applied is durable.
    pub(super) fn wait_for_sync(&self, waiter: Waiter) {
        let mut state = self.state.lock();
        if state.stopping {
            drop(waiter.send(Err(SyncError::Refused(ReplicateError::Stopped))));
            return;
        }
        state.waiters.push(waiter);
        self.syncer.notify_one();
    }

    /// Whether the threads are to end.
    fn is_stopping(&self) -> bool {
        self.state.lock().stopping
    }

    fn sync_later(&self) {
        let mut state = self.state.lock();
        if state.sync_at.is_none() {
            state.sync_at = Some(Instant::now() + SYNC_INTERVAL);
            self.syncer.notify_one();
        }
    }

    fn compact_soon(&self) {
        self.state.lock().compact = true;
        self.compactor.notify_one();
    }

    fn stop(&self) {
        self.state.lock().stopping = true;
        self.syncer.notify_all();
        self.compactor.notify_all();
    }

    /// Sleeps until a sync is due; answers who waits for it and whether it is the last.
    fn next_sync(&self) -> (Vec<Waiter>, bool) {
        let mut state = self.state.lock();
        while state.waiters.is_empty() && !state.stopping {
            match state.sync_at {
                None => self.syncer.wait(&mut state),
                Some(due) if due <= Instant::now() => break,
                Some(due) => {
                    self.syncer.wait_until(&mut state, due);
                }
            }
        }
        state.sync_at = None;
        self.dirty.store(false, Ordering::Release);
        (std::mem::take(&mut state.waiters), state.stopping)
    }

    /// Sleeps until a compaction is asked for; false when the thread is to end.
    fn next_compaction(&self) -> bool {
        let mut state = self.state.lock();
        while !state.compact && !state.stopping {
            self.compactor.wait(&mut state);
        }
        state.compact = false;
        !state.stopping
    }
}

/// The threads, while they run.
#[derive(Debug, Default)]
pub(super) struct Threads {
    running: Mutex<Vec<JoinHandle<()>>>,
}

impl Threads {
    /// Starts them and begins to serve; does nothing when they run.
    pub(super) fn start<E: Engine>(&self, core: &Arc<Core<E>>) -> Result<(), ReplicateError> {
        let mut running = self.running.lock();
        core.serve()?;
        if running.is_empty() {
            running.push(spawn("holdfast-sync", core, run_syncer)?);
            running.push(spawn("holdfast-space", core, run_compactor)?);
        }
        Ok(())
    }

    /// Ends them after a last sync; everybody who waits for the disk is answered.
    pub(super) fn stop<E: Engine>(&self, core: &Core<E>) {
        core.schedule.stop();
        for thread in self.running.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the replicator panicked");
            }
        }
    }
}

fn spawn<E: Engine>(
    name: &str,
    core: &Arc<Core<E>>,
    run: fn(&Core<E>),
) -> Result<JoinHandle<()>, ReplicateError> {
    let core = Arc::clone(core);
    let spawned = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || run(&core));
    spawned.map_err(|error| ReplicateError::Unavailable {
        reason: format!("no thread: {error}"),
    })
}

fn run_syncer<E: Engine>(core: &Core<E>) {
    loop {
        let (waiters, last) = core.schedule.next_sync();
        let result = core.sync();
        for waiter in waiters {
            // Who does not wait any more needs no answer.
            drop(waiter.send(result.clone()));
        }
        if last {
            return;
        }
        core.check_space();
        if let Err(SyncError::NoSpace) = result {
            core.schedule.sync_later();
        }
        if core.guard.is_low() {
            // Others may free space on this disk at any time.
            core.schedule.sync_later();
        }
        compact_after_removal(core);
    }
}

/// Asks for a compaction when much was removed since the volume was largest.
fn compact_after_removal<E: Engine>(core: &Core<E>) {
    let Some(now) = core.weigh() else {
        return;
    };
    if core.removal.is_due(now, core.guard.space().available) {
        core.schedule.compact_soon();
    }
}

fn run_compactor<E: Engine>(core: &Core<E>) {
    while core.schedule.next_compaction() {
        core.compact(&|| !core.schedule.is_stopping());
    }
}
