//! Where the state of a NoOp replicator lives: a data directory, or memory for tests.

use std::io;
use std::path::PathBuf;

use holdfast_metadata::{
    Fault, Format, LogIndex, RocksEngine, RocksOptions, StateMachine, TableCache,
};
use parking_lot::Mutex;

use super::data_directory::{DataDirectory, volume_format};
use super::open_error::OpenError;
use super::options::NoOpOptions;
use crate::disk_space;
use crate::replicator::Space;
use crate::watermark::{Mark, Watermark};

/// What a replicator needs from the place where its engine keeps the state.
pub(super) trait Home<E>: Send + Sync + 'static {
    /// The disk, before a reserve is kept back.
    fn space(&self) -> io::Result<Space>;

    /// Notes that every batch up to this one is durable; called after each sync of the engine.
    fn synced(&self, applied: LogIndex) -> Result<(), Fault>;

    /// Gives space of removed data back to the disk, as long as it is told to proceed.
    fn compact(&self, engine: &E, proceed: &dyn Fn() -> bool) -> Result<(), Fault>;

    /// Leaves nothing to be recovered; called before the engine is dropped.
    fn close(&self, engine: &E) -> Result<(), Fault>;

    /// Lets others open it; called after the engine is dropped.
    fn release(&self);
}

/// A data directory.
#[derive(Debug)]
pub(super) struct DiskHome {
    path: PathBuf,
    store: PathBuf,
    /// Until it is released.
    held: Mutex<Option<Held>>,
}

#[derive(Debug)]
struct Held {
    watermark: Watermark,
    _directory: DataDirectory,
}

impl DiskHome {
    /// Opens or makes the data directory and the state in it.
    pub(super) fn open(
        options: &NoOpOptions,
    ) -> Result<(DiskHome, StateMachine<RocksEngine>), OpenError> {
        let path = &options.data;
        let store_options = store_options(options);
        let directory = DataDirectory::open(options, &store_options)?;
        directory.check_durable()?;
        let store = directory.store();
        let fault = |fault| OpenError::fault(path, fault);
        let engine = RocksEngine::open(&store, &store_options).map_err(fault)?;
        let format: Format = volume_format(options, (directory.volume(), directory.created()));
        let machine = StateMachine::open(engine, format).map_err(fault)?;
        let home = DiskHome {
            path: directory.path().to_owned(),
            store,
            held: Mutex::new(Some(Held {
                watermark: directory.watermark()?,
                _directory: directory,
            })),
        };
        Ok((home, machine))
    }
}

impl Home<RocksEngine> for DiskHome {
    fn space(&self) -> io::Result<Space> {
        disk_space::look(&self.path)
    }

    fn synced(&self, applied: LogIndex) -> Result<(), Fault> {
        let mut held = self.held.lock();
        let Some(Held { watermark, .. }) = held.as_mut() else {
            return Ok(());
        };
        let mut mark = Mark {
            position: applied.0,
            ..watermark.mark()
        };
        match mark.manifest.advance(&self.store) {
            Ok(manifest) => mark.manifest = manifest,
            // RocksDB began a new one just now; the mark of the old one still holds.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_fault("store", &error)),
        }
        match watermark.advance(mark) {
            // The mark stays behind, which is always true: it only says less.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(()),
            Err(error) => Err(io_fault("SYNCED", &error)),
            Ok(()) => Ok(()),
        }
    }

    fn compact(&self, engine: &RocksEngine, proceed: &dyn Fn() -> bool) -> Result<(), Fault> {
        // When it takes too much, callers are told so until it is done.
        engine.compact(proceed, &|_| true)
    }

    fn close(&self, engine: &RocksEngine) -> Result<(), Fault> {
        engine.flush()
    }

    fn release(&self) {
        *self.held.lock() = None;
    }
}

/// Keeps nothing; its disk is as large as it says.
#[derive(Debug)]
pub(super) struct MemoryHome {
    pub(super) space: Space,
}

impl<E> Home<E> for MemoryHome {
    fn space(&self) -> io::Result<Space> {
        Ok(self.space)
    }

    fn synced(&self, _applied: LogIndex) -> Result<(), Fault> {
        Ok(())
    }

    fn compact(&self, _engine: &E, _proceed: &dyn Fn() -> bool) -> Result<(), Fault> {
        Ok(())
    }

    fn close(&self, _engine: &E) -> Result<(), Fault> {
        Ok(())
    }

    fn release(&self) {}
}

/// Both families of the store may have three memory tables, which makes six such parts.
const WRITE_BUFFER_PART: u64 = 64;

fn store_options(options: &NoOpOptions) -> RocksOptions {
    RocksOptions {
        cache: TableCache::new(options.cache_bytes),
        write_buffer_bytes: disk_space::write_buffer_bytes(&options.data, WRITE_BUFFER_PART),
        ..RocksOptions::default()
    }
}

fn io_fault(file: &str, error: &io::Error) -> Fault {
    Fault::Io(format!("{file}: {error}"))
}
