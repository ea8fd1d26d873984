//! `renameat2(2)`: moves or exchanges names.
//!
//! **Invariant.** A directory never becomes its own ancestor: before a directory moves below another,
//! the way from its new place up to the root is walked, and apply is sequential, so no other rename
//! can slip in between.

use super::directory::{self, Directory, NewInode, check_seen, drop_link, linked_inode};
use super::{Context, Stop, check_changeable};
use crate::change::{Happened, Name, Was};
use crate::command::Rename;
use crate::outcome::{Answer, PosixError};
use crate::record::{Dentry, Inode, InodeBody, Place};
use crate::trash;
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
    // Under another name at the same place.
    let place = directory.place(moved.cookie);
    directory.store(context);
    let was = arrive(context, moved.ino, inode, (place, place));
    tell(context, rename, moved, was, None);
    Ok(Answer::Renamed { orphaned: None })
}

fn move_to_new_name(
    context: &mut Context<'_>,
    rename: &Rename,
    moved: Dentry,
) -> Result<Answer, Stop> {
    let inode = check_may_move(context, moved, rename.new_parent)?;
    check_seen(rename.seen, None)?;
    let (from, whiteout) = leave(context, rename, moved)?;
    let mut target = Directory::load(context, rename.new_parent)?;
    let place = target.next_place();
    target.add(context, &rename.new_name, moved.ino, moved.kind)?;
    target.store(context);
    let was = arrive(context, moved.ino, inode, (from, place));
    tell(context, rename, moved, was, whiteout);
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
    if trash::is_root_of(context, replaced.ino) {
        return Err(PosixError::NotPermitted.into());
    }
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
    let is_kept = trash::takes(context, rename.new_parent, &victim)?;
    let (from, whiteout) = leave(context, rename, moved)?;
    let mut target = Directory::load(context, rename.new_parent)?;
    target.redirect(context, &rename.new_name, replaced, moved.ino, moved.kind)?;
    let place = target.place(replaced.cookie);
    target.store(context);
    let was = arrive(context, moved.ino, inode, (from, place));
    let gone = (&rename.new_name, place);
    let orphaned = if is_kept && trash::keep(context, gone, replaced.ino, &victim)? {
        false
    } else {
        drop_link(context, replaced.ino, victim, gone)?
    };
    tell(context, rename, moved, was, whiteout);
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
    let first_place = source.place(first.cookie);
    source.store(context);
    let mut target = Directory::load(context, rename.new_parent)?;
    target.redirect(context, &rename.new_name, second, first.ino, first.kind)?;
    let second_place = target.place(second.cookie);
    target.store(context);
    let was = arrive(context, first.ino, first_inode, (first_place, second_place));
    let other_was = arrive(
        context,
        second.ino,
        second_inode,
        (second_place, first_place),
    );
    context.tell(first.ino, first.kind, was, || Happened::Exchanged {
        from: name(rename),
        to: new_name(rename),
        other: second.ino,
        other_was,
    });
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
    if trash::is_root_of(context, moved.ino) {
        return Err(PosixError::NotPermitted.into());
    }
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

/// Takes the old name away, or leaves a whiteout under it; answers where it was, and the whiteout.
fn leave(
    context: &mut Context<'_>,
    rename: &Rename,
    moved: Dentry,
) -> Result<(Place, Option<InodeId>), Stop> {
    let mut source = Directory::load(context, rename.parent)?;
    let place = source.place(moved.cookie);
    let mut left = None;
    if rename.flags.whiteout {
        let whiteout = NewInode {
            body: InodeBody::CharacterDevice,
            mode: Mode::default(),
            umask: Mode::default(),
            device: 0,
        };
        let (ino, inode) = directory::new_inode(context, &source, place, whiteout)?;
        source.redirect(context, &rename.name, moved, ino, inode.kind())?;
        left = Some(ino);
    } else {
        source.remove(context, &rename.name, moved)?;
    }
    source.store(context);
    Ok((place, left))
}

/// The moved inode notes the change and where it is listed, and a directory its new parent. Answers how it was known.
fn arrive(
    context: &mut Context<'_>,
    ino: InodeId,
    mut inode: Inode,
    (from, to): (Place, Place),
) -> Was {
    inode.ctime = context.now;
    let was = inode.places.change(from, to);
    if let InodeBody::Directory(body) = &mut inode.body {
        body.parent = to.directory;
    }
    context.put_inode(ino, &inode);
    was
}

fn tell(
    context: &mut Context<'_>,
    rename: &Rename,
    moved: Dentry,
    was: Was,
    whiteout: Option<InodeId>,
) {
    context.tell(moved.ino, moved.kind, was, || Happened::Renamed {
        from: name(rename),
        to: new_name(rename),
    });
    if let Some(ino) = whiteout {
        context.tell(ino, FileKind::CharacterDevice, Was::Unknown, || {
            Happened::Made(name(rename))
        });
    }
}

fn name(rename: &Rename) -> Name {
    Name::new(rename.parent, &rename.name)
}

fn new_name(rename: &Rename) -> Name {
    Name::new(rename.new_parent, &rename.new_name)
}
