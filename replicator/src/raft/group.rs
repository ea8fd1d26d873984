//! One Raft group of this node: proposing to it, reading from it, starting and stopping it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use openraft::async_runtime::WatchReceiver;
use openraft::errors::{
    ClientWriteError, Fatal, ForwardToLeader, LinearizableReadError, RaftError,
};
use openraft::network::NetSnapshot;
use openraft::storage::RaftLogStorage;
use openraft::{Config, Instant as _, Raft, RaftNetworkFactory, ServerState, SnapshotPolicy};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::activity::Activity;
use super::copies::Copies;
use super::histogram::Histogram;
use super::machine::{GroupMachine, GroupStore, Machine};
use super::node_disk::NodeDisk;
use super::options::{NodeOptions, ReadMode};
use super::proposer::Proposer;
use super::read_index::ReadIndex;
use super::runtime;
use super::slow::Slow;
use super::snapshot::SnapshotDirectory;
use super::snapshot_schedule;
use super::space_keeper;
use super::type_config::{Applied, GroupId, Peer, TypeConfig};
use crate::refusal::{Endpoint, Refusal};

/// An openraft instance with our state machine.
pub(crate) type GroupRaft = Raft<TypeConfig, GroupMachine>;

/// Proposals that wait to be committed are counted in steps of so many bytes, each at least as one.
const STEP_BYTES: usize = 4096;

/// A proposal is given up after so long without a sign of the quorum.
const CUT_OFF: Duration = Duration::from_secs(1);

/// One Raft group of this node.
pub(crate) struct Group {
    id: GroupId,
    raft: GroupRaft,
    store: GroupStore,
    reads: ReadIndex,
    waiting: Semaphore,
    waiting_steps_max: usize,
    proposer: Proposer,
    copies: Arc<Copies>,
    counters: Arc<GroupCounters>,
    slow: Slow,
    /// Who was not heard for so long may be gone.
    silence: Duration,
    tasks: [JoinHandle<()>; 3],
}

/// What happens in a group, counted.
#[derive(Debug, Default)]
pub(crate) struct GroupCounters {
    /// Proposals that got an outcome.
    pub(crate) proposals: Histogram,
    /// From proposing to the commit.
    pub(crate) commits: Histogram,
    /// What was answered as the leader.
    pub(crate) activity: Activity,
    refused: AtomicU64,
    leader_changes: AtomicU64,
}

/// What became of a proposal.
#[derive(Debug)]
pub(crate) struct Proposed {
    /// Where it is in the log.
    pub(crate) index: u64,
    /// What applying it here brought about.
    pub(crate) applied: Applied,
    /// How long it took until a quorum had it.
    pub(crate) committed: Duration,
    /// And until it was applied here.
    pub(crate) elapsed: Duration,
}

impl GroupCounters {
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(crate) fn leader_changes(&self) -> u64 {
        self.leader_changes.load(Ordering::Relaxed)
    }
}

impl Group {
    /// Starts the replica of this node; it answers when there is a leader.
    pub(crate) async fn start<L, N>(
        id: GroupId,
        options: &NodeOptions,
        log: L,
        store: GroupStore,
        network: N,
        disk: &NodeDisk,
    ) -> Result<Arc<Group>, Refusal>
    where
        L: RaftLogStorage<TypeConfig>,
        N: RaftNetworkFactory<TypeConfig>,
        N::Network: NetSnapshot<TypeConfig, SnapshotData = SnapshotDirectory>,
    {
        let config = config(id, options)?;
        let limits = &options.limits;
        let waiting_steps_max = limits.proposal_bytes / STEP_BYTES;
        let machine = store.state_machine();
        let is_confirmed = options.reads == ReadMode::ReadIndex;
        let copies = Arc::new(
            Copies::new(options.timing.election_max, is_confirmed)
                .with_inodes_max(limits.copied_inodes),
        );
        store.set_copies(Arc::clone(&copies));
        let raft = Raft::new(options.id, config, network, log, machine)
            .await
            .map_err(|fatal| fatal_refusal(&fatal))?;
        let counters = Arc::<GroupCounters>::default();
        let proposer = Proposer::start(raft.clone(), Arc::clone(&counters));
        let reads = ReadIndex::start(raft.clone(), store.clone(), options.reads, limits.reads);
        let snapshots = runtime::spawn(snapshot_schedule::run(raft.clone(), options.snapshots));
        let keeper = space_keeper::run(raft.clone(), store.clone(), disk.clone());
        let keeper = runtime::spawn(keeper);
        let leaders = watch_leader(id, raft.clone(), Arc::clone(&counters), Arc::clone(&copies));
        let leaders = runtime::spawn(leaders);
        Ok(Arc::new(Group {
            id,
            raft,
            store,
            reads,
            waiting: Semaphore::new(waiting_steps_max),
            waiting_steps_max,
            proposer,
            copies,
            counters,
            slow: Slow::new(id, options.slow_operation),
            silence: options.timing.election_min,
            tasks: [snapshots, keeper, leaders],
        }))
    }

