//! A node of a cluster: everything it consists of, started and stopped in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use holdfast_proto::JoinRequest;
use holdfast_proto::identity::Identity;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::admin_service::AdminService;
use super::announce::Announcement;
use super::catalog_client::CatalogClient;
use super::client_service::ClientService;
use super::complaints::Complaints;
use super::health;
use super::log::{LogDatabase, LogOptions};
use super::membership;
use super::memory_keeper;
use super::network::Peers;
use super::node_directory::NodeDirectory;
use super::node_disk::NodeDisk;
use super::node_error::NodeError;
use super::observer::Observer;
use super::options::NodeOptions;
use super::poison::Poison;
use super::raft_service::RaftService;
use super::registry::Registry;
use super::router::Router;
use super::server::serve;
use super::settle::{self, failed, settle};
use crate::call::Here;
use crate::durable;
use crate::fault_point::{FaultPoint, reach};
use crate::replicator::Pending;

/// How long a leader may take to hand a group over when the node stops.
const HAND_OVER: Duration = Duration::from_secs(2);
/// How long the servers may take to end what is under way.
const LAST_CALLS: Duration = Duration::from_secs(2);

/// A node that runs.
pub struct Node {
    registry: Registry,
    router: Router,
    runtime: Handle,
    log: LogDatabase,
    poison: Poison,
    address: SocketAddr,
    stopping: watch::Sender<bool>,
    /// Ends what the peers send: until then they decide what was proposed here.
    leaving: watch::Sender<bool>,
    /// Why the cluster does not want this node any more.
    unwanted: watch::Sender<Option<String>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    server: Mutex<Option<JoinHandle<()>>>,
    /// Writes memory tables.
    memory: Mutex<Option<JoinHandle<()>>>,
    directory: NodeDirectory,
    admin: AdminService,
}

impl Node {
    /// Starts the node; it serves when this is done.
    // A box: what is below it, all of openraft, is compiled here, and not again with each program.
    pub fn start(options: NodeOptions) -> Pending<'static, Result<Arc<Node>, NodeError>> {
        Box::pin(Node::begin(options))
    }

    async fn begin(options: NodeOptions) -> Result<Arc<Node>, NodeError> {
        options.check()?;
        let mut directory = NodeDirectory::open(&options.data, options.id)?;
        if directory.is_recovering() {
            return Err(NodeError::RecoveryCutOff(options.data));
        }
        let listener = listen(options.listen).await?;
        let address = listener.local_addr().map_err(|error| NodeError::Listen {
            address: options.listen.to_string(),
            error,
        })?;
        let mut options = options;
        if options.advertise.is_empty() {
            options.advertise = address.to_string();
        }
        let cluster = settle(&mut directory, &options).await?;
        directory.check_log()?;
        let identity = Identity {
            cluster: Some(cluster),
            node: Some(options.id),
            program: options.program,
        };
        let node = assemble(
            directory,
            options.clone(),
            identity.clone(),
            address,
            listener,
        )
        .await?;
        if node.directory.is_bootstrapping() {
            reach(FaultPoint::BootstrapNamed);
            let file = node.directory.file;
            settle::bootstrap(&node.registry, file, &options, &identity).await?;
            reach(FaultPoint::BootstrapUnfinished);
            node.directory.end_bootstrap()?;
        }
        node.announce();
        Ok(node)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it counts, in the text format of Prometheus.
    pub fn metrics(&self) -> String {
        super::metrics::render(&self.registry)
    }

    /// What is wrong with it that does not go away by itself, a line each.
    pub fn faults(&self) -> Vec<String> {
        health::faults(&self.registry, &self.poison)
    }

    /// Why mounts would wait for it now, a line each; takes a second at most.
    pub fn obstacles(&self) -> Pending<'_, Vec<String>> {
        Box::pin(health::obstacles(&self.registry, &self.router))
    }

    /// Looks at the cluster from here, as long as the answer lives.
    pub fn observe(&self) -> Observer {
        Observer::start(self.admin.clone())
    }

    /// Waits until it cannot go on, and says why.
    pub async fn failed(&self) -> NodeError {
        let mut unwanted = self.unwanted.subscribe();
        let unwanted = async {
            let reason = unwanted.wait_for(Option::is_some).await;
            // The sender lives as long as the node.
            reason.map_or_else(|_| None, |reason| reason.clone())
        };
        tokio::select! {
            fault = self.poison.tripped() => NodeError::Fault(fault),
            reason = unwanted => NodeError::Unwanted(reason.unwrap_or_default()),
        }
    }

    /// Tells the cluster where this node is, for as long as that takes.
    fn announce(&self) {
        let admin = self.admin.clone();
        let file = self.directory.file;
        let options = self.registry.options();
        let request = JoinRequest {
            id: options.id,
            address: options.advertise.clone(),
            incarnation: Bytes::copy_from_slice(&file.map_or([0; 16], |file| file.incarnation)),
            // What it is has been decided already.
            as_learner: true,
        };
        let unwanted = self.unwanted.clone();
        let announcement = Announcement { admin, request };
        self.tasks.lock().push(tokio::spawn(async move {
            if let Err(reason) = announcement.make().await {
                unwanted.send_replace(Some(reason));
            }
        }));
    }

    /// The road for mounts in this process, and the address under which others know this node.
    pub(crate) fn here(&self) -> (String, Here) {
        let here = Here::new(Arc::new(self.router.clone()), self.runtime.clone());
        (self.registry.options().advertise.clone(), here)
    }

    /// Hands over what it leads, ends what is under way, and closes its files.
    pub fn stop(&self) -> Pending<'_, ()> {
        Box::pin(self.end())
    }

    async fn end(&self) {
        for group in self.registry.groups() {
            if group.leads() && !group.hand_over(None, HAND_OVER).await {
                tracing::info!(group = %group.id(), "nobody to hand the leadership to");
            }
        }
        self.stopping.send_replace(true);
        let settled = async {
            for group in self.registry.groups() {
                group.settled().await;
            }
        };
        if tokio::time::timeout(LAST_CALLS, settled).await.is_err() {
            tracing::info!("not everything that was proposed here is decided");
        }
        self.leaving.send_replace(true);
        let server = self.server.lock().take();
        if let Some(mut server) = server
            && tokio::time::timeout(LAST_CALLS, &mut server).await.is_err()
        {
            server.abort();
        }
        for task in self.tasks.lock().drain(..) {
            task.abort();
        }
        let memory = self.memory.lock().take();
        if let Some(memory) = memory
            && memory.await.is_err()
        {
            tracing::warn!("memory tables were not written as they should");
        }
        self.registry.stop().await;
        let log = self.log.clone();
        // It waits for a disk.
        if tokio::task::spawn_blocking(move || log.close())
            .await
            .is_err()
        {
            tracing::warn!("the log did not close as it should");
        }
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Node")
            .field("registry", &self.registry)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, NodeError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| NodeError::Listen {
            address: address.to_string(),
            error,
        })
}

