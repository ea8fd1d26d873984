//! Who keeps a mount busy.

use std::fs;
use std::path::{Path, PathBuf};

/// How many are named before the rest is only counted.
const NAMED_MAX: usize = 5;

/// `bash (pid 12), less (pid 40)`, or nothing if nobody is found: other users' processes cannot be
/// looked into without privilege.
pub(crate) fn describe(mountpoint: &Path) -> Option<String> {
    let ourselves = std::process::id().to_string();
    let users: Vec<String> = processes()
        .filter(|process| !process.ends_with(&ourselves) && uses(process, mountpoint))
        .map(|process| name(&process))
        .collect();
    let (named, others) = users.split_at(users.len().min(NAMED_MAX));
    match (named, others.len()) {
        ([], _) => None,
        (named, 0) => Some(named.join(", ")),
        (named, more) => Some(format!("{} and {more} more", named.join(", "))),
    }
}

fn processes() -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().parse::<u32>().is_ok())
    })
}

/// Reads links only, so a filesystem that hangs cannot make this hang.
fn uses(process: &Path, mountpoint: &Path) -> bool {
    let single = ["cwd", "root", "exe"].map(|link| process.join(link));
    let open = fs::read_dir(process.join("fd"))
        .into_iter()
        .flatten()
        .flatten();
    single
        .into_iter()
        .chain(open.map(|entry| entry.path()))
        .filter_map(|link| fs::read_link(link).ok())
        .any(|target| target.starts_with(mountpoint))
}

fn name(process: &Path) -> String {
    let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
    let pid = process.file_name().unwrap_or_default().to_string_lossy();
    format!("{} (pid {pid})", name.trim())
}
