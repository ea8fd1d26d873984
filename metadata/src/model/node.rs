//! An inode of the model.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::content::Content;
use crate::outcome::PosixError;
use crate::types::{FileKind, FileName, InodeFlags, InodeId, Mode, Timestamp};

/// What `stat` tells, and what the inode holds.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) mode: Mode,
    pub(super) flags: InodeFlags,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) device: u32,
    pub(super) project: u32,
    pub(super) xattrs: BTreeMap<Vec<u8>, Bytes>,
    pub(super) atime: Timestamp,
    pub(super) mtime: Timestamp,
    pub(super) ctime: Timestamp,
    pub(super) btime: Timestamp,
    pub(super) tree: Option<InodeId>,
    pub(super) body: Body,
}

/// What an inode holds.
#[derive(Debug, Clone)]
pub(super) enum Body {
    File(Content),
    Directory(Directory),
    Symlink(Bytes),
    Special(FileKind),
}

/// Names and where they lead.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    pub(super) parent: InodeId,
    pub(super) entries: BTreeMap<FileName, InodeId>,
}

impl Body {
    pub(super) fn directory(parent: InodeId) -> Body {
        Body::Directory(Directory {
            parent,
            entries: BTreeMap::new(),
        })
    }
}

impl Node {
    pub(super) fn new(body: Body, mode: Mode, now: Timestamp) -> Node {
        Node {
            mode,
            flags: InodeFlags::default(),
            uid: 0,
            gid: 0,
            device: 0,
            project: 0,
            xattrs: BTreeMap::new(),
            atime: now,
            mtime: now,
            ctime: now,
            btime: now,
            tree: None,
            body,
        }
    }

    pub(super) fn owned_by(mut self, uid: u32, gid: u32) -> Node {
        self.uid = uid;
        self.gid = gid;
        self
    }

    pub(super) fn kind(&self) -> FileKind {
        match &self.body {
            Body::File(_) => FileKind::Regular,
            Body::Directory(_) => FileKind::Directory,
            Body::Symlink(_) => FileKind::Symlink,
            Body::Special(kind) => *kind,
        }
    }

    pub(super) fn size(&self) -> u64 {
        match &self.body {
            Body::File(content) => content.size,
            Body::Directory(directory) => directory.entries.len() as u64,
            Body::Symlink(target) => target.len() as u64,
            Body::Special(_) => 0,
        }
    }

    pub(super) fn allocated(&self) -> u64 {
        self.content().map_or(0, Content::allocated)
    }

    pub(super) fn content(&self) -> Option<&Content> {
        match &self.body {
            Body::File(content) => Some(content),
            Body::Directory(_) | Body::Symlink(_) | Body::Special(_) => None,
        }
    }

    /// The content of a regular file; `EISDIR` and `EINVAL` as `write(2)` has them.
    pub(super) fn regular(&self) -> Result<&Content, PosixError> {
        match &self.body {
            Body::File(content) => Ok(content),
            Body::Directory(_) => Err(PosixError::IsDirectory),
            Body::Symlink(_) | Body::Special(_) => Err(PosixError::InvalidArgument),
        }
    }

    pub(super) fn content_mut(&mut self) -> Option<&mut Content> {
        match &mut self.body {
            Body::File(content) => Some(content),
            Body::Directory(_) | Body::Symlink(_) | Body::Special(_) => None,
        }
    }

    pub(super) fn immutable(&self) -> bool {
        self.flags.has_any(InodeFlags::IMMUTABLE)
    }

    pub(super) fn append_only(&self) -> bool {
        self.flags.has_any(InodeFlags::APPEND)
    }

    /// The content was changed.
    pub(super) fn modified(&mut self, now: Timestamp) {
        self.mtime = now;
        self.ctime = now;
    }

    /// inode(7): a change of a file by who has no privilege clears set-user-id, and set-group-id if
    /// the group may execute.
    pub(super) fn drop_set_id(&mut self) {
        let bits = self.mode.bits();
        let group_program = bits & 0o2010 == 0o2010;
        let cleared = if group_program { 0o6000 } else { 0o4000 };
        self.mode = Mode::new(u32::from(bits & !cleared));
    }

    /// capabilities(7): whoever changes a file takes its capabilities.
    pub(super) fn drop_capability(&mut self) {
        self.xattrs.remove(b"security.capability".as_slice());
    }
}
