//! What `/proc` tells of processes, and how they are ended.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// All that a process has started and that these have, not itself.
pub(crate) fn descendants(of: u32) -> Vec<u32> {
    descend(of, &parents())
}

/// Those with this path, or one below it, among their arguments.
pub(crate) fn with_argument(path: &Path) -> Vec<u32> {
    let begins = path.as_os_str().as_bytes();
    let has = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut arguments = line.split(|byte| *byte == 0);
        arguments.any(|argument| argument.starts_with(begins))
    };
    let own = std::process::id();
    all().filter(|pid| *pid != own).filter(has).collect()
}

/// One that is gone already is no error.
pub(crate) fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.cast_signed()), signal).ok();
}

/// The same to a whole process group.
pub(crate) fn signal_group(leader: u32, signal: Signal) {
    killpg(Pid::from_raw(leader.cast_signed()), signal).ok();
}

fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn parents() -> BTreeMap<u32, u32> {
    let parent = |pid: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, parent_in(&text)?))
    };
    all().filter_map(parent).collect()
}

/// The second word behind the name, which may hold spaces and brackets itself.
fn parent_in(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

fn descend(of: u32, parents: &BTreeMap<u32, u32>) -> Vec<u32> {
    let mut found = vec![of];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        let children = parents.iter().filter(|(_, of)| **of == parent);
        found.extend(children.map(|(child, _)| *child));
        next += 1;
    }
    found.remove(0);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descendants_are_those_at_any_depth_and_no_others() {
        let parents = BTreeMap::from([(2, 1), (3, 1), (10, 2), (11, 10), (12, 3)]);
        assert_eq!(descend(2, &parents), [10, 11]);
        assert_eq!(descend(12, &parents), [0; 0]);
    }

    #[test]
    fn the_name_of_a_process_may_look_like_anything() {
        assert_eq!(parent_in("17 (a) R 3 (b)) S 42 17 0"), Some(42));
        assert_eq!(parent_in("17"), None);
    }
}
