//! `removexattr`.

use super::set_xattr::check_kind;
use super::{Context, Stop, check_changeable};
use crate::change::{Happened, Was};
use crate::command::RemoveXattr;
use crate::outcome::{Answer, PosixError};
use crate::xattr::{self, Namespace};

/// The mode stays as an access list left it.
pub(crate) fn apply(context: &mut Context<'_>, command: &RemoveXattr) -> Result<Answer, Stop> {
    let namespace = Namespace::of(&command.name)?;
    let mut inode = context.inode(command.ino)?;
    check_changeable(&inode)?;
    check_kind(namespace, inode.kind())?;
    if !xattr::remove(context.state, command.ino, &mut inode, &command.name)? {
        return match namespace {
            // No access list is what was asked for (`set_posix_acl` in the kernel).
            Namespace::AccessList | Namespace::DefaultAccessList => Ok(Answer::Done),
            Namespace::User | Namespace::Trusted | Namespace::Security => {
                Err(PosixError::NoAttribute.into())
            }
        };
    }
    inode.ctime = context.now;
    context.put_inode(command.ino, &inode);
    context.tell(command.ino, inode.kind(), Was::Otherwise, || {
        Happened::Attributes
    });
    Ok(Answer::Done)
}

#[cfg(test)]
mod tests;
