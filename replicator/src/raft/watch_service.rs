//! Tells what changes in a volume: the gRPC side of `holdfast watch` (decision 26). The node that leads the volume does it.
//!
//! **Why nothing is silent.** A leader that was cut off applies nothing more and would tell nothing more. So it makes sure that it leads every
//! [`SIGN`], and ends the stream when it does not; who watches looks for the next one, and goes on behind what it has heard.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use holdfast_metadata::record::Dentry;
use holdfast_metadata::store::View;
use holdfast_metadata::{Engine, Fault, Happened, InodeId, LogIndex, Paths, keys};
use holdfast_proto::identity::Identity;
use holdfast_proto::watch_server::Watch;
use holdfast_proto::{Happening, WatchPart, WatchRequest, WatchedChange, watched_change};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use super::gate::CallerRights;
use super::group::Group;
use super::machine::{Forgotten, Machine, RecentChange};
use super::registry::Registry;
use super::volume_service::{find_volume, refused};

/// Who may look at a state at a time: what is found is in memory until it is taken.
const LOOKS_MAX: usize = 4;
/// Changes of one look and of one part, and those of the last index.
const PART_CHANGES: usize = 512;
/// Parts that wait for the client.
const PARTS_MAX: usize = 1;
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
    looks: Arc<Semaphore>,
}

