//! `unlink(2)`: removes a name of anything but a directory.

use super::directory::{Directory, drop_link, linked_inode};
use super::{Context, Stop, check_changeable};
use crate::command::Unlink;
use crate::outcome::{Answer, PosixError};
use crate::trash;
use crate::types::FileKind;

pub(crate) fn apply(context: &mut Context<'_>, unlink: &Unlink) -> Result<Answer, Stop> {
    let mut directory = Directory::load(context, unlink.parent)?;
    let dentry = directory.expect(context, &unlink.name)?;
    if dentry.kind == FileKind::Directory {
        return Err(PosixError::IsDirectory.into());
    }
    let inode = linked_inode(context, dentry)?;
    directory.check_may_remove()?;
    check_changeable(&inode)?;
    let is_kept = trash::takes(context, unlink.parent, &inode)?;
    directory.remove(context, &unlink.name, dentry)?;
    let place = directory.place(dentry.cookie);
    directory.store(context);
    let orphaned = if is_kept && trash::keep(context, (&unlink.name, place), dentry.ino, &inode)? {
        false
    } else {
        drop_link(context, dentry.ino, inode, (&unlink.name, place))?
    };
    Ok(Answer::Removed {
        ino: dentry.ino,
        orphaned,
    })
}
