//! Access lists in the state: inheritance, and keeping mode and list the same.

use crate::fault::Fault;
use crate::ops::{Context, Stop};
use crate::outcome::PosixError;
use crate::permission::access_list::AccessList;
use crate::permission::set_id;
use crate::record::Inode;
use crate::store::View;
use crate::types::{FileKind, InodeId, Mode};
use crate::xattr;

/// The attribute with the list that is checked.
pub(crate) const ACCESS: &[u8] = b"system.posix_acl_access";
/// The attribute with the list that new entries of a directory inherit.
pub(crate) const DEFAULT: &[u8] = b"system.posix_acl_default";

/// A list of an inode, if it has one.
pub(crate) fn load(
    view: &(impl View + ?Sized),
    ino: InodeId,
    inode: &Inode,
    name: &[u8],
) -> Result<Option<AccessList>, Fault> {
    let Some(value) = xattr::load(view, ino, inode, name)? else {
        return Ok(None);
    };
    AccessList::decode(&value)
        .map_err(|error| Fault::corrupt(format!("access list of inode {ino}"), error.to_string()))
}

/// Gives a new inode its mode and the lists it inherits (`posix_acl_create`).
///
/// Where the parent has a default list, that decides instead of the umask. The mode must already
/// have its set-id bits (see [`super::set_id::new_inode_owner`]). The caller stores the inode.
pub(crate) fn inherit(
    context: &mut Context<'_>,
    parent: InodeId,
    parent_inode: &Inode,
    ino: InodeId,
    inode: &mut Inode,
    mode: Mode,
    umask: Mode,
) -> Result<(), Stop> {
    inode.mode = mode;
    if inode.kind() == FileKind::Symlink {
        return Ok(());
    }
    let Some(default) = load(context.state, parent, parent_inode, DEFAULT)? else {
        inode.mode = mode.without(umask.bits() & 0o777);
        return Ok(());
    };
    let mut access = default.clone();
    inode.mode = access.restrict(mode);
    if !access.is_mode() {
        xattr::store(context.state, ino, inode, ACCESS, &access.encode())?;
    }
    if inode.kind() == FileKind::Directory {
        xattr::store(context.state, ino, inode, DEFAULT, &default.encode())?;
    }
    Ok(())
}

/// Gives an inode another mode, and its access list the same permissions (`posix_acl_chmod`).
/// The caller stores the inode.
pub(crate) fn chmod(
    context: &mut Context<'_>,
    ino: InodeId,
    inode: &mut Inode,
    mode: Mode,
) -> Result<(), Stop> {
    inode.mode = mode;
    if let Some(mut access) = load(context.state, ino, inode, ACCESS)? {
        access.follow(mode);
        xattr::store(context.state, ino, inode, ACCESS, &access.encode())?;
    }
    Ok(())
}

/// Sets the access list from the value of its attribute, and the mode to what the list says
/// (`posix_acl_update_mode`). A list that a mode can say is not stored, one without entries is
/// removed and leaves the mode as it is. The caller stores the inode.
pub(crate) fn set_access(
    context: &mut Context<'_>,
    ino: InodeId,
    inode: &mut Inode,
    value: &[u8],
) -> Result<(), Stop> {
    if inode.kind() == FileKind::Symlink {
        return Err(PosixError::NotSupported.into());
    }
    let list = AccessList::decode(value)?;
    if let Some(list) = &list {
        let mode = inode.mode.without(0o777).with(list.mode_bits());
        inode.mode = set_id::permitted(context.credentials, inode.gid, mode);
    }
    match list.filter(|list| !list.is_mode()) {
        Some(list) => xattr::store(context.state, ino, inode, ACCESS, &list.encode())?,
        None => {
            xattr::remove(context.state, ino, inode, ACCESS)?;
        }
    }
    Ok(())
}

/// Sets the list that new entries of a directory inherit. The caller stores the inode.
pub(crate) fn set_default(
    context: &mut Context<'_>,
    ino: InodeId,
    inode: &mut Inode,
    value: &[u8],
) -> Result<(), Stop> {
    let list = AccessList::decode(value)?;
    match (list, inode.kind()) {
        (Some(list), FileKind::Directory) => {
            xattr::store(context.state, ino, inode, DEFAULT, &list.encode())?;
        }
        (Some(_), FileKind::Symlink) => return Err(PosixError::NotSupported.into()),
        (
            Some(_),
            FileKind::Regular
            | FileKind::Fifo
            | FileKind::Socket
            | FileKind::CharacterDevice
            | FileKind::BlockDevice,
        ) => return Err(PosixError::AccessDenied.into()),
        (None, _) => {
            xattr::remove(context.state, ino, inode, DEFAULT)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