impl WatchService {
    /// Who watches is let go when `stopping` becomes true.
    pub(crate) fn new(
        registry: Registry,
        identity: Identity,
        stopping: watch::Receiver<bool>,
    ) -> WatchService {
        let watchers_max = registry.options().limits.watchers;
        WatchService {
            registry,
            identity,
            stopping,
            places: Arc::new(Semaphore::new(watchers_max)),
            looks: Arc::new(Semaphore::new(LOOKS_MAX)),
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
        caller.check_all()?;
        if self.registry.options().changes == 0 {
            return Err(Status::failed_precondition(
                "this node remembers no changes: [node] changes is 0 in its settings",
            ));
        }
        let volume = find_volume(&self.registry, &asked.volume)?;
        let group = Arc::clone(volume.group());
        let number = group.id().0;
        if asked.number.is_some_and(|meant| meant != number) {
            let message = format!("volume {:?} was deleted and made anew", asked.volume);
            return Err(Status::not_found(message));
        }
        let machine = group.read().await.map_err(refused)?;
        if !volume.is_whole() {
            let message = format!("volume {:?} is being loaded", asked.volume);
            return Err(Status::failed_precondition(message));
        }
        let view = machine.engine().view();
        let applied = Machine::place_of(&view).map_err(failed)?;
        let is_there = is_there(&view, &asked.path).map_err(failed)?;
        drop(view);
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
            let most = self.registry.options().limits.watchers;
            Status::resource_exhausted(format!("{most} watch on the node already"))
        })?;
        let (parts, told) = mpsc::channel(PARTS_MAX);
        let watcher = Watcher {
            group,
            path: asked.path,
            told: begin,
            first: Some((number, is_there)),
            looks: Arc::clone(&self.looks),
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
    /// What the first part says.
    first: Option<(u64, bool)>,
    looks: Arc<Semaphore>,
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

    /// Tells what was applied since, a part at a time; answers whether it was taken.
    async fn tell_new(&mut self) -> Result<bool, Status> {
        loop {
            let (group, path, told) = (Arc::clone(&self.group), self.path.clone(), self.told);
            let Ok(look) = Arc::clone(&self.looks).acquire_owned().await else {
                return Ok(false);
            };
            let found = tokio::task::spawn_blocking(move || look_behind(&group, &path, told)).await;
            let found = found.map_err(|error| Status::internal(error.to_string()))??;
            self.told = found.through;
            // What is elsewhere in the volume is no news, but now and then a sign of life.
            let is_news = !found.changes.is_empty() || self.heard.elapsed() >= SIGN;
            // Who takes nothing keeps nobody else from looking.
            drop(look);
            if is_news && !self.send(found.changes).await {
                return Ok(false);
            }
            if found.is_last {
                return Ok(true);
            }
        }
    }

    /// Answers whether it was taken.
    async fn send(&mut self, changes: Vec<WatchedChange>) -> bool {
        let (number, is_there) = self.first.take().unwrap_or_default();
        let part = WatchPart {
            index: self.told.0,
            changes,
            number,
            is_there,
        };
        let sent = tokio::time::timeout(STALL, self.parts.send(Ok(part))).await;
        self.heard = Instant::now();
        matches!(sent, Ok(Ok(())))
    }
}

/// Some of what happened behind a place.
struct Found {
    /// Up to here.
    through: LogIndex,
    changes: Vec<WatchedChange>,
    /// What was applied since is not looked at yet.
    is_last: bool,
}

/// The first that happened behind a place, as far as it is about the path; blocks.
fn look_behind(group: &Group, path: &[u8], after: LogIndex) -> Result<Found, Status> {
    let store = group.store();
    let machine = store.machine();
    let view = machine.engine().view();
    let at = Machine::place_of(&view).map_err(failed)?;
    // The changes that led to what is seen are noted a moment after it is.
    let mut applied = store.on_applied();
    let noted = Handle::current().block_on(applied.wait_for(|applied| *applied >= at));
    drop(noted.map_err(|_| Status::unavailable("the group has stopped"))?);
    let changes = store.changes_between(after, at).map_err(forgotten)?;
    let end = end_of_part(&changes);
    let (part, later) = changes.split_at(end);
    let mut paths = Paths::new(&view);
    for recent in later.iter().rev() {
        paths.undo(&recent.change);
    }
    let mut told = Vec::new();
    for recent in part.iter().rev() {
        let change = tell(&mut paths, recent).map_err(failed)?;
        paths.undo(&recent.change);
        if is_about(path, &change) {
            told.push(change);
        }
    }
    told.reverse();
    Ok(Found {
        through: match part.last() {
            Some(last) if !later.is_empty() => last.index,
            Some(_) | None => at,
        },
        changes: told,
        is_last: later.is_empty(),
    })
}

/// How many changes make a part: those of one index stay together.
fn end_of_part(changes: &[Arc<RecentChange>]) -> usize {
    let last = changes.get(PART_CHANGES - 1).map(|last| last.index);
    last.map_or(changes.len(), |last| {
        changes.partition_point(|change| change.index <= last)
    })
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

/// Whether a change is to be told to who watches a path. What is not known where may be there.
fn is_about(watched: &[u8], change: &WatchedChange) -> bool {
    let watched = watched.strip_suffix(b"/").unwrap_or(watched);
    let moves = matches!(change.happened(), Happening::Renamed | Happening::Exchanged);
    let is_about = |path: &[u8]| {
        // What is above it takes it along.
        path.is_empty() || is_at(watched, path) || (moves && is_at(path, watched))
    };
    is_about(&change.path) || (moves && is_about(&change.from))
}

/// Whether a path is this one or below it.
fn is_at(above: &[u8], path: &[u8]) -> bool {
    let rest = path.strip_prefix(above);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// Whether there is anything under a path.
fn is_there(view: &dyn View, path: &[u8]) -> Result<bool, Fault> {
    let mut directory = InodeId::ROOT;
    for name in path
        .split(|byte| *byte == b'/')
        .filter(|name| !name.is_empty())
    {
        let Some(dentry) = view.get(&keys::dentry(directory, name))? else {
            return Ok(false);
        };
        directory = Dentry::decode(&dentry)?.ino;
    }
    Ok(true)
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
    use holdfast_metadata::{Change, FileKind, Timestamp, Was};

    use super::*;

    fn is_about(watched: &str, happened: Happening, path: &str, from: &str) -> bool {
        let change = WatchedChange {
            happened: happened.into(),
            path: path.to_owned().into(),
            from: from.to_owned().into(),
            ..WatchedChange::default()
        };
        super::is_about(watched.as_bytes(), &change)
    }

    #[test]
    fn a_path_is_watched_with_what_is_below_it() {
        let made = |watched, path| is_about(watched, Happening::Made, path, "");
        assert!(made("/", "/a") && made("", "/a") && made("/", "/"));
        assert!(made("/a", "/a/b") && made("/a/", "/a"));
        assert!(!made("/a", "/ab") && !made("/a/b", "/a"));
        // It may be anywhere.
        assert!(made("/a", ""));
    }

    #[test]
    fn what_moves_a_path_from_above_is_about_it() {
        let moved = |watched, path, from| is_about(watched, Happening::Renamed, path, from);
        assert!(moved("/a/b", "/c", "/a") && moved("/a/b", "/a", "/c"));
        assert!(moved("/a/b", "/a/b/c", "/d") && moved("/a/b", "/d", "/a/b/c"));
        assert!(!moved("/a/b", "/c", "/d") && !moved("/a/b", "/a/c", "/a/d"));
        assert!(is_about("/a/b", Happening::Exchanged, "/c", "/a"));
        assert!(!is_about("/a/b", Happening::Removed, "/a", ""));
    }

    #[test]
    fn the_changes_of_an_index_are_in_one_part() {
        let change = |index| {
            Arc::new(RecentChange {
                index: LogIndex(index),
                time: Timestamp::default(),
                change: Change {
                    ino: InodeId::ROOT,
                    kind: FileKind::Directory,
                    happened: Happened::Attributes,
                    was: Was::Otherwise,
                },
            })
        };
        let few: Vec<_> = (0..10).map(change).collect();
        assert_eq!(end_of_part(&few), 10);
        let first = (0..PART_CHANGES as u64 - 1).map(change);
        let same = (0..5).map(|_| change(5000));
        let many: Vec<_> = first.chain(same).chain([change(5001)]).collect();
        assert_eq!(end_of_part(&many), PART_CHANGES + 4);
    }
}
