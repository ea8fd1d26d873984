//! The state machine: batches of commands in, outcomes out.
//!
//! **Invariant.** The state after a batch is a function of the state before it and of the batch. The
//! volume record, which carries the position in the log, changes in the same engine batch as the
//! effects, so that a crash never separates the two.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError, TryLockError};

use bytes::Bytes;

use crate::apply;
use crate::change::Change;
use crate::command::Command;
use crate::copies::{Record, Recorder, Touches, Witness};
use crate::fault::Fault;
use crate::idempotency::{self, Admission};
use crate::inode_cache::{CachedView, InodeCache};
use crate::keys;
use crate::news::News;
use crate::ops::{Context, Stop};
use crate::outcome::{Outcome, PosixError, Reply};
use crate::queries;
use crate::query::Query;
use crate::quota::{self, Ledger};
use crate::record::{
    DirectoryBody, Inode, InodeBody, LoadProgress, Places, PositionRecord, Trash, Volume,
};
use crate::squash;
use crate::store::{Batch, Engine, Overlay, Transaction, View};
use crate::trash;
use crate::types::{
    Cookie, InodeFlags, InodeId, LogIndex, Mode, OwnerCount, Position, SessionId, Timestamp,
};

/// What a new volume begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Random, so that file handles of another volume are told apart.
    pub generation: u32,
    /// The time of the root directory.
    pub now: Timestamp,
    /// Owner of the root directory.
    pub uid: u32,
    /// Group of the root directory.
    pub gid: u32,
    /// Permission bits of the root directory.
    pub mode: Mode,
    /// It is nothing before a dump was loaded into it.
    pub awaits_load: bool,
}

impl Format {
    /// With a root directory that belongs to root, and that everybody may read.
    pub const fn of_root(generation: u32, now: Timestamp) -> Format {
        Format {
            generation,
            now,
            uid: 0,
            gid: 0,
            mode: Mode::new(0o755),
            awaits_load: false,
        }
    }
}

/// What one batch answered and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// One a command, in their order.
    pub outcomes: Vec<Outcome>,
    /// In the order in which it came about.
    pub news: Vec<News>,
    /// The same of what is told to who watches, with the number of the command that did it.
    pub changes: Vec<(usize, Change)>,
}

/// The state of a volume in an engine.
#[derive(Debug)]
pub struct StateMachine<E> {
    engine: E,
    /// The volume record as of the last commit; the lock makes apply sequential.
    volume: Mutex<Volume>,
    inodes: InodeCache,
}

impl<E: Engine> StateMachine<E> {
    /// Opens the volume in the engine, or makes one when the engine is empty.
    pub fn open(engine: E, format: Format) -> Result<StateMachine<E>, Fault> {
        let stored = load_volume(&engine.view())?;
        let volume = match stored {
            Some(volume) => volume,
            None => make_volume(&engine, format)?,
        };
        Ok(StateMachine {
            engine,
            volume: Mutex::new(volume),
            inodes: InodeCache::new(),
        })
    }

    /// The last batch that was applied.
    pub fn applied(&self) -> LogIndex {
        self.volume
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .applied
    }

    /// Applies one batch at a position in the log; one outcome a command, in their order.
    ///
    /// A batch at or below [`StateMachine::applied`] is a fault: the caller lost its place.
    pub fn apply(&self, index: LogIndex, commands: &[Command]) -> Result<Vec<Outcome>, Fault> {
        let mut volume = self.volume.lock().unwrap_or_else(PoisonError::into_inner);
        check_order(volume.applied, index)?;
        let applied = self.apply_locked(&mut volume, (index, None), commands, Listeners::NONE)?;
        Ok(applied.outcomes)
    }

    /// The same, and keeps what the position says in the same write. There may be no command. Who
    /// applies in this way hears the news too.
    pub fn apply_at(&self, position: Position, commands: &[Command]) -> Result<Applied, Fault> {
        self.apply_before(position, commands, None)
    }

