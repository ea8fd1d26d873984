//! Follows the flags of a mount: `mount -o remount,noatime` tells the kernel, not the filesystem.
//!
//! `/proc/self/mountinfo` shows them, and `poll` on it wakes up whenever the mounts change.

use std::fs::{self, File};
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::atime::{Atime, AtimeRules};
use crate::options::{AtimePolicy, MountOptions};
use crate::synchronous::Synchronous;

const MOUNTINFO: &str = "/proc/self/mountinfo";

/// Which of the mounts is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MountId {
    pub(crate) path: PathBuf,
    pub(crate) major: u64,
    pub(crate) minor: u64,
}

impl MountId {
    /// The mount at a path. Asks the filesystem for its root.
    pub(crate) fn of(path: &Path) -> io::Result<MountId> {
        let device = fs::metadata(path)?.dev();
        Ok(MountId {
            path: path.to_owned(),
            major: nix::sys::stat::major(device),
            minor: nix::sys::stat::minor(device),
        })
    }

    /// Whether it is the mount one sees at its path. Asks only the kernel.
    pub(crate) fn is_mounted(&self) -> bool {
        let mountinfo = fs::read(MOUNTINFO).unwrap_or_default();
        let top = lines(&mountinfo).rfind(|line| line.path == self.path);
        top.is_some_and(|line| line.is(self))
    }
}

/// What a mount's flags say that matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MountFlags {
    atime: AtimeRules,
    synchronous: bool,
    directory_synchronous: bool,
}

impl AtimeRules {
    /// As the mount begins.
    pub(crate) fn of(options: &MountOptions) -> AtimeRules {
        AtimeRules {
            policy: options.atime,
            directories: options.directory_atime,
            read_only: options.read_only,
        }
    }
}

/// One line of `mountinfo` (`proc_pid_mountinfo(5)`).
#[derive(Debug)]
struct Line<'a> {
    device: &'a [u8],
    path: PathBuf,
    options: &'a [u8],
    super_options: &'a [u8],
}

impl Line<'_> {
    fn parse(line: &[u8]) -> Option<Line<'_>> {
        let mut fields = line.split(|byte| *byte == b' ').skip(2);
        let device = fields.next()?;
        let path = unescape(fields.nth(1)?);
        let options = fields.next()?;
        let super_options = fields.skip_while(|field| *field != b"-").nth(3)?;
        Some(Line {
            device,
            path,
            options,
            super_options,
        })
    }

    fn is(&self, mount: &MountId) -> bool {
        let device = format!("{}:{}", mount.major, mount.minor);
        self.device == device.as_bytes() && self.path == mount.path
    }

    fn flags(&self) -> MountFlags {
        let has = |list: &[u8], word: &str| {
            let mut options = list.split(|byte| *byte == b',');
            options.any(|option| option == word.as_bytes())
        };
        let policy = if has(self.options, "noatime") {
            AtimePolicy::Never
        } else if has(self.options, "relatime") {
            AtimePolicy::Relatime
        } else {
            AtimePolicy::Strict
        };
        MountFlags {
            atime: AtimeRules {
                policy,
                directories: !has(self.options, "nodiratime"),
                read_only: has(self.options, "ro") || has(self.super_options, "ro"),
            },
            synchronous: has(self.super_options, "sync"),
            directory_synchronous: has(self.super_options, "dirsync"),
        }
    }
}

fn lines(mountinfo: &[u8]) -> impl DoubleEndedIterator<Item = Line<'_>> {
    let lines = mountinfo.split(|byte| *byte == b'\n');
    lines.filter_map(Line::parse)
}

/// Space, tab, newline and backslash are written in octal.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        let octal = tail
            .get(..3)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let code = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        let escaped = code.filter(|_| *first == b'\\');
        bytes.push(escaped.unwrap_or(*first));
        let used = if escaped.is_some() { 3 } else { 0 };
        rest = tail.get(used..).unwrap_or_default();
    }
    PathBuf::from(std::ffi::OsStr::from_bytes(&bytes))
}

/// The thread that follows.
#[derive(Debug)]
pub(crate) struct FlagWatcher {
    /// Closing it ends the thread.
    stop: PipeWriter,
    thread: JoinHandle<()>,
}

impl FlagWatcher {
    pub(crate) fn start(
        mount: MountId,
        atime: Arc<Atime>,
        synchronous: Arc<Synchronous>,
    ) -> io::Result<FlagWatcher> {
        let (stopped, stop) = io::pipe()?;
        let mountinfo = File::open(MOUNTINFO)?;
        let follow = move || {
            apply(&mount, &atime, &synchronous);
            while wait_for_change(&mountinfo, &stopped) {
                apply(&mount, &atime, &synchronous);
            }
        };
        let thread = std::thread::Builder::new()
            .name("holdfast-flags".to_owned())
            .spawn(follow)?;
        Ok(FlagWatcher { stop, thread })
    }

    pub(crate) fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the thread that follows the mount flags panicked");
        }
    }
}

fn apply(mount: &MountId, atime: &Atime, synchronous: &Synchronous) {
    let mountinfo = fs::read(MOUNTINFO).unwrap_or_default();
    if let Some(line) = lines(&mountinfo).rfind(|line| line.is(mount)) {
        let flags = line.flags();
        atime.set(flags.atime);
        synchronous.set_mount(flags.synchronous, flags.directory_synchronous);
    }
}

/// False when it is time to end.
fn wait_for_change(mountinfo: &File, stopped: &PipeReader) -> bool {
    loop {
        let mut waiting = [
            PollFd::new(mountinfo.as_fd(), PollFlags::POLLPRI),
            PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut waiting, PollTimeout::NONE) {
            Ok(_) => {
                let [_, stopped] = waiting;
                return !stopped.any().unwrap_or(true);
            }
            Err(Errno::EINTR) => {}
            Err(errno) => {
                tracing::warn!(%errno, "changes of the mount flags are not followed any more");
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests;
