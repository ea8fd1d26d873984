//! A directory for one test, with a data directory and a mountpoint in it, and no trace afterwards.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use holdfast_tests::poll::becomes_true;
use holdfast_tests::{Finished, mount_table, place, process, run};
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::Signal;
use tempfile::TempDir;

/// After this time a test hangs: its daemons are killed, which ends every call that waits for them.
const LIMIT: Duration = Duration::from_mins(3);
/// For what takes a moment.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// The directory of a test.
pub(crate) struct Scene {
    scratch: TempDir,
    watchdog: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Scene {
    /// With an empty directory `mnt`; `data` does not exist yet.
    pub(crate) fn new() -> Scene {
        let scratch = place::scratch();
        fs::create_dir(scratch.path().join("mnt")).unwrap();
        let (stop, stopped) = channel::<()>();
        let watched = scratch.path().to_owned();
        let watchdog = thread::spawn(move || {
            if stopped.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
                kill_daemons(&watched);
            }
        });
        Scene {
            scratch,
            watchdog: Some((stop, watchdog)),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    pub(crate) fn mountpoint(&self) -> PathBuf {
        self.path("mnt")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// A command that runs in the directory.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.scratch.path())
            .env_remove("RUST_LOG");
        command
    }

    /// Runs `holdfast` in the directory.
    pub(crate) fn holdfast(&self, arguments: &[&str]) -> Finished {
        run(&mut self.command(binary(), arguments))
    }

    /// Runs another program in the directory; fails the test if it fails.
    #[track_caller]
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> String {
        run(&mut self.command(program, arguments)).success()
    }

    /// Mounts `data` at `mnt`.
    #[track_caller]
    pub(crate) fn mount(&self, options: &str) {
        self.holdfast(&["mount", "--data", "data", "-o", options, "mnt"])
            .success();
    }

    /// Unmounts `mnt`.
    #[track_caller]
    pub(crate) fn umount(&self) {
        self.umount_at("mnt");
    }

    /// Unmounts a directory. It may be busy for a moment: a program that another test starts has our open
    /// files from its fork to its exec.
    #[track_caller]
    pub(crate) fn umount_at(&self, mountpoint: &str) {
        let mut finished = self.holdfast(&["umount", mountpoint]);
        becomes_true(SOON, || {
            if finished.stderr.contains(" is in use") {
                finished = self.holdfast(&["umount", mountpoint]);
            }
            !finished.stderr.contains(" is in use")
        });
        finished.success();
    }

    /// What is mounted at `mnt`.
    pub(crate) fn mounted(&self) -> Option<mount_table::Entry> {
        mount_table::find(&self.mountpoint())
    }

    /// The process that serves `data`.
    pub(crate) fn daemon(&self) -> u32 {
        holder(&self.data()).unwrap()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let below = table
            .lines()
            .rev()
            .filter_map(|line| line.split(' ').nth(4));
        for mountpoint in below.filter(|path| Path::new(path).starts_with(self.scratch.path())) {
            umount2(mountpoint, MntFlags::MNT_DETACH).ok();
        }
        if !becomes_true(SOON, || daemons(self.scratch.path()).is_empty()) {
            kill_daemons(self.scratch.path());
        }
        if let Some((stop, watchdog)) = self.watchdog.take() {
            drop(stop);
            watchdog.join().ok();
        }
    }
}

/// The program under test.
pub(crate) fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_holdfast")
}

/// Fails unless this is one line that contains all of that.
#[track_caller]
pub(crate) fn assert_one_line(text: &str, parts: &[&str]) {
    assert_eq!(text.lines().count(), 1, "not one line: {text:?}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

/// Fails unless the program failed with this code and one line that contains all of that.
#[track_caller]
pub(crate) fn assert_fails(finished: &Finished, code: i32, parts: &[&str]) {
    assert_eq!(finished.status.code(), Some(code), "{finished:?}");
    assert_one_line(&finished.stderr, parts);
    assert_eq!(finished.stdout, "");
}

fn kill_daemons(scratch: &Path) {
    for pid in daemons(scratch) {
        process::signal(pid, Signal::SIGKILL);
    }
}

/// The processes that still serve something in the directory of the test: told of it in full, or
/// started in it.
fn daemons(scratch: &Path) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ours = entries.filter(|entry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        let program = line.split('\0').next().unwrap_or_default();
        let here =
            fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(scratch));
        program.ends_with("holdfast") && (here || line.contains(&*scratch.to_string_lossy()))
    });
    ours.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

fn holder(data: &Path) -> Option<u32> {
    fs::read_to_string(data.join("LOCK"))
        .ok()?
        .lines()
        .next()?
        .parse()
        .ok()
}
