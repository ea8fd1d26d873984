//! What is proposed at the same moment goes to Raft together.
//!
//! The calls of one message become tasks, each of which proposes. Would each hand its proposal to Raft itself, Raft would be
//! woken by the first and run before the second: an append, a message to each follower and a wake-up of the writer
//! of the log for every command. There is no timer: who can run now may propose first, nobody is waited for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use openraft::OptionalSend;
use openraft::raft::{ClientWriteResult, responder::Responder};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::group::{self, GroupCounters, GroupRaft};
use super::runtime;
use super::type_config::{LogId, Proposal, TypeConfig};
use crate::refusal::Refusal;

/// The most proposals that go to Raft together.
const TOGETHER_MAX: usize = 1024;

/// What Raft makes of a proposal.
pub(crate) type Written = ClientWriteResult<TypeConfig>;

/// Who waits for what Raft makes of a proposal.
#[derive(Debug)]
pub(crate) struct Waiter<T> {
    answer: oneshot::Sender<(T, Option<Duration>)>,
    began: Instant,
    /// When a quorum had it.
    committed: Option<Duration>,
    counters: Arc<GroupCounters>,
}

impl<T: OptionalSend + 'static> Responder<TypeConfig, T> for Waiter<T> {
    fn on_commit(&mut self, _at: LogId) {
        let elapsed = self.began.elapsed();
        self.committed = Some(elapsed);
        self.counters.commits.observe(elapsed);
    }

    fn on_complete(self, result: T) {
        // Who does not wait any more does not mind.
        drop(self.answer.send((result, self.committed)));
    }
}

/// Proposes to one group. What is in its queue is bounded by the group.
#[derive(Debug)]
pub(crate) struct Proposer {
    queue: mpsc::UnboundedSender<(Proposal, Waiter<Written>)>,
    counters: Arc<GroupCounters>,
    task: JoinHandle<()>,
}

impl Proposer {
    /// Ends with the runtime, or when it is stopped.
    pub(crate) fn start(raft: GroupRaft, counters: Arc<GroupCounters>) -> Proposer {
        let (queue, waiting) = mpsc::unbounded_channel();
        let task = runtime::spawn(propose_all(raft, waiting));
        Proposer {
            queue,
            counters,
            task,
        }
    }

    /// Proposes, before the answer is waited for, which comes with how long after its beginning a quorum had it. No answer comes when Raft ends first.
    pub(crate) fn propose(
        &self,
        proposal: Bytes,
        began: Instant,
    ) -> Result<oneshot::Receiver<(Written, Option<Duration>)>, Refusal> {
        let (sender, answer) = oneshot::channel();
        let waiter = Waiter {
            answer: sender,
            began,
            committed: None,
            counters: Arc::clone(&self.counters),
        };
        let queued = self.queue.send((Proposal(proposal), waiter));
        queued.map_err(|_| group::stopping())?;
        Ok(answer)
    }

    /// What waits is not proposed any more.
    pub(crate) fn stop(&self) {
        self.task.abort();
    }
}

async fn propose_all(
    raft: GroupRaft,
    mut waiting: mpsc::UnboundedReceiver<(Proposal, Waiter<Written>)>,
) {
    let mut together = Vec::new();
    while waiting.recv_many(&mut together, TOGETHER_MAX).await > 0 {
        // The others that can run now come first.
        tokio::task::yield_now().await;
        while together.len() < TOGETHER_MAX
            && let Ok(next) = waiting.try_recv()
        {
            together.push(next);
        }
        for (proposal, waiter) in together.drain(..) {
            // When Raft has ended the waiter is dropped, and who waits learns of it.
            let _ended = raft.client_write_ff(proposal, Some(waiter)).await;
        }
    }
}
