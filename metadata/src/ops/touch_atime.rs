//! Notes that an inode was read.

use super::{Context, Stop};
use crate::command::TouchAtime;
use crate::outcome::Answer;
use crate::types::InodeFlags;

/// Reading is no change: the other times stay, and `chattr +i` does not forbid it.
pub(crate) fn apply(context: &mut Context<'_>, command: TouchAtime) -> Result<Answer, Stop> {
    let mut inode = context.inode(command.ino)?;
    if !inode.flags.has_any(InodeFlags::NO_ATIME) && inode.atime != context.now {
        inode.atime = context.now;
        context.put_inode(command.ino, &inode);
    }
    Ok(Answer::Done)
}

#[cfg(test)]
mod tests;
