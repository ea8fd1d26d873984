//! How RocksDB is set up, and why.

use std::fmt;

use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType,
    DBRecoveryMode, DataBlockIndexType, LogLevel, Options,
};

use super::BLOCKS;

const MIB: usize = 1024 * 1024;

/// Values from this size on go to blob files; smaller ones stay beside their keys.
const BLOB_BYTES_MIN: u64 = 4096;
/// Small tables of block numbers, so that collecting the garbage of one rewrites few blobs.
const BLOCKS_TABLE_BYTES: u64 = 256 * 1024;
/// Blob files from this many of the oldest on are collected when a compaction meets their keys.
pub(super) const BLOB_AGE_CUTOFF: f64 = 0.5;
/// The oldest blob files are collected on their own when this much of them is garbage.
const BLOB_GARBAGE_MAX: f64 = 0.5;
/// Most tables kept open; some systems allow a process 20,000 files, and there is more than RocksDB.
const OPEN_FILES_MAX: i32 = 2048;
/// Unwritten memory tables a family may have before commits wait.
const WRITE_BUFFERS_MAX: i32 = 3;

/// Memory tables that make up the first level of tables: with the largest, what RocksDB takes by itself.
const LEVEL_BASE_BUFFERS: u64 = 4;

/// A file that is overwritten at random, or a directory that is emptied, leaves removed keys between
/// those that are there, and every scan passes over them. When one scan passes over this many in memory
/// they are written to a table (RocksDB's C interface has this option only as text) ...
const SCAN_FLUSH: &str = "memtable_op_scan_flush_trigger=1000";
/// ... and when a table has this many removed keys among so many, it is compacted, which drops them.
const DELETIONS_MAX: usize = 512;
const DELETION_WINDOW_KEYS: usize = 1024;

/// Who does not ask for a sync does not wait for one when it ends, and every end is like that of a killed process
/// (RocksDB's C interface has this, too, only as text).
const NO_FLUSH_AT_THE_END: &str = "avoid_flush_during_shutdown=true";

/// Memory for what was read of tables. Its clones are the same memory, for several engines.
#[derive(Clone)]
pub struct TableCache(Cache);

impl TableCache {
    /// Of an engine that is told nothing else.
    pub const BYTES: usize = 256 * MIB;

    /// Nothing is in it yet, and so much may be.
    pub fn new(bytes: usize) -> TableCache {
        TableCache(Cache::new_lru_cache(bytes))
    }

    /// How much is in it.
    pub fn used_bytes(&self) -> usize {
        self.0.get_usage()
    }
}

impl Default for TableCache {
    fn default() -> TableCache {
        TableCache::new(TableCache::BYTES)
    }
}

impl fmt::Debug for TableCache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("TableCache")
            .field(&self.used_bytes())
            .finish()
    }
}

/// How much memory and disk the engine may use.
#[derive(Debug, Clone)]
pub struct RocksOptions {
    /// Shared by all column families, and with whoever else has a clone of it.
    pub cache: TableCache,
    /// Size at which the memory table of a column family is written to disk. The write-ahead log and
    /// what must be written when space is short grow with it.
    pub write_buffer_bytes: usize,
    /// Whether a commit outlives the process that made it. Without it a process that ends in any way, also by
    /// dropping the engine, leaves what was last synced or had to make space: right where somebody else can tell
    /// what came later.
    pub write_ahead_log: bool,
}

impl Default for RocksOptions {
    fn default() -> RocksOptions {
        RocksOptions {
            cache: TableCache::default(),
            write_buffer_bytes: 64 * MIB,
            write_ahead_log: true,
        }
    }
}

impl RocksOptions {
    /// Bytes that may be in memory tables, to be written to disk once more, when commits begin to wait.
    pub fn unwritten_bytes_max(&self) -> usize {
        self.write_buffer_bytes * WRITE_BUFFERS_MAX as usize
    }

