//! Builds every part of a mount in the order in which they need each other, and takes them down in
//! the opposite one. Nothing else happens here.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use holdfast_fs::{Mount, MountOptions, Unmounter};
use holdfast_replicator::{
    NoOpOptions, NoOpReplicator, PosixMetadataReplicator, RemoteOptions, RemoteReplicator,
    ReplicateError,
};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

use crate::metrics;
use crate::mount_plan::MountPlan;
use crate::takeover;
use crate::termination::Termination;
use crate::tls_arguments;
use crate::tree::{ClusterVolume, Tree};

/// The parts of a live mount.
#[derive(Debug)]
pub(crate) struct Topology {
    /// For starting, stopping and the page of metrics: operations do not pass through it.
    runtime: Runtime,
    stop: Stop,
    mount: Mount,
    page: Option<metrics::Server>,
}

/// Stops the replicator; from any thread, and more than once.
#[derive(Clone)]
struct Stop(Arc<dyn Fn() -> Result<(), ReplicateError> + Send + Sync>);

impl fmt::Debug for Stop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Stop")
    }
}

impl Topology {
    /// Returns when the mount is live.
    pub(crate) fn build(plan: &MountPlan, termination: &Termination) -> anyhow::Result<Topology> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("holdfast-main")
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        match &plan.tree {
            Tree::Data(data) => {
                let replicator = open(data, plan, termination)?;
                runtime.block_on(replicator.start())?;
                let options = plan.settings.mount.clone();
                Topology::mount(runtime, replicator, (plan, options))
            }
            Tree::Cluster(volume) => {
                let replicator = reach(volume, plan, termination, &runtime)
                    .with_context(|| format!("cannot mount {volume}"))?;
                let options = MountOptions {
                    squashed: replicator.is_squashed(),
                    ..plan.settings.mount.clone()
                };
                Topology::mount(runtime, replicator, (plan, options))
            }
        }
    }

    /// Mounts a replicator that was started.
    fn mount<R: PosixMetadataReplicator>(
        runtime: Runtime,
        replicator: R,
        (plan, options): (&MountPlan, MountOptions),
    ) -> anyhow::Result<Topology> {
        let replicator = Arc::new(replicator);
        let (handle, stopped) = (runtime.handle().clone(), Arc::clone(&replicator));
        let stop = Stop(Arc::new(move || handle.block_on(stopped.stop())));
        let mounted = Mount::new(replicator, &plan.mountpoint, options)
            .map_err(anyhow::Error::from)
            .and_then(|mount| {
                let page = serve_metrics(&runtime, &mount, plan)?;
                Ok((mount, page))
            });
        match mounted {
            Ok((mount, page)) => Ok(Topology {
                runtime,
                stop,
                mount,
                page,
            }),
            Err(error) => {
                (stop.0)()?;
                Err(error)
            }
        }
    }

    /// For unmounting from another thread.
    pub(crate) fn unmounter(&self) -> Unmounter {
        self.mount.unmounter()
    }

    /// For releasing the tree although files are open: their users get errors.
    pub(crate) fn stopper(&self) -> impl Fn() -> Result<(), ReplicateError> + Send + use<> {
        let stop = self.stop.clone();
        move || (stop.0)()
    }

    /// Serves until somebody unmounts, then makes everything durable and releases the tree.
    pub(crate) fn serve(self) -> anyhow::Result<()> {
        let served = self.mount.wait().context("the mount has failed");
        drop(self.page);
        let stopped = (self.stop.0)();
        drop(self.runtime);
        served.and(stopped.context("the data directory was not closed cleanly"))
    }
}

fn serve_metrics(
    runtime: &Runtime,
    mount: &Mount,
    plan: &MountPlan,
) -> anyhow::Result<Option<metrics::Server>> {
    let Some(address) = plan.metrics else {
        return Ok(None);
    };
    let counted = mount.metrics();
    let page = metrics::serve(address, metrics::page(move || counted.render()));
    runtime.block_on(page).map(Some)
}

/// Opens a data directory.
fn open(
    data: &Path,
    plan: &MountPlan,
    termination: &Termination,
) -> anyhow::Result<NoOpReplicator> {
    let options = NoOpOptions {
        durability: plan.settings.durability,
        mountpoint: Some(plan.mountpoint.clone()),
        cache_bytes: plan.settings.cache_mib << 20,
        ..NoOpOptions::new(data.to_owned())
    };
    let open = || NoOpReplicator::open(options.clone());
    let opened = takeover::open(open, || termination.check().is_ok());
    termination.check()?;
    opened.map_err(takeover::explain)
}

/// Reaches a cluster, and returns when it has answered.
fn reach(
    volume: &ClusterVolume,
    plan: &MountPlan,
    termination: &Termination,
    runtime: &Runtime,
) -> anyhow::Result<RemoteReplicator> {
    let options = RemoteOptions {
        soft: plan.settings.soft,
        limits: plan.settings.calls,
        mountpoint: plan.mountpoint.to_string_lossy().into_owned(),
        tls: tls_arguments::open(plan.tls.as_deref())?,
        ..RemoteOptions::new(volume.addresses.clone(), volume.name.clone())
    };
    let start_max = options.start_max;
    let replicator = RemoteReplicator::connect(options)?;
    ensure!(
        !replicator.is_read_only() || plan.settings.mount.read_only,
        "the certificate allows no change of this volume: mount it with -o ro"
    );
    let told_to_end = Arc::new(Notify::new());
    let told = Arc::clone(&told_to_end);
    termination.on_request(move |_| told.notify_one());
    let started = runtime.block_on(async {
        tokio::select! {
            biased;
            () = told_to_end.notified() => None,
            started = replicator.start() => Some(started),
        }
    });
    match started {
        Some(Ok(())) => Ok(replicator),
        Some(Err(ReplicateError::TimedOut)) => Err(volume.no_majority_within(start_max)),
        Some(Err(error)) => Err(error.into()),
        None => bail!("interrupted before the mount was live"),
    }
}
