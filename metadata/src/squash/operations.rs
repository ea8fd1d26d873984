//! What the kernel checks before it sends a change.

use super::{EXECUTE, READ, Rights, WRITE};
use crate::command::{Link, Mknod, Operation, Rename, SetAttributes, SetLock};
use crate::ops::{Context, Stop, load_inode};
use crate::outcome::PosixError;
use crate::record::Inode;
use crate::types::{FileKind, FileName, InodeFlags, InodeId, LockMode, LockSpace, Mode, Timestamp};
use crate::xattr::{CAPABILITY, Namespace};

/// What a rename leaves, and everybody may make.
const WHITEOUT: u32 = 0;

/// Refuses what the caller may not do.
pub(crate) fn check_operation(context: &Context<'_>, operation: &Operation) -> Result<(), Stop> {
    let rights = Rights {
        view: &*context.state,
        credentials: context.credentials,
    };
    match operation {
        Operation::Create(create) => may_make(rights, create.parent, &create.name),
        Operation::Mkdir(mkdir) => may_make(rights, mkdir.parent, &mkdir.name),
        Operation::Symlink(symlink) => may_make(rights, symlink.parent, &symlink.name),
        Operation::Mknod(mknod) => may_make_node(rights, mknod),
        Operation::Link(link) => may_link(rights, link),
        Operation::Unlink(unlink) => may_remove(rights, unlink.parent, &unlink.name),
        Operation::Rmdir(rmdir) => may_remove(rights, rmdir.parent, &rmdir.name),
        Operation::Rename(rename) => may_rename(rights, rename),
        Operation::SetAttributes(set) => may_set_attributes(rights, set, context.now),
        Operation::TouchAtime(touch) => rights.demand_of_reader(touch.ino),
        Operation::Write(write) => rights.demand_of_opener(write.ino, WRITE),
        Operation::Fallocate(fallocate) => rights.demand_of_opener(fallocate.ino, WRITE),
        Operation::CopyRange(copy) => {
            rights.demand_of_opener(copy.source, READ)?;
            rights.demand_of_opener(copy.destination, WRITE)
        }
        Operation::SetXattr(set) => may_change_xattr(rights, set.ino, &set.name),
        // The kernel takes them away before somebody writes to a file: that is part of the write.
        Operation::RemoveXattr(remove) if *remove.name == *CAPABILITY => {
            rights.demand_of_opener(remove.ino, WRITE)
        }
        Operation::RemoveXattr(remove) => may_change_xattr(rights, remove.ino, &remove.name),
        Operation::SetLock(set) => may_lock(rights, set),
        // They ask themselves who calls.
        Operation::SetFlags(set) => rights.reach(set.ino).map(drop),
        Operation::SetQuota(_) | Operation::SetOwnerQuota(_)
        // The state of the session, not of files.
        | Operation::Unlock(_)
        | Operation::CancelLock(_)
        | Operation::Sync
        | Operation::OpenSession(_)
        | Operation::CloseSession
        | Operation::RefuseNoSpace => Ok(()),
        // Nobody but an administrator or a leader has anything to do with these.
        Operation::CountOwners(_)
        | Operation::Reclaim(_)
        | Operation::ExpireSession(_)
        | Operation::RefusePastTerm
        | Operation::Load(_)
        | Operation::SetTrash(_)
        | Operation::EmptyTrash(_) => Err(PosixError::NotPermitted.into()),
    }
}

/// `may_create` in the kernel, which looks for the name before.
fn may_make(rights: Rights<'_>, parent: InodeId, name: &FileName) -> Result<(), Stop> {
    if rights.find(parent, name)?.is_none() {
        rights.demand(parent, WRITE | EXECUTE)?;
    }
    Ok(())
}

fn may_make_node(rights: Rights<'_>, mknod: &Mknod) -> Result<(), Stop> {
    if rights.find(mknod.parent, &mknod.name)?.is_some() {
        return Ok(());
    }
    rights.demand(mknod.parent, WRITE | EXECUTE)?;
    match mknod.kind {
        FileKind::CharacterDevice if mknod.device == WHITEOUT => Ok(()),
        FileKind::CharacterDevice | FileKind::BlockDevice => Err(PosixError::NotPermitted.into()),
        FileKind::Regular
        | FileKind::Fifo
        | FileKind::Socket
        | FileKind::Directory
        | FileKind::Symlink => Ok(()),
    }
}

/// A file is open when it is locked: for `fcntl` as the lock needs it, for `flock` in any way.
fn may_lock(rights: Rights<'_>, set: &SetLock) -> Result<(), Stop> {
    match (set.space, set.mode) {
        (LockSpace::Posix, LockMode::Exclusive) => rights.demand_of_opener(set.ino, WRITE),
        (LockSpace::Posix, LockMode::Shared) => rights.demand_of_opener(set.ino, READ),
        (LockSpace::Flock, _) => rights.demand_of_user(set.ino),
    }
}

/// As `fs.protected_hardlinks` has it: of what is somebody else's only plain files that one may read and write.
fn may_link(rights: Rights<'_>, link: &Link) -> Result<(), Stop> {
    if rights.find(link.parent, &link.name)?.is_some() {
        return Ok(());
    }
    let inode = rights.reach(link.ino)?;
    let is_plain = inode.kind() == FileKind::Regular
        && !inode.mode.has(Mode::SET_USER_ID)
        && !(inode.mode.has(Mode::SET_GROUP_ID) && inode.mode.has(Mode::GROUP_EXECUTE));
    let may_use =
        rights.owns(&inode) || is_plain && rights.is_granted(link.ino, &inode, READ | WRITE)?;
    // Of a directory nobody makes another name: the operation says so.
    if !may_use && inode.kind() != FileKind::Directory {
        return Err(PosixError::NotPermitted.into());
    }
    rights.demand(link.parent, WRITE | EXECUTE)?;
    Ok(())
}

