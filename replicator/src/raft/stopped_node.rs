//! The data directory of a node that does not run, to be looked at: nothing is changed that a start would not change.

use std::fs;
use std::path::{Path, PathBuf};

use holdfast_metadata::catalog::{Catalog, CatalogState};
use holdfast_metadata::{Engine, Fault, RocksEngine};

use super::log::{LogDatabase, LogOptions};
use super::machine::{self, Machine};
use super::node_directory::NodeDirectory;
use super::node_error::NodeError;
use super::poison::Poison;
use super::type_config::GroupId;

/// A node that cannot be started while this is there.
#[derive(Debug)]
pub struct StoppedNode {
    directory: NodeDirectory,
}

/// A volume as a node has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredVolume {
    /// Its number in the cluster.
    pub number: u64,
    /// Its name, if the catalog of the node knows it.
    pub name: Option<String>,
    /// Where its state is: a RocksDB.
    pub store: PathBuf,
}

impl StoppedNode {
    /// Opens the directory, if it is one of a node.
    pub fn open(path: &Path) -> Result<Option<StoppedNode>, NodeError> {
        let directory = NodeDirectory::open_made(path)?;
        Ok(directory.map(|directory| StoppedNode { directory }))
    }

    /// The volumes, in the order of their numbers. One that was never made whole is not among them.
    pub fn volumes(&self) -> Result<Vec<StoredVolume>, NodeError> {
        let groups = self.directory.groups();
        let failed = |error| NodeError::io(&groups, error);
        if !groups.exists() {
            return Ok(Vec::new());
        }
        // Without its catalog the volumes are there all the same.
        let known = self.catalog().unwrap_or_default();
        let mut volumes = Vec::new();
        for entry in fs::read_dir(&groups).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let number = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            let Some(number) = number.filter(|number| GroupId(*number) != GroupId::CATALOG) else {
                continue;
            };
            let store = machine::live_state(&entry.path());
            let store = store.map_err(|fault| NodeError::Corrupt {
                path: entry.path(),
                detail: fault.to_string(),
            })?;
            let known = known.volumes.iter().find(|record| record.id == number);
            let name = known.map(|record| record.name.clone());
            volumes.extend(store.map(|store| StoredVolume {
                number,
                name,
                store,
            }));
        }
        volumes.sort_by_key(|volume| volume.number);
        Ok(volumes)
    }

    /// How many commands of a volume only the log has: a node that was killed applies them at its next start. The log is
    /// opened as a start would open it.
    pub fn commands_not_applied(&self, volume: &StoredVolume) -> Result<u64, NodeError> {
        self.directory.check_log()?;
        let engine = RocksEngine::open_read_only(&volume.store)?;
        let applied = Machine::place_of(&engine.view())?;
        let path = self.directory.log();
        let log = LogDatabase::open(&path, &LogOptions::on_disk_of(&path), Poison::new())?;
        Ok(log
            .group(GroupId(volume.number))?
            .commands_after(applied.0)?)
    }

    /// What the node knew of the cluster when it was stopped.
    fn catalog(&self) -> Result<CatalogState, Fault> {
        let path = self.directory.groups().join(GroupId::CATALOG.to_string());
        let Some(store) = machine::live_state(&path)? else {
            return Ok(CatalogState::default());
        };
        let engine = RocksEngine::open_read_only(&store)?;
        Ok(Catalog::open(engine)?.state())
    }
}
