//! A node of the simulation: one replica of one volume, its disk, and the processes that use it one after the other.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use holdfast_metadata::catalog::{ReplicationMode, VolumeRecord};
use holdfast_metadata::{Format, TableCache, Timestamp};
use openraft::async_runtime::WatchReceiver;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use super::host::Host;
use super::log::SimulatedLog;
use super::network::{Door, Network};
use super::peers::PeerFactory;
use super::platter::{Crash, Platter};
use super::random::Random;
use super::service::{Lie, Service, identity};
use super::tally::Tally;
use super::witness::Witness;
use crate::raft::attendance::Attendance;
use crate::raft::complaints::Complaints;
use crate::raft::everyone::Everyone;
use crate::raft::group::{Group, GroupRaft};
use crate::raft::limits::Limits;
use crate::raft::machine::disk::{Disk, crash};
use crate::raft::machine::{GroupKind, GroupStore, Machine};
use crate::raft::network::Peers;
use crate::raft::node_disk::NodeDisk;
use crate::raft::options::{NodeOptions, ReadMode, SnapshotOptions, Start, Timing};
use crate::raft::poison::Poison;
use crate::raft::raft_service::{Groups, RaftService};
use crate::raft::registry;
use crate::raft::type_config::GroupId;
use crate::raft::volume::Volume;

pub(super) const GROUP: GroupId = GroupId(7);

pub(super) const FORMAT: Format = Format::of_root(
    7,
    Timestamp {
        seconds: 0,
        nanoseconds: 0,
    },
);

pub(super) const TIMING: Timing = Timing {
    heartbeat: Duration::from_millis(100),
    election_min: Duration::from_millis(300),
    election_max: Duration::from_millis(500),
    session_lease: Duration::from_secs(3),
};

/// So few that logs are purged while somebody is away.
const SNAPSHOTS: SnapshotOptions = SnapshotOptions {
    entries: 30,
    interval: Duration::from_secs(8),
    spacing: Duration::from_millis(700),
    keep: 2,
};

/// `RocksDB` may write the state to tables at any time; right before one of so many crashes it does.
const STATES_WRITTEN: u64 = 3;

/// The machine, and what is on its disks.
pub(super) struct Node {
    pub(super) id: u64,
    directory: PathBuf,
    pub(super) platter: Arc<Mutex<Platter>>,
    random: Random,
    tally: Tally,
    pub(super) process: Option<Process>,
    /// Steps of the filesystem until the next process finds it gone.
    pub(super) steps_left: Option<usize>,
    pub(super) lie: Option<Lie>,
}

/// From a start to the next crash.
pub(super) struct Process {
    pub(super) host: Host,
    pub(super) group: Arc<Group>,
    crash: crash::Crash,
}

/// What runs on it.
#[derive(Debug, Clone)]
pub(super) struct OneGroup(Arc<Group>);

impl Groups for OneGroup {
    fn group_raft(&self, group: GroupId) -> Option<GroupRaft> {
        (group == GROUP).then(|| self.0.raft().clone())
    }

    fn group_store(&self, group: GroupId) -> Option<GroupStore> {
        (group == GROUP).then(|| self.0.store().clone())
    }
}

impl Process {
    /// Why it does not serve any more, if it does not.
    pub(super) fn has_failed(&self) -> Option<String> {
        let metrics = self.group.raft().metrics();
        let running = metrics.borrow_watched().running_state.clone();
        let crashed = self.crash.crashed();
        let crashed = crashed.then(|| "its filesystem is gone".to_owned());
        crashed.or(running.err().map(|fatal| fatal.to_string()))
    }
}

impl Node {
    pub(super) fn new(id: u64, root: &Path, random: &mut Random, tally: &Tally) -> Node {
        Node {
            id,
            directory: root.join(format!("node-{id}")),
            platter: Arc::new(Mutex::new(Platter::new(random.fork(), tally.clone()))),
            random: random.fork(),
            tally: tally.clone(),
            process: None,
            steps_left: None,
            lie: None,
        }
    }

    /// The replica that runs here.
    pub(super) fn group(&self) -> Option<&Arc<Group>> {
        self.process.as_ref().map(|process| &process.group)
    }

    /// Starts a process on what is there.
    pub(super) async fn start(
        &mut self,
        network: &Network,
        witness: &Witness,
        epoch: Instant,
    ) -> Result<(), String> {
        let host = Host::new(self.random.fork(), epoch, self.tally.clone());
        let steps = self.steps_left.take().unwrap_or(usize::MAX);
        let (disk, crash) = Disk::crashing(crash::Kind::PowerFailure, steps);
        let boot = Boot {
            id: self.id,
            directory: self.directory.clone(),
            platter: Arc::clone(&self.platter),
            network: network.clone(),
            witness: witness.clone(),
            disk,
            lie: self.lie,
        };
        let started = host.spawn(boot.run()).await;
        let started = started.map_err(|error| error.to_string()).flatten();
        match started {
            Ok((group, service)) => {
                let door = Door {
                    host: host.clone(),
                    service,
                };
                network.listen(self.id, door);
                self.process = Some(Process { host, group, crash });
                Ok(())
            }
            Err(error) => {
                host.kill();
                if crash.crashed() {
                    self.tally.count("filesystems lost");
                    settle().await;
                    self.platter.lock().crash(Crash::PowerFailure);
                    crash.strike();
                    return Ok(());
                }
                Err(format!("node {} does not start: {error}", self.id))
            }
        }
    }