    /// Its number.
    pub(crate) fn id(&self) -> GroupId {
        self.id
    }

    /// The openraft instance.
    pub(crate) fn raft(&self) -> &GroupRaft {
        &self.raft
    }

    /// Who has copies of what.
    pub(crate) fn copies(&self) -> &Copies {
        &self.copies
    }

    /// Where its state is.
    pub(crate) fn store(&self) -> &GroupStore {
        &self.store
    }

    /// Proposes an encoded [`holdfast_proto::Proposal`] and waits until it is applied here.
    pub(crate) async fn propose(&self, proposal: Bytes) -> Result<Proposed, Refusal> {
        let steps = 1 + proposal.len() / STEP_BYTES;
        let _permit = self
            .waiting
            .try_acquire_many(steps as u32)
            .map_err(|_| Refusal::Overloaded)?;
        let began = Instant::now();
        let written = self.proposer.propose(proposal, began)?;
        let written = tokio::select! {
            biased;
            written = written => written,
            () = self.cut_off() => return Err(Refusal::OutcomeUnknown),
        };
        // Raft ended before it could say.
        let (written, committed) = written.map_err(|_| Refusal::OutcomeUnknown)?;
        match written {
            Ok(written) => {
                let elapsed = began.elapsed();
                self.counters.proposals.observe(elapsed);
                Ok(Proposed {
                    index: written.log_id.index,
                    applied: written.data,
                    committed: committed.unwrap_or(elapsed),
                    elapsed,
                })
            }
            Err(error) => {
                self.counters.refused.fetch_add(1, Ordering::Relaxed);
                Err(write_refusal(error))
            }
        }
    }

    /// Waits until this node has not led for a while, as far as it can know: a leader that is cut off from the
    /// quorum does not learn that another was elected.
    async fn cut_off(&self) {
        loop {
            tokio::time::sleep(CUT_OFF).await;
            let metrics = self.raft.metrics();
            let metrics = metrics.borrow_watched();
            // Alone it is its own quorum.
            let alone = metrics.membership_config.membership().voter_ids().count() == 1;
            let heard = metrics.last_quorum_acked;
            if !alone && heard.is_none_or(|heard| heard.elapsed() >= CUT_OFF) {
                return;
            }
        }
    }

    /// Waits until everything that was proposed here is decided.
    pub(crate) async fn settled(&self) {
        // Nobody closes it; all of it is free when nothing waits.
        let _free = self
            .waiting
            .acquire_many(self.waiting_steps_max as u32)
            .await;
    }

    /// What has happened.
    pub(crate) fn counters(&self) -> &GroupCounters {
        &self.counters
    }

    /// Who logs what was slow.
    pub(crate) fn slow(&self) -> &Slow {
        &self.slow
    }

    /// The queries that wait to be confirmed.
    pub(crate) fn reads(&self) -> &ReadIndex {
        &self.reads
    }

