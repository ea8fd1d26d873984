//! The small, obvious reference: what POSIX and the Linux manual pages say, over plain Rust maps.
//!
//! It shares no code with the operations. Nothing is counted: links are found by looking at every
//! directory, space by looking at every byte. Where POSIX and Linux leave open which of several
//! errors is answered, the model allows each of them. Access lists are left out: names under
//! `system.` are not for the model.

mod attributes;
mod content;
mod file;
mod locks;
mod namespace;
mod node;
mod owners;
mod quotas;
mod rename;
mod sessions;
mod space;
mod trash;

use std::collections::BTreeMap;

use bytes::Bytes;
pub use content::Cell;
use locks::Locks;
pub use locks::{LOCK_BYTES, LockedByte, Wait};
use node::{Body, Node};
use quotas::Quotas;
use sessions::Sessions;

use crate::command::{Command, LoadStep, Operation, Reclaim};
use crate::news::News;
use crate::outcome::{Answer, Outcome, PosixError, SessionInfo, Statistics, TicketState};
use crate::state_machine::Format;
use crate::types::{
    Attributes, Credentials, FileKind, FileName, InodeId, LockMode, Mode, RequestId, SessionId,
    Timestamp,
};

/// What a command must answer: this, or one of these errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected(Result<Answer, Vec<PosixError>>);

impl Expected {
    /// Whether the outcome is one of those.
    pub fn allows(&self, outcome: &Outcome) -> bool {
        match (&self.0, outcome) {
            (Ok(expected), Ok(answer)) => expected == answer,
            (Err(expected), Err(error)) => expected.contains(error),
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
        }
    }
}

/// Answers, or every error that applies.
type Checked<T> = Result<T, Vec<PosixError>>;

/// A filesystem as one thinks of it.
#[derive(Debug, Clone)]
pub struct Model {
    nodes: BTreeMap<InodeId, Node>,
    next: u64,
    generation: u32,
    now: Timestamp,
    credentials: Credentials,
    sessions: Sessions,
    locks: Locks,
    quotas: Quotas,
    owners: owners::Counting,
    request: Option<RequestId>,
    trash: Option<trash::Trash>,
    /// What the command takes is not refused.
    passes_limits: bool,
}

impl Model {
    /// A root directory.
    pub fn new(format: Format) -> Model {
        let root = Node::new(Body::directory(InodeId::ROOT), format.mode, format.now)
            .owned_by(format.uid, format.gid);
        Model {
            nodes: BTreeMap::from([(InodeId::ROOT, root)]),
            next: InodeId::ROOT.get() + 1,
            generation: format.generation,
            now: format.now,
            credentials: Credentials::ROOT,
            sessions: Sessions::default(),
            locks: Locks::default(),
            quotas: Quotas::default(),
            owners: owners::Counting::default(),
            request: None,
            trash: None,
            passes_limits: false,
        }
    }

    /// Does what the command says, unless it must be refused.
    pub fn apply(&mut self, command: &Command) -> Expected {
        self.now = command.now;
        self.credentials = command.credentials.clone();
        self.request = command.request;
        self.passes_limits = false;
        match (&command.operation, command.request) {
            (Operation::OpenSession(open), request) => {
                Expected(self.sessions.open(request, command.now, open))
            }
            (Operation::CloseSession, request) => {
                let closed = self.sessions.close(request);
                if let Some(request) = request {
                    self.locks.end(request.session);
                }
                Expected(closed)
            }
            (Operation::ExpireSession(expire), _) => {
                self.sessions.end(expire.session);
                self.locks.end(expire.session);
                Expected(Ok(Answer::Done))
            }
            (operation, None) => Expected(self.run_within_quotas(operation)),
            (operation, Some(request)) => {
                if let Some(expected) = self.sessions.answer(request) {
                    return expected;
                }
                let expected = Expected(self.run_within_quotas(operation));
                self.sessions.answered(request, &expected);
                expected
            }
        }
    }

