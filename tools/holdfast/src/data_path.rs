//! Where the data directory is, when it was and when it was not said, and where the log is without one.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The data directory of a mountpoint when none was given: each mountpoint has its own.
pub(crate) fn default_for(mountpoint: &Path) -> anyhow::Result<PathBuf> {
    let base = base("/var/lib", "XDG_DATA_HOME", ".local/share")
        .context("neither XDG_DATA_HOME nor HOME is set: say --data DIR")?;
    Ok(base.join(escape(mountpoint.as_os_str())))
}

/// The log of a mountpoint that has no data directory.
pub(crate) fn log_for(mountpoint: &Path) -> anyhow::Result<PathBuf> {
    let base = base("/var/log", "XDG_STATE_HOME", ".local/state")
        .context("neither XDG_STATE_HOME nor HOME is set")?;
    Ok(base.join(escape(mountpoint.as_os_str()) + ".log"))
}

/// Our part of the directory of the machine for root, of the user's own for others.
fn base(of_root: &str, variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let base = if nix::unistd::geteuid().is_root() {
        PathBuf::from(of_root)
    } else {
        absolute(variable).or_else(|| Some(absolute("HOME")?.join(below_home)))?
    };
    Some(base.join("holdfast"))
}

/// One file name for a whole path, as `systemd-escape --path` makes it: `/mnt/my-files` becomes
/// `mnt-my\x2dfiles`.
fn escape(path: &OsStr) -> String {
    let bytes = path
        .as_bytes()
        .strip_prefix(b"/")
        .unwrap_or(path.as_bytes());
    let mut name = String::with_capacity(bytes.len());
    for (position, &byte) in bytes.iter().enumerate() {
        match byte {
            b'/' => name.push('-'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'_' => name.push(char::from(byte)),
            b'.' if position > 0 => name.push('.'),
            _ => name.extend(["\\x".to_owned(), format!("{byte:02x}")]),
        }
    }
    name
}

/// The absolute path without symlinks; what does not exist yet is taken as it is.
pub(crate) fn resolve(path: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    let mut missing = Vec::new();
    let mut existing = absolute.as_path();
    loop {
        match existing.canonicalize() {
            Ok(mut resolved) => {
                resolved.extend(missing.iter().rev());
                return Ok(resolved);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let (Some(parent), Some(name)) = (existing.parent(), existing.file_name()) else {
                    return Err(error);
                };
                missing.push(name);
                existing = parent;
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mountpoint_has_a_directory_of_its_own() {
        assert_eq!(escape(OsStr::new("/mnt/files")), "mnt-files");
        assert_eq!(escape(OsStr::new("/mnt-files")), "mnt\\x2dfiles");
        assert_eq!(escape(OsStr::new("/.a/b.c d")), "\\x2ea-b.c\\x20d");
    }

    #[test]
    fn symlinks_are_resolved_where_the_path_exists() {
        let scratch = tempfile::tempdir().unwrap();
        let real = scratch.path().canonicalize().unwrap().join("real");
        std::fs::create_dir(&real).unwrap();
        let link = scratch.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert_eq!(resolve(&link.join("a/b")).unwrap(), real.join("a/b"));
    }
}
