//! `chmod`, `chown`, `truncate` and `utimensat`, in any combination.

use super::{Context, Stop};
use crate::change::{Happened, Was};
use crate::command::SetAttributes;
use crate::file;
use crate::limits::FILE_BYTES_MAX;
use crate::outcome::{Answer, PosixError};
use crate::permission::{acl, set_id};
use crate::record::Inode;
use crate::types::{FileKind, InodeFlags};

/// Stands for "leave it" in `chown(2)`, and is nobody's number.
const NOBODY: u32 = u32::MAX;

/// The mode comes before owner and size: where the kernel clears set-id bits for a `chown` or a
/// `truncate`, it sends the cleared mode in the same request, and who has no privilege loses the
/// bits whatever mode was sent.
pub(crate) fn apply(context: &mut Context<'_>, command: &SetAttributes) -> Result<Answer, Stop> {
    let mut inode = context.inode(command.ino)?;
    check(context, &inode, command)?;
    if let Some(mode) = command.mode {
        let gid = command.gid.unwrap_or(inode.gid);
        let mode = set_id::permitted(context.credentials, gid, mode);
        acl::chmod(context, command.ino, &mut inode, mode)?;
    }
    if command.uid.is_some() || command.gid.is_some() {
        change_owner(context, &mut inode, command)?;
    }
    if let Some(size) = command.size {
        resize(context, &mut inode, command, size)?;
    }
    inode.atime = command.atime.unwrap_or(inode.atime);
    inode.mtime = command.mtime.unwrap_or(inode.mtime);
    inode.ctime = command.ctime.unwrap_or(context.now);
    context.put_inode(command.ino, &inode);
    if command.size.is_some() {
        context.tell(command.ino, inode.kind(), Was::Otherwise, || {
            Happened::Content
        });
    }
    let has_times = command.atime.is_some() || command.mtime.is_some();
    let has_owner = command.uid.is_some() || command.gid.is_some();
    if command.mode.is_some() || has_owner || (has_times && command.size.is_none()) {
        context.tell(command.ino, inode.kind(), Was::Otherwise, || {
            Happened::Attributes
        });
    }
    Ok(Answer::Attributes(inode.attributes(command.ino)))
}

fn check(context: &Context<'_>, inode: &Inode, command: &SetAttributes) -> Result<(), PosixError> {
    check_flags(context, inode, command)?;
    if command.mode.is_some() && inode.kind() == FileKind::Symlink {
        return Err(PosixError::NotSupported);
    }
    if command.uid == Some(NOBODY) || command.gid == Some(NOBODY) {
        return Err(PosixError::InvalidArgument);
    }
    match command.size {
        Some(size) => check_size(inode.kind(), size),
        None => Ok(()),
    }
}

fn check_size(kind: FileKind, size: u64) -> Result<(), PosixError> {
    match kind {
        FileKind::Regular if size > FILE_BYTES_MAX => Err(PosixError::FileTooLarge),
        FileKind::Regular => Ok(()),
        FileKind::Directory => Err(PosixError::IsDirectory),
        FileKind::Symlink
        | FileKind::Fifo
        | FileKind::Socket
        | FileKind::CharacterDevice
        | FileKind::BlockDevice => Err(PosixError::InvalidArgument),
    }
}

/// Nothing of an immutable inode can be set; of an append-only one nothing but both times to the
/// present, as `utimes(2)` without times does (`may_setattr` in the kernel).
fn check_flags(
    context: &Context<'_>,
    inode: &Inode,
    command: &SetAttributes,
) -> Result<(), PosixError> {
    if inode.flags.has_any(InodeFlags::IMMUTABLE) {
        return Err(PosixError::NotPermitted);
    }
    let sets_times = [command.atime, command.mtime, command.ctime]
        .iter()
        .any(Option::is_some);
    let touches = command.atime == Some(context.now)
        && command.mtime == Some(context.now)
        && command.ctime.is_none_or(|ctime| ctime == context.now);
    let changes = command.mode.is_some()
        || command.uid.is_some()
        || command.gid.is_some()
        || command.size.is_some()
        || sets_times && !touches;
    if changes && inode.flags.has_any(InodeFlags::APPEND) {
        return Err(PosixError::NotPermitted);
    }
    Ok(())
}

/// For the superuser the kernel decides what a `chown` clears and sends it; clearing here as well
/// would break who restores a tree from inside the kernel (overlayfs copies the mode before the
/// owner).
fn change_owner(
    context: &mut Context<'_>,
    inode: &mut Inode,
    command: &SetAttributes,
) -> Result<(), Stop> {
    let before = (inode.uid, inode.gid);
    inode.uid = command.uid.unwrap_or(inode.uid);
    inode.gid = command.gid.unwrap_or(inode.gid);
    context.ledger.change_owner(command.ino, before, inode);
    if !context.credentials.is_superuser() && inode.kind() != FileKind::Directory {
        file::clear_privileges(context, command.ino, inode)?;
    }
    Ok(())
}

/// Sets the times even if the size stays the same, like `ftruncate(2)` on a local filesystem. The
/// superuser takes no more than the file capabilities, which every change of the content costs.
fn resize(
    context: &mut Context<'_>,
    inode: &mut Inode,
    command: &SetAttributes,
    size: u64,
) -> Result<(), Stop> {
    file::truncate(context, command.ino, inode, size)?;
    inode.mtime = context.now;
    let keeps_set_id = context.credentials.is_superuser();
    file::content_changed(context, command.ino, inode, keeps_set_id)?;
    Ok(())
}

#[cfg(test)]
mod tests;
