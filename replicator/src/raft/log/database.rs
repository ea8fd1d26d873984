//! The database of the log on disk: how it is made, checked and opened, and what its errors mean.
//!
//! A directory `DIR` holds `store/`, the RocksDB, and `SYNCED`, which says how much of it is durable.
//! It is made whole as `DIR.new` and renamed, so that a directory with a part missing has lost it.
//!
//! **Invariant.** What was synced is there when it is opened, or it is not opened: a node that forgets
//! a vote or an entry it acknowledged would break the promises of its groups. RocksDB recovers the
//! batches before the first that is damaged; each batch has a number, and `SYNCED` tells which of them
//! must be there. A batch after that was never acknowledged, so a torn end is cut without a word.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use holdfast_metadata::Fault;
use parking_lot::RwLock;
use rocksdb::{DB, WriteBatch, WriteOptions};

use super::keys;
use super::options::{self, LogOptions};
use crate::durable::sync_directory;
use crate::watermark::{Mark, Watermark};

/// The version of what is in the database.
pub(in crate::raft) const VERSION: u32 = 1;

const STORE: &str = "store";
const SYNCED: &str = "SYNCED";
const NEW_SUFFIX: &str = ".new";

/// The database, until it is closed.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    opened: RwLock<Option<DB>>,
}

impl Database {
    /// Opens the database in a directory, or makes it when the directory is missing.
    pub(super) fn open(path: &Path, options: &LogOptions) -> Result<(Database, Progress), Fault> {
        let exists = path.try_exists();
        if !exists.map_err(|error| io_fault(path, &error))? {
            create(path, options)?;
        }
        let batch = check(path, options)?;
        let database = DB::open(&options::of(options), path.join(STORE));
        let database = Database {
            path: path.to_owned(),
            opened: RwLock::new(Some(database.map_err(|error| at_open(path, &error))?)),
        };
        let watermark = Watermark::open(path).map_err(|error| synced_fault(path, &error))?;
        let mut progress = Progress {
            store: path.join(STORE),
            batch,
            watermark,
        };
        // Opening has written what was only in RocksDB's log to tables, and synced those.
        progress.advance().map_err(|error| io_fault(path, &error))?;
        Ok((database, progress))
    }

    /// Uses the database; refused after [`Database::close`].
    pub(super) fn with<T>(&self, use_it: impl FnOnce(&DB) -> Result<T, Fault>) -> Result<T, Fault> {
        let opened = self.opened.read();
        use_it(opened.as_ref().ok_or_else(closed)?)
    }

    /// Waits for those who use it and closes the files.
    pub(super) fn close(&self) {
        *self.opened.write() = None;
    }

    /// Translates an error of the opened database.
    pub(super) fn fault(&self, error: &rocksdb::Error) -> Fault {
        of(&self.path, error)
    }

    /// An entry or record that is not what was written.
    pub(super) fn corrupt(&self, detail: impl Into<String>) -> Fault {
        Fault::corrupt(format!("log in {}", self.path.display()), detail)
    }

    /// Translates an error of the files beside it.
    pub(super) fn io_fault(&self, error: &io::Error) -> Fault {
        io_fault(&self.path, error)
    }
}

/// Numbers the batches and notes which are durable.
#[derive(Debug)]
pub(super) struct Progress {
    store: PathBuf,
    /// The last that was written.
    batch: u64,
    watermark: Watermark,
}

impl Progress {
    /// Adds the number of the next batch to that batch.
    pub(super) fn number(&self, batch: &mut WriteBatch) {
        batch.put(keys::BATCH, (self.batch + 1).to_be_bytes());
    }

    /// The batch with the next number was written.
    pub(super) fn written(&mut self) {
        self.batch += 1;
    }

