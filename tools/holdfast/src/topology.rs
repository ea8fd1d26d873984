//! Builds every part of a mount in the order in which they need each other, and takes them down in
//! the opposite one. Nothing else happens here.

use std::sync::Arc;

use anyhow::Context;
use holdfast_fs::{Mount, Unmounter};
use holdfast_replicator::{NoOpOptions, NoOpReplicator, PosixMetadataReplicator, ReplicateError};
use tokio::runtime::{Builder, Runtime};

use crate::mount_plan::MountPlan;
use crate::takeover;
use crate::termination::Termination;

/// The parts of a live mount.
#[derive(Debug)]
pub(crate) struct Topology {
    /// For starting and stopping only: operations do not pass through it.
    runtime: Runtime,
    replicator: Arc<NoOpReplicator>,
    mount: Mount,
}

impl Topology {
    /// Returns when the mount is live.
    pub(crate) fn build(plan: &MountPlan, termination: &Termination) -> anyhow::Result<Topology> {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .build()
            .context("cannot start the runtime")?;
        let options = NoOpOptions {
            durability: plan.settings.durability,
            mountpoint: Some(plan.mountpoint.clone()),
            ..NoOpOptions::new(plan.data.clone())
        };
        let open = || NoOpReplicator::open(options.clone());
        let opened = takeover::open(open, || termination.check().is_ok());
        termination.check()?;
        let replicator = Arc::new(opened.map_err(takeover::explain)?);
        runtime.block_on(replicator.start())?;
        let options = plan.settings.mount.clone();
        match Mount::new(Arc::clone(&replicator), &plan.mountpoint, options) {
            Ok(mount) => Ok(Topology {
                runtime,
                replicator,
                mount,
            }),
            Err(error) => {
                runtime.block_on(replicator.stop())?;
                Err(error.into())
            }
        }
    }

    /// For unmounting from another thread.
    pub(crate) fn unmounter(&self) -> Unmounter {
        self.mount.unmounter()
    }

    /// For releasing the data directory although files are open: their users get errors.
    pub(crate) fn stopper(&self) -> impl Fn() -> Result<(), ReplicateError> + Send + use<> {
        let (runtime, replicator) = (self.runtime.handle().clone(), Arc::clone(&self.replicator));
        move || runtime.block_on(replicator.stop())
    }

    /// Serves until somebody unmounts, then makes everything durable and releases the data directory.
    pub(crate) fn serve(self) -> anyhow::Result<()> {
        let served = self.mount.wait().context("the mount has failed");
        let stopped = self.runtime.block_on(self.replicator.stop());
        served.and(stopped.context("the data directory was not closed cleanly"))
    }
}
