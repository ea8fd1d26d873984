//! The contract of a replicator, for NoOp over both engines and both durabilities.
#![expect(clippy::unwrap_used, reason = "these functions are tests")]

use holdfast_metadata::{Format, MemoryEngine, Timestamp};
use holdfast_replicator::{Durability, NoOpOptions, NoOpReplicator, replicator_contract};
use tempfile::TempDir;

fn in_memory() -> (NoOpReplicator<MemoryEngine>, ()) {
    let format = Format::of_root(1, Timestamp::default());
    (NoOpReplicator::in_memory(format).unwrap(), ())
}

fn on_disk(durability: Durability) -> (NoOpReplicator, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let options = NoOpOptions {
        durability,
        ..NoOpOptions::new(directory.path().join("data"))
    };
    (NoOpReplicator::open(options).unwrap(), directory)
}

replicator_contract!(memory, super::in_memory());
replicator_contract!(disk, super::on_disk(super::Durability::Fsync));
replicator_contract!(disk_commit, super::on_disk(super::Durability::Commit));
