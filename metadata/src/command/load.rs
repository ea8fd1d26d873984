//! Loading a dump, a batch at a time.

use bytes::Bytes;

use crate::record::LoadProgress;

/// What is done to a volume that awaits a dump; any other volume refuses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadStep {
    /// Takes entries of the dump. One that is tried again is known by its number.
    Entries {
        /// Counted from 0.
        number: u64,
        /// As in a frame of a snapshot stream.
        entries: Bytes,
    },
    /// Everything is there, and this is what it must be: from now on it is a volume like others.
    Finish(LoadProgress),
}