    /// Ends the process at once.
    pub(super) async fn crash(&mut self, network: &Network, how: Crash) {
        network.close(self.id);
        let Some(process) = self.process.take() else {
            return;
        };
        self.count_snapshots_of(&process);
        if self.random.below(STATES_WRITTEN) == 0 {
            // Without that it is as old as the last snapshot, or older.
            process.group.store().close().ok();
            self.tally.count("states written right before a crash");
        }
        process.host.kill();
        let machine = Arc::downgrade(&process.group.store().machine());
        let filesystem = process.crash.clone();
        drop(process);
        wait_until_closed(&machine).await;
        self.platter.lock().crash(how);
        match how {
            Crash::Kill => self.tally.count("kills"),
            Crash::PowerFailure => filesystem.strike(),
        }
    }

    /// What the process that runs has made and taken over.
    pub(super) fn count_snapshots(&self) {
        if let Some(process) = &self.process {
            self.count_snapshots_of(process);
        }
    }

    fn count_snapshots_of(&self, process: &Process) {
        let metrics = process.group.store().metrics();
        self.tally.add("snapshots", metrics.snapshots_built);
        let installed = metrics.snapshots_installed;
        self.tally.add("snapshots installed", installed);
        if process.crash.crashed() {
            self.tally.count("filesystems lost");
        }
    }
}

/// Lets tasks that were killed go.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

async fn wait_until_closed(machine: &Weak<Machine>) {
    for _ in 0..10_000 {
        if machine.strong_count() == 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("something of a process outlives it");
}

/// What a process needs to start.
struct Boot {
    id: u64,
    directory: PathBuf,
    platter: Arc<Mutex<Platter>>,
    network: Network,
    witness: Witness,
    disk: Disk,
    lie: Option<Lie>,
}

type Booted = (Arc<Group>, Arc<Service>);

impl Boot {
    /// As `node.rs` and `registry.rs` start a volume.
    async fn run(self) -> Result<Booted, String> {
        let votes_from = Instant::now() + TIMING.election_max;
        let options = NodeOptions {
            changes: 100,
            cache_bytes: 8 << 20,
            limits: Limits::DEFAULT,
            slow_operation: Duration::from_secs(1),
            tls: None,
            id: self.id,
            data: self.directory.clone(),
            listen: ([127, 0, 0, 1], 0).into(),
            advertise: String::new(),
            start: Start::Existing,
            timing: TIMING,
            snapshots: SNAPSHOTS,
            reads: ReadMode::ReadIndex,
            program: "simulation",
        };
        let kind = GroupKind::Volume(FORMAT);
        let store = GroupStore::open_on(
            self.disk,
            TableCache::default(),
            &self.directory,
            kind,
            Poison::new(),
        );
        let store = store.map_err(|fault| fault.to_string())?;
        let disk = NodeDisk::new(&self.directory);
        let mut log = SimulatedLog::open(self.platter, self.witness);
        let checked = registry::check_state(GROUP, &store, &mut log).await;
        checked.map_err(|fault| fault.to_string())?;
        let network = PeerFactory {
            network: self.network,
            own: self.id,
        };
        let group = Group::start(GROUP, &options, log, store, network, &disk).await;
        let group = group.map_err(|refusal| refusal.to_string())?;
        let own = identity(self.id);
        let peers = Peers::new(own.clone(), None);
        let everyone = Everyone::new(
            GROUP,
            group.raft().clone(),
            peers,
            own.clone(),
            Duration::MAX,
        );
        let attendance = Attendance::start(&group, TIMING.session_lease);
        let record = VolumeRecord {
            id: GROUP.0,
            name: "volume".to_owned(),
            replication: ReplicationMode::Quorum,
            format: FORMAT,
            initial_voters: Vec::new(),
        };
        let volume = Volume::new(&record, Arc::clone(&group), everyone, disk, attendance);
        let groups = OneGroup(Arc::clone(&group));
        let (stopping, left) = watch::channel(false);
        let complaints = Complaints::default();
        let lease = TIMING.election_max;
        let raft = RaftService::new(groups.clone(), own, left, votes_from, lease, complaints);
        let service = Service {
            groups,
            raft,
            volume,
            lie: self.lie,
            _stopping: stopping,
        };
        Ok((group, Arc::new(service)))
    }
}
