//! The state of a volume on the disk of a node that has ended.

use std::fs;
use std::ops::ControlFlow;

use holdfast_metadata::invariant;
use holdfast_metadata::keys::{self, Prefix};
use holdfast_metadata::store::View;
use holdfast_metadata::{Engine, RocksEngine};

use super::{ServeNode, VOLUME};

/// It is read, and not changed.
#[derive(Debug)]
pub struct StateOnDisk {
    engine: RocksEngine,
}

impl StateOnDisk {
    /// Of the first volume.
    #[track_caller]
    pub fn of(node: &ServeNode) -> StateOnDisk {
        assert!(!node.is_running());
        let group = node.data().join("groups").join(VOLUME.to_string());
        let current = fs::read_to_string(group.join("CURRENT")).unwrap();
        let engine = RocksEngine::open_read_only(&group.join(current.trim_end()));
        StateOnDisk {
            engine: engine.unwrap(),
        }
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
