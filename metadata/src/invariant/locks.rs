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
        let said = LockCount::decode(&value).map(|count| u64::from(count.locks));
        if said.is_ok_and(|said| said != number) {
            let session = keys::first_number(&key).unwrap_or_default();
            report.add(|| format!("session {session} has {number} locks but {value:?} is noted"));
        }
    }
    for key in expected.into_keys() {
        let session = keys::first_number(&key).unwrap_or_default();
        report.add(|| format!("session {session} has locks that are not counted"));
    }
    Ok(())
}

/// No turn is drawn twice, and a volume with locks says that it has had them.
fn next_turn(view: &dyn View, last: Turn, report: &mut Report<'_>) -> Result<(), Fault> {
    let next = view.get(&keys::turn())?;
    let next = next.map(|bytes| TurnRecord::decode(&bytes));
    match next {
        Some(Ok(record)) if record.next <= last => {
            let next = record.next.0;
            report.add(|| format!("the next turn is {next} but turn {} exists", last.0));
        }
        None if last > Turn(0) => report.add(|| "turns were drawn that are not counted".to_owned()),
        Some(Ok(_) | Err(_)) | None => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::invariant::testing::{FILE, State};
    use crate::keys;
    use crate::record::{LockCount, LockRecord, PendingRecord, TurnRecord, WaiterRecord};
    use crate::types::{
        InodeId, LockMode, LockOwner, LockRange, LockSpace, SessionId, Timestamp, Turn,
    };

    const OWNER: LockOwner = LockOwner(7);
    const OTHER: LockOwner = LockOwner(8);
    const SESSION: SessionId = SessionId(2);

    fn put_lock(state: &mut State, ino: InodeId, owner: LockOwner, start: u64, mode: LockMode) {
        let lock = LockRecord {
            mode,
            end: start + 9,
            process: 1,
            since: Timestamp::default(),
            ticket: None,
        };
        let key = keys::lock(ino, LockSpace::Posix, SESSION, owner, start);
        state.put(key, &lock.encode());
    }

    fn put_waiter(state: &mut State, start: u64) {
        let waiter = WaiterRecord {
            mode: LockMode::Exclusive,
            session: SESSION,
            sequence: 5,
            owner: OTHER,
            range: LockRange {
                start,
                end: start + 9,
            },
            process: 2,
            since: Timestamp::default(),
        };
        let key = keys::waiter(FILE, LockSpace::Posix, Turn(3));
        state.put(key, &waiter.encode());
    }

    fn put_counts(state: &mut State, locks: u32) {
        let count = LockCount { locks }.encode();
        state.put(keys::lock_count(SESSION), &count);
        state.put(keys::lock_count_at(SESSION, FILE), &count);
    }

    /// Owner 7 has bytes 0 to 9 of the file, owner 8 waits for them.
    fn locked() -> State {
        let mut state = State::sound();
        put_lock(&mut state, FILE, OWNER, 0, LockMode::Exclusive);
        put_waiter(&mut state, 0);
        let pending = PendingRecord {
            ino: FILE,
            space: LockSpace::Posix,
            turn: Turn(3),
            owner: OTHER,
            process: 2,
        };
        state.put(keys::pending(SESSION, 5), &pending.encode());
        put_counts(&mut state, 2);
        state.put(keys::turn(), &TurnRecord { next: Turn(4) }.encode());
        state
    }

    #[test]
    fn a_lock_and_who_waits_for_it_break_no_rule() {
        assert_eq!(locked().violations(), Vec::<String>::new());
    }

    #[test]
    fn locks_that_exclude_each_other_are_reported() {
        let mut state = locked();
        put_lock(&mut state, FILE, OTHER, 5, LockMode::Shared);
        state.expect("locks: inode 2: Posix locks exclude each other");
    }

    #[test]
    fn locks_of_one_owner_on_the_same_bytes_are_reported() {
        let mut state = State::sound();
        put_lock(&mut state, FILE, OWNER, 0, LockMode::Shared);
        put_lock(&mut state, FILE, OWNER, 5, LockMode::Shared);
        state.expect("locks: inode 2: Posix locks exclude each other");
    }

    #[test]
    fn who_waits_for_nobody_is_reported() {
        let mut state = locked();
        put_waiter(&mut state, 10);
        state.expect("locks: inode 2: turn 3 need not wait");
    }

    #[test]
    fn a_lock_of_no_inode_or_no_session_is_reported() {
        let mut state = locked();
        put_lock(&mut state, InodeId::new(50), OWNER, 0, LockMode::Shared);
        state.expect("locks: inode 50 has locks but does not exist");
        let mut state = locked();
        state.delete(keys::session(SESSION));
        state.expect("locks: session 2 has locks but is not open");
    }

    #[test]
    fn a_request_that_waits_is_noted_and_the_reverse() {
        let mut state = locked();
        state.delete(keys::pending(SESSION, 5));
        state.expect("locks: turn 3 is not noted as waiting");
        let mut state = locked();
        state.delete(keys::waiter(FILE, LockSpace::Posix, Turn(3)));
        state.expect("locks: request 5 of session 2 is noted as waiting and does not");
    }

    #[test]
    fn wrong_counts_are_reported() {
        let mut state = locked();
        put_counts(&mut state, 3);
        state.expect("locks: session 2 has 2 locks but");
        let mut state = locked();
        state.delete(keys::lock_count_at(SESSION, FILE));
        state.expect("locks: session 2 has locks that are not counted");
    }

    #[test]
    fn a_turn_to_be_drawn_again_is_reported() {
        let mut state = locked();
        state.put(keys::turn(), &TurnRecord { next: Turn(3) }.encode());
        state.expect("locks: the next turn is 3 but turn 3 exists");
        state.delete(keys::turn());
        state.expect("locks: turns were drawn that are not counted");
    }
}
