//! A node of a test: real log, real state, real server, behind a proxy.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use holdfast_metadata::{
    Command, Credentials, Digest, Engine, FileName, Format, InodeId, Operation, Symlink, Timestamp,
    digest,
};
use holdfast_proto::identity::Identity;
use holdfast_proto::raft_server::RaftServer;
use holdfast_proto::{encode_command, encode_proposal_command};
use openraft::async_runtime::WatchReceiver;
use openraft::errors::{ClientWriteError, ForwardReason, RaftError};
use openraft::{Config, Raft, SnapshotPolicy};
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::super::{MESSAGE_BYTES_MAX, Peers};
use super::PATIENCE;
use super::proxy::Proxy;
use crate::raft::complaints::Complaints;
use crate::raft::log::{LogDatabase, LogOptions};
use crate::raft::machine::{GroupKind, GroupMachine, GroupStore, Machine};
use crate::raft::poison::Poison;
use crate::raft::raft_service::{Groups, RaftService};
use crate::raft::type_config::{GroupId, Peer, Proposal, TypeConfig};

pub(super) const GROUP: GroupId = GroupId(7);

pub(super) type GroupRaft = Raft<TypeConfig, GroupMachine>;

/// The groups of a node.
#[derive(Debug, Clone, Default)]
pub(super) struct TestGroups {
    groups: Arc<Mutex<BTreeMap<GroupId, (GroupRaft, GroupStore)>>>,
}

impl Groups for TestGroups {
    fn group_raft(&self, group: GroupId) -> Option<GroupRaft> {
        self.groups.lock().get(&group).map(|(raft, _)| raft.clone())
    }

    fn group_store(&self, group: GroupId) -> Option<GroupStore> {
        self.groups
            .lock()
            .get(&group)
            .map(|(_, store)| store.clone())
    }
}

/// Stops with this value, but for its tasks, which end with the runtime.
pub(super) struct Node {
    pub(super) id: u64,
    pub(super) proxy: Proxy,
    pub(super) peers: Peers,
    groups: TestGroups,
    log: LogDatabase,
    _server: JoinSet<()>,
    directory: TempDir,
}

pub(super) fn identity(node: u64) -> Identity {
    Identity {
        cluster: Some([1; 16]),
        node: Some(node),
        program: "test",
    }
}

impl Node {
    pub(super) async fn start(id: u64) -> Node {
        let directory = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::start(listener.local_addr().unwrap().to_string()).await;
        let groups = TestGroups::default();
        let service = RaftServer::new(RaftService::new(
            groups.clone(),
            identity(id),
            watch::channel(false).1,
            tokio::time::Instant::now(),
            Duration::from_secs(1),
            Complaints::default(),
        ))
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let mut server = JoinSet::new();
        server.spawn(async move {
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            let served = Server::builder()
                .add_service(service)
                .serve_with_incoming(incoming);
            served.await.unwrap();
        });
        let path = directory.path().join("log");
        let log = LogDatabase::open(&path, &LogOptions::default(), Poison::new()).unwrap();
        Node {
            id,
            proxy,
            peers: Peers::new(identity(id), None),
            groups,
            log,
            _server: server,
            directory,
        }
    }

    /// Nodes 1 to `count`, each with a replica of the group, and one of them its leader.
    pub(super) async fn cluster(count: u64, group: GroupId) -> Vec<Node> {
        let mut nodes = Vec::new();
        for id in 1..=count {
            nodes.push(Node::start(id).await);
        }
        form(&nodes, group).await;
        nodes
    }

    /// Starts a replica, of an empty volume when it is new.
    pub(super) async fn open_group(&self, group: GroupId) -> GroupRaft {
        let config = Config {
            heartbeat_interval: 100,
            // Long enough for a machine that is busy with something else.
            election_timeout_min: 1000,
            election_timeout_max: 2000,
            enable_pre_vote: Some(true),
            snapshot_policy: SnapshotPolicy::Never,
            max_in_snapshot_log_to_keep: 0,
            install_snapshot_timeout: 60_000,
            ..Config::default()
        };
        let format = Format::of_root(1, Timestamp::default());
        let path = self.directory.path().join(format!("group-{group}"));
        let deadline = Instant::now() + PATIENCE;
        // An earlier replica may still be letting go of its directory.
        let store = loop {
            match GroupStore::open(&path, GroupKind::Volume(format), Poison::new()) {
                Ok(store) => break store,
                Err(fault) => assert!(Instant::now() < deadline, "{fault}"),
            }
            tokio::task::yield_now().await;
        };
        let raft = Raft::new(
            self.id,
            Arc::new(config.validate().unwrap()),
            self.peers.network(group),
            self.log.group(group).unwrap(),
            store.state_machine(),
        );
        let raft = raft.await.unwrap();
        self.groups
            .groups
            .lock()
            .insert(group, (raft.clone(), store));
        raft
    }

