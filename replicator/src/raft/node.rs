//! A node of a cluster: everything it consists of, started and stopped in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use holdfast_metadata::catalog::{CatalogCommand, NodeRole, ReplicationMode};
use holdfast_proto::JoinRequest;
use holdfast_proto::admin_server::AdminServer;
use holdfast_proto::backup_server::BackupServer;
use holdfast_proto::check_server::CheckServer;
use holdfast_proto::client_server::ClientServer;
use holdfast_proto::identity::Identity;
use holdfast_proto::raft_server::RaftServer;
use holdfast_proto::session_admin_server::SessionAdminServer;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::admin_service::{AdminService, create_volume};
use super::announce::{self, Announcement};
use super::backup_service::BackupService;
use super::catalog_client::{CatalogClient, CatalogRefusal};
use super::check_service::CheckService;
use super::client_service::ClientService;
use super::complaints::{Complaints, Watched};
use super::connections::admitted;
use super::gate::Gate;
use super::health;
use super::log::{LogDatabase, LogOptions};
use super::membership;
use super::network::Peers;
use super::node_directory::{NodeDirectory, NodeFile, random_id};
use super::node_disk::NodeDisk;
use super::node_error::NodeError;
use super::observer::Observer;
use super::options::{NodeOptions, Start};
use super::poison::Poison;
use super::raft_service::RaftService;
use super::registry::Registry;
use super::router::Router;
use super::session_service::SessionService;
use super::type_config::Peer;
use crate::call::Here;
use crate::durable;
use crate::fault_point::{FaultPoint, reach};
use crate::refusal::Refusal;

/// The volume that a new cluster has.
pub const FIRST_VOLUME: &str = "default";

/// How long a leader may take to hand a group over when the node stops.
const HAND_OVER: Duration = Duration::from_secs(2);
/// How long the servers may take to end what is under way.
const LAST_CALLS: Duration = Duration::from_secs(2);
/// The largest message: a command with its data, or many entries.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
/// The largest message of a mount: those that travel together have a MiB, and one more with its data. An empty call has two
/// bytes there and a hundred in memory.
const CALLS_BYTES_MAX: usize = 4 << 20;
const WINDOW_BYTES: u32 = 8 << 20;

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
    directory: NodeDirectory,
    admin: AdminService,
}

