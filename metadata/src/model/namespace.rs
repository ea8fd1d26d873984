//! Names: create, mknod, mkdir, symlink, link, unlink and rmdir.

use super::content::Content;
use super::node::{Body, Directory, Node};
use super::{Checked, Model, masked, refuse_if_any};
use crate::command::{Create, Link, Mkdir, Mknod, Rmdir, Symlink, Unlink};
use crate::limits::SYMLINK_BYTES_MAX;
use crate::outcome::{Answer, PosixError};
use crate::types::{FileKind, FileName, InodeId, Mode};

impl Model {
    /// open(2): an existing file is opened unless `O_EXCL` is given.
    pub(super) fn create(&mut self, create: &Create) -> Checked<Answer> {
        let found = self.find(create.parent, &create.name)?;
        if let Some(ino) = found
            && !create.exclusive
        {
            return self.answer(ino, false);
        }
        refuse_if_any(self.errors_of_new_name(create.parent, found))?;
        let body = Body::File(Content::default());
        let ino = self.make(create.parent, body, create.mode, create.umask, 0);
        self.enter(create.parent, &create.name, ino);
        self.answer(ino, true)
    }

    pub(super) fn mknod(&mut self, mknod: &Mknod) -> Checked<Answer> {
        let (body, device) = match mknod.kind {
            FileKind::Regular => (Body::File(Content::default()), 0),
            FileKind::Directory | FileKind::Symlink => {
                return Err(vec![PosixError::InvalidArgument]);
            }
            FileKind::Fifo | FileKind::Socket => (Body::Special(mknod.kind), 0),
            FileKind::CharacterDevice | FileKind::BlockDevice => {
                (Body::Special(mknod.kind), mknod.device)
            }
        };
        let found = self.find(mknod.parent, &mknod.name)?;
        refuse_if_any(self.errors_of_new_name(mknod.parent, found))?;
        let ino = self.make(mknod.parent, body, mknod.mode, mknod.umask, device);
        self.enter(mknod.parent, &mknod.name, ino);
        self.answer(ino, true)
    }

    pub(super) fn mkdir(&mut self, mkdir: &Mkdir) -> Checked<Answer> {
        let found = self.find(mkdir.parent, &mkdir.name)?;
        refuse_if_any(self.errors_of_new_name(mkdir.parent, found))?;
        let body = Body::directory(mkdir.parent);
        let ino = self.make(mkdir.parent, body, mkdir.mode, mkdir.umask, 0);
        self.enter(mkdir.parent, &mkdir.name, ino);
        self.answer(ino, true)
    }

    /// symlink(2): the mode of a symlink is 0777 whatever the umask.
    pub(super) fn symlink(&mut self, symlink: &Symlink) -> Checked<Answer> {
        let mut errors = Vec::new();
        if symlink.target.is_empty() {
            errors.push(PosixError::NotFound);
        }
        if symlink.target.len() > SYMLINK_BYTES_MAX {
            errors.push(PosixError::NameTooLong);
        }
        if symlink.target.contains(&0) {
            errors.push(PosixError::InvalidArgument);
        }
        match self.find(symlink.parent, &symlink.name) {
            Ok(found) => errors.extend(self.errors_of_new_name(symlink.parent, found)),
            Err(more) => errors.extend(more),
        }
        refuse_if_any(errors)?;
        let body = Body::Symlink(symlink.target.clone());
        let ino = self.make(symlink.parent, body, Mode::new(0o777), Mode::default(), 0);
        self.enter(symlink.parent, &symlink.name, ino);
        self.answer(ino, true)
    }

    /// link(2): not for directories, not for what `chattr` protects, not for what has no name left.
    pub(super) fn link(&mut self, link: &Link) -> Checked<Answer> {
        let found = match (self.node(link.ino), self.find(link.parent, &link.name)) {
            (Ok(_), Ok(found)) => found,
            (first, second) => {
                let second = second.err().unwrap_or_default();
                return Err([first.err().unwrap_or_default(), second].concat());
            }
        };
        let mut errors = self.errors_of_new_name(link.parent, found);
        if found.is_none() {
            let node = self.node(link.ino)?;
            if node.kind() == FileKind::Directory || node.immutable() || node.append_only() {
                errors.push(PosixError::NotPermitted);
            }
            if self.nlink(link.ino) == 0 {
                errors.push(PosixError::NotFound);
            }
            if !self.same_tree(link.ino, link.parent) {
                errors.push(PosixError::CrossDevice);
            }
        }
        refuse_if_any(errors)?;
        let now = self.now;
        self.change(link.ino, |node| node.ctime = now);
        self.enter(link.parent, &link.name, link.ino);
        self.answer(link.ino, false)
    }

    /// unlink(2) on Linux: a directory is `EISDIR`.
    pub(super) fn unlink(&mut self, unlink: &Unlink) -> Checked<Answer> {
        let ino = self.expect(unlink.parent, &unlink.name)?;
        let mut errors = self.errors_of_removal(unlink.parent, ino);
        if self.kind(ino) == Some(FileKind::Directory) {
            errors.push(PosixError::IsDirectory);
        }
        refuse_if_any(errors)?;
        self.leave(unlink.parent, &unlink.name);
        self.keep(unlink.parent, &unlink.name, ino);
        Ok(self.removed(ino))
    }

