//! The mounts below the directory of the run, and how they go away.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use nix::mount::{MntFlags, umount2};

/// How long a mount that is still used may stay before it is cut off.
const PATIENCE: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(100);

/// The mountpoints below a directory, the latest first.
pub(crate) fn below(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let table = fs::read_to_string("/proc/self/mountinfo").context("/proc/self/mountinfo")?;
    Ok(in_table(&table, directory))
}

/// Lets whoever waits for the daemons of these mounts have an error: the kernel gives up the connection. The mounts go
/// at once, also those that are busy, so that the next test does not find them dead.
pub(crate) fn abort(directory: &Path) -> anyhow::Result<()> {
    for mountpoint in below(directory)? {
        umount2(&mountpoint, MntFlags::MNT_FORCE).ok();
        umount2(&mountpoint, MntFlags::MNT_DETACH).ok();
    }
    Ok(())
}

/// Takes all of them away, by force if need be.
pub(crate) fn remove(directory: &Path) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mountpoints = below(directory)?;
        if mountpoints.is_empty() {
            return Ok(());
        }
        let late = Instant::now() >= deadline;
        for mountpoint in mountpoints {
            if late {
                umount2(&mountpoint, MntFlags::MNT_FORCE).ok();
                umount2(&mountpoint, MntFlags::MNT_DETACH)
                    .with_context(|| format!("cannot unmount {}", mountpoint.display()))?;
            } else {
                umount2(&mountpoint, MntFlags::empty()).ok();
            }
        }
        thread::sleep(TICK);
    }
}

/// The fifth word of a line is the mountpoint, with spaces and the like as `\040`.
fn in_table(table: &str, directory: &Path) -> Vec<PathBuf> {
    let mountpoints = table.lines().filter_map(|line| line.split(' ').nth(4));
    let mut found: Vec<PathBuf> = mountpoints
        .map(|mountpoint| PathBuf::from(mountpoint.replace("\\040", " ")))
        .filter(|mountpoint| mountpoint.starts_with(directory))
        .collect();
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mounts_below_the_directory_are_found_the_latest_first() {
        let table = "21 1 0:5 / /proc rw - proc proc rw\n\
                     30 1 0:40 / /run/x/test rw,relatime - fuse /d/test rw\n\
                     31 30 7:0 / /run/x/test/a\\040b rw - ext4 /dev/loop0 rw\n\
                     32 1 0:41 / /run/xy rw - fuse other rw\n";
        let found = in_table(table, Path::new("/run/x"));
        assert_eq!(
            found,
            [
                PathBuf::from("/run/x/test/a b"),
                PathBuf::from("/run/x/test")
            ]
        );
    }
}