fn may_remove(rights: Rights<'_>, parent: InodeId, name: &FileName) -> Result<(), Stop> {
    match rights.find(parent, name)? {
        Some(dentry) => rights.demand_removal(parent, dentry),
        None => Ok(()),
    }
}

/// A directory that gets another one above it is written to: its `..` changes.
fn may_rename(rights: Rights<'_>, rename: &Rename) -> Result<(), Stop> {
    let moved = rights.find(rename.parent, &rename.name)?;
    let replaced = rights.find(rename.new_parent, &rename.new_name)?;
    let Some(moved) = moved else {
        return Ok(());
    };
    let flags = rename.flags;
    match replaced {
        Some(_) if flags.no_replace => return Ok(()),
        Some(replaced) if replaced.ino == moved.ino => return Ok(()),
        None if flags.exchange => return Ok(()),
        Some(_) | None => {}
    }
    rights.demand_removal(rename.parent, moved)?;
    match replaced {
        Some(replaced) => rights.demand_removal(rename.new_parent, replaced)?,
        None => {
            rights.demand(rename.new_parent, WRITE | EXECUTE)?;
        }
    }
    let exchanged = replaced.filter(|_| flags.exchange);
    for dentry in [Some(moved), exchanged].into_iter().flatten() {
        if dentry.kind == FileKind::Directory && rename.parent != rename.new_parent {
            rights.demand(dentry.ino, WRITE)?;
        }
    }
    Ok(())
}

/// `setattr_prepare` in the kernel. A size comes with the times of now, as it does from an open file. The kernel takes set-id bits
/// away before somebody else writes to a file: that is part of the write.
fn may_set_attributes(rights: Rights<'_>, set: &SetAttributes, now: Timestamp) -> Result<(), Stop> {
    let inode = load_inode(rights.view, set.ino)?;
    if !rights.owns(&inode) {
        rights.reach(set.ino)?;
    }
    if set.ctime.is_some_and(|ctime| ctime != now) {
        return Err(PosixError::NotPermitted.into());
    }
    if inode
        .flags
        .has_any(InodeFlags::IMMUTABLE | InodeFlags::APPEND)
    {
        // The operation knows what these allow; the owner alone is asked for here.
        return demand_owner_or_touch(rights, set, &inode, now);
    }
    if set.uid.is_some_and(|uid| uid != inode.uid) || set.uid.is_some() && !rights.owns(&inode) {
        return Err(PosixError::NotPermitted.into());
    }
    let may_give = |gid| gid == inode.gid || rights.credentials.in_group(gid);
    if set
        .gid
        .is_some_and(|gid| !rights.owns(&inode) || !may_give(gid))
    {
        return Err(PosixError::NotPermitted.into());
    }
    if let Some(mode) = set.mode
        && !rights.owns(&inode)
    {
        if !only_loses_privileges(inode.mode, mode) {
            return Err(PosixError::NotPermitted.into());
        }
        rights.demand_of_opener(set.ino, WRITE)?;
    }
    if set.size.is_some() {
        rights.demand_of_opener(set.ino, WRITE)?;
    }
    demand_owner_or_touch(rights, set, &inode, now)
}

fn only_loses_privileges(before: Mode, after: Mode) -> bool {
    let lost = before.bits() & !after.bits();
    let privileges = Mode::SET_USER_ID | Mode::SET_GROUP_ID;
    lost != 0 && lost & !privileges == 0 && before.with(after.bits()) == before
}

/// Times of one's own choice are for the owner; to the present they are also for who may write.
fn demand_owner_or_touch(
    rights: Rights<'_>,
    set: &SetAttributes,
    inode: &Inode,
    now: Timestamp,
) -> Result<(), Stop> {
    let times = [set.atime, set.mtime, set.ctime];
    if rights.owns(inode) || times.iter().all(Option::is_none) {
        return Ok(());
    }
    let is_now = |time: Option<Timestamp>| time.is_none_or(|time| time == now);
    let is_whole = set.atime.is_some() && set.mtime.is_some() || set.size.is_some();
    if !is_whole || !times.into_iter().all(is_now) {
        return Err(PosixError::NotPermitted.into());
    }
    rights.demand_of_opener(set.ino, WRITE)
}

/// `xattr_permission` and what stands behind it in the kernel.
fn may_change_xattr(rights: Rights<'_>, ino: InodeId, name: &[u8]) -> Result<(), Stop> {
    let inode = rights.reach(ino)?;
    let may = match Namespace::of(name)? {
        Namespace::Trusted | Namespace::Security => false,
        Namespace::AccessList | Namespace::DefaultAccessList => rights.owns(&inode),
        Namespace::User => {
            let is_shared = inode.kind() == FileKind::Directory && inode.mode.has(Mode::STICKY);
            if !is_shared || rights.owns(&inode) {
                rights.demand(ino, WRITE)?;
            }
            !is_shared || rights.owns(&inode)
        }
    };
    if may {
        Ok(())
    } else {
        Err(PosixError::NotPermitted.into())
    }
}
