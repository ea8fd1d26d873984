//! `holdfast dev-cluster`: a whole cluster on this machine, until it is told to end.

mod certificates;
mod nodes;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::{Args, ValueHint, value_parser};

use self::certificates::Certificates;
use self::nodes::Nodes;
use crate::cluster::Cluster;
use crate::termination::Termination;
use crate::tls_arguments;

/// How long the cluster may take to come up.
const READY: Duration = Duration::from_mins(1);
/// Between two looks at it.
const TICK: Duration = Duration::from_millis(100);

/// Run a whole cluster on this machine, with its mounts, until ^C.
///
/// For trying things out: every node is a process of its own, as in a real cluster, so kill any of them and see what
/// happens. One that ends is started again after a few seconds.
#[derive(Debug, Args)]
pub(crate) struct DevClusterArguments {
    /// How many nodes
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) nodes: u16,

    /// Where they keep their data, and find it the next time [default: a temporary directory, removed at the end]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,

    /// Mount the cluster here, too; can be given several times
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) mount: Vec<PathBuf>,

    /// With TLS, and certificates that are made for it in the directory `pki` beside the data
    #[arg(long)]
    pub(crate) tls: bool,

    /// The first node listens on this port of 127.0.0.1, the others on the following ones
    #[arg(long, value_name = "PORT", default_value_t = 7421, value_parser = value_parser!(u16).range(1..))]
    pub(crate) port: u16,

    /// The first node serves its page for browsers on this port of 127.0.0.1, the others on the following ones
    #[arg(long, value_name = "PORT", value_parser = value_parser!(u16).range(1..))]
    pub(crate) pages: Option<u16>,
}

/// Starts everything, waits, and takes everything down again.
pub(crate) fn run(arguments: &DevClusterArguments) -> anyhow::Result<ExitCode> {
    ensure!(arguments.nodes > 0, "a cluster has at least one node");
    ensure!(
        u32::from(arguments.port) + u32::from(arguments.nodes) <= 65_536,
        "there are not so many ports after {}",
        arguments.port
    );
    let pages_end = arguments.pages.map_or(0, u32::from) + u32::from(arguments.nodes);
    ensure!(
        pages_end <= 65_536,
        "there are not so many ports after that of --pages"
    );
    let termination = Termination::watch()?;
    let (told, requests) = mpsc::channel();
    termination.on_request(move |request| {
        // After the end nobody listens.
        let _ended = told.send(request).is_err();
    });
    let directory = Directory::make(arguments.dir.as_deref())?;
    let program = std::env::current_exe().context("cannot find this program")?;
    let made = arguments
        .tls
        .then(|| Certificates::make(directory.path(), arguments.nodes));
    let certificates = made.transpose()?;
    let client = certificates.as_ref().map(Certificates::client);
    let mut nodes = Nodes::start(&program, directory.path(), certificates, arguments)?;
    let mut mounts = Mounts {
        program,
        tls: client,
        mounted: Vec::new(),
    };
    let served = serve(arguments, &mut nodes, &mut mounts, &requests);
    let unmounted = mounts.unmount();
    nodes.stop();
    served.and(unmounted)?;
    directory.remove()?;
    Ok(ExitCode::SUCCESS)
}

fn serve(
    arguments: &DevClusterArguments,
    nodes: &mut Nodes,
    mounts: &mut Mounts,
    requests: &mpsc::Receiver<crate::termination::Request>,
) -> anyhow::Result<()> {
    let cluster = Cluster::new(
        nodes.addresses(),
        tls_arguments::open(mounts.tls.as_deref())?,
    )?;
    let deadline = Instant::now() + READY;
    while !is_ready(&cluster, usize::from(arguments.nodes)) {
        nodes.check_alive()?;
        ensure!(
            Instant::now() < deadline,
            "the cluster did not come up within {} s: see {}",
            READY.as_secs(),
            nodes.logs()
        );
        if requests.recv_timeout(TICK).is_ok() {
            bail!("told to end before the cluster was up");
        }
    }
    for mountpoint in &arguments.mount {
        mounts.mount(&nodes.addresses(), mountpoint)?;
    }
    announce(nodes, mounts)?;
    loop {
        match requests.recv_timeout(TICK) {
            Ok(_) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => nodes.revive()?,
        }
    }
}

