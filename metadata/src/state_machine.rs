//! The state machine: batches of commands in, outcomes out.
//!
//! **Invariant.** The state after a batch is a function of the state before it and of the batch. The
//! volume record, which carries the position in the log, changes in the same engine batch as the
//! effects, so that a crash never separates the two.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use crate::apply;
use crate::command::Command;
use crate::fault::Fault;
use crate::idempotency;
use crate::inode_cache::{CachedView, InodeCache};
use crate::keys;
use crate::ops::{Context, Stop};
use crate::outcome::{Outcome, PosixError, Reply};
use crate::queries;
use crate::query::Query;
use crate::record::{DirectoryBody, Inode, InodeBody, Volume};
use crate::store::{Batch, Engine, Overlay, Transaction, View};
use crate::types::{Cookie, InodeFlags, InodeId, LogIndex, Mode, Timestamp};

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
        if index <= volume.applied {
            return Err(Fault::corrupt(
                "log",
                format!("batch {} after batch {}", index.0, volume.applied.0),
            ));
        }
        self.apply_locked(&mut volume, index, commands)
    }

    /// Applies one batch at the next position in the log.
    pub fn apply_next(&self, commands: &[Command]) -> Result<Vec<Outcome>, Fault> {
        let mut volume = self.volume.lock().unwrap_or_else(PoisonError::into_inner);
        let index = volume.applied.next();
        self.apply_locked(&mut volume, index, commands)
    }

    fn apply_locked(
        &self,
        volume: &mut Volume,
        index: LogIndex,
        commands: &[Command],
    ) -> Result<Vec<Outcome>, Fault> {
        let mut overlay = Overlay::new(CachedView::of_writer(self.engine.latest(), &self.inodes));
        let mut next = *volume;
        next.applied = index;
        let outcomes = commands
            .iter()
            .map(|command| run(&mut overlay, &mut next, command))
            .collect::<Result<Vec<Outcome>, Fault>>()?;
        overlay.put(keys::volume(), next.encode());
        overlay.accept();
        let batch = overlay.into_batch();
        self.inodes
            .commit(batch, |batch| self.engine.commit(batch))?;
        *volume = next;
        Ok(outcomes)
    }

    /// Answers a query from the state after the last batch whose apply returned.
    pub fn query(&self, query: &Query) -> Result<Result<Reply, PosixError>, Fault> {
        let answer = match self.query_undisturbed(query) {
            Some(answer) => answer,
            None => queries::answer(&self.engine.view(), query),
        };
        match answer {
            Ok(reply) => Ok(Ok(reply)),
            Err(Stop::Posix(error)) => Ok(Err(error)),
            Err(Stop::Fault(fault)) => Err(fault),
        }
    }

    /// Answers a short query without a snapshot of the store, if nothing is committed meanwhile.
    fn query_undisturbed(&self, query: &Query) -> Option<Result<Reply, Stop>> {
        let version = self.inodes.version().filter(|_| query.is_short())?;
        let view = CachedView::of_reader(self.engine.latest(), &self.inodes);
        let answer = queries::answer(&view, query);
        self.inodes.is_at(version).then_some(answer)
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

/// Runs one command; a refused one leaves no trace but its idempotency record.
fn run<V: View>(
    overlay: &mut Overlay<V>,
    volume: &mut Volume,
    command: &Command,
) -> Result<Outcome, Fault> {
    if let Some(request) = command.request
        && let Some(outcome) = idempotency::recall(overlay, request)?
    {
        return Ok(outcome);
    }
    let mut changed = *volume;
    let mut context = Context {
        state: overlay,
        volume: &mut changed,
        now: command.now,
        credentials: &command.credentials,
    };
    let outcome = match apply::apply(&mut context, &command.operation) {
        Ok(answer) => {
            *volume = changed;
            Ok(answer)
        }
        Err(Stop::Posix(error)) => {
            overlay.reject();
            Err(error)
        }
        Err(Stop::Fault(fault)) => return Err(fault),
    };
    if let Some(request) = command.request {
        idempotency::remember(overlay, request, &outcome)?;
    }
    overlay.accept();
    Ok(outcome)
}

/// A store without a volume record is new, or what a restore left that did not come to its end.
fn check_empty(view: &impl View) -> Result<(), Fault> {
    let mut key = None;
    view.scan(&[], &[u8::MAX], &mut |first, _| {
        key = Some(first.escape_ascii().to_string());
        Ok(ControlFlow::Break(()))
    })?;
    match key {
        None => Ok(()),
        Some(key) => Err(Fault::corrupt(
            "volume record",
            format!("missing from a store that has other keys ({key})"),
        )),
    }
}

fn make_volume(engine: &impl Engine, format: Format) -> Result<Volume, Fault> {
    check_empty(&engine.view())?;
    let volume = Volume {
        generation: format.generation,
        applied: LogIndex::default(),
        next_inode: InodeId::ROOT.get() + 1,
        next_block: 1,
        inodes: 1,
        allocated: 0,
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
