//! Streams of a whole state: as they come, and with the checksums made right, so that what is behind them is reached.

use holdfast_metadata::snapshot::{self, SnapshotError, Summary};
use holdfast_metadata::{Engine, MemoryEngine};

const HEADER_BYTES: usize = 16;
const ENTRIES: u8 = 1;

/// The bytes as a stream; and what follows the header as the entries of one frame.
pub(super) fn snapshots(bytes: &[u8]) {
    let engine = MemoryEngine::new();
    if let Ok(summary) = snapshot::read(&engine, &mut &*bytes) {
        let mut again = Vec::new();
        assert_eq!(written(&engine, &mut again), summary);
        let restored = MemoryEngine::new();
        assert_eq!(snapshot::read(&restored, &mut &*again).unwrap(), summary);
    }
    let entries = bytes.get(HEADER_BYTES..).unwrap_or_default();
    let sealed = sealed(entries);
    match snapshot::read(&MemoryEngine::new(), &mut &*sealed) {
        Ok(_) => panic!("a snapshot without an end was taken"),
        Err(
            SnapshotError::Truncated { .. }
            | SnapshotError::Corrupt { .. }
            | SnapshotError::Fault(holdfast_metadata::Fault::Corrupt { .. }),
        ) => {}
        Err(error) => panic!("{error:?}"),
    }
}

fn written(engine: &MemoryEngine, stream: &mut Vec<u8>) -> Summary {
    snapshot::write(&engine.view(), stream).unwrap()
}

/// A header and a frame as the writer makes them, around these entries.
fn sealed(entries: &[u8]) -> Vec<u8> {
    let mut stream = b"HoldSnap\0\0\0\x01".to_vec();
    stream.extend_from_slice(&crc32fast::hash(&stream).to_be_bytes());
    let mut start = vec![ENTRIES];
    start.extend_from_slice(&(entries.len() as u32).to_be_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&start);
    hasher.update(entries);
    start.extend_from_slice(&hasher.finalize().to_be_bytes());
    stream.extend_from_slice(&start);
    stream.extend_from_slice(entries);
    stream
}
