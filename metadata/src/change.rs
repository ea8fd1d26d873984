//! What a command did to the tree, as those are told who watch it (decision 26).
//!
//! Like news it is no part of the state: replicas that apply the same commands tell the same.

use crate::types::{FileKind, FileName, InodeId};

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The directory.
    pub directory: InodeId,
    /// The name in it.
    pub name: FileName,
}

impl Name {
    /// This name in this directory.
    pub(crate) fn new(directory: InodeId, name: &FileName) -> Name {
        let name = name.clone();
        Name { directory, name }
    }
}

/// One change; a command that is refused makes none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What was changed.
    pub ino: InodeId,
    /// What that is.
    pub kind: FileKind,
    /// How.
    pub happened: Happened,
    /// How it was known before.
    pub was: Was,
}

/// By which of its names an inode was known before a change of one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Was {
    /// By the one that was changed.
    Known,
    /// By none.
    Unknown,
    /// As it is known after it, whatever that is.
    Otherwise,
}

/// What happened to an inode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// It was made, under this name.
    Made(Name),
    /// It got a name more.
    Linked(Name),
    /// It lost a name.
    Removed(Name),
    /// A name of it was changed.
    Renamed {
        /// What it was called.
        from: Name,
        /// What it is called.
        to: Name,
    },
    /// It and another inode have taken each other's name.
    Exchanged {
        /// What it was called, and the other is called now.
        from: Name,
        /// What the other was called, and it is called now.
        to: Name,
        /// The other one.
        other: InodeId,
        /// How that was known before.
        other_was: Was,
    },
    /// It was written to, cut off or given space.
    Content,
    /// Its mode, owner, times, flags or extended attributes were set.
    Attributes,
}
