//! What is to be mounted where, checked before anything is touched.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};

use crate::cli::MountArguments;
use crate::logging::LogSettings;
use crate::mount_options::Settings;
use crate::mount_table::{self, MountEntry};
use crate::tree::{ClusterVolume, Tree, TreeKind};
use crate::{data_path, presence};

/// A mount whose paths and options are understood.
#[derive(Debug)]
pub(crate) struct MountPlan {
    /// What is mounted.
    pub(crate) tree: Tree,
    /// Absolute, without symlinks.
    pub(crate) mountpoint: PathBuf,
    /// What the options say, the source included.
    pub(crate) settings: Settings,
    /// Where metrics are served, if they are.
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) log: LogSettings,
    /// The certificates to show: absolute.
    pub(crate) tls: Option<PathBuf>,
}

impl MountPlan {
    /// Checks whatever can be checked without opening the data directory or reaching the cluster.
    pub(crate) fn new(
        arguments: &MountArguments,
        mut settings: Settings,
    ) -> anyhow::Result<MountPlan> {
        check_fuse()?;
        let mountpoint = check_mountpoint(&arguments.mountpoint)?;
        let (tree, shown) = match tree_kind(arguments) {
            TreeKind::Data => data_directory(arguments, &mountpoint)?,
            TreeKind::Cluster => {
                let addresses = arguments.cluster.clone();
                let volume = ClusterVolume::new(addresses, arguments.volume.as_deref())?;
                let shown = volume.to_string();
                (Tree::Cluster(volume), shown)
            }
        };
        if settings.mount.source.is_empty() {
            settings.mount.source = arguments.source.clone().unwrap_or(shown);
        }
        let log = arguments.log.clone().or(settings.log.clone());
        let tls = arguments.tls.as_ref().or(settings.tls.as_ref());
        let tls = tls.map(std::path::absolute).transpose()?;
        Ok(MountPlan {
            tree,
            mountpoint,
            settings,
            metrics: arguments.metrics,
            log,
            tls,
        })
    }

    /// Where the daemon writes its log.
    pub(crate) fn log(&self) -> anyhow::Result<PathBuf> {
        match &self.tree {
            Tree::Data(data) => Ok(data.join("holdfast.log")),
            Tree::Cluster(_) => data_path::log_for(&self.mountpoint),
        }
    }
}

/// What the arguments ask for.
pub(crate) fn tree_kind(arguments: &MountArguments) -> TreeKind {
    if arguments.cluster.is_empty() {
        TreeKind::Data
    } else {
        TreeKind::Cluster
    }
}

/// The data directory, and its name as it was given.
fn data_directory(arguments: &MountArguments, mountpoint: &Path) -> anyhow::Result<(Tree, String)> {
    let given = match &arguments.data {
        Some(data) => data.clone(),
        None => data_path::default_for(mountpoint)?,
    };
    let data = data_path::resolve(&given)
        .with_context(|| format!("cannot use data directory {}", given.display()))?;
    check_apart(&data, mountpoint)?;
    Ok((Tree::Data(data), given.to_string_lossy().into_owned()))
}

/// Mounting takes the kernel's module.
pub(crate) fn check_fuse() -> anyhow::Result<()> {
    let device = fs::metadata("/dev/fuse").is_ok_and(|data| data.file_type().is_char_device());
    ensure!(
        device,
        "/dev/fuse is missing: load the kernel module (modprobe fuse), or start the container \
         with --device /dev/fuse --cap-add SYS_ADMIN"
    );
    Ok(())
}

/// Whether something can be mounted there; answers with the absolute path, without symlinks.
pub(crate) fn check_mountpoint(given: &Path) -> anyhow::Result<PathBuf> {
    let unusable = |error| unusable(given, error);
    let path = mount_table::resolve(given).map_err(unusable)?;
    let below = mount_table::find(&path).map_err(unusable)?;
    // Asked before the directory is looked at: a daemon that hangs would not answer that.
    if let Some(below) = &below
        && let Some(daemon) = presence::daemon_of(below)
    {
        return Err(taken(given, below, Some(daemon.pid)));
    }
    let data = fs::metadata(&path).map_err(unusable)?;
    if let Some(below) = below.filter(MountEntry::is_holdfast) {
        return Err(taken(given, &below, None));
    }
    ensure!(
        data.is_dir(),
        "mountpoint {} is not a directory: choose a directory",
        given.display()
    );
    Ok(path)
}

fn unusable(given: &Path, error: io::Error) -> anyhow::Error {
    let shown = given.display();
    // The second one while the kernel still takes the connection down.
    if let Some(libc::ENOTCONN | libc::ECONNABORTED) = error.raw_os_error() {
        return anyhow!(
            "the daemon of an earlier mount at {shown} has died: unmount it first (holdfast umount \
             {shown})"
        );
    }
    // ErrorKind has kinds we have nothing to say about, and will get more.
    match error.kind() {
        io::ErrorKind::NotFound => {
            anyhow!("mountpoint {shown} does not exist: make it first (mkdir -p {shown})")
        }
        io::ErrorKind::NotADirectory => {
            anyhow!("mountpoint {shown} is not a directory: a part of its path is a file")
        }
        _ => anyhow!(error).context(format!("cannot use mountpoint {shown}")),
    }
}

/// A second mount on top of one of ours would hide it, and both would have to be unmounted in turn.
/// Other filesystems may lie below: an empty tmpfs for one is a fine mountpoint.
fn taken(given: &Path, below: &MountEntry, daemon: Option<u32>) -> anyhow::Error {
    let (shown, source) = (given.display(), below.source.display());
    let process = daemon.map_or_else(String::new, |pid| format!(" (process {pid})"));
    anyhow!(
        "mountpoint {shown} is in use: {source} is mounted there{process}: unmount it first \
         (holdfast umount {shown}) or choose another directory"
    )
}

/// A data directory under its own mountpoint could not be reached any more, and the other way round
/// the daemon would serve what it stores.
fn check_apart(data: &Path, mountpoint: &Path) -> anyhow::Result<()> {
    ensure!(
        data != mountpoint,
        "{} cannot be both data directory and mountpoint: choose another mountpoint",
        data.display()
    );
    ensure!(
        !data.starts_with(mountpoint),
        "data directory {} is inside mountpoint {}: choose two separate directories",
        data.display(),
        mountpoint.display()
    );
    ensure!(
        !mountpoint.starts_with(data),
        "mountpoint {} is inside data directory {}: choose two separate directories",
        mountpoint.display(),
        data.display()
    );
    Ok(())
}
