//! The ioctls: `chattr`, `lsattr`, and the end of everything.

use std::sync::atomic::Ordering;

use holdfast_metadata::{Answer, InodeFlags, InodeId, Operation, PosixError, SetFlags};
use holdfast_replicator::PosixMetadataReplicator;

use super::{Caller, Filesystem, FilesystemError};
use crate::ioctl::{self, Ioctl};

impl<R: PosixMetadataReplicator> Filesystem<R> {
    /// Answers the bytes for the caller; there is room for so many.
    pub(crate) async fn ioctl(
        &self,
        caller: Caller,
        ino: InodeId,
        request: Ioctl,
        bytes_max: usize,
    ) -> Result<Vec<u8>, FilesystemError> {
        match request {
            Ioctl::GetFlags => {
                let attributes = self.getattr(ino).await?;
                Ok(ioctl::encode_flags(&attributes, bytes_max))
            }
            Ioctl::GetExtended => Ok(ioctl::encode_extended(&self.getattr(ino).await?)),
            Ioctl::SetFlags(flags) => self.set_flags(caller, ino, flags, None).await,
            Ioctl::SetExtended { flags, project } => {
                let kept = self.getattr(ino).await?.flags.bits() & ioctl::NOT_EXTENDED;
                let flags = InodeFlags::new(flags.bits() | kept).ok_or(PosixError::NotSupported)?;
                self.set_flags(caller, ino, flags, Some(project)).await
            }
            Ioctl::Shutdown => self.shut_down(&caller),
        }
    }

    /// From now on nothing is read or changed through this mount, as if its program had died; what was answered stays.
    fn shut_down(&self, caller: &Caller) -> Result<Vec<u8>, FilesystemError> {
        if !caller.credentials().is_superuser() {
            return Err(PosixError::NotPermitted.into());
        }
        self.shut_down.store(true, Ordering::Release);
        tracing::warn!("shut down by ioctl: every operation fails until it is mounted anew");
        Ok(Vec::new())
    }

    async fn set_flags(
        &self,
        caller: Caller,
        ino: InodeId,
        flags: InodeFlags,
        project: Option<u32>,
    ) -> Result<Vec<u8>, FilesystemError> {
        let command = SetFlags {
            ino,
            flags,
            project,
        };
        let answer = self
            .change(caller.credentials(), Operation::SetFlags(command))
            .await?;
        if let Answer::Attributes(attributes) = answer {
            self.synchronous.note(&attributes);
        }
        Ok(Vec::new())
    }
}
