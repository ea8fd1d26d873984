//! How much the log may use, and how its RocksDB is set up.

use std::path::Path;

use rocksdb::{BlockBasedOptions, Cache, DBCompressionType, DBRecoveryMode, LogLevel, Options};

use crate::disk_space;
use crate::raft::node_disk::WRITE_BUFFER_PART;

const MIB: usize = 1024 * 1024;

/// Most tables kept open.
const OPEN_FILES_MAX: i32 = 512;
/// Memory tables that may wait to be written before appends wait for them.
const WRITE_BUFFERS_MAX: i32 = 4;

/// Memory tables that make up the first level of tables.
const LEVEL_BASE_BUFFERS: u64 = 4;
/// Tables that one memory table becomes when it is merged with others.
const TABLES_A_BUFFER: u64 = 8;

/// How much memory the log of a node may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogOptions {
    /// Entries kept in memory after they are written, all groups together.
    pub(crate) recent_bytes: usize,
    /// Payload of one answer to a follower that catches up, unless one entry is larger.
    pub(crate) answer_bytes_max: usize,
    /// Size at which what was written is moved from RocksDB's log to a table.
    pub(crate) write_buffer_bytes: usize,
    /// Tables that were read.
    pub(crate) block_cache_bytes: usize,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        LogOptions {
            recent_bytes: 64 * MIB,
            answer_bytes_max: 4 * MIB,
            write_buffer_bytes: 64 * MIB,
            block_cache_bytes: 16 * MIB,
        }
    }
}

impl LogOptions {
    /// As the disk that a path is on allows.
    pub(crate) fn on_disk_of(path: &Path) -> LogOptions {
        LogOptions {
            write_buffer_bytes: disk_space::write_buffer_bytes(path, WRITE_BUFFER_PART),
            ..LogOptions::default()
        }
    }
}

/// Of the database.
pub(super) fn of(options: &LogOptions) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&Cache::new_lru_cache(options.block_cache_bytes));
    table.set_block_size(16 * 1024);
    let mut database = Options::default();
    // What a crash leaves is the batches before the first torn one; the watermark tells whether that
    // is enough.
    database.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    database.set_track_and_verify_wals_in_manifest(true);
    database.set_block_based_table_factory(&table);
    // Proposals are often compressed or random already; the rest is small and soon purged.
    database.set_compression_type(DBCompressionType::None);
    database.set_write_buffer_size(options.write_buffer_bytes);
    database.set_max_write_buffer_number(WRITE_BUFFERS_MAX);
    // What is merged at once is rewritten at once, and takes as much space again.
    database.set_max_bytes_for_level_base(options.write_buffer_bytes as u64 * LEVEL_BASE_BUFFERS);
    // Small tables, so that few are left of which only a part was purged.
    database.set_target_file_size_base(options.write_buffer_bytes as u64 / TABLES_A_BUFFER);
    database.set_max_open_files(OPEN_FILES_MAX);
    database.set_max_background_jobs(2);
    // There is one writer: what lets writers work side by side only costs it time.
    database.set_allow_concurrent_memtable_write(false);
    database.set_enable_write_thread_adaptive_yield(false);
    database.set_max_manifest_file_size(16 * MIB);
    database.set_skip_stats_update_on_db_open(true);
    database.set_stats_dump_period_sec(0);
    database.set_stats_persist_period_sec(0);
    database.set_log_level(LogLevel::Warn);
    database.set_max_log_file_size(MIB);
    database.set_keep_log_file_num(2);
    database
}

/// Keeps RocksDB from writing its own messages where nothing may be written.
pub(super) fn silent_logger() -> rocksdb::InfoLogger {
    rocksdb::InfoLogger::new_callback_logger(LogLevel::Fatal, |_, _| ())
}
