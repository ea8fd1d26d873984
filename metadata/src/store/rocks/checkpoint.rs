//! A copy of the state as it is now, made of hard links.

use std::fs::File;
use std::io;
use std::path::Path;

use rocksdb::checkpoint::Checkpoint;

use super::{RocksEngine, fault};
use crate::fault::Fault;

impl RocksEngine {
    /// Makes a copy of the state at `path`, which must not exist, on the same filesystem.
    ///
    /// It holds every commit that returned before the call, and is on disk for good when this returns:
    /// [`RocksEngine::open`] opens it wherever it is moved to. After an error, what is at `path` is to
    /// be thrown away.
    pub fn checkpoint(&self, path: &Path) -> Result<(), Fault> {
        self.check_not_poisoned()?;
        let checkpoint = Checkpoint::new(&self.database).map_err(|error| fault::of(&error))?;
        checkpoint
            .create_checkpoint(path)
            .map_err(|error| fault::of(&error))?;
        sync_all(path).map_err(|error| Fault::Io(format!("{}: {error}", path.display())))
    }
}

/// RocksDB syncs its tables as it writes them, but not what it copies into a checkpoint.
fn sync_all(directory: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        File::open(entry?.path())?.sync_all()?;
    }
    File::open(directory)?.sync_all()?;
    let above = directory
        .parent()
        .filter(|above| !above.as_os_str().is_empty());
    File::open(above.unwrap_or(Path::new(".")))?.sync_all()
}
