//! The engine on disk: RocksDB with one column family for records and one for blocks of file data.
//!
//! Blocks are large and never change, so their bytes go to blob files, which compaction does not
//! rewrite with the keys. Both families share one write-ahead log and are flushed together
//! (`atomic_flush`): whatever a crash or a cut file leaves of one is as old as what it leaves of the
//! other.
//!
//! A commit is one `write(2)` to the write-ahead log, so a killed process loses nothing; `sync` is
//! what survives a power failure. Without a write-ahead log both is only what was written to tables.

mod blob_files;
mod checkpoint;
mod compaction;
mod fault;
mod manifest;
mod options;
mod view;

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use rocksdb::{ColumnFamily, DB, WriteBatch, WriteOptions};

pub use self::manifest::ManifestMark;
pub use self::options::{RocksOptions, TableCache};
use self::view::RocksView;
use super::{Batch, Engine};
use crate::fault::Fault;
use crate::keys::Prefix;

/// The column family of the keys that begin with [`Prefix::Block`].
const BLOCKS: &str = "blocks";

/// The property that counts the bytes of the blob files in use.
const BLOB_BYTES: &str = "rocksdb.live-blob-file-size";

/// The property that counts the bytes in memory tables that are not written to disk.
const UNWRITTEN_BYTES: &str = "rocksdb.cur-size-all-mem-tables";

/// What RocksDB adds to a change in a batch: a tag, a family and two lengths.
const CHANGE_OVERHEAD_BYTES: usize = 16;

/// Keeps the map in a directory.
pub struct RocksEngine {
    database: DB,
    write_options: WriteOptions,
    write_ahead_log: bool,
    /// Set after a write of which it is not known how much reached the disk.
    poisoned: AtomicBool,
    /// Set from a commit that found no space to the next that does. RocksDB looks every few seconds
    /// whether there is space again, then goes on by itself with a new write-ahead log.
    full: AtomicBool,
}

impl RocksEngine {
    /// Makes an empty map in a directory that does not exist or is empty.
    pub fn create(path: &Path, options: &RocksOptions) -> Result<RocksEngine, Fault> {
        let mut database = options.database();
        database.create_if_missing(true);
        database.create_missing_column_families(true);
        database.set_error_if_exists(true);
        let families = options.families();
        DB::open_cf_descriptors(&database, path, families)
            .map(|database| RocksEngine::new(database, options))
            .map_err(|error| fault::at_open(&error))
    }

    /// Opens the map in a directory; one process at a time.
    ///
    /// What RocksDB does not find where its manifest says it is corrupt, never made anew.
    pub fn open(path: &Path, options: &RocksOptions) -> Result<RocksEngine, Fault> {
        let engine = DB::open_cf_descriptors(&options.database(), path, options.families())
            .map(|database| RocksEngine::new(database, options))
            .map_err(|error| fault::at_open(&error))?;
        engine.check_blob_files()?;
        Ok(engine)
    }

    /// Opens the map as it would be recovered, and changes nothing on disk.
    pub fn open_read_only(path: &Path) -> Result<RocksEngine, Fault> {
        let options = RocksOptions::default();
        let mut database = options.database();
        database.set_info_logger(options::silent_logger());
        let error_if_log_exists = false;
        let families = options.families();
        let opened =
            DB::open_cf_descriptors_read_only(&database, path, families, error_if_log_exists);
        let engine = opened
            .map(|database| RocksEngine::new(database, &options))
            .map_err(|error| fault::at_open(&error))?;
        engine.check_blob_files()?;
        Ok(engine)
    }

    /// Writes what is only in memory, or in the write-ahead log, to tables, so that the next open has
    /// nothing to replay.
    pub fn flush(&self) -> Result<(), Fault> {
        let families = [self.records()?, self.blocks()?];
        self.database
            .flush_cfs_opt(&families, &rocksdb::FlushOptions::default())
            .map_err(|error| self.failed(&error))
    }

    /// What `flush` would write, about.
    pub fn unwritten_bytes(&self) -> Result<u64, Fault> {
        let mut bytes = 0;
        for family in [self.records()?, self.blocks()?] {
            let tables = self.database.property_int_value_cf(family, UNWRITTEN_BYTES);
            bytes += tables.map_err(|error| self.failed(&error))?.unwrap_or(0);
        }
        Ok(bytes)
    }

