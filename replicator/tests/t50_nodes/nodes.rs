//! Nodes of one cluster in this process, which end with the test.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use holdfast_proto::admin_client::AdminClient;
use holdfast_proto::identity::Identity;
use holdfast_proto::session_admin_client::SessionAdminClient;
use holdfast_proto::{DigestRequest, StatusRequest, StatusResponse};
use holdfast_replicator::{
    FIRST_VOLUME, Limits, Node, NodeError, NodeOptions, ReadMode, RemoteOptions, RemoteReplicator,
    SnapshotOptions, Start, Timing,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};

/// The volume that is there from the start.
pub(crate) const VOLUME: &str = FIRST_VOLUME;
/// So few that a test has more.
const SNAPSHOT_ENTRIES: u64 = 50;
/// After so many more entries the log is cut: openraft purges a thousand at once.
pub(crate) const PURGE_ENTRIES: u64 = 1200;
/// On a loaded machine of two cores.
const LIMIT: Duration = Duration::from_mins(1);
const TICK: Duration = Duration::from_millis(10);

type Identify = fn(Request<()>) -> Result<Request<()>, Status>;
pub(crate) type Admin = AdminClient<InterceptedService<Channel, Identify>>;
pub(crate) type SessionAdmin = SessionAdminClient<InterceptedService<Channel, Identify>>;

/// A cluster, numbered from 1.
pub(crate) struct Nodes {
    running: BTreeMap<u64, Arc<Node>>,
    addresses: BTreeMap<u64, String>,
    directory: TempDir,
    runtime: Runtime,
}

impl Nodes {
    /// So many voters, with the volume.
    #[track_caller]
    pub(crate) fn start(count: u64) -> Nodes {
        let mut nodes = Nodes {
            running: BTreeMap::new(),
            addresses: BTreeMap::new(),
            directory: tempfile::tempdir().unwrap(),
            runtime: Runtime::new().unwrap(),
        };
        nodes.run_node(1, Start::Bootstrap);
        for id in 2..=count {
            nodes.join(id);
        }
        let ids: Vec<u64> = (1..=count).collect();
        nodes.wait_voters(&ids);
        nodes
    }

    /// Another one becomes a voter.
    #[track_caller]
    pub(crate) fn join(&mut self, id: u64) {
        let start = Start::Join {
            addresses: self.addresses.values().cloned().collect(),
            as_learner: false,
        };
        self.run_node(id, start);
    }

    /// Starts one again that was stopped.
    #[track_caller]
    pub(crate) fn restart(&mut self, id: u64) {
        self.run_node(id, Start::Existing);
    }

    #[track_caller]
    fn run_node(&mut self, id: u64, start: Start) {
        let node = self.try_node(id, start).unwrap();
        self.addresses.insert(id, node.address().to_string());
        self.running.insert(id, node);
    }

    /// Starts a node, or says why it cannot.
    pub(crate) fn try_node(&self, id: u64, start: Start) -> Result<Arc<Node>, NodeError> {
        let options = NodeOptions {
            changes: 100,
            cache_bytes: 8 << 20,
            limits: Limits::default(),
            slow_operation: Duration::from_secs(1),
            tls: None,
            id,
            data: self.data(id),
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            advertise: String::new(),
            start,
            timing: Timing::default(),
            snapshots: SnapshotOptions {
                entries: SNAPSHOT_ENTRIES,
                spacing: Duration::ZERO,
                keep: 5,
                ..SnapshotOptions::default()
            },
            reads: ReadMode::default(),
            program: "0",
        };
        self.run(Node::start(options))
    }

    /// It hands over what it leads, and is gone.
    #[track_caller]
    pub(crate) fn stop(&mut self, id: u64) {
        let node = self.running.remove(&id).unwrap();
        self.runtime.block_on(node.stop());
    }

    pub(crate) fn node(&self, id: u64) -> &Node {
        &self.running[&id]
    }

    pub(crate) fn data(&self, id: u64) -> PathBuf {
        self.directory.path().join(format!("node-{id}"))
    }

