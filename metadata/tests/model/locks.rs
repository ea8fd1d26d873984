//! Who holds what and who waits is what the model says.

use std::collections::BTreeMap;

use bytes::Bytes;
use holdfast_metadata::model::{LOCK_BYTES, LockedByte, Model};
use holdfast_metadata::{
    Command, Engine, InodeId, LockInfo, LockMode, LockOwner, LockRange, LockSpace, News, Operation,
    PosixError, Query, Reply, SessionId, StateMachine, TestLock,
};
use proptest::prop_assert_eq;
use proptest::test_runner::TestCaseResult;

/// Of what was granted, in which order; of everything else, the other tests tell.
pub(crate) fn granted(model: &mut Model, news: &[News]) -> TestCaseResult {
    let granted: Vec<News> = news
        .iter()
        .copied()
        .filter(|news| matches!(news, News::Granted { .. }))
        .collect();
    prop_assert_eq!(granted, model.take_granted());
    Ok(())
}

/// What is held, who waits, and what a lock would meet.
pub(crate) fn same<E: Engine>(machine: &StateMachine<E>, model: &Model) -> TestCaseResult {
    let listed = listed(machine, None);
    let (waiting, held): (Vec<_>, Vec<_>) = listed.into_iter().partition(|lock| lock.waiting);
    prop_assert_eq!(bytes(&held), model.locks());
    let mut waits = model.waits();
    waits.sort();
    let mut told: Vec<_> = waiting.iter().map(told).collect();
    told.sort();
    let expected: Vec<_> = waits
        .iter()
        .map(|wait| {
            (
                wait.ino,
                wait.space,
                wait.session,
                wait.owner,
                wait.range,
                wait.mode,
            )
        })
        .collect();
    prop_assert_eq!(told, sorted(expected));
    for ino in [5, 6].map(InodeId::new) {
        let of_inode = |lock: &LockInfo| lock.ino == ino;
        let mut expected: Vec<_> = held.iter().copied().filter(of_inode).collect();
        expected.extend(waiting.iter().copied().filter(of_inode));
        prop_assert_eq!(listed_of(machine, ino), expected);
        met(machine, model, ino)?;
    }
    Ok(())
}

/// What has become of each of these requests.
pub(crate) fn tickets<E: Engine>(
    machine: &StateMachine<E>,
    model: &Model,
    sent: &[Command],
) -> TestCaseResult {
    for command in sent {
        let (Operation::SetLock(set), Some(request)) = (&command.operation, command.request) else {
            continue;
        };
        let (ino, session, sequence) = (set.ino, request.session, request.sequence);
        let query = Query::LockTicket {
            ino,
            session,
            sequence,
        };
        let is_open = model.sessions().iter().any(|open| open.session == session);
        let expected = if is_open {
            Ok(Reply::Ticket(model.ticket(ino, session, sequence)))
        } else {
            Err(PosixError::SessionGone)
        };
        prop_assert_eq!(ask(machine, &query), expected);
    }
    Ok(())
}

type Told = (
    InodeId,
    LockSpace,
    SessionId,
    LockOwner,
    LockRange,
    LockMode,
);

fn told(lock: &LockInfo) -> Told {
    (
        lock.ino,
        lock.space,
        lock.session,
        lock.owner,
        lock.range,
        lock.mode,
    )
}

fn sorted(mut told: Vec<Told>) -> Vec<Told> {
    told.sort();
    told
}

/// What somebody else who wants all of an inode meets first.
fn met<E: Engine>(machine: &StateMachine<E>, model: &Model, ino: InodeId) -> TestCaseResult {
    for space in LockSpace::ALL {
        for mode in LockMode::ALL {
            let query = Query::TestLock(TestLock {
                ino,
                space,
                session: SessionId(9),
                owner: LockOwner(1),
                range: LockRange::WHOLE,
                mode,
            });
            let in_the_way = model.locks().into_iter().filter(|(byte, held)| {
                (byte.0, byte.1) == (ino, space) && [mode, *held].contains(&LockMode::Exclusive)
            });
            let first = in_the_way.map(|(byte, _)| byte.4).min();
            let answered = match ask(machine, &query) {
                Ok(Reply::Lock(lock)) => lock.map(|lock| lock.range.start.min(LOCK_BYTES)),
                Err(PosixError::InodeGone) if model.attributes(ino).is_none() => None,
                other => panic!("{other:?}"),
            };
            prop_assert_eq!(answered, first);
        }
    }
    Ok(())
}

fn bytes(held: &[LockInfo]) -> BTreeMap<LockedByte, LockMode> {
    let mut bytes = BTreeMap::new();
    for lock in held {
        for byte in lock.range.start.min(LOCK_BYTES)..=lock.range.end.min(LOCK_BYTES) {
            let byte = (lock.ino, lock.space, lock.session, lock.owner, byte);
            assert!(bytes.insert(byte, lock.mode).is_none(), "{byte:?} twice");
        }
    }
    bytes
}

fn listed_of<E: Engine>(machine: &StateMachine<E>, ino: InodeId) -> Vec<LockInfo> {
    listed(machine, Some(ino))
}

/// The whole list, in pages of three.
fn listed<E: Engine>(machine: &StateMachine<E>, ino: Option<InodeId>) -> Vec<LockInfo> {
    let mut listed = Vec::new();
    let mut after = Bytes::new();
    loop {
        let query = Query::Locks {
            ino,
            after,
            entries_max: 3,
        };
        let Ok(Reply::Locks { locks, next }) = ask(machine, &query) else {
            panic!("no list of locks");
        };
        assert!(locks.len() <= 3);
        listed.extend(locks);
        match next {
            Some(next) => after = next,
            None => return listed,
        }
    }
}

fn ask<E: Engine>(machine: &StateMachine<E>, query: &Query) -> Result<Reply, PosixError> {
    machine.query(query).unwrap()
}
