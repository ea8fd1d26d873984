//! A mount of the real program, which ends with the test.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::mount::{MntFlags, umount2};
use nix::sys::signal::Signal;
use nix::sys::statvfs::{Statvfs, statvfs};
use tempfile::TempDir;

use crate::poll::{becomes_true, wait_until};
use crate::program::{Finished, run, run_within};
use crate::watchdog::Watchdog;
use crate::{mount_table, place, process};

/// How long mounting and unmounting may take on a loaded machine of two cores.
const MOUNT_LIMIT: Duration = Duration::from_secs(30);

/// How to mount.
#[derive(Debug, Clone)]
pub struct Setup {
    options: Vec<String>,
    data: Option<PathBuf>,
    limit: Duration,
    log: String,
    program: PathBuf,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            options: vec!["allow_other".to_owned()],
            data: None,
            limit: Duration::from_mins(8),
            log: "info".to_owned(),
            program: place::holdfast(),
        }
    }
}

impl Setup {
    /// Adds mount options, separated by commas.
    #[must_use]
    pub fn options(mut self, options: &str) -> Setup {
        self.options.push(options.to_owned());
        self
    }

    /// Mounts by the earlier program.
    #[must_use]
    pub fn earlier(mut self) -> Setup {
        self.program = place::earlier();
        self
    }

    /// Uses this data directory; one of its own otherwise.
    #[must_use]
    pub fn data(mut self, directory: &Path) -> Setup {
        self.data = Some(directory.to_path_buf());
        self
    }

    /// Sets how long the whole test may take.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Setup {
        self.limit = limit;
        self
    }

    /// Mounts.
    #[track_caller]
    pub fn mount(self) -> Mounted {
        self.try_mount()
            .unwrap_or_else(|message| panic!("{message}"))
    }

    /// Mounts; the log if the daemon refuses.
    pub fn try_mount(self) -> Result<Mounted, String> {
        let scratch = place::scratch();
        let mountpoint = scratch.path().join("mnt");
        fs::create_dir(&mountpoint).unwrap();
        let data = self
            .data
            .clone()
            .unwrap_or_else(|| scratch.path().join("data"));
        let watchdog = Watchdog::new(self.limit, &mountpoint);
        let mut mounted = Mounted {
            setup: self,
            data,
            mountpoint,
            daemon: None,
            watchdog,
            scratch,
        };
        mounted.try_start()?;
        Ok(mounted)
    }
}

/// How much of a filesystem is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Files of every kind.
    pub inodes: u64,
    /// What their content covers.
    pub bytes: u64,
}

/// A mounted filesystem. When it is dropped it is unmounted, and `fsck` must find nothing wrong.
#[derive(Debug)]
pub struct Mounted {
    setup: Setup,
    data: PathBuf,
    mountpoint: PathBuf,
    daemon: Option<Child>,
    watchdog: Watchdog,
    scratch: TempDir,
}

impl Mounted {
    /// Mounts with the options most tests want.
    #[track_caller]
    pub fn new() -> Mounted {
        Setup::default().mount()
    }

    /// The mountpoint.
    pub fn root(&self) -> &Path {
        &self.mountpoint
    }

    /// A path inside.
    pub fn path(&self, name: &str) -> PathBuf {
        self.mountpoint.join(name)
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// A directory on the disk below, beside the mountpoint and the data.
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// The process that serves the mount.
    pub fn pid(&self) -> u32 {
        self.daemon.as_ref().unwrap().id()
    }

    /// What the daemon has logged.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The numbers of `statvfs(3)`.
    pub fn statistics(&self) -> Statvfs {
        statvfs(&self.mountpoint).unwrap()
    }

    /// How much of the filesystem is in use. What is free depends on others: on the disk below.
    pub fn usage(&self) -> Usage {
        let numbers = self.statistics();
        Usage {
            inodes: numbers.files() - numbers.files_free(),
            bytes: (numbers.blocks() - numbers.blocks_free()) * numbers.fragment_size(),
        }
    }

    /// Starts the daemon and waits until the mount is live.
    #[track_caller]
    pub fn start(&mut self) {
        if let Err(message) = self.try_start() {
            panic!("{message}");
        }
    }

    /// As `start`; the log if the daemon ends instead.
    pub fn try_start(&mut self) -> Result<(), String> {
        let log = File::create(self.log_path()).unwrap();
        let mut child = Command::new(&self.setup.program)
            .args(["mount", "-f", "--data"])
            .arg(&self.data)
            .args(["-o", &self.setup.options.join(",")])
            .arg(&self.mountpoint)
            .env("RUST_LOG", &self.setup.log)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.watchdog.watch(Some(child.id()));
        let mut ended = false;
        let live = becomes_true(MOUNT_LIMIT, || {
            ended = child.try_wait().unwrap().is_some();
            ended || mount_table::is_announced(&self.log_path())
        });
        if live && !ended {
            self.daemon = Some(child);
            return Ok(());
        }
        self.watchdog.watch(None);
        process::signal(child.id(), Signal::SIGKILL);
        child.wait().unwrap();
        self.clear_mountpoint();
        Err(format!("the daemon did not mount: {}", self.log()))
    }

    /// Unmounts, and mounts the same data by the program of now.
    #[track_caller]
    pub fn upgrade(&mut self) {
        self.unmount();
        self.setup.program = place::holdfast();
        self.start();
    }

    /// Ends the daemon as a crash would, and clears the mountpoint.
    pub fn kill(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            process::kill_daemon(daemon, &self.mountpoint);
        }
        self.watchdog.watch(None);
        self.clear_mountpoint();
    }

