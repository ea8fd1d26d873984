//! What a look costs at what is not in memory.

use super::super::{Batch, Engine, RocksEngine, RocksOptions, View};
use super::Bytes;
use crate::keys;
use crate::types::InodeId;

const INODES: u64 = 600_000;
const LOOKS: u64 = 1_000;
/// A block of values, and as much of the index and of the filter, and the ends of all three.
const BYTES_A_LOOK: u64 = 3 * 8 * 1024 + 4096;

/// Something that does not compress, as long as a record.
fn record(number: u64) -> Bytes {
    let word = |turn: u64| (number * 8 + turn + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let words = (0..8).flat_map(|turn| word(turn).to_be_bytes());
    words.collect()
}

/// Bytes that this thread has read from files, also from those that the kernel remembers.
fn bytes_read() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/io").unwrap();
    let line = text.lines().find(|line| line.starts_with("rchar:"));
    line.unwrap()["rchar:".len()..].trim().parse().unwrap()
}

#[test]
fn a_look_reads_no_more_of_large_tables_than_of_small_ones() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    // One table of everything, and next to no memory of it.
    let options = RocksOptions {
        block_cache_bytes: 64 * 1024,
        write_buffer_bytes: 256 << 20,
        ..RocksOptions::default()
    };
    let engine = RocksEngine::create(&path, &options).unwrap();
    for first in (0..INODES).step_by(20_000) {
        let mut batch = Batch::default();
        for number in first..first + 20_000 {
            batch.set(keys::inode(InodeId::new(number)), Some(record(number)));
        }
        engine.commit(batch).unwrap();
    }
    // Below the first level, whose tables are in memory as far as they are not values.
    engine.compact(&|| true, &|_| true).unwrap();
    drop(engine);
    let engine = RocksEngine::open(&path, &options).unwrap();
    let view = engine.view();
    let before = bytes_read();
    for look in 0..LOOKS {
        let number = look.wrapping_mul(0x9e37_79b9_7f4a_7c15) % INODES;
        let found = view.get(&keys::inode(InodeId::new(number))).unwrap();
        assert_eq!(found, Some(record(number)));
    }
    let each = (bytes_read() - before) / LOOKS;
    assert!(each < BYTES_A_LOOK, "{each} bytes a look");
}
