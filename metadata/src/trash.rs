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
use crate::record::{DirectoryBody, Inode, InodeBody, OrderEntry, Place, Trash};
use crate::store::View;
use crate::types::{Cookie, FileKind, FileName, InodeId, Mode, Timestamp};
use crate::xattr;

/// What it is called, in the root directory.
pub(crate) const NAME: &[u8] = b".trash";
/// What it may be used for, at first.
pub(crate) const MODE: u32 = 0o755;
/// Names that are tried: whoever takes all of them has what is his removed, not everybody else waiting.
const ATTEMPTS_MAX: usize = 64;

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

/// Gives an inode that has lost its last name, `from`, one in the trash. The name is gone already, and the inode as it was. Answers whether
/// there was a place for it.
pub(crate) fn keep(
    context: &mut Context<'_>,
    (from, gone): (&Name, Place),
    ino: InodeId,
    inode: &Inode,
) -> Result<bool, Stop> {
    let Some(trash) = context.volume.trash else {
        return Ok(false);
    };
    // A removal is not refused because of the directories that it makes.
    context.ledger.pass_limits();
    // As the trash is: whoever opens it for others, or closes it, does so for the hours to come.
    let hour = FileName::new(Hour::of(context.now).name().as_bytes())?;
    let mut way = way(context, from.directory)?;
    way.insert(0, (trash.directory, hour));
    let mut place = trash.directory;
    for (original, name) in way {
        match like(context, place, original, &name)? {
            Some(next) => place = next,
            None => return Ok(false),
        }
    }
    let mut directory = Directory::load(context, place)?;
    let Some(name) = free_name(context, &directory, &from.name, ino)? else {
        return Ok(false);
    };
    let (kind, mut inode) = (inode.kind(), inode.clone());
    let was = inode.places.change(gone, directory.next_place());
    inode.ctime = context.now;
    context.ledger.change_tree(&inode, directory.inode.tree);
    inode.tree = directory.inode.tree;
    directory.add(context, &name, ino, kind)?;
    let to = directory.named(&name);
    directory.store(context);
    context.put_inode(ino, &inode);
    let from = from.clone();
    context.tell(ino, kind, was, || Happened::Renamed { from, to });
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

/// The directories from the root down to this one, without the root, and what they are called.
fn way(context: &Context<'_>, directory: InodeId) -> Result<Vec<(InodeId, FileName)>, Stop> {
    let mut way = Vec::new();
    let mut next = directory;
    while next != InodeId::ROOT {
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
    Ok(way)
}

/// A directory that is as another one is now, under that name or one like it; none if somebody has taken all of those.
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

/// The name, or one with the number of the inode, that is not there; none if somebody has taken all of those.
fn free_name(
    context: &Context<'_>,
    directory: &Directory,
    name: &FileName,
    ino: InodeId,
) -> Result<Option<FileName>, Stop> {
    if directory.find(context, name)?.is_none() {
        return Ok(Some(name.clone()));
    }
    let own = format!("~{ino}");
    for number in 0..ATTEMPTS_MAX {
        let name = with_suffix(name, &numbered(&own, number))?;
        if directory.find(context, &name)?.is_none() {
            return Ok(Some(name));
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

/// The name with something behind it, cut off before that if it is too long.
fn with_suffix(name: &FileName, suffix: &str) -> Result<FileName, PosixError> {
    let bytes = name.as_bytes();
    let length = bytes.len().min(NAME_BYTES_MAX - suffix.len());
    let kept = bytes.get(..length).unwrap_or(bytes);
    FileName::new(&[kept, suffix.as_bytes()].concat())
}

fn is_below(context: &Context<'_>, mut place: InodeId, directory: InodeId) -> Result<bool, Stop> {
    while place != InodeId::ROOT {
        if place == directory {
            return Ok(true);
        }
        place = Directory::load(context, place)?.parent();
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
