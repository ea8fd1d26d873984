//! The directory of a group: which of its states is the live one.
//!
//! **Invariant.** `CURRENT` names a whole state at any time; it is replaced when another is whole. So a crash
//! at any point leaves the old state or the new one, and what is not named is removed at the next open.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use holdfast_metadata::{Engine, Fault, RocksEngine, TableCache};

use super::disk::Disk;
use super::position::AppliedState;
use super::{GroupKind, Machine, io_fault};
use crate::fault_point::{FaultPoint, reach};
use crate::raft::snapshot::{SnapshotDirectory, names_in};

const CURRENT: &str = "CURRENT";
/// It is there while the directory is made for the first time.
const CREATING: &str = "CREATING";
const SNAPSHOTS: &str = "snapshots";
const INCOMING: &str = "incoming";
const STATE: &str = "state-";

/// The paths of a group.
#[derive(Debug)]
pub(super) struct GroupDirectory {
    path: PathBuf,
    kind: GroupKind,
    /// Of the node.
    cache: TableCache,
    disk: Disk,
}

/// Numbers the states of a group; a later one is of a later snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StateNumber(u64);

/// The state that a group goes on from, if it was made.
pub(in crate::raft) fn live_state(path: &Path) -> Result<Option<PathBuf>, Fault> {
    let directory = GroupDirectory {
        path: path.to_owned(),
        kind: GroupKind::Catalog,
        // Nothing is opened.
        cache: TableCache::new(0),
        disk: Disk::default(),
    };
    let current = directory.read_current()?;
    Ok(current.map(|number| directory.state(number)))
}

impl GroupDirectory {
    /// Makes the directory, unless it is there, and removes what a crash has left.
    pub(super) fn open(
        path: &Path,
        kind: GroupKind,
        cache: TableCache,
        disk: Disk,
    ) -> Result<(GroupDirectory, StateNumber), Fault> {
        let directory = GroupDirectory {
            path: path.to_owned(),
            kind,
            cache,
            disk,
        };
        let failed = |error: io::Error| io_fault(&path.display().to_string(), &error);
        let current = match directory.read_current()? {
            Some(current) => current,
            None => directory.create()?,
        };
        directory.remove_leftovers(current).map_err(failed)?;
        Ok((directory, current))
    }

    pub(super) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Where the snapshots are.
    pub(super) fn snapshots(&self) -> PathBuf {
        self.path.join(SNAPSHOTS)
    }

    /// Where a snapshot is received.
    pub(super) fn incoming(&self) -> PathBuf {
        self.path.join(INCOMING)
    }

    /// Where a state is.
    pub(super) fn state(&self, number: StateNumber) -> PathBuf {
        self.path.join(format!("{STATE}{}", number.0))
    }

    /// Opens a state that is there.
    ///
    /// What RocksDB recovered it has written to tables by then, so the state is durable: a log that openraft
    /// shortens because the state is ahead of it does not hold what the state could still lose.
    pub(super) fn open_machine(&self, number: StateNumber) -> Result<Machine, Fault> {
        let path = self.state(number);
        let engine = RocksEngine::open(&path, &self.kind.store_options(&path, &self.cache))?;
        let machine = Machine::open(engine, self.kind)?;
        machine.engine().sync()?;
        Ok(machine)
    }

    /// Makes a state out of a snapshot that was verified, and the live one when it is whole.
    pub(super) fn install(
        &self,
        present: StateNumber,
        snapshot: &SnapshotDirectory,
    ) -> Result<(StateNumber, Machine), Fault> {
        let number = StateNumber(present.0 + 1);
        let failed = |error: io::Error| io_fault(&self.path.display().to_string(), &error);
        self.copy(snapshot, &self.state(number)).map_err(failed)?;
        let machine = self.open_machine(number)?;
        let applied = AppliedState::of_machine(&machine)?;
        if applied.last_log_id != snapshot.meta.last_log_id {
            let detail = "the state in it is of another place in the log than it says";
            return Err(Fault::corrupt("snapshot", detail));
        }
        reach(FaultPoint::SnapshotCopied);
        self.write_current(number).map_err(failed)?;
        Ok((number, machine))
    }

