//! A mount of a cluster, which ends with the test.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::mount::{MntFlags, umount2};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::standpoint::Standpoint;
use crate::poll::becomes_true;
use crate::watchdog::Watchdog;
use crate::{mount_table, place, process};

/// How long mounting and unmounting may take on a loaded machine of two cores.
const MOUNT_LIMIT: Duration = Duration::from_secs(40);
/// How long a test may take: then its system calls end, whatever they wait for.
const TEST_LIMIT: Duration = Duration::from_mins(8);

/// A `holdfast mount --cluster`.
#[derive(Debug)]
pub struct ClusterMount {
    mountpoint: PathBuf,
    daemon: Option<Child>,
    watchdog: Watchdog,
    scratch: TempDir,
}

impl ClusterMount {
    #[track_caller]
    pub(crate) fn new(
        program: &Path,
        standpoint: &Standpoint,
        addresses: &[String],
        volume: &str,
        options: &str,
        more: &[&str],
    ) -> ClusterMount {
        let scratch = place::scratch();
        let mountpoint = scratch.path().join("mnt");
        fs::create_dir(&mountpoint).unwrap();
        let mut mount = ClusterMount {
            watchdog: Watchdog::new(TEST_LIMIT, &mountpoint),
            mountpoint,
            daemon: None,
            scratch,
        };
        let log_path = mount.log_path();
        let log = File::create(&log_path).unwrap();
        let mut command = Command::new(program);
        command
            .args(["mount", "-f", "--cluster", &addresses.join(",")])
            .args(["--volume", volume, "-o", options])
            .args(more)
            .arg(&mount.mountpoint)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        // It would go before what the options say.
        if !options.contains("log=") {
            command.env("RUST_LOG", super::log_filter());
        }
        let daemon = standpoint.run(|| command.spawn().unwrap());
        mount.watchdog.watch(Some(daemon.id()));
        let daemon = mount.daemon.insert(daemon);
        let mut ended = false;
        let live = becomes_true(MOUNT_LIMIT, || {
            ended = daemon.try_wait().unwrap().is_some();
            ended || mount_table::is_announced(&log_path)
        });
        assert!(live && !ended, "the mount does not come up");
        mount
    }

    /// May take so long, from now on.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> ClusterMount {
        self.watchdog = Watchdog::new(limit, &self.mountpoint);
        self.watchdog.watch(Some(self.pid()));
        self
    }

    /// The mountpoint.
    pub fn root(&self) -> &Path {
        &self.mountpoint
    }

    /// A path inside.
    pub fn path(&self, name: &str) -> PathBuf {
        self.mountpoint.join(name)
    }

    /// The process of the daemon.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.daemon.as_ref().unwrap().id()
    }

    /// Ends the daemon as a crash would.
    #[track_caller]
    pub fn kill(&mut self) {
        let daemon = self.daemon.take().unwrap();
        process::kill_daemon(daemon, self.root());
        self.watchdog.watch(None);
    }

    /// What the daemon has logged.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Unmounts, and waits until the daemon has ended well.
    #[track_caller]
    pub fn unmount(mut self) {
        let unmounted = becomes_true(MOUNT_LIMIT, || {
            umount2(&self.mountpoint, MntFlags::empty()).is_ok()
                || mount_table::find(&self.mountpoint).is_none()
        });
        assert!(unmounted, "something still uses the mount");
        let daemon = self.daemon.as_mut().unwrap();
        let mut status = None;
        let ended = becomes_true(MOUNT_LIMIT, || {
            status = daemon.try_wait().unwrap();
            status.is_some()
        });
        assert!(ended, "the daemon does not end after the unmount");
        assert!(status.is_some_and(|status| status.success()), "{status:?}");
        self.daemon = None;
    }

    /// Where it logs.
    pub fn log_path(&self) -> PathBuf {
        self.scratch.path().join("log")
    }
}

impl Drop for ClusterMount {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines
                .get(lines.len().saturating_sub(40)..)
                .unwrap_or_default();
            eprintln!(
                "--- {}, the last lines\n{}",
                self.log_path().display(),
                last.join("\n")
            );
        }
        // First the daemon: what waits for it then fails, and nothing can hang.
        if let Some(mut daemon) = self.daemon.take() {
            process::signal(daemon.id(), Signal::SIGKILL);
            daemon.wait().ok();
        }
        self.watchdog.watch(None);
        becomes_true(MOUNT_LIMIT, || {
            mount_table::find(&self.mountpoint).is_none()
                || umount2(&self.mountpoint, MntFlags::MNT_DETACH).is_err()
        });
    }
}
