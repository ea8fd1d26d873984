//! `listxattr`.

use crate::ops::{Stop, load_inode};
use crate::outcome::Reply;
use crate::store::View;
use crate::types::InodeId;
use crate::xattr;

/// All names; the kernel leaves out those that the caller must not see.
pub(crate) fn answer(view: &dyn View, ino: InodeId) -> Result<Reply, Stop> {
    let inode = load_inode(view, ino)?;
    Ok(Reply::XattrNames(xattr::names(view, ino, &inode)?))
}
