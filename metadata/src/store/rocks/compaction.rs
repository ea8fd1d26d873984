//! Gives space of removed values back to the disk, when it is needed.
//!
//! RocksDB gives it back in its own time, which is too late on a full disk. Removed keys must first
//! reach the bottom of the tree; then blob files without a live value vanish by themselves, and files
//! with few of them are emptied by rewriting those, table by table, so that little space is needed
//! before some is gained.

use rocksdb::{BottommostLevelCompaction, CompactOptions, DEFAULT_COLUMN_FAMILY_NAME};

use super::{BLOB_BYTES, BLOCKS, RocksEngine};
use crate::fault::Fault;

/// Rewriting live blobs is worth while when this part of their files is garbage.
const GARBAGE_PART: u64 = 8;

const GARBAGE_BYTES: &str = "rocksdb.live-blob-file-garbage-size";
const AGE_CUTOFF: &str = "blob_garbage_collection_age_cutoff";

impl RocksEngine {
    /// Compacts what was removed. It asks before each table whether to go on, and before it rewrites live blobs
    /// whether there is room for so many bytes more. It is slow: run it beside the commits.
    pub fn compact(
        &self,
        proceed: &dyn Fn() -> bool,
        has_room: &dyn Fn(u64) -> bool,
    ) -> Result<(), Fault> {
        self.check_not_poisoned()?;
        self.flush()?;
        let options = CompactOptions::default();
        for family in [BLOCKS, DEFAULT_COLUMN_FAMILY_NAME] {
            self.compact_tables(family, &options, &|| Ok(proceed()))?;
        }
        if !proceed() || !self.has_garbage()? {
            return Ok(());
        }
        let needed = self.live_blob_bytes_a_table()?;
        let mut options = CompactOptions::default();
        options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        self.set_age_cutoff("1.0")?;
        let collected = self.compact_tables(BLOCKS, &options, &|| {
            Ok(proceed() && has_room(needed) && self.has_garbage()?)
        });
        self.set_age_cutoff(&super::options::BLOB_AGE_CUTOFF.to_string())?;
        collected
    }

    /// One range a table, so that who stops the engine waits for one of them and not for all.
    fn compact_tables(
        &self,
        name: &str,
        options: &CompactOptions,
        proceed: &dyn Fn() -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        let family = super::family(&self.database, name)?;
        let tables = self
            .database
            .live_files()
            .map_err(|error| self.failed(&error))?;
        for table in tables
            .iter()
            .filter(|table| table.column_family_name == name)
        {
            if !proceed()? {
                break;
            }
            let (start, end) = (table.start_key.as_ref(), table.end_key.as_ref());
            self.database
                .compact_range_cf_opt(family, start, end, options);
        }
        Ok(())
    }

    /// What rewriting the live blobs of one table takes, about, until the old ones are gone.
    fn live_blob_bytes_a_table(&self) -> Result<u64, Fault> {
        let live = self.blocks_property(BLOB_BYTES)?;
        let live = live.saturating_sub(self.blocks_property(GARBAGE_BYTES)?);
        let tables = self.database.live_files();
        let tables = tables.map_err(|error| self.failed(&error))?;
        let tables = tables.iter();
        let of_blocks = tables.filter(|table| table.column_family_name == BLOCKS);
        Ok(live / (of_blocks.count() as u64).max(1))
    }

    fn has_garbage(&self) -> Result<bool, Fault> {
        let garbage = self.blocks_property(GARBAGE_BYTES)?;
        Ok(garbage > self.blocks_property(BLOB_BYTES)? / GARBAGE_PART)
    }

    /// RocksDB collects no blocks by itself any more: what becomes of them is what was asked for.
    #[cfg(test)]
    pub(in crate::store) fn collect_only_when_asked(&self) -> Result<(), Fault> {
        self.set_option_of_blocks("disable_auto_compactions", "true")
    }

    fn set_age_cutoff(&self, part: &str) -> Result<(), Fault> {
        self.set_option_of_blocks(AGE_CUTOFF, part)
    }

    fn set_option_of_blocks(&self, name: &str, value: &str) -> Result<(), Fault> {
        self.database
            .set_options_cf(self.blocks()?, &[(name, value)])
            .map_err(|error| self.failed(&error))
    }
}
