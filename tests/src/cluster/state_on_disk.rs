//! The state of a volume on the disk of a node that has ended.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

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
        let engine = RocksEngine::open_read_only(&store(node));
        StateOnDisk {
            engine: engine.unwrap(),
        }
    }

    /// Plants a damage: gives a key another value, or none.
    #[track_caller]
    pub fn spoil(node: &ServeNode, key: Vec<u8>, value: Option<Bytes>) {
        let engine = RocksEngine::open(&store(node), &RocksOptions::default()).unwrap();
        let mut batch = Batch::default();
        batch.set(key, value);
        engine.commit(batch).unwrap();
        engine.flush().unwrap();
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
        let (start, end) = keys::all(prefix);
        let mut count = 0;
        let scanned = self.engine.view().scan(&start, &end, &mut |_, _| {
            count += 1;
            Ok(ControlFlow::Continue(()))
        });
        scanned.unwrap();
        count
    }
}

/// Where the state of the first volume is.
#[track_caller]
fn store(node: &ServeNode) -> PathBuf {
    assert!(!node.is_running());
    let group = node.data().join("groups").join(VOLUME.to_string());
    let current = fs::read_to_string(group.join("CURRENT")).unwrap();
    group.join(current.trim_end())
}