    /// Proposals under way, in steps.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting_steps_max
            .saturating_sub(self.waiting.available_permits()) as u64
    }

    /// A state that contains everything acknowledged before this call.
    pub(crate) async fn read(&self) -> Result<Arc<Machine>, Refusal> {
        self.reads.barrier().await?;
        Ok(self.store.machine())
    }

    /// Bytes of proposals under way, or a little more.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.waiting() * STEP_BYTES as u64
    }

    /// The leader as this node knows it.
    pub(crate) fn leader(&self) -> Option<Endpoint> {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        let id = metrics.current_leader?;
        drop(metrics);
        self.member(id)
    }

    /// A node that belongs to the group, as this node knows it.
    pub(crate) fn member(&self, id: u64) -> Option<Endpoint> {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        let membership = metrics.membership_config.membership();
        let peer = membership.get_node(&id)?;
        Some(Endpoint {
            id,
            address: peer.address.clone(),
        })
    }

    /// Whether this node believes that it leads.
    pub(crate) fn leads(&self) -> bool {
        // When openraft has ended, only these metrics say so.
        let runs = self.raft.metrics().borrow_watched().running_state.is_ok();
        runs && self.raft.server_metrics().borrow_watched().state == ServerState::Leader
    }

    /// Hands leadership to the voter that has most of the log; waits until it did, or `patience` is over.
    pub(crate) async fn hand_over(&self, to: Option<u64>, patience: Duration) -> bool {
        if !self.leads() {
            return true;
        }
        if to == Some(*self.raft.node_id()) {
            return true;
        }
        let Some(to) = to.or_else(|| self.successor()) else {
            return false;
        };
        // openraft would wait for ever for a node that cannot take over, and do nothing else meanwhile.
        let votes = {
            let metrics = self.raft.server_metrics();
            let metrics = metrics.borrow_watched();
            let mut voters = metrics.membership_config.membership().voter_ids();
            voters.any(|voter| voter == to)
        };
        if !votes {
            return false;
        }
        if !self.begin_to_hand_over(to).await {
            return false;
        }
        let mut metrics = self.raft.server_metrics();
        let id = *self.raft.node_id();
        let handed = async {
            loop {
                let leader = metrics.borrow_and_update().current_leader;
                if leader.is_some_and(|leader| leader != id) {
                    return true;
                }
                if metrics.changed().await.is_err() {
                    return false;
                }
            }
        };
        tokio::time::timeout(patience, handed)
            .await
            .unwrap_or(false)
    }

    /// Takes back all copies, gives no more in this term, and lets the other one begin an election. It goes on when nobody
    /// waits for it: a leader that has closed its copies and stays would give none until the next election.
    async fn begin_to_hand_over(&self, to: u64) -> bool {
        let (raft, copies) = (self.raft.clone(), Arc::clone(&self.copies));
        let begun = runtime::spawn(async move {
            // The next leader is elected before those who have heard this one would let another be.
            let term = term(&raft);
            copies.close(term).await;
            self::term(&raft) == term && raft.trigger().transfer_leader(to).await.is_ok()
        });
        begun.await.unwrap_or(false)
    }

    /// The other voter whose log is longest, of those that were heard lately.
    fn successor(&self) -> Option<u64> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let progress = metrics.replication.as_ref()?;
        let own = metrics.id;
        let is_heard = |id: u64| {
            let heard = metrics.heartbeat.as_ref().and_then(|all| *all.get(&id)?);
            heard.is_some_and(|heard| heard.elapsed() < self.silence)
        };
        let voters = metrics.membership_config.membership().voter_ids();
        voters
            .filter(|id| *id != own)
            .filter_map(|id| progress.get(&id).map(|matched| (*matched, id)))
            .max_by_key(|(matched, id)| {
                let index = matched.as_ref().map(|log_id| log_id.index);
                (is_heard(*id), index, *id)
            })
            .map(|(_, id)| id)
    }

    /// Stops the replica; its files are complete afterwards.
    pub(crate) async fn stop(&self) {
        self.proposer.stop();
        for task in &self.tasks {
            task.abort();
        }
        // A group whose storage has failed may be told by several to stop, and openraft panics when the first of them is not there any
        // more: that must not take with it what there is to say and to close.
        let raft = self.raft.clone();
        let stopped = runtime::spawn(async move { raft.shutdown().await });
        let error = match stopped.await {
            Ok(Ok(())) => None,
            Ok(Err(error)) | Err(error) => Some(error.to_string()),
        };
        if let Some(error) = error {
            tracing::warn!(group = %self.id, %error, "a group did not stop as it should");
        }
        if let Err(fault) = self.store.close() {
            tracing::warn!(group = %self.id, %fault, "the state of a group was not flushed");
        }
    }
}

