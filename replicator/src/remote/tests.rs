//! A mount against nodes that do what they are told.
//!
//! Nothing here runs inside a runtime: futures are polled by hand, as `fs` does first.

mod attending;
mod fixture;
mod locks;
mod moving;
mod reaching;
mod sessions;
mod waiting;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use holdfast_metadata::{Answer, LogIndex, Operation, Query};

use self::fixture::{State, connect, ids, options, timing};
use super::RemoteReplicator;
use crate::call::testing::FakeNode;
use crate::error::ReplicateError;
use crate::replicator::{PosixMetadataReplicator, Space};
use crate::testing::{block_on, command, create, mkdir, poll_once};

fn contract() -> (RemoteReplicator, FakeNode) {
    let state = State::new();
    // The session that the contract sends requests of.
    state.open_session(7);
    let node = state.leader();
    let replicator = RemoteReplicator::connect_with(options(&[&node]), timing(), None).unwrap();
    (replicator, node)
}

crate::replicator_contract!(remote, super::contract());

#[test]
fn a_sync_needs_no_round_trip() {
    let node = State::new().leader();
    let replicator = connect(&[&node]);
    let before = node.seen().len();
    let synced = poll_once(replicator.replicate(command(Operation::Sync)));
    assert_eq!(synced, Some(Ok(Ok(Answer::Done))));
    assert_eq!(node.seen().len(), before);
}

#[test]
fn the_space_of_the_cluster_is_known_from_the_start() {
    let node = State::new().leader();
    let replicator = connect(&[&node]);
    let status = replicator.status();
    let space = Space {
        total: 1000,
        available: 900,
    };
    assert_eq!((status.space, status.fault), (space, None));
    assert_eq!(status.applied, LogIndex(0));
    assert!(block_on(replicator.replicate(mkdir("a"))).is_ok());
    assert_eq!(replicator.status().applied, LogIndex(1));
}

#[test]
fn a_first_poll_needs_no_runtime_and_the_next_may_be_anywhere() {
    let node = State::new().leader();
    let replicator = Arc::new(connect(&[&node]));
    let foreign = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    for round in 0..50 {
        let replicator = Arc::clone(&replicator);
        let mut future = Box::pin(async move {
            let made = replicator.replicate(create(&format!("{round}"))).await;
            made.and(replicator.query(Query::Statistics).await.map(drop))
        });
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        if future.as_mut().poll(&mut context).is_pending() {
            assert_eq!(foreign.block_on(foreign.spawn(future)).unwrap(), Ok(()));
        }
    }
}

#[test]
fn many_callers_share_messages() {
    let node = State::new().leader();
    let replicator = connect(&[&node]);
    let (threads, rounds) = (32, 100);
    thread::scope(|scope| {
        for thread in 0..threads {
            let replicator = &replicator;
            scope.spawn(move || {
                for round in 0..rounds {
                    let made = replicator.replicate(create(&format!("{thread}.{round}")));
                    assert!(block_on(made).unwrap().is_ok());
                }
            });
        }
    });
    let messages = node.said.messages.load(std::sync::atomic::Ordering::SeqCst);
    let sent = ids(&node);
    assert_eq!(sent.len(), threads * rounds);
    assert!(messages < sent.len(), "{} in {messages}", sent.len());
    // What is over is forgotten: never more than all callers are under way.
    let last = sent.iter().max_by_key(|id| id.sequence).unwrap();
    assert!(
        last.sequence - last.acknowledged < threads as u64,
        "{last:?}"
    );
}

#[test]
fn a_stop_beside_a_cluster_that_is_silent_is_bounded() {
    let state = State::new();
    let node = state.leader();
    let replicator = connect(&[&node]);
    node.set_script(|_| crate::call::testing::Reaction::Silence);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| block_on(replicator.replicate(mkdir("a"))));
        crate::call::testing::wait_until("it is sent", || ids(&node).len() == 1);
        let began = Instant::now();
        assert_eq!(block_on(replicator.stop()), Ok(()));
        assert!(began.elapsed() < Duration::from_secs(2));
        let answer = waiter.join().unwrap();
        assert_eq!(answer, Err(ReplicateError::OutcomeUnknown), "it was sent");
    });
}
