//! A live mount: its event loops, the threads beside them, and their end.
//!
//! Threads and what ends them: the event loops and their parent end when the kernel drops the mount;
//! the watcher of the mount flags and the reclaimer are ended after them; the runtime last, when the
//! operations that wait have been answered.

mod attach;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use holdfast_replicator::PosixMetadataReplicator;
use tokio::runtime::Runtime;

use crate::adapter::{Adapter, Kernel, Terms, Timeouts};
use crate::atime::{Atime, AtimeRules};
use crate::filesystem::{Filesystem, Sharing, TreeUse};
use crate::known_inodes::KnownInodes;
use crate::locks::Locks;
use crate::metrics::Metrics;
use crate::mount_error::MountError;
use crate::mount_flags::{FlagWatcher, MountId};
use crate::options::{LockKeeper, MountOptions};
use crate::reclaim::{ReclaimQueue, Reclaimer};
use crate::run::Runner;
use crate::seen_directories::SeenDirectories;
use crate::synchronous::Synchronous;
use crate::unmount::Unmounter;

/// The root of a new mount has to answer within this time.
const LIVE_MAX: Duration = Duration::from_secs(20);
/// Operations that wait are given this time when the mount is gone.
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// Few operations wait, and they do not compute.
const RUNTIME_THREADS: usize = 2;

/// A defect: the log has where.
const PANICKED: &str =
    "an operation panicked (see its log); what was acknowledged is there at the next mount";

/// A mounted filesystem. Dropping it unmounts.
#[derive(Debug)]
pub struct Mount {
    unmounter: Unmounter,
    metrics: Metrics,
    parts: Option<Parts>,
}

/// What has to end with a mount.
#[derive(Debug)]
struct Parts {
    session: JoinHandle<io::Result<()>>,
    watcher: FlagWatcher,
    locks: Option<Arc<Locks>>,
    services: Services,
}

/// What serves requests beside the event loops.
#[derive(Debug)]
struct Services {
    runtime: Runtime,
    runner: Runner,
    /// Of a tree that nobody else changes.
    reclaimer: Option<Reclaimer>,
}

impl Mount {
    /// Mounts a replicator that was started, and returns when the root of the mount answers.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a mount takes its options with it"
    )]
    pub fn new<R: PosixMetadataReplicator>(
        replicator: Arc<R>,
        mountpoint: &Path,
        options: MountOptions,
    ) -> Result<Mount, MountError> {
        let path = attach::check(mountpoint)?;
        let atime = Arc::new(Atime::new(AtimeRules::of(&options)));
        let synchronous = Arc::new(Synchronous::default());
        synchronous.set_mount(options.synchronous, options.directory_synchronous);
        let (services, tree) = Services::start(&replicator, &options)?;
        let kernel = Kernel::default();
        let known = Arc::new(KnownInodes::new());
        let volume = replicator.shared().filter(|_| options.shared);
        if let Some(volume) = volume {
            volume.set_attendant(Arc::<KnownInodes>::clone(&known));
        }
        let locks = match options.locks {
            LockKeeper::Cluster => volume.map(|_| Arc::new(Locks::new(Arc::new(kernel.clone())))),
            LockKeeper::Kernel => None,
        };
        let filesystem = Filesystem::new(
            Arc::clone(&replicator),
            known,
            tree,
            Arc::clone(&atime),
            Arc::clone(&synchronous),
            locks.clone(),
        );
        let runner = services.runner.clone();
        let metrics = runner.metrics();
        let adapter = Adapter::new(
            Arc::new(filesystem),
            runner,
            Timeouts {
                entry: options.entry_timeout,
                attribute: options.attribute_timeout,
            },
            Terms {
                shared: options.shared,
                checks: options.has_kernel_checks(),
            },
            kernel.clone(),
        );
        let session = match attach::attach(adapter, &path, &options) {
            Ok(session) => session,
            Err(error) => {
                services.stop();
                return Err(error);
            }
        };
        kernel.connect(session.notifier());
        let mount = spawn("holdfast-fuse", move || session.run()).and_then(|session| {
            let mount = wait_until_live(&path)?;
            let watcher = FlagWatcher::start(mount.clone(), atime, synchronous).map_err(serving)?;
            let unmounter = Unmounter::new(mount);
            services.runner.defects().arm(unmounter.clone());
            Ok((session, unmounter, watcher))
        });
        match mount {
            Ok((session, unmounter, watcher)) => Ok(Mount {
                unmounter,
                metrics,
                parts: Some(Parts {
                    session,
                    watcher,
                    locks,
                    services,
                }),
            }),
            Err(error) => {
                crate::unmount::detach(&path);
                services.stop();
                Err(error)
            }
        }
    }

    /// Waits until it is unmounted, by whomever.
    pub fn wait(mut self) -> Result<(), MountError> {
        self.finish()
    }

    /// What ends [`Mount::wait`] from another thread.
    pub fn unmounter(&self) -> Unmounter {
        self.unmounter.clone()
    }

    /// What it counts; may be kept.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    fn finish(&mut self) -> Result<(), MountError> {
        let Some(parts) = self.parts.take() else {
            return Ok(());
        };
        let ended = parts.session.join();
        parts.watcher.stop();
        if let Some(locks) = &parts.locks {
            locks.end();
        }
        let has_panicked = parts.services.runner.defects().was_met();
        parts.services.stop();
        match ended {
            Ok(Ok(())) if !has_panicked => Ok(()),
            Ok(Err(reason)) if !has_panicked && self.is_end_of_unmount(&reason) => Ok(()),
            Ok(Err(reason)) if !has_panicked => {
                self.free_mountpoint();
                Err(serving(reason))
            }
            Ok(_) | Err(_) => {
                self.free_mountpoint();
                Err(serving(io::Error::other(PANICKED)))
            }
        }
    }

    /// A loop that is taking a request from the kernel in the moment of the unmount is told that the
    /// connection was aborted, not that the device is gone; so is every loop after an abort of ours.
    fn is_end_of_unmount(&self, reason: &io::Error) -> bool {
        reason.raw_os_error() == Some(libc::ECONNABORTED) && !self.unmounter.is_mounted()
    }

    /// A mount whose event loops failed answers nobody: better an empty directory.
    fn free_mountpoint(&self) {
        if let Err(error) = self.unmounter.unmount() {
            tracing::warn!(%error, "the mountpoint stays occupied");
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if self.parts.is_some() {
            self.free_mountpoint();
            if let Err(error) = self.finish() {
                tracing::warn!(%error, "the mount ended badly");
            }
        }
    }
}

