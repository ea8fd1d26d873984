//! Checks at open that the blob files are all there.
//!
//! RocksDB checks the size of its tables when it opens, but looks at a blob file when one of its
//! values is read, which may be never or at the worst moment.

use std::io;

use super::{BLOB_BYTES, RocksEngine};
use crate::fault::Fault;

/// How often files may change under the comparison before it is believed.
const ATTEMPTS: u32 = 5;

impl RocksEngine {
    /// Compares the bytes of the blob files in use with those on disk; obsolete ones may be there too.
    pub(super) fn check_blob_files(&self) -> Result<(), Fault> {
        let mut missing = (0, 0);
        for _ in 0..ATTEMPTS {
            let before = self.blocks_property(BLOB_BYTES)?;
            let found = self
                .blob_bytes_on_disk()
                .map_err(|error| Fault::Io(error.to_string()))?;
            if found >= before {
                return Ok(());
            }
            missing = (before - found, before);
        }
        Err(Fault::corrupt(
            "store",
            format!(
                "{} of {} bytes of blob files are missing",
                missing.0, missing.1
            ),
        ))
    }

    fn blob_bytes_on_disk(&self) -> io::Result<u64> {
        let mut bytes = 0;
        for entry in std::fs::read_dir(self.database.path())? {
            let entry = entry?;
            let path = entry.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "blob")
            {
                bytes += entry.metadata().map_or(0, |metadata| metadata.len());
            }
        }
        Ok(bytes)
    }
}
