//! A directory while an operation changes it: its inode, its names and their order.

use super::{Context, Stop, load_inode};
use crate::change::{Happened, Name, Was};
use crate::fault::Fault;
use crate::keys;
use crate::limits::LINKS_MAX;
use crate::news::News;
use crate::outcome::PosixError;
use crate::permission;
use crate::record::{Dentry, DirectoryBody, Inode, InodeBody, OrderEntry, Orphan, Place, Places};
use crate::types::{Attributes, Cookie, FileKind, FileName, InodeFlags, InodeId, Mode};

/// A directory that was loaded; [`Directory::store`] keeps what changed.
///
/// An operation on two directories stores the first before it loads the second, because they may be
/// the same.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    pub(crate) ino: InodeId,
    pub(crate) inode: Inode,
    body: DirectoryBody,
}

/// What a new inode begins with.
#[derive(Debug)]
pub(crate) struct NewInode {
    pub(crate) body: InodeBody,
    pub(crate) mode: Mode,
    pub(crate) umask: Mode,
    pub(crate) device: u32,
}

impl Directory {
    /// Loads a directory; `InodeGone` and `NotDirectory` when it is not one.
    pub(crate) fn load(context: &Context<'_>, ino: InodeId) -> Result<Directory, Stop> {
        let inode = load_inode(context.state, ino)?;
        let InodeBody::Directory(body) = inode.body else {
            return Err(PosixError::NotDirectory.into());
        };
        Ok(Directory { ino, inode, body })
    }

    /// The directory above.
    pub(crate) fn parent(&self) -> InodeId {
        self.body.parent
    }

    /// Where a name leads, if it is there.
    pub(crate) fn find(
        &self,
        context: &Context<'_>,
        name: &FileName,
    ) -> Result<Option<Dentry>, Stop> {
        let mut found = None;
        context
            .state
            .with_value(&keys::dentry(self.ino, name.as_bytes()), &mut |bytes| {
                found = Some(Dentry::decode(bytes));
            })?;
        Ok(found.transpose()?)
    }

    /// Where a name leads, or `NotFound`.
    pub(crate) fn expect(&self, context: &Context<'_>, name: &FileName) -> Result<Dentry, Stop> {
        self.find(context, name)?
            .ok_or(Stop::Posix(PosixError::NotFound))
    }

    /// Refuses new names in a directory that was removed or made immutable.
    pub(crate) fn check_may_add(&self) -> Result<(), PosixError> {
        if self.inode.nlink == 0 {
            return Err(PosixError::NotFound);
        }
        if self.inode.flags.has_any(InodeFlags::IMMUTABLE) {
            return Err(PosixError::NotPermitted);
        }
        Ok(())
    }

    /// Refuses to take a name from a directory that is immutable or append-only.
    pub(crate) fn check_may_remove(&self) -> Result<(), PosixError> {
        super::check_changeable(&self.inode)
    }

    /// Where the next name that is added is listed.
    pub(crate) fn next_place(&self) -> Place {
        self.place(self.body.next_cookie)
    }

    /// Where the name is listed that has this cookie.
    pub(crate) fn place(&self, cookie: Cookie) -> Place {
        Place {
            directory: self.ino,
            cookie,
        }
    }

    /// Adds a name at the end of the listing.
    pub(crate) fn add(
        &mut self,
        context: &mut Context<'_>,
        name: &FileName,
        ino: InodeId,
        kind: FileKind,
    ) -> Result<(), Stop> {
        let cookie = self.body.next_cookie;
        self.body.next_cookie = Cookie(cookie.0 + 1);
        self.inode.size += 1;
        if kind == FileKind::Directory {
            self.count_subdirectory()?;
        }
        self.put(context, name, Dentry { ino, kind, cookie });
        Ok(())
    }

    /// Removes a name.
    pub(crate) fn remove(
        &mut self,
        context: &mut Context<'_>,
        name: &FileName,
        dentry: Dentry,
    ) -> Result<(), Stop> {
        self.inode.size = self.count_down(self.inode.size, "size")?;
        if dentry.kind == FileKind::Directory {
            self.uncount_subdirectory()?;
        }
        context
            .state
            .delete(keys::dentry(self.ino, name.as_bytes()));
        context.state.delete(keys::order(self.ino, dentry.cookie));
        self.touch(context);
        Ok(())
    }

    /// Gives an entry a name that is not there; its place in the listing stays, so that a reader sees it
    /// once, under the one name or the other.
    pub(crate) fn rename(
        &mut self,
        context: &mut Context<'_>,
        old_name: &FileName,
        new_name: &FileName,
        dentry: Dentry,
    ) {
        context
            .state
            .delete(keys::dentry(self.ino, old_name.as_bytes()));
        self.put(context, new_name, dentry);
    }

    /// Lets a name lead elsewhere; its place in the listing stays, so that a reader sees it once.
    pub(crate) fn redirect(
        &mut self,
        context: &mut Context<'_>,
        name: &FileName,
        old: Dentry,
        ino: InodeId,
        kind: FileKind,
    ) -> Result<(), Stop> {
        if old.kind == FileKind::Directory {
            self.uncount_subdirectory()?;
        }
        if kind == FileKind::Directory {
            self.count_subdirectory()?;
        }
        let cookie = old.cookie;
        self.put(context, name, Dentry { ino, kind, cookie });
        Ok(())
    }

