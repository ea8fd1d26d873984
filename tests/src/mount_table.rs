//! What the kernel has mounted.

use std::fs;
use std::path::Path;

use nix::sys::statvfs::statvfs;

/// One line of `/proc/self/mountinfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `fuse.holdfast`, for instance.
    pub kind: String,
    /// The first column of `df`.
    pub source: String,
    /// Options of the mount and of the filesystem, separated by commas.
    pub options: String,
}

/// Whether a FUSE filesystem is mounted there, and answers.
pub fn is_live(mountpoint: &Path) -> bool {
    find(mountpoint).is_some_and(|entry| entry.kind.starts_with("fuse"))
        && statvfs(mountpoint).is_ok()
}

/// Whether the daemon with this log has said that its mount is live. Before it has, an unmount or a shutdown is a failure to it.
pub(crate) fn is_announced(log: &Path) -> bool {
    let log = fs::read(log).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    log.lines().any(|line| line.starts_with("mounted "))
}

/// The topmost mount on exactly this directory.
pub fn find(mountpoint: &Path) -> Option<Entry> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mountpoint = mountpoint.to_str().unwrap();
    table.lines().rev().find_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mount: Vec<&str> = mount.split(' ').collect();
        let filesystem: Vec<&str> = filesystem.split(' ').collect();
        (mount.get(4) == Some(&mountpoint)).then(|| Entry {
            kind: filesystem.first().copied().unwrap_or_default().to_owned(),
            source: filesystem.get(1).copied().unwrap_or_default().to_owned(),
            options: format!(
                "{},{}",
                mount.get(5).copied().unwrap_or_default(),
                filesystem.get(2).copied().unwrap_or_default()
            ),
        })
    })
}
