//! `renameat2(2)`: moves or exchanges names.
//!
//! **Invariant.** A directory never becomes its own ancestor: before a directory moves below another,
//! the way from its new place up to the root is walked, and apply is sequential, so no other rename
//! can slip in between.

use super::directory::{self, Directory, NewInode, check_seen, drop_link, linked_inode};
use super::{Context, Stop, check_changeable};
use crate::command::Rename;
use crate::outcome::{Answer, PosixError};
use crate::record::{Dentry, Inode, InodeBody};
use crate::types::{FileKind, InodeId, Mode};

pub(crate) fn apply(context: &mut Context<'_>, rename: &Rename) -> Result<Answer, Stop> {
    let flags = rename.flags;
    if flags.exchange && (flags.no_replace || flags.whiteout) {
        return Err(PosixError::InvalidArgument.into());
    }
    let source = Directory::load(context, rename.parent)?;
    let target = if rename.new_parent == rename.parent {
        source.clone()
    } else {
        Directory::load(context, rename.new_parent)?
    };
    let moved = source.expect(context, &rename.name)?;
    let replaced = target.find(context, &rename.new_name)?;
    // What is there comes before what is permitted (`do_renameat2` and `vfs_rename` in the kernel).
    match replaced {
        Some(_) if flags.no_replace => return Err(PosixError::Exists.into()),
        // Two names of one inode: both stay (POSIX, rename, DESCRIPTION).
        Some(replaced) if replaced.ino == moved.ino => {
            if !flags.exchange {
                check_seen(rename.seen, Some(replaced))?;
            }
            return Ok(Answer::Renamed { orphaned: None });
        }
        None if flags.exchange => return Err(PosixError::NotFound.into()),
        Some(_) | None => {}
    }
    source.check_may_remove()?;
    target.check_may_add()?;
    if source.inode.tree != target.inode.tree {
        return Err(PosixError::CrossDevice.into());
    }
    let Some(replaced) = replaced else {
        if rename.parent == rename.new_parent && !flags.whiteout {
            return stay_under_new_name(context, rename, source, moved);
        }
        return move_to_new_name(context, rename, moved);
    };
    target.check_may_remove()?;
    if flags.exchange {
        exchange(context, rename, moved, replaced)
    } else {
        replace(context, rename, moved, replaced)
    }
}

fn stay_under_new_name(
    context: &mut Context<'_>,
    rename: &Rename,
    mut directory: Directory,
    moved: Dentry,
) -> Result<Answer, Stop> {
    let inode = check_may_move(context, moved, rename.new_parent)?;
    check_seen(rename.seen, None)?;
    directory.rename(context, &rename.name, &rename.new_name, moved);
    directory.store(context);
    arrive(context, moved.ino, inode, rename.new_parent);
    Ok(Answer::Renamed { orphaned: None })
}

fn move_to_new_name(
    context: &mut Context<'_>,
    rename: &Rename,
    moved: Dentry,
) -> Result<Answer, Stop> {
    let inode = check_may_move(context, moved, rename.new_parent)?;
    check_seen(rename.seen, None)?;
    leave(context, rename, moved)?;
    let mut target = Directory::load(context, rename.new_parent)?;
    target.add(context, &rename.new_name, moved.ino, moved.kind)?;
    target.store(context);
    arrive(context, moved.ino, inode, rename.new_parent);
    Ok(Answer::Renamed { orphaned: None })
}

fn replace(
    context: &mut Context<'_>,
    rename: &Rename,
    moved: Dentry,
    replaced: Dentry,
) -> Result<Answer, Stop> {
    let inode = check_may_move(context, moved, rename.new_parent)?;
    let victim = linked_inode(context, replaced)?;
    // Before what it is and what is in it (`may_delete` in the kernel).
    check_changeable(&victim)?;
    match (moved.kind, replaced.kind) {
        (FileKind::Directory, FileKind::Directory) if victim.size > 0 => {
            return Err(PosixError::NotEmpty.into());
        }
        (FileKind::Directory, FileKind::Directory) => {}
        (FileKind::Directory, _) => return Err(PosixError::NotDirectory.into()),
        (_, FileKind::Directory) => return Err(PosixError::IsDirectory.into()),
        _ => {}
    }
    check_seen(rename.seen, Some(replaced))?;
    leave(context, rename, moved)?;
    let mut target = Directory::load(context, rename.new_parent)?;
    target.redirect(context, &rename.new_name, replaced, moved.ino, moved.kind)?;
    target.store(context);
    arrive(context, moved.ino, inode, rename.new_parent);
    let orphaned = drop_link(context, replaced.ino, victim)?;
    Ok(Answer::Renamed {
        orphaned: orphaned.then_some(replaced.ino),
    })
}

fn exchange(
    context: &mut Context<'_>,
    rename: &Rename,
    first: Dentry,
    second: Dentry,
) -> Result<Answer, Stop> {
    let first_inode = check_may_move(context, first, rename.new_parent)?;
    let second_inode = check_may_move(context, second, rename.parent)?;
    let mut source = Directory::load(context, rename.parent)?;
    source.redirect(context, &rename.name, first, second.ino, second.kind)?;
    source.store(context);
    let mut target = Directory::load(context, rename.new_parent)?;
    target.redirect(context, &rename.new_name, second, first.ino, first.kind)?;
    target.store(context);
    arrive(context, first.ino, first_inode, rename.new_parent);
    arrive(context, second.ino, second_inode, rename.parent);
    Ok(Answer::Renamed { orphaned: None })
}

/// The inode that moves, after the checks of its flags and of the way up from its new directory.
fn check_may_move(
    context: &Context<'_>,
    moved: Dentry,
    new_parent: InodeId,
) -> Result<Inode, Stop> {
    let inode = linked_inode(context, moved)?;
    check_changeable(&inode)?;
    if moved.kind == FileKind::Directory {
        check_not_below(context, new_parent, moved.ino)?;
    }
    Ok(inode)
}

/// Refuses when `place` is `directory` or below it.
fn check_not_below(context: &Context<'_>, place: InodeId, directory: InodeId) -> Result<(), Stop> {
    let mut place = place;
    loop {
        if place == directory {
            return Err(PosixError::InvalidArgument.into());
        }
        if place == InodeId::ROOT {
            return Ok(());
        }
        place = Directory::load(context, place)?.parent();
    }
}

/// Takes the old name away, or leaves a whiteout under it.
fn leave(context: &mut Context<'_>, rename: &Rename, moved: Dentry) -> Result<(), Stop> {
    let mut source = Directory::load(context, rename.parent)?;
    if rename.flags.whiteout {
        let whiteout = NewInode {
            body: InodeBody::CharacterDevice,
            mode: Mode::default(),
            umask: Mode::default(),
            device: 0,
        };
        let (ino, inode) = directory::new_inode(context, &source, whiteout)?;
        source.redirect(context, &rename.name, moved, ino, inode.kind())?;
    } else {
        source.remove(context, &rename.name, moved)?;
    }
    source.store(context);
    Ok(())
}

/// The moved inode notes the change, and a directory its new parent.
fn arrive(context: &mut Context<'_>, ino: InodeId, mut inode: Inode, parent: InodeId) {
    inode.ctime = context.now;
    if let InodeBody::Directory(body) = &mut inode.body {
        body.parent = parent;
    }
    context.put_inode(ino, &inode);
}
