//! Reads a snapshot from disk, chunk by chunk, on a thread that may block.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use bytes::Bytes;
use holdfast_proto as proto;
use tokio::sync::mpsc;

use crate::raft::snapshot::SnapshotDirectory;

/// Bytes of a file in one chunk.
pub(in crate::raft) const CHUNK_BYTES: usize = 1 << 20;
/// Chunks that are read before the connection takes them.
const READ_AHEAD: usize = 4;

/// Where to go on in a snapshot: a file, and a byte in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: usize,
    pub(super) offset: u64,
}

/// The chunks from `place` to the end. The first is `opening`, which says what the others belong to and has
/// no bytes. Reading goes on as fast as chunks are taken, and ends when the receiver is dropped; what comes
/// after an error is not read.
pub(super) fn read(
    snapshot: SnapshotDirectory,
    opening: proto::SnapshotChunk,
    place: Place,
) -> mpsc::Receiver<io::Result<proto::SnapshotChunk>> {
    let (sender, receiver) = mpsc::channel(READ_AHEAD);
    tokio::task::spawn_blocking(move || {
        if sender.blocking_send(Ok(opening)).is_err() {
            return;
        }
        let sent = read_files(&snapshot, place, |chunk| {
            sender.blocking_send(Ok(chunk)).is_ok()
        });
        if let Err(error) = sent {
            // A receiver that is gone does not need to know.
            drop(sender.blocking_send(Err(error)));
        }
    });
    receiver
}

/// All chunks from a place in a file to the end.
#[cfg(test)]
pub(in crate::raft) fn snapshot_chunks(
    snapshot: &SnapshotDirectory,
    file: usize,
    offset: u64,
) -> io::Result<Vec<proto::SnapshotChunk>> {
    let mut chunks = Vec::new();
    read_files(snapshot, Place { file, offset }, |chunk| {
        chunks.push(chunk);
        true
    })?;
    Ok(chunks)
}

/// Until `take` wants no more.
fn read_files(
    snapshot: &SnapshotDirectory,
    place: Place,
    mut take: impl FnMut(proto::SnapshotChunk) -> bool,
) -> io::Result<()> {
    let Place { file, mut offset } = place;
    let mut buffer = vec![0; CHUNK_BYTES];
    for (index, (name, length)) in snapshot.files.iter().enumerate().skip(file) {
        if *length > offset {
            let path = snapshot.path.join(name);
            let source = File::open(&path).map_err(|error| named(&path, &error))?;
            while offset < *length {
                let count = (*length - offset).min(CHUNK_BYTES as u64) as usize;
                let bytes = buffer.get_mut(..count).unwrap_or_default();
                source
                    .read_exact_at(bytes, offset)
                    .map_err(|error| named(&path, &error))?;
                if !take(chunk(index, offset, bytes)) {
                    return Ok(());
                }
                offset += count as u64;
            }
        }
        offset = 0;
    }
    Ok(())
}

fn chunk(file: usize, offset: u64, bytes: &[u8]) -> proto::SnapshotChunk {
    proto::SnapshotChunk {
        group: 0,
        vote: None,
        last_log_id: None,
        file: file as u32,
        offset,
        compressed: Bytes::from(lz4_flex::block::compress(bytes)),
        length: bytes.len() as u32,
        checksum: crc32fast::hash(bytes),
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