    fn new(database: DB, options: &RocksOptions) -> RocksEngine {
        let mut write_options = WriteOptions::default();
        write_options.disable_wal(!options.write_ahead_log);
        RocksEngine {
            database,
            write_options,
            write_ahead_log: options.write_ahead_log,
            poisoned: AtomicBool::new(false),
            full: AtomicBool::new(false),
        }
    }

    fn blocks_property(&self, name: &str) -> Result<u64, Fault> {
        let value = self.database.property_int_value_cf(self.blocks()?, name);
        Ok(value.map_err(|error| self.failed(&error))?.unwrap_or(0))
    }

    fn records(&self) -> Result<&ColumnFamily, Fault> {
        family(&self.database, rocksdb::DEFAULT_COLUMN_FAMILY_NAME)
    }

    fn blocks(&self) -> Result<&ColumnFamily, Fault> {
        family(&self.database, BLOCKS)
    }

    fn write(&self, writes: WriteBatch) -> Result<(), Fault> {
        let written = self.database.write_opt(writes, &self.write_options);
        let result = written.map_err(|error| self.failed(&error));
        match &result {
            Ok(()) if self.full.load(Ordering::Acquire) => {
                self.full.store(false, Ordering::Release);
            }
            Err(Fault::NoSpace) => self.full.store(true, Ordering::Release),
            Ok(()) | Err(Fault::Io(_) | Fault::Corrupt { .. }) => {}
        }
        result
    }

    /// Translates an error of a change; after anything but a full disk no change is accepted again.
    fn failed(&self, error: &rocksdb::Error) -> Fault {
        let fault = fault::of(error);
        if fault != Fault::NoSpace {
            self.poisoned.store(true, Ordering::Release);
        }
        fault
    }

    fn check_not_poisoned(&self) -> Result<(), Fault> {
        if self.poisoned.load(Ordering::Acquire) {
            return Err(Fault::Io("an earlier write failed".to_owned()));
        }
        Ok(())
    }
}

impl Engine for RocksEngine {
    type View<'a> = RocksView<'a>;

    fn view(&self) -> RocksView<'_> {
        RocksView::snapshot(&self.database)
    }

    fn latest(&self) -> RocksView<'_> {
        RocksView::latest(&self.database)
    }

    fn commit(&self, batch: Batch) -> Result<(), Fault> {
        self.check_not_poisoned()?;
        let mut blocks = None;
        let mut writes = WriteBatch::with_capacity_bytes(batch_bytes(&batch));
        for (key, value) in batch.into_changes() {
            if is_block(&key) {
                let family = match blocks {
                    Some(family) => family,
                    None => *blocks.insert(self.blocks()?),
                };
                match value {
                    Some(value) => writes.put_cf(family, &key, &value),
                    None => writes.delete_cf(family, &key),
                }
            } else {
                match value {
                    Some(value) => writes.put(&key, &value),
                    None => writes.delete(&key),
                }
            }
        }
        self.write(writes)
    }

    fn sync(&self) -> Result<(), Fault> {
        self.check_not_poisoned()?;
        if !self.write_ahead_log {
            return self.flush();
        }
        if self.full.load(Ordering::Acquire) {
            // RocksDB takes a sync of the log that had no space for damage: first see whether it has
            // left that log behind.
            self.write(WriteBatch::default())?;
        }
        self.database
            .flush_wal(true)
            .map_err(|error| self.failed(&error))
    }
}

impl fmt::Debug for RocksEngine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RocksEngine")
            .field("path", &self.database.path())
            .field("poisoned", &self.poisoned)
            .finish_non_exhaustive()
    }
}

fn family<'a>(database: &'a DB, name: &str) -> Result<&'a ColumnFamily, Fault> {
    database
        .cf_handle(name)
        .ok_or_else(|| Fault::corrupt("store", format!("column family {name} is missing")))
}

fn is_block(key: &[u8]) -> bool {
    key.first() == Some(&(Prefix::Block as u8))
}

fn batch_bytes(batch: &Batch) -> usize {
    let header = 12;
    batch.changes().fold(header, |bytes, (key, value)| {
        bytes + CHANGE_OVERHEAD_BYTES + key.len() + value.as_ref().map_or(0, Bytes::len)
    })
}
