//! Locks that are asked for, and given up before there is an answer.

use std::future::{pending, poll_fn, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread;

use holdfast_metadata::{
    Answer, Command, InodeId, LockMode, LockOwner, LockRange, LockSpace, Operation, Query, Reply,
    SetLock, TestLock,
};
use parking_lot::Mutex;

use super::fixture::{State, connect, ids, operation_in};
use crate::call::testing::{FakeNode, Reaction};
use crate::error::ReplicateError;
use crate::remote::RemoteReplicator;
use crate::replicator::{Pending, PosixMetadataReplicator, SharedVolume};
use crate::testing::{block_on, command, mkdir, poll_once};

#[derive(Clone, Copy)]
enum Mood {
    /// Does not answer who asks for a lock.
    Quiet,
    /// Loses all connections at the next call, and is as usual then.
    Broken,
    Usual,
}

fn moody(state: &State, mood: &Arc<Mutex<Mood>>) -> FakeNode {
    let (state, mood) = (state.clone(), Arc::clone(mood));
    FakeNode::start(move |request| {
        let mut mood = mood.lock();
        let operation = operation_in(request).map(|command| command.operation);
        match (*mood, operation) {
            (Mood::Quiet, Some(Operation::SetLock(_))) => Reaction::Silence,
            (Mood::Broken, _) => {
                *mood = Mood::Usual;
                Reaction::Break
            }
            (Mood::Quiet | Mood::Usual, _) => state.answer(request),
        }
    })
}

fn set_lock<'a>(
    replicator: &'a RemoteReplicator,
    owner: u64,
    interrupted: Pending<'a, ()>,
) -> Pending<'a, Result<holdfast_metadata::Outcome, ReplicateError>> {
    replicator.set_lock(1, lock_of(owner), false, interrupted)
}

fn lock_of(owner: u64) -> Command {
    command(Operation::SetLock(SetLock {
        ino: InodeId::ROOT,
        space: LockSpace::Posix,
        owner: LockOwner(owner),
        range: LockRange::WHOLE,
        mode: LockMode::Exclusive,
        process: 1,
        wait: true,
    }))
}

fn asked(node: &FakeNode) -> usize {
    let operations = node.seen().into_iter();
    let operations = operations.filter_map(|request| operation_in(&request));
    operations
        .filter(|command| matches!(command.operation, Operation::SetLock(_)))
        .count()
}

#[test]
fn a_request_that_was_given_up_is_taken_back_before_its_holder_asks_again() {
    let state = State::new();
    let mood = Arc::new(Mutex::new(Mood::Quiet));
    let node = moody(&state, &mood);
    let replicator = connect(&[&node]);
    let has_arrived = poll_fn(|context| {
        if asked(&node) == 1 {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    });
    let given_up = block_on(set_lock(&replicator, 1, Box::pin(has_arrived)));
    assert_eq!(given_up, Err(ReplicateError::Interrupted));
    // Nothing of it reaches the node, or it would be there before the next call.
    let mut again = set_lock(&replicator, 1, Box::pin(pending()));
    assert_eq!(poll_once(again.as_mut()), None);
    block_on(replicator.query(Query::Statistics))
        .unwrap()
        .unwrap();
    assert_eq!(asked(&node), 1);
    *mood.lock() = Mood::Broken;
    assert_eq!(block_on(again), Ok(Ok(Answer::Locked)));
    let test = TestLock {
        ino: InodeId::ROOT,
        space: LockSpace::Posix,
        session: replicator.session(),
        owner: LockOwner(2),
        range: LockRange::WHOLE,
        mode: LockMode::Shared,
    };
    let found = block_on(replicator.query(Query::TestLock(test))).unwrap();
    assert!(matches!(found, Ok(Reply::Lock(Some(_)))), "{found:?}");
}

#[test]
fn what_somebody_asked_who_is_interrupted_is_taken_back_before_he_hears_of_it() {
    let state = State::new();
    let node = state.leader();
    let replicator = connect(&[&node]);
    let first = block_on(set_lock(&replicator, 1, Box::pin(pending())));
    assert_eq!(first, Ok(Ok(Answer::Locked)));
    let behind = state.clone();
    let (has_come, is_given_up) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let is_cancelled = Arc::new(AtomicBool::new(false));
    let (comes, goes_on) = (Arc::clone(&has_come), Arc::clone(&is_given_up));
    let cancelled = Arc::clone(&is_cancelled);
    node.set_script(move |request| {
        match operation_in(request).map(|command| command.operation) {
            Some(Operation::SetLock(_)) => {
                comes.store(true, Ordering::Release);
                while !goes_on.load(Ordering::Acquire) {
                    thread::yield_now();
                }
            }
            Some(Operation::CancelLock(_)) => cancelled.store(true, Ordering::Release),
            _ => {}
        }
        behind.answer(request)
    });
    let interrupted = poll_fn(|context| {
        if has_come.load(Ordering::Acquire) {
            is_given_up.store(true, Ordering::Release);
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    });
    let given_up = block_on(set_lock(&replicator, 2, Box::pin(interrupted)));
    assert_eq!(given_up, Err(ReplicateError::Interrupted));
    assert!(is_cancelled.load(Ordering::Acquire));
}

#[test]
fn a_wait_ends_without_an_answer_to_its_cancellation() {
    let state = State::new();
    let mood = Arc::new(Mutex::new(Mood::Usual));
    let node = moody(&state, &mood);
    let replicator = connect(&[&node]);
    let first = block_on(set_lock(&replicator, 1, Box::pin(pending())));
    assert_eq!(first, Ok(Ok(Answer::Locked)));
    let behind = state.clone();
    node.set_script(move |request| {
        let operation = operation_in(request).map(|command| command.operation);
        match operation {
            Some(Operation::CancelLock(_)) => Reaction::Silence,
            _ => behind.answer(request),
        }
    });
    // Who has part of it already hears that he is to wait, and only then gives up.
    let gives_up = Box::pin(ready(()));
    let waited = block_on(replicator.set_lock(1, lock_of(2), true, gives_up));
    assert_eq!(waited, Err(ReplicateError::Interrupted));
}

#[test]
fn a_change_begun_in_a_session_that_had_locks_is_not_sent_again_in_the_next() {
    let state = State::new();
    let node = state.leader();
    let replicator = connect(&[&node]);
    let locked = block_on(set_lock(&replicator, 1, Box::pin(pending())));
    assert_eq!(locked, Ok(Ok(Answer::Locked)));
    state.expire(ids(&node)[0].session);
    let begun = block_on(replicator.replicate(mkdir("a")));
    assert_eq!(begun, Err(ReplicateError::SessionLost));
    assert!(block_on(replicator.replicate(mkdir("a"))).unwrap().is_ok());
}
