//! A whole state as a stream of bytes, whatever engine keeps it.
//!
//! `docs/formats/snapshot.md` draws the bytes. A stream is read from its first byte to its last in
//! constant memory, and every byte of it is covered by a checksum: what was cut off or changed on the
//! way is refused with the reason. A stream is restored into an empty engine, and only a whole one
//! makes a volume of it: the volume record, without which there is none, is written last.

mod entries;
mod format;
mod reader;
mod restore;
mod writer;

pub use entries::{BrokenEntry, entries};
pub use format::{OLDEST_VERSION, SnapshotError, Summary, VERSION};
pub use reader::{Reader, verify};
pub use restore::read;
pub(crate) use restore::read_with;
pub use writer::write;

#[cfg(test)]
mod tests;
