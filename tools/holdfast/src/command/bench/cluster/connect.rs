//! Opens the connections, each with a session of its own, as that many mounts would.

use std::time::Duration;

use holdfast_replicator::{
    PosixMetadataReplicator, RemoteOptions, RemoteReplicator, ReplicateError, Tls,
};
use tokio::runtime::Runtime;

use crate::tree::ClusterVolume;

/// A cluster that does not answer for so long is not measured.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// All of them, or none.
pub(super) fn all(
    volume: &ClusterVolume,
    connections: usize,
    tls: Option<&Tls>,
    runtime: &Runtime,
) -> anyhow::Result<Vec<RemoteReplicator>> {
    let mut connected = Vec::new();
    for _ in 0..connections {
        match one(volume, tls, runtime) {
            Ok(replicator) => connected.push(replicator),
            Err(error) => {
                for replicator in connected {
                    runtime.block_on(replicator.stop())?;
                }
                return Err(error);
            }
        }
    }
    Ok(connected)
}

fn one(
    volume: &ClusterVolume,
    tls: Option<&Tls>,
    runtime: &Runtime,
) -> anyhow::Result<RemoteReplicator> {
    let replicator = RemoteReplicator::connect(RemoteOptions {
        soft: Some(PATIENCE),
        start_max: PATIENCE,
        mountpoint: "holdfast bench".to_owned(),
        // What is measured is the cluster.
        copies: false,
        tls: tls.cloned(),
        ..RemoteOptions::new(volume.addresses.clone(), volume.name.clone())
    })?;
    match runtime.block_on(replicator.start()) {
        Ok(()) => Ok(replicator),
        Err(ReplicateError::TimedOut) => Err(volume.no_majority_within(PATIENCE)),
        Err(error) => Err(error.into()),
    }
}
