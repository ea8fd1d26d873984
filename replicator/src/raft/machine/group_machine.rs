//! What openraft drives: applies entries, builds and installs snapshots.

use std::io;
use std::sync::Arc;

use futures_util::Stream;
use holdfast_metadata::Fault;
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine, Snapshot};
use tokio::runtime::{Handle, RuntimeFlavor};

use super::apply::Chunk;
use super::position::AppliedState;
use super::{GroupStore, Shared, io_fault};
use crate::raft::runtime;
use crate::raft::snapshot::SnapshotDirectory;
use crate::raft::type_config::{LogId, SnapshotMeta, StoredMembership, TypeConfig};

type GroupSnapshot = openraft::alias::SnapshotOf<TypeConfig, SnapshotDirectory>;

/// The state machine of a group as openraft sees it.
#[derive(Debug)]
pub(crate) struct GroupMachine {
    store: GroupStore,
    /// What the store holds, once it was asked.
    applied: Option<AppliedState>,
}

impl GroupMachine {
    pub(super) fn new(store: GroupStore) -> GroupMachine {
        GroupMachine {
            store,
            applied: None,
        }
    }

    fn applied(&mut self) -> io::Result<AppliedState> {
        if let Some(applied) = &self.applied {
            return Ok(applied.clone());
        }
        let shared = &self.store.shared;
        let applied =
            AppliedState::of_machine(&shared.machine()).map_err(|fault| shared.fail(fault))?;
        self.applied = Some(applied.clone());
        Ok(applied)
    }

    fn apply_chunk(&mut self, chunk: Chunk) -> Result<(), Fault> {
        let shared = &self.store.shared;
        let machine = shared.machine();
        let copies = shared.copies.get().map(Arc::as_ref);
        let mut applied = if chunk.is_long() {
            run_long(|| chunk.apply(&machine, copies))?
        } else {
            chunk.apply(&machine, copies)?
        };
        shared.counters.applied(applied.entries());
        // Whoever hears of the place finds what led there.
        shared.recent.add(applied.take_changes());
        shared.applied.send_replace(applied.applied().index());
        for news in applied.take_news() {
            // Nobody may listen: a replica whose sessions nobody follows.
            shared.news.send(news).ok();
        }
        self.applied = Some(applied.answer());
        Ok(())
    }
}

impl GroupStore {
    /// Takes a snapshot before openraft is started.
    pub(in crate::raft) async fn snapshot(&self) -> Result<(), Fault> {
        let built = run_blocking(&self.shared, Shared::build).await;
        built
            .map(drop)
            .map_err(|error| io_fault("snapshots", &error))
    }
}

impl RaftStateMachine<TypeConfig> for GroupMachine {
    type SnapshotData = SnapshotDirectory;
    type SnapshotBuilder = GroupSnapshotBuilder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        let applied = self.applied()?;
        Ok((applied.last_log_id, applied.membership))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = Result<EntryResponder<TypeConfig>, io::Error>> + Unpin + Send,
    {
        let shared = self.store.shared.clone();
        loop {
            shared.check_healthy()?;
            let applied = self.applied()?;
            let chunk = Chunk::next(&mut entries, shared.kind, &applied, &shared.halts).await;
            match chunk.map_err(|fault| shared.fail(fault))? {
                Some(chunk) => self
                    .apply_chunk(chunk)
                    .map_err(|fault| shared.fail(fault))?,
                None => return Ok(()),
            }
            let applied = *shared.applied.borrow();
            shared.halts.reach(applied).await;
        }
    }

    async fn try_create_snapshot_builder(&mut self, force: bool) -> Option<GroupSnapshotBuilder> {
        if !force && !self.store.shared.may_build() {
            return None;
        }
        Some(self.get_snapshot_builder().await)
    }

    async fn get_snapshot_builder(&mut self) -> GroupSnapshotBuilder {
        GroupSnapshotBuilder {
            shared: self.store.shared.clone(),
        }
    }

    async fn install_snapshot(
        &mut self,
        _meta: &SnapshotMeta,
        snapshot: SnapshotDirectory,
    ) -> io::Result<()> {
        let shared = self.store.shared.clone();
        shared.check_healthy()?;
        let installed = run_blocking(&shared, move |shared| shared.install(&snapshot)).await?;
        if let Some(copies) = shared.copies.get() {
            // What was applied elsewhere nobody here was told. Nothing is answered here before this.
            copies.reset();
        }
        self.applied = Some(installed);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<GroupSnapshot>> {
        let current = self.store.shared.snapshots.current();
        Ok(current.map(snapshot))
    }
}

/// Builds one snapshot, while entries are applied.
#[derive(Debug)]
pub(crate) struct GroupSnapshotBuilder {
    shared: Arc<Shared>,
}

impl RaftSnapshotBuilder<TypeConfig> for GroupSnapshotBuilder {
    type SnapshotData = SnapshotDirectory;

    async fn build_snapshot(&mut self) -> io::Result<GroupSnapshot> {
        self.shared.check_healthy()?;
        run_blocking(&self.shared, Shared::build)
            .await
            .map(snapshot)
    }
}

fn snapshot(directory: SnapshotDirectory) -> GroupSnapshot {
    Snapshot {
        meta: directory.meta.clone(),
        snapshot: directory,
    }
}

/// Runs what reads and syncs whole files on a thread of its own.
async fn run_blocking<T: Send + 'static>(
    shared: &Arc<Shared>,
    run: impl FnOnce(&Shared) -> Result<T, Fault> + Send + 'static,
) -> io::Result<T> {
    let worker = shared.clone();
    let done = runtime::blocking(move || run(&worker)).await;
    // Only the end of the runtime takes the thread away.
    let done = done.map_err(io::Error::other)?;
    done.map_err(|fault| shared.fail(fault))
}

/// Lets the other tasks of this thread go on elsewhere, where there is an elsewhere.
pub(in crate::raft) fn run_long<T>(run: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(run),
        _ => run(),
    }
}
