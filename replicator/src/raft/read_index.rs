//! Makes sure that this node led after a query arrived, once for all queries that wait.
//!
//! **Invariant.** A query is answered after a round that began after the query arrived, and from a
//! state that has applied what that round found committed. Each round asks the quorum anew, so a leader that
//! was stopped and goes on learns that it is deposed before it answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use openraft::ReadPolicy;
use openraft::async_runtime::WatchReceiver;
use tokio::sync::{mpsc, oneshot};

use super::group::{self, GroupRaft};
use super::machine::GroupStore;
use super::options::ReadMode;
use super::runtime;
use crate::refusal::Refusal;

type Waiter = oneshot::Sender<Result<(), Refusal>>;

/// The queries that wait for a round.
#[derive(Debug, Clone)]
pub(crate) struct ReadIndex {
    waiters: mpsc::Sender<Waiter>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    queries: AtomicU64,
    rounds: AtomicU64,
}

impl ReadIndex {
    /// Begins to make rounds, for which at most so many queries wait; ends when the last clone is gone.
    pub(crate) fn start(
        raft: GroupRaft,
        store: GroupStore,
        mode: ReadMode,
        waiting_max: usize,
    ) -> ReadIndex {
        let (waiters, mut queue) = mpsc::channel::<Waiter>(waiting_max);
        let counts = Arc::<Counts>::default();
        let counted = Arc::clone(&counts);
        runtime::spawn(async move {
            let mut round = Vec::new();
            while queue.recv_many(&mut round, waiting_max).await > 0 {
                counted.rounds.fetch_add(1, Ordering::Relaxed);
                counted
                    .queries
                    .fetch_add(round.len() as u64, Ordering::Relaxed);
                let result = confirm(&raft, &store, mode).await;
                for waiter in round.drain(..) {
                    // Who does not wait any more does not mind.
                    let _gone = waiter.send(result.clone());
                }
            }
        });
        ReadIndex { waiters, counts }
    }

    /// Queries that were confirmed, or refused, by a round.
    pub(crate) fn queries(&self) -> u64 {
        self.counts.queries.load(Ordering::Relaxed)
    }

    /// Rounds they shared.
    pub(crate) fn rounds(&self) -> u64 {
        self.counts.rounds.load(Ordering::Relaxed)
    }

    /// Waits until the state may be read.
    pub(crate) async fn barrier(&self) -> Result<(), Refusal> {
        let (waiter, answer) = oneshot::channel();
        self.waiters.try_send(waiter).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refusal::Overloaded,
            mpsc::error::TrySendError::Closed(_) => group::stopping(),
        })?;
        answer.await.unwrap_or_else(|_| Err(group::stopping()))
    }
}

/// One round.
async fn confirm(raft: &GroupRaft, store: &GroupStore, mode: ReadMode) -> Result<(), Refusal> {
    let linearizer = match mode {
        ReadMode::ReadIndex => raft.get_read_linearizer(ReadPolicy::ReadIndex).await,
        ReadMode::Lease => match raft.get_read_linearizer(ReadPolicy::LeaseRead).await {
            Ok(linearizer) => Ok(linearizer),
            Err(_) => raft.get_read_linearizer(ReadPolicy::ReadIndex).await,
        },
    };
    let linearizer = linearizer.map_err(group::read_refusal)?;
    let index = linearizer.read_log_id().index();
    let mut applied = store.on_applied();
    let mut metrics = raft.server_metrics();
    let ended = async { while metrics.changed().await.is_ok() {} };
    tokio::select! {
        biased;
        reached = applied.wait_for(|applied| applied.0 >= index) => {
            reached.map(drop).map_err(|_| group::stopping())
        }
        // The state has failed, and what is committed will not be applied here.
        () = ended => Err(group::stopping()),
    }
}
