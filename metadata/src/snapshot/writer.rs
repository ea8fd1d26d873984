//! Writing a state as a stream.

use std::io::Write;
use std::ops::ControlFlow;

use super::format::{
    FRAME_BYTES, FrameKind, MAGIC, PACKED_LENGTH_BYTES, SnapshotError, Summary, TRAILER_BYTES,
    VERSION, frame_header,
};
use crate::digest::{Digester, LAST_KEY};
use crate::store::View;

/// Writes everything a view shows, in the order of the keys; answers what was written.
///
/// The view stays the same while it is read, so the state may go on changing meanwhile.
pub fn write(view: &dyn View, stream: &mut impl Write) -> Result<Summary, SnapshotError> {
    let mut header = Vec::from(MAGIC);
    header.extend_from_slice(&VERSION.to_be_bytes());
    let checksum = crc32fast::hash(&header);
    header.extend_from_slice(&checksum.to_be_bytes());
    stream.write_all(&header)?;

    let mut entries = 0_u64;
    let mut digester = Digester::default();
    let mut frame = Vec::with_capacity(FRAME_BYTES);
    let mut failure = None;
    view.scan(&[], &LAST_KEY, &mut |key, value| {
        entries += 1;
        digester.entry(key, value);
        frame.extend_from_slice(&(key.len() as u32).to_be_bytes());
        frame.extend_from_slice(&(value.len() as u32).to_be_bytes());
        frame.extend_from_slice(key);
        frame.extend_from_slice(value);
        if frame.len() >= FRAME_BYTES {
            if let Err(error) = write_entries(stream, &frame) {
                failure = Some(error);
                return Ok(ControlFlow::Break(()));
            }
            frame.clear();
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if let Some(error) = failure {
        return Err(error.into());
    }
    if !frame.is_empty() {
        write_entries(stream, &frame)?;
    }
    let digest = digester.finish();
    let mut trailer = Vec::with_capacity(TRAILER_BYTES);
    trailer.extend_from_slice(&entries.to_be_bytes());
    trailer.extend_from_slice(&digest.get().to_be_bytes());
    write_frame(stream, FrameKind::Trailer, &trailer)?;
    stream.flush()?;
    Ok(Summary { entries, digest })
}

/// Packed, unless that is longer.
fn write_entries(stream: &mut impl Write, entries: &[u8]) -> Result<(), std::io::Error> {
    let packed = lz4_flex::block::compress(entries);
    if packed.len() + PACKED_LENGTH_BYTES >= entries.len() {
        return write_frame(stream, FrameKind::Entries, entries);
    }
    let mut payload = Vec::with_capacity(PACKED_LENGTH_BYTES + packed.len());
    payload.extend_from_slice(&(entries.len() as u32).to_be_bytes());
    payload.extend_from_slice(&packed);
    write_frame(stream, FrameKind::Packed, &payload)
}

fn write_frame(
    stream: &mut impl Write,
    kind: FrameKind,
    payload: &[u8],
) -> Result<(), std::io::Error> {
    stream.write_all(&frame_header(kind, payload))?;
    stream.write_all(payload)
}
