//! `/lost+found`: names for inodes that have lost theirs.

use std::ops::ControlFlow;

use super::directories::COOKIE_MAX;
use super::mend::Mend;
use super::report::{MENDS_MAX, Report};
use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::record::{Dentry, DirectoryBody, Inode, InodeBody, OrderEntry, Place, Places, Volume};
use crate::state_machine::load_volume;
use crate::store::{Transaction, View};
use crate::types::{Cookie, FileKind, FileName, InodeFlags, InodeId, Mode, OwnerCount, Timestamp};

const NAME: &[u8] = b"lost+found";
/// Who had access to what is in it is known of the inodes, not of the directories that led there.
const MODE: u32 = 0o700;
/// What group and others may do.
const OF_OTHERS: u16 = 0o077;
/// Where numbers of inodes come first.
const OF_INODES: [Prefix; 7] = [
    Prefix::Inode,
    Prefix::Dentry,
    Prefix::Order,
    Prefix::Extent,
    Prefix::Xattr,
    Prefix::Orphan,
    Prefix::Quota,
];

/// What gives an inode without a name one, if there is a place for it: it counts in no quota tree, and whoever cannot see it now must not
/// see it there.
pub(super) fn mend(
    view: &dyn View,
    report: &Report<'_>,
    ino: InodeId,
    inode: &Inode,
) -> Result<Option<Mend>, Fault> {
    if !report.is_of_mends() {
        return Ok(None);
    }
    let place = match find(view)? {
        Found::Nothing if may_make(view)? => with_room(view, InodeId::ROOT)?,
        Found::Directory(ino) => with_room(view, ino)?.filter(is_private),
        Found::Nothing | Found::SomethingElse => None,
    };
    let is_fit = place.is_some_and(|place| place.tree.is_none()) && inode.tree.is_none();
    Ok((is_fit && ino != InodeId::ROOT).then_some(Mend::Rescue(ino)))
}