    /// Tables and blobs are never changed, so they are shared; of the rest RocksDB may write to anything.
    fn copy(&self, snapshot: &SnapshotDirectory, state: &Path) -> io::Result<()> {
        self.disk.remove(state)?;
        self.disk.create_directory(state)?;
        for name in snapshot.state_files() {
            let (from, to) = (snapshot.path.join(name), state.join(name));
            let extension = to.extension().and_then(|extension| extension.to_str());
            if matches!(extension, Some("sst" | "blob")) {
                self.disk.link(&from, &to)?;
            } else {
                self.disk.copy(&from, &to)?;
                self.disk.sync_file(&to)?;
            }
        }
        self.disk.sync_directory(state)?;
        self.disk.sync_directory(&self.path)
    }

    fn read_current(&self) -> Result<Option<StateNumber>, Fault> {
        let text = match fs::read_to_string(self.path.join(CURRENT)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_fault(CURRENT, &error)),
        };
        let number = text
            .strip_prefix(STATE)
            .and_then(|rest| rest.strip_suffix('\n'));
        let number = number
            .and_then(|number| number.parse().ok())
            .map(StateNumber);
        match number {
            Some(number) if self.state(number).is_dir() => Ok(Some(number)),
            Some(_) | None => Err(Fault::corrupt(CURRENT, "it names no state of this group")),
        }
    }

    fn write_current(&self, number: StateNumber) -> io::Result<()> {
        let line = format!("{STATE}{}\n", number.0);
        self.disk.replace(&self.path.join(CURRENT), line.as_bytes())
    }

    fn create(&self) -> Result<StateNumber, Fault> {
        let failed = |error: io::Error| io_fault(&self.path.display().to_string(), &error);
        self.begin_creation().map_err(failed)?;
        let first = StateNumber(1);
        let path = self.state(first);
        self.disk.remove(&path).map_err(failed)?;
        // RocksDB and the machine sync what they write.
        let created = self.disk.database(&path, || {
            let engine = RocksEngine::create(&path, &self.kind.store_options(&path, &self.cache));
            Ok(engine.and_then(|engine| Machine::open(engine, self.kind)?.engine().sync()))
        });
        created.map_err(failed)??;
        self.disk
            .sync_directory(&self.path)
            .and_then(|()| self.write_current(first))
            .map_err(failed)?;
        Ok(first)
    }

    /// Marks the directory, so that what it holds without `CURRENT` is known to be of no worth.
    fn begin_creation(&self) -> io::Result<()> {
        if !self.path.exists() {
            self.disk.create_directory(&self.path)?;
        }
        if let Some(parent) = self.path.parent() {
            // Also if it was there: who made it may have come no further.
            self.disk.sync_directory(parent)?;
        }
        let marker = self.path.join(CREATING);
        if !marker.exists() && !names_in(&self.path)?.is_empty() {
            let detail = format!("{CURRENT} is missing, but not the rest");
            return Err(io::Error::new(io::ErrorKind::InvalidData, detail));
        }
        self.disk.write(&marker, &[])?;
        self.disk.sync_directory(&self.path)?;
        for directory in [self.snapshots(), self.incoming()] {
            if !directory.exists() {
                self.disk.create_directory(&directory)?;
            }
        }
        Ok(())
    }

    fn remove_leftovers(&self, current: StateNumber) -> io::Result<()> {
        let live = self.state(current);
        for name in names_in(&self.path)? {
            let path = self.path.join(&name);
            let leftover = name == CREATING
                || (name.starts_with(STATE) && path != live)
                || path.extension().is_some_and(|extension| extension == "tmp");
            if leftover {
                self.disk.remove(&path)?;
            }
        }
        Ok(())
    }
}
