//! `rmdir(2)`: removes an empty directory.

use super::directory::{Directory, check_seen, drop_link, linked_inode};
use super::{Context, Stop, check_changeable};
use crate::command::Rmdir;
use crate::outcome::{Answer, PosixError};
use crate::trash;
use crate::types::FileKind;

pub(crate) fn apply(context: &mut Context<'_>, rmdir: &Rmdir) -> Result<Answer, Stop> {
    let mut directory = Directory::load(context, rmdir.parent)?;
    let dentry = directory.expect(context, &rmdir.name)?;
    if dentry.kind != FileKind::Directory {
        return Err(PosixError::NotDirectory.into());
    }
    let inode = linked_inode(context, dentry)?;
    // What is permitted comes before what is in it (`may_delete` in the kernel).
    directory.check_may_remove()?;
    check_changeable(&inode)?;
    if trash::is_root_of(context, dentry.ino) {
        return Err(PosixError::NotPermitted.into());
    }
    if inode.size > 0 {
        return Err(PosixError::NotEmpty.into());
    }
    check_seen(rmdir.seen, Some(dentry))?;
    directory.remove(context, &rmdir.name, dentry)?;
    let place = directory.place(dentry.cookie);
    directory.store(context);
    let orphaned = drop_link(context, dentry.ino, inode, (&rmdir.name, place))?;
    Ok(Answer::Removed {
        ino: dentry.ino,
        orphaned,
    })
}