    pub(super) fn rmdir(&mut self, rmdir: &Rmdir) -> Checked<Answer> {
        let ino = self.expect(rmdir.parent, &rmdir.name)?;
        let mut errors = self.errors_of_removal(rmdir.parent, ino);
        match self.kind(ino) {
            Some(FileKind::Directory) if self.entries(ino).is_empty() => {}
            Some(FileKind::Directory) => errors.push(PosixError::NotEmpty),
            _ => errors.push(PosixError::NotDirectory),
        }
        if rmdir.seen.is_some_and(|seen| seen != ino) {
            errors.push(PosixError::AnotherDirectory);
        }
        refuse_if_any(errors)?;
        self.leave(rmdir.parent, &rmdir.name);
        Ok(self.removed(ino))
    }

    fn removed(&mut self, ino: InodeId) -> Answer {
        let now = self.now;
        self.change(ino, |node| node.ctime = now);
        let orphaned = self.nlink(ino) == 0;
        Answer::Removed { ino, orphaned }
    }

    pub(super) fn directory(&self, ino: InodeId) -> Checked<&Directory> {
        match &self.node(ino)?.body {
            Body::Directory(directory) => Ok(directory),
            Body::File(_) | Body::Symlink(_) | Body::Special(_) => {
                Err(vec![PosixError::NotDirectory])
            }
        }
    }

    /// Where a name leads; an error when it cannot be looked for.
    pub(super) fn find(&self, parent: InodeId, name: &FileName) -> Checked<Option<InodeId>> {
        Ok(self.directory(parent)?.entries.get(name).copied())
    }

    /// Where a name leads, or `ENOENT`.
    pub(super) fn expect(&self, parent: InodeId, name: &FileName) -> Checked<InodeId> {
        self.find(parent, name)?
            .ok_or_else(|| vec![PosixError::NotFound])
    }

    /// `EEXIST` comes before anything else (`filename_create` in the kernel).
    pub(super) fn errors_of_new_name(
        &self,
        parent: InodeId,
        found: Option<InodeId>,
    ) -> Vec<PosixError> {
        if found.is_some() {
            return vec![PosixError::Exists];
        }
        let mut errors = Vec::new();
        if self.nlink(parent) == 0 {
            errors.push(PosixError::NotFound);
        }
        if self.nodes.get(&parent).is_some_and(Node::immutable) {
            errors.push(PosixError::NotPermitted);
        }
        errors
    }

    /// `FS_IOC_SETFLAGS(2const)`: neither the directory nor the inode may be immutable or append-only.
    pub(super) fn errors_of_removal(&self, parent: InodeId, ino: InodeId) -> Vec<PosixError> {
        let is_protected = |ino| {
            let node = self.nodes.get(ino);
            node.is_some_and(|node| node.immutable() || node.append_only())
        };
        if [parent, ino].iter().any(is_protected) || self.is_trash(ino) {
            vec![PosixError::NotPermitted]
        } else {
            Vec::new()
        }
    }

    /// A new inode without a name. inode(7) on set-group-id directories: the group is inherited, a
    /// directory inherits the bit, and a program keeps its own only if its maker is in the group.
    pub(super) fn make(
        &mut self,
        parent: InodeId,
        body: Body,
        mode: Mode,
        umask: Mode,
        device: u32,
    ) -> InodeId {
        let ino = InodeId::new(self.next);
        self.next += 1;
        let mut node = Node::new(body, masked(mode, umask), self.now)
            .owned_by(self.credentials.uid, self.credentials.gid);
        node.device = device;
        let above = self.nodes.get(&parent);
        node.tree = above.and_then(|above| above.tree);
        if let Some(above) = above.filter(|above| above.mode.bits() & 0o2000 != 0) {
            node.gid = above.gid;
            let member = self.is_member(above.gid);
            let bits = node.mode.bits();
            if node.kind() == FileKind::Directory {
                node.mode = Mode::new(u32::from(bits | 0o2000));
            } else if mode.bits() & 0o2010 == 0o2010 && !member && !self.superuser() {
                node.mode = Mode::new(u32::from(bits & !0o2000));
            }
        }
        self.nodes.insert(ino, node);
        ino
    }

    /// A name leads here from now on.
    pub(super) fn enter(&mut self, parent: InodeId, name: &FileName, ino: InodeId) {
        let now = self.now;
        self.change(ino, |node| {
            if let Body::Directory(directory) = &mut node.body {
                directory.parent = parent;
            }
        });
        self.change(parent, |node| {
            node.modified(now);
            if let Body::Directory(directory) = &mut node.body {
                directory.entries.insert(name.clone(), ino);
            }
        });
    }

    /// A name is gone from now on.
    pub(super) fn leave(&mut self, parent: InodeId, name: &FileName) {
        let now = self.now;
        self.change(parent, |node| {
            node.modified(now);
            if let Body::Directory(directory) = &mut node.body {
                directory.entries.remove(name);
            }
        });
    }
}
