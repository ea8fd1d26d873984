//! Tells what changes in a volume: the gRPC side of `holdfast watch` (decision 26). The node that leads the volume does it.
//!
//! **Why nothing is silent.** A leader that was cut off applies nothing more and would tell nothing more. So it makes sure that it leads every
//! [`SIGN`], and ends the stream when it does not; who watches looks for the next one, and goes on behind what it has heard.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use holdfast_metadata::{Engine, Fault, Happened, LogIndex, Paths};
use holdfast_proto::identity::Identity;
use holdfast_proto::watch_server::Watch;
use holdfast_proto::{WatchPart, WatchRequest, WatchedChange, watched_change};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use super::gate::CallerRights;
use super::group::Group;
use super::machine::{Forgotten, Machine, RecentChange};
use super::registry::Registry;
use super::volume_service::{find_volume, refused};

/// Who may watch on one node at a time.
const WATCHERS_MAX: usize = 256;
/// Changes of one part, and those of the last index.
const PART_CHANGES: usize = 512;
/// Parts that wait for the client.
const PARTS_MAX: usize = 4;
/// How long a client may take nothing.
const STALL: Duration = Duration::from_secs(30);
/// Between two parts.
const SIGN: Duration = Duration::from_secs(2);

/// Serves [`Watch`].
#[derive(Debug, Clone)]
pub(crate) struct WatchService {
    registry: Registry,
    identity: Identity,
    stopping: watch::Receiver<bool>,
    places: Arc<Semaphore>,
}

impl WatchService {
    /// Who watches is let go when `stopping` becomes true.
    pub(crate) fn new(
        registry: Registry,
        identity: Identity,
        stopping: watch::Receiver<bool>,
    ) -> WatchService {
        WatchService {
            registry,
            identity,
            stopping,
            places: Arc::new(Semaphore::new(WATCHERS_MAX)),
        }
    }
}

#[tonic::async_trait]
impl Watch for WatchService {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchPart, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        self.identity.check(request.metadata())?;
        let caller = CallerRights::of(request.extensions());
        let asked = request.into_inner();
        caller.check_sight(&asked.volume)?;
        let volume = find_volume(&self.registry, &asked.volume)?;
        let group = Arc::clone(volume.group());
        let machine = group.read().await.map_err(refused)?;
        let applied = Machine::place_of(&machine.engine().view()).map_err(failed)?;
        drop(machine);
        let begin = asked.after.map_or(applied, LogIndex);
        if begin > applied {
            let message = format!(
                "volume {:?} is at index {} and was never at {}",
                asked.volume, applied.0, begin.0
            );
            return Err(Status::invalid_argument(message));
        }
        let remembered = group.store().changes_between(begin, begin);
        remembered.map_err(forgotten)?;
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            Status::resource_exhausted(format!("{WATCHERS_MAX} watch on the node already"))
        })?;
        let (parts, told) = mpsc::channel(PARTS_MAX);
        let watcher = Watcher {
            group,
            path: asked.path,
            told: begin,
            parts,
            heard: Instant::now(),
            _place: place,
        };
        // It ends by itself: when nobody takes the parts, or there are no more.
        drop(tokio::spawn(watcher.follow(self.stopping.clone())));
        let stream = futures_util::stream::unfold(told, |mut told| async move {
            told.recv().await.map(|part| (part, told))
        });
        Ok(Response::new(Box::pin(stream)))
    }
}

/// Somebody who watches.
struct Watcher {
    group: Arc<Group>,
    /// From the root on.
    path: Bytes,
    /// What came up to here was told.
    told: LogIndex,
    parts: mpsc::Sender<Result<WatchPart, Status>>,
    heard: Instant,
    _place: OwnedSemaphorePermit,
}

