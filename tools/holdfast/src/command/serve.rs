//! `holdfast serve`: a node of a cluster, or a filesystem of this machine alone, as the settings say.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::{Args, ValueHint};
use holdfast_replicator::{Node, NodeOptions, Start};
use nix::sys::stat::{Mode, umask};
use tokio::sync::mpsc;

use crate::cli::MountArguments;
use crate::command::version;
use crate::logging::LogSettings;
use crate::node_config::{NodeConfig, ReadModeName};
use crate::node_mount::{self, NodeMount};
use crate::termination::{Request, Termination};
use crate::tls_arguments::{self, TlsArguments};
use crate::{health, logging, metrics, page};

/// How long tasks may take to let go of what they hold when the node ends.
const CLOSED: Duration = Duration::from_secs(5);

/// Run a node of a cluster, in front, until it is told to end.
///
/// The first node makes the cluster (--bootstrap), the others join it (--join HOST:PORT of any node) and vote
/// as soon as they have what the others have. Started again, a node goes on where it was, without either; take
/// --bootstrap out of a service file, or a node with a new disk makes a new, empty cluster.
///
/// SIGTERM hands over what the node leads before it ends, so that mounts notice nothing.
///
/// Settings come from a file (--config), from the environment (`HOLDFAST_ID` and so on) and from flags; later ones win.
/// Settings that say nothing of a cluster (no cluster section, no number, no address) make a filesystem of this machine
/// alone: what is in --data appears at --mount, as with `holdfast mount -f --data DIR MOUNTPOINT`.
///
/// What is seldom changed is said in the file alone: how much memory and how many changes a node keeps, when it takes snapshots, and when
/// it believes that a leader is gone. `--check-config` prints all settings, those that hold by default too.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Number of the node: 1, 2, 3, ...; its own for ever, also after it was removed
    #[arg(long, value_name = "N", env = "HOLDFAST_ID")]
    pub(crate) id: Option<u64>,

    /// Directory that holds everything; made if it does not exist
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, env = "HOLDFAST_DATA")]
    pub(crate) data: Option<PathBuf>,

    /// Where to listen [default: 127.0.0.1:7420]
    #[arg(long, value_name = "HOST:PORT", env = "HOLDFAST_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,

    /// Where others reach this node, if that is not where it listens
    #[arg(long, value_name = "HOST:PORT", env = "HOLDFAST_ADVERTISE")]
    pub(crate) advertise: Option<String>,

    /// Make a new cluster of this one node
    #[arg(long, conflicts_with = "join")]
    pub(crate) bootstrap: bool,

    /// Become a node of the cluster that this node belongs to (several: separated by commas)
    #[arg(
        long,
        value_name = "HOST:PORT",
        value_delimiter = ',',
        env = "HOLDFAST_JOIN"
    )]
    pub(crate) join: Vec<String>,

    /// With --join: receive everything, but do not vote until `holdfast node promote`
    #[arg(long, requires = "join")]
    pub(crate) as_learner: bool,

    /// Where to serve a page for browsers, /metrics (Prometheus text), /healthz and /readyz [default: nowhere]
    #[arg(long, value_name = "HOST:PORT", env = "HOLDFAST_METRICS")]
    pub(crate) metrics: Option<SocketAddr>,

    /// Mount the first volume here, too: while this node leads its operations take no hop
    ///
    /// Without a cluster: where the files appear.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, value_delimiter = ',', env = "HOLDFAST_MOUNT")]
    pub(crate) mount: Vec<PathBuf>,

    /// How the leader makes sure that it leads before it answers a read [default: read-index]
    #[arg(long, value_name = "HOW", env = "HOLDFAST_READS")]
    pub(crate) reads: Option<ReadModeName>,

    #[command(flatten)]
    pub(crate) tls: TlsArguments,

    /// Listen on an address that other machines reach, without encryption and without asking who is there
    #[arg(long, env = "HOLDFAST_INSECURE_NO_TLS")]
    pub(crate) insecure_no_tls: bool,

    #[command(flatten)]
    pub(crate) log: LogSettings,

    /// Settings (TOML); the environment wins over the file, and flags over both
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, env = "HOLDFAST_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// Say what the settings amount to, and end
    #[arg(long)]
    pub(crate) check_config: bool,
}

impl ServeArguments {
    /// Whether they, or the environment, have what only a node of a cluster has.
    pub(crate) fn speak_of_cluster(&self) -> bool {
        self.id.is_some()
            || self.listen.is_some()
            || self.advertise.is_some()
            || self.bootstrap
            || !self.join.is_empty()
            || self.reads.is_some()
            || self.insecure_no_tls
    }
}

