//! `holdfast locks`: who holds which lock of a volume of a cluster, and who waits for one.

use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use clap::Args;
use holdfast_proto::{ListLocksRequest, LockStatus};

use super::session;
use crate::cluster::{Cluster, request};
use crate::plain::plain;
use crate::volume_arguments::VolumeArguments;

/// Show the locks of a volume of a cluster: who holds them, who waits, since when, from which machine.
#[derive(Debug, Args)]
pub(crate) struct LocksArguments {
    #[command(flatten)]
    pub(crate) of: VolumeArguments,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Does it.
pub(crate) fn run(arguments: &LocksArguments) -> anyhow::Result<ExitCode> {
    let meant = arguments.of.meant(
        "the locks of what?",
        "the kernel keeps its locks (see lslocks)",
    )?;
    let ino = match &arguments.of.path {
        // Of a symlink its own.
        Some(path) => {
            let found = path.symlink_metadata();
            let found = found.with_context(|| format!("cannot look at {}", path.display()))?;
            found.ino()
        }
        None => 0,
    };
    let cluster = arguments.of.connect(&meant)?;
    let locks = cluster.run(list(&cluster, &meant.volume.name, ino))?;
    if arguments.json {
        print_json(&locks)?;
    } else {
        print(&locks)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Of an inode, or of all where it is 0.
async fn list(cluster: &Cluster, volume: &str, ino: u64) -> anyhow::Result<Vec<LockStatus>> {
    let mut all = Vec::new();
    let mut asked = ListLocksRequest {
        volume: volume.to_owned(),
        ino,
        ..ListLocksRequest::default()
    };
    loop {
        let page = cluster
            .leading(volume, async |mut client| {
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