    fn run(&mut self, operation: &Operation) -> Checked<Answer> {
        match operation {
            Operation::Create(create) => self.create(create),
            Operation::Mknod(mknod) => self.mknod(mknod),
            Operation::Mkdir(mkdir) => self.mkdir(mkdir),
            Operation::Symlink(symlink) => self.symlink(symlink),
            Operation::Link(link) => self.link(link),
            Operation::Unlink(unlink) => self.unlink(unlink),
            Operation::Rmdir(rmdir) => self.rmdir(rmdir),
            Operation::Rename(rename) => self.rename(rename),
            Operation::SetAttributes(set) => self.set_attributes(set),
            Operation::SetFlags(set) => self.set_flags(*set),
            Operation::SetQuota(set) => self.set_quota(set),
            Operation::SetOwnerQuota(set) => self.set_owner_quota(set),
            Operation::CountOwners(count) => self.count_owners(count),
            Operation::TouchAtime(touch) => self.touch_atime(*touch),
            Operation::Write(write) => self.write(write),
            Operation::Fallocate(fallocate) => self.fallocate(*fallocate),
            Operation::CopyRange(copy) => self.copy_range(*copy),
            Operation::SetXattr(set) => self.set_xattr(set),
            Operation::RemoveXattr(remove) => self.remove_xattr(remove),
            Operation::Reclaim(reclaim) => Ok(self.reclaim(reclaim)),
            Operation::SetTrash(set) => self.set_trash(*set),
            Operation::EmptyTrash(empty) => Ok(self.empty_trash(*empty)),
            Operation::Sync
            | Operation::OpenSession(_)
            | Operation::CloseSession
            | Operation::ExpireSession(_)
            | Operation::Load(LoadStep::Finish(_)) => Ok(Answer::Done),
            Operation::RefuseNoSpace => Err(vec![PosixError::NoSpace]),
            Operation::RefusePastTerm => Err(vec![PosixError::PastTerm]),
            Operation::Load(LoadStep::Entries { .. }) => Err(vec![PosixError::NotPermitted]),
            Operation::SetLock(set) => {
                let request = self.request()?;
                locks::meant(set.space, set.range)?;
                self.node(set.ino)?;
                self.locks.set(request, set)
            }
            Operation::Unlock(unlock) => self.locks.unlock(self.request()?, unlock),
            Operation::CancelLock(cancel) => Ok(self.locks.cancel(self.request()?, *cancel)),
        }
    }

    /// The open sessions.
    pub fn sessions(&self) -> Vec<SessionInfo> {
        self.sessions.list()
    }

    /// Who has which bytes locked.
    pub fn locks(&self) -> BTreeMap<LockedByte, LockMode> {
        self.locks.held()
    }

    /// Who waits for a lock, in the order of their coming.
    pub fn waits(&self) -> Vec<Wait> {
        self.locks.waits()
    }

    /// What has become of a wait.
    pub fn ticket(&self, ino: InodeId, session: SessionId, sequence: u64) -> TicketState {
        self.locks.ticket(ino, session, sequence)
    }

    /// The news of locks that were granted since this was last asked.
    pub fn take_granted(&mut self) -> Vec<News> {
        self.locks.take_granted()
    }

    /// Every inode, orphans included.
    pub fn inodes(&self) -> impl Iterator<Item = InodeId> {
        self.nodes.keys().copied()
    }

    /// The attributes of an inode.
    pub fn attributes(&self, ino: InodeId) -> Option<Attributes> {
        let node = self.nodes.get(&ino)?;
        Some(Attributes {
            ino,
            generation: self.generation,
            kind: node.kind(),
            mode: node.mode,
            flags: node.flags,
            uid: node.uid,
            gid: node.gid,
            nlink: self.nlink(ino),
            device: node.device,
            project: node.project,
            size: node.size(),
            allocated: node.allocated(),
            xattrs: node.xattrs.len() as u32,
            atime: node.atime,
            mtime: node.mtime,
            ctime: node.ctime,
            btime: node.btime,
        })
    }

    /// The names in a directory and where they lead; empty for what is no directory.
    pub fn entries(&self, ino: InodeId) -> BTreeMap<FileName, InodeId> {
        match self.nodes.get(&ino).map(|node| &node.body) {
            Some(Body::Directory(directory)) => directory.entries.clone(),
            Some(Body::File(_) | Body::Symlink(_) | Body::Special(_)) | None => BTreeMap::new(),
        }
    }

    /// The directory above a directory that has a name.
    pub fn parent(&self, ino: InodeId) -> Option<InodeId> {
        match &self.nodes.get(&ino)?.body {
            Body::Directory(directory) => Some(directory.parent),
            Body::File(_) | Body::Symlink(_) | Body::Special(_) => None,
        }
    }