/// Serves until it is told to end, or its storage fails.
pub(crate) fn run(arguments: &ServeArguments) -> anyhow::Result<ExitCode> {
    let config = NodeConfig::gather(arguments)?;
    let plan = Plan::new(&config)?;
    if arguments.check_config {
        print!("{}", config.describe()?);
        return Ok(ExitCode::SUCCESS);
    }
    let options = match plan {
        Plan::Node(options) => options,
        Plan::Alone(mount) => return crate::command::mount::run(&mount),
    };
    let mounts = config
        .mount
        .iter()
        .map(|mountpoint| node_mount::prepare(mountpoint));
    let mounts: Vec<PathBuf> = mounts.collect::<anyhow::Result<_>>()?;
    logging::to_terminal(&config.log);
    // What a node keeps has the bytes of everybody's files.
    umask(Mode::from_bits_truncate(0o077));
    let termination = Termination::watch()?;
    crate::command::mount::raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let (told, mut requests) = mpsc::unbounded_channel();
    termination.on_request(move |request| {
        // After the end nobody listens.
        let _ended = told.send(request).is_err();
    });
    let ended = runtime.block_on(serve(options, config.metrics, mounts, &mut requests));
    // What tasks still hold is closed here: RocksDB does not survive the end of the process under it.
    runtime.shutdown_timeout(CLOSED);
    ended
}

/// What the settings amount to.
enum Plan {
    Node(NodeOptions),
    Alone(MountArguments),
}

impl Plan {
    fn new(config: &NodeConfig) -> anyhow::Result<Plan> {
        if config.is_of_cluster {
            options(config).map(Plan::Node)
        } else {
            alone(config).map(Plan::Alone)
        }
    }
}

async fn serve(
    options: NodeOptions,
    page: Option<SocketAddr>,
    mounts: Vec<PathBuf>,
    requests: &mut mpsc::UnboundedReceiver<Request>,
) -> anyhow::Result<ExitCode> {
    let id = options.id;
    let starting = Node::start(options);
    let node = tokio::select! {
        node = starting => node?,
        _ = requests.recv() => bail!("told to end before the node had started"),
    };
    let page = match page {
        Some(address) => {
            let counted = Arc::clone(&node);
            let pages = metrics::page(move || counted.metrics());
            let pages = pages.merge(health::pages(Arc::clone(&node)));
            let pages = pages.merge(page::pages(node.observe()));
            Some(metrics::serve(address, pages).await?)
        }
        None => None,
    };
    tracing::info!(id, address = %node.address(), "the node serves");
    let mounts: Vec<NodeMount> = mounts
        .into_iter()
        .map(|mountpoint| NodeMount::begin(Arc::clone(&node), mountpoint))
        .collect();
    let fault = tokio::select! {
        fault = node.failed() => Some(fault),
        _ = requests.recv() => None,
    };
    let stop = async {
        for mount in mounts {
            mount.end().await;
        }
        node.stop().await;
    };
    tokio::select! {
        () = stop => {}
        _ = requests.recv() => tracing::warn!("told to end again: not waiting any longer"),
    }
    drop(page);
    if let Some(fault) = fault {
        bail!("the node has stopped: {fault}");
    }
    tracing::info!(id, "the node has ended");
    Ok(ExitCode::SUCCESS)
}

fn alone(config: &NodeConfig) -> anyhow::Result<MountArguments> {
    let data = config
        .data
        .clone()
        .context("where is the data? Say --data DIR")?;
    let [mountpoint] = config.mount.as_slice() else {
        bail!(
            "a node of a cluster has a number (--id N), and a filesystem of this machine alone is mounted at one \
             place (--mount DIR): which is this?"
        );
    };
    Ok(MountArguments {
        data: Some(data),
        cluster: Vec::new(),
        volume: None,
        tls: None,
        options: vec![format!("cache={}", config.cache_mib)],
        foreground: true,
        metrics: config.metrics,
        log: config.log.clone(),
        json: false,
        daemon: false,
        source: None,
        mountpoint: mountpoint.clone(),
    })
}

fn options(config: &NodeConfig) -> anyhow::Result<NodeOptions> {
    let id = config
        .id
        .context("which node is this? Say --id N, a number of its own for each node")?;
    let data = config
        .data
        .clone()
        .context("where does the node keep its data? Say --data DIR")?;
    ensure!(
        config.listen.ip().is_loopback() || config.insecure_no_tls || config.tls.is_some(),
        "{} can be reached by other machines: say --tls DIR with the certificates of this node (holdfast pki \
         makes them), or --insecure-no-tls if the network keeps strangers out",
        config.listen
    );
    let start = if config.bootstrap {
        Start::Bootstrap
    } else if config.join.is_empty() {
        Start::Existing
    } else {
        Start::Join {
            addresses: config.join.clone(),
            as_learner: config.as_learner,
        }
    };
    let options = NodeOptions {
        id,
        data,
        listen: config.listen,
        advertise: config.advertise.clone().unwrap_or_default(),
        start,
        timing: config.timing,
        snapshots: config.snapshots,
        reads: config.reads.into(),
        slow_operation: config.slow_operation,
        changes: config.changes,
        cache_bytes: config.cache_mib << 20,
        limits: config.limits,
        tls: tls_arguments::open(config.tls.as_deref())?,
        program: version::NUMBER,
    };
    options.check()?;
    Ok(options)
}
