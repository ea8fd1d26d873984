//! chmod(2), chown(2), truncate(2), utimensat(2), chattr(1) and setxattr(2).

use super::node::Node;
use super::{Checked, Model, refuse_if_any};
use crate::command::{RemoveXattr, SetAttributes, SetFlags, SetXattr, SetXattrMode, TouchAtime};
use crate::limits::{FILE_BYTES_MAX, XATTR_NAME_BYTES_MAX, XATTR_VALUE_BYTES_MAX};
use crate::outcome::{Answer, PosixError};
use crate::types::{FileKind, InodeFlags, InodeId, Mode, Timestamp};

impl Model {
    pub(super) fn set_attributes(&mut self, set: &SetAttributes) -> Checked<Answer> {
        let node = self.node(set.ino)?;
        refuse_if_any(errors_of_setting(node, set, self.now))?;
        let (now, superuser) = (self.now, self.superuser());
        let group = set.gid.unwrap_or(node.gid);
        let member = superuser || self.is_member(group);
        self.change(set.ino, |node| {
            let owned = set.uid.is_some() || set.gid.is_some();
            if let Some(mode) = set.mode {
                // chmod(2): who is not in the group does not set set-group-id.
                let cleared = if member { 0 } else { 0o2000 };
                node.mode = Mode::new(u32::from(mode.bits() & !cleared));
            }
            node.uid = set.uid.unwrap_or(node.uid);
            node.gid = set.gid.unwrap_or(node.gid);
            if let Some(size) = set.size {
                node.drop_capability();
                node.mtime = now;
                if let Some(content) = node.content_mut() {
                    if size <= content.size {
                        content.punch(size, u64::MAX);
                    }
                    content.size = size;
                }
            }
            let changed = set.size.is_some() || owned;
            if changed && !superuser && node.kind() != FileKind::Directory {
                node.drop_set_id();
                node.drop_capability();
            }
            node.atime = set.atime.unwrap_or(node.atime);
            node.mtime = set.mtime.unwrap_or(node.mtime);
            node.ctime = set.ctime.unwrap_or(now);
        });
        self.attributes_now(set.ino)
    }

    /// `FS_IOC_SETFLAGS(2const)`: for the owner and the superuser; what protects, for the latter only.
    pub(super) fn set_flags(&mut self, set: SetFlags) -> Checked<Answer> {
        let node = self.node(set.ino)?;
        let protects = InodeFlags::IMMUTABLE | InodeFlags::APPEND;
        let changes_protection = node.flags.bits() & protects != set.flags.bits() & protects;
        let owner = node.uid == self.credentials.uid;
        if !self.superuser() && (!owner || changes_protection) {
            return Err(vec![PosixError::NotPermitted]);
        }
        let now = self.now;
        self.change(set.ino, |node| {
            node.flags = set.flags;
            node.project = set.project.unwrap_or(node.project);
            node.ctime = now;
        });
        self.attributes_now(set.ino)
    }

    pub(super) fn touch_atime(&mut self, touch: TouchAtime) -> Checked<Answer> {
        let keeps = self.node(touch.ino)?.flags.has_any(InodeFlags::NO_ATIME);
        let now = self.now;
        if !keeps {
            self.change(touch.ino, |node| node.atime = now);
        }
        Ok(Answer::Done)
    }

    pub(super) fn set_xattr(&mut self, set: &SetXattr) -> Checked<Answer> {
        let mut errors = errors_of_xattr_name(&set.name);
        if set.value.len() > XATTR_VALUE_BYTES_MAX {
            errors.push(PosixError::TooBig);
        }
        let existing = match self.node(set.ino) {
            Ok(node) => {
                errors.extend(errors_of_xattr(node, &set.name));
                node.xattrs.contains_key(&*set.name)
            }
            Err(error) => return Err([errors, error].concat()),
        };
        match (set.mode, existing) {
            (SetXattrMode::Create, true) => errors.push(PosixError::Exists),
            (SetXattrMode::Replace, false) => errors.push(PosixError::NoAttribute),
            (SetXattrMode::Either, _)
            | (SetXattrMode::Create, false)
            | (SetXattrMode::Replace, true) => {}
        }
        refuse_if_any(errors)?;
        let now = self.now;
        self.change(set.ino, |node| {
            node.xattrs.insert(set.name.to_vec(), set.value.clone());
            node.ctime = now;
        });
        Ok(Answer::Done)
    }

