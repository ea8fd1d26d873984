//! Who owns a new inode, and who may give it set-group-id.

use crate::record::Inode;
use crate::types::{Credentials, FileKind, Mode};

/// Owner, group and mode of a new inode, before umask and access lists (`inode_init_owner` and
/// `mode_strip_sgid` in the kernel).
///
/// In a set-group-id directory everything takes the group of the directory, and a directory the bit
/// as well; a program keeps a set-group-id bit of its own only when its maker is in that group.
pub(crate) fn new_inode_owner(
    credentials: &Credentials,
    parent_inode: &Inode,
    kind: FileKind,
    mode: Mode,
) -> (u32, u32, Mode) {
    if !parent_inode.mode.has(Mode::SET_GROUP_ID) {
        return (credentials.uid, credentials.gid, mode);
    }
    let gid = parent_inode.gid;
    let mode = if kind == FileKind::Directory {
        mode.with(Mode::SET_GROUP_ID)
    } else if mode.has(Mode::GROUP_EXECUTE) {
        permitted(credentials, gid, mode)
    } else {
        mode
    };
    (credentials.uid, gid, mode)
}

/// The mode that the caller may give to an inode of this group: set-group-id only to a group of
/// one's own (`setattr_prepare` in the kernel).
pub(crate) fn permitted(credentials: &Credentials, gid: u32, mode: Mode) -> Mode {
    if credentials.is_superuser() || credentials.in_group(gid) {
        mode
    } else {
        mode.without(Mode::SET_GROUP_ID)
    }
}

#[cfg(test)]
mod tests;
