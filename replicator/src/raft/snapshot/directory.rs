//! One snapshot on disk: read by any number of transfers, removed after the last of them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use holdfast_metadata::Fault;

use super::listing::{ListedFile, Listing, ListingKind};
use crate::raft::machine::disk::Disk;
use crate::raft::machine::io_fault;
use crate::raft::type_config::SnapshotMeta;

const CHUNK_BYTES: usize = 256 * 1024;

/// A whole snapshot; cheap to clone. Its files never change.
#[derive(Debug, Clone)]
pub(crate) struct SnapshotDirectory {
    contents: Arc<SnapshotContents>,
}

/// What there is to know of a snapshot.
#[derive(Debug)]
pub(crate) struct SnapshotContents {
    /// Its place in the log, as the state in it says.
    pub(crate) meta: SnapshotMeta,
    /// Where its files are.
    pub(crate) path: PathBuf,
    /// Name and length of each file, in the order in which they are sent.
    pub(crate) files: Vec<(String, u64)>,
    listing: Listing,
    verified: AtomicBool,
    /// Another took its place, or it was received and never took one.
    superseded: AtomicBool,
    disk: Disk,
}

/// A snapshot that is not kept by who knows it.
#[derive(Debug, Default)]
pub(super) struct WeakSnapshot(Weak<SnapshotContents>);

impl WeakSnapshot {
    /// The snapshot, if somebody still has it.
    pub(super) fn upgrade(&self) -> Option<SnapshotDirectory> {
        let contents = self.0.upgrade()?;
        Some(SnapshotDirectory { contents })
    }
}

impl SnapshotDirectory {
    /// Opens the snapshot in a directory by its listing, without reading the files.
    pub(super) fn open(path: PathBuf, disk: &Disk) -> Result<SnapshotDirectory, Fault> {
        let name = ListingKind::Meta.name();
        let bytes = match fs::read(path.join(name)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let detail = format!("{}: {error}", path.join(name).display());
                return Err(Fault::corrupt("snapshot", detail));
            }
            Err(error) => return Err(io_fault(name, &error)),
        };
        let listing = Listing::decode(ListingKind::Meta, &bytes)?;
        let odd_names = |detail| Fault::corrupt("snapshot/META", detail);
        listing.check_names().map_err(odd_names)?;
        let listed = listing
            .files
            .iter()
            .map(|file| (file.name.clone(), file.length));
        let files = std::iter::once((name.to_owned(), bytes.len() as u64)).chain(listed);
        Ok(SnapshotDirectory {
            contents: Arc::new(SnapshotContents {
                meta: listing.meta.clone(),
                path,
                files: files.collect(),
                listing,
                verified: AtomicBool::new(false),
                superseded: AtomicBool::new(false),
                disk: disk.clone(),
            }),
        })
    }

    /// Lets the directory be removed when nobody uses it any more.
    pub(super) fn supersede(&self) {
        self.contents.superseded.store(true, Ordering::Release);
    }

    pub(super) fn downgrade(&self) -> WeakSnapshot {
        WeakSnapshot(Arc::downgrade(&self.contents))
    }

    /// Compares every file with its checksum, unless that was done before.
    pub(in crate::raft) fn verify(&self) -> Result<(), Fault> {
        let contents = &self.contents;
        if contents.verified.load(Ordering::Acquire) {
            return Ok(());
        }
        for file in &contents.listing.files {
            let found = read_checksum(&contents.path, file.name.clone())?;
            if found != *file {
                let what = format!("snapshot/{}", file.name);
                return Err(Fault::corrupt(what, "it is not what the snapshot lists"));
            }
        }
        contents.verified.store(true, Ordering::Release);
        Ok(())
    }

    /// The names of the files that make up the state.
    pub(in crate::raft) fn state_files(&self) -> impl Iterator<Item = &str> {
        let listed = self.contents.listing.files.iter();
        listed.map(|file| file.name.as_str())
    }

    /// What it weighs.
    pub(in crate::raft) fn length(&self) -> u64 {
        self.files.iter().map(|(_, length)| length).sum()
    }
}

impl Deref for SnapshotDirectory {
    type Target = SnapshotContents;

    fn deref(&self) -> &SnapshotContents {
        &self.contents
    }
}

impl Drop for SnapshotContents {
    fn drop(&mut self) {
        if self.superseded.load(Ordering::Acquire) {
            self.disk.remove_behind(&self.path);
        }
    }
}

/// Lists the files of a directory as they are, by name.
pub(super) fn list_files(path: &Path) -> Result<Vec<ListedFile>, Fault> {
    let unreadable = |error: io::Error| io_fault(&path.display().to_string(), &error);
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let name = name.into_string().map_err(|name| {
            Fault::corrupt(
                "snapshot",
                format!("a file of an odd name: {}", name.display()),
            )
        })?;
        names.push(name);
    }
    names.sort_unstable();
    let listed = names.into_iter().map(|name| read_checksum(path, name));
    listed.collect()
}

fn read_checksum(directory: &Path, name: String) -> Result<ListedFile, Fault> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Fault::corrupt(format!("snapshot/{name}"), error.to_string()),
        _ => io_fault(&name, &error),
    };
    let mut file = File::open(directory.join(&name)).map_err(unreadable)?;
    let mut hasher = crc32fast::Hasher::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut length = 0;
    loop {
        let count = file.read(&mut chunk).map_err(unreadable)?;
        if count == 0 {
            break;
        }
        hasher.update(chunk.get(..count).unwrap_or_default());
        length += count as u64;
    }
    Ok(ListedFile {
        length,
        checksum: hasher.finalize(),
        name,
    })
}
