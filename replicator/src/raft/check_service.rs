//! Checks the replicas of this node: the gRPC side of `holdfast fsck --cluster` (decision 0019).
//!
//! **What it costs the node.** Applying waits while a RocksDB snapshot is taken at the index that is asked for. A thread then reads
//! that snapshot, once a rule. One check a node at a time; one that nobody waits for ends at one of its next records.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use holdfast_metadata::store::{View, Visit};
use holdfast_metadata::{Engine, Fault, LogIndex, invariant};
use holdfast_proto::check_server::Check;
use holdfast_proto::identity::Identity;
use holdfast_proto::{
    CheckDone, CheckPart, CheckProgress, CheckRequest, CheckStarted, CheckViolation, check_part,
};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tonic::{Request, Response, Status};

use super::machine::{GroupStore, Machine, Missed};
use super::registry::Registry;
use super::type_config::GroupId;

/// How long a replica may take to get to the index.
const REACHED: Duration = Duration::from_secs(3);
/// How long a client may take nothing.
const STALL: Duration = Duration::from_secs(30);
/// Parts that wait for the client.
const PARTS_MAX: usize = 64;
/// Between two looks whether the client is still there.
const LOOK_RECORDS: u64 = 4096;
/// Between two signs of life of the digest.
const SIGN_RECORDS: u64 = 65_536;
/// What the digest is called among the rules.
const DIGEST: &str = "digest";

/// Serves [`Check`].
#[derive(Debug, Clone)]
pub(crate) struct CheckService {
    registry: Registry,
    identity: Identity,
    stopping: watch::Receiver<bool>,
    one: Arc<Semaphore>,
}

impl CheckService {
    /// Checks end when `stopping` becomes true.
    pub(crate) fn new(
        registry: Registry,
        identity: Identity,
        stopping: watch::Receiver<bool>,
    ) -> CheckService {
        CheckService {
            registry,
            identity,
            stopping,
            one: Arc::new(Semaphore::new(1)),
        }
    }
}

#[tonic::async_trait]
impl Check for CheckService {
    type CheckStream = Pin<Box<dyn Stream<Item = Result<CheckPart, Status>> + Send>>;

    async fn check(
        &self,
        request: Request<CheckRequest>,
    ) -> Result<Response<Self::CheckStream>, Status> {
        self.identity.check(request.metadata())?;
        let CheckRequest { group, index } = request.into_inner();
        let group = self.registry.group(GroupId(group));
        let group = group.ok_or_else(|| Status::not_found("the group does not run here"))?;
        let place = Arc::clone(&self.one).try_acquire_owned().map_err(|_| {
            Status::resource_exhausted("another check is under way on the node: wait until it ends")
        })?;
        let store = group.store().clone();
        let (parts, written) = mpsc::channel(PARTS_MAX);
        // The thread ends by itself: at the end of the state, or when nobody takes the parts.
        let runtime = Handle::current();
        drop(tokio::task::spawn_blocking(move || {
            let client = Client {
                parts,
                runtime,
                has_stalled: Cell::new(false),
            };
            if let Err(status) = check(&store, LogIndex(index), &client, place) {
                drop(client.send(Err(status)));
            }
        }));
        let parts = futures_util::stream::unfold(written, |mut written| async move {
            written.recv().await.map(|part| (part, written))
        });
        let mut stopping = self.stopping.clone();
        let stopped = async move {
            // The sender lives as long as the node.
            let _ended = stopping.wait_for(|stopping| *stopping).await.is_ok();
        };
        Ok(Response::new(Box::pin(parts.take_until(Box::pin(stopped)))))
    }
}

/// Checks a replica as it is at a place in the log; blocks.
fn check(
    store: &GroupStore,
    at: LogIndex,
    client: &Client,
    _place: OwnedSemaphorePermit,
) -> Result<(), Status> {
    let held = client.runtime.block_on(store.hold_at(at, REACHED));
    let held = held.map_err(|missed| match missed {
        Missed::Passed => passed(),
        Missed::NotReached => Status::deadline_exceeded("the replica does not get there"),
    })?;
    let machine = store.machine();
    let view = machine.engine().view();
    drop(held);
    if Machine::place_of(&view).map_err(|fault| failed(&fault))? != at {
        return Err(passed());
    }
    let started = check_part::Part::Started(CheckStarted {});
    client.send_part(started).map_err(|fault| failed(&fault))?;
    let view = Watched {
        view,
        client,
        records: Cell::new(0),
        is_digest: Cell::new(false),
    };
    look(&machine, &view).map_err(|fault| failed(&fault))
}

