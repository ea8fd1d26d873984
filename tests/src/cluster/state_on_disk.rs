//! The state of a volume on the disk of a node or of a mount that has ended.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use holdfast_metadata::invariant;
use holdfast_metadata::keys::{self, Prefix};
use holdfast_metadata::store::{Batch, View};
use holdfast_metadata::{Engine, RocksEngine, RocksOptions};

use super::{ServeNode, VOLUME};

/// It is read, and changed only to plant a damage.
#[derive(Debug)]
pub struct StateOnDisk {
    engine: RocksEngine,
}

impl StateOnDisk {
    /// Of the first volume.
    #[track_caller]
    pub fn of(node: &ServeNode) -> StateOnDisk {
        let engine = RocksEngine::open_read_only(&StateOnDisk::store(node));
        StateOnDisk {
            engine: engine.unwrap(),
        }
    }

    /// Of any store that nobody uses, for damages to be planted in it.
    #[track_caller]
    pub fn to_spoil(store: &Path) -> StateOnDisk {
        let engine = RocksEngine::open(store, &RocksOptions::default());
        StateOnDisk {
            engine: engine.unwrap(),
        }
    }

    /// Plants a damage: gives a key another value, or none.
    #[track_caller]
    pub fn spoil(node: &ServeNode, key: Vec<u8>, value: Option<Bytes>) {
        StateOnDisk::to_spoil(&StateOnDisk::store(node)).set(key, value);
    }

    /// Where the state of the first volume is.
    #[track_caller]
    pub fn store(node: &ServeNode) -> PathBuf {
        assert!(!node.is_running());
        let group = node.data().join("groups").join(VOLUME.to_string());
        let current = fs::read_to_string(group.join("CURRENT")).unwrap();
        group.join(current.trim_end())
    }

    /// Gives a key another value, or none; it is on the disk then.
    #[track_caller]
    pub fn set(&self, key: Vec<u8>, value: Option<Bytes>) {
        let mut batch = Batch::default();
        batch.set(key, value);
        self.engine.commit(batch).unwrap();
        self.engine.flush().unwrap();
    }

    /// The value of a key that is there.
    #[track_caller]
    pub fn value(&self, key: &[u8]) -> Bytes {
        self.engine.view().get(key).unwrap().unwrap()
    }

    /// What `fsck` would find.
    #[track_caller]
    pub fn violations(&self) -> Vec<String> {
        let found = invariant::check(&self.engine.view(), &mut |_| ()).unwrap();
        found.iter().map(ToString::to_string).collect()
    }

    /// How many records there are of a kind.
    #[track_caller]
    pub fn count(&self, prefix: Prefix) -> usize {
        self.keys(prefix).len()
    }

    /// The keys of all records of a kind, in their order.
    #[track_caller]
    pub fn keys(&self, prefix: Prefix) -> Vec<Vec<u8>> {
        let (start, end) = keys::all(prefix);
        let mut found = Vec::new();
        let scanned = self.engine.view().scan(&start, &end, &mut |key, _| {
            found.push(key.to_vec());
            Ok(ControlFlow::Continue(()))
        });
        scanned.unwrap();
        found
    }
}
