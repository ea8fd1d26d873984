//! `holdfast locks`: who holds which lock of a volume of a cluster, and who waits for one.

use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use clap::Args;
use holdfast_proto::{ListLocksRequest, LockStatus};
use holdfast_replicator::FIRST_VOLUME;

use super::session;
use crate::cluster::{Cluster, request};
use crate::plain::plain;
use crate::tls_arguments::TlsArguments;
use crate::tree::ClusterVolume;

/// Show the locks of a volume of a cluster: who holds them, who waits, since when, from which machine.
#[derive(Debug, Args)]
pub(crate) struct LocksArguments {
    /// A file of a mounted volume: only its locks, whatever else is said
    #[arg(value_name = "PATH")]
    pub(crate) path: Option<PathBuf>,

    /// Nodes to ask, for all locks of a volume
    #[arg(
        long,
        value_name = "HOST:PORT,...",
        value_delimiter = ',',
        env = "HOLDFAST_CLUSTER"
    )]
    pub(crate) cluster: Vec<String>,

    #[command(flatten)]
    pub(crate) tls: TlsArguments,

    /// Which volume of the cluster [default: default]
    #[arg(long, value_name = "NAME")]
    pub(crate) volume: Option<String>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Whose locks.
struct Subject {
    addresses: Vec<String>,
    volume: String,
    /// 0 for all.
    ino: u64,
}

/// Does it.
pub(crate) fn run(arguments: LocksArguments) -> anyhow::Result<ExitCode> {
    let tls = arguments.tls.open()?;
    let subject = match &arguments.path {
        Some(path) => subject_of(path)?,
        None if arguments.cluster.is_empty() => {
            bail!("the locks of what? Name a file of a mounted volume, or say --cluster HOST:PORT")
        }
        None => Subject {
            addresses: arguments.cluster,
            volume: arguments.volume.unwrap_or_else(|| FIRST_VOLUME.to_owned()),
            ino: 0,
        },
    };
    let cluster = Cluster::new(subject.addresses.clone(), tls)?;
    let locks = cluster.run(list(&cluster, &subject))?;
    if arguments.json {
        print_json(&locks)?;
    } else {
        print(&locks)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn subject_of(path: &Path) -> anyhow::Result<Subject> {
    let ino = path
        .symlink_metadata()
        .with_context(|| format!("cannot look at {}", path.display()))?
        .ino();
    let absolute = path
        .canonicalize()
        .with_context(|| format!("cannot find {}", path.display()))?;
    if let Some((volume, _)) = ClusterVolume::around(&absolute)? {
        return Ok(Subject {
            addresses: volume.addresses,
            volume: volume.name,
            ino,
        });
    }
    bail!(
        "{} is not on a volume of a cluster: the kernel keeps its locks (see lslocks)",
        path.display()
    )
}

async fn list(cluster: &Cluster, subject: &Subject) -> anyhow::Result<Vec<LockStatus>> {
    let mut all = Vec::new();
    let mut asked = ListLocksRequest {
        volume: subject.volume.clone(),
        ino: subject.ino,
        ..ListLocksRequest::default()
    };
    loop {
        let page = cluster
            .leading(&subject.volume, async |mut client| {
                client.list_locks(request(asked.clone())).await
            })
            .await?;
        all.extend(page.locks);
        if page.next.is_empty() {
            return Ok(all);
        }
        asked.after = page.next;
    }
}

fn print(locks: &[LockStatus]) -> anyhow::Result<()> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now = now.as_secs() as i64;
    let mut output = io::stdout().lock();
    writeln!(
        output,
        "{:<12}  {:<6}  {:<9}  {:<7}  {:<20}  {:<8}  {:<16}  {:<8}  BYTES",
        "INODE", "KIND", "MODE", "STATE", "HOST", "PROCESS", "SESSION", "SINCE"
    )?;
    for lock in locks {
        writeln!(
            output,
            "{:<12}  {:<6}  {:<9}  {:<7}  {:<20}  {:<8}  {:<16}  {:<8}  {}",
            lock.ino,
            kind(lock),
            mode(lock),
            state(lock),
            plain(&lock.host),
            lock.process,
            session::name(lock.session),
            format!("{} s", (now - lock.since_seconds).max(0)),
            range(lock)
        )?;
    }
    Ok(())
}

fn print_json(locks: &[LockStatus]) -> anyhow::Result<()> {
    let locks: Vec<_> = locks
        .iter()
        .map(|lock| {
            serde_json::json!({
                "ino": lock.ino,
                "kind": kind(lock),
                "mode": mode(lock),
                "state": state(lock),
                "host": lock.host,
                "process": lock.process,
                "session": session::name(lock.session),
                "since": lock.since_seconds,
                "start": lock.start,
                "end": (lock.end != u64::MAX).then_some(lock.end),
            })
        })
        .collect();
    let mut output = io::stdout().lock();
    serde_json::to_writer_pretty(&mut output, &locks).context("cannot print")?;
    writeln!(output)?;
    Ok(())
}

fn kind(lock: &LockStatus) -> &'static str {
    if lock.is_flock { "flock" } else { "fcntl" }
}

fn mode(lock: &LockStatus) -> &'static str {
    if lock.is_exclusive {
        "exclusive"
    } else {
        "shared"
    }
}

fn state(lock: &LockStatus) -> &'static str {
    if lock.is_waiting { "waits" } else { "holds" }
}

fn range(lock: &LockStatus) -> String {
    match (lock.start, lock.end) {
        (0, u64::MAX) => "all".to_owned(),
        (start, u64::MAX) => format!("{start} to the end"),
        (start, end) => format!("{start} to {end}"),
    }
}
