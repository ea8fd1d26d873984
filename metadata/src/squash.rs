//! Permissions of callers whose machine is not trusted with them (decision 28).
//!
//! Everybody else's permissions are checked by the kernel of the machine that mounts. A squashed caller acts as one user wherever it comes
//! from, and what that user may do is checked here, in the state the operation works on: where the kernel checks, and with its errors.
//!
//! **The way.** The kernel walks a path; a caller names an inode by its number, which can be guessed. So the directories above
//! it are walked from here, and all of them must be searched. To what has no name there is no way: only its owner goes on using it.
//!
//! Where an operation would fail anyway (a name is there, or is not) it is left to it to say so: names are told to who may search
//! their directory. What the kernel checks when a file is opened is checked each time that it is used, so its owner may always read and
//! write it: who has it open may take the permission away.

mod operations;
mod queries;
#[cfg(test)]
mod tests;

pub(crate) use self::operations::check_operation;
pub(crate) use self::queries::answer;
use crate::command::{Command, Operation};
use crate::fault::Fault;
use crate::keys;
use crate::ops::{Stop, load_inode};
use crate::outcome::PosixError;
use crate::permission::access;
use crate::record::{Dentry, Inode, InodeBody};
use crate::store::View;
use crate::types::{Credentials, FileKind, FileName, InodeFlags, InodeId, Mode, Timestamp};

/// A path has 4,095 bytes, and half of them are names at most.
const DEPTH_MAX: usize = 2048;

const READ: u16 = 4;
const WRITE: u16 = 2;
const EXECUTE: u16 = 1;

impl Command {
    /// Makes it a command of this user at this time, whoever claims to ask and whenever, and has permissions checked where it is
    /// applied. A session keeps the time it was opened with: by that it knows its own second try.
    pub fn squash(&mut self, credentials: Credentials, now: Timestamp) {
        self.credentials = credentials;
        self.squashed = true;
        let claimed = self.now;
        match &mut self.operation {
            Operation::OpenSession(_) | Operation::CloseSession => return,
            Operation::Write(write) => write.clear_privileges = true,
            Operation::SetAttributes(set) => {
                for time in [&mut set.atime, &mut set.mtime, &mut set.ctime] {
                    if *time == Some(claimed) {
                        *time = Some(now);
                    }
                }
            }
            _ => {}
        }
        self.now = now;
    }
}

/// What somebody may do in a state.
#[derive(Clone, Copy)]
struct Rights<'a> {
    view: &'a dyn View,
    credentials: &'a Credentials,
}

impl Rights<'_> {
    fn is_granted(self, ino: InodeId, inode: &Inode, wanted: u16) -> Result<bool, Fault> {
        access::is_granted(self.view, ino, inode, wanted, self.credentials)
    }

    fn owns(self, inode: &Inode) -> bool {
        self.credentials.uid == inode.uid
    }

    /// An inode, for who may come to it.
    fn reach(self, ino: InodeId) -> Result<Inode, Stop> {
        let inode = load_inode(self.view, ino)?;
        if self.may_come_to(ino, &inode)? {
            Ok(inode)
        } else {
            Err(PosixError::AccessDenied.into())
        }
    }

    /// Whether all directories on a way to it may be searched: that of a directory, or one of those that a file knows.
    fn may_come_to(self, ino: InodeId, inode: &Inode) -> Result<bool, Stop> {
        if ino == InodeId::ROOT {
            return Ok(true);
        }
        if let InodeBody::Directory(body) = inode.body {
            return self.may_pass(body.parent);
        }
        for place in [inode.places.first, inode.places.second]
            .into_iter()
            .flatten()
        {
            if self.may_pass(place.directory)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a directory and all above it may be searched. One that is gone, or too deep for any path, may not.
    fn may_pass(self, directory: InodeId) -> Result<bool, Stop> {
        let mut directory = directory;
        for _ in 0..DEPTH_MAX {
            let inode = match load_inode(self.view, directory) {
                Err(Stop::Posix(_)) => return Ok(false),
                other => other?,
            };
            let InodeBody::Directory(body) = inode.body else {
                return Ok(false);
            };
            if !self.is_granted(directory, &inode, EXECUTE)? {
                return Ok(false);
            }
            if directory == InodeId::ROOT {
                return Ok(true);
            }
            directory = body.parent;
        }
        Ok(false)
    }

    /// Refuses who may not do all of `wanted`. Who may not change an immutable inode is told so by the operation.
    fn demand(self, ino: InodeId, wanted: u16) -> Result<Inode, Stop> {
        let inode = self.reach(ino)?;
        let is_told = wanted & WRITE != 0 && inode.flags.has_any(InodeFlags::IMMUTABLE);
        if is_told || self.is_granted(ino, &inode, wanted)? {
            Ok(inode)
        } else {
            Err(PosixError::AccessDenied.into())
        }
    }

    /// As [`Rights::demand`] of who uses an open file: the owner could have opened it before.
    fn demand_of_opener(self, ino: InodeId, wanted: u16) -> Result<(), Stop> {
        let inode = load_inode(self.view, ino)?;
        if self.owns(&inode)
            || self.is_granted(ino, &inode, wanted)? && self.may_come_to(ino, &inode)?
        {
            return Ok(());
        }
        Err(PosixError::AccessDenied.into())
    }

    /// Reading is also what executing a program does.
    fn demand_of_reader(self, ino: InodeId) -> Result<(), Stop> {
        match self.demand_of_opener(ino, READ) {
            Err(Stop::Posix(PosixError::AccessDenied)) => self.demand_of_opener(ino, EXECUTE),
            other => other,
        }
    }

    /// Of who has it open in any way.
    fn demand_of_user(self, ino: InodeId) -> Result<(), Stop> {
        match self.demand_of_opener(ino, WRITE) {
            Err(Stop::Posix(PosixError::AccessDenied)) => self.demand_of_reader(ino),
            other => other,
        }
    }

    /// Where a name leads, for who may search the directory.
    fn find(self, parent: InodeId, name: &FileName) -> Result<Option<Dentry>, Stop> {
        let directory = load_inode(self.view, parent)?;
        if directory.kind() != FileKind::Directory {
            return Err(PosixError::NotDirectory.into());
        }
        self.demand(parent, EXECUTE)?;
        let mut found = None;
        let key = keys::dentry(parent, name.as_bytes());
        self.view.with_value(&key, &mut |bytes| {
            found = Some(Dentry::decode(bytes));
        })?;
        Ok(found.transpose()?)
    }

    /// `may_delete` in the kernel: in a sticky directory only its owner, and that of what has the name, may take names away.
    fn demand_removal(self, parent: InodeId, dentry: Dentry) -> Result<(), Stop> {
        let directory = self.demand(parent, WRITE | EXECUTE)?;
        if directory.mode.has(Mode::STICKY)
            && !self.owns(&directory)
            && !self.owns(&load_inode(self.view, dentry.ino)?)
        {
            return Err(PosixError::NotPermitted.into());
        }
        Ok(())
    }
}
