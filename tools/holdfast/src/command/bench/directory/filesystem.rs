//! Which filesystem a directory is on, as `/proc/self/mountinfo` names it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::stat::{major, minor};

/// The type of the filesystem that holds the directory, such as `ext4` or `fuse.holdfast`; `unknown` when it can not be
/// told (btrfs subvolumes have device numbers of their own).
pub(super) fn type_of(directory: &Path) -> String {
    let found = || {
        let device = fs::metadata(directory).ok()?.dev();
        let table = fs::read_to_string("/proc/self/mountinfo").ok()?;
        find(&table, &format!("{}:{}", major(device), minor(device)))
    };
    found().unwrap_or_else(|| "unknown".to_owned())
}

/// A line is `ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAGS ...] - TYPE SOURCE OPTIONS`.
fn find(table: &str, device: &str) -> Option<String> {
    table.lines().find_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let matches = mount.split(' ').nth(2) == Some(device);
        matches.then(|| filesystem.split(' ').next().unwrap_or_default().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_found_by_device_number() {
        let table = "22 28 0:21 / /proc rw,nosuid - proc proc rw\n\
                     28 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
                     90 28 0:55 / /mnt rw - fuse.holdfast /data rw\n";
        assert_eq!(find(table, "0:55").as_deref(), Some("fuse.holdfast"));
        assert_eq!(find(table, "8:1").as_deref(), Some("ext4"));
        assert_eq!(find(table, "8:2"), None);
    }

    #[test]
    fn proc_is_proc() {
        assert_eq!(type_of(Path::new("/proc")), "proc");
        assert_eq!(type_of(Path::new("/no/such/directory")), "unknown");
    }
}
