//! A volume of a cluster as a target: what mounts send its nodes, without mounts.
//!
//! Clients are futures on one thread, so that they take no processor from the nodes of a cluster on the
//! same machine. Each sends its next operation when its last one is answered.

mod client;
mod connect;
mod volume;

use std::rc::Rc;

use anyhow::{Context, bail};
use futures_util::future::join_all;
use holdfast_metadata::{InodeId, PosixError};
use holdfast_replicator::{PosixMetadataReplicator, RemoteReplicator};
use tokio::runtime::{Builder, Runtime};

use self::client::RemoteClient;
use self::volume::{Volume, VolumeError, file_name};
use super::arguments::BenchArguments;
use super::operation::Operation;
use super::scratch_name;
use super::target::{Description, Target, directory};
use super::worker::Worker;
use crate::tree::ClusterVolume;

/// A volume, with a directory of our own in its root.
#[derive(Debug)]
pub(super) struct Cluster<R> {
    description: Description,
    runtime: Runtime,
    /// One for each connection.
    volumes: Vec<Rc<Volume<R>>>,
    /// The directory of our own.
    scratch: InodeId,
}

impl Cluster<RemoteReplicator> {
    pub(super) fn open(arguments: &BenchArguments) -> anyhow::Result<Cluster<RemoteReplicator>> {
        check(&arguments.operations())?;
        let volume = ClusterVolume::new(arguments.cluster.clone(), arguments.volume.as_deref())?;
        let connections = arguments.connections().unwrap_or(1);
        let runtime = runtime()?;
        let plural = if connections == 1 { "" } else { "s" };
        let description = Description {
            name: volume.to_string(),
            kind: format!("cluster, without a mount, {connections} connection{plural}"),
        };
        connect::all(
            &volume,
            connections,
            arguments.tls.open()?.as_ref(),
            &runtime,
        )
        .and_then(|replicators| Cluster::new(description, runtime, replicators))
        .with_context(|| format!("cannot measure {volume}"))
    }
}

impl<R: PosixMetadataReplicator> Cluster<R> {
    /// With replicators that were started, all of one volume.
    pub(super) fn new(
        description: Description,
        runtime: Runtime,
        replicators: Vec<R>,
    ) -> anyhow::Result<Cluster<R>> {
        let volumes: Vec<_> = replicators
            .into_iter()
            .map(|replicator| Rc::new(Volume::new(replicator, description.name.clone())))
            .collect();
        let mut cluster = Cluster {
            description,
            runtime,
            volumes,
            scratch: InodeId::ROOT,
        };
        match cluster.make_scratch() {
            Ok(scratch) => cluster.scratch = scratch,
            Err(error) => {
                cluster.close();
                return Err(error);
            }
        }
        Ok(cluster)
    }

    fn make_scratch(&self) -> anyhow::Result<InodeId> {
        let name = scratch_name(0);
        let Some(volume) = self.volumes.first() else {
            bail!("there is no connection");
        };
        let made = volume.make_directory(InodeId::ROOT, file_name(&name)?);
        match self.runtime.block_on(made) {
            Err(VolumeError::Posix(PosixError::Exists)) => bail!(
                "{name} is there already: a benchmark of another machine works there, or one was \
                 killed and you have to remove it"
            ),
            made => made.with_context(|| format!("cannot make {name}")),
        }
    }

    fn remove_all(&self) -> anyhow::Result<()> {
        let name = scratch_name(0);
        let Some(volume) = self.volumes.first() else {
            return Ok(());
        };
        let removed = volume.remove_directory(InodeId::ROOT, file_name(&name)?);
        let removed = self.runtime.block_on(removed);
        removed.with_context(|| {
            let volume = &self.description.name;
            format!("cannot remove {name} in the root of {volume}: please remove it")
        })
    }

    /// The cluster forgets sessions that are not closed in its own time.
    fn close(&self) {
        for volume in &self.volumes {
            self.runtime.block_on(volume.close());
        }
    }
}

impl<R: PosixMetadataReplicator> Target for Cluster<R> {
    type Client = RemoteClient<R>;
    const CLIENT: &str = "client";

    fn description(&self) -> &Description {
        &self.description
    }

    fn client(&self, operation: Operation, number: usize, shared: bool) -> RemoteClient<R> {
        let volume = Rc::clone(&self.volumes[number % self.volumes.len()]);
        let name = directory(Self::CLIENT, number, shared);
        // Whoever comes first in a shared directory takes it away, too.
        let is_owner = !shared || number == 0;
        RemoteClient::new(volume, operation, self.scratch, name, number, is_owner)
    }

    fn in_parallel<T: Send>(
        &self,
        workers: &mut [Worker<RemoteClient<R>>],
        job: impl AsyncFn(&mut Worker<RemoteClient<R>>) -> anyhow::Result<T> + Sync,
    ) -> anyhow::Result<Vec<T>> {
        let jobs = workers.iter_mut().map(|worker| job(worker));
        // All of them end, also after an error: what is under way would be lost to the cleaning.
        let outcomes = self.runtime.block_on(join_all(jobs));
        outcomes.into_iter().collect()
    }

    /// What was answered is on the disks of the nodes.
    fn settle(&self) -> anyhow::Result<()> {
        Ok(())
    }

    fn remove(self) -> anyhow::Result<()> {
        let removed = self.remove_all();
        self.close();
        removed
    }
}

/// For the clients; what carries a connection runs by itself.
pub(super) fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

fn check(operations: &[Operation]) -> anyhow::Result<()> {
    let possible = Operation::OF_CLUSTERS;
    match operations.iter().find(|asked| !possible.contains(asked)) {
        Some(operation) => bail!(
            "{operation} cannot be measured without a mount; these can: {}",
            possible.map(|operation| operation.to_string()).join(", ")
        ),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
