//! What openraft reads and writes the log of a group through.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::Arc;

use futures_util::Stream;
use futures_util::stream;
use holdfast_metadata::Fault;
use openraft::EntryPayload;
use openraft::OptionalSend;
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use tokio::sync::oneshot;

use super::cache::payload_bytes;
use super::group::Group;
use super::metrics::add;
use super::writer::Operation;
use super::{Shared, io_error};
use crate::raft::type_config::{Entry, LogId, TypeConfig, Vote};

/// So much is read at once where entries are only counted.
const COUNTED_BYTES: usize = 1024 * 1024;

/// The log of one group; all clones are the same log.
#[derive(Clone)]
pub(crate) struct GroupLog {
    shared: Arc<Shared>,
    group: Arc<Group>,
}

impl GroupLog {
    pub(super) fn new(shared: Arc<Shared>, group: Arc<Group>) -> GroupLog {
        GroupLog { shared, group }
    }

    /// Removes the group; false when it is removed already.
    pub(super) fn remove(
        &self,
        removed: oneshot::Sender<Result<(), Fault>>,
    ) -> Result<bool, Fault> {
        self.group.remove(|| {
            self.shared.queue.push(Operation::Remove {
                group: Arc::clone(&self.group),
                removed,
            })
        })
    }

    fn read(&self, range: Range<u64>, bytes_max: usize) -> io::Result<Vec<Entry>> {
        let read = self.group.read(&self.shared.database, range, bytes_max);
        read.map_err(|fault| self.failed(&fault))
    }

    /// How many commands it has after an entry.
    pub(in crate::raft) fn commands_after(&self, applied: u64) -> Result<u64, Fault> {
        let mut next = applied + 1;
        let mut commands = 0;
        loop {
            let database = &self.shared.database;
            let entries = self.group.read(database, next..u64::MAX, COUNTED_BYTES)?;
            let Some(last) = entries.last() else {
                return Ok(commands);
            };
            next = last.log_id.index + 1;
            let has_command = |entry: &&Entry| matches!(entry.payload, EntryPayload::Normal(_));
            commands += entries.iter().filter(has_command).count() as u64;
        }
    }

    /// A log that is damaged stops the node: what else it has lost nobody knows.
    fn failed(&self, fault: &Fault) -> io::Error {
        match fault {
            Fault::Corrupt { .. } => self.shared.poison.trip(fault.clone()),
            Fault::Io(_) | Fault::NoSpace => {}
        }
        io_error(fault)
    }

    /// Changes the log as others see it and queues the writing of it, both or neither, in this order.
    fn change(
        &self,
        change: impl FnOnce(&mut super::group::State) -> Result<Operation, Fault>,
    ) -> io::Result<()> {
        let changed = self.group.state().and_then(|mut state| {
            let operation = change(&mut state)?;
            self.shared.queue.push(operation)
        });
        changed.map_err(|fault| self.failed(&fault))
    }
}

impl RaftLogReader<TypeConfig> for GroupLog {
    async fn try_get_log_entries<RB>(&mut self, range: RB) -> io::Result<Vec<Entry>>
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        self.read(indexes(&range), usize::MAX)
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        let state = self.group.state();
        state
            .map(|state| state.vote)
            .map_err(|fault| self.failed(&fault))
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.read(start..end, self.shared.options.answer_bytes_max)
    }

    /// Reads a few at a time: a machine that is far behind is fed from here.
    async fn entries_stream<RB>(
        &mut self,
        range: RB,
    ) -> impl Stream<Item = io::Result<Entry>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let pieces = Pieces {
            log: self.clone(),
            range: indexes(&range),
            read: Vec::new().into_iter(),
        };
        stream::iter(pieces)
    }
}

impl RaftLogStorage<TypeConfig> for GroupLog {
    type LogReader = GroupLog;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let state = self.group.state();
        state
            .map(|state| state.log_state())
            .map_err(|fault| self.failed(&fault))
    }

    async fn get_log_reader(&mut self) -> GroupLog {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let (saved, answer) = oneshot::channel();
        self.change(|_| {
            Ok(Operation::Vote {
                group: Arc::clone(&self.group),
                vote: *vote,
                saved,
            })
        })?;
        super::wait(answer).await.map_err(|fault| io_error(&fault))
    }

    /// Written with the next batch, and not synced for its own sake: it only says from where a machine
    /// that lost its end may catch up before the leader speaks. It is never ahead, because it is written
    /// after the entries it names, in one order with them.
    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        self.change(|state| {
            state.committed = committed;
            Ok(Operation::Committed {
                group: Arc::clone(&self.group),
                committed,
            })
        })
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        let state = self.group.state();
        state
            .map(|state| state.committed)
            .map_err(|fault| self.failed(&fault))
    }

    async fn append<I>(&mut self, entries: I, flushed: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        let payload_bytes = entries.iter().map(payload_bytes).sum::<usize>() as u64;
        self.change(|state| {
            state.append(self.group.id, &entries)?;
            state.cache.shrink(self.shared.recent_bytes_max());
            add(&self.shared.counters.queued_bytes, payload_bytes);
            Ok(Operation::Append {
                group: Arc::clone(&self.group),
                entries,
                payload_bytes,
                generation: state.cache.generation(),
                flushed,
            })
        })
    }

    /// Written before whatever comes next, and synced with the next append: until then the entries that
    /// were cut may come back after a crash, as if the leader had not spoken yet.
    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        self.change(|state| {
            Ok(Operation::Truncate {
                group: Arc::clone(&self.group),
                next: state.truncate_after(last),
            })
        })
    }

    /// Written before whatever comes next, and not synced: a purge that a crash undoes is done again.
    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        self.change(|state| {
            state.purge(upto);
            Ok(Operation::Purge {
                group: Arc::clone(&self.group),
                upto,
            })
        })
    }
}

/// Entries of a range, read a piece at a time; ends where the log does.
struct Pieces {
    log: GroupLog,
    /// What is not read yet.
    range: Range<u64>,
    read: std::vec::IntoIter<Entry>,
}

impl Pieces {
    fn fill(&mut self) -> io::Result<()> {
        let bytes_max = self.log.shared.options.answer_bytes_max;
        let read = self.log.read(self.range.clone(), bytes_max)?;
        self.range.start = match read.last() {
            Some(last) => last.log_id.index + 1,
            None => self.range.end,
        };
        self.read = read.into_iter();
        Ok(())
    }
}

impl Iterator for Pieces {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<io::Result<Entry>> {
        if self.read.len() == 0
            && !self.range.is_empty()
            && let Err(error) = self.fill()
        {
            self.range.start = self.range.end;
            return Some(Err(error));
        }
        self.read.next().map(Ok)
    }
}

fn indexes(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}
