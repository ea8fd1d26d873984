//! Locks exclude each other as they should, belong to open sessions and existing inodes, and nobody waits
//! who need not.

use std::collections::{BTreeMap, BTreeSet};

use super::cursor::Cursor;
use super::report::Report;
use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::lock::{Place, Table, TableId, Tables, Want, held_as};
use crate::record::{LockCount, PendingRecord, TurnRecord, WaiterRecord};
use crate::store::View;
use crate::types::{InodeId, LockMode, SessionId, Turn};

/// Beyond it something else is wrong than a counter that is behind.
const TURN_MAX: Turn = Turn(1 << 62);

/// How many locks each session has on each inode.
type Counts = BTreeMap<(SessionId, InodeId), u64>;

pub(super) fn check(view: &dyn View, report: &mut Report<'_>) -> Result<(), Fault> {
    let mut counts = Counts::new();
    let mut last_turn = Turn(0);
    for id in tables(view, report)? {
        if !view.contains(&keys::inode(id.ino))? {
            report.add(|| format!("inode {} has locks but does not exist", id.ino));
        }
        // Of records that do not decode, the rule of records has told.
        let Some(table) = readable(view, id)? else {
            continue;
        };
        held(id, &table, report);
        for (session, number) in sessions(&table) {
            *counts.entry((session, id.ino)).or_default() += number;
        }
        for (turn, waiter) in &table.waiters {
            last_turn = last_turn.max(*turn);
            waiting(
                view,
                Place {
                    turn: *turn,
                    table: id,
                },
                waiter,
                report,
            )?;
        }
        granted(view, id, report)?;
    }
    pending(view, report)?;
    count(view, &counts, report)?;
    for session in counts
        .keys()
        .map(|(session, _)| *session)
        .collect::<BTreeSet<_>>()
    {
        if !view.contains(&keys::session(session))? {
            report.add(|| format!("session {} has locks but is not open", session.0));
        }
    }
    next_turn(view, last_turn, report)
}

/// Every table that has a lock or a waiter.
fn tables(view: &dyn View, report: &mut Report<'_>) -> Result<BTreeSet<TableId>, Fault> {
    let mut tables = BTreeSet::new();
    for prefix in [Prefix::Lock, Prefix::Waiter] {
        let mut entries = Cursor::new(view, prefix);
        while let Some((key, _)) = entries.next(report)? {
            let ino = keys::first_number(&key).map(InodeId::new);
            let table = ino.zip(keys::space_part(&key));
            tables.extend(table.map(|(ino, space)| TableId { ino, space }));
        }
    }
    Ok(tables)
}

