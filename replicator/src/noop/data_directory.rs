//! A data directory: its files, how it is made, and how it is opened without damaging anything.
//!
//! | file | holds |
//! |---|---|
//! | `FORMAT` | that this is a data directory, of which version and volume; written last |
//! | `LOCK` | held by the process that serves it |
//! | `store/` | the state machine's map, in RocksDB |
//! | `SYNCED` | what is known to be durable |
//! | `CREATING` | there while the directory is being made |
//! | `LOADING` | there while it is being made from a dump |
//!
//! Making one begins with `CREATING` and ends with `FORMAT`. What is found without `FORMAT` is made
//! anew only if `CREATING` is there; otherwise somebody lost `FORMAT`, and nothing is touched. With
//! `LOADING` only another load may make it anew: an empty volume is not what was wanted there.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use holdfast_metadata::store::{Engine, View};
use holdfast_metadata::{
    Fault, Format, LogIndex, Mode, RocksEngine, RocksOptions, StateMachine, Timestamp, keys, record,
};

use super::format_file::{self, FormatError, FormatFile, VolumeId};
use super::lock_file::LockFile;
use super::open_error::OpenError;
use super::options::NoOpOptions;
use crate::durable::{create_directories, sync_directory};
use crate::watermark::{Mark, Watermark};

const FORMAT: &str = "FORMAT";
pub(super) const CREATING: &str = "CREATING";
pub(super) const LOADING: &str = "LOADING";
pub(super) const CREATING_FORMAT: &str = "CREATING.format";
pub(super) const STORE: &str = "store";
pub(super) const SYNCED: &str = "SYNCED";
const LOCK: &str = "LOCK";
/// What a directory may hold before it is made a data directory: `mkfs` leaves the last one.
const BEFORE: [&str; 2] = [LOCK, "lost+found"];
/// What may be in one whose making was interrupted.
pub(super) const MAKING: [&str; 7] = [
    LOCK,
    "lost+found",
    CREATING,
    CREATING_FORMAT,
    LOADING,
    STORE,
    SYNCED,
];

/// A data directory that this process holds.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    format: FormatFile,
    mark: Mark,
    _lock: LockFile,
}

impl DataDirectory {
    /// The version of data directories that this program reads and writes.
    pub const FORMAT_VERSION: u64 = format_file::VERSION;

    /// Opens it to serve it; makes it first if the path is missing or leads to an empty directory.
    pub(super) fn open(
        options: &NoOpOptions,
        store_options: &RocksOptions,
    ) -> Result<DataDirectory, OpenError> {
        let path = options.data.as_path();
        if !holds_format(path)? {
            create_directories(path).map_err(|error| OpenError::io(path, error))?;
            check_vacant(path)?;
        }
        let lock = LockFile::exclusive(path, options.mountpoint.as_deref())?;
        // Another process may have made it before it released the lock.
        if !holds_format(path)? {
            make(options, store_options)?;
        }
        let directory = DataDirectory::load(path, lock)?;
        remove_markers(path).map_err(|error| OpenError::io(path, error))?;
        Ok(directory)
    }

    /// Opens it to read it, when no process serves it; changes no file. For `fsck`.
    pub fn open_read_only(path: &Path) -> Result<DataDirectory, OpenError> {
        if !holds_format(path)? {
            check_vacant(path)?;
            return Err(OpenError::NotADataDirectory(path.to_owned()));
        }
        let lock = LockFile::shared(path)?;
        DataDirectory::load(path, lock)
    }

    /// Opens it to change its store, when no process serves or reads it; makes nothing. For `fsck --repair`.
    pub fn open_to_repair(path: &Path) -> Result<DataDirectory, OpenError> {
        // With its errors, before anything of a lock is written.
        drop(DataDirectory::open_read_only(path)?);
        let lock = LockFile::exclusive(path, None)?;
        DataDirectory::load(path, lock)
    }

    /// Notes that the store is as it was repaired: were its last files lost, that would be noticed.
    pub fn note_repaired(&self) -> Result<(), OpenError> {
        let failed = |error| OpenError::io(&self.path, error);
        let mut watermark = self.watermark()?;
        let mut mark = watermark.mark();
        mark.manifest = mark.manifest.advance(&self.store()).map_err(failed)?;
        watermark.advance(mark).map_err(failed)
    }

    /// Where the store is: open it with [`RocksEngine::open_read_only`].
    pub fn store(&self) -> PathBuf {
        self.path.join(STORE)
    }

    /// Which volume it holds.
    pub fn volume(&self) -> VolumeId {
        self.format.volume
    }

    /// When the volume was made, in seconds since 1970.
    pub fn created(&self) -> u64 {
        self.format.created
    }

