//! `link(2)`: one more name for an inode.

use super::directory::Directory;
use super::{Context, Stop, check_changeable};
use crate::change::{Happened, Name};
use crate::command::Link;
use crate::limits::LINKS_MAX;
use crate::outcome::{Answer, PosixError};
use crate::types::FileKind;

pub(crate) fn apply(context: &mut Context<'_>, link: &Link) -> Result<Answer, Stop> {
    let mut inode = context.inode(link.ino)?;
    let mut directory = Directory::load(context, link.parent)?;
    if directory.find(context, &link.name)?.is_some() {
        return Err(PosixError::Exists.into());
    }
    if inode.kind() == FileKind::Directory {
        return Err(PosixError::NotPermitted.into());
    }
    check_changeable(&inode)?;
    directory.check_may_add()?;
    // An orphan stays one: whoever reclaims it must be sure that it gets no name again.
    if inode.nlink == 0 {
        return Err(PosixError::NotFound.into());
    }
    if inode.tree != directory.inode.tree {
        return Err(PosixError::CrossDevice.into());
    }
    if inode.nlink >= LINKS_MAX {
        return Err(PosixError::TooManyLinks.into());
    }
    inode.nlink += 1;
    inode.ctime = context.now;
    let was = inode.places.add(directory.next_place());
    context.put_inode(link.ino, &inode);
    directory.add(context, &link.name, link.ino, inode.kind())?;
    context.tell(link.ino, inode.kind(), was, || {
        Happened::Linked(Name::new(link.parent, &link.name))
    });
    directory.store(context);
    Ok(Answer::Entry {
        attributes: inode.attributes(link.ino),
        created: false,
    })
}
