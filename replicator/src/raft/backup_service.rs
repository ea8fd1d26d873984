//! Dumps and loads volumes: the gRPC side. The node that leads a volume does it.
//!
//! **What a dump costs the node.** A thread reads one RocksDB snapshot from its first key to its last, as fast as the client
//! takes it, with a few parts waiting. A client that takes nothing for [`STALL`] is given up, so that nobody keeps
//! old versions of the state from being removed; and no more than `Limits::dumps` are under way at a time. The state
//! that is read was committed, so it does not matter if another node leads before it is read.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use holdfast_metadata::dump::Filesystem;
use holdfast_metadata::snapshot::{self, SnapshotError};
use holdfast_metadata::{Engine, LoadStep, PosixError};
use holdfast_proto::backup_server::Backup;
use holdfast_proto::identity::Identity;
use holdfast_proto::{
    DumpPart, DumpRequest, DumpStarted, LoadRequest, LoadResponse, dump_part, load_request,
};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tonic::{Request, Response, Status};

use super::gate::CallerRights;
use super::machine::Machine;
use super::registry::Registry;
use super::volume_service::{find_volume, refused};

/// A part has about so many bytes.
const PART_BYTES: usize = 256 * 1024;
/// Parts that wait for the client.
const PARTS_MAX: usize = 4;
/// How long a client may take nothing.
const STALL: Duration = Duration::from_secs(30);

/// Serves [`Backup`].
#[derive(Debug, Clone)]
pub(crate) struct BackupService {
    registry: Registry,
    identity: Identity,
    stopping: watch::Receiver<bool>,
    dumps: Arc<Semaphore>,
    /// Of those, what clients without the right of administration may take: one is left for who has it.
    dumps_of_clients: Arc<Semaphore>,
}

impl BackupService {
    /// Dumps end when `stopping` becomes true.
    pub(crate) fn new(
        registry: Registry,
        identity: Identity,
        stopping: watch::Receiver<bool>,
    ) -> BackupService {
        let dumps_max = registry.options().limits.dumps;
        BackupService {
            registry,
            identity,
            stopping,
            dumps: Arc::new(Semaphore::new(dumps_max)),
            dumps_of_clients: Arc::new(Semaphore::new(dumps_max.saturating_sub(1).max(1))),
        }
    }
}

impl BackupService {
    /// A place among the dumps under way, as long as it lives.
    fn place(&self, rights: &CallerRights) -> Result<Vec<OwnedSemaphorePermit>, Status> {
        let taken = || {
            let most = self.registry.options().limits.dumps;
            Status::resource_exhausted(format!(
                "{most} dumps are under way on the node already, or all but one that is left for administrators: wait \
                 until one has ended"
            ))
        };
        let mut rooms = vec![&self.dumps];
        if !rights.sees_all() {
            rooms.push(&self.dumps_of_clients);
        }
        let places = rooms
            .into_iter()
            .map(|room| Arc::clone(room).try_acquire_owned());
        places.collect::<Result<_, _>>().map_err(|_| taken())
    }
}

#[tonic::async_trait]
impl Backup for BackupService {
    type DumpStream = Pin<Box<dyn Stream<Item = Result<DumpPart, Status>> + Send>>;

    async fn dump(
        &self,
        request: Request<DumpRequest>,
    ) -> Result<Response<Self::DumpStream>, Status> {
        self.identity.check(request.metadata())?;
        let rights = CallerRights::of(request.extensions());
        let name = request.into_inner().volume;
        rights.check_sight(&name)?;
        // Who may mount the volume reads everything in it as root; one user does not.
        rights.check_all()?;
        let volume = find_volume(&self.registry, &name)?;
        let machine = volume.group().read().await.map_err(refused)?;
        if !volume.is_whole() {
            return Err(Status::failed_precondition(format!(
                "volume {name:?} is being loaded itself"
            )));
        }
        let place = self.place(&rights)?;
        let (parts, written) = mpsc::channel(PARTS_MAX);
        let writing = tokio::task::spawn_blocking(move || {
            let dumped = write(&machine, parts);
            drop(place);
            dumped
        });
        Ok(Response::new(Box::pin(stream(
            written,
            writing,
            self.stopping.clone(),
        ))))
    }

