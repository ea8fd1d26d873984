//! What a look costs at what is not in memory.

use std::path::Path;

use super::super::{Batch, Engine, RocksEngine, RocksOptions, TableCache, View};
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

/// An engine with one table of so many inodes, below the first level, whose tables are in memory as far as they are not values.
fn with_one_table(path: &Path, options: &RocksOptions, inodes: u64) -> RocksEngine {
    let engine = RocksEngine::create(path, options).unwrap();
    for first in (0..inodes).step_by(20_000) {
        let mut batch = Batch::default();
        for number in first..inodes.min(first + 20_000) {
            batch.set(keys::inode(InodeId::new(number)), Some(record(number)));
        }
        engine.commit(batch).unwrap();
    }
    engine.compact(&|| true, &|_| true).unwrap();
    drop(engine);
    RocksEngine::open(path, options).unwrap()
}

fn look(engine: &RocksEngine, number: u64) {
    let found = engine.view().get(&keys::inode(InodeId::new(number)));
    assert_eq!(found.unwrap(), Some(record(number)));
}

#[test]
fn a_look_reads_no_more_of_large_tables_than_of_small_ones() {
    let directory = tempfile::tempdir().unwrap();
    // One table of everything, and next to no memory of it.
    let options = RocksOptions {
        cache: TableCache::new(64 * 1024),
        write_buffer_bytes: 256 << 20,
        ..RocksOptions::default()
    };
    let engine = with_one_table(&directory.path().join("store"), &options, INODES);
    let before = bytes_read();
    for number in 0..LOOKS {
        look(&engine, number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % INODES);
    }
    let each = (bytes_read() - before) / LOOKS;
    assert!(each < BYTES_A_LOOK, "{each} bytes a look");
}

#[test]
fn engines_that_share_a_cache_have_no_more_memory_together_than_it_has() {
    const BYTES: usize = 1 << 20;
    const INODES: u64 = 50_000;
    let directory = tempfile::tempdir().unwrap();
    let options = RocksOptions {
        cache: TableCache::new(BYTES),
        ..RocksOptions::default()
    };
    let names = ["one", "other"];
    let engines = names.map(|name| with_one_table(&directory.path().join(name), &options, INODES));
    for engine in &engines {
        for number in 0..INODES {
            look(engine, number);
        }
        // Each of them would fill it alone; the top of an index stays in it, whatever else does.
        let used = options.cache.used_bytes();
        assert!((BYTES / 2..BYTES * 3 / 2).contains(&used), "{used} bytes");
    }
}