    pub(super) fn remove_xattr(&mut self, remove: &RemoveXattr) -> Checked<Answer> {
        let mut errors = errors_of_xattr_name(&remove.name);
        match self.node(remove.ino) {
            Ok(node) => {
                errors.extend(errors_of_xattr(node, &remove.name));
                if !node.xattrs.contains_key(&*remove.name) {
                    errors.push(PosixError::NoAttribute);
                }
            }
            Err(error) => errors.extend(error),
        }
        refuse_if_any(errors)?;
        let now = self.now;
        self.change(remove.ino, |node| {
            node.xattrs.remove(&*remove.name);
            node.ctime = now;
        });
        Ok(Answer::Done)
    }

    fn attributes_now(&self, ino: InodeId) -> Checked<Answer> {
        let attributes = self
            .attributes(ino)
            .ok_or_else(|| vec![PosixError::InodeGone])?;
        Ok(Answer::Attributes(attributes))
    }
}

/// `FS_IOC_SETFLAGS(2const)`, utimensat(2), truncate(2), chown(2), chmod(2).
fn errors_of_setting(node: &Node, set: &SetAttributes, now: Timestamp) -> Vec<PosixError> {
    let mut errors = Vec::new();
    let times = [set.atime, set.mtime, set.ctime];
    // Of an append-only file both times can be set to the present, and nothing else.
    let touches = set.atime == Some(now)
        && set.mtime == Some(now)
        && set.ctime.is_none_or(|ctime| ctime == now);
    let sets_times = times.iter().any(Option::is_some) && !touches;
    let sets_more = set.mode.is_some() || set.uid.is_some() || set.gid.is_some();
    if node.immutable() || (node.append_only() && (sets_times || sets_more || set.size.is_some())) {
        errors.push(PosixError::NotPermitted);
    }
    if set.mode.is_some() && node.kind() == FileKind::Symlink {
        errors.push(PosixError::NotSupported);
    }
    if set.uid == Some(u32::MAX) || set.gid == Some(u32::MAX) {
        errors.push(PosixError::InvalidArgument);
    }
    if let Some(size) = set.size {
        errors.extend(node.regular().err());
        if size > FILE_BYTES_MAX {
            errors.push(PosixError::FileTooLarge);
        }
    }
    errors
}

/// xattr(7): a name has one of the known namespaces and something after it.
fn errors_of_xattr_name(name: &[u8]) -> Vec<PosixError> {
    let mut errors = Vec::new();
    if name.len() > XATTR_NAME_BYTES_MAX {
        errors.push(PosixError::OutOfRange);
    }
    if name.is_empty() || name.contains(&0) {
        errors.push(PosixError::InvalidArgument);
    }
    let namespaces = [&b"user."[..], b"trusted.", b"security."];
    if namespaces.contains(&name) {
        errors.push(PosixError::InvalidArgument);
    } else if !namespaces
        .iter()
        .any(|namespace| name.starts_with(namespace))
    {
        errors.push(PosixError::NotSupported);
    }
    errors
}

/// xattr(7): `user.` attributes only on files and directories; nothing changes what is protected.
fn errors_of_xattr(node: &Node, name: &[u8]) -> Vec<PosixError> {
    let holds_user = matches!(node.kind(), FileKind::Regular | FileKind::Directory);
    if node.immutable() || node.append_only() || (name.starts_with(b"user.") && !holds_user) {
        vec![PosixError::NotPermitted]
    } else {
        Vec::new()
    }
}