fn readable(view: &dyn View, id: TableId) -> Result<Option<Table>, Fault> {
    match Tables::new(view).table(id) {
        Ok(table) => Ok(Some(table.clone())),
        Err(Fault::Corrupt { .. }) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Locks that are held exclude none of the others, and those of one owner have no byte in common.
fn held(id: TableId, table: &Table, report: &mut Report<'_>) {
    let mut locks: Vec<Want> = table
        .held
        .iter()
        .map(|(key, lock)| held_as(key, lock))
        .collect();
    locks.sort_by_key(|lock| lock.range.start);
    let mut before: Vec<Want> = Vec::new();
    for lock in locks {
        before.retain(|other| other.range.end >= lock.range.start);
        for other in &before {
            let alone = [lock.mode, other.mode].contains(&LockMode::Exclusive);
            if alone || other.holder == lock.holder {
                report.add(|| {
                    let (ino, space) = (id.ino, id.space);
                    format!("inode {ino}: {space:?} locks exclude each other: {other:?}, {lock:?}")
                });
            }
        }
        before.push(lock);
    }
}

fn sessions(table: &Table) -> BTreeMap<SessionId, u64> {
    let held = table.held.keys().map(|(holder, _)| holder.session);
    let waiting = table.waiters.values().map(|waiter| waiter.session);
    let mut sessions = BTreeMap::new();
    for session in held.chain(waiting) {
        *sessions.entry(session).or_default() += 1;
    }
    sessions
}

/// The request that waits is found under its session.
fn waiting(
    view: &dyn View,
    place: Place,
    waiter: &WaiterRecord,
    report: &mut Report<'_>,
) -> Result<(), Fault> {
    let pending = PendingRecord {
        ino: place.table.ino,
        space: place.table.space,
        turn: place.turn,
        owner: waiter.owner,
        process: waiter.process,
    };
    let noted = view.get(&keys::pending(waiter.session, waiter.sequence))?;
    if noted != Some(pending.encode()) {
        report.add(|| format!("turn {} is not noted as waiting", place.turn.0));
    }
    Ok(())
}

/// Nobody waits here who need not.
fn granted(view: &dyn View, id: TableId, report: &mut Report<'_>) -> Result<(), Fault> {
    match Tables::new(view).first_to_grant(&BTreeSet::from([id])) {
        Ok(None) | Err(Fault::Corrupt { .. }) => Ok(()),
        Ok(Some(place)) => {
            report.add(|| format!("inode {}: turn {} need not wait", id.ino, place.turn.0));
            Ok(())
        }
        Err(fault) => Err(fault),
    }
}

/// What is noted as waiting waits.
fn pending(view: &dyn View, report: &mut Report<'_>) -> Result<(), Fault> {
    let mut requests = Cursor::new(view, Prefix::Pending);
    while let Some((key, value)) = requests.next(report)? {
        let Ok(pending) = PendingRecord::decode(&value) else {
            continue;
        };
        let session = SessionId(keys::first_number(&key).unwrap_or_default());
        let sequence = keys::second_number(&key).unwrap_or_default();
        let waiter = view.get(&keys::waiter(pending.ino, pending.space, pending.turn))?;
        let waits = waiter
            .and_then(|bytes| WaiterRecord::decode(&bytes).ok())
            .is_some_and(|waiter| (waiter.session, waiter.sequence) == (session, sequence));
        if !waits {
            report.add(|| {
                format!(
                    "request {sequence} of session {} is noted as waiting and does not",
                    session.0
                )
            });
        }
    }
    Ok(())
}

/// The counts are those of the locks there are.
fn count(view: &dyn View, counts: &Counts, report: &mut Report<'_>) -> Result<(), Fault> {
    let mut expected: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    for (&(session, ino), &number) in counts {
        *expected.entry(keys::lock_count(session)).or_default() += number;
        *expected
            .entry(keys::lock_count_at(session, ino))
            .or_default() += number;
    }
    let mut noted = Cursor::new(view, Prefix::LockCount);
    while let Some((key, value)) = noted.next(report)? {
        let number = expected.remove(&key).unwrap_or_default();
        if let Ok(LockCount { locks: said }) = LockCount::decode(&value)
            && u64::from(said) != number
        {
            report.add(|| {
                let (session, place) = counted(&key);
                format!("session {session} has {number} locks{place} but {said} are noted")
            });
        }
    }
    for key in expected.into_keys() {
        report.add(|| {
            let (session, place) = counted(&key);
            format!("session {session} has locks{place} that are not counted")
        });
    }
    Ok(())
}

/// Whose locks a count is of, and where if not everywhere.
fn counted(key: &[u8]) -> (u64, String) {
    let session = keys::first_number(key).unwrap_or_default();
    let ino = keys::second_number(key);
    let place = ino.map(|ino| format!(" on inode {ino}"));
    (session, place.unwrap_or_default())
}

/// No turn is drawn twice, there are turns left, and a volume with locks says that it has had them.
fn next_turn(view: &dyn View, last: Turn, report: &mut Report<'_>) -> Result<(), Fault> {
    let next = view.get(&keys::turn())?;
    let next = next.map(|bytes| TurnRecord::decode(&bytes));
    match next {
        Some(Ok(record)) if record.next <= last => {
            let next = record.next.0;
            report.add(|| format!("the next turn is {next} but turn {} exists", last.0));
        }
        Some(Ok(record)) if record.next > TURN_MAX => {
            let next = record.next.0;
            report.add(|| format!("the next turn is {next}, which is too large"));
        }
        None if last > Turn(0) => report.add(|| "turns were drawn that are not counted".to_owned()),
        Some(Ok(_) | Err(_)) | None => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests;
