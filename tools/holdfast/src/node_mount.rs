//! Mounts of a node's own: their operations take no hop while it leads.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use holdfast_fs::{Mount, MountOptions, Unmounter};
use holdfast_replicator::{
    FIRST_VOLUME, Node, PosixMetadataReplicator, RemoteOptions, RemoteReplicator,
};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::command::umount;
use crate::mount_options::Settings;
use crate::mount_plan;
use crate::mount_table::{self, MountEntry};
use crate::tree::TreeKind;

/// Between two attempts while the volume has no leader.
const RETRY: Duration = Duration::from_secs(1);
/// How long an unmount may take; then what is open there is cut off.
const END: Duration = Duration::from_secs(5);

/// A mount that is made as soon as the volume can be reached.
#[derive(Debug)]
pub(crate) struct NodeMount {
    mountpoint: PathBuf,
    mounting: JoinHandle<Mounted>,
}

#[derive(Debug)]
struct Mounted {
    replicator: Arc<RemoteReplicator>,
    mount: Mount,
    unmounter: Unmounter,
}

/// Whether a node can mount there; what an earlier run of it left, when it was killed, is taken away.
pub(crate) fn prepare(mountpoint: &Path) -> anyhow::Result<PathBuf> {
    mount_plan::check_fuse()?;
    if let Some(left) = dead_mount(mountpoint) {
        umount::unmount(&left, true)?;
    }
    mount_plan::check_mountpoint(mountpoint)
}

/// A mount of Holdfast whose process has died.
fn dead_mount(mountpoint: &Path) -> Option<MountEntry> {
    let error = std::fs::metadata(mountpoint).err()?;
    if error.raw_os_error() != Some(libc::ENOTCONN) {
        return None;
    }
    let path = mount_table::resolve(mountpoint).ok()?;
    let entry = mount_table::find(&path).ok()?;
    entry.filter(MountEntry::is_holdfast)
}

impl NodeMount {
    /// Begins to mount the first volume beside a node.
    pub(crate) fn begin(node: Arc<Node>, mountpoint: PathBuf) -> NodeMount {
        let path = mountpoint.clone();
        let mounting = tokio::spawn(async move {
            loop {
                match mount(&node, &path).await {
                    Ok(mounted) => {
                        tracing::info!(mountpoint = %path.display(), "mounted");
                        return mounted;
                    }
                    Err(error) => {
                        let mountpoint = path.display();
                        tracing::warn!(%mountpoint, "cannot mount yet: {error:#}");
                    }
                }
                tokio::time::sleep(RETRY).await;
            }
        });
        NodeMount {
            mountpoint,
            mounting,
        }
    }

    /// Unmounts, and closes the session.
    pub(crate) async fn end(self) {
        self.mounting.abort();
        let Ok(mounted) = self.mounting.await else {
            return;
        };
        let Mounted {
            replicator,
            mount,
            unmounter,
        } = mounted;
        let cut_off = unmounter.clone();
        let mut unmounting = spawn_blocking(move || {
            unmounter.unmount()?;
            mount.wait()
        });
        let mountpoint = self.mountpoint.display();
        if tokio::time::timeout(END, &mut unmounting).await.is_err() {
            tracing::warn!(%mountpoint, "files are open there: they are cut off");
            if let Err(error) = cut_off.abort() {
                tracing::warn!(%mountpoint, %error, "they could not be cut off");
            }
        }
        if let Err(error) = replicator.stop().await {
            tracing::warn!(%mountpoint, %error, "the session was not closed");
        }
    }
}

async fn mount(node: &Arc<Node>, mountpoint: &Path) -> anyhow::Result<Mounted> {
    let (beside, path) = (Arc::clone(node), mountpoint.to_owned());
    let source = format!("{}/{FIRST_VOLUME}", node.address());
    let mut options = RemoteOptions::new(Vec::new(), FIRST_VOLUME);
    options.mountpoint = path.display().to_string();
    // It blocks until the volume was found.
    let connecting = spawn_blocking(move || RemoteReplicator::beside(&beside, options));
    let replicator = Arc::new(connecting.await.context("the node is stopping")??);
    replicator.start().await?;
    let mounting = Arc::clone(&replicator);
    let mount = spawn_blocking(move || {
        // What `holdfast mount` of a cluster has when nothing is said.
        let options = MountOptions {
            source,
            ..Settings::new(TreeKind::Cluster).mount
        };
        Mount::new(mounting, &path, options)
    });
    let mount = match mount.await.context("the node is stopping")? {
        Ok(mount) => mount,
        Err(error) => {
            // The next attempt opens a session of its own.
            replicator.stop().await?;
            return Err(error.into());
        }
    };
    let unmounter = mount.unmounter();
    Ok(Mounted {
        replicator,
        mount,
        unmounter,
    })
}
