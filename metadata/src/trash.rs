//! The trash: what would lose its last name gets one below `/.trash` instead (decision 27).
//!
//! **Invariant.** Directories of the trash are made with the owner, mode and access list of those they stand for, and another one beside it where that is
//! not so any more: what is in it can be reached by those who could reach it before.

mod hour;

use std::ops::ControlFlow;

use self::hour::Hour;
use crate::change::{Happened, Name};
use crate::fault::Fault;
use crate::keys;
use crate::limits::NAME_BYTES_MAX;
use crate::ops::directory::{Directory, NewInode};
use crate::ops::{Context, Stop};
use crate::outcome::PosixError;
use crate::paths;
use crate::permission::acl;
use crate::quota::owners;
use crate::record::{DirectoryBody, Inode, InodeBody, OrderEntry, Place, Trash};
use crate::store::View;
use crate::types::{Cookie, FileKind, FileName, InodeId, Mode, Timestamp};
use crate::xattr;

/// What it is called, in the root directory.
pub(crate) const NAME: &[u8] = b".trash";
/// What it may be used for, at first.
pub(crate) const MODE: u32 = 0o755;
/// Names that are tried for one that is taken.
const ATTEMPTS_MAX: usize = 64;
/// Directories that are made for one name; of what is deeper the path is not kept.
const DEPTH_MAX: usize = 100;
/// How far up it is looked for the trash.
const ABOVE_MAX: usize = 4096;
/// In an hour, for root: what is kept without its path, because that is too deep, somebody has taken its names, or the directories
/// would be more than their owner may have.
const PATHLESS: &[u8] = b"#";
const PATHLESS_MODE: u32 = 0o700;

/// Whether this is the trash, which stays where it is.
pub(crate) fn is_root_of(context: &Context<'_>, ino: InodeId) -> bool {
    context
        .volume
        .trash
        .is_some_and(|trash| trash.directory == ino)
}

/// Whether an inode that is about to lose a name in a directory goes to the trash.
pub(crate) fn takes(
    context: &Context<'_>,
    directory: InodeId,
    inode: &Inode,
) -> Result<bool, Stop> {
    let Some(trash) = context.volume.trash else {
        return Ok(false);
    };
    if inode.nlink != 1 || inode.kind() == FileKind::Directory {
        return Ok(false);
    }
    let is_there = match Directory::load(context, trash.directory) {
        Ok(directory) => directory.inode.nlink > 0,
        Err(Stop::Posix(_)) => false,
        Err(stop) => return Err(stop),
    };
    Ok(is_there && !is_below(context, directory, trash.directory)?)
}

/// Gives an inode that has lost its last name one in the trash. The name is gone already, and the inode as it was. Answers whether
/// there was a place for it.
pub(crate) fn keep(
    context: &mut Context<'_>,
    (name, gone): (&FileName, Place),
    ino: InodeId,
    inode: &Inode,
) -> Result<bool, Stop> {
    let Some(trash) = context.volume.trash else {
        return Ok(false);
    };
    // A removal is not refused because of the directories that it makes.
    context.ledger.pass_limits();
    let Some(hour) = hour(context, trash)? else {
        return Ok(false);
    };
    let mut found = None;
    if let Some(place) = place_like(context, hour, gone.directory)? {
        let directory = Directory::load(context, place)?;
        found = free_name(context, directory, name, &format!("~{ino}"))?;
    }
    if found.is_none() {
        found = pathless(context, hour, ino)?;
    }
    let Some((mut directory, new_name)) = found else {
        return Ok(false);
    };
    let (kind, mut inode, place) = (inode.kind(), inode.clone(), directory.ino);
    let was = inode.places.change(gone, directory.next_place());
    inode.ctime = context.now;
    context.ledger.change_tree(&inode, directory.inode.tree);
    inode.tree = directory.inode.tree;
    directory.add(context, &new_name, ino, kind)?;
    directory.store(context);
    context.put_inode(ino, &inode);
    context.tell(ino, kind, was, || Happened::Renamed {
        from: Name::new(gone.directory, name),
        to: Name::new(place, &new_name),
    });
    Ok(true)
}

