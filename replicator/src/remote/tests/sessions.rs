//! What becomes of commands whose session the cluster has lost.

use std::sync::atomic::{AtomicBool, Ordering};

use holdfast_metadata::{Operation, PosixError};
use holdfast_proto::{call_request, decode_command};

use super::fixture::{State, connect, ids, operation_in};
use crate::call::testing::{FakeNode, Reaction};
use crate::error::ReplicateError;
use crate::replicator::PosixMetadataReplicator;
use crate::testing::{block_on, create, mkdir, poll_once};

#[test]
fn a_session_is_opened_before_the_first_command_and_closed_by_a_stop() {
    let state = State::new();
    let node = state.leader();
    let replicator = connect(&[&node]);
    assert!(block_on(replicator.replicate(mkdir("a"))).unwrap().is_ok());
    assert_eq!(block_on(replicator.stop()), Ok(()));
    let operations: Vec<(u64, Operation)> = node
        .seen()
        .into_iter()
        .filter_map(|request| match request.body {
            Some(call_request::Body::Command(bytes)) => decode_command(bytes).ok(),
            _ => None,
        })
        .map(|command| (command.request.unwrap().session.0, command.operation))
        .collect();
    let sessions: Vec<u64> = operations.iter().map(|(session, _)| *session).collect();
    assert!(sessions.iter().all(|session| *session == sessions[0]));
    assert_eq!(operations.len(), 3);
    assert!(matches!(operations[0].1, Operation::OpenSession(_)));
    assert!(matches!(operations[1].1, Operation::Mkdir(_)));
    assert!(matches!(operations[2].1, Operation::CloseSession));
}

#[test]
fn a_command_that_was_certainly_not_done_goes_on_under_a_new_session() {
    let state = State::new();
    let node = state.leader();
    let replicator = connect(&[&node]);
    assert!(block_on(replicator.replicate(mkdir("a"))).unwrap().is_ok());
    let session = ids(&node)[0].session;
    state.expire(session);
    assert!(block_on(replicator.replicate(mkdir("b"))).unwrap().is_ok());
    let ids = ids(&node);
    assert_eq!(ids.len(), 3);
    assert_eq!(ids[1].session, session);
    assert_ne!(ids[2].session, session);
    assert_eq!((ids[2].sequence, ids[2].acknowledged), (1, 1));
    assert_eq!(
        block_on(replicator.replicate(mkdir("b"))).unwrap(),
        Err(PosixError::Exists)
    );
}

#[test]
fn a_command_that_may_have_been_done_under_the_lost_session_is_not_sent_again() {
    let state = State::new();
    let behind = state.clone();
    let is_first = AtomicBool::new(true);
    // It takes effect, the node dies, and the session is expired before the retry comes.
    let node = FakeNode::start(move |request| {
        let answer = behind.answer(request);
        if let Some(command) = operation_in(request)
            && is_first.swap(false, Ordering::SeqCst)
        {
            behind.expire(command.request.unwrap().session);
            return Reaction::Break;
        }
        answer
    });
    let replicator = connect(&[&node]);
    let made = block_on(replicator.replicate(create("a")));
    assert_eq!(made, Err(ReplicateError::OutcomeUnknown));
    let ids_before = ids(&node).len();
    assert_eq!(ids_before, 2, "no third try under a new session");
    let next = block_on(replicator.replicate(create("a"))).unwrap();
    assert_eq!(next, Err(PosixError::Exists), "it had taken effect");
}

#[test]
fn many_commands_that_lose_one_session_share_the_next() {
    let state = State::new();
    let node = state.leader();
    let replicator = connect(&[&node]);
    assert!(
        block_on(replicator.replicate(mkdir("first")))
            .unwrap()
            .is_ok()
    );
    let lost = ids(&node)[0].session;
    state.expire(lost);
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let replicator = &replicator;
            scope.spawn(move || {
                let made = block_on(replicator.replicate(mkdir(&format!("{thread}"))));
                assert!(made.unwrap().is_ok());
            });
        }
    });
    let sessions: std::collections::BTreeSet<_> =
        ids(&node).into_iter().map(|id| id.session).collect();
    assert_eq!(sessions.len(), 2, "{sessions:?}");
}

#[test]
fn a_command_that_nobody_waits_for_any_more_is_acknowledged_by_the_next() {
    let state = State::new();
    let node = state.leader();
    let replicator = connect(&[&node]);
    let behind = state.clone();
    node.set_script(move |request| {
        // Carried out, and not answered.
        let dropped = operation_in(request).is_some_and(|c| c.request.unwrap().sequence == 1);
        let answer = behind.answer(request);
        if dropped { Reaction::Silence } else { answer }
    });
    assert_eq!(poll_once(replicator.replicate(mkdir("a"))), None);
    let mut pending = Box::pin(replicator.replicate(mkdir("b")));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(pending.as_mut().poll(&mut context).is_pending());
    drop(pending);
    assert!(block_on(replicator.replicate(mkdir("c"))).unwrap().is_ok());
    let last = ids(&node).into_iter().max_by_key(|id| id.sequence).unwrap();
    assert_eq!((last.sequence, last.acknowledged), (3, 3));
}