    /// The target of a symlink.
    pub fn target(&self, ino: InodeId) -> Option<Bytes> {
        match &self.nodes.get(&ino)?.body {
            Body::Symlink(target) => Some(target.clone()),
            Body::File(_) | Body::Directory(_) | Body::Special(_) => None,
        }
    }

    /// The bytes of a file from `offset` on, as `pread(2)` gives them.
    pub fn read(&self, ino: InodeId, offset: u64, length: u64) -> Option<Vec<u8>> {
        Some(self.nodes.get(&ino)?.content()?.read(offset, length))
    }

    /// What is at a byte of a file.
    pub fn cell(&self, ino: InodeId, offset: u64) -> Option<Cell> {
        Some(self.nodes.get(&ino)?.content()?.get(offset))
    }

    /// The extended attributes of an inode.
    pub fn xattrs(&self, ino: InodeId) -> BTreeMap<Vec<u8>, Bytes> {
        self.nodes
            .get(&ino)
            .map(|node| node.xattrs.clone())
            .unwrap_or_default()
    }

    /// Inodes without a name.
    pub fn orphans(&self) -> Vec<InodeId> {
        self.inodes().filter(|ino| self.nlink(*ino) == 0).collect()
    }

    /// Counts of the whole volume.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            inodes: self.nodes.len() as u64,
            allocated: self.nodes.values().map(Node::allocated).sum(),
        }
    }

    /// The directory that holds a name of an inode, and the name, for every name.
    fn names(&self) -> impl Iterator<Item = (InodeId, InodeId)> {
        let directories = self
            .nodes
            .iter()
            .filter_map(|(ino, node)| match &node.body {
                Body::Directory(directory) => Some((*ino, directory)),
                Body::File(_) | Body::Symlink(_) | Body::Special(_) => None,
            });
        directories.flat_map(|(parent, directory)| {
            directory.entries.values().map(move |ino| (parent, *ino))
        })
    }

    /// POSIX leaves open what the link count of a directory is; here it is the traditional one.
    fn nlink(&self, ino: InodeId) -> u32 {
        let names = self.names().filter(|(_, target)| *target == ino).count() as u32;
        if self.kind(ino) != Some(FileKind::Directory) {
            return names;
        }
        if names == 0 && ino != InodeId::ROOT {
            return 0;
        }
        let below = self.names().filter(|(parent, target)| {
            *parent == ino && self.kind(*target) == Some(FileKind::Directory)
        });
        2 + below.count() as u32
    }

    fn kind(&self, ino: InodeId) -> Option<FileKind> {
        self.nodes.get(&ino).map(Node::kind)
    }

    fn node(&self, ino: InodeId) -> Checked<&Node> {
        self.nodes
            .get(&ino)
            .ok_or_else(|| vec![PosixError::InodeGone])
    }

    fn change(&mut self, ino: InodeId, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.nodes.get_mut(&ino) {
            change(node);
        }
    }

    fn request(&self) -> Checked<RequestId> {
        self.request
            .ok_or_else(|| vec![PosixError::InvalidArgument])
    }

    fn superuser(&self) -> bool {
        self.credentials.uid == 0
    }

    fn is_member(&self, gid: u32) -> bool {
        self.credentials.gid == gid || self.credentials.groups.contains(&gid)
    }

    fn reclaim(&mut self, reclaim: &Reclaim) -> Answer {
        for ino in &reclaim.inodes {
            if self.nlink(*ino) == 0 {
                self.nodes.remove(ino);
                self.locks.forget(*ino);
            }
        }
        Answer::Reclaimed {
            unfinished: Vec::new(),
        }
    }

    fn answer(&self, ino: InodeId, created: bool) -> Checked<Answer> {
        let attributes = self
            .attributes(ino)
            .ok_or_else(|| vec![PosixError::InodeGone])?;
        Ok(Answer::Entry {
            attributes,
            created,
        })
    }
}

/// `umask` takes away permissions only, never the set-id bits.
fn masked(mode: Mode, umask: Mode) -> Mode {
    Mode::new(u32::from(mode.bits() & !(umask.bits() & 0o777)))
}

/// All errors that apply, or none.
fn refuse_if_any(errors: Vec<PosixError>) -> Checked<()> {
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}
