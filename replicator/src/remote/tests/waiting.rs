//! How long an operation waits for a cluster that does not answer.

use std::time::{Duration, Instant};

use holdfast_metadata::Query;

use super::fixture::{State, ids, options, started, timing};
use crate::call::testing::{FakeNode, Reaction};
use crate::error::ReplicateError;
use crate::remote::RemoteReplicator;
use crate::replicator::PosixMetadataReplicator;
use crate::testing::{block_on, mkdir};

#[test]
fn a_soft_mount_gives_up_in_time_and_goes_on_afterwards() {
    let state = State::new();
    let node = state.leader();
    let soft = Duration::from_millis(200);
    let mut options = options(&[&node]);
    options.soft = Some(soft);
    let replicator = started(options, timing());
    node.set_script(|_| Reaction::Silence);
    for answer in [
        block_on(replicator.replicate(mkdir("a"))).map(drop),
        block_on(replicator.query(Query::Statistics)).map(drop),
    ] {
        assert_eq!(answer, Err(ReplicateError::TimedOut));
    }
    let behind = state.clone();
    node.set_script(move |request| behind.answer(request));
    let began = Instant::now();
    assert!(block_on(replicator.replicate(mkdir("b"))).unwrap().is_ok());
    assert!(began.elapsed() < soft);
    let last = ids(&node).pop().unwrap();
    assert_eq!((last.sequence, last.acknowledged), (2, 2));
}

#[test]
fn a_start_that_is_not_answered_ends() {
    let node = FakeNode::start(|_| Reaction::Silence);
    let mut options = options(&[&node]);
    options.start_max = Duration::from_millis(100);
    let replicator = RemoteReplicator::connect_with(options, timing(), None).unwrap();
    assert_eq!(block_on(replicator.start()), Err(ReplicateError::TimedOut));
    assert!(!replicator.status().serving);
}
