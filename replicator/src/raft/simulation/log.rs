//! A log in memory that is as durable as the real one: readable at once, durable when its platter was synced.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use bytes::Bytes;
use holdfast_proto as proto;
use openraft::OptionalSend;
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use parking_lot::Mutex;
use prost::Message;
use tokio::sync::{Notify, oneshot};

use super::platter::{Bug, Image, Platter, Write};
use super::witness::Witness;
use crate::raft::convert::{from_message, to_message};
use crate::raft::runtime;
use crate::raft::type_config::{Entry, LogId, TypeConfig, Vote};

/// All clones are the same log.
#[derive(Clone)]
pub(super) struct SimulatedLog {
    shared: Arc<Shared>,
}

struct Shared {
    platter: Arc<Mutex<Platter>>,
    state: Mutex<State>,
    work: Notify,
    witness: Witness,
}

struct State {
    visible: Image,
    waiting: Vec<(Write, Done)>,
    has_failed: bool,
    /// The entries below this index were shown to the witness as committed.
    noted: u64,
}

/// Who waits for a write.
enum Done {
    Nobody,
    Vote(oneshot::Sender<io::Result<()>>),
    Append(IOFlushed<TypeConfig>),
}

impl Done {
    fn tell(self, result: io::Result<()>) {
        match self {
            Done::Nobody => {}
            Done::Vote(saved) => drop(saved.send(result)),
            Done::Append(flushed) => flushed.io_completed(result),
        }
    }
}

impl SimulatedLog {
    /// A process begins to use what is on the platter.
    pub(super) fn open(platter: Arc<Mutex<Platter>>, witness: Witness) -> SimulatedLog {
        let visible = platter.lock().durable.clone();
        let shared = Arc::new(Shared {
            platter,
            state: Mutex::new(State {
                visible,
                waiting: Vec::new(),
                has_failed: false,
                noted: 0,
            }),
            work: Notify::new(),
            witness,
        });
        let weak = Arc::downgrade(&shared);
        runtime::spawn(async move {
            while let Some(shared) = weak.upgrade() {
                if !shared.write_batch().await {
                    shared.work.notified().await;
                }
            }
        });
        SimulatedLog { shared }
    }

    fn change(&self, write: Write, done: Done) -> io::Result<()> {
        let mut state = self.shared.state.lock();
        if state.has_failed {
            return Err(failed());
        }
        state.visible.apply(write.clone());
        state.waiting.push((write, done));
        drop(state);
        self.shared.work.notify_one();
        Ok(())
    }

    fn entries(&self, from: u64, to: u64) -> io::Result<Vec<Entry>> {
        let state = self.shared.state.lock();
        if from >= to {
            return Ok(Vec::new());
        }
        let found = state.visible.entries.range(from..to);
        found.map(|(_, bytes)| decode(bytes)).collect()
    }
}

impl Shared {
    /// Writes and syncs what waits; false when nothing did.
    async fn write_batch(&self) -> bool {
        let batch = std::mem::take(&mut self.state.lock().waiting);
        if batch.is_empty() {
            return false;
        }
        let (writes, waiters): (Vec<Write>, Vec<Done>) = batch.into_iter().unzip();
        let is_synced = writes.iter().any(Write::is_synced);
        let (takes, bug) = {
            let mut platter = self.platter.lock();
            platter.unsynced.extend(writes);
            (platter.sync_takes(), platter.bug)
        };
        let mut result = Ok(());
        if is_synced && bug != Some(Bug::NoSync) {
            tokio::time::sleep(takes).await;
            let mut platter = self.platter.lock();
            if std::mem::take(&mut platter.is_failing) {
                result = Err(());
                platter.tally.count("failed syncs");
                self.state.lock().has_failed = true;
            } else {
                platter.synced();
            }
        }
        for waiter in waiters {
            waiter.tell(result.map_err(|()| failed()));
        }
        true
    }
}

fn failed() -> io::Error {
    io::Error::other("a sync has failed")
}

fn encode(entry: Entry) -> (u64, Bytes) {
    let index = entry.log_id.index;
    (index, to_message::entry(entry).encode_to_vec().into())
}

fn decode(bytes: &Bytes) -> io::Result<Entry> {
    let message = proto::Entry::decode(bytes.clone()).map_err(io::Error::other)?;
    from_message::entry(message).map_err(io::Error::other)
}

fn bounds(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let from = match range.start_bound() {
        Bound::Included(from) => *from,
        Bound::Excluded(before) => before + 1,
        Bound::Unbounded => 0,
    };
    let to = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(to) => *to,
        Bound::Unbounded => u64::MAX,
    };
    (from, to)
}

impl RaftLogReader<TypeConfig> for SimulatedLog {
    async fn try_get_log_entries<RB>(&mut self, range: RB) -> io::Result<Vec<Entry>>
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let (from, to) = bounds(&range);
        self.entries(from, to)
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.shared.state.lock().visible.vote)
    }
}

impl RaftLogStorage<TypeConfig> for SimulatedLog {
    type LogReader = SimulatedLog;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let state = self.shared.state.lock();
        let last_purged_log_id = state.visible.purged;
        let last = state.visible.entries.values().next_back();
        let last = last.map(decode).transpose()?.map(|entry| entry.log_id);
        Ok(LogState {
            last_purged_log_id,
            last_log_id: last.or(last_purged_log_id),
        })
    }

    async fn get_log_reader(&mut self) -> SimulatedLog {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let (saved, answer) = oneshot::channel();
        self.change(Write::Vote(*vote), Done::Vote(saved))?;
        answer.await.map_err(io::Error::other)?
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        if let Some(committed) = committed {
            let next = committed.index + 1;
            let noted = std::mem::replace(&mut self.shared.state.lock().noted, next);
            for entry in self.entries(noted, next)? {
                self.shared.witness.committed(&entry);
            }
        }
        self.change(Write::Committed(committed), Done::Nobody)
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.shared.state.lock().visible.committed)
    }

    async fn append<I>(&mut self, entries: I, flushed: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        for entry in &entries {
            self.shared.witness.appended(entry.log_id);
        }
        let entries = entries.into_iter().map(encode).collect();
        self.change(Write::Append(entries), Done::Append(flushed))
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let from = last.map_or(0, |last| last.index + 1);
        self.change(Write::Truncate(from), Done::Nobody)
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        self.change(Write::Purge(upto), Done::Nobody)
    }
}

#[cfg(test)]
mod tests {
    use openraft::StorageError;
    use openraft::testing::log::{StoreBuilder, Suite};

    use super::*;
    use crate::raft::log::tests::machine::Machine;
    use crate::raft::simulation::random::Random;
    use crate::raft::simulation::tally::Tally;

    struct Builder;

    impl StoreBuilder<TypeConfig, SimulatedLog, Machine, ()> for Builder {
        async fn build(&self) -> Result<((), SimulatedLog, Machine), StorageError<TypeConfig>> {
            let platter = Arc::new(Mutex::new(Platter::new(Random::new(1), Tally::default())));
            let log = SimulatedLog::open(platter, Witness::default());
            Ok(((), log, Machine::default()))
        }
    }

    #[tokio::test]
    async fn openraft_accepts_the_simulated_log() {
        Suite::test_all(Builder).await.unwrap();
    }
}
