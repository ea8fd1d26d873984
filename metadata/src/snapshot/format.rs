//! The bytes of a snapshot stream. Numbers are big-endian.
//!
//! ```text
//! header   magic 8 | version 4 | crc32 of both 4
//! frame    kind 1 | length 4 | crc32 of kind, length and payload 4 | payload
//! entries  (kind 1) { key length 4 | value length 4 | key | value } ...
//! trailer  (kind 2) entries 8 | digest 16; nothing follows
//! packed   (kind 3) length of the entries 4 | the entries as a block of LZ4; since version 2
//! ```

use crate::digest::Digest;
use crate::fault::Fault;

pub(super) const MAGIC: [u8; 8] = *b"HoldSnap";
/// The version that is written.
pub const VERSION: u32 = 2;
/// The oldest version that is read.
pub const OLDEST_VERSION: u32 = 1;
pub(super) const HEADER_BYTES: usize = 16;
/// Kind and length, before the checksum.
pub(super) const FRAME_START_BYTES: usize = 5;
pub(super) const FRAME_HEADER_BYTES: usize = FRAME_START_BYTES + 4;
pub(super) const ENTRY_HEADER_BYTES: usize = 8;
pub(super) const TRAILER_BYTES: usize = 24;
/// Before what is packed.
pub(super) const PACKED_LENGTH_BYTES: usize = 4;
/// A frame is closed when it holds this many bytes.
pub(super) const FRAME_BYTES: usize = 512 * 1024;
/// A longer frame is refused before memory is taken for it.
pub(super) const FRAME_BYTES_MAX: usize = 8 * 1024 * 1024;

const _: () = assert!(FRAME_BYTES + 2 * crate::limits::WRITE_BYTES_MAX <= FRAME_BYTES_MAX);

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum FrameKind {
    Entries = 1,
    Trailer = 2,
    Packed = 3,
}

impl FrameKind {
    pub(super) fn from_u8(raw: u8) -> Option<FrameKind> {
        [FrameKind::Entries, FrameKind::Trailer, FrameKind::Packed]
            .into_iter()
            .find(|kind| *kind as u8 == raw)
    }
}

/// The start of a frame: kind, length and checksum.
pub(super) fn frame_header(kind: FrameKind, payload: &[u8]) -> [u8; FRAME_HEADER_BYTES] {
    let mut header = [0; FRAME_HEADER_BYTES];
    let (start, checksum) = header.split_at_mut(FRAME_START_BYTES);
    let (first, length) = start.split_at_mut(1);
    first.copy_from_slice(&[kind as u8]);
    length.copy_from_slice(&(payload.len() as u32).to_be_bytes());
    checksum.copy_from_slice(&frame_checksum(start, payload).to_be_bytes());
    header
}

/// The checksum of the start of a frame and its payload.
pub(super) fn frame_checksum(start: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(start);
    hasher.update(payload);
    hasher.finalize()
}

/// What a snapshot holds; its writer and its reader find the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Keys and their values.
    pub entries: u64,
    /// Of the state, as [`crate::digest()`] computes it.
    pub digest: Digest,
}

/// Why a stream was not written or not restored.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The first bytes are of something else.
    #[error("not a dump of holdfast")]
    NotASnapshot,
    /// Written by a later Holdfast.
    #[error("dump of format version {found}; this program knows up to {known}: use a newer one")]
    NewerVersion {
        /// Of the stream.
        found: u32,
        /// The last this program reads.
        known: u32,
    },
    /// The stream ends too early.
    #[error("the dump is cut off after {entries} records: it is of no use, take another one")]
    Truncated {
        /// Read before the end.
        entries: u64,
    },
    /// The bytes are not what was written.
    #[error(
        "the dump is corrupt after {entries} records ({what}): it is of no use, take another one"
    )]
    Corrupt {
        /// Read before that place.
        entries: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// A stream is restored into nothing but an empty engine.
    #[error("there is a volume already: a dump is loaded into an empty data directory")]
    NotEmpty,
    /// The state cannot be read or written.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The stream cannot be read or written.
    #[error("cannot transfer the dump: {0}")]
    Io(#[from] std::io::Error),
}
