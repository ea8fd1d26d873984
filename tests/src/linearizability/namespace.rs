//! The namespace of one directory, the arena: what system calls ask of it, and what they answer.
//!
//! Paths have one name or two, which is enough for whatever happens between directories. Errors are exact, with the
//! exceptions that Linux has on every filesystem with more than one machine: see `walk` and `stale`.

mod act;
mod rename;
mod stale;
mod tree;
mod walk;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use nix::errno::Errno;

pub use self::tree::{Disk, Kind, Tree};
pub use self::walk::Namespace;

/// Errors that are right at one moment: if there are several, any of them.
type Errors = Vec<Errno>;

/// A name: one letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(pub u8);

/// A name in the arena, or one in a directory of the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// The directory, if it is not the arena.
    pub directory: Option<Name>,
    /// The name there.
    pub name: Name,
}

/// The flags of `renameat2(2)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchange {
    /// None: what is there is replaced.
    Replace,
    /// `RENAME_NOREPLACE`
    NoReplace,
    /// `RENAME_EXCHANGE`
    Exchange,
    /// `RENAME_WHITEOUT`
    Whiteout,
    /// `RENAME_NOREPLACE | RENAME_WHITEOUT`
    WhiteoutNoReplace,
}

/// The flags of `setxattr(2)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XattrMode {
    /// None.
    Any,
    /// `XATTR_CREATE`
    Create,
    /// `XATTR_REPLACE`
    Replace,
}

/// A system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// `open(O_CREAT | O_EXCL)` with this mode.
    Create(Path, u16),
    /// `mkdir(2)` with this mode.
    Mkdir(Path, u16),
    /// `symlink(2)` to a name that never exists and has this number.
    Symlink(Path, u32),
    /// `link(2)` of the first as the second.
    Link(Path, Path),
    /// `unlink(2)`
    Unlink(Path),
    /// `rmdir(2)`
    Rmdir(Path),
    /// `renameat2(2)`
    Rename(Path, Path, Exchange),
    /// `lstat(2)`
    Stat(Path),
    /// `readlink(2)`
    Readlink(Path),
    /// The first `getdents(2)` of a directory, or of the arena.
    List(Option<Name>),
    /// `chmod(2)`
    Chmod(Path, u16),
    /// `lchown(2)` to the user and the group of this number.
    Chown(Path, u32),
    /// `truncate(2)`
    Truncate(Path, u32),
    /// `lsetxattr(2)` to a number.
    SetXattr(Path, u32, XattrMode),
    /// `lgetxattr(2)`
    GetXattr(Path),
    /// `lremovexattr(2)`
    RemoveXattr(Path),
}

/// What a system call answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// 0
    Done,
    /// An error, and nothing has changed.
    Failed(Errno),
    /// Of `lstat`.
    Attributes {
        /// What it is.
        kind: Kind,
        /// The bits that `chmod` sets.
        mode: u16,
        /// How many names it has.
        nlink: u32,
        /// Bytes, or entries.
        size: u32,
        /// The user.
        uid: u32,
        /// The group.
        gid: u32,
    },
    /// Of `readlink` and `lgetxattr`.
    Number(u32),
    /// Of `getdents`.
    Names(BTreeMap<Name, Kind>),
}

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", char::from(self.0))
    }
}

impl Display for Path {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.directory {
            Some(directory) => write!(f, "{directory}/{}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Call::Create(path, mode) => write!(f, "create {path} mode {mode:03o}"),
            Call::Mkdir(path, mode) => write!(f, "mkdir {path} mode {mode:03o}"),
            Call::Symlink(path, target) => write!(f, "symlink {path} to {target}"),
            Call::Link(old, new) => write!(f, "link {old} as {new}"),
            Call::Unlink(path) => write!(f, "unlink {path}"),
            Call::Rmdir(path) => write!(f, "rmdir {path}"),
            Call::Rename(old, new, Exchange::Replace) => write!(f, "rename {old} to {new}"),
            Call::Rename(old, new, Exchange::NoReplace) => {
                write!(f, "rename {old} to {new} NOREPLACE")
            }
            Call::Rename(old, new, Exchange::Exchange) => write!(f, "exchange {old} and {new}"),
            Call::Rename(old, new, Exchange::Whiteout) => {
                write!(f, "rename {old} to {new} WHITEOUT")
            }
            Call::Rename(old, new, Exchange::WhiteoutNoReplace) => {
                write!(f, "rename {old} to {new} NOREPLACE WHITEOUT")
            }
            Call::Stat(path) => write!(f, "stat {path}"),
            Call::Readlink(path) => write!(f, "readlink {path}"),
            Call::List(None) => write!(f, "list ."),
            Call::List(Some(directory)) => write!(f, "list {directory}"),
            Call::Chmod(path, mode) => write!(f, "chmod {path} {mode:03o}"),
            Call::Chown(path, owner) => write!(f, "chown {path} {owner}"),
            Call::Truncate(path, size) => write!(f, "truncate {path} to {size}"),
            Call::SetXattr(path, value, mode) => write!(f, "setxattr {path} {value} {mode:?}"),
            Call::GetXattr(path) => write!(f, "getxattr {path}"),
            Call::RemoveXattr(path) => write!(f, "removexattr {path}"),
        }
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Done => write!(f, "done"),
            Outcome::Failed(errno) => write!(f, "{errno:?}"),
            Outcome::Attributes {
                kind,
                mode,
                nlink,
                size,
                uid,
                gid,
            } => write!(
                f,
                "{kind:?} mode {mode:03o} nlink {nlink} size {size} of {uid}:{gid}"
            ),
            Outcome::Number(number) => write!(f, "{number}"),
            Outcome::Names(names) => {
                write!(f, "[")?;
                for (index, (name, kind)) in names.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{name} {kind:?}")?;
                }
                write!(f, "]")
            }
        }
    }
}
