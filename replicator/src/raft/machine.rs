//! The replicated state of a group: its directory, its machine, its snapshots.
//!
//! **Why the state of a volume has no write-ahead log.** The Raft log is one. What the end of a process takes from the state is
//! the end of what was applied, and an entry is applied only when a quorum has it in synced logs. The state
//! remembers in each batch how far it is, and what follows is applied again from the log. That log is purged only
//! behind a snapshot, whose files are synced before openraft hears of it, and making one writes the state to its
//! tables. A state that lost more than the log still holds is therefore older than the latest snapshot: opening finds
//! that, and makes the state anew from the snapshot. The catalog keeps a log that is not synced, for the sake of
//! who asks for a volume of a node that has just been started.

mod apply;
mod compact;
mod directory;
pub(in crate::raft) mod disk;
mod group_machine;
mod halt;
mod metrics;
pub(in crate::raft) mod of_term;
mod position;
mod recent;
mod replace;
#[cfg(test)]
pub(in crate::raft) mod tests;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use holdfast_metadata::catalog::Catalog;
use holdfast_metadata::store::View;
use holdfast_metadata::{
    Digest, Engine, Fault, Format, LogIndex, News, RocksEngine, RocksOptions, StateMachine,
    TableCache,
};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{mpsc, watch};

pub(in crate::raft) use self::directory::live_state;
use self::directory::{GroupDirectory, StateNumber};
use self::disk::Disk;
pub(crate) use self::group_machine::GroupMachine;
pub(in crate::raft) use self::group_machine::run_long;
use self::halt::Halts;
pub(crate) use self::halt::Missed;
use self::metrics::Counters;
pub(crate) use self::metrics::MachineMetrics;
use self::position::AppliedState;
use self::recent::Recent;
pub(crate) use self::recent::{Forgotten, RecentChange};
use super::copies::Copies;
use super::node_disk::WRITE_BUFFER_PART;
use super::poison::Poison;
use super::runtime;
use super::snapshot::{Incoming, Snapshots};
use super::type_config::LogId;
use crate::disk_space;
use crate::removal::Removal;

const MIB: usize = 1024 * 1024;

/// What a group decides about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupKind {
    /// Nodes and volumes.
    Catalog,
    /// A filesystem, which begins like this.
    Volume(Format),
}

impl GroupKind {
    /// With the cache of the node, where there is something to keep.
    fn store_options(self, path: &Path, cache: &TableCache) -> RocksOptions {
        let small = RocksOptions {
            cache: TableCache::new(MIB),
            write_buffer_bytes: MIB,
            write_ahead_log: true,
        };
        match self {
            // All of it is in memory anyway. It is asked which volumes there are before the log is applied again.
            GroupKind::Catalog => small,
            GroupKind::Volume(_) if runtime::has_many_stores() => RocksOptions {
                write_ahead_log: false,
                ..small
            },
            GroupKind::Volume(_) => RocksOptions {
                cache: cache.clone(),
                write_buffer_bytes: disk_space::write_buffer_bytes(path, WRITE_BUFFER_PART),
                write_ahead_log: false,
            },
        }
    }
}

/// The state machine of a group.
#[derive(Debug)]
pub(crate) enum Machine {
    /// Of group 0.
    Catalog(Catalog<RocksEngine>),
    /// Of every other group.
    Volume(StateMachine<RocksEngine>),
}

impl Machine {
    fn open(engine: RocksEngine, kind: GroupKind) -> Result<Machine, Fault> {
        match kind {
            GroupKind::Catalog => Catalog::open(engine).map(Machine::Catalog),
            GroupKind::Volume(format) => StateMachine::open(engine, format).map(Machine::Volume),
        }
    }

    pub(crate) fn engine(&self) -> &RocksEngine {
        match self {
            Machine::Catalog(catalog) => catalog.engine(),
            Machine::Volume(volume) => volume.engine(),
        }
    }

    /// Where in the log a view of the state is.
    pub(crate) fn place_of(view: &impl View) -> Result<LogIndex, Fault> {
        Ok(AppliedState::of_view(view)?.index())
    }

    /// The digest of the state, with the place in the log at which it was like that. Reads all of it.
    pub(crate) fn digest(&self) -> Result<(LogIndex, Digest), Fault> {
        let view = self.engine().view();
        let applied = AppliedState::of_view(&view)?;
        Ok((applied.index(), holdfast_metadata::digest(&view)?))
    }

    fn position(&self) -> Result<Option<Bytes>, Fault> {
        match self {
            Machine::Catalog(catalog) => catalog.position(),
            Machine::Volume(volume) => volume.position(),
        }
    }
}

/// Everything a group has on disk but its log; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct GroupStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    kind: GroupKind,
    directory: GroupDirectory,
    live: RwLock<Live>,
    snapshots: Snapshots,
    incoming: Incoming,
    /// One snapshot is built or installed at a time.
    work: Mutex<()>,
    applied: watch::Sender<LogIndex>,
    halts: Halts,
    counters: Counters,
    /// Whether the next snapshot waits for space.
    snapshot_waits: AtomicBool,
    removal: Removal,
    closing: AtomicBool,
    poison: Poison,
    /// Who has copies of what, once the group is started.
    copies: OnceLock<Arc<Copies>>,
    news: mpsc::UnboundedSender<News>,
    recent: Recent,
    /// Until somebody takes it.
    news_of: Mutex<Option<mpsc::UnboundedReceiver<News>>>,
}

/// The state that `CURRENT` names.
#[derive(Debug)]
struct Live {
    number: StateNumber,
    machine: Arc<Machine>,
}