async fn open_log(
    directory: &NodeDirectory,
    recent_bytes: usize,
    poison: Poison,
) -> Result<LogDatabase, NodeError> {
    let path = directory.log();
    let opened = tokio::task::spawn_blocking(move || {
        let options = LogOptions {
            recent_bytes,
            ..LogOptions::on_disk_of(&path)
        };
        LogDatabase::open(&path, &options, poison)
    });
    let opened = opened
        .await
        .map_err(|error| NodeError::Options(error.to_string()))?;
    Ok(opened?)
}

async fn assemble(
    directory: NodeDirectory,
    options: NodeOptions,
    identity: Identity,
    address: SocketAddr,
    listener: TcpListener,
) -> Result<Arc<Node>, NodeError> {
    let poison = Poison::new();
    let lease = options.timing.election_max;
    let votes_from = tokio::time::Instant::now() + lease;
    let log = open_log(&directory, options.limits.log_cache_bytes, poison.clone()).await?;
    let groups = directory.groups();
    durable::create_directories(&groups).map_err(|error| NodeError::io(&groups, error))?;
    let (disk, watcher) = NodeDisk::watch(directory.path());
    let tls = options.tls.clone();
    let peers = Peers::within(&options.limits, identity.clone(), tls.clone());
    let registry = Registry::new(
        options,
        groups,
        log.clone(),
        peers.clone(),
        identity.clone(),
        disk,
    );
    registry.start().await.map_err(failed)?;
    let router = Router::new(registry.clone(), peers.clone(), identity.clone());
    let catalog = CatalogClient::new(registry.clone(), peers.clone(), identity.clone());
    let admin = AdminService {
        registry: registry.clone(),
        catalog,
        peers,
        identity: identity.clone(),
        poison: poison.clone(),
        started: Instant::now(),
    };
    let (stopping, stopped) = watch::channel(false);
    let (leaving, left) = watch::channel(false);
    let complaints = Complaints::default();
    let raft = RaftService::new(
        registry.clone(),
        identity.clone(),
        left,
        votes_from,
        lease,
        complaints.clone(),
    );
    let (calls, told) = (router.clone(), complaints.clone());
    let client = ClientService::new(calls, identity, stopped.clone(), told);
    let ends = (stopped.clone(), complaints);
    let server = tokio::spawn(serve(listener, raft, client, admin.clone(), ends));
    let memory = tokio::spawn(memory_keeper::run(registry.clone(), stopped));
    let mut tasks = vec![watcher, tokio::spawn(membership::run(registry.clone()))];
    tasks.extend(tls.map(|tls| tokio::spawn(tls.watch())));
    let node = Node {
        registry,
        router,
        runtime: Handle::current(),
        log,
        poison,
        address,
        stopping,
        leaving,
        unwanted: watch::Sender::new(None),
        tasks: Mutex::new(tasks),
        server: Mutex::new(Some(server)),
        memory: Mutex::new(Some(memory)),
        directory,
        admin,
    };
    Ok(Arc::new(node))
}
