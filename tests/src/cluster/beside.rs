//! The mount of a node's own (`holdfast serve --mount`), which ends with the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::mount::{MntFlags, umount2};
use tempfile::TempDir;

use super::{Cluster, SETTLED};
use crate::poll::{becomes_true, wait_until};
use crate::watchdog::Watchdog;
use crate::{mount_table, place};

/// How long a test may take: then its system calls end, whatever they wait for.
const TEST_LIMIT: Duration = Duration::from_mins(8);

/// A directory where a node mounts.
#[derive(Debug)]
pub struct MountBeside {
    node: u64,
    mountpoint: PathBuf,
    watchdog: Watchdog,
    _scratch: TempDir,
}

impl Cluster {
    /// Starts a node again, this time with a mount of its own, and waits until that is live.
    #[track_caller]
    pub fn mount_beside(&mut self, node: u64) -> MountBeside {
        let scratch = place::scratch();
        let mountpoint = scratch.path().join("mnt");
        fs::create_dir(&mountpoint).unwrap();
        self.stop(node);
        self.node_mut(node)
            .add_arguments(&["--mount", mountpoint.to_str().unwrap()]);
        self.restart(node);
        let mount = MountBeside {
            node,
            watchdog: Watchdog::new(TEST_LIMIT, &mountpoint),
            mountpoint,
            _scratch: scratch,
        };
        mount.wait_live(self);
        mount
    }
}

impl MountBeside {
    /// The mountpoint.
    pub fn root(&self) -> &Path {
        &self.mountpoint
    }

    /// A path inside.
    pub fn path(&self, name: &str) -> PathBuf {
        self.mountpoint.join(name)
    }

    /// Whether something is mounted there.
    pub fn is_mounted(&self) -> bool {
        mount_table::find(&self.mountpoint).is_some()
    }

    /// Waits until the mount answers.
    #[track_caller]
    pub fn wait_live(&self, cluster: &Cluster) {
        self.watchdog.watch(Some(cluster.node(self.node).pid()));
        wait_until("the node has mounted", SETTLED, || {
            self.is_mounted() && fs::metadata(&self.mountpoint).is_ok()
        });
    }
}

impl Drop for MountBeside {
    fn drop(&mut self) {
        becomes_true(SETTLED, || {
            !self.is_mounted() || umount2(&self.mountpoint, MntFlags::MNT_DETACH).is_err()
        });
    }
}
