//! Requests for locks that are under way.

use holdfast_metadata::InodeId;

use super::{Handle, Holder, OpenFiles};

/// A lock that is asked for. It counts as held when this is dropped without an answer.
#[derive(Debug)]
pub(crate) struct Asking<'a> {
    files: &'a OpenFiles,
    ino: InodeId,
    holder: Holder,
    handle: Handle,
    held_in: Option<u64>,
}

impl<'a> Asking<'a> {
    pub(super) fn new(
        files: &'a OpenFiles,
        ino: InodeId,
        holder: Holder,
        handle: Handle,
        epoch: u64,
    ) -> Asking<'a> {
        Asking {
            files,
            ino,
            holder,
            handle,
            held_in: Some(epoch),
        }
    }

    /// The lock was refused.
    pub(crate) fn refused(mut self) {
        self.held_in = None;
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.files
            .answered(self.ino, self.holder, self.handle, self.held_in);
    }
}

/// What an owner had when it began to give up a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unlocking {
    /// The session in which it was taken.
    pub(crate) epoch: u64,
    pub(super) taken: u64,
}