/// A new directory has a number, and must not have to be counted.
fn may_make(view: &dyn View) -> Result<bool, Fault> {
    match load_volume(view) {
        Ok(Some(volume)) if volume.owners == OwnerCount::Off => {
            Ok(new_inode(unused(view, &volume)?).is_some())
        }
        Ok(_) | Err(Fault::Corrupt { .. }) => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// A directory that takes all that may be given a name at once.
fn with_room(view: &dyn View, ino: InodeId) -> Result<Option<Inode>, Fault> {
    let Some(inode) = directory(view, ino)? else {
        return Ok(None);
    };
    let last = next_place(view, ino, &inode)?
        .0
        .saturating_add(MENDS_MAX as u64);
    Ok((last < COOKIE_MAX.0).then_some(inode))
}

fn is_private(inode: &Inode) -> bool {
    inode.uid == 0 && inode.mode.bits() & OF_OTHERS == 0
}

/// Gives the inode a name.
pub(super) fn name(state: &mut dyn Transaction, ino: InodeId, now: Timestamp) -> Result<(), Fault> {
    let place = match find(state)? {
        Found::Nothing => make(state, now)?,
        Found::Directory(place) => place,
        Found::SomethingElse => return Ok(()),
    };
    let Some(value) = state.get(&keys::inode(ino))? else {
        return Ok(());
    };
    let mut inode = Inode::decode(&value)?;
    match &mut inode.body {
        InodeBody::Directory(body) => {
            body.parent = place;
            // One that says 0 was removed, and was empty then.
            inode.nlink = inode.nlink.max(2);
        }
        _ => inode.nlink = 1,
    }
    inode.ctime = now;
    let mut name = format!("#{ino}");
    while state.contains(&keys::dentry(place, name.as_bytes()))? {
        name.push('~');
    }
    let entry = (ino, inode.kind());
    inode.places = Places::of(add(state, place, name.as_bytes(), entry, now)?);
    state.put(keys::inode(ino), inode.encode());
    Ok(())
}

enum Found {
    Nothing,
    Directory(InodeId),
    SomethingElse,
}

fn find(view: &(impl View + ?Sized)) -> Result<Found, Fault> {
    let Some(value) = view.get(&keys::dentry(InodeId::ROOT, NAME))? else {
        return Ok(Found::Nothing);
    };
    let dentry = Dentry::decode(&value).ok();
    Ok(match dentry {
        Some(dentry) if dentry.kind == FileKind::Directory => Found::Directory(dentry.ino),
        Some(_) | None => Found::SomethingElse,
    })
}

/// One that has a name.
fn directory(view: &(impl View + ?Sized), ino: InodeId) -> Result<Option<Inode>, Fault> {
    let value = view.get(&keys::inode(ino))?;
    let inode = value.and_then(|value| Inode::decode(&value).ok());
    Ok(inode.filter(|inode| inode.kind() == FileKind::Directory && inode.nlink > 0))
}

fn make(state: &mut dyn Transaction, now: Timestamp) -> Result<InodeId, Fault> {
    let missing = |what: &str| Fault::corrupt(what.to_owned(), "not there");
    let root = directory(state, InodeId::ROOT)?.ok_or_else(|| missing("root directory"))?;
    let mut volume = load_volume(state)?.ok_or_else(|| missing("volume record"))?;
    let sequence = unused(state, &volume)?;
    let ino = new_inode(sequence).ok_or_else(|| missing("an inode number that is not in use"))?;
    volume.next_inode = sequence.saturating_add(1);
    let entry = (ino, FileKind::Directory);
    let place = add(state, InodeId::ROOT, NAME, entry, now)?;
    let inode = Inode {
        mode: Mode::new(MODE),
        flags: InodeFlags::default(),
        uid: 0,
        gid: 0,
        nlink: 2,
        generation: volume.generation,
        device: 0,
        project: 0,
        xattrs: 0,
        size: 0,
        allocated: 0,
        atime: now,
        mtime: now,
        ctime: now,
        btime: now,
        tree: root.tree,
        places: Places::of(place),
        body: InodeBody::Directory(DirectoryBody {
            parent: InodeId::ROOT,
            next_cookie: Cookie::FIRST,
        }),
    };
    volume.inodes += 1;
    state.put(keys::volume(), volume.encode());
    state.put(keys::inode(ino), inode.encode());
    Ok(ino)
}

/// The counter may be behind, and of an inode that is gone something may be left: those rules come later.
fn unused(view: &(impl View + ?Sized), volume: &Volume) -> Result<u64, Fault> {
    let mut sequence = volume.next_inode;
    for prefix in OF_INODES {
        let (start, end) = keys::all(prefix);
        view.scan_back(&start, &end, &mut |key, _| {
            let used = keys::first_number(key).unwrap_or_default();
            sequence = sequence.max(used.saturating_add(1));
            Ok(ControlFlow::Break(()))
        })?;
    }
    Ok(sequence)
}

fn new_inode(sequence: u64) -> Option<InodeId> {
    InodeId::in_shard(InodeId::ROOT.shard(), sequence)
}

/// Adds a name that is not there; answers where it is listed.
fn add(
    state: &mut dyn Transaction,
    parent: InodeId,
    name: &[u8],
    (ino, kind): (InodeId, FileKind),
    now: Timestamp,
) -> Result<Place, Fault> {
    let corrupt = |detail: &str| Fault::corrupt(format!("inode {parent}"), detail.to_owned());
    let name = FileName::new(name).map_err(|_| corrupt("not a name"))?;
    let mut inode = directory(state, parent)?.ok_or_else(|| corrupt("not a directory"))?;
    let cookie = next_place(state, parent, &inode)?;
    let InodeBody::Directory(body) = &mut inode.body else {
        return Err(corrupt("not a directory"));
    };
    body.next_cookie = Cookie(cookie.0.saturating_add(1));
    inode.size += 1;
    inode.nlink += u32::from(kind == FileKind::Directory);
    (inode.mtime, inode.ctime) = (now, now);
    state.put(keys::inode(parent), inode.encode());
    let dentry = Dentry { ino, kind, cookie };
    state.put(keys::dentry(parent, name.as_bytes()), dentry.encode());
    let order = OrderEntry { ino, kind, name };
    state.put(keys::order(parent, cookie), order.encode());
    Ok(Place {
        directory: parent,
        cookie,
    })
}

/// Behind what is listed; the counter may be behind it, and one that is too large is mended before.
fn next_place(
    view: &(impl View + ?Sized),
    parent: InodeId,
    inode: &Inode,
) -> Result<Cookie, Fault> {
    let mut next = match &inode.body {
        InodeBody::Directory(body) if body.next_cookie <= COOKIE_MAX => {
            body.next_cookie.max(Cookie::FIRST)
        }
        _ => Cookie::FIRST,
    };
    let (start, end) = keys::orders_of(parent);
    view.scan_back(&start, &end, &mut |key, _| {
        let cookie = keys::second_number(key).unwrap_or_default();
        next = next.max(Cookie(cookie.saturating_add(1)));
        Ok(ControlFlow::Break(()))
    })?;
    Ok(next)
}
