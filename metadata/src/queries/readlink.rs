//! The target of a symlink.

use crate::ops::{Stop, load_inode};
use crate::outcome::{PosixError, Reply};
use crate::record::InodeBody;
use crate::store::View;
use crate::types::InodeId;

pub(crate) fn answer(view: &dyn View, ino: InodeId) -> Result<Reply, Stop> {
    let inode = load_inode(view, ino)?;
    let attributes = inode.attributes(ino);
    match inode.body {
        InodeBody::Symlink(target) => Ok(Reply::Target { target, attributes }),
        _ => Err(PosixError::InvalidArgument.into()),
    }
}
