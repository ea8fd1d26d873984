//! `holdfast umount MOUNTPOINT`

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use clap::{Args, ValueHint};
use nix::errno::Errno;
use nix::mount::MntFlags;

use crate::mount_table::{self, MountEntry};
use crate::{mount_users, presence};

/// How long the daemon may take to make everything durable before the user is told.
const RELEASED_WITHIN: Duration = Duration::from_mins(1);
/// How often it is looked at.
const INTERVAL: Duration = Duration::from_millis(5);

/// Unmount, and return once the data directory is released.
///
/// Everything is then durable, and the data directory can be mounted elsewhere, copied or checked. A volume of
/// a cluster can be unmounted also when no node of it answers.
#[derive(Debug, Args)]
pub(crate) struct UmountArguments {
    /// Take the mount out of sight now; the daemon ends when the last file in use is closed
    #[arg(short = 'z', long)]
    lazy: bool,

    /// Where it is mounted
    #[arg(value_hint = ValueHint::DirPath)]
    mountpoint: PathBuf,
}

/// Unmounts.
pub(crate) fn run(arguments: &UmountArguments) -> anyhow::Result<()> {
    let given = arguments.mountpoint.display();
    let mountpoint = match mount_table::resolve(&arguments.mountpoint) {
        Ok(mountpoint) => mountpoint,
        Err(error) if is_missing(&error) => {
            bail!("{given} does not exist: nothing is mounted there")
        }
        Err(error) => return Err(error).context(format!("cannot use {given}")),
    };
    let mount = mount_table::find(&mountpoint)?
        .with_context(|| format!("{given} is not a mountpoint: nothing is mounted there"))?;
    let daemon = presence::daemon_of(&mount);
    ensure!(
        mount.is_holdfast() || daemon.is_some(),
        "{given} is not a holdfast mount but one of type {}: use umount(8)",
        mount.kind
    );
    unmount(&mount, arguments.lazy)?;
    match daemon {
        Some(daemon) if !arguments.lazy => {
            wait_for_the_end_of(daemon.pid, &mount)?;
            match daemon.last_words() {
                None => Ok(()),
                Some(fault) => bail!("{given} is unmounted, but its daemon failed: {fault}"),
            }
        }
        Some(_) | None => Ok(()),
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Takes a mount away; lazily, it may be in use.
pub(crate) fn unmount(mount: &MountEntry, lazy: bool) -> anyhow::Result<()> {
    let mountpoint = &mount.mountpoint;
    let result = if nix::unistd::geteuid().is_root() {
        let lazily = if lazy {
            MntFlags::MNT_DETACH
        } else {
            MntFlags::empty()
        };
        match nix::mount::umount2(mountpoint, lazily | MntFlags::UMOUNT_NOFOLLOW) {
            Err(Errno::EBUSY) => Err(None),
            result => result.map_err(|error| Some(anyhow!(error))),
        }
    } else {
        fusermount(mountpoint, lazy)
    };
    result.map_err(|error| match error {
        None => busy(mountpoint),
        Some(error) => error.context(format!("cannot unmount {}", mountpoint.display())),
    })
}

/// Unmounts without privilege; an error of `None` says that the mount is busy.
fn fusermount(mountpoint: &Path, lazy: bool) -> Result<(), Option<anyhow::Error>> {
    let mut command = Command::new("fusermount3");
    command
        .env("LC_ALL", "C")
        .arg(if lazy { "-uz" } else { "-u" })
        .arg("--")
        .arg(mountpoint);
    let output = command
        .output()
        .map_err(|error| Some(anyhow!(error).context("cannot run fusermount3 (package fuse3)")))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    match output.status.success() {
        true => Ok(()),
        false if complaint.contains("busy") => Err(None),
        false => Err(Some(anyhow!("{}", complaint.trim()))),
    }
}

fn busy(mountpoint: &Path) -> anyhow::Error {
    let users = mount_users::describe(mountpoint);
    let users = users.map_or_else(String::new, |users| format!(" by {users}"));
    anyhow!(
        "{} is in use{users}: end what uses it, or unmount with --lazy",
        mountpoint.display()
    )
}

fn wait_for_the_end_of(daemon: u32, mount: &MountEntry) -> anyhow::Result<()> {
    let deadline = Instant::now() + RELEASED_WITHIN;
    while is_running(daemon) {
        ensure!(
            Instant::now() < deadline,
            "{} is unmounted, but its daemon (pid {daemon}) has not ended: it may be mounted in \
             another namespace, or its disk or its cluster is slow",
            mount.mountpoint.display()
        );
        thread::sleep(INTERVAL);
    }
    Ok(())
}

/// A daemon whose parent has not noticed its end has let go of its files all the same.
fn is_running(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = status
        .rsplit(')')
        .next()
        .and_then(|rest| rest.trim().chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}
