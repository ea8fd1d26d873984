//! The content of regular files: extents map ranges of a file to blocks of bytes.
//!
//! **Invariants.** The extents of a file do not overlap. A block has as many references as extents
//! that show a part of it, and is gone with the last. `allocated` of an inode is the sum of the
//! lengths of its extents, that of the volume the sum over all inodes. Past the end of a file there are
//! only extents of zeros, so that a file that grows shows zeros.

mod block;
mod content;
mod extents;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

pub(crate) use block::share;
pub(crate) use content::{read, write};
pub(crate) use extents::{Placed, clear, cut, fill_holes, move_down, move_up, place, visit_from};

use crate::fault::Fault;
use crate::limits::FILE_BYTES_MAX;
use crate::ops::{Context, Stop};
use crate::outcome::PosixError;
use crate::record::Inode;
use crate::types::{InodeFlags, InodeId};
use crate::xattr;

/// Sets the size; what lay past a smaller size is gone, what a larger one shows is zeros.
///
/// The times and the inode's record are the caller's.
pub(crate) fn truncate(
    context: &mut Context<'_>,
    ino: InodeId,
    inode: &mut Inode,
    new_size: u64,
) -> Result<(), Stop> {
    if new_size > FILE_BYTES_MAX {
        return Err(PosixError::FileTooLarge.into());
    }
    if new_size <= inode.size {
        cut(context, ino, inode, new_size, u64::MAX)?;
    }
    inode.size = new_size;
    Ok(())
}

/// Where a range ends, unless that is past the largest file.
pub(crate) fn range_end(offset: u64, length: u64) -> Result<u64, PosixError> {
    offset
        .checked_add(length)
        .filter(|end| *end <= FILE_BYTES_MAX)
        .ok_or(PosixError::FileTooLarge)
}

/// Refuses what `chattr` forbids: any write to an immutable file, and one to an append-only file
/// that does not begin at its end or after it.
pub(crate) fn check_writable(inode: &Inode, offset: u64) -> Result<(), PosixError> {
    let inside = offset < inode.size;
    if inode.flags.has_any(InodeFlags::IMMUTABLE)
        || (inside && inode.flags.has_any(InodeFlags::APPEND))
    {
        return Err(PosixError::NotPermitted);
    }
    Ok(())
}

/// Takes away what a change of the content costs: always the file capabilities, and the set-id bits
/// unless the writer has the privilege to keep them (`file_remove_privs` in the kernel).
pub(crate) fn content_changed(
    context: &mut Context<'_>,
    ino: InodeId,
    inode: &mut Inode,
    keeps_set_id: bool,
) -> Result<(), Fault> {
    if keeps_set_id {
        xattr::remove(context.state, ino, inode, xattr::CAPABILITY)?;
        return Ok(());
    }
    clear_privileges(context, ino, inode)
}

/// Takes away what made the file's program privileged: its content is not what was trusted.
pub(crate) fn clear_privileges(
    context: &mut Context<'_>,
    ino: InodeId,
    inode: &mut Inode,
) -> Result<(), Fault> {
    inode.mode = inode.mode.without_privileges();
    xattr::remove(context.state, ino, inode, xattr::CAPABILITY)?;
    Ok(())
}