    /// Unmounts, and waits until the daemon has ended well.
    #[track_caller]
    pub fn unmount(&mut self) {
        let Some(mut daemon) = self.daemon.take() else {
            return;
        };
        let unmounted = becomes_true(MOUNT_LIMIT, || {
            umount2(&self.mountpoint, MntFlags::empty()).is_ok()
                || mount_table::find(&self.mountpoint).is_none()
        });
        let mut status = None;
        let ended = unmounted
            && becomes_true(MOUNT_LIMIT, || {
                status = daemon.try_wait().unwrap();
                status.is_some()
            });
        if !ended {
            process::signal(daemon.id(), Signal::SIGKILL);
            daemon.wait().unwrap();
            self.clear_mountpoint();
        }
        self.watchdog.watch(None);
        assert!(unmounted, "something still uses the mount: {}", self.log());
        assert!(
            ended,
            "the daemon did not end after the unmount: {}",
            self.log()
        );
        assert!(
            status.is_some_and(|status| status.success()),
            "{status:?}: {}",
            self.log()
        );
    }

    /// Unmounts and mounts again: nothing cached is left.
    #[track_caller]
    pub fn remount(&mut self) {
        self.unmount();
        self.start();
    }

    /// Unmounts and mounts again with other options.
    #[track_caller]
    pub fn remount_with(&mut self, options: &str) {
        self.unmount();
        self.setup.options = vec!["allow_other".to_owned(), options.to_owned()];
        self.start();
    }

    /// Checks the data directory; the daemon must not run.
    pub fn fsck(&self) -> Finished {
        assert!(self.daemon.is_none(), "unmount first");
        run_within(
            Command::new(place::holdfast())
                .args(["fsck", "--data"])
                .arg(&self.data),
            Duration::from_mins(3),
        )
    }

    /// Runs a shell command with the mountpoint as its working directory.
    #[track_caller]
    pub fn shell(&self, script: &str) -> Finished {
        run(Command::new("sh")
            .args(["-ec", script])
            .current_dir(&self.mountpoint))
    }

    /// The same as another user with one group.
    #[track_caller]
    pub fn shell_as(&self, uid: u32, gid: u32, script: &str) -> Finished {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new("sh");
        command.args(["-ec", script]).current_dir(&self.mountpoint);
        run(command.uid(uid).gid(gid))
    }

    /// Waits until as many inodes are in use as were then.
    #[track_caller]
    pub fn wait_for_inodes(&self, then: &Usage) {
        wait_until("all inodes are given back", Duration::from_mins(1), || {
            self.usage().inodes == then.inodes
        });
    }

    fn log_path(&self) -> PathBuf {
        self.scratch.path().join("log")
    }

    /// After a crash the dead mount is still there; nobody can be using it in earnest.
    fn clear_mountpoint(&self) {
        becomes_true(MOUNT_LIMIT, || {
            mount_table::find(&self.mountpoint).is_none()
                || umount2(&self.mountpoint, MntFlags::MNT_DETACH).is_err()
        });
    }
}

impl Default for Mounted {
    fn default() -> Mounted {
        Mounted::new()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!(
                "--- log of the daemon, last lines first\n{}",
                lines.join("\n")
            );
            self.kill();
            return;
        }
        if self.daemon.is_some() {
            self.unmount();
            self.fsck().success();
        }
    }
}