    /// Makes a new inode under a name that is not there.
    pub(crate) fn make(
        &mut self,
        context: &mut Context<'_>,
        name: &FileName,
        new: NewInode,
    ) -> Result<Attributes, Stop> {
        let (ino, inode) = new_inode(context, self, self.next_place(), new)?;
        self.add(context, name, ino, inode.kind())?;
        context.tell(ino, inode.kind(), Was::Unknown, || {
            Happened::Made(Name::new(self.ino, name))
        });
        Ok(inode.attributes(ino))
    }

    /// Keeps what changed.
    pub(crate) fn store(mut self, context: &mut Context<'_>) {
        self.inode.body = InodeBody::Directory(self.body);
        context.put_inode(self.ino, &self.inode);
    }

    fn put(&mut self, context: &mut Context<'_>, name: &FileName, dentry: Dentry) {
        let order = OrderEntry {
            ino: dentry.ino,
            kind: dentry.kind,
            name: name.clone(),
        };
        context
            .state
            .put(keys::order(self.ino, dentry.cookie), order.encode());
        context
            .state
            .put(keys::dentry(self.ino, name.as_bytes()), dentry.encode());
        self.touch(context);
    }

    fn touch(&mut self, context: &Context<'_>) {
        self.inode.mtime = context.now;
        self.inode.ctime = context.now;
    }

    fn count_subdirectory(&mut self) -> Result<(), Stop> {
        if self.inode.nlink >= LINKS_MAX {
            return Err(PosixError::TooManyLinks.into());
        }
        self.inode.nlink += 1;
        Ok(())
    }

    fn uncount_subdirectory(&mut self) -> Result<(), Stop> {
        let nlink = self.count_down(u64::from(self.inode.nlink), "nlink")?;
        self.inode.nlink = nlink as u32;
        Ok(())
    }

    fn count_down(&self, value: u64, what: &str) -> Result<u64, Fault> {
        value.checked_sub(1).ok_or_else(|| {
            Fault::corrupt(format!("inode {}", self.ino), format!("{what} below zero"))
        })
    }
}

/// Makes an inode that has one name (a directory: its own `.` as well), but does not add the name.
pub(crate) fn new_inode(
    context: &mut Context<'_>,
    parent: &Directory,
    place: Place,
    new: NewInode,
) -> Result<(InodeId, Inode), Stop> {
    let ino = context.allocate_inode()?;
    let mut inode = Inode {
        mode: Mode::default(),
        flags: InodeFlags::default(),
        uid: 0,
        gid: 0,
        nlink: 1,
        generation: context.volume.generation,
        device: new.device,
        project: 0,
        xattrs: 0,
        size: 0,
        allocated: 0,
        atime: context.now,
        mtime: context.now,
        ctime: context.now,
        btime: context.now,
        tree: parent.inode.tree,
        places: Places::of(place),
        body: new.body,
    };
    match &inode.body {
        InodeBody::Directory(_) => inode.nlink = 2,
        InodeBody::Symlink(target) => inode.size = target.len() as u64,
        InodeBody::Regular
        | InodeBody::Fifo
        | InodeBody::Socket
        | InodeBody::CharacterDevice
        | InodeBody::BlockDevice => {}
    }
    let (uid, gid, mode) = permission::set_id::new_inode_owner(
        context.credentials,
        &parent.inode,
        inode.kind(),
        new.mode,
    );
    (inode.uid, inode.gid) = (uid, gid);
    permission::acl::inherit(
        context,
        parent.ino,
        &parent.inode,
        ino,
        &mut inode,
        mode,
        new.umask,
    )?;
    context.volume.inodes += 1;
    context.ledger.take_inode(ino, &inode);
    context.put_inode(ino, &inode);
    Ok((ino, inode))
}

/// Takes one name from an inode and tells of it; without its last one it becomes an orphan. A directory loses all.
pub(crate) fn drop_link(
    context: &mut Context<'_>,
    ino: InodeId,
    mut inode: Inode,
    (name, gone): (&FileName, Place),
) -> Result<bool, Stop> {
    inode.nlink = if inode.kind() == FileKind::Directory {
        0
    } else {
        inode
            .nlink
            .checked_sub(1)
            .ok_or_else(|| Fault::corrupt(format!("inode {ino}"), "nlink below zero"))?
    };
    inode.ctime = context.now;
    let was = inode.places.remove(gone);
    context.tell(ino, inode.kind(), was, || {
        Happened::Removed(Name::new(gone.directory, name))
    });
    context.put_inode(ino, &inode);
    let orphaned = inode.nlink == 0;
    if orphaned {
        context
            .state
            .put(keys::orphan(ino), Orphan::default().encode());
        context.news.push(News::Orphaned(ino));
    }
    Ok(orphaned)
}

/// The inode a dentry leads to; a dentry that leads nowhere is corrupt.
pub(crate) fn linked_inode(context: &Context<'_>, dentry: Dentry) -> Result<Inode, Stop> {
    match context.inode(dentry.ino) {
        Err(Stop::Posix(_)) => {
            Err(Fault::corrupt("dentry record", format!("no inode {}", dentry.ino)).into())
        }
        found => found,
    }
}

/// Refuses another directory than the one that the caller has seen, if he has said which.
pub(crate) fn check_seen(seen: Option<InodeId>, there: Option<Dentry>) -> Result<(), PosixError> {
    let there = there.map(|dentry| dentry.ino);
    if seen.is_some() && seen != there {
        return Err(PosixError::AnotherDirectory);
    }
    Ok(())
}
