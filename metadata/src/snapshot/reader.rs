//! Restoring a state from a stream.

use std::io::{ErrorKind, Read};
use std::ops::ControlFlow;

use bytes::Bytes;

use super::format::{
    ENTRY_HEADER_BYTES, FRAME_BYTES_MAX, FRAME_HEADER_BYTES, FRAME_START_BYTES, FrameKind,
    HEADER_BYTES, MAGIC, SnapshotError, Summary, VERSION, frame_checksum,
};
use crate::digest::{Digest, Digester, LAST_KEY};
use crate::keys;
use crate::record::Volume;
use crate::store::{Batch, Engine, View};

/// Restores a snapshot into an empty engine; answers what was read.
///
/// After an error the engine may hold a part of the state, but no volume: it is to be thrown away.
pub fn read<E: Engine>(engine: &E, stream: &mut impl Read) -> Result<Summary, SnapshotError> {
    check_empty(&engine.view())?;
    let mut reader = Reader {
        stream,
        entries: 0,
        digester: Digester::default(),
        last_key: Vec::new(),
        volume: None,
    };
    reader.header()?;
    loop {
        let (kind, payload) = reader.frame()?;
        match kind {
            FrameKind::Entries => engine.commit(reader.batch(&Bytes::from(payload))?)?,
            FrameKind::Trailer => {
                let summary = reader.trailer(&payload)?;
                let volume = reader.volume.ok_or(SnapshotError::Corrupt {
                    entries: summary.entries,
                    what: "no volume record",
                })?;
                // Before what makes it a volume, all of it must be there to stay.
                engine.sync()?;
                let mut batch = Batch::default();
                batch.set(keys::volume(), Some(volume));
                engine.commit(batch)?;
                engine.sync()?;
                return Ok(summary);
            }
        }
    }
}

fn check_empty(view: &impl View) -> Result<(), SnapshotError> {
    let mut empty = true;
    view.scan(&[], &LAST_KEY, &mut |_, _| {
        empty = false;
        Ok(ControlFlow::Break(()))
    })?;
    if empty {
        Ok(())
    } else {
        Err(SnapshotError::NotEmpty)
    }
}

struct Reader<'a, R> {
    stream: &'a mut R,
    entries: u64,
    digester: Digester,
    last_key: Vec<u8>,
    /// Kept back to the end.
    volume: Option<Bytes>,
}

impl<R: Read> Reader<'_, R> {
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
        match number(version) as u32 {
            VERSION => Ok(()),
            found if found > VERSION => Err(SnapshotError::NewerVersion {
                found,
                known: VERSION,
            }),
            _ => Err(self.corrupt("version 0")),
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
        Ok((
            kind.ok_or_else(|| self.corrupt("unknown kind of frame"))?,
            payload,
        ))
    }

    /// The entries of a frame, but for the volume record.
    fn batch(&mut self, payload: &Bytes) -> Result<Batch, SnapshotError> {
        let mut batch = Batch::default();
        let mut rest = payload.clone();
        while !rest.is_empty() {
            if rest.len() < ENTRY_HEADER_BYTES {
                return Err(self.corrupt("an entry does not fit its frame"));
            }
            let lengths = rest.split_to(ENTRY_HEADER_BYTES);
            let (key, value) = lengths.split_at(4);
            let (key, value) = (number(key) as usize, number(value) as usize);
            if key.checked_add(value).is_none_or(|both| both > rest.len()) {
                return Err(self.corrupt("an entry does not fit its frame"));
            }
            let (key, value) = (rest.split_to(key), rest.split_to(value));
            if key.is_empty() || key.as_ref() <= self.last_key.as_slice() {
                return Err(self.corrupt("keys are not in order"));
            }
            self.last_key = key.to_vec();
            self.entries += 1;
            self.digester.entry(&key, &value);
            if key == keys::volume() {
                Volume::decode(&value)?;
                self.volume = Some(value);
            } else {
                batch.set(key.to_vec(), Some(value));
            }
        }
        Ok(batch)
    }

    fn trailer(&mut self, payload: &[u8]) -> Result<Summary, SnapshotError> {
        let Some((entries, digest)) = payload.split_first_chunk::<8>() else {
            return Err(self.corrupt("the trailer is too short"));
        };
        let Ok(digest) = <[u8; 16]>::try_from(digest) else {
            return Err(self.corrupt("the trailer has a wrong length"));
        };
        let summary = Summary {
            entries: u64::from_be_bytes(*entries),
            digest: Digest::new(u128::from_be_bytes(digest)),
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

    fn corrupt(&self, what: &'static str) -> SnapshotError {
        SnapshotError::Corrupt {
            entries: self.entries,
            what,
        }
    }
}

/// Up to eight big-endian bytes as a number.
fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}
