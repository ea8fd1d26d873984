//! The snapshots of a group: one is the current one, one may be built or received.

mod directory;
mod incoming;
pub(super) mod listing;
#[cfg(test)]
mod tests;
mod transfer;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast_metadata::Fault;
use parking_lot::Mutex;

pub(crate) use self::directory::SnapshotDirectory;
use self::directory::list_files;
pub(crate) use self::incoming::{Incoming, IncomingError};
use self::listing::{Listing, ListingKind};
use super::machine::disk::Disk;
use super::machine::io_fault;
use super::type_config::{LogId, SnapshotMeta};

/// Where a snapshot is until it is whole.
const DRAFT: &str = "draft.tmp";

/// The directory `snapshots`.
#[derive(Debug, Clone)]
pub(in crate::raft) struct Snapshots {
    path: PathBuf,
    disk: Disk,
    current: Arc<Mutex<Option<SnapshotDirectory>>>,
}

impl Snapshots {
    /// Opens the latest snapshot and removes everything else.
    pub(in crate::raft) fn open(path: PathBuf, disk: Disk) -> Result<Snapshots, Fault> {
        let failed = |error: io::Error| io_fault("snapshots", &error);
        let names = names_in(&path).map_err(failed)?;
        let latest = names.iter().filter_map(|name| Place::of_name(name)).max();
        let latest = latest.map(Place::name);
        for name in names.iter().filter(|name| Some(*name) != latest.as_ref()) {
            disk.remove(&path.join(name)).map_err(failed)?;
        }
        let opened = latest.map(|name| SnapshotDirectory::open(path.join(name), &disk));
        let current = Arc::new(Mutex::new(opened.transpose()?));
        Ok(Snapshots {
            path,
            disk,
            current,
        })
    }

    /// The latest snapshot.
    pub(in crate::raft) fn current(&self) -> Option<SnapshotDirectory> {
        self.current.lock().clone()
    }

    /// Where the next checkpoint goes; nothing is there.
    pub(in crate::raft) fn clear_draft(&self) -> io::Result<PathBuf> {
        let draft = self.path.join(DRAFT);
        self.disk.remove(&draft)?;
        Ok(draft)
    }

    /// Makes the checkpoint in the draft the current snapshot. What is current already and as late stays.
    pub(in crate::raft) fn add_draft(
        &self,
        meta: SnapshotMeta,
    ) -> Result<SnapshotDirectory, Fault> {
        let draft = self.path.join(DRAFT);
        let files = list_files(&draft)?;
        let listing = Listing { meta, files };
        let failed = |error: io::Error| io_fault("snapshots", &error);
        let meta_file = draft.join(ListingKind::Meta.name());
        let written = self
            .disk
            .write(&meta_file, &listing.encode(ListingKind::Meta))
            .and_then(|()| self.disk.sync_file(&meta_file));
        written.map_err(failed)?;
        self.publish(&listing.meta)
    }

    /// Makes a received snapshot the current one, in a directory of its own that shares its files.
    pub(in crate::raft) fn adopt(
        &self,
        received: &SnapshotDirectory,
    ) -> Result<SnapshotDirectory, Fault> {
        received.verify()?;
        let failed = |error: io::Error| io_fault("snapshots", &error);
        let draft = self.clear_draft().map_err(failed)?;
        let linked = self.disk.create_directory(&draft).and_then(|()| {
            received.files.iter().try_for_each(|(name, _)| {
                self.disk.link(&received.path.join(name), &draft.join(name))
            })
        });
        linked.map_err(failed)?;
        self.publish(&received.meta)
    }

    /// The draft is whole: gives it the name of its place in the log.
    fn publish(&self, meta: &SnapshotMeta) -> Result<SnapshotDirectory, Fault> {
        let mut current = self.current.lock();
        let draft = self.path.join(DRAFT);
        let failed = |error: io::Error| io_fault("snapshots", &error);
        let place = Place::of(meta.last_log_id);
        if let Some(present) = current.as_ref()
            && Place::of(present.meta.last_log_id) >= place
        {
            self.disk.remove(&draft).map_err(failed)?;
            return Ok(present.clone());
        }
        let path = self.path.join(place.name());
        let renamed = self
            .disk
            .sync_directory(&draft)
            .and_then(|()| self.disk.rename(&draft, &path))
            .and_then(|()| self.disk.sync_directory(&self.path));
        renamed.map_err(failed)?;
        let published = SnapshotDirectory::open(path, &self.disk)?;
        if let Some(previous) = current.replace(published.clone()) {
            previous.supersede();
        }
        Ok(published)
    }
}

/// A place in the log as the name of a directory: `<term>-<node>-<index>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    index: u64,
    term: u64,
    node: u64,
}

impl Place {
    fn of(log_id: Option<LogId>) -> Place {
        log_id.map_or(
            Place {
                index: 0,
                term: 0,
                node: 0,
            },
            |log_id| Place {
                index: log_id.index,
                term: log_id.leader_id.term,
                node: log_id.leader_id.node_id,
            },
        )
    }

    fn of_name(name: &str) -> Option<Place> {
        let mut numbers = name.split('-').map(|number| number.parse().ok());
        let (term, node, index) = (numbers.next()??, numbers.next()??, numbers.next()??);
        let place = Place { index, term, node };
        (place.name() == name).then_some(place)
    }

    fn name(self) -> String {
        format!("{}-{}-{}", self.term, self.node, self.index)
    }
}

/// What is in a directory, by name.
pub(in crate::raft) fn names_in(path: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}
