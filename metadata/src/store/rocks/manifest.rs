//! A mark of the manifest: the one file of RocksDB whose end can be lost without RocksDB noticing.
//!
//! The manifest is a log of which tables and write-ahead logs make up the database. RocksDB takes a
//! record that is cut at its end for a write that a crash interrupted, and goes on without the tables
//! it named, whose write-ahead log is deleted already. Who keeps a mark elsewhere can tell the two
//! apart: what was in the manifest when the mark was made must be there when it is opened.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crc32fast::Hasher;

use crate::fault::Fault;

const CHUNK_BYTES: usize = 64 * 1024;
const PREFIX: &str = "MANIFEST-";

/// A prefix of a manifest that is on disk for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ManifestMark {
    /// From its name; a later manifest has a greater one and begins with all that is in the earlier.
    pub number: u64,
    /// Length of the prefix.
    pub length: u64,
    /// CRC-32 of the prefix.
    pub checksum: u32,
}

impl ManifestMark {
    /// Marks the manifest of the database in `store` as it is now, after making it durable.
    ///
    /// Reads only what came after the earlier mark. When RocksDB has begun a new manifest, the mark of the one before
    /// holds until that is removed.
    pub fn advance(self, store: &Path) -> io::Result<ManifestMark> {
        if self.length > 0
            && fs::metadata(path(store, self.number)).is_ok_and(|file| file.len() == self.length)
        {
            return Ok(self);
        }
        let number = current(store)?;
        let mut file = open(store, number)?;
        let length = file.metadata()?.len();
        let earlier = if self.number == number && self.length <= length {
            self
        } else {
            ManifestMark {
                number,
                ..ManifestMark::default()
            }
        };
        if earlier.length == length {
            return Ok(earlier);
        }
        file.sync_data()?;
        file.seek(SeekFrom::Start(earlier.length))?;
        let hasher = Hasher::new_with_initial_len(earlier.checksum, earlier.length);
        let checksum = checksum(&mut file, length - earlier.length, hasher)?
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(ManifestMark {
            number,
            length,
            checksum,
        })
    }

    /// Checks that the manifest of the database in `store` still begins with what was marked.
    pub fn check(self, store: &Path) -> Result<(), Fault> {
        let name = format!("store/{PREFIX}{:06}", self.number);
        let unreadable = |error: io::Error| Fault::corrupt("store/CURRENT", error.to_string());
        let number = current(store).map_err(unreadable)?;
        if number > self.number {
            return Ok(());
        }
        if number < self.number {
            return Err(Fault::corrupt(
                "store/CURRENT",
                format!("it does not name {name}"),
            ));
        }
        let damaged = |error: io::Error| Fault::corrupt(&name, error.to_string());
        let mut file = open(store, number).map_err(damaged)?;
        match checksum(&mut file, self.length, Hasher::new()).map_err(damaged)? {
            None => Err(Fault::corrupt(name, "it was cut")),
            Some(found) if found != self.checksum => {
                Err(Fault::corrupt(name, "its checksum does not match"))
            }
            Some(_) => Ok(()),
        }
    }
}

/// The number of the manifest that is in use.
fn current(store: &Path) -> io::Result<u64> {
    let name = fs::read_to_string(store.join("CURRENT"))?;
    name.strip_prefix(PREFIX)
        .and_then(|rest| rest.strip_suffix('\n'))
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it names no manifest"))
}

fn open(store: &Path, number: u64) -> io::Result<File> {
    File::open(path(store, number))
}

fn path(store: &Path, number: u64) -> PathBuf {
    store.join(format!("{PREFIX}{number:06}"))
}

/// The checksum after the next `length` bytes; `None` when there are not so many.
fn checksum(file: &mut File, length: u64, mut hasher: Hasher) -> io::Result<Option<u32>> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut rest = file.take(length);
    let mut seen = 0;
    loop {
        let count = rest.read(&mut chunk)?;
        if count == 0 {
            return Ok((seen == length).then(|| hasher.finalize()));
        }
        hasher.update(chunk.get(..count).unwrap_or_default());
        seen += count as u64;
    }
}
