//! `open`: there is no state behind an open file; only its flags decide.

use holdfast_metadata::{Attributes, InodeFlags, InodeId, PosixError};
use holdfast_replicator::PosixMetadataReplicator;

use super::{Caller, Change, Filesystem, FilesystemError, now};

/// The flags of `open(2)` that matter here.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OpenMode {
    /// `O_WRONLY` or `O_RDWR`
    pub(crate) write: bool,
    /// `O_APPEND`
    pub(crate) append: bool,
    /// `O_TRUNC`
    pub(crate) truncate: bool,
}

/// How the kernel may use an open file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opened {
    /// Pages it has may be read without asking: nobody else changes the file, and such a read would
    /// change no access time.
    pub(crate) keep_cache: bool,
}

impl<R: PosixMetadataReplicator> Filesystem<R> {
    pub(crate) async fn open(
        &self,
        caller: Caller,
        ino: InodeId,
        mode: OpenMode,
    ) -> Result<Opened, FilesystemError> {
        let attributes = self.getattr(ino).await?;
        check_flags(&attributes, mode)?;
        if mode.truncate {
            let empty = Change {
                size: Some(0),
                ..Change::default()
            };
            self.setattr(caller, ino, empty).await?;
        }
        Ok(Opened {
            keep_cache: !self.shared && !self.atime.is_due(&attributes, now()),
        })
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
