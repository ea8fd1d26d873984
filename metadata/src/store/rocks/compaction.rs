//! Gives space of removed values back to the disk, when it is needed.
//!
//! RocksDB gives it back in its own time, which is too late on a full disk. Removed keys must first
//! reach the bottom of the tree; then blob files without a live value vanish by themselves, and files
//! with few of them are emptied by rewriting those, table by table, so that little space is needed
//! before some is gained.

use rocksdb::{BottommostLevelCompaction, CompactOptions};

use super::{BLOB_BYTES, BLOCKS, RocksEngine};
use crate::fault::Fault;

/// Rewriting live blobs is worth while when this part of their files is garbage.
const GARBAGE_PART: u64 = 8;

const GARBAGE_BYTES: &str = "rocksdb.live-blob-file-garbage-size";
const AGE_CUTOFF: &str = "blob_garbage_collection_age_cutoff";

impl RocksEngine {
    /// Compacts what was removed. It asks before each step whether to go on, and is slow: run it
    /// beside the commits.
    pub fn compact(&self, proceed: &dyn Fn() -> bool) -> Result<(), Fault> {
        self.check_not_poisoned()?;
        self.flush()?;
        for family in [self.blocks()?, self.records()?] {
            if !proceed() {
                return Ok(());
            }
            let options = CompactOptions::default();
            self.database
                .compact_range_cf_opt(family, None::<&[u8]>, None::<&[u8]>, &options);
        }
        if !proceed() || !self.has_garbage()? {
            return Ok(());
        }
        self.set_age_cutoff("1.0")?;
        let collected = self.collect_blobs(proceed);
        self.set_age_cutoff(&super::options::BLOB_AGE_CUTOFF.to_string())?;
        collected
    }

    fn collect_blobs(&self, proceed: &dyn Fn() -> bool) -> Result<(), Fault> {
        let family = self.blocks()?;
        let mut options = CompactOptions::default();
        options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        let tables = self
            .database
            .live_files()
            .map_err(|error| self.failed(&error))?;
        for table in tables
            .iter()
            .filter(|table| table.column_family_name == BLOCKS)
        {
            if !proceed() || !self.has_garbage()? {
                break;
            }
            let (start, end) = (table.start_key.as_ref(), table.end_key.as_ref());
            self.database
                .compact_range_cf_opt(family, start, end, &options);
        }
        Ok(())
    }

    fn has_garbage(&self) -> Result<bool, Fault> {
        let garbage = self.blocks_property(GARBAGE_BYTES)?;
        Ok(garbage > self.blocks_property(BLOB_BYTES)? / GARBAGE_PART)
    }

    fn set_age_cutoff(&self, part: &str) -> Result<(), Fault> {
        self.database
            .set_options_cf(self.blocks()?, &[(AGE_CUTOFF, part)])
            .map_err(|error| self.failed(&error))
    }
}
