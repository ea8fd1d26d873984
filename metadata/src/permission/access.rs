//! Whether somebody may read, write or execute an inode.

use crate::fault::Fault;
use crate::permission::acl;
use crate::record::Inode;
use crate::store::View;
use crate::types::{Credentials, FileKind, InodeId};

const EXECUTE: u16 = 1;

/// Whether the caller may do all of `wanted` (read 4, write 2, execute 1), as `generic_permission`
/// in the kernel decides: owner, access list, group, others; the superuser may do anything but
/// execute a file that nobody may execute.
pub(crate) fn is_granted(
    view: &(impl View + ?Sized),
    ino: InodeId,
    inode: &Inode,
    wanted: u16,
    credentials: &Credentials,
) -> Result<bool, Fault> {
    if credentials.is_superuser() {
        let can_execute = inode.kind() == FileKind::Directory || inode.mode.bits() & 0o111 != 0;
        return Ok(wanted & EXECUTE == 0 || can_execute);
    }
    let bits = inode.mode.bits();
    let allows = |permissions: u16| permissions & wanted == wanted;
    if credentials.uid == inode.uid {
        return Ok(allows(bits >> 6));
    }
    // Like the kernel, which has the mask of a list in the group bits: when that is empty the
    // list is not asked, and somebody it names is one of the others.
    if bits & 0o070 != 0
        && let Some(list) = acl::load(view, ino, inode, acl::ACCESS)?
    {
        return Ok(list.grants(credentials, inode.gid, wanted));
    }
    let shift = if credentials.in_group(inode.gid) {
        3
    } else {
        0
    };
    Ok(allows(bits >> shift))
}

#[cfg(test)]
mod tests;