impl Services {
    /// Starts them, and has reclaimed what a crash left behind before anything can be opened.
    fn start<R: PosixMetadataReplicator>(
        replicator: &Arc<R>,
        options: &MountOptions,
    ) -> Result<(Services, TreeUse), MountError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(RUNTIME_THREADS)
            .thread_name("holdfast-wait")
            .enable_time()
            .build()
            .map_err(serving)?;
        let handle = runtime.handle().clone();
        let runner = Runner::new(handle.clone(), options.slow_operation, options.shared);
        if options.shared {
            let services = Services {
                runtime,
                runner,
                reclaimer: None,
            };
            let sharing = Sharing {
                directories: SeenDirectories::new(),
                kernel_remembers: !options.entry_timeout.is_zero(),
                is_squashed: options.squashed,
            };
            return Ok((services, TreeUse::Shared(sharing)));
        }
        let queue = Arc::<ReclaimQueue>::default();
        let left_over = runtime.block_on(queue.add_left_over(&**replicator))?;
        let reclaimer = Reclaimer::start(
            Arc::clone(replicator),
            Arc::clone(&queue),
            handle,
            runner.defects(),
        )
        .map_err(serving)?;
        if left_over > 0 {
            tracing::info!(left_over, "reclaiming what an unclean end left behind");
            runtime.block_on(queue.settled());
        }
        let services = Services {
            runtime,
            runner,
            reclaimer: Some(reclaimer),
        };
        Ok((services, TreeUse::Alone(queue)))
    }

    fn stop(self) {
        if !self.runner.drain(DRAIN_MAX) {
            tracing::error!("operations were still waiting when the mount had gone");
        }
        if let Some(reclaimer) = self.reclaimer {
            reclaimer.stop();
        }
        self.runtime.shutdown_background();
    }
}

/// Asks for the root on a thread of its own: a mount that hangs must not hang its daemon.
fn wait_until_live(path: &Path) -> Result<MountId, MountError> {
    let (sender, receiver) = mpsc::channel();
    let probe = path.to_owned();
    spawn("holdfast-probe", move || sender.send(MountId::of(&probe)))?;
    let not_answering = || MountError::NotAnswering {
        path: path.to_owned(),
    };
    match receiver.recv_timeout(LIVE_MAX) {
        Ok(Ok(mount)) => Ok(mount),
        Ok(Err(_)) | Err(_) => Err(not_answering()),
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, MountError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(serving)
}

fn serving(reason: io::Error) -> MountError {
    MountError::Serving { reason }
}
