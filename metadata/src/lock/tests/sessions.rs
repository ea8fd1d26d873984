//! Locks of sessions that end, of requests that are asked about, and how many there may be.

use super::desk::{Desk, file};
use crate::command::{Operation, Reclaim, SetLock};
use crate::keys::{self, Prefix};
use crate::limits::SESSION_LOCKS_MAX;
use crate::outcome::{Answer, PosixError, Reply, TicketState};
use crate::query::{Query, TestLock};
use crate::store::{Engine, View};
use crate::types::{InodeId, LockMode, LockOwner, LockRange, LockSpace, SessionId};

fn desk(held: &[&str]) -> Desk {
    let mut desk = Desk::new(LockSpace::Posix);
    desk.all("locked", held);
    desk
}

fn ticket(desk: &Desk, session: u64, sequence: u64) -> TicketState {
    let query = Query::LockTicket {
        ino: file("f"),
        session: SessionId(session),
        sequence,
    };
    match desk.fixture.machine.query(&query).unwrap() {
        Ok(Reply::Ticket(state)) => state,
        other => panic!("{other:?}"),
    }
}

/// How many keys begin with one of these.
fn keys_of(desk: &Desk, prefixes: &[Prefix]) -> usize {
    let view = desk.fixture.machine.engine().view();
    let mut count = 0;
    for prefix in prefixes {
        let (start, end) = keys::all(*prefix);
        view.scan(&start, &end, &mut |_, _| {
            count += 1;
            Ok(std::ops::ControlFlow::Continue(()))
        })
        .unwrap();
    }
    count
}

const OF_LOCKS: [Prefix; 4] = [
    Prefix::Lock,
    Prefix::Waiter,
    Prefix::Pending,
    Prefix::LockCount,
];

#[test]
fn a_session_that_ends_gives_up_everything_and_lets_others_through() {
    let mut desk = desk(&["A w 0-9 f", "B w 0-9 g", "C r 0-9 h"]);
    desk.of(LockSpace::Flock).all("locked", &["D w 0- f"]);
    desk.all("waiting", &["E W 0- f"]);
    let first = desk.last();
    desk.of(LockSpace::Posix);
    desk.all("waiting", &["D W 20-29 f", "F W 0-9 g"][1..]);
    let second = desk.last();
    desk.all("waiting", &["F W 0-9 h", "D R 0-9 h", "G R 0-9 h"]);
    desk.expire(1);
    assert_eq!(desk.granted(), [first, second, second + 1]);
    desk.expire(2);
    assert_eq!(keys_of(&desk, &OF_LOCKS), 0);
}

#[test]
fn who_ended_is_not_granted_what_it_waited_for() {
    let mut desk = desk(&["A w 0-9"]);
    desk.all("waiting", &["E W 0-9"]);
    desk.expire(2);
    desk.all("done", &["A u 0-9"]);
    assert_eq!(desk.granted(), Vec::<u64>::new());
    desk.all("SessionGone", &["E W 0-9"]);
}

#[test]
fn a_ticket_says_what_became_of_a_wait() {
    let mut desk = desk(&["A w 0-9"]);
    desk.all("waiting", &["E W 0-9"]);
    let sequence = desk.last();
    assert_eq!(ticket(&desk, 2, sequence), TicketState::Waiting);
    assert_eq!(ticket(&desk, 1, sequence), TicketState::Unknown);
    desk.all("done", &["A u 0-9"]);
    assert_eq!(ticket(&desk, 2, sequence), TicketState::Granted);
    // What is locked beside it stays apart, and a part of it is as good as all.
    desk.all("locked", &["E w 10-19"]);
    assert_eq!(desk.locks(), "E w 0-9, E w 10-19");
    desk.all("done", &["E u 0-4"]);
    assert_eq!(ticket(&desk, 2, sequence), TicketState::Granted);
    desk.all("locked", &["E w 0-9"]);
    assert_eq!(ticket(&desk, 2, sequence), TicketState::Unknown);
    assert_eq!(desk.locks(), "E w 0-19");
}