    /// Of the database as a whole.
    pub(super) fn database(&self) -> Options {
        let mut options = Options::default();
        if !self.write_ahead_log {
            options = options
                .get_options_from_string(NO_FLUSH_AT_THE_END)
                .unwrap_or_default();
        }
        // A prefix of the commits is what a power failure leaves; the caller's watermark tells
        // whether that prefix is long enough.
        options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
        options.set_atomic_flush(true);
        options.set_track_and_verify_wals_in_manifest(true);
        options.set_max_open_files(OPEN_FILES_MAX);
        options.set_max_background_jobs(2);
        // There is one writer: what lets writers work side by side only costs it time.
        options.set_allow_concurrent_memtable_write(false);
        options.set_enable_write_thread_adaptive_yield(false);
        options.set_max_manifest_file_size(16 * MIB);
        options.set_skip_stats_update_on_db_open(true);
        options.set_stats_dump_period_sec(0);
        options.set_stats_persist_period_sec(0);
        options.set_log_level(LogLevel::Warn);
        options.set_max_log_file_size(MIB);
        options.set_keep_log_file_num(2);
        options
    }

    /// Of both column families.
    pub(super) fn families(&self) -> Vec<ColumnFamilyDescriptor> {
        let cache = &self.cache.0;
        vec![
            ColumnFamilyDescriptor::new(
                rocksdb::DEFAULT_COLUMN_FAMILY_NAME,
                self.records_family(cache),
            ),
            ColumnFamilyDescriptor::new(BLOCKS, self.blocks_family(cache)),
        ]
    }

    fn records_family(&self, cache: &Cache) -> Options {
        let mut options = self.family(cache);
        options.set_compression_type(DBCompressionType::Lz4);
        // Most creates ask for a name that is not there, most reads for one that is on disk.
        options.set_memtable_prefix_bloom_ratio(0.05);
        options.set_memtable_whole_key_filtering(true);
        options.add_compact_on_deletion_collector_factory(DELETION_WINDOW_KEYS, DELETIONS_MAX, 0.0);
        options
    }

    fn blocks_family(&self, cache: &Cache) -> Options {
        let mut options = self.family(cache);
        // File data is often compressed already, and a read of a part would expand the whole.
        options.set_compression_type(DBCompressionType::None);
        options.set_target_file_size_base(BLOCKS_TABLE_BYTES);
        options.set_enable_blob_files(true);
        options.set_min_blob_size(BLOB_BYTES_MIN);
        options.set_blob_compression_type(DBCompressionType::None);
        options.set_blob_file_size(64 * MIB as u64);
        options.set_enable_blob_gc(true);
        options.set_blob_gc_age_cutoff(BLOB_AGE_CUTOFF);
        options.set_blob_gc_force_threshold(BLOB_GARBAGE_MAX);
        options
    }

    fn family(&self, cache: &Cache) -> Options {
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(cache);
        table.set_block_size(8 * 1024);
        table.set_bloom_filter(10.0, false);
        table.set_optimize_filters_for_memory(true);
        // In parts: the index and filter of a whole table are some MiB. With more tables than the cache has room for, each look
        // read and checked one as a whole.
        table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
        table.set_partition_filters(true);
        table.set_metadata_block_size(8 * 1024);
        table.set_cache_index_and_filter_blocks(true);
        table.set_cache_index_and_filter_blocks_with_high_priority(true);
        table.set_pin_top_level_index_and_filter(true);
        table.set_pin_l0_filter_and_index_blocks_in_cache(true);
        table.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
        let mut options = Options::default()
            .get_options_from_string(SCAN_FLUSH)
            .unwrap_or_default();
        options.set_block_based_table_factory(&table);
        options.set_write_buffer_size(self.write_buffer_bytes);
        // What is merged at once is rewritten at once, and takes as much space again.
        options.set_max_bytes_for_level_base(self.write_buffer_bytes as u64 * LEVEL_BASE_BUFFERS);
        options.set_max_write_buffer_number(WRITE_BUFFERS_MAX);
        options
    }
}

/// Keeps RocksDB from writing its log file where nothing may be written.
pub(super) fn silent_logger() -> rocksdb::InfoLogger {
    rocksdb::InfoLogger::new_callback_logger(LogLevel::Fatal, |_, _| ())
}
