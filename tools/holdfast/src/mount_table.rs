//! What is mounted, read from `/proc/self/mountinfo` (its format: proc(5)).

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MountEntry {
    /// `major:minor`, unique among the mounts of the machine.
    pub(crate) device: String,
    /// What of the filesystem is seen there: `/`, or a directory of it in a bind mount.
    pub(crate) root: PathBuf,
    /// Where.
    pub(crate) mountpoint: PathBuf,
    /// The type, `fuse.holdfast` for one.
    pub(crate) kind: String,
    /// What `df` shows in its first column.
    pub(crate) source: OsString,
}

impl MountEntry {
    /// Whether the type says that it is one of ours. Those of type `fuse` are told by their daemon
    /// ([`crate::presence::daemon_of`]).
    pub(crate) fn is_holdfast(&self) -> bool {
        self.kind == "fuse.holdfast"
    }

    /// Whether it may be one of ours.
    pub(crate) fn is_fuse(&self) -> bool {
        self.kind == "fuse" || self.kind.starts_with("fuse.")
    }
}

/// The mount on top at exactly this path, if one is.
pub(crate) fn find(mountpoint: &Path) -> io::Result<Option<MountEntry>> {
    Ok(find_in(&fs::read("/proc/self/mountinfo")?, mountpoint))
}

/// The mount on which a path without symlinks is.
pub(crate) fn around(path: &Path) -> io::Result<Option<MountEntry>> {
    let table = fs::read("/proc/self/mountinfo")?;
    Ok(path.ancestors().find_map(|place| find_in(&table, place)))
}

fn find_in(table: &[u8], mountpoint: &Path) -> Option<MountEntry> {
    let lines = table.split(|&byte| byte == b'\n');
    // A later line lies on top of an earlier one.
    lines
        .filter_map(parse)
        .rfind(|entry| entry.mountpoint == mountpoint)
}

fn parse(line: &[u8]) -> Option<MountEntry> {
    let mut fields = line.split(|&byte| byte == b' ');
    let device = String::from_utf8(fields.nth(2)?.to_vec()).ok()?;
    let root = PathBuf::from(unescape(fields.next()?));
    let mountpoint = PathBuf::from(unescape(fields.next()?));
    let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
    let kind = unescape(fields.next()?).to_string_lossy().into_owned();
    let source = unescape(fields.next()?);
    Some(MountEntry {
        device,
        root,
        mountpoint,
        kind,
        source,
    })
}

/// Undoes what the kernel does to space, tab, newline and backslash: `\040`.
fn unescape(field: &[u8]) -> OsString {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        match tail {
            [
                a @ b'0'..=b'3',
                b @ b'0'..=b'7',
                c @ b'0'..=b'7',
                after @ ..,
            ] if *first == b'\\' => {
                bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    OsString::from_vec(bytes)
}

/// The path without symlinks, found without looking at its last component if that is a mount: its
/// daemon may be dead or hang.
pub(crate) fn resolve(mountpoint: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(mountpoint)?;
    if let (Some(parent), Some(name)) = (absolute.parent(), absolute.file_name()) {
        let plain = parent.canonicalize()?.join(name);
        if name != OsStr::from_bytes(b"..") && find(&plain)?.is_some() {
            return Ok(plain);
        }
    }
    absolute.canonicalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"22 28 0:20 / /proc rw,nosuid - proc proc rw\n\
        91 28 0:57 / /mnt/a\\040b rw,relatime shared:5 master:1 - fuse.holdfast /srv/da\\134ta rw\n\
        92 91 0:58 / /mnt/a\\040b rw,relatime - tmpfs none rw\n";

    #[test]
    fn the_mount_on_top_is_found() {
        let entry = find_in(TABLE, Path::new("/mnt/a b")).unwrap();
        assert_eq!(
            (entry.device.as_str(), entry.kind.as_str()),
            ("0:58", "tmpfs")
        );
    }

    #[test]
    fn escaped_bytes_are_read_back() {
        let below = TABLE
            .split_inclusive(|&byte| byte == b'\n')
            .take(2)
            .flatten();
        let below: Vec<u8> = below.copied().collect();
        let entry = find_in(&below, Path::new("/mnt/a b")).unwrap();
        assert_eq!(entry.source, "/srv/da\\ta");
        assert_eq!(entry.kind, "fuse.holdfast");
    }

    #[test]
    fn a_path_below_a_mount_is_not_that_mount() {
        assert_eq!(find_in(TABLE, Path::new("/proc/self")), None);
    }
}
