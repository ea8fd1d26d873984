//! `unlink(2)`: removes a name of anything but a directory.

use super::directory::{Directory, drop_link, linked_inode};
use super::{Context, Stop, check_changeable};
use crate::change::Happened;
use crate::command::Unlink;
use crate::outcome::{Answer, PosixError};
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
    context.tell(dentry.ino, dentry.kind, || {
        Happened::Removed(directory.named(&unlink.name))
    });
    directory.remove(context, &unlink.name, dentry)?;
    let place = directory.place(dentry.cookie);
    directory.store(context);
    let orphaned = drop_link(context, dentry.ino, inode, place)?;
    Ok(Answer::Removed {
        ino: dentry.ino,
        orphaned,
    })
}