    /// Opens the store as a crash may have left it, and compares it with what is known to be durable.
    /// Nothing is changed on disk, so that what is missing can still be looked for.
    pub fn check_durable(&self) -> Result<(), OpenError> {
        let store = self.store();
        let fault = |fault| OpenError::fault(&self.path, fault);
        self.mark.manifest.check(&store).map_err(fault)?;
        let applied = recovered(&store).map_err(fault)?.0;
        if applied < self.mark.position {
            let detail = format!(
                "writes that were made durable are missing ({} of {}): \
                 a file in store/ was truncated or damaged",
                self.mark.position - applied,
                self.mark.position
            );
            return Err(fault(Fault::corrupt(STORE, detail)));
        }
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn watermark(&self) -> Result<Watermark, OpenError> {
        Watermark::open(&self.path).map_err(|error| synced_error(&self.path, error))
    }

    fn load(path: &Path, lock: LockFile) -> Result<DataDirectory, OpenError> {
        let format = read_format(path)?;
        let mark = Watermark::read(path).map_err(|error| synced_error(path, error))?;
        Ok(DataDirectory {
            path: path.to_owned(),
            format,
            mark,
            _lock: lock,
        })
    }
}

/// What a new volume begins with.
pub(super) fn volume_format(options: &NoOpOptions, format: (VolumeId, u64)) -> Format {
    let (volume, created) = format;
    Format {
        generation: volume.generation(),
        now: Timestamp {
            seconds: created.cast_signed(),
            nanoseconds: 0,
        },
        uid: options.root_uid,
        gid: options.root_gid,
        mode: Mode::new(options.root_mode.into()),
        awaits_load: false,
    }
}

pub(super) fn holds_format(path: &Path) -> Result<bool, OpenError> {
    match fs::symlink_metadata(path.join(FORMAT)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(OpenError::io(path, error)),
    }
}

pub(super) fn names_in(path: &Path) -> io::Result<Vec<OsString>> {
    let entries = fs::read_dir(path)?;
    entries.map(|entry| Ok(entry?.file_name())).collect()
}

/// Without `FORMAT` a directory must be empty or in the making.
pub(super) fn check_vacant(path: &Path) -> Result<(), OpenError> {
    let names = names_in(path).map_err(|error| OpenError::io(path, error))?;
    let has = |name: &str| names.iter().any(|found| found == name);
    if has(LOADING) {
        return Err(OpenError::LoadCutOff(path.to_owned()));
    }
    if has(CREATING) {
        // A file of that name may be somebody else's: nothing of theirs may be removed.
        let is_ours = |name: &OsString| MAKING.iter().any(|known| name == known);
        return if names.iter().all(is_ours) {
            Ok(())
        } else {
            Err(OpenError::NotADataDirectory(path.to_owned()))
        };
    }
    if has(STORE) && has(SYNCED) {
        return Err(OpenError::fault(
            path,
            Fault::corrupt(FORMAT, "it is missing"),
        ));
    }
    if names
        .iter()
        .all(|name| BEFORE.iter().any(|known| name == known))
    {
        Ok(())
    } else {
        Err(OpenError::NotADataDirectory(path.to_owned()))
    }
}

/// Makes a data directory, or makes it anew where that was interrupted.
fn make(options: &NoOpOptions, store_options: &RocksOptions) -> Result<(), OpenError> {
    let path = options.data.as_path();
    make_files(path).map_err(|error| OpenError::io(path, error))?;
    let format = FormatFile::new().map_err(|error| OpenError::io(path, error))?;
    make_store(path, options, store_options, format)
        .map_err(|fault| OpenError::fault(path, fault))?;
    publish(path, format).map_err(|error| OpenError::io(path, error))
}

pub(super) fn make_files(path: &Path) -> io::Result<()> {
    check_writable(path)?;
    match fs::remove_dir_all(path.join(STORE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    Watermark::create(path)
}

/// `CREATING` must be on disk before the first file that another run may remove.
fn check_writable(path: &Path) -> io::Result<()> {
    File::create(path.join(CREATING))?.sync_all()?;
    sync_directory(path)
}

fn make_store(
    path: &Path,
    options: &NoOpOptions,
    store_options: &RocksOptions,
    format: FormatFile,
) -> Result<(), Fault> {
    let engine = RocksEngine::create(&path.join(STORE), store_options)?;
    let machine = StateMachine::open(
        engine,
        volume_format(options, (format.volume, format.created)),
    )?;
    machine.engine().flush()
}

/// Everything is in place: `FORMAT` makes it so.
pub(super) fn publish(path: &Path, format: FormatFile) -> io::Result<()> {
    sync_directory(&path.join(STORE))?;
    sync_directory(path)?;
    let unfinished = path.join(CREATING_FORMAT);
    let mut file = File::create(&unfinished)?;
    file.write_all(format.encode().as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path.join(FORMAT))?;
    sync_directory(path)
}

/// `FORMAT` is there: what was there while the directory was being made is not needed any more.
pub(super) fn remove_markers(path: &Path) -> io::Result<()> {
    for marker in [CREATING, LOADING] {
        match fs::remove_file(path.join(marker)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn read_format(path: &Path) -> Result<FormatFile, OpenError> {
    let bytes = fs::read(path.join(FORMAT)).map_err(|error| OpenError::io(path, error))?;
    FormatFile::decode(&bytes).map_err(|error| match error {
        FormatError::Foreign => OpenError::NotADataDirectory(path.to_owned()),
        FormatError::OtherVersion(found) => OpenError::OtherFormat {
            path: path.to_owned(),
            found,
            known: format_file::VERSION,
        },
        FormatError::Corrupt(detail) => OpenError::fault(path, Fault::corrupt(FORMAT, detail)),
    })
}

fn synced_error(path: &Path, error: io::Error) -> OpenError {
    // The other kinds are of the disk, not of the file.
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => {
            OpenError::fault(path, Fault::corrupt(SYNCED, error.to_string()))
        }
        _ => OpenError::io(path, error),
    }
}

/// The position of the state that opening the store would recover.
fn recovered(store: &Path) -> Result<LogIndex, Fault> {
    let engine = RocksEngine::open_read_only(store)?;
    let volume = engine.view().get(&keys::volume())?;
    let volume = volume.ok_or_else(|| Fault::corrupt(STORE, "the volume record is missing"))?;
    Ok(record::Volume::decode(&volume)?.applied)
}