impl Watcher {
    async fn follow(mut self, mut stopping: watch::Receiver<bool>) {
        let ended = tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => Status::unavailable("the node stops"),
            ended = self.tell_all() => match ended {
                Ok(()) => return,
                Err(status) => status,
            },
        };
        drop(tokio::time::timeout(STALL, self.parts.send(Err(ended))).await);
    }

    /// Until nobody takes it any more.
    async fn tell_all(&mut self) -> Result<(), Status> {
        let mut applied = self.group.store().on_applied();
        if !self.send(Vec::new()).await {
            return Ok(());
        }
        loop {
            let is_new = *applied.borrow_and_update() > self.told;
            if is_new && !self.tell_new().await? {
                return Ok(());
            }
            let next = tokio::time::timeout(SIGN, applied.changed());
            let next = tokio::select! {
                () = self.parts.closed() => return Ok(()),
                next = next => next,
            };
            match next {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(Status::unavailable("the group has stopped")),
                Err(_) => {
                    let leads = self.group.read().await;
                    leads.map(drop).map_err(refused)?;
                    if !self.send(Vec::new()).await {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Tells what was applied since; answers whether it was taken.
    async fn tell_new(&mut self) -> Result<bool, Status> {
        let (group, path, told) = (Arc::clone(&self.group), self.path.clone(), self.told);
        let found = tokio::task::spawn_blocking(move || look(&group, &path, told)).await;
        let (through, changes) = found.map_err(|error| Status::internal(error.to_string()))??;
        let mut part: Vec<WatchedChange> = Vec::new();
        for change in changes {
            if part.len() >= PART_CHANGES
                && let Some(last) = part.last().map(|last| LogIndex(last.index))
                && last.0 != change.index
            {
                self.told = last;
                if !self.send(std::mem::take(&mut part)).await {
                    return Ok(false);
                }
            }
            part.push(change);
        }
        self.told = through;
        // What is elsewhere in the volume is no news, but now and then a sign of life.
        let is_news = !part.is_empty() || self.heard.elapsed() >= SIGN;
        Ok(!is_news || self.send(part).await)
    }

    /// Answers whether it was taken.
    async fn send(&mut self, changes: Vec<WatchedChange>) -> bool {
        let part = WatchPart {
            index: self.told.0,
            changes,
        };
        let sent = tokio::time::timeout(STALL, self.parts.send(Ok(part))).await;
        self.heard = Instant::now();
        matches!(sent, Ok(Ok(())))
    }
}

/// What happened behind a place, to the path or below it, and up to where; blocks.
fn look(
    group: &Group,
    path: &[u8],
    after: LogIndex,
) -> Result<(LogIndex, Vec<WatchedChange>), Status> {
    let store = group.store();
    let machine = store.machine();
    let view = machine.engine().view();
    let through = Machine::place_of(&view).map_err(failed)?;
    // The changes that led to what is seen are noted a moment after it is.
    let mut applied = store.on_applied();
    let noted = Handle::current().block_on(applied.wait_for(|applied| *applied >= through));
    drop(noted.map_err(|_| Status::unavailable("the group has stopped"))?);
    let changes = store.changes_between(after, through).map_err(forgotten)?;
    let mut paths = Paths::new(&view);
    let mut told = Vec::new();
    for recent in changes.iter().rev() {
        let change = tell(&mut paths, recent).map_err(failed)?;
        paths.undo(&recent.change).map_err(failed)?;
        if is_at(path, &change.path) || is_at(path, &change.from) {
            told.push(change);
        }
    }
    told.reverse();
    Ok((through, told))
}

fn tell(paths: &mut Paths<'_>, recent: &RecentChange) -> Result<WatchedChange, Fault> {
    let change = &recent.change;
    let (path, from) = match &change.happened {
        Happened::Made(name) | Happened::Linked(name) | Happened::Removed(name) => {
            (paths.of_name(name)?, None)
        }
        Happened::Renamed { from, to } | Happened::Exchanged { from, to, .. } => {
            (paths.of_name(to)?, paths.of_name(from)?)
        }
        Happened::Content | Happened::Attributes => (paths.of(change.ino)?, None),
    };
    Ok(watched_change(
        (recent.index, recent.time),
        change,
        path,
        from,
    ))
}

/// Whether a path is this one or below it. One that is not known may be anywhere.
fn is_at(watched: &[u8], path: &[u8]) -> bool {
    let watched = watched.strip_suffix(b"/").unwrap_or(watched);
    let rest = path.strip_prefix(watched);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is the end of an error, as map_err wants it"
)]
fn failed(fault: Fault) -> Status {
    Status::data_loss(fault.to_string())
}

fn forgotten(Forgotten { since }: Forgotten) -> Status {
    Status::out_of_range(format!(
        "not all changes since then are remembered, only those after index {}",
        since.0
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_watched_with_what_is_below_it() {
        assert!(is_at(b"/", b"/a"));
        assert!(is_at(b"", b"/a"));
        assert!(is_at(b"/", b"/"));
        assert!(is_at(b"/a", b"/a/b"));
        assert!(is_at(b"/a/", b"/a"));
        assert!(!is_at(b"/a", b"/ab"));
        assert!(!is_at(b"/a/b", b"/a"));
        assert!(is_at(b"/", b""));
        assert!(!is_at(b"/a", b""));
    }
}
