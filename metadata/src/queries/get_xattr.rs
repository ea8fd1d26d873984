//! `getxattr`.

use crate::ops::{Stop, load_inode};
use crate::outcome::{PosixError, Reply};
use crate::store::View;
use crate::types::InodeId;
use crate::xattr::{self, Namespace};

/// The value, or `NoAttribute`.
pub(crate) fn answer(view: &dyn View, ino: InodeId, name: &[u8]) -> Result<Reply, Stop> {
    Namespace::of(name)?;
    let inode = load_inode(view, ino)?;
    let value = xattr::load(view, ino, &inode, name)?;
    Ok(Reply::Xattr(value.ok_or(PosixError::NoAttribute)?))
}