    /// Notes that all batches that were written are durable; to be called after a sync.
    pub(super) fn advance(&mut self) -> io::Result<()> {
        let mut mark = Mark {
            position: self.batch,
            ..self.watermark.mark()
        };
        match mark.manifest.advance(&self.store) {
            Ok(manifest) => mark.manifest = manifest,
            // RocksDB began a new one just now; the mark of the old one still holds.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        self.watermark.advance(mark)
    }
}

/// What is said to those who come after [`Database::close`].
pub(super) fn closed() -> Fault {
    Fault::Io("the log is closed".to_owned())
}

fn create(path: &Path, options: &LogOptions) -> Result<(), Fault> {
    let new = with_suffix(path);
    let failed = |error: io::Error| io_fault(path, &error);
    match fs::remove_dir_all(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        Err(_) | Ok(()) => {}
    }
    fs::create_dir(&new).map_err(failed)?;
    let mut store_options = options::of(options);
    store_options.create_if_missing(true);
    store_options.set_error_if_exists(true);
    let refused = |error: rocksdb::Error| of(path, &error);
    let database = DB::open(&store_options, new.join(STORE)).map_err(refused)?;
    let mut batch = WriteBatch::default();
    batch.put(keys::VERSION, VERSION.to_be_bytes());
    batch.put(keys::BATCH, 0_u64.to_be_bytes());
    let mut synced = WriteOptions::default();
    synced.set_sync(true);
    database.write_opt(batch, &synced).map_err(refused)?;
    drop(database);
    Watermark::create(&new).map_err(failed)?;
    sync_directory(&new.join(STORE)).map_err(failed)?;
    sync_directory(&new).map_err(failed)?;
    fs::rename(&new, path).map_err(failed)?;
    sync_directory(path.parent().unwrap_or(Path::new("/"))).map_err(failed)
}

/// Compares what opening would recover with what is known to be durable. Nothing is changed on disk,
/// so that what is missing can still be looked for. Answers the number of the last batch.
fn check(path: &Path, options: &LogOptions) -> Result<u64, Fault> {
    let store = path.join(STORE);
    let mark = Watermark::read(path).map_err(|error| synced_fault(path, &error))?;
    mark.manifest.check(&store)?;
    let mut store_options = options::of(options);
    store_options.set_info_logger(options::silent_logger());
    let error_if_log_exists = false;
    let database = DB::open_for_read_only(&store_options, &store, error_if_log_exists)
        .map_err(|error| at_open(path, &error))?;
    let version = number(path, &database, keys::VERSION, "version")?;
    if version != VERSION.to_be_bytes() {
        let found = u32::from_be_bytes(version);
        return Err(Fault::Io(format!(
            "the log in {} has format version {found}; this program reads version {VERSION}",
            path.display()
        )));
    }
    let batch = u64::from_be_bytes(number(path, &database, keys::BATCH, "batch number")?);
    if batch < mark.position {
        let detail = format!(
            "batches that were made durable are missing ({} of {}): \
             a file in {STORE}/ was truncated or damaged",
            mark.position - batch,
            mark.position
        );
        return Err(Fault::corrupt(format!("log in {}", path.display()), detail));
    }
    Ok(batch)
}

fn number<const BYTES: usize>(
    path: &Path,
    database: &DB,
    key: &[u8],
    name: &str,
) -> Result<[u8; BYTES], Fault> {
    let value = database.get(key).map_err(|error| of(path, &error))?;
    let number = value.and_then(|value| value.try_into().ok());
    number.ok_or_else(|| {
        let detail = format!("the {name} is missing");
        Fault::corrupt(format!("log in {}", path.display()), detail)
    })
}

fn of(path: &Path, error: &rocksdb::Error) -> Fault {
    let text: &str = error.as_ref();
    if error.kind() == rocksdb::ErrorKind::Corruption {
        return Fault::corrupt(format!("log in {}", path.display()), text);
    }
    if text.contains("No space left on device") {
        return no_space(path);
    }
    Fault::Io(format!("the log in {}: {text}", path.display()))
}

/// What RocksDB does not find or understand when it opens was there when it was closed.
fn at_open(path: &Path, error: &rocksdb::Error) -> Fault {
    let text: &str = error.as_ref();
    let missing = text.contains("No such file or directory");
    match error.kind() {
        rocksdb::ErrorKind::InvalidArgument | rocksdb::ErrorKind::NotFound => {
            Fault::corrupt(format!("log in {}", path.display()), text)
        }
        _ if missing => Fault::corrupt(format!("log in {}", path.display()), text),
        _ => of(path, error),
    }
}

fn io_fault(path: &Path, error: &io::Error) -> Fault {
    if error.kind() == io::ErrorKind::StorageFull {
        return no_space(path);
    }
    Fault::Io(format!("the log in {}: {error}", path.display()))
}

fn no_space(path: &Path) -> Fault {
    Fault::Io(format!(
        "no space left for the log in {}: free space and start the node again",
        path.display()
    ))
}

fn synced_fault(path: &Path, error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => {
            Fault::corrupt(path.join(SYNCED).display().to_string(), error.to_string())
        }
        _ => io_fault(path, error),
    }
}

fn with_suffix(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(NEW_SUFFIX);
    PathBuf::from(name)
}