impl std::fmt::Debug for Group {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Group")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

fn term(raft: &GroupRaft) -> u64 {
    raft.server_metrics().borrow_watched().vote.leader_id.term
}

/// Says who leads, each time that is somebody else.
async fn watch_leader(
    id: GroupId,
    raft: GroupRaft,
    counters: Arc<GroupCounters>,
    copies: Arc<Copies>,
) {
    let mut metrics = raft.server_metrics();
    let mut known = None;
    loop {
        let (leader, term) = {
            let metrics = metrics.borrow_and_update();
            (metrics.current_leader, metrics.vote.leader_id.term)
        };
        if leader == Some(*raft.node_id()) {
            copies.enter_term(term);
        }
        if leader != known {
            known = leader;
            if let Some(leader) = leader {
                counters.leader_changes.fetch_add(1, Ordering::Relaxed);
                tracing::info!(group = %id, leader, term, "a node leads");
            } else {
                tracing::info!(group = %id, term, "nobody leads");
            }
        }
        if metrics.changed().await.is_err() {
            return;
        }
    }
}

fn config(id: GroupId, options: &NodeOptions) -> Result<Arc<Config>, Refusal> {
    let milliseconds = |duration: Duration| duration.as_millis() as u64;
    let config = Config {
        cluster_name: format!("group-{id}"),
        heartbeat_interval: milliseconds(options.timing.heartbeat),
        election_timeout_min: milliseconds(options.timing.election_min),
        election_timeout_max: milliseconds(options.timing.election_max),
        enable_pre_vote: Some(true),
        // A leader sends entries before they are on its own disk. One that came back and led on in the same term
        // would put other entries at the places of those it lost, and its followers could not tell them apart.
        enable_leader_restore: Some(false),
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: options.snapshots.keep,
        purge_batch_size: 1024,
        max_payload_entries: 512,
        install_snapshot_timeout: 3_600_000,
        ..Config::default()
    };
    config
        .validate()
        .map(Arc::new)
        .map_err(|error| Refusal::Malformed {
            reason: format!("timing: {error}"),
        })
}

/// The node is going away.
pub(crate) fn stopping() -> Refusal {
    Refusal::Unavailable {
        reason: "the node is stopping".to_owned(),
    }
}

pub(crate) fn fatal_refusal(fatal: &Fatal<TypeConfig>) -> Refusal {
    Refusal::Unavailable {
        reason: format!("the group has stopped: {fatal}"),
    }
}

fn not_leader(forward: ForwardToLeader<TypeConfig>) -> Refusal {
    let leader = forward.leader_id.zip(forward.leader_node);
    Refusal::NotLeader {
        leader: leader.map(|(id, Peer { address })| Endpoint { id, address }),
    }
}

fn write_refusal(error: ClientWriteError<TypeConfig>) -> Refusal {
    match error {
        ClientWriteError::ForwardToLeader(forward) => not_leader(forward),
        // It was in the log of a leader that was deposed; nobody knows yet what became of it.
        ClientWriteError::LogEntryDiscarded(_) => Refusal::OutcomeUnknown,
        ClientWriteError::ChangeMembershipError(_) | ClientWriteError::PreconditionFailed(_) => {
            Refusal::Unavailable {
                reason: error.to_string(),
            }
        }
    }
}

pub(crate) fn read_refusal(
    error: RaftError<TypeConfig, LinearizableReadError<TypeConfig>>,
) -> Refusal {
    match error {
        RaftError::APIError(LinearizableReadError::ForwardToLeader(forward)) => not_leader(forward),
        RaftError::APIError(LinearizableReadError::QuorumNotEnough(missing)) => {
            Refusal::Unavailable {
                reason: missing.to_string(),
            }
        }
        RaftError::Fatal(fatal) => fatal_refusal(&fatal),
    }
}