    /// The same before a witness, which hears what is changed before anybody can see it.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a position is made for one batch"
    )]
    pub fn apply_before(
        &self,
        position: Position,
        commands: &[Command],
        witness: Option<&dyn Witness>,
    ) -> Result<Applied, Fault> {
        let mut volume = self.volume.lock().unwrap_or_else(PoisonError::into_inner);
        check_order(volume.applied, position.index)?;
        let place = (position.index, Some(&position.record));
        let listeners = Listeners {
            witness,
            may_watch: true,
        };
        self.apply_locked(&mut volume, place, commands, listeners)
    }

    /// What the last position said; nothing when there was none.
    pub fn position(&self) -> Result<Option<Bytes>, Fault> {
        load_position(&self.engine.view())
    }

    /// Applies one batch at the next position in the log.
    pub fn apply_next(&self, commands: &[Command]) -> Result<Vec<Outcome>, Fault> {
        let mut volume = self.volume.lock().unwrap_or_else(PoisonError::into_inner);
        let index = volume.applied.next();
        let applied = self.apply_locked(&mut volume, (index, None), commands, Listeners::NONE)?;
        Ok(applied.outcomes)
    }

    fn apply_locked(
        &self,
        volume: &mut Volume,
        (index, note): (LogIndex, Option<&Bytes>),
        commands: &[Command],
        Listeners { witness, may_watch }: Listeners<'_>,
    ) -> Result<Applied, Fault> {
        let mut overlay = Overlay::new(CachedView::of_writer(self.engine.latest(), &self.inodes));
        let mut next = *volume;
        next.applied = index;
        let mut told = Told {
            news: Vec::new(),
            changes: may_watch.then(Vec::new),
        };
        let mut changes = Vec::new();
        let witness = witness.filter(|witness| witness.listens());
        let mut touches = witness.map(|_| Touches::default());
        let mut outcomes = Vec::with_capacity(commands.len());
        for (number, command) in commands.iter().enumerate() {
            outcomes.push(run(&mut overlay, &mut next, &mut told, command)?);
            let told = told.changes.iter_mut().flat_map(|told| told.drain(..));
            changes.extend(told.map(|change| (number, change)));
            if let Some(touches) = &mut touches {
                touches.note(overlay.current(), command.request.map(|id| id.session));
            }
            overlay.accept();
        }
        overlay.put(keys::volume(), next.encode());
        if let Some(note) = note {
            overlay.put(keys::position(), PositionRecord::encode(note));
        }
        overlay.accept();
        let batch = overlay.into_batch();
        if let (Some(witness), Some(touches)) = (witness, &touches)
            && !touches.is_empty()
        {
            witness.touched(touches, &batch);
        }
        self.inodes
            .commit(batch, |batch| self.engine.commit(batch))?;
        *volume = next;
        Ok(Applied {
            outcomes,
            news: told.news,
            changes,
        })
    }

    /// Answers a query from the state after the last batch whose apply returned.
    pub fn query(&self, query: &Query) -> Result<Result<Reply, PosixError>, Fault> {
        let answer = match self.query_undisturbed(query) {
            Some(answer) => answer,
            None => queries::answer(&self.engine.view(), query),
        };
        match answer {
            Ok(reply) => Ok(Ok(reply)),
            Err(Stop::Posix(error) | Stop::PosixChanged(error)) => Ok(Err(error)),
            Err(Stop::Fault(fault)) => Err(fault),
        }
    }

    /// Answers a query while nothing is applied, and gives away the records it has read before anything is.
    pub fn query_and_keep(
        &self,
        query: &Query,
        keep: impl FnOnce(Vec<Record>),
    ) -> Result<Result<Reply, PosixError>, Fault> {
        let _at_rest = self.volume.lock().unwrap_or_else(PoisonError::into_inner);
        let view = Recorder::new(CachedView::of_reader(self.engine.latest(), &self.inodes));
        let answer = crate::copies::answer(&view, query);
        keep(view.into_records());
        answer
    }

    /// Whether all there is to be of it is there: false until a dump it was made for is loaded, and from then on true.
    pub fn is_whole(&self) -> bool {
        let volume = self.volume.lock().unwrap_or_else(PoisonError::into_inner);
        volume.load.is_none()
    }

    /// Whether something in the trash was kept for long enough, or an hour has begun.
    pub fn is_trash_due(&self, now: Timestamp) -> Result<bool, Fault> {
        match self.trash() {
            Some(kept) if trash::hour_of(now) > kept.hour => Ok(true),
            Some(kept) => Ok(!trash::over(&self.engine.latest(), kept, now)?.is_empty()),
            None => Ok(false),
        }
    }

    /// Where it keeps what is removed, and for how long.
    pub fn trash(&self) -> Option<Trash> {
        let volume = self.volume.lock().unwrap_or_else(PoisonError::into_inner);
        volume.trash
    }

    /// Whether something is being applied.
    pub fn is_busy(&self) -> bool {
        matches!(self.volume.try_lock(), Err(TryLockError::WouldBlock))
    }

    /// Answers a short query without a snapshot of the store, if nothing is committed meanwhile.
    fn query_undisturbed(&self, query: &Query) -> Option<Result<Reply, Stop>> {
        let version = self.inodes.version().filter(|_| query.is_short())?;
        let view = CachedView::of_reader(self.engine.latest(), &self.inodes);
        let answer = queries::answer(&view, query);
        self.inodes.is_at(version).then_some(answer)
    }

    /// Whether the session may send commands.
    pub fn has_session(&self, session: SessionId) -> Result<bool, Fault> {
        self.engine.latest().contains(&keys::session(session))
    }

    /// Where the state is kept.
    pub fn engine(&self) -> &E {
        &self.engine
    }
}

/// The volume record of a state, if there is one.
pub(crate) fn load_volume(view: &(impl View + ?Sized)) -> Result<Option<Volume>, Fault> {
    let bytes = view.get(&keys::volume())?;
    bytes.map(|bytes| Volume::decode(&bytes)).transpose()
}