impl GroupStore {
    /// Opens the directory of a group, or makes it. Blocks, for long when the state has to be made from a snapshot.
    pub(crate) fn open(path: &Path, kind: GroupKind, poison: Poison) -> Result<GroupStore, Fault> {
        GroupStore::open_on(Disk::default(), TableCache::default(), path, kind, poison)
    }

    /// With a cache that others use, too.
    pub(crate) fn open_with(
        cache: TableCache,
        path: &Path,
        kind: GroupKind,
        poison: Poison,
    ) -> Result<GroupStore, Fault> {
        GroupStore::open_on(Disk::default(), cache, path, kind, poison)
    }

    pub(in crate::raft) fn open_on(
        disk: Disk,
        cache: TableCache,
        path: &Path,
        kind: GroupKind,
        poison: Poison,
    ) -> Result<GroupStore, Fault> {
        let (directory, mut number) = GroupDirectory::open(path, kind, cache, disk.clone())?;
        let snapshots = Snapshots::open(directory.snapshots(), disk.clone())?;
        let incoming = Incoming::open(
            directory.incoming(),
            snapshots.clone(),
            disk,
            poison.clone(),
        )?;
        let mut machine = directory.open_machine(number)?;
        let mut applied = AppliedState::of_machine(&machine)?;
        if let Some(snapshot) = snapshots.current()
            && applied.is_behind(snapshot.meta.last_log_id)
        {
            let place = snapshot.meta.last_log_id;
            tracing::warn!(
                ?place,
                "the state is older than the snapshot: it is made anew"
            );
            snapshot.verify()?;
            drop(machine);
            let old = directory.state(number);
            (number, machine) = directory.install(number, &snapshot)?;
            directory.disk().remove_behind(&old);
            applied = AppliedState::of_machine(&machine)?;
        }
        let (news, news_of) = mpsc::unbounded_channel();
        Ok(GroupStore {
            shared: Arc::new(Shared {
                kind,
                directory,
                live: RwLock::new(Live {
                    number,
                    machine: Arc::new(machine),
                }),
                snapshots,
                incoming,
                work: Mutex::new(()),
                applied: watch::Sender::new(applied.index()),
                halts: Halts::default(),
                counters: Counters::default(),
                snapshot_waits: AtomicBool::new(false),
                removal: Removal::default(),
                closing: AtomicBool::new(false),
                poison,
                copies: OnceLock::new(),
                news,
                recent: Recent::new(applied.index()),
                news_of: Mutex::new(Some(news_of)),
            }),
        })
    }

    /// The state for one query. An installed snapshot may replace it at any time: never keep it.
    pub(crate) fn machine(&self) -> Arc<Machine> {
        self.shared.machine()
    }

    /// What openraft drives; there is one.
    pub(crate) fn state_machine(&self) -> GroupMachine {
        GroupMachine::new(self.clone())
    }

    /// Where a snapshot of the leader is received.
    pub(crate) fn incoming(&self) -> Incoming {
        self.shared.incoming.clone()
    }

    /// The last entry whose effects are in the state.
    pub(crate) fn last_applied(&self) -> Result<Option<LogId>, Fault> {
        Ok(AppliedState::of_machine(&self.machine())?.last_log_id)
    }

    /// The index of the last entry whose effects are visible.
    pub(crate) fn on_applied(&self) -> watch::Receiver<LogIndex> {
        self.shared.applied.subscribe()
    }

    /// Who hears of changes before they are visible; there is one.
    pub(crate) fn set_copies(&self, copies: Arc<Copies>) {
        if self.shared.copies.set(copies).is_err() {
            tracing::error!("a group was started twice");
        }
    }

    /// What commands of a volume bring about, in their order, from the first that is applied after the store was opened.
    /// There is one receiver, which must keep up: they wait in memory.
    pub(crate) fn take_news(&self) -> Option<mpsc::UnboundedReceiver<News>> {
        self.shared.news_of.lock().take()
    }

    /// How many changes to remember for those who watch.
    pub(crate) fn remember_changes(&self, changes_max: usize) {
        self.shared.recent.set_max(changes_max);
    }

    /// The changes behind one place in the log, up to another that is applied.
    pub(crate) fn changes_between(
        &self,
        after: LogIndex,
        through: LogIndex,
    ) -> Result<Vec<Arc<RecentChange>>, Forgotten> {
        self.shared.recent.between(after, through)
    }

    /// What it has done since it was opened.
    pub(crate) fn metrics(&self) -> MachineMetrics {
        self.shared.counters.read(*self.shared.applied.borrow())
    }

    /// Leaves nothing to be recovered at the next open. Blocks.
    pub(crate) fn close(&self) -> Result<(), Fault> {
        self.shared.closing.store(true, Ordering::Release);
        let machine = self.machine();
        machine.engine().flush()
    }
}

impl Shared {
    fn machine(&self) -> Arc<Machine> {
        self.live.read().machine.clone()
    }

    /// Stops the group, unless it was stopped already.
    fn fail(&self, fault: Fault) -> io::Error {
        if fault == Fault::NoSpace {
            tracing::error!(
                "the disk is full: a committed entry cannot be applied, make space and start again"
            );
        }
        self.poison.trip(fault.clone());
        io::Error::other(fault)
    }

    fn check_healthy(&self) -> io::Result<()> {
        match self.poison.fault() {
            None => Ok(()),
            Some(fault) => Err(io::Error::other(fault.clone())),
        }
    }
}

/// What an error of the disk is for a group.
pub(in crate::raft) fn io_fault(what: &str, error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Fault::NoSpace,
        io::ErrorKind::InvalidData => Fault::corrupt(what, error.to_string()),
        _ => Fault::Io(format!("{what}: {error}")),
    }
}
