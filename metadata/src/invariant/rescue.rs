//! `/lost+found`: names for inodes that have lost theirs.

use crate::fault::Fault;
use crate::keys;
use crate::record::{Dentry, DirectoryBody, Inode, InodeBody, OrderEntry, Volume};
use crate::state_machine::load_volume;
use crate::store::{Transaction, View};
use crate::types::{Cookie, FileKind, FileName, InodeFlags, InodeId, Mode, Timestamp};

const NAME: &[u8] = b"lost+found";
/// Who had access to what is in it is known of the inodes, not of the directories that led there.
const MODE: u32 = 0o700;

/// Whether an inode of this quota tree can be given a name: there is a directory for it, or room for one. It stays in its tree.
pub(super) fn takes(view: &dyn View, tree: Option<InodeId>) -> Result<bool, Fault> {
    let Some(root) = directory(view, InodeId::ROOT)? else {
        return Ok(false);
    };
    let found = match find(view)? {
        Found::Nothing => Some(root),
        Found::Directory(ino) => directory(view, ino)?,
        Found::SomethingElse => None,
    };
    Ok(found.is_some_and(|found| found.tree == tree))
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
        InodeBody::Directory(body) => body.parent = place,
        _ => inode.nlink = 1,
    }
    inode.ctime = now;
    state.put(keys::inode(ino), inode.encode());
    let mut name = format!("#{ino}");
    while state.contains(&keys::dentry(place, name.as_bytes()))? {
        name.push('~');
    }
    add(state, place, name.as_bytes(), (ino, inode.kind()), now)
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
    let ino = unused(state, &mut volume)?;
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
        body: InodeBody::Directory(DirectoryBody {
            parent: InodeId::ROOT,
            next_cookie: Cookie::FIRST,
        }),
    };
    volume.inodes += 1;
    state.put(keys::volume(), volume.encode());
    state.put(keys::inode(ino), inode.encode());
    let entry = (ino, FileKind::Directory);
    add(state, InodeId::ROOT, NAME, entry, now)?;
    Ok(ino)
}

/// The counter may be behind; its rule comes later.
fn unused(view: &(impl View + ?Sized), volume: &mut Volume) -> Result<InodeId, Fault> {
    loop {
        let ino = InodeId::in_shard(InodeId::ROOT.shard(), volume.next_inode);
        let ino = ino.ok_or_else(|| Fault::corrupt("volume record", "no inode number is left"))?;
        volume.next_inode += 1;
        if !view.contains(&keys::inode(ino))? {
            return Ok(ino);
        }
    }
}

/// Adds a name that is not there.
fn add(
    state: &mut dyn Transaction,
    parent: InodeId,
    name: &[u8],
    (ino, kind): (InodeId, FileKind),
    now: Timestamp,
) -> Result<(), Fault> {
    let corrupt = |detail: &str| Fault::corrupt(format!("inode {parent}"), detail.to_owned());
    let name = FileName::new(name).map_err(|_| corrupt("not a name"))?;
    let mut inode = directory(state, parent)?.ok_or_else(|| corrupt("not a directory"))?;
    let InodeBody::Directory(body) = &mut inode.body else {
        return Err(corrupt("not a directory"));
    };
    let cookie = body.next_cookie;
    body.next_cookie = Cookie(cookie.0.saturating_add(1));
    inode.size += 1;
    inode.nlink += u32::from(kind == FileKind::Directory);
    (inode.mtime, inode.ctime) = (now, now);
    state.put(keys::inode(parent), inode.encode());
    let dentry = Dentry { ino, kind, cookie };
    state.put(keys::dentry(parent, name.as_bytes()), dentry.encode());
    let order = OrderEntry { ino, kind, name };
    state.put(keys::order(parent, cookie), order.encode());
    Ok(())
}