/// The directories of hours that were kept for long enough, the earliest that was made first.
pub(crate) fn over(
    view: &(impl View + ?Sized),
    trash: Trash,
    now: Timestamp,
) -> Result<Vec<(FileName, InodeId)>, Fault> {
    let (start, end) = keys::orders_of(trash.directory);
    let mut over = Vec::new();
    view.scan(&start, &end, &mut |_, value| {
        let entry = OrderEntry::decode(value)?;
        let hour = Hour::named(&entry.name).filter(|_| entry.kind == FileKind::Directory);
        let keep = i64::try_from(trash.keep_seconds).unwrap_or(i64::MAX);
        if hour.is_some_and(|hour| hour.end().saturating_add(keep) <= now.seconds) {
            over.push((entry.name, entry.ino));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(over)
}

/// The hour of a time, as the record of a volume has it.
pub(crate) fn hour_of(time: Timestamp) -> i64 {
    Hour::of(time).number()
}

/// The directory of this hour, made as the trash is; none if there is no place for it.
fn hour(context: &mut Context<'_>, trash: Trash) -> Result<Option<InodeId>, Stop> {
    let name = FileName::new(Hour::numbered(trash.hour).name().as_bytes())?;
    let parent = Directory::load(context, trash.directory)?;
    match parent.find(context, &name)? {
        Some(found) => Ok((found.kind == FileKind::Directory).then_some(found.ino)),
        None if parent.check_may_add().is_err() => Ok(None),
        None => {
            let model = parent.inode.clone();
            make_like(context, parent, &name, (trash.directory, &model)).map(Some)
        }
    }
}

/// A directory in an hour that stands for another one; none if that has no place there.
fn place_like(
    context: &mut Context<'_>,
    hour: InodeId,
    directory: InodeId,
) -> Result<Option<InodeId>, Stop> {
    let mut place = hour;
    let Some(way) = way(context, directory)? else {
        return Ok(None);
    };
    for (original, name) in way {
        match like(context, place, original, &name)? {
            Some(next) => place = next,
            None => return Ok(None),
        }
    }
    Ok(Some(place))
}

/// A name by the number alone, where only root looks; none if there is no place for it.
fn pathless(
    context: &mut Context<'_>,
    hour: InodeId,
    ino: InodeId,
) -> Result<Option<(Directory, FileName)>, Stop> {
    let name = FileName::new(PATHLESS)?;
    let parent = Directory::load(context, hour)?;
    let place = match parent.find(context, &name)? {
        Some(found) if found.kind == FileKind::Directory => found.ino,
        None if parent.check_may_add().is_ok() => {
            let model = Inode {
                mode: Mode::new(PATHLESS_MODE),
                uid: 0,
                gid: 0,
                xattrs: 0,
                ..parent.inode.clone()
            };
            make_like(context, parent, &name, (hour, &model))?
        }
        Some(_) | None => return Ok(None),
    };
    let directory = Directory::load(context, place)?;
    let name = FileName::new(format!("#{ino}").as_bytes())?;
    free_name(context, directory, &name, "")
}

/// The directories from the root down to this one, without the root, and what they are called; none if they are too many.
fn way(
    context: &Context<'_>,
    directory: InodeId,
) -> Result<Option<Vec<(InodeId, FileName)>>, Stop> {
    let mut way = Vec::new();
    let mut next = directory;
    while next != InodeId::ROOT {
        if way.len() == DEPTH_MAX {
            return Ok(None);
        }
        let listed = paths::listed(&*context.state, next)?;
        let (name, above) = if let Some(name) = listed {
            (name.name, name.directory)
        } else {
            // Of a version that did not note it.
            let name = FileName::new(format!("#{next}").as_bytes())?;
            (name, Directory::load(context, next)?.parent())
        };
        way.push((next, name));
        next = above;
    }
    way.reverse();
    Ok(Some(way))
}

/// A directory that is as another one is now, under that name or one like it; none if somebody has taken all of those, or it may not be made.
fn like(
    context: &mut Context<'_>,
    parent: InodeId,
    original: InodeId,
    name: &FileName,
) -> Result<Option<InodeId>, Stop> {
    let model = context.inode(original)?;
    let parent = Directory::load(context, parent)?;
    for number in 0..ATTEMPTS_MAX {
        let name = with_suffix(name, &numbered("", number))?;
        let Some(found) = parent.find(context, &name)? else {
            if parent.check_may_add().is_err() || !owners::have_room(context, &model)? {
                return Ok(None);
            }
            return make_like(context, parent, &name, (original, &model)).map(Some);
        };
        if found.kind == FileKind::Directory {
            let inode = context.inode(found.ino)?;
            if are_rights_equal(context, (original, &model), (found.ino, &inode))? {
                return Ok(Some(found.ino));
            }
        }
    }
    Ok(None)
}

fn make_like(
    context: &mut Context<'_>,
    mut parent: Directory,
    name: &FileName,
    (original, model): (InodeId, &Inode),
) -> Result<InodeId, Stop> {
    let new = NewInode {
        body: InodeBody::Directory(DirectoryBody {
            parent: parent.ino,
            next_cookie: Cookie::FIRST,
        }),
        mode: model.mode,
        umask: Mode::default(),
        device: 0,
    };
    let ino = parent.make(context, name, new)?.ino;
    parent.store(context);
    let mut inode = context.inode(ino)?;
    let maker = (inode.uid, inode.gid);
    (inode.uid, inode.gid, inode.mode) = (model.uid, model.gid, model.mode);
    context.ledger.change_owner(ino, maker, &inode);
    for list in [acl::ACCESS, acl::DEFAULT] {
        xattr::remove(context.state, ino, &mut inode, list)?;
    }
    if let Some(list) = xattr::load(context.state, original, model, acl::ACCESS)? {
        xattr::store(context.state, ino, &mut inode, acl::ACCESS, &list)?;
    }
    context.put_inode(ino, &inode);
    Ok(ino)
}

fn are_rights_equal(
    context: &Context<'_>,
    (one, first): (InodeId, &Inode),
    (other, second): (InodeId, &Inode),
) -> Result<bool, Stop> {
    let rights = |inode: &Inode| (inode.uid, inode.gid, inode.mode);
    let list = |ino, inode| xattr::load(context.state, ino, inode, acl::ACCESS);
    Ok(rights(first) == rights(second) && list(one, first)? == list(other, second)?)
}

/// A name in a directory, or one with something behind it, that is not there; none if somebody has taken all of those.
fn free_name(
    context: &Context<'_>,
    directory: Directory,
    name: &FileName,
    suffix: &str,
) -> Result<Option<(Directory, FileName)>, Stop> {
    if directory.check_may_add().is_err() {
        return Ok(None);
    }
    if directory.find(context, name)?.is_none() {
        return Ok(Some((directory, name.clone())));
    }
    for number in usize::from(suffix.is_empty())..ATTEMPTS_MAX {
        let name = with_suffix(name, &numbered(suffix, number))?;
        if directory.find(context, &name)?.is_none() {
            return Ok(Some((directory, name)));
        }
    }
    Ok(None)
}

fn numbered(suffix: &str, number: usize) -> String {
    if number == 0 {
        suffix.to_owned()
    } else {
        format!("{suffix}~{number}")
    }
}

/// The name with something behind it, cut off before that if it is too long; not within a character of UTF-8.
fn with_suffix(name: &FileName, suffix: &str) -> Result<FileName, PosixError> {
    let bytes = name.as_bytes();
    let mut length = bytes.len().min(NAME_BYTES_MAX - suffix.len());
    let is_inside = |length: usize| bytes.get(length).is_some_and(|byte| byte & 0xc0 == 0x80);
    if std::str::from_utf8(bytes).is_ok() {
        while is_inside(length) {
            length -= 1;
        }
    }
    let kept = bytes.get(..length).unwrap_or(bytes);
    FileName::new(&[kept, suffix.as_bytes()].concat())
}

fn is_below(context: &Context<'_>, mut place: InodeId, directory: InodeId) -> Result<bool, Stop> {
    for _ in 0..ABOVE_MAX {
        if place == directory {
            return Ok(true);
        }
        if place == InodeId::ROOT {
            break;
        }
        place = Directory::load(context, place)?.parent();
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
