//! Each way in which locks can be wrong is reported.

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
    state.expect("locks: session 2 has 2 locks but 3 are noted");
    state.expect("locks: session 2 has 2 locks on inode 2 but 3 are noted");
    let mut state = locked();
    state.delete(keys::lock_count_at(SESSION, FILE));
    state.expect("locks: session 2 has locks on inode 2 that are not counted");
    let mut state = locked();
    state.delete(keys::lock_count(SESSION));
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

#[test]
fn a_turn_that_is_too_large_is_reported() {
    let mut state = locked();
    let mut put = |next| {
        let next = Turn(next);
        state.put(keys::turn(), &TurnRecord { next }.encode());
        state.violations()
    };
    assert_eq!(put(1 << 62), Vec::<String>::new());
    let told = "locks: the next turn is 4611686018427387905, which is too large";
    assert_eq!(put((1 << 62) + 1), [told]);
}