    async fn load(&self, request: Request<LoadRequest>) -> Result<Response<LoadResponse>, Status> {
        self.identity.check(request.metadata())?;
        let LoadRequest { volume, step } = request.into_inner();
        let step = match step {
            Some(load_request::Step::Entries(entries)) => LoadStep::from(entries),
            Some(load_request::Step::Finish(finish)) => LoadStep::try_from(finish)
                .map_err(|error| Status::invalid_argument(error.to_string()))?,
            None => return Err(Status::invalid_argument("nothing to load")),
        };
        let found = self.registry.volume(volume);
        let found = found.ok_or_else(|| refused(self.registry.missing(volume)))?;
        match found.load(step).await.map_err(refused)? {
            Ok(_) => Ok(Response::new(LoadResponse {})),
            Err(PosixError::NoSpace) => Err(Status::resource_exhausted(
                "no space left on the disk of a node",
            )),
            Err(PosixError::NotPermitted) => Err(Status::failed_precondition(
                "the volume was not made for a dump, or has it already",
            )),
            Err(error) => Err(Status::invalid_argument(format!(
                "this is not what follows in the dump: {error}"
            ))),
        }
    }
}

/// Everything that was written, then why there is no more of it.
fn stream(
    written: mpsc::Receiver<DumpPart>,
    writing: JoinHandle<Result<(), Status>>,
    stopping: watch::Receiver<bool>,
) -> impl Stream<Item = Result<DumpPart, Status>> + Send {
    let state = Some((written, writing, stopping));
    futures_util::stream::unfold(state, |state| async move {
        let (mut written, writing, mut stopping) = state?;
        let part = tokio::select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => {
                return Some((Err(Status::unavailable("the node stops")), None));
            }
            part = written.recv() => part,
        };
        if let Some(part) = part {
            return Some((Ok(part), Some((written, writing, stopping))));
        }
        let ended = writing.await;
        let ended = ended.unwrap_or_else(|error| Err(Status::internal(error.to_string())));
        ended.err().map(|status| (Err(status), None))
    })
}

/// Writes a dump of the state as it is now; blocks.
fn write(machine: &Machine, parts: mpsc::Sender<DumpPart>) -> Result<(), Status> {
    let Machine::Volume(machine) = machine else {
        return Err(Status::internal("the group is not one of a volume"));
    };
    let filesystem = Filesystem::of(machine.engine().view()).map_err(SnapshotError::from);
    let filesystem = filesystem.map_err(failed)?;
    let mut output = Parts {
        client: parts,
        part: BytesMut::new(),
        runtime: Handle::current(),
        stall: STALL,
    };
    let volume = filesystem.volume();
    let started = DumpStarted {
        // Batches count from 1, entries of the log, of which others tell, from 0.
        index: filesystem.applied().0.saturating_sub(1),
        inodes: volume.inodes,
        allocated: volume.allocated,
    };
    let sent = output.send(dump_part::Part::Started(started));
    sent.map_err(SnapshotError::from).map_err(failed)?;
    snapshot::write(&filesystem, &mut output).map_err(failed)?;
    Ok(())
}

/// Makes parts of what is written.
struct Parts {
    client: mpsc::Sender<DumpPart>,
    part: BytesMut,
    runtime: Handle,
    stall: Duration,
}

impl Parts {
    /// Waits until the client has taken what was before.
    fn send(&self, part: dump_part::Part) -> io::Result<()> {
        let part = DumpPart { part: Some(part) };
        // The timer needs the runtime when it is made.
        let _entered = self.runtime.enter();
        let sending = tokio::time::timeout(self.stall, self.client.send(part));
        match self.runtime.block_on(sending) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_closed)) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(_elapsed) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("nothing of it was taken for {} s", self.stall.as_secs()),
            )),
        }
    }
}

impl Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.part.extend_from_slice(bytes);
        if self.part.len() >= PART_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let part: Bytes = self.part.split().freeze();
        if part.is_empty() {
            return Ok(());
        }
        self.send(dump_part::Part::Data(part))
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is the end of an error, as map_err wants it"
)]
fn failed(error: SnapshotError) -> Status {
    if matches!(error, SnapshotError::Io(_)) {
        return Status::aborted(error.to_string());
    }
    tracing::error!(%error, "a dump has failed");
    Status::data_loss(error.to_string())
}

#[cfg(test)]
mod tests;
