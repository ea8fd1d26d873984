//! `chattr`: the flags of an inode, and its project.

use super::{Context, Stop};
use crate::change::{Happened, Was};
use crate::command::SetFlags;
use crate::outcome::{Answer, PosixError};
use crate::types::InodeFlags;

/// Flags do not protect an inode from having its flags changed, but only the superuser takes away
/// or gives what makes it immutable or append-only, and only the owner the rest.
pub(crate) fn apply(context: &mut Context<'_>, command: SetFlags) -> Result<Answer, Stop> {
    let mut inode = context.inode(command.ino)?;
    if !context.credentials.is_superuser() {
        let changed = inode.flags.bits() ^ command.flags.bits();
        let protects = changed & (InodeFlags::IMMUTABLE | InodeFlags::APPEND) != 0;
        if protects || context.credentials.uid != inode.uid {
            return Err(PosixError::NotPermitted.into());
        }
    }
    inode.flags = command.flags;
    inode.project = command.project.unwrap_or(inode.project);
    inode.ctime = context.now;
    context.put_inode(command.ino, &inode);
    context.tell(command.ino, inode.kind(), Was::Otherwise, || {
        Happened::Attributes
    });
    Ok(Answer::Attributes(inode.attributes(command.ino)))
}

#[cfg(test)]
mod tests;