/// Everything that is to be known of it.
fn look<V: View>(machine: &Machine, view: &Watched<'_, V>) -> Result<(), Fault> {
    let client = view.client;
    if let Machine::Volume(_) = machine {
        // What is told on the way is not needed; what nobody takes is noticed by the view.
        let found = invariant::check(view, &mut |progress| {
            drop(client.send_part(check_part::Part::Progress(CheckProgress {
                rule: progress.rule.name().to_owned(),
                step: progress.step as u64,
                steps: progress.steps as u64 + 1,
                records: progress.records,
            })));
        })?;
        for violation in found {
            client.send_part(check_part::Part::Violation(CheckViolation {
                rule: violation.rule.name().to_owned(),
                detail: violation.detail,
            }))?;
        }
    }
    view.is_digest.set(true);
    view.records.set(0);
    let digest = holdfast_metadata::digest(view)?;
    client.send_part(check_part::Part::Done(CheckDone {
        digest: Bytes::copy_from_slice(&digest.get().to_be_bytes()),
    }))
}

fn passed() -> Status {
    Status::out_of_range("the replica is further already")
}

fn failed(fault: &Fault) -> Status {
    match fault {
        Fault::Corrupt { .. } => Status::data_loss(fault.to_string()),
        Fault::Io(_) | Fault::NoSpace => Status::internal(fault.to_string()),
    }
}

/// Who waits for what is found.
struct Client {
    parts: mpsc::Sender<Result<CheckPart, Status>>,
    runtime: Handle,
    /// It is still there, and takes nothing.
    has_stalled: Cell<bool>,
}

impl Client {
    /// Waits until there is room.
    fn send(&self, part: Result<CheckPart, Status>) -> Result<(), Fault> {
        // The timer needs the runtime when it is made.
        let _entered = self.runtime.enter();
        let sending = tokio::time::timeout(STALL, self.parts.send(part));
        match self.runtime.block_on(sending) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(nobody_waits()),
            Err(_) => {
                self.has_stalled.set(true);
                Err(nobody_waits())
            }
        }
    }

    fn is_gone(&self) -> bool {
        self.parts.is_closed() || self.has_stalled.get()
    }

    fn send_part(&self, part: check_part::Part) -> Result<(), Fault> {
        self.send(Ok(CheckPart { part: Some(part) }))
    }
}

fn nobody_waits() -> Fault {
    Fault::Io("nobody waits for the check any more".to_owned())
}

/// A view that ends when nobody waits for what is found in it.
struct Watched<'a, V> {
    view: V,
    client: &'a Client,
    records: Cell<u64>,
    /// It tells of no progress itself.
    is_digest: Cell<bool>,
}

impl<V: View> Watched<'_, V> {
    fn count(&self) -> Result<(), Fault> {
        let records = self.records.get() + 1;
        self.records.set(records);
        if records.is_multiple_of(LOOK_RECORDS) && self.client.is_gone() {
            return Err(nobody_waits());
        }
        if self.is_digest.get() && records.is_multiple_of(SIGN_RECORDS) {
            self.client
                .send_part(check_part::Part::Progress(CheckProgress {
                    rule: DIGEST.to_owned(),
                    step: 1,
                    steps: 1,
                    records,
                }))?;
        }
        Ok(())
    }

    fn counted<'b>(
        &'b self,
        visit: &'b mut Visit<'_>,
    ) -> impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, Fault> + 'b {
        move |key, value| {
            self.count()?;
            visit(key, value)
        }
    }
}

impl<V: View> View for Watched<'_, V> {
    fn with_value(&self, key: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<bool, Fault> {
        self.count()?;
        self.view.with_value(key, visit)
    }

    fn scan(&self, start: &[u8], end: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        self.view.scan(start, end, &mut self.counted(visit))
    }

    fn scan_back(&self, start: &[u8], end: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        self.view.scan_back(start, end, &mut self.counted(visit))
    }
}
