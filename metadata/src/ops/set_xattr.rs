//! `setxattr`.

use super::{Context, Stop, check_changeable};
use crate::change::{Happened, Was};
use crate::command::{SetXattr, SetXattrMode};
use crate::limits::XATTR_VALUE_BYTES_MAX;
use crate::outcome::{Answer, PosixError};
use crate::permission::acl;
use crate::record::Inode;
use crate::types::FileKind;
use crate::xattr::{self, Namespace};

/// Access lists pay no heed to the flags of `setxattr`, as in the kernel.
pub(crate) fn apply(context: &mut Context<'_>, command: &SetXattr) -> Result<Answer, Stop> {
    let namespace = Namespace::of(&command.name)?;
    if command.value.len() > XATTR_VALUE_BYTES_MAX {
        return Err(PosixError::TooBig.into());
    }
    let mut inode = context.inode(command.ino)?;
    check_changeable(&inode)?;
    check_kind(namespace, inode.kind())?;
    match namespace {
        Namespace::AccessList => {
            acl::set_access(context, command.ino, &mut inode, &command.value)?;
        }
        Namespace::DefaultAccessList => {
            acl::set_default(context, command.ino, &mut inode, &command.value)?;
        }
        Namespace::User | Namespace::Trusted | Namespace::Security => {
            set_plain(context, &mut inode, command)?;
        }
    }
    inode.ctime = context.now;
    context.put_inode(command.ino, &inode);
    context.tell(command.ino, inode.kind(), Was::Otherwise, || {
        Happened::Attributes
    });
    Ok(Answer::Done)
}

/// Permission bits say who may write the content of files and directories; of other kinds they say
/// something else, so nobody's user attributes are there (`xattr_permission` in the kernel).
pub(super) fn check_kind(namespace: Namespace, kind: FileKind) -> Result<(), PosixError> {
    let has_content = matches!(kind, FileKind::Regular | FileKind::Directory);
    if namespace == Namespace::User && !has_content {
        return Err(PosixError::NotPermitted);
    }
    Ok(())
}

fn set_plain(context: &mut Context<'_>, inode: &mut Inode, command: &SetXattr) -> Result<(), Stop> {
    let exists = xattr::exists(context.state, command.ino, inode, &command.name)?;
    match (command.mode, exists) {
        (SetXattrMode::Create, true) => Err(PosixError::Exists.into()),
        (SetXattrMode::Replace, false) => Err(PosixError::NoAttribute.into()),
        (SetXattrMode::Either, _)
        | (SetXattrMode::Create, false)
        | (SetXattrMode::Replace, true) => {
            xattr::store(
                context.state,
                command.ino,
                inode,
                &command.name,
                &command.value,
            )?;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
