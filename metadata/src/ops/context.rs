//! What an operation works with: the state, the time and the caller.

use crate::change::{Change, Happened, Was};
use crate::fault::Fault;
use crate::keys::{self, BlockId};
use crate::news::News;
use crate::outcome::PosixError;
use crate::quota::Ledger;
use crate::record::{Inode, InodeBody, Volume};
use crate::store::{Transaction, View};
use crate::types::{Credentials, FileKind, InodeFlags, InodeId, RequestId, Timestamp};

/// Why an operation did not go on.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The caller gets this answer, and what was changed is dropped.
    Posix(PosixError),
    /// The caller gets this answer, and what was changed stays.
    PosixChanged(PosixError),
    /// The node stops.
    Fault(Fault),
}

impl From<PosixError> for Stop {
    fn from(error: PosixError) -> Stop {
        Stop::Posix(error)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Stop {
        Stop::Fault(fault)
    }
}

/// The state an operation changes and the choices that came with the command.
pub(crate) struct Context<'a> {
    /// The map.
    pub(crate) state: &'a mut dyn Transaction,
    /// The volume record; written back with the batch.
    pub(crate) volume: &'a mut Volume,
    /// The time of the command.
    pub(crate) now: Timestamp,
    /// Who asks.
    pub(crate) credentials: &'a Credentials,
    /// The session the command belongs to, and its number there.
    pub(crate) request: Option<RequestId>,
    /// What others want to hear of.
    pub(crate) news: &'a mut Vec<News>,
    /// What is told to who watches, if anybody may.
    pub(crate) changes: Option<&'a mut Vec<Change>>,
    /// What is taken of quota trees and given back; settled when the operation is done.
    pub(crate) ledger: Ledger,
}

/// The inode, or `InodeGone` when it does not exist.
pub(crate) fn load_inode(view: &(impl View + ?Sized), ino: InodeId) -> Result<Inode, Stop> {
    let mut inode = Err(Stop::Posix(PosixError::InodeGone));
    view.with_value(&keys::inode(ino), &mut |bytes| {
        inode = Inode::decode(bytes).map_err(Stop::Fault);
    })?;
    inode
}

/// The inode of a regular file; `IsDirectory` for a directory, `InvalidArgument` for the rest.
pub(crate) fn load_regular(view: &(impl View + ?Sized), ino: InodeId) -> Result<Inode, Stop> {
    let inode = load_inode(view, ino)?;
    match inode.body {
        InodeBody::Regular => Ok(inode),
        InodeBody::Directory(_) => Err(PosixError::IsDirectory.into()),
        InodeBody::Symlink(_)
        | InodeBody::Fifo
        | InodeBody::Socket
        | InodeBody::CharacterDevice
        | InodeBody::BlockDevice => Err(PosixError::InvalidArgument.into()),
    }
}

impl Context<'_> {
    /// The request of the command; `InvalidArgument` for what is of no session.
    pub(crate) fn request(&self) -> Result<RequestId, PosixError> {
        self.request.ok_or(PosixError::InvalidArgument)
    }

    /// The inode, or `InodeGone` when it does not exist.
    pub(crate) fn inode(&self, ino: InodeId) -> Result<Inode, Stop> {
        load_inode(self.state, ino)
    }

    /// The inode of a regular file; `IsDirectory` for a directory, `InvalidArgument` for the rest.
    pub(crate) fn regular(&self, ino: InodeId) -> Result<Inode, Stop> {
        load_regular(self.state, ino)
    }

    /// Stores the inode.
    pub(crate) fn put_inode(&mut self, ino: InodeId, inode: &Inode) {
        self.state.put(keys::inode(ino), inode.encode());
    }

    /// Tells what happened to an inode.
    pub(crate) fn tell(
        &mut self,
        ino: InodeId,
        kind: FileKind,
        was: Was,
        happened: impl FnOnce() -> Happened,
    ) {
        if let Some(changes) = &mut self.changes {
            let happened = happened();
            changes.push(Change {
                ino,
                kind,
                happened,
                was,
            });
        }
    }

    /// A number that no inode has had.
    pub(crate) fn allocate_inode(&mut self) -> Result<InodeId, Stop> {
        let ino = InodeId::in_shard(InodeId::ROOT.shard(), self.volume.next_inode)
            .ok_or(PosixError::NoSpace)?;
        self.volume.next_inode += 1;
        Ok(ino)
    }

    /// A number that no block has had.
    pub(crate) fn allocate_block(&mut self) -> BlockId {
        let block = BlockId(self.volume.next_block);
        self.volume.next_block += 1;
        block
    }
}

/// Refuses every change of an inode that `chattr` has made immutable or append-only.
pub(crate) fn check_changeable(inode: &Inode) -> Result<(), PosixError> {
    if inode
        .flags
        .has_any(InodeFlags::IMMUTABLE | InodeFlags::APPEND)
    {
        return Err(PosixError::NotPermitted);
    }
    Ok(())
}
