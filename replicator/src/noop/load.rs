//! Makes a data directory from a dump: all of it, or nothing that could be opened.
//!
//! `LOADING` is on disk before the first other file, and is removed when `FORMAT` is there. A directory with it and
//! without `FORMAT` is what a load that was cut off has left: only another load takes it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use holdfast_metadata::snapshot::{SnapshotError, Summary};
use holdfast_metadata::{RocksEngine, RocksOptions, dump};

use super::data_directory::{
    CREATING, CREATING_FORMAT, DataDirectory, LOADING, MAKING, STORE, SYNCED, check_vacant,
    holds_format, make_files, names_in, publish, remove_markers,
};
use super::format_file::FormatFile;
use super::lock_file::LockFile;
use super::open_error::OpenError;
use crate::durable::{create_directories, sync_directory};

/// Why a dump was not loaded into a data directory.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A volume is never replaced.
    #[error("{} holds a volume already: choose an empty or new directory", .0.display())]
    Occupied(PathBuf),
    /// The directory cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The dump cannot be used.
    #[error(transparent)]
    Dump(#[from] SnapshotError),
}

impl DataDirectory {
    /// Makes it from a dump. The path is missing or leads to an empty directory, or to what a load that was cut off has left.
    /// After an error it is empty again.
    pub fn restore(path: &Path, dump: &mut impl Read) -> Result<Summary, LoadError> {
        create_directories(path).map_err(|error| OpenError::io(path, error))?;
        // Nothing is written to a directory of somebody else, not even the lock.
        check_loadable(path)?;
        let _lock = LockFile::exclusive(path, None)?;
        check_loadable(path)?;
        let loaded = load_files(path, dump);
        if loaded.is_err() {
            // What cannot be removed now is taken for what it is by whoever comes next.
            drop(clear(path));
        }
        loaded
    }
}

/// A load begins in an empty directory, or in that of one that was cut off.
fn check_loadable(path: &Path) -> Result<(), LoadError> {
    if holds_format(path)? {
        return Err(LoadError::Occupied(path.to_owned()));
    }
    match check_vacant(path) {
        Err(OpenError::LoadCutOff(_)) => {
            let names = names_in(path).map_err(|error| OpenError::io(path, error))?;
            // A file of that name may be somebody else's: nothing of theirs may be removed.
            if names
                .iter()
                .all(|name| MAKING.iter().any(|known| name == known))
            {
                Ok(())
            } else {
                Err(OpenError::NotADataDirectory(path.to_owned()).into())
            }
        }
        checked => Ok(checked?),
    }
}

fn load_files(path: &Path, dump: &mut impl Read) -> Result<Summary, LoadError> {
    let io = |error| OpenError::io(path, error);
    let fault = |fault| OpenError::fault(path, fault);
    File::create(path.join(LOADING))
        .and_then(|marker| marker.sync_all())
        .and_then(|()| sync_directory(path))
        .and_then(|()| make_files(path))
        .map_err(io)?;
    let format = FormatFile::new().map_err(io)?;
    let store = path.join(STORE);
    let engine = RocksEngine::create(&store, &RocksOptions::default()).map_err(fault)?;
    let restored = dump::restore(&engine, format.volume.generation(), dump);
    let flushed = restored.and_then(|summary| {
        engine.flush()?;
        Ok(summary)
    });
    drop(engine);
    let summary = flushed?;
    publish(path, format).map_err(io)?;
    remove_markers(path)
        .and_then(|()| sync_directory(path))
        .map_err(io)?;
    Ok(summary)
}

/// The markers go last: without them the rest would be somebody else's.
fn clear(path: &Path) -> io::Result<()> {
    let gone = |removed: io::Result<()>| match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    };
    gone(fs::remove_dir_all(path.join(STORE)))?;
    for name in [SYNCED, CREATING_FORMAT, CREATING, LOADING] {
        gone(fs::remove_file(path.join(name)))?;
    }
    sync_directory(path)
}