#[test]
fn a_retry_of_a_request_that_waited_is_answered_alike() {
    let mut desk = desk(&["A w 0-9"]);
    let set = Operation::SetLock(SetLock {
        ino: file("f"),
        space: LockSpace::Posix,
        owner: LockOwner(9),
        range: LockRange::WHOLE,
        mode: LockMode::Shared,
        process: 1,
        wait: true,
    });
    let waiting = Ok(Answer::Waiting);
    assert_eq!(desk.again(SessionId(2), 500, set.clone()), waiting);
    desk.all("done", &["A u 0-9"]);
    assert_eq!(desk.granted(), [500]);
    assert_eq!(desk.again(SessionId(2), 500, set), waiting);
    assert_eq!(ticket(&desk, 2, 500), TicketState::Granted);
}

#[test]
fn locks_go_with_an_inode_that_is_reclaimed() {
    let mut desk = desk(&["A w 0-9"]);
    desk.all("waiting", &["E W 0-9", "F R 0-9"]);
    desk.fixture.unlink(InodeId::ROOT, "f").unwrap();
    assert!(keys_of(&desk, &OF_LOCKS) > 0);
    let inodes = vec![file("f")];
    let reclaim = Operation::Reclaim(Reclaim { inodes, term: None });
    desk.apply(SessionId(3), reclaim).unwrap();
    assert_eq!(keys_of(&desk, &OF_LOCKS), 0);
    desk.all("InodeGone", &["A w 0-9", "A W 0-9"]);
    desk.all("done", &["A u 0-9"]);
}

#[test]
fn a_lock_belongs_to_a_session() {
    let mut desk = desk(&[]);
    let set = Operation::SetLock(SetLock {
        ino: file("f"),
        space: LockSpace::Posix,
        owner: LockOwner(9),
        range: LockRange::WHOLE,
        mode: LockMode::Shared,
        process: 1,
        wait: false,
    });
    let refused = Err(PosixError::InvalidArgument);
    assert_eq!(desk.fixture.run(set), refused);
}

#[test]
fn a_session_has_a_bounded_number_of_locks() {
    let mut desk = desk(&["A w 0-9"]);
    desk.pretend(1, SESSION_LOCKS_MAX - 1);
    desk.all("locked", &["A w 20-29", "E w 40-49"]);
    desk.all("TooManyLocks", &["A w 60-69", "A u 3-5", "A W 40-49"]);
    // One less, as both are joined.
    desk.all("locked", &["A w 10-19"]);
    desk.all("done", &["A u 3-5"]);
    desk.all("TooManyLocks", &["A u 20-22"]);
    desk.all("done", &["A u 0-29"]);
}

#[test]
fn who_asks_what_is_in_the_way_is_told_the_first() {
    let mut desk = desk(&["A r 20-29", "E w 5-9", "F r 40-49"]);
    let asked = |desk: &Desk, owner: u64, range: (u64, u64), mode| {
        let query = Query::TestLock(TestLock {
            ino: file("f"),
            space: LockSpace::Posix,
            session: SessionId(1),
            owner: LockOwner(owner),
            range: LockRange {
                start: range.0,
                end: range.1,
            },
            mode,
        });
        match desk.fixture.machine.query(&query).unwrap() {
            Ok(Reply::Lock(lock)) => lock.map(|lock| (lock.range.start, lock.process)),
            other => panic!("{other:?}"),
        }
    };
    let all = (0, u64::MAX);
    let letter = |letter: u8| u32::from(letter);
    let exclusive = LockMode::Exclusive;
    assert_eq!(asked(&desk, 1, all, exclusive), Some((5, letter(b'E'))));
    assert_eq!(
        asked(&desk, 1, (10, 50), exclusive),
        Some((20, letter(b'A')))
    );
    assert_eq!(asked(&desk, u64::from(b'A'), (10, 39), exclusive), None);
    assert_eq!(asked(&desk, 1, (10, u64::MAX), LockMode::Shared), None);
    desk.all("waiting", &["B W 20-29"]);
    assert_eq!(
        asked(&desk, 1, (10, u64::MAX), LockMode::Shared),
        None,
        "who waits holds nothing"
    );
}
