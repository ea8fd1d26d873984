//! The thread that writes: everything that came while it synced goes to the disk as one batch.
//!
//! **Invariant.** Operations are written in the order in which they were queued, whatever their group,
//! and answered in that order, after the sync that covers them. After a failure nothing is written and
//! nothing is answered with success any more.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use holdfast_metadata::Fault;
use openraft::storage::IOFlushed;
use parking_lot::{Condvar, Mutex};
use rocksdb::WriteOptions;
use tokio::sync::oneshot;

use super::Shared;
use super::batch::Batch;
use super::cache::Generation;
use super::database::{Progress, closed};
use super::group::Group;
use super::metrics::add;
use crate::raft::type_config::{Entry, LogId, TypeConfig, Vote};

/// Something to be written.
pub(super) enum Operation {
    Vote {
        group: Arc<Group>,
        vote: Vote,
        saved: oneshot::Sender<Result<(), Fault>>,
    },
    Append {
        group: Arc<Group>,
        entries: Vec<Entry>,
        payload_bytes: u64,
        generation: Generation,
        flushed: IOFlushed<TypeConfig>,
    },
    /// Removes the entries from an index on.
    Truncate { group: Arc<Group>, next: u64 },
    /// Removes the entries up to a log id.
    Purge { group: Arc<Group>, upto: LogId },
    /// Only a hint: it is written with what comes next.
    Committed {
        group: Arc<Group>,
        committed: Option<LogId>,
    },
    /// Removes everything a group has.
    Remove {
        group: Arc<Group>,
        removed: oneshot::Sender<Result<(), Fault>>,
    },
}

/// What waits for the writer.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    operations: Vec<Operation>,
    urgent: bool,
    stopping: bool,
    /// The first failure: it is the answer to all that comes after it.
    failed: Option<Fault>,
}

impl Queue {
    /// Adds an operation, unless nothing is written any more.
    pub(super) fn push(&self, operation: Operation) -> Result<(), Fault> {
        let mut state = self.state.lock();
        if let Some(fault) = &state.failed {
            return Err(fault.clone());
        }
        if state.stopping {
            return Err(closed());
        }
        let urgent = !matches!(operation, Operation::Committed { .. });
        state.operations.push(operation);
        if urgent {
            state.urgent = true;
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Lets the writer end after what is queued.
    pub(super) fn stop(&self) {
        self.state.lock().stopping = true;
        self.wake.notify_one();
    }

    /// Waits for operations; `None` when there are no more to come.
    fn next(&self) -> Option<Vec<Operation>> {
        let mut state = self.state.lock();
        while !state.urgent && !state.stopping {
            self.wake.wait(&mut state);
        }
        state.urgent = false;
        let operations = std::mem::take(&mut state.operations);
        (!operations.is_empty()).then_some(operations)
    }

    fn fail(&self, fault: &Fault) {
        let mut state = self.state.lock();
        state.failed.get_or_insert_with(|| fault.clone());
        state.urgent = true;
    }
}

impl Operation {
    fn fail(self, fault: &Fault) {
        match self {
            Operation::Vote { saved: answer, .. }
            | Operation::Remove {
                removed: answer, ..
            } => {
                // Who does not wait any more needs no answer.
                drop(answer.send(Err(fault.clone())));
            }
            Operation::Append { flushed, .. } => {
                flushed.io_completed(Err(super::io_error(fault)));
            }
            Operation::Truncate { .. } | Operation::Purge { .. } | Operation::Committed { .. } => {}
        }
    }

    /// Tells everybody that it is durable.
    fn complete(self, shared: &Shared) {
        match self {
            Operation::Vote { group, vote, saved } => {
                add(&shared.counters.votes, 1);
                if let Ok(mut state) = group.state() {
                    state.vote = Some(vote);
                }
                drop(saved.send(Ok(())));
            }
            Operation::Append {
                group,
                entries,
                payload_bytes,
                generation,
                flushed,
            } => {
                add(&shared.counters.appends, 1);
                let queued = &shared.counters.queued_bytes;
                queued.fetch_sub(payload_bytes, Ordering::Relaxed);
                if let (Ok(mut state), Some(last)) = (group.state(), entries.last()) {
                    let cache = &mut state.cache;
                    cache.mark_written(last.log_id.index() + 1, generation);
                    cache.shrink(shared.recent_bytes_max());
                }
                flushed.io_completed(Ok(()));
            }
            Operation::Remove { removed, .. } => drop(removed.send(Ok(()))),
            Operation::Truncate { .. } | Operation::Purge { .. } | Operation::Committed { .. } => {}
        }
    }
}

/// The thread.
pub(super) struct Writer {
    shared: Arc<Shared>,
    progress: Progress,
    /// Whether something was written after the last sync.
    unsynced: bool,
    /// What was purged, but may only be removed with its files when that is durable.
    purged: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, progress: Progress) -> Writer {
        Writer {
            shared,
            progress,
            unsynced: false,
            purged: Vec::new(),
        }
    }

    pub(super) fn run(mut self) {
        while let Some(operations) = self.shared.queue.next() {
            match self.write(&operations) {
                Ok(()) => {
                    for operation in operations {
                        operation.complete(&self.shared);
                    }
                }
                Err(fault) => {
                    // What a sync says after a failure is not to be believed.
                    self.unsynced = false;
                    self.fail(operations, &fault);
                }
            }
        }
        if self.unsynced
            && let Err(fault) = self.sync()
        {
            self.fail(Vec::new(), &fault);
        }
    }

    fn write(&mut self, operations: &[Operation]) -> Result<(), Fault> {
        if let Some(fault) = self.shared.poison.fault() {
            return Err(fault.clone());
        }
        let mut batch = Batch::new(&self.shared.counters);
        for operation in operations {
            batch.add(operation);
        }
        let (mut writes, durable) = batch.finish(&mut self.purged);
        self.progress.number(&mut writes);
        let mut options = WriteOptions::default();
        options.set_sync(durable);
        let begun = Instant::now();
        self.shared.database.with(|opened| {
            let written = opened.write_opt(writes, &options);
            written.map_err(|error| self.shared.database.fault(&error))
        })?;
        self.progress.written();
        add(&self.shared.counters.batches, 1);
        self.unsynced = !durable;
        if durable {
            self.shared.counters.count_fsync(begun.elapsed());
            self.synced()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.shared.database.with(|opened| {
            let synced = opened.flush_wal(true);
            synced.map_err(|error| self.shared.database.fault(&error))
        })?;
        self.synced()
    }

    fn synced(&mut self) -> Result<(), Fault> {
        let noted = self.progress.advance();
        noted.map_err(|error| self.shared.database.io_fault(&error))?;
        for (first, last) in self.purged.drain(..) {
            self.shared.database.with(|opened| {
                let removed = opened.delete_file_in_range(&first, &last);
                removed.map_err(|error| self.shared.database.fault(&error))
            })?;
        }
        Ok(())
    }

    /// Nothing is acknowledged from now on.
    fn fail(&self, operations: Vec<Operation>, fault: &Fault) {
        self.shared.poison.trip(fault.clone());
        self.shared.queue.fail(fault);
        for operation in operations {
            operation.fail(fault);
        }
    }
}
