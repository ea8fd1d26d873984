//! Gives back what orphans hold once the kernel has forgotten them, on a thread of its own. Where other mounts may have
//! them open, the cluster does it instead.
//!
//! What is left here by a crash or a fault is not lost: it is in the state, and the next mount begins
//! with [`ReclaimQueue::add_left_over`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use holdfast_metadata::{
    Answer, Command, Credentials, InodeId, Operation, PosixError, Query, Reclaim, Reply,
};
use holdfast_replicator::{PosixMetadataReplicator, ReplicateError};
use parking_lot::{Condvar, Mutex};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::defects::Defects;
use crate::filesystem::now;

/// Most inodes of one command: operations of callers wait that long for their turn.
const BATCH: usize = 64;
/// Removals come in bursts: waiting a moment makes one command of many.
const GATHER: Duration = Duration::from_millis(5);
/// After a failure (a full disk) the next try waits, longer each time.
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_LAST: Duration = Duration::from_secs(30);
/// `statfs` does not wait longer for space to come back.
const SETTLE_MAX: Duration = Duration::from_secs(2);
/// Orphans asked for at once.
const PAGE: usize = 4096;

/// Orphans that nobody has open.
#[derive(Debug, Default)]
pub(crate) struct ReclaimQueue {
    state: Mutex<State>,
    /// Whether it is not settled, for each change that asks; set under the lock.
    at_work: AtomicBool,
    changed: Condvar,
    settled: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<InodeId>,
    /// A command is on its way.
    is_busy: bool,
    /// The last command failed.
    is_failing: bool,
    /// Somebody waits for the end.
    is_urgent: bool,
    is_stopping: bool,
}

impl State {
    fn is_settled(&self) -> bool {
        self.is_failing || self.is_stopping || (self.waiting.is_empty() && !self.is_busy)
    }
}

impl ReclaimQueue {
    /// Takes an orphan that nobody has open any more.
    pub(crate) fn add(&self, ino: InodeId) {
        let mut state = self.state.lock();
        state.waiting.push(ino);
        self.note(&state);
        if state.waiting.len() == 1 {
            self.changed.notify_one();
        }
    }

    /// Takes every orphan there is; right only before anything is open.
    pub(crate) async fn add_left_over<R: PosixMetadataReplicator>(
        &self,
        replicator: &R,
    ) -> Result<usize, ReplicateError> {
        let mut after = InodeId::new(0);
        let mut count = 0;
        loop {
            let query = Query::Orphans {
                after,
                inodes_max: PAGE,
            };
            let Ok(Reply::Orphans(page)) = replicator.query(query).await? else {
                return Ok(count);
            };
            let Some(last) = page.last() else {
                return Ok(count);
            };
            after = *last;
            count += page.len();
            let mut state = self.state.lock();
            state.waiting.extend(page);
            self.note(&state);
            drop(state);
            self.changed.notify_one();
        }
    }

    /// Whether the space of something taken has yet to come back.
    pub(crate) fn is_at_work(&self) -> bool {
        self.at_work.load(Ordering::Acquire)
    }

    fn note(&self, state: &State) {
        self.at_work.store(!state.is_settled(), Ordering::Release);
    }

    /// Waits until the space of everything taken so far has come back, but not for long.
    pub(crate) async fn settled(&self) {
        if self.state.lock().is_settled() {
            return;
        }
        self.state.lock().is_urgent = true;
        self.changed.notify_one();
        let settle = async {
            loop {
                let notified = self.settled.notified();
                if self.state.lock().is_settled() {
                    return;
                }
                notified.await;
            }
        };
        if tokio::time::timeout(SETTLE_MAX, settle).await.is_err() {
            tracing::debug!("the space of removed files is still coming back");
        }
    }

    /// Ends the thread once nothing waits or a command fails.
    fn stop(&self) {
        let mut state = self.state.lock();
        state.is_stopping = true;
        self.note(&state);
        drop(state);
        self.changed.notify_one();
    }

    /// The next inodes to reclaim; `None` when it is time to end.
    fn next_batch(&self, retry: Duration) -> Option<Vec<InodeId>> {
        let mut state = self.state.lock();
        if state.is_failing && !state.is_stopping {
            self.changed.wait_for(&mut state, retry);
        }
        while state.waiting.is_empty() && !state.is_stopping {
            self.changed.wait(&mut state);
        }
        if state.waiting.len() < BATCH && !state.is_urgent && !state.is_stopping {
            self.changed.wait_for(&mut state, GATHER);
        }
        if state.waiting.is_empty() || (state.is_stopping && state.is_failing) {
            return None;
        }
        state.is_busy = true;
        let rest = state.waiting.len().saturating_sub(BATCH);
        Some(state.waiting.split_off(rest))
    }

    /// Takes back what is not finished.
    fn finish(&self, unfinished: Vec<InodeId>, is_failing: bool) {
        let mut state = self.state.lock();
        state.waiting.extend(unfinished);
        state.is_busy = false;
        state.is_failing = is_failing;
        self.note(&state);
        if state.is_settled() {
            state.is_urgent = false;
            self.settled.notify_waiters();
        }
    }
}

/// The thread behind a queue.
#[derive(Debug)]
pub(crate) struct Reclaimer {
    queue: Arc<ReclaimQueue>,
    thread: JoinHandle<()>,
}

impl Reclaimer {
    pub(crate) fn start<R: PosixMetadataReplicator>(
        replicator: Arc<R>,
        queue: Arc<ReclaimQueue>,
        runtime: Handle,
        defects: &Defects,
    ) -> std::io::Result<Reclaimer> {
        let worker = Arc::clone(&queue);
        let watch = defects.watch();
        let thread = std::thread::Builder::new()
            .name("holdfast-reclaim".to_owned())
            .spawn(move || {
                let _watch = watch;
                work(&*replicator, &worker, &runtime);
            })?;
        Ok(Reclaimer { queue, thread })
    }

    /// Reclaims what waits and ends the thread.
    pub(crate) fn stop(self) {
        self.queue.stop();
        if self.thread.join().is_err() {
            tracing::error!("the reclaim thread panicked");
        }
    }
}

fn work<R: PosixMetadataReplicator>(replicator: &R, queue: &ReclaimQueue, runtime: &Handle) {
    let mut retry = RETRY_FIRST;
    while let Some(inodes) = queue.next_batch(retry) {
        match runtime.block_on(replicator.replicate(command(inodes.clone()))) {
            Ok(Ok(Answer::Reclaimed { unfinished })) => {
                retry = RETRY_FIRST;
                queue.finish(unfinished, false);
            }
            Ok(Err(PosixError::NoSpace)) => {
                let orphans = inodes.len();
                tracing::warn!(orphans, "no space to reclaim orphans in: they wait");
                retry = (retry * 2).min(RETRY_LAST);
                queue.finish(inodes, true);
            }
            Ok(other) => {
                tracing::warn!(
                    ?other,
                    "orphans were not reclaimed; the next mount tries again"
                );
                queue.finish(Vec::new(), false);
            }
            Err(error) => {
                tracing::warn!(%error, orphans = inodes.len(), "orphans wait to be reclaimed");
                retry = (retry * 2).min(RETRY_LAST);
                queue.finish(inodes, true);
            }
        }
    }
}

fn command(inodes: Vec<InodeId>) -> Command {
    Command {
        request: None,
        now: now(),
        credentials: Credentials::ROOT,
        squashed: false,
        operation: Operation::Reclaim(Reclaim { inodes, term: None }),
    }
}

#[cfg(test)]
mod tests;