impl Node {
    /// Starts the node; it serves when this returns.
    pub async fn start(options: NodeOptions) -> Result<Arc<Node>, NodeError> {
        check(&options)?;
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
            node.bootstrap(&options, &identity).await?;
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
    pub async fn obstacles(&self) -> Vec<String> {
        health::obstacles(&self.registry, &self.router).await
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
    pub async fn stop(&self) {
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

    /// What a new cluster begins with; each step can be repeated after a crash.
    async fn bootstrap(&self, options: &NodeOptions, identity: &Identity) -> Result<(), NodeError> {
        let catalog = self.registry.catalog().map_err(failed)?;
        let peer = Peer {
            address: options.advertise.clone(),
        };
        let first = std::collections::BTreeMap::from([(options.id, peer)]);
        // It is refused when the group has begun already, and then there is nothing to do.
        let _begun = catalog.raft().initialize(first).await.err();
        reach(FaultPoint::BootstrapInitialized);
        let file = self.directory.file;
        let incarnation = file.map_or([0; 16], |file| file.incarnation);
        let peers = Peers::new(identity.clone(), options.tls.clone());
        let client = CatalogClient::new(self.registry.clone(), peers, identity.clone());
        let id = options.id;
        let address = options.advertise.clone();
        let commands = [
            CatalogCommand::CreateCluster {
                cluster_id: identity.cluster.unwrap_or_default(),
            },
            CatalogCommand::AddNode {
                id,
                address,
                incarnation,
            },
            CatalogCommand::SetNodeRole {
                id,
                role: NodeRole::Voter,
            },
        ];
        let refused = |refusal| match refusal {
            CatalogRefusal::Refused(reason) => NodeError::Options(reason),
            CatalogRefusal::Unavailable(refusal) => failed(refusal),
        };
        for command in commands {
            client.change(command).await.map_err(refused)?;
        }
        // Only now the state has all that was committed before a crash.
        let state = self.registry.catalog_state().map_err(failed)?;
        if state.volumes.is_empty() {
            reach(FaultPoint::BootstrapWithoutVolume);
            let volume = create_volume(FIRST_VOLUME.to_owned(), ReplicationMode::Quorum, false)
                .map_err(|error| NodeError::io(&options.data, error))?;
            client.change(volume).await.map_err(refused)?;
        }
        Ok(())
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

fn failed(refusal: Refusal) -> NodeError {
    match refusal {
        Refusal::Fault(fault) => NodeError::Fault(fault),
        other => NodeError::Options(other.to_string()),
    }
}

fn check(options: &NodeOptions) -> Result<(), NodeError> {
    if options.id == 0 {
        let message = "ids of nodes count from 1: say --id 1".to_owned();
        return Err(NodeError::Options(message));
    }
    if let Some(tls) = &options.tls {
        tls.check_node(options.id).map_err(NodeError::Options)?;
    }
    if options.listen.ip().is_unspecified() && options.advertise.is_empty() {
        let message = format!(
            "{} is no address that others can reach: say --advertise HOST:PORT",
            options.listen
        );
        return Err(NodeError::Options(message));
    }
    Ok(())
}

async fn listen(address: SocketAddr) -> Result<TcpListener, NodeError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| NodeError::Listen {
            address: address.to_string(),
            error,
        })
}

/// Finds out which cluster the node belongs to, and notes it.
async fn settle(
    directory: &mut NodeDirectory,
    options: &NodeOptions,
) -> Result<[u8; 16], NodeError> {
    if let Some(cluster) = directory.file.and_then(|file| file.cluster) {
        return Ok(cluster);
    }
    let random = || random_id().map_err(|error| NodeError::io(&options.data, error));
    let mut file = match directory.file {
        Some(file) => file,
        None => NodeFile {
            node: options.id,
            cluster: None,
            incarnation: random()?,
        },
    };
    match &options.start {
        Start::Existing => return Err(NodeError::Empty(directory.path().to_owned())),
        Start::Bootstrap => {
            // Before the cluster has a name: what is there without this was made, or joined, long ago.
            directory.begin_bootstrap()?;
            reach(FaultPoint::BootstrapBegun);
            file.cluster = Some(random()?);
        }
        Start::Join {
            addresses,
            as_learner,
        } => {
            // Before it asks: asking again after a crash must come from the same node.
            directory.write(file)?;
            reach(FaultPoint::JoinUnasked);
            let request = JoinRequest {
                id: options.id,
                address: options.advertise.clone(),
                incarnation: Bytes::copy_from_slice(&file.incarnation),
                as_learner: *as_learner,
            };
            file.cluster = Some(announce::join(addresses, request, options).await?);
            reach(FaultPoint::JoinUnnoted);
        }
    }
    directory.write(file)?;
    file.cluster
        .ok_or_else(|| NodeError::Empty(directory.path().to_owned()))
}

async fn open_log(directory: &NodeDirectory, poison: Poison) -> Result<LogDatabase, NodeError> {
    let path = directory.log();
    let opened = tokio::task::spawn_blocking(move || {
        LogDatabase::open(&path, &LogOptions::on_disk_of(&path), poison)
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
    let log = open_log(&directory, poison.clone()).await?;
    let groups = directory.groups();
    durable::create_directories(&groups).map_err(|error| NodeError::io(&groups, error))?;
    let (disk, watcher) = NodeDisk::watch(directory.path());
    let tls = options.tls.clone();
    let peers = Peers::new(identity.clone(), tls.clone());
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
    let complaints = Complaints::default();
    let (stopping, stopped) = watch::channel(false);
    let (leaving, left) = watch::channel(false);
    let server = tokio::spawn(serve(
        listener,
        RaftService::new(
            registry.clone(),
            identity.clone(),
            left,
            votes_from,
            lease,
            complaints.clone(),
        ),
        ClientService::new(
            router.clone(),
            identity,
            stopped.clone(),
            complaints.clone(),
        ),
        admin.clone(),
        (stopped, complaints),
    ));
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
        directory,
        admin,
    };
    Ok(Arc::new(node))
}

fn watched<S>(service: S, gate: Gate, complaints: &Complaints) -> Watched<S> {
    Watched {
        service,
        gate,
        complaints: complaints.clone(),
    }
}

async fn serve(
    listener: TcpListener,
    raft: RaftService<Registry>,
    client: ClientService,
    admin: AdminService,
    (mut stopped, complaints): (watch::Receiver<bool>, Complaints),
) {
    let sessions = SessionService {
        registry: admin.registry.clone(),
        identity: admin.identity.clone(),
    };
    let backup = BackupService::new(
        admin.registry.clone(),
        admin.identity.clone(),
        stopped.clone(),
    );
    let check = CheckService::new(admin.registry.clone(), admin.identity.clone());
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let tls = admin.registry.options().tls.clone();
    let gate = Gate {
        has_tls: tls.is_some(),
    };
    let incoming = admitted(incoming, tls, complaints.clone());
    let served = Server::builder()
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(4 * WINDOW_BYTES)
        .http2_keepalive_interval(Some(Duration::from_secs(1)))
        .http2_keepalive_timeout(Some(Duration::from_secs(3)))
        .max_concurrent_streams(1024)
        .add_service(watched(
            RaftServer::new(raft)
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX),
            gate,
            &complaints,
        ))
        .add_service(watched(
            ClientServer::new(client)
                .max_decoding_message_size(CALLS_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX),
            gate,
            &complaints,
        ))
        .add_service(watched(AdminServer::new(admin), gate, &complaints))
        .add_service(watched(
            SessionAdminServer::new(sessions),
            gate,
            &complaints,
        ))
        .add_service(watched(BackupServer::new(backup), gate, &complaints))
        .add_service(watched(CheckServer::new(check), gate, &complaints))
        .serve_with_incoming_shutdown(incoming, async move {
            // The sender lives as long as the node.
            let _ended = stopped.wait_for(|stopped| *stopped).await.is_ok();
        })
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "the server has ended");
    }
}
