//! Reading a stream frame by frame, checking everything about it that can be checked.

use std::fmt;
use std::io::{ErrorKind, Read};

use bytes::Bytes;

use super::entries::entries;
use super::format::{
    FRAME_BYTES_MAX, FRAME_HEADER_BYTES, FRAME_START_BYTES, FrameKind, HEADER_BYTES, MAGIC,
    OLDEST_VERSION, PACKED_LENGTH_BYTES, SnapshotError, Summary, VERSION, frame_checksum,
};
use crate::digest::{Digest, Digester};

/// Reads a stream to its end and keeps nothing of it.
pub fn verify(stream: &mut impl Read) -> Result<Summary, SnapshotError> {
    let mut reader = Reader::new(stream)?;
    while reader.next_frame()?.is_some() {}
    reader.finish()
}

/// Where a stream is read.
///
/// What it gives out is only known to be whole once [`Reader::finish`] has said so.
pub struct Reader<'a, R> {
    stream: &'a mut R,
    version: u32,
    entries: u64,
    digester: Digester,
    last_key: Vec<u8>,
    /// What the trailer says, once it was read.
    trailer: Option<Summary>,
}

impl<'a, R: Read> Reader<'a, R> {
    /// Reads the header.
    pub fn new(stream: &'a mut R) -> Result<Reader<'a, R>, SnapshotError> {
        let mut reader = Reader {
            stream,
            version: VERSION,
            entries: 0,
            digester: Digester::default(),
            last_key: Vec::new(),
            trailer: None,
        };
        reader.header()?;
        Ok(reader)
    }

    /// The entries of the next frame; `None` when the trailer was read.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, SnapshotError> {
        if self.trailer.is_some() {
            return Ok(None);
        }
        let (kind, payload) = self.frame()?;
        let frame = match kind {
            FrameKind::Entries => payload,
            FrameKind::Packed => self.unpack(&payload)?,
            FrameKind::Trailer => {
                self.trailer = Some(self.read_trailer(&payload)?);
                return Ok(None);
            }
        };
        let frame = Bytes::from(frame);
        self.note(&frame)?;
        Ok(Some(frame))
    }

    /// Entries read up to now.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Checks that all of it was read, and that it was what was written.
    pub fn finish(mut self) -> Result<Summary, SnapshotError> {
        let Some(summary) = self.trailer else {
            return Err(self.corrupt("no trailer"));
        };
        if summary.entries != self.entries {
            return Err(self.corrupt("another number of entries than was written"));
        }
        if summary.digest != self.digester.finish() {
            return Err(self.corrupt("another digest than was written"));
        }
        match self.fill(&mut [0]) {
            Err(SnapshotError::Truncated { .. }) => Ok(summary),
            Ok(()) => Err(self.corrupt("something follows the end")),
            Err(error) => Err(error),
        }
    }

    pub(super) fn corrupt(&self, what: &'static str) -> SnapshotError {
        SnapshotError::Corrupt {
            entries: self.entries,
            what,
        }
    }

    fn header(&mut self) -> Result<(), SnapshotError> {
        let mut header = [0; HEADER_BYTES];
        self.fill(&mut header)?;
        let (start, checksum) = header.split_at(MAGIC.len() + 4);
        let (magic, version) = start.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(SnapshotError::NotASnapshot);
        }
        if crc32fast::hash(start).to_be_bytes() != checksum {
            return Err(self.corrupt("checksum of the header"));
        }
        self.version = number(version) as u32;
        match self.version {
            OLDEST_VERSION..=VERSION => Ok(()),
            0 => Err(self.corrupt("version 0")),
            found => Err(SnapshotError::NewerVersion {
                found,
                known: VERSION,
            }),
        }
    }

    fn frame(&mut self) -> Result<(FrameKind, Vec<u8>), SnapshotError> {
        let mut header = [0; FRAME_HEADER_BYTES];
        self.fill(&mut header)?;
        let (start, checksum) = header.split_at(FRAME_START_BYTES);
        let (kind, length) = start.split_at(1);
        let length = number(length) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(self.corrupt("a frame is too long"));
        }
        let mut payload = vec![0; length];
        self.fill(&mut payload)?;
        if frame_checksum(start, &payload).to_be_bytes() != checksum {
            return Err(self.corrupt("checksum of a frame"));
        }
        let kind = FrameKind::from_u8(number(kind) as u8);
        let kind = kind.filter(|kind| self.version > 1 || *kind != FrameKind::Packed);
        Ok((
            kind.ok_or_else(|| self.corrupt("unknown kind of frame"))?,
            payload,
        ))
    }

    fn unpack(&self, payload: &[u8]) -> Result<Vec<u8>, SnapshotError> {
        let (length, packed) = payload
            .split_at_checked(PACKED_LENGTH_BYTES)
            .ok_or_else(|| self.corrupt("a packed frame is too short"))?;
        let length = number(length) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(self.corrupt("a packed frame is too long"));
        }
        let frame = lz4_flex::block::decompress(packed, length)
            .map_err(|_| self.corrupt("a packed frame"))?;
        if frame.len() == length {
            Ok(frame)
        } else {
            Err(self.corrupt("a packed frame has another length than it says"))
        }
    }

    /// Counts the entries of a frame.
    fn note(&mut self, frame: &Bytes) -> Result<(), SnapshotError> {
        for entry in entries(frame) {
            let (key, value) =
                entry.map_err(|_| self.corrupt("an entry does not fit its frame"))?;
            if key.is_empty() || key.as_ref() <= self.last_key.as_slice() {
                return Err(self.corrupt("keys are not in order"));
            }
            self.last_key.clear();
            self.last_key.extend_from_slice(&key);
            self.entries += 1;
            self.digester.entry(&key, &value);
        }
        Ok(())
    }

    fn read_trailer(&self, payload: &[u8]) -> Result<Summary, SnapshotError> {
        let Some((entries, digest)) = payload.split_first_chunk::<8>() else {
            return Err(self.corrupt("the trailer is too short"));
        };
        let Ok(digest) = <[u8; 16]>::try_from(digest) else {
            return Err(self.corrupt("the trailer has a wrong length"));
        };
        Ok(Summary {
            entries: u64::from_be_bytes(*entries),
            digest: Digest::new(u128::from_be_bytes(digest)),
        })
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), SnapshotError> {
        self.stream
            .read_exact(bytes)
            .map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => SnapshotError::Truncated {
                    entries: self.entries,
                },
                _ => SnapshotError::Io(error),
            })
    }
}

impl<R> fmt::Debug for Reader<'_, R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Reader")
            .field("entries", &self.entries)
            .field("trailer", &self.trailer)
            .finish_non_exhaustive()
    }
}

/// Up to eight big-endian bytes as a number.
pub(super) fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}
