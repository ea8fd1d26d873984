//! Access lists written as `setfacl` writes them, and inodes to try them on.

use bytes::Bytes;

use crate::command::{Mknod, Operation, SetAttributes, SetFlags, SetXattr, SetXattrMode};
use crate::ops::fixture::{Fixture, entry, name};
use crate::outcome::{Answer, PosixError, Reply};
use crate::query::Query;
use crate::types::{Attributes, Credentials, FileKind, InodeFlags, InodeId, Mode};

/// Kinds that are neither a regular file nor a directory nor a symlink.
pub(crate) const SPECIAL: [FileKind; 4] = [
    FileKind::Fifo,
    FileKind::Socket,
    FileKind::CharacterDevice,
    FileKind::BlockDevice,
];

/// The value of an attribute from `u::rwx,u:7:r--,g::r-x,m::rwx,o::---`, in any order.
pub(crate) fn list(text: &str) -> Bytes {
    let mut value = vec![2, 0, 0, 0];
    for entry in text.split(',') {
        let mut parts = entry.split(':');
        let kind = parts.next().unwrap();
        let id = parts.next().unwrap();
        let tag: u16 = match (kind, id) {
            ("u", "") => 1,
            ("u", _) => 2,
            ("g", "") => 4,
            ("g", _) => 8,
            ("m", _) => 16,
            ("o", _) => 32,
            _ => panic!("no entry: {entry}"),
        };
        let permissions = parts.next().unwrap();
        let permissions = permissions
            .bytes()
            .fold(0_u16, |bits, letter| bits << 1 | u16::from(letter != b'-'));
        let id: u32 = if id.is_empty() {
            u32::MAX
        } else {
            id.parse().unwrap()
        };
        value.extend_from_slice(&tag.to_le_bytes());
        value.extend_from_slice(&permissions.to_le_bytes());
        value.extend_from_slice(&id.to_le_bytes());
    }
    value.into()
}

/// A user in a group of the same number, and in others.
pub(crate) fn user(uid: u32, groups: &[u32]) -> Credentials {
    Credentials {
        uid,
        gid: uid,
        groups: groups.to_vec(),
    }
}

impl Fixture {
    /// An inode of a kind but symlink in the root directory.
    pub(crate) fn make(&mut self, kind: FileKind, text: &str) -> InodeId {
        if kind == FileKind::Directory {
            return self.mkdir(InodeId::ROOT, text);
        }
        let outcome = self.run(Operation::Mknod(Mknod {
            parent: InodeId::ROOT,
            name: name(text),
            kind,
            mode: Mode::new(0o644),
            umask: Mode::default(),
            device: 0,
        }));
        entry(outcome).ino
    }

    /// A symlink in the root directory.
    pub(crate) fn make_symlink(&mut self, text: &str) -> InodeId {
        entry(self.symlink(InodeId::ROOT, text, b"target")).ino
    }

    /// Changes attributes.
    pub(crate) fn set(
        &mut self,
        credentials: Credentials,
        command: SetAttributes,
    ) -> Result<Attributes, PosixError> {
        match self.run_as(credentials, Operation::SetAttributes(command))? {
            Answer::Attributes(attributes) => Ok(attributes),
            other => panic!("{other:?}"),
        }
    }

    /// Gives an inode an owner, a group and then a mode.
    pub(crate) fn dress(&mut self, ino: InodeId, uid: u32, gid: u32, mode: u32) {
        let owner = SetAttributes {
            uid: Some(uid),
            gid: Some(gid),
            ..SetAttributes::nothing(ino)
        };
        self.set(Credentials::ROOT, owner).unwrap();
        let mode = SetAttributes {
            mode: Some(Mode::new(mode)),
            ..SetAttributes::nothing(ino)
        };
        self.set(Credentials::ROOT, mode).unwrap();
    }

    /// Gives an inode these flags and no others.
    pub(crate) fn flag(&mut self, ino: InodeId, bits: u32) {
        let command = SetFlags {
            ino,
            flags: InodeFlags::new(bits).unwrap(),
            project: None,
        };
        self.run(Operation::SetFlags(command)).unwrap();
    }

    /// Makes or replaces an attribute.
    pub(crate) fn set_xattr(
        &mut self,
        ino: InodeId,
        name: &[u8],
        value: impl Into<Bytes>,
    ) -> Result<(), PosixError> {
        let outcome = self.run(Operation::SetXattr(SetXattr {
            ino,
            name: name.into(),
            value: value.into(),
            mode: SetXattrMode::Either,
        }))?;
        assert_eq!(outcome, Answer::Done);
        Ok(())
    }

    /// The value of an attribute.
    pub(crate) fn xattr(&self, ino: InodeId, name: &[u8]) -> Result<Bytes, PosixError> {
        let query = Query::GetXattr {
            ino,
            name: name.into(),
        };
        match self.machine.query(&query).unwrap()? {
            Reply::Xattr(value) => Ok(value),
            other => panic!("{other:?}"),
        }
    }

    /// The permission bits of an inode.
    pub(crate) fn mode(&self, ino: InodeId) -> u16 {
        self.stat(ino).mode.bits()
    }

    /// What `stat` tells of an inode.
    pub(crate) fn stat(&self, ino: InodeId) -> Attributes {
        self.attributes(ino).unwrap()
    }
}