/// What the last position in the log said.
pub fn load_position(view: &impl View) -> Result<Option<Bytes>, Fault> {
    let mut note = Ok(None);
    view.with_value(&keys::position(), &mut |bytes| {
        note = PositionRecord::decode(bytes).map(|note| Some(Bytes::copy_from_slice(note)));
    })?;
    note
}

/// A batch comes after all that were applied, or the caller has lost its place.
pub(crate) fn check_order(applied: LogIndex, index: LogIndex) -> Result<(), Fault> {
    if index > applied {
        return Ok(());
    }
    let detail = format!("batch {} after batch {}", index.0, applied.0);
    Err(Fault::corrupt("log", detail))
}

/// Who hears of a batch besides those who wait for its outcomes.
#[derive(Clone, Copy)]
struct Listeners<'a> {
    witness: Option<&'a dyn Witness>,
    /// What it changes is told, too.
    may_watch: bool,
}

impl Listeners<'_> {
    const NONE: Listeners<'static> = Listeners {
        witness: None,
        may_watch: false,
    };
}

/// What commands have told besides their outcomes.
struct Told {
    news: Vec<News>,
    /// Of the command that runs, if it is asked for.
    changes: Option<Vec<Change>>,
}

/// Runs one command, whose changes the caller accepts; a refused one leaves no trace but its idempotency record, unless it
/// says so itself.
fn run<V: View>(
    overlay: &mut Overlay<V>,
    volume: &mut Volume,
    told: &mut Told,
    command: &Command,
) -> Result<Outcome, Fault> {
    if volume.load.is_some() && !command.operation.is_for_loading() {
        return Ok(Err(PosixError::NotPermitted));
    }
    let admission = idempotency::admit(overlay, command)?;
    if let Admission::Answered(outcome) = admission {
        return Ok(outcome);
    }
    let mut changed = *volume;
    let ledger = Ledger::of(volume);
    let news_before = told.news.len();
    let mut context = Context {
        state: overlay,
        volume: &mut changed,
        now: command.now,
        credentials: &command.credentials,
        request: command.request,
        news: &mut told.news,
        changes: told.changes.as_mut(),
        ledger,
    };
    let may = if command.squashed {
        squash::check_operation(&context, &command.operation)
    } else {
        Ok(())
    };
    let applied = may
        .and_then(|()| apply::apply(&mut context, &command.operation))
        .and_then(|answer| quota::settle(&mut context).map(|()| answer));
    let outcome = match applied {
        Ok(answer) => {
            *volume = changed;
            Ok(answer)
        }
        Err(Stop::PosixChanged(error)) => {
            *volume = changed;
            Err(error)
        }
        Err(Stop::Posix(error)) => {
            overlay.reject();
            told.news.truncate(news_before);
            if let Some(changes) = &mut told.changes {
                changes.clear();
            }
            Err(error)
        }
        Err(Stop::Fault(fault)) => return Err(fault),
    };
    if let Admission::RunOnce(place) = admission {
        idempotency::remember(overlay, place, &outcome)?;
    }
    Ok(outcome)
}

/// A store without its first record is new, or what a restore left that did not come to its end.
pub(crate) fn check_empty(view: &impl View, first_record: &str) -> Result<(), Fault> {
    let mut key = None;
    view.scan(&[], &[u8::MAX], &mut |first, _| {
        key = Some(first.escape_ascii().to_string());
        Ok(ControlFlow::Break(()))
    })?;
    match key {
        None => Ok(()),
        Some(key) => Err(Fault::corrupt(
            first_record,
            format!("missing from a store that has other keys ({key})"),
        )),
    }
}

fn make_volume(engine: &impl Engine, format: Format) -> Result<Volume, Fault> {
    check_empty(&engine.view(), "volume record")?;
    let volume = Volume {
        generation: format.generation,
        applied: LogIndex::default(),
        next_inode: InodeId::ROOT.get() + 1,
        next_block: 1,
        inodes: 1,
        allocated: 0,
        owners: OwnerCount::Off,
        trash: None,
        load: format.awaits_load.then(LoadProgress::default),
    };
    let root = Inode {
        mode: format.mode,
        flags: InodeFlags::default(),
        uid: format.uid,
        gid: format.gid,
        nlink: 2,
        generation: format.generation,
        device: 0,
        project: 0,
        xattrs: 0,
        size: 0,
        allocated: 0,
        atime: format.now,
        mtime: format.now,
        ctime: format.now,
        btime: format.now,
        tree: None,
        places: Places::default(),
        body: InodeBody::Directory(DirectoryBody {
            parent: InodeId::ROOT,
            next_cookie: Cookie::FIRST,
        }),
    };
    let mut batch = Batch::default();
    batch.set(keys::volume(), Some(volume.encode()));
    batch.set(keys::inode(InodeId::ROOT), Some(root.encode()));
    engine.commit(batch)?;
    engine.sync()?;
    Ok(volume)
}

#[cfg(test)]
mod tests;
