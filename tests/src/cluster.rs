//! A cluster of real nodes on this machine, which ends with the test.
//!
//! Every node is a `holdfast serve` of its own, on 127.0.0.1 or in a network namespace of its own, where the
//! connections between nodes can be cut. Clusters of one test program run one at a time: two cores do not
//! carry more without missing heartbeats.

mod beside;
mod client;
mod load;
mod mount;
mod network;
mod node;
mod records;
mod recovery;
mod speaker;
mod standpoint;
mod state_on_disk;
mod stranger;
mod watch;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use holdfast_replicator::FaultPoint;
use nix::sys::signal::Signal;
use tempfile::TempDir;

pub use self::beside::MountBeside;
pub use self::client::{Client, command, create, lookup};
pub use self::load::{Load, Worked};
pub use self::mount::ClusterMount;
pub use self::network::Network;
pub use self::node::{ServeNode, ended_at};
pub use self::records::{assert_records, record};
pub use self::speaker::{Calls, Said, Speaker, channel, headers};
pub use self::standpoint::Standpoint;
pub use self::state_on_disk::StateOnDisk;
pub use self::stranger::Stranger;
use crate::poll::{becomes_true, wait_until};
use crate::program::{Finished, run_within};
use crate::recorded_disk::{Loss, RecordedDisk};
use crate::small_disk::SmallDisk;
use crate::{http, place, process};

/// The number of the volume that a new cluster has.
pub const VOLUME: u64 = 1;
/// The number of the group that knows the nodes.
pub const CATALOG: u64 = 0;
/// The name of the volume that a new cluster has.
pub const VOLUME_NAME: &str = holdfast_replicator::FIRST_VOLUME;

/// How long a cluster may take to come to rest on a loaded machine of two cores.
pub const SETTLED: Duration = Duration::from_mins(1);

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// How to start a cluster.
#[derive(Debug, Clone, Default)]
pub struct ClusterSetup {
    settings: String,
    arguments: Vec<String>,
    namespaces: bool,
    disk_mebibytes: Option<u64>,
    is_recorded: bool,
    is_earlier: bool,
    crash_at: Option<FaultPoint>,
    crashes_first: bool,
}

impl ClusterSetup {
    /// Gives every node this file of settings.
    #[must_use]
    pub fn settings(mut self, toml: &str) -> ClusterSetup {
        toml.clone_into(&mut self.settings);
        self
    }

    /// Gives every node this argument, too.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> ClusterSetup {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Runs every node in a network namespace of its own.
    #[must_use]
    pub fn namespaces(mut self) -> ClusterSetup {
        self.namespaces = true;
        self
    }

    /// Gives the data of every node a disk of its own, of this size.
    #[must_use]
    pub fn disks(mut self, mebibytes: u64) -> ClusterSetup {
        self.disk_mebibytes = Some(mebibytes);
        self
    }

    /// The first run of the first node ends at this point.
    #[must_use]
    pub fn crash_at(mut self, point: FaultPoint) -> ClusterSetup {
        self.crash_at = Some(point);
        self.crashes_first = true;
        self
    }

    /// Gives the data of every node a disk of its own that remembers all that was done to it.
    #[must_use]
    pub fn recorded(mut self) -> ClusterSetup {
        self.is_recorded = true;
        self
    }

    /// Every node is of the earlier program.
    #[must_use]
    pub fn earlier(mut self) -> ClusterSetup {
        self.is_earlier = true;
        self
    }

    /// Starts nodes 1 to `nodes`, and waits until each votes in each group.
    #[track_caller]
    pub fn start(self, nodes: u64) -> Cluster {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let scratch = place::scratch();
        let network = self.namespaces.then(|| Network::new(nodes + 1));
        let standpoint = network
            .as_ref()
            .map_or_else(Standpoint::default, Network::outside);
        fs::write(scratch.path().join("node.toml"), &self.settings).unwrap();
        let mut cluster = Cluster {
            speaker: Speaker::new(&standpoint),
            standpoint,
            nodes: BTreeMap::new(),
            disks: BTreeMap::new(),
            recorded: BTreeMap::new(),
            network,
            setup: self,
            scratch,
            _alone: alone,
        };
        for id in 1..=nodes {
            cluster.add_node(id);
        }
        if cluster.setup.crashes_first {
            cluster.wait_crash(1);
        }
        cluster.wait_settled();
        cluster
    }
}