    pub(super) async fn close_group(&self, group: GroupId) {
        self.raft(group).shutdown().await.unwrap();
        self.groups.groups.lock().remove(&group);
    }

    pub(super) fn raft(&self, group: GroupId) -> GroupRaft {
        self.groups.group_raft(group).unwrap()
    }

    pub(super) fn store(&self, group: GroupId) -> GroupStore {
        self.groups.group_store(group).unwrap()
    }

    pub(super) fn peer(&self) -> Peer {
        Peer {
            address: self.proxy.address.clone(),
        }
    }

    /// The state, when it has the entry.
    pub(super) async fn digest_at(&self, group: GroupId, index: u64) -> Digest {
        let raft = self.raft(group);
        let wait = raft.wait(Some(PATIENCE));
        wait.applied_index_at_least(Some(index), "the state")
            .await
            .unwrap();
        let machine = self.store(group).machine();
        match machine.as_ref() {
            Machine::Volume(volume) => digest(&volume.engine().view()).unwrap(),
            Machine::Catalog(_) => panic!("a catalog"),
        }
    }
}

/// A group of all these nodes that has a leader.
pub(super) async fn form(nodes: &[Node], group: GroupId) {
    let members: BTreeMap<u64, Peer> = nodes.iter().map(|node| (node.id, node.peer())).collect();
    for node in nodes {
        node.open_group(group).await;
    }
    nodes[0].raft(group).initialize(members).await.unwrap();
    leader(nodes, group).await;
}

/// The node that all of these follow.
pub(super) async fn leader(nodes: &[Node], group: GroupId) -> &Node {
    let wait = nodes[0].raft(group).wait(Some(PATIENCE));
    let ids: Vec<u64> = nodes.iter().map(|node| node.id).collect();
    let metrics = wait
        .metrics(
            |metrics| metrics.current_leader.is_some_and(|id| ids.contains(&id)),
            "a leader",
        )
        .await
        .unwrap();
    nodes
        .iter()
        .find(|node| Some(node.id) == metrics.current_leader)
        .unwrap()
}

/// Makes a symlink, whose target is `length` bytes that no two indexes share and nothing compresses.
pub(super) fn proposal(index: u64, length: usize) -> Proposal {
    let mut random = index.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let target: Bytes = std::iter::repeat_with(|| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 32) as u8 | 1
    })
    .take(length)
    .collect();
    let command = Command {
        request: None,
        now: Timestamp::default(),
        credentials: Credentials::ROOT,
        squashed: false,
        operation: Operation::Symlink(Symlink {
            parent: InodeId::ROOT,
            name: FileName::new(format!("name-{index}").as_bytes()).unwrap(),
            target,
        }),
    };
    Proposal(encode_proposal_command(encode_command(&command)))
}

/// Has the leader write these, all at once; answers the index of the last.
pub(super) async fn write(raft: &GroupRaft, range: std::ops::Range<u64>, length: usize) -> u64 {
    let mut writes = JoinSet::new();
    for index in range {
        writes.spawn(write_one(raft.clone(), proposal(index, length)));
    }
    let written = tokio::time::timeout(PATIENCE, writes.join_all()).await;
    written.unwrap().into_iter().max().unwrap()
}

async fn write_one(raft: GroupRaft, proposal: Proposal) -> u64 {
    loop {
        match raft.client_write(proposal.clone()).await {
            Ok(response) => return response.log_id.index,
            // It leads, and has not heard from a quorum lately: the next answer changes that.
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(forward)))
                if forward.reason == ForwardReason::LeaseExpired =>
            {
                let heard = raft.data_metrics().changed().await;
                heard.unwrap();
            }
            Err(error) => panic!("{error}"),
        }
    }
}
