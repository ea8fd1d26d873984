//! Damages of what the volume knows of those who use it: sessions, and locks.

use holdfast_metadata::invariant::Rule;
use holdfast_metadata::keys::{self, Prefix};
use holdfast_metadata::record::{LockCount, LockRecord, OutcomeRecord, TurnRecord, WaiterRecord};
use holdfast_metadata::{
    Answer, InodeId, LockMode, LockOwner, LockSpace, SessionId, Timestamp, Turn,
};

use super::spoilt::{NOBODY, Row, Spoilt};

pub(super) const SESSIONS: &[Row] = &[
    (Rule::Sessions, an_outcome_is_of_no_session),
    (Rule::Sessions, an_outcome_was_acknowledged),
    (Rule::Sessions, a_session_is_open_and_closed),
];

pub(super) const LOCKS: &[Row] = &[
    (Rule::Locks, locks_are_not_counted),
    (Rule::Locks, locks_of_an_inode_are_not_counted),
    (Rule::Locks, the_count_of_locks_is_lost),
    (Rule::Locks, the_count_of_locks_of_an_inode_is_lost),
    (Rule::Locks, locks_exclude_each_other),
    (Rule::Locks, a_lock_is_lost),
    (Rule::Locks, a_lock_is_of_no_inode),
    (Rule::Locks, a_lock_is_of_no_session),
    (Rule::Locks, who_waits_is_not_noted),
    (Rule::Locks, who_is_noted_does_not_wait),
    (Rule::Locks, a_turn_is_drawn_again),
    (Rule::Locks, no_turn_is_left),
    (Rule::Locks, turns_are_forgotten),
];

fn put_outcome(spoilt: &Spoilt, session: SessionId, sequence: u64) {
    let outcome = Ok(Answer::Done);
    let key = keys::request_of(session, sequence);
    spoilt.put(key, &OutcomeRecord { outcome }.encode());
}

fn an_outcome_is_of_no_session(spoilt: &Spoilt) -> String {
    put_outcome(spoilt, SessionId(4711), 50);
    "outcome 50 belongs to session 4711, which is not open".to_owned()
}

fn an_outcome_was_acknowledged(spoilt: &Spoilt) -> String {
    let session = spoilt.session();
    put_outcome(spoilt, session, 0);
    let session = session.0;
    format!("outcome 0 of session {session} is kept but acknowledged")
}

fn a_session_is_open_and_closed(spoilt: &Spoilt) -> String {
    let session = spoilt.session();
    spoilt.put(keys::closed_session(session), b"");
    format!("session {} is open and closed", session.0)
}

fn locks_are_not_counted(spoilt: &Spoilt) -> String {
    let session = spoilt.session();
    let key = keys::lock_count(session);
    spoilt.put(key, &LockCount { locks: 5 }.encode());
    format!("session {} has 2 locks but 5 are noted", session.0)
}

fn locks_of_an_inode_are_not_counted(spoilt: &Spoilt) -> String {
    let (session, ino) = (spoilt.session(), spoilt.sample.file);
    let key = keys::lock_count_at(session, ino);
    spoilt.put(key, &LockCount { locks: 5 }.encode());
    let session = session.0;
    format!("session {session} has 2 locks on inode {ino} but 5 are noted")
}

fn the_count_of_locks_is_lost(spoilt: &Spoilt) -> String {
    let session = spoilt.session();
    spoilt.delete(keys::lock_count(session));
    format!("session {} has locks that are not counted", session.0)
}

fn the_count_of_locks_of_an_inode_is_lost(spoilt: &Spoilt) -> String {
    let (session, ino) = (spoilt.session(), spoilt.sample.file);
    spoilt.delete(keys::lock_count_at(session, ino));
    let session = session.0;
    format!("session {session} has locks on inode {ino} that are not counted")
}

fn put_lock(spoilt: &Spoilt, ino: InodeId) {
    let lock = LockRecord {
        mode: LockMode::Shared,
        end: 99,
        process: 1,
        since: Timestamp::default(),
        ticket: None,
    };
    let key = keys::lock(ino, LockSpace::Posix, spoilt.session(), LockOwner(3), 5);
    spoilt.put(key, &lock.encode());
}

fn locks_exclude_each_other(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.file;
    put_lock(spoilt, ino);
    format!("inode {ino}: Posix locks exclude each other: ")
}

fn a_lock_is_lost(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.file;
    let turn = keys::turn_part(&spoilt.only(Prefix::Waiter)).unwrap();
    spoilt.delete(spoilt.only(Prefix::Lock));
    format!("inode {ino}: turn {} need not wait", turn.0)
}

fn a_lock_is_of_no_inode(spoilt: &Spoilt) -> String {
    put_lock(spoilt, NOBODY);
    format!("inode {NOBODY} has locks but does not exist")
}

fn a_lock_is_of_no_session(spoilt: &Spoilt) -> String {
    let session = spoilt.session();
    spoilt.delete(keys::session(session));
    format!("session {} has locks but is not open", session.0)
}

fn who_waits_is_not_noted(spoilt: &Spoilt) -> String {
    let turn = keys::turn_part(&spoilt.only(Prefix::Waiter)).unwrap();
    spoilt.delete(spoilt.only(Prefix::Pending));
    format!("turn {} is not noted as waiting", turn.0)
}

fn who_is_noted_does_not_wait(spoilt: &Spoilt) -> String {
    let key = spoilt.only(Prefix::Waiter);
    let waiter = WaiterRecord::decode(&spoilt.value(&key)).unwrap();
    spoilt.delete(key);
    let (session, sequence) = (waiter.session.0, waiter.sequence);
    format!("request {sequence} of session {session} is noted as waiting and does not")
}

fn a_turn_is_drawn_again(spoilt: &Spoilt) -> String {
    let next = keys::turn_part(&spoilt.only(Prefix::Waiter)).unwrap();
    spoilt.put(keys::turn(), &TurnRecord { next }.encode());
    let next = next.0;
    format!("the next turn is {next} but turn {next} exists")
}

fn no_turn_is_left(spoilt: &Spoilt) -> String {
    let next = Turn((1 << 62) + 1);
    spoilt.put(keys::turn(), &TurnRecord { next }.encode());
    format!("the next turn is {}, which is too large", next.0)
}

fn turns_are_forgotten(spoilt: &Spoilt) -> String {
    spoilt.delete(keys::turn());
    "turns were drawn that are not counted".to_owned()
}
