//! Locks a range, or waits for it.

use std::collections::BTreeSet;

use super::{Context, Stop};
use crate::command::SetLock;
use crate::lock::{Holder, TableId, Tables};
use crate::outcome::{Answer, PosixError};
use crate::record::WaiterRecord;
use crate::types::{LockRange, LockSpace, SessionId};

pub(crate) fn apply(context: &mut Context<'_>, set: &SetLock) -> Result<Answer, Stop> {
    let request = context.request()?;
    let range = range_in(set.space, set.range)?;
    context.inode(set.ino)?;
    let waiter = WaiterRecord {
        mode: set.mode,
        session: request.session,
        sequence: request.sequence,
        owner: set.owner,
        range,
        process: set.process,
        since: context.now,
    };
    let table = TableId {
        ino: set.ino,
        space: set.space,
    };
    context.change_locks(|tables| {
        if may_lock(tables, table, &waiter, set.wait)? {
            lock(tables, table, &waiter)
        } else if set.wait {
            wait(tables, table, waiter)
        } else {
            refuse(tables, table, waiter.want().holder)
        }
    })
}

/// The bytes that are meant.
pub(crate) fn range_in(space: LockSpace, range: LockRange) -> Result<LockRange, PosixError> {
    match space {
        LockSpace::Posix => {
            LockRange::new(range.start, range.end).ok_or(PosixError::InvalidArgument)
        }
        LockSpace::Flock => Ok(LockRange::WHOLE),
    }
}

/// Whether it gets the lock at once: what it has at least as strongly already; else if nothing is in the
/// way that is held, and, for those who would wait their turn, nobody who came earlier.
fn may_lock(
    tables: &mut Tables<'_>,
    id: TableId,
    waiter: &WaiterRecord,
    wait: bool,
) -> Result<bool, Stop> {
    let table = tables.table(id)?;
    let want = waiter.want();
    if table.covers(want) {
        return Ok(true);
    }
    let is_free = table.in_the_way(want).next().is_none();
    Ok(is_free && (!wait || tables.may_pass_all(id, waiter)?))
}

fn lock(tables: &mut Tables<'_>, id: TableId, waiter: &WaiterRecord) -> Result<Answer, Stop> {
    let want = waiter.want();
    tables
        .table(id)?
        .set(want, waiter.process, waiter.since, None);
    check_limit(tables, waiter.session)?;
    tables.settle_after(id, want)?;
    Ok(Answer::Locked)
}

fn wait(tables: &mut Tables<'_>, id: TableId, waiter: WaiterRecord) -> Result<Answer, Stop> {
    let holder = waiter.want().holder;
    let mut changed = BTreeSet::new();
    if give_up(tables, id, holder)? {
        changed.insert(id);
    }
    let place = tables.enqueue(id, waiter)?;
    check_limit(tables, waiter.session)?;
    if id.space == LockSpace::Posix && tables.is_deadlock(place, holder)? {
        return Err(PosixError::Deadlock.into());
    }
    changed.extend(tables.changed_by_wait(place)?);
    tables.settle(changed)?;
    Ok(Answer::Waiting)
}

/// What does not get the lock and does not wait.
fn refuse(tables: &mut Tables<'_>, id: TableId, holder: Holder) -> Result<Answer, Stop> {
    if give_up(tables, id, holder)? {
        tables.settle(BTreeSet::from([id]))?;
        return Err(Stop::PosixChanged(PosixError::WouldBlock));
    }
    Err(PosixError::WouldBlock.into())
}

/// A conversion of `flock(2)` removes the lock there is before it asks for the other one: two that hold it
/// shared and both want it alone would else be in each other's way for ever.
fn give_up(tables: &mut Tables<'_>, id: TableId, holder: Holder) -> Result<bool, Stop> {
    match id.space {
        LockSpace::Posix => Ok(false),
        LockSpace::Flock => Ok(tables.table(id)?.cut(holder, LockRange::WHOLE)),
    }
}

/// Whether the session has not more than it may.
pub(crate) fn check_limit(tables: &mut Tables<'_>, session: SessionId) -> Result<(), Stop> {
    if tables.within_limit(session)? {
        return Ok(());
    }
    Err(PosixError::TooManyLocks.into())
}
