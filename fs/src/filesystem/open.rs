//! `open`: only its flags decide. Where others mount the same tree, it is counted which files are open.

use holdfast_metadata::{Attributes, InodeFlags, InodeId, PosixError};
use holdfast_replicator::PosixMetadataReplicator;

use super::{Caller, Change, Filesystem, FilesystemError, now};
use crate::open_files::{Handle, NO_HANDLE};

/// The flags of `open(2)` that matter here.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OpenMode {
    /// `O_RDONLY` or `O_RDWR`
    pub(crate) read: bool,
    /// `O_WRONLY` or `O_RDWR`
    pub(crate) write: bool,
    /// By `execve(2)`, which also reads.
    pub(crate) execute: bool,
    /// `O_APPEND`
    pub(crate) append: bool,
    /// `O_TRUNC`
    pub(crate) truncate: bool,
}

impl OpenMode {
    /// What the caller must be allowed, as `access(2)` has it (`may_open` in the kernel).
    pub(super) fn wanted(self) -> u8 {
        let execute = u8::from(self.execute);
        let read = u8::from(self.read && !self.execute) << 2;
        let write = u8::from(self.write || self.truncate) << 1;
        read | write | execute
    }
}

/// How the kernel may use an open file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opened {
    /// Pages it has may be read without asking: nobody else changes the file, and such a read would
    /// change no access time.
    pub(crate) keep_cache: bool,
    pub(crate) handle: Handle,
}

/// `R_OK`
const READ: u8 = 4;

impl<R: PosixMetadataReplicator> Filesystem<R> {
    pub(crate) async fn open(
        &self,
        caller: Caller,
        ino: InodeId,
        mode: OpenMode,
    ) -> Result<Opened, FilesystemError> {
        let _arrival = self.arrive();
        let attributes = self.getattr(ino).await?;
        check_flags(&attributes, mode)?;
        self.demand(caller, ino, mode.wanted()).await?;
        if mode.truncate {
            let empty = Change {
                size: Some(0),
                ..Change::default()
            };
            self.setattr(caller, ino, empty, None).await?;
        }
        let handle = self.begin_use(ino, attributes.nlink > 0)?;
        Ok(Opened {
            handle,
            keep_cache: self.is_alone() && !self.atime.is_due(&attributes, now()),
        })
    }
}

impl<R: PosixMetadataReplicator> Filesystem<R> {
    /// The kernel gets an open file. An [`Arrival`](crate::arrivals::Arrival) must have begun before it was known whether
    /// it has a name.
    pub(super) fn begin_use(
        &self,
        ino: InodeId,
        has_name: bool,
    ) -> Result<Handle, FilesystemError> {
        if self.is_alone() {
            return Ok(NO_HANDLE);
        }
        if !self.known.lookups.open(ino, has_name) {
            return Err(PosixError::InodeGone.into());
        }
        Ok(self.new_handle(ino))
    }

    /// The kernel opens a directory: its listing takes no state.
    pub(crate) async fn opendir(
        &self,
        caller: Caller,
        ino: InodeId,
    ) -> Result<Handle, FilesystemError> {
        self.demand(caller, ino, READ).await?;
        if !self.is_alone() {
            self.known.lookups.open(ino, true);
        }
        Ok(NO_HANDLE)
    }

    /// The kernel has closed a file or a directory for good.
    pub(super) fn end_use(&self, ino: InodeId) {
        if !self.is_alone() && self.known.lookups.close(ino) {
            self.give_back(ino);
        }
    }

    /// The kernel has closed a directory.
    pub(crate) fn releasedir(&self, ino: InodeId) {
        self.end_use(ino);
    }
}

/// An immutable file is not opened for writing; an append-only one only to append
/// (`may_open` in the kernel, which does not know the flags of a FUSE inode).
fn check_flags(attributes: &Attributes, mode: OpenMode) -> Result<(), PosixError> {
    let changes = mode.write || mode.truncate;
    let immutable = attributes.flags.has_any(InodeFlags::IMMUTABLE);
    let append_only = attributes.flags.has_any(InodeFlags::APPEND);
    if changes && (immutable || (append_only && (!mode.append || mode.truncate))) {
        return Err(PosixError::NotPermitted);
    }
    Ok(())
}