/// Whether every node votes in every group, and each has a leader.
fn is_ready(cluster: &Cluster, count: usize) -> bool {
    let heard = cluster.run(cluster.statuses());
    let statuses: Vec<_> = heard
        .iter()
        .filter_map(|one| one.status.as_ref().ok())
        .collect();
    statuses.len() == count
        && statuses.iter().all(|status| {
            let groups = &status.groups;
            groups.len() > 1
                && groups
                    .iter()
                    .all(|group| group.voters.len() == count && group.leader != 0)
        })
}

fn announce(nodes: &Nodes, mounts: &Mounts) -> io::Result<()> {
    let addresses = nodes.addresses().join(",");
    let mut output = io::stdout().lock();
    for (id, pid, address) in nodes.running() {
        let page = nodes.page(id).map(|page| format!(", page http://{page}/"));
        let page = page.unwrap_or_default();
        writeln!(output, "node {id} at {address}, process {pid}{page}")?;
    }
    for mountpoint in &mounts.mounted {
        writeln!(output, "mounted at {}", mountpoint.display())?;
    }
    writeln!(output, "\nTry, in another terminal:")?;
    let tls = mounts
        .tls
        .as_ref()
        .map_or_else(String::new, |tls| format!(" --tls {}", tls.display()));
    writeln!(output, "    holdfast status --cluster {addresses}{tls}")?;
    if mounts.mounted.is_empty() {
        writeln!(
            output,
            "    holdfast mount --cluster {addresses}{tls} MOUNTPOINT"
        )?;
    }
    writeln!(
        output,
        "    kill -9 PROCESS    # of the leader; the mount goes on"
    )?;
    writeln!(output, "\n^C ends everything.")
}

/// Where the nodes keep their data.
struct Directory {
    path: PathBuf,
    is_temporary: bool,
}

impl Directory {
    fn make(given: Option<&Path>) -> anyhow::Result<Directory> {
        let path = match given {
            Some(path) => std::path::absolute(path)?,
            None => std::env::temp_dir().join(format!("holdfast-dev-{}", std::process::id())),
        };
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Directory {
            path,
            is_temporary: given.is_none(),
        })
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn remove(self) -> anyhow::Result<()> {
        if self.is_temporary {
            std::fs::remove_dir_all(&self.path)
                .with_context(|| format!("cannot remove {}", self.path.display()))?;
        }
        Ok(())
    }
}

/// The mounts of the cluster.
struct Mounts {
    program: PathBuf,
    /// The certificates that they show.
    tls: Option<PathBuf>,
    mounted: Vec<PathBuf>,
}

impl Mounts {
    fn mount(&mut self, addresses: &[String], mountpoint: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(mountpoint)
            .with_context(|| format!("cannot make {}", mountpoint.display()))?;
        let mut command = Command::new(&self.program);
        command.args(["mount", "--cluster", &addresses.join(",")]);
        if let Some(tls) = &self.tls {
            command.arg("--tls").arg(tls);
        }
        let status = command
            .arg(mountpoint)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .context("cannot start the mount")?;
        ensure!(status.success(), "cannot mount {}", mountpoint.display());
        self.mounted.push(mountpoint.to_owned());
        Ok(())
    }

    /// All of them, also if one does not work.
    fn unmount(&mut self) -> anyhow::Result<()> {
        let mut result = Ok(());
        for mountpoint in self.mounted.drain(..) {
            let status = Command::new(&self.program)
                .arg("umount")
                .arg(&mountpoint)
                .stdout(Stdio::null())
                .status()
                .context("cannot start the unmount")?;
            if !status.success() {
                result = Err(anyhow::anyhow!("{} is still mounted", mountpoint.display()));
            }
        }
        result
    }
}
