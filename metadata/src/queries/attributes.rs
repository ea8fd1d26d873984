//! The attributes of an inode.

use crate::ops::{Stop, load_inode};
use crate::outcome::Reply;
use crate::store::View;
use crate::types::InodeId;

pub(crate) fn answer(view: &dyn View, ino: InodeId) -> Result<Reply, Stop> {
    let inode = load_inode(view, ino)?;
    Ok(Reply::Attributes(inode.attributes(ino)))
}