    /// Waits no longer than a test should.
    #[track_caller]
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let limited = async { tokio::time::timeout(LIMIT, future).await };
        self.runtime.block_on(limited).unwrap()
    }

    /// How a mount finds a volume.
    pub(crate) fn options(&self, volume: &str) -> RemoteOptions {
        RemoteOptions::new(self.addresses.values().cloned().collect(), volume)
    }

    #[track_caller]
    pub(crate) fn connect(&self, volume: &str) -> RemoteReplicator {
        RemoteReplicator::connect(self.options(volume)).unwrap()
    }

    fn channel(&self, id: u64) -> Channel {
        let address = format!("http://{}", self.addresses[&id]);
        let _entered = self.runtime.enter();
        Endpoint::from_shared(address).unwrap().connect_lazy()
    }

    /// Tells a node what only an operator says.
    #[track_caller]
    pub(crate) fn drive<T>(
        &self,
        id: u64,
        ask: impl AsyncFnOnce(&mut Admin) -> Result<T, Status>,
    ) -> T {
        self.ask(id, ask).unwrap()
    }

    /// The same, of what may be refused.
    #[track_caller]
    pub(crate) fn ask<T>(
        &self,
        id: u64,
        ask: impl AsyncFnOnce(&mut Admin) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let mut client = AdminClient::with_interceptor(self.channel(id), identify as Identify);
        self.run(ask(&mut client))
    }

    /// Asks the node that leads about sessions and locks.
    #[track_caller]
    pub(crate) fn ask_sessions<T>(
        &self,
        ask: impl AsyncFnOnce(&mut SessionAdmin) -> Result<Response<T>, Status>,
    ) -> T {
        let channel = self.channel(self.leader());
        let mut client = SessionAdminClient::with_interceptor(channel, identify as Identify);
        self.run(ask(&mut client)).unwrap().into_inner()
    }

    #[track_caller]
    pub(crate) fn status(&self, id: u64) -> StatusResponse {
        let answer = self.drive(id, async |admin| admin.status(StatusRequest {}).await);
        answer.into_inner()
    }

    /// Who leads the volume, by what it says itself.
    #[track_caller]
    pub(crate) fn leader(&self) -> u64 {
        wait_for("there is a leader", || {
            let mut ids = self.running.keys().copied();
            ids.find(|id| {
                let groups = self.status(*id).groups;
                let volume = groups.iter().find(|group| group.name == VOLUME);
                volume.is_some_and(|group| group.leader == *id)
            })
        })
    }

    /// Waits until these vote in every group, by what all of them say.
    #[track_caller]
    pub(crate) fn wait_voters(&self, ids: &[u64]) {
        wait("all of them vote", || {
            let groups = ids.iter().flat_map(|id| self.status(*id).groups);
            groups
                .collect::<Vec<_>>()
                .iter()
                .all(|group| group.voters == ids)
        });
    }

    /// Waits until all that run have the same state of every group.
    #[track_caller]
    pub(crate) fn wait_equal(&self) {
        for group in self.status(self.leader()).groups {
            wait("all replicas agree", || {
                let digests = self.running.keys().map(|id| self.digest(*id, group.group));
                // A node that has just started may not have the group yet.
                let digests: Option<BTreeSet<_>> = digests.collect();
                digests.is_some_and(|digests| digests.len() == 1)
            });
        }
    }

    fn digest(&self, id: u64, group: u64) -> Option<(u64, Bytes)> {
        let request = DigestRequest { group };
        let answer = self.ask(id, async |admin| admin.digest(request).await);
        let digest = answer.ok()?.into_inner();
        Some((digest.applied_index, digest.digest))
    }
}

#[track_caller]
pub(crate) fn wait(what: &str, is_so: impl Fn() -> bool) {
    wait_for(what, || is_so().then_some(()));
}

#[track_caller]
fn wait_for<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {LIMIT:?}: {what}");
        thread::sleep(TICK);
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for node in std::mem::take(&mut self.running).into_values() {
            self.runtime.block_on(node.stop());
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "an interceptor may refuse")]
fn identify(mut request: Request<()>) -> Result<Request<()>, Status> {
    let identity = Identity {
        cluster: None,
        node: None,
        program: "0",
    };
    identity.attach(request.metadata_mut());
    Ok(request)
}