/// Nodes that run; all of them end when it is dropped.
#[derive(Debug)]
pub struct Cluster {
    nodes: BTreeMap<u64, ServeNode>,
    /// Unmounted after the nodes have ended.
    disks: BTreeMap<u64, SmallDisk>,
    recorded: BTreeMap<u64, RecordedDisk>,
    speaker: Speaker,
    standpoint: Standpoint,
    setup: ClusterSetup,
    network: Option<Network>,
    scratch: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Cluster {
    /// Starts nodes 1 to `nodes` on 127.0.0.1, and waits until each votes in each group.
    #[track_caller]
    pub fn start(nodes: u64) -> Cluster {
        ClusterSetup::default().start(nodes)
    }

    /// As `start`, with the connections under the control of [`Cluster::network`].
    #[track_caller]
    pub fn start_in_namespaces(nodes: u64) -> Cluster {
        ClusterSetup::default().namespaces().start(nodes)
    }

    /// Starts one more node: the first makes the cluster, others join it.
    #[track_caller]
    pub fn add_node(&mut self, id: u64) {
        let (address, standpoint) = match &self.network {
            Some(network) => (Network::address(id), network.inside(id)),
            None => (node::free_address(), Standpoint::default()),
        };
        let mut arguments = self.setup.arguments.clone();
        if self.network.is_some() {
            arguments.push("--insecure-no-tls".to_owned());
        }
        if self.nodes.is_empty() {
            arguments.push("--bootstrap".to_owned());
        } else {
            arguments.extend(["--join".to_owned(), self.addresses().join(",")]);
        }
        let config = self.scratch.path().join("node.toml");
        arguments.extend(["--config".to_owned(), config.display().to_string()]);
        let (name, directory) = (format!("node-{id}"), self.scratch.path());
        let mut data = directory.join(&name);
        if let Some(mebibytes) = self.setup.disk_mebibytes {
            let disk = SmallDisk::new(&directory.join(format!("disk-{id}")), mebibytes);
            data = disk.path().join(&name);
            self.disks.insert(id, disk);
        }
        if self.setup.is_recorded {
            let disk = RecordedDisk::mount(&directory.join(format!("recorded-{id}")));
            data = disk.path().join(&name);
            self.recorded.insert(id, disk);
        }
        let log = directory.join(format!("{name}.log"));
        let mut node = ServeNode::new(id, address, (data, log), arguments, standpoint);
        if self.setup.is_earlier {
            node.use_program(place::earlier());
        }
        if let Some(point) = self.setup.crash_at.take() {
            node.crash_at(point);
        }
        node.start();
        self.nodes.insert(id, node);
    }

    /// As `add_node`, but its first run ends at this point.
    #[track_caller]
    pub fn add_node_that_crashes(&mut self, id: u64, point: FaultPoint) {
        self.setup.crash_at = Some(point);
        self.add_node(id);
    }

    /// Waits until a node has ended at the point where it was to end, and starts it again.
    #[track_caller]
    pub fn wait_crash(&mut self, id: u64) {
        let ended = becomes_true(SETTLED, || self.node_mut(id).ended().is_some());
        assert!(ended, "node {id} does not end");
        self.node_mut(id).assert_ended_at_fault_point();
        self.kill(id);
        self.restart(id);
    }

    /// Forgets a node that was removed from the cluster, and ends it.
    pub fn forget(&mut self, id: u64) {
        self.nodes.remove(&id);
    }

    /// A node.
    #[track_caller]
    pub fn node(&self, id: u64) -> &ServeNode {
        self.nodes.get(&id).unwrap()
    }

    /// A node, to start and to stop it.
    #[track_caller]
    pub fn node_mut(&mut self, id: u64) -> &mut ServeNode {
        self.nodes.get_mut(&id).unwrap()
    }

    /// The numbers of all nodes, whether they run or not.
    pub fn ids(&self) -> Vec<u64> {
        self.nodes.keys().copied().collect()
    }

    /// Where all nodes listen, in the order of their numbers.
    pub fn addresses(&self) -> Vec<String> {
        let addresses = self.nodes.values().map(ServeNode::address);
        addresses.map(str::to_owned).collect()
    }

    /// The disk of a node.
    #[track_caller]
    pub fn disk(&self, id: u64) -> &SmallDisk {
        self.disks.get(&id).unwrap()
    }

    /// The disk of a node, and all that was done to it.
    #[track_caller]
    pub fn recorded(&self, id: u64) -> &RecordedDisk {
        self.recorded.get(&id).unwrap()
    }

    /// Ends a node as a power failure would, and starts it on what that has left of its disk.
    #[track_caller]
    pub fn lose_power(&mut self, id: u64, loss: Loss<'_>) {
        self.kill(id);
        let mut film = self.recorded(id).film();
        film.play_to(film.end());
        let left = film.after_power_failure(loss);
        // The old one is unmounted first: the node finds its data at the same path.
        self.recorded.remove(&id);
        let path = self.scratch.path().join(format!("recorded-{id}"));
        fs::remove_dir(&path).unwrap();
        self.recorded
            .insert(id, RecordedDisk::mount_with(&path, left));
        self.restart(id);
    }

    /// Whether the network is under control.
    pub fn has_network(&self) -> bool {
        self.network.is_some()
    }

    /// The network between the nodes.
    #[track_caller]
    pub fn network(&self) -> &Network {
        self.network.as_ref().unwrap()
    }

    /// Talks to nodes as operators do.
    pub fn speaker(&self) -> &Speaker {
        &self.speaker
    }

    /// A directory on the disk, for whatever the test needs.
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Ends a node as a crash would.
    #[track_caller]
    pub fn kill(&mut self, id: u64) {
        self.node_mut(id).kill();
    }

    /// Ends a node as an operator would; it must end well.
    #[track_caller]
    pub fn stop(&mut self, id: u64) {
        self.node_mut(id).stop();
    }

    /// Starts a node that has ended; the same node, with what it has on disk.
    #[track_caller]
    pub fn restart(&mut self, id: u64) {
        self.node_mut(id).start();
    }

    /// Stops a node as an operator would, and starts it with the program of now.
    #[track_caller]
    pub fn upgrade(&mut self, id: u64) {
        self.stop(id);
        self.node_mut(id).use_program(place::holdfast());
        self.restart(id);
        self.wait_settled();
    }

    /// From now on a node serves its pages for people, Prometheus and supervisors; answers where.
    #[track_caller]
    pub fn serve_pages(&mut self, id: u64) -> String {
        self.stop(id);
        let address = self.node_mut(id).serve_pages();
        self.restart(id);
        self.wait_settled();
        // It speaks to nodes before it serves pages.
        let is_served = || http::get(&address, "/healthz").is_some();
        wait_until("the pages are served", SETTLED, is_served);
        address
    }

    /// Stops a node from running, without it noticing.
    pub fn pause(&self, id: u64) {
        process::freeze(self.node(id).pid());
    }

    /// Lets a node go on.
    pub fn resume(&self, id: u64) {
        self.node(id).signal(Signal::SIGCONT);
    }

    /// A client of the first volume that knows all nodes.
    #[track_caller]
    pub fn client(&self) -> Client {
        self.client_of(VOLUME_NAME, &self.addresses())
    }

    /// A client of a volume that begins with these nodes.
    #[track_caller]
    pub fn client_of(&self, volume: &str, addresses: &[String]) -> Client {
        Client::connect(&self.standpoint, volume, addresses)
    }

    /// Mounts the first volume through a node; the others come after it in the list of addresses.
    #[track_caller]
    pub fn mount(&self, first: u64, options: &str) -> ClusterMount {
        self.mount_volume(first, VOLUME_NAME, options)
    }

    /// Mounts the first volume where [`Network::isolate_client`] can cut it off alone.
    #[track_caller]
    pub fn mount_apart(&self, first: u64, options: &str) -> ClusterMount {
        let (addresses, apart) = (self.addresses_from(first), self.network().apart());
        let program = place::holdfast();
        ClusterMount::new(&program, &apart, &addresses, VOLUME_NAME, options, &[])
    }

    /// Mounts any volume through a node.
    #[track_caller]
    pub fn mount_volume(&self, first: u64, volume: &str, options: &str) -> ClusterMount {
        self.mount_by(&place::holdfast(), first, volume, options, &[])
    }

    /// Mounts the first volume by the earlier program.
    #[track_caller]
    pub fn mount_earlier(&self, first: u64, options: &str) -> ClusterMount {
        self.mount_by(&place::earlier(), first, VOLUME_NAME, options, &[])
    }

    /// Mounts the first volume with a page for Prometheus; answers where that is, too.
    #[track_caller]
    pub fn mount_with_metrics(&self, first: u64) -> (ClusterMount, String) {
        let page = node::free_address();
        let more = ["--metrics", &page];
        let mount = self.mount_by(&place::holdfast(), first, VOLUME_NAME, "noatime", &more);
        (mount, page)
    }

    #[track_caller]
    fn mount_by(
        &self,
        program: &Path,
        first: u64,
        volume: &str,
        options: &str,
        more: &[&str],
    ) -> ClusterMount {
        let addresses = self.addresses_from(first);
        ClusterMount::new(program, &self.standpoint, &addresses, volume, options, more)
    }

    /// All addresses, that of this node first.
    fn addresses_from(&self, first: u64) -> Vec<String> {
        let first = self.node(first).address();
        let others = self.addresses().into_iter();
        let others = others.filter(|address| address != first);
        std::iter::once(first.to_owned()).chain(others).collect()
    }

    /// Runs `holdfast` with these arguments, where it can reach the nodes.
    #[track_caller]
    pub fn holdfast(&self, arguments: &[&str]) -> Finished {
        let addresses = self.running().join(",");
        self.standpoint.run(|| {
            run_within(
                Command::new(place::holdfast())
                    .args(arguments)
                    .env("HOLDFAST_CLUSTER", &addresses),
                SETTLED,
            )
        })
    }

    /// What a command prints that only looks. While nobody leads, or a node is slow to answer, it is run again.
    #[track_caller]
    pub fn ask(&self, arguments: &[&str]) -> String {
        let mut finished = None;
        becomes_true(SETTLED, || {
            let last = finished.insert(self.holdfast(arguments));
            last.status.success()
        });
        finished.unwrap().success()
    }

    /// Where the nodes listen that run.
    fn running(&self) -> Vec<String> {
        let running = self.nodes.values().filter(|node| node.is_running());
        running.map(|node| node.address().to_owned()).collect()
    }

    fn logs(&self) -> Vec<PathBuf> {
        self.nodes
            .values()
            .map(|node| node.log().to_path_buf())
            .collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        for log in self.logs() {
            let text = fs::read_to_string(&log).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let last = lines
                .get(lines.len().saturating_sub(60)..)
                .unwrap_or_default();
            eprintln!("--- {}, the last lines\n{}", log.display(), last.join("\n"));
        }
    }
}

/// What nodes and mounts log: what openraft says at each step would hide the rest.
fn log_filter() -> String {
    std::env::var("RUST_LOG").unwrap_or_else(|_| "info,openraft=error".to_owned())
}
