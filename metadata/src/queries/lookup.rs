//! Where a name leads, and where `..` leads.

use crate::fault::Fault;
use crate::keys;
use crate::ops::{Stop, load_inode};
use crate::outcome::{PosixError, Reply};
use crate::record::{Dentry, InodeBody};
use crate::store::View;
use crate::types::{FileKind, FileName, InodeId};

pub(crate) fn by_name(view: &dyn View, parent: InodeId, name: &FileName) -> Result<Reply, Stop> {
    let mut found = None;
    view.with_value(&keys::dentry(parent, name.as_bytes()), &mut |bytes| {
        found = Some(Dentry::decode(bytes));
    })?;
    let Some(dentry) = found.transpose()? else {
        return Err(why_not_found(view, parent)?.into());
    };
    let inode = match load_inode(view, dentry.ino) {
        Err(Stop::Posix(_)) => {
            return Err(Fault::corrupt("dentry record", format!("no inode {}", dentry.ino)).into());
        }
        other => other?,
    };
    Ok(Reply::Attributes(inode.attributes(dentry.ino)))
}

/// A name is missing because it is, or because its directory is not there or is not one.
fn why_not_found(view: &dyn View, parent: InodeId) -> Result<PosixError, Stop> {
    let directory = load_inode(view, parent)?;
    Ok(if directory.kind() == FileKind::Directory {
        PosixError::NotFound
    } else {
        PosixError::NotDirectory
    })
}

pub(crate) fn parent(view: &dyn View, ino: InodeId) -> Result<Reply, Stop> {
    let InodeBody::Directory(body) = load_inode(view, ino)?.body else {
        return Err(PosixError::NotDirectory.into());
    };
    let above = load_inode(view, body.parent)?;
    Ok(Reply::Attributes(above.attributes(body.parent)))
}
