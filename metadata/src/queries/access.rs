//! `access(2)`.

use crate::ops::{Stop, load_inode};
use crate::outcome::{PosixError, Reply};
use crate::permission::access;
use crate::store::View;
use crate::types::{Credentials, InodeFlags, InodeId};

const WRITE: u8 = 2;

/// An immutable inode refuses everybody who wants to write, and says so (`inode_permission`).
pub(crate) fn answer(
    view: &dyn View,
    ino: InodeId,
    mask: u8,
    credentials: &Credentials,
) -> Result<Reply, Stop> {
    if mask > 7 {
        return Err(PosixError::InvalidArgument.into());
    }
    let inode = load_inode(view, ino)?;
    if mask & WRITE != 0 && inode.flags.has_any(InodeFlags::IMMUTABLE) {
        return Err(PosixError::NotPermitted.into());
    }
    if access::is_granted(view, ino, &inode, u16::from(mask), credentials)? {
        Ok(Reply::Granted)
    } else {
        Err(PosixError::AccessDenied.into())
    }
}

#[cfg(test)]
mod tests;
