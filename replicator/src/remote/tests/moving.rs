//! From node to node: hints, failures, and one effect however often a command is sent.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use holdfast_metadata::{PosixError, Query, Reply};
use holdfast_proto::Endpoint;
use holdfast_proto::refusal::Kind;

use super::fixture::{State, connect, ids, operation_in, options, started, timing};
use crate::call::testing::{FakeNode, Reaction, free_address, wait_until};
use crate::error::ReplicateError;
use crate::replicator::PosixMetadataReplicator;
use crate::testing::{block_on, create, entry, mkdir};

fn refuse(
    kind: Kind,
    leader: Option<Endpoint>,
) -> impl FnMut(&holdfast_proto::CallRequest) -> Reaction {
    move |_| Reaction::Refuse(kind, leader.clone())
}

#[test]
fn a_refusal_that_names_the_leader_is_followed_at_once() {
    let state = State::new();
    let leader = state.leader();
    let follower = FakeNode::start(refuse(Kind::NotLeader, Some(leader.endpoint(1))));
    let replicator = connect(&[&follower]);
    assert!(block_on(replicator.replicate(mkdir("a"))).unwrap().is_ok());
    assert_eq!(follower.seen().len(), 1, "only the first call went there");
    assert_eq!(follower.streams(), 1);
}

#[test]
fn an_answer_that_names_the_leader_moves_the_stream_there() {
    let state = State::new();
    let leader = state.leader();
    let (behind, hint) = (state.clone(), leader.endpoint(1));
    let follower = FakeNode::start(move |request| match behind.answer(request) {
        Reaction::Outcome(bytes) => Reaction::Through(bytes, hint.clone()),
        other => other,
    });
    let replicator = connect(&[&follower]);
    let mut round = 0;
    wait_until("a command goes to the leader", || {
        round += 1;
        let made = block_on(replicator.replicate(create(&format!("{round}"))));
        assert!(made.unwrap().is_ok());
        !ids(&leader).is_empty()
    });
    let before = follower.seen().len();
    assert!(block_on(replicator.replicate(mkdir("a"))).unwrap().is_ok());
    assert_eq!(follower.seen().len(), before);
}

#[test]
fn a_node_that_says_who_leads_when_it_is_asked_for_the_volume_is_not_asked_twice() {
    let state = State::new();
    let leader = state.leader();
    let follower = FakeNode::start(refuse(Kind::Unavailable, None));
    follower.set_leader(vec![leader.endpoint(1)], Some(leader.endpoint(1)));
    let replicator = connect(&[&follower]);
    assert!(block_on(replicator.replicate(mkdir("a"))).unwrap().is_ok());
    assert!(follower.seen().len() <= 1, "{}", follower.seen().len());
}

#[test]
fn two_nodes_that_send_to_each_other_are_not_asked_without_pause() {
    let state = State::new();
    let (first, second) = (state.leader(), state.leader());
    let replicator = connect(&[&first, &second]);
    first.set_script(refuse(Kind::NotLeader, Some(second.endpoint(2))));
    second.set_script(refuse(Kind::NotLeader, Some(first.endpoint(1))));
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| block_on(replicator.replicate(mkdir("a"))));
        wait_until("it went there and back", || {
            ids(&first).len() + ids(&second).len() > 6
        });
        let (began, before) = (Instant::now(), first.streams() + second.streams());
        wait_until("some time has passed", || {
            began.elapsed() > Duration::from_millis(500)
        });
        let streams = first.streams() + second.streams() - before;
        assert!(streams < 60, "{streams} streams in half a second");
        let state = state.clone();
        first.set_script(move |request| state.answer(request));
        assert!(waiter.join().unwrap().unwrap().is_ok());
    });
}

#[test]
fn without_a_leader_the_nodes_are_asked_in_turn_with_growing_pauses() {
    let state = State::new();
    let nodes = [state.leader(), state.leader(), state.leader()];
    let replicator = connect(&[&nodes[0], &nodes[1], &nodes[2]]);
    for node in &nodes {
        node.set_script(refuse(Kind::NotLeader, None));
    }
    let count = || nodes.iter().map(|node| ids(node).len()).sum::<usize>();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| block_on(replicator.replicate(mkdir("a"))));
        let began = Instant::now();
        wait_until("some time has passed", || {
            began.elapsed() > Duration::from_secs(2)
        });
        let tries = count();
        assert!((4..60).contains(&tries), "{tries} tries in two seconds");
        assert!(nodes.iter().all(|node| !ids(node).is_empty()));
        for node in &nodes {
            let state = state.clone();
            node.set_script(move |request| state.answer(request));
        }
        assert!(waiter.join().unwrap().unwrap().is_ok());
    });
    let all: Vec<_> = nodes.iter().flat_map(ids).collect();
    assert!(all.iter().all(|id| *id == all[0]), "one id: {all:?}");
}

#[test]
fn a_command_whose_answer_is_lost_takes_effect_once_and_keeps_its_id() {
    let state = State::new();
    let lost = AtomicUsize::new(0);
    let behind = state.clone();
    // Applies, and dies before it says so; three times.
    let node = FakeNode::start(move |request| {
        let answer = behind.answer(request);
        let is_lost = operation_in(request).is_some() && lost.fetch_add(1, Ordering::SeqCst) < 3;
        if is_lost { Reaction::Break } else { answer }
    });
    let replicator = connect(&[&node]);
    let made = block_on(replicator.replicate(create("a"))).unwrap();
    let ino = entry(&made).ino;
    let ids = ids(&node);
    assert_eq!(ids.len(), 4);
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let again = block_on(replicator.replicate(create("a"))).unwrap();
    assert_eq!(again, Err(PosixError::Exists));
    let found = block_on(replicator.query(crate::testing::lookup("a"))).unwrap();
    assert!(matches!(found, Ok(Reply::Attributes(found)) if found.ino == ino));
}

#[test]
fn an_outcome_that_the_node_does_not_know_is_asked_for_under_the_same_id() {
    let state = State::new();
    let behind = state.clone();
    let is_first = AtomicBool::new(true);
    let node = FakeNode::start(move |request| {
        let answer = behind.answer(request);
        if operation_in(request).is_some() && is_first.swap(false, Ordering::SeqCst) {
            return Reaction::Refuse(Kind::OutcomeUnknown, None);
        }
        answer
    });
    let replicator = connect(&[&node]);
    assert!(block_on(replicator.replicate(create("a"))).unwrap().is_ok());
    let ids = ids(&node);
    assert_eq!((ids.len(), ids[0]), (2, ids[1]));
}

#[test]
fn a_node_that_has_too_much_to_do_is_asked_again_on_the_same_stream() {
    let state = State::new();
    let behind = state.clone();
    let refusals = AtomicUsize::new(0);
    let node = FakeNode::start(move |request| {
        if operation_in(request).is_some() && refusals.fetch_add(1, Ordering::SeqCst) < 5 {
            return Reaction::Refuse(Kind::Overloaded, None);
        }
        behind.answer(request)
    });
    let replicator = connect(&[&node]);
    assert!(block_on(replicator.replicate(create("a"))).unwrap().is_ok());
    assert_eq!((node.streams(), ids(&node).len()), (1, 6));
}

#[test]
fn a_killed_node_is_replaced_by_another_that_was_learned() {
    let state = State::new();
    let (first, second) = (state.leader(), state.leader());
    let nodes = vec![first.endpoint(1), second.endpoint(2)];
    first.set_leader(nodes.clone(), Some(first.endpoint(1)));
    let replicator = connect(&[&first]);
    assert!(block_on(replicator.replicate(mkdir("a"))).unwrap().is_ok());
    let address = first.address.clone();
    drop(first);
    let began = Instant::now();
    assert!(block_on(replicator.replicate(mkdir("b"))).unwrap().is_ok());
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    drop(second);
    // All are gone; one comes back.
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| block_on(replicator.query(Query::Statistics)));
        let behind = state.clone();
        let back = FakeNode::start_at(&address, move |request| behind.answer(request));
        assert!(waiter.join().unwrap().unwrap().is_ok());
        drop(back);
    });
}

#[test]
fn nodes_that_moved_one_after_the_other_are_found_where_they_are_now() {
    let state = State::new();
    let (first, moved) = (state.leader(), state.leader());
    first.set_leader(vec![first.endpoint(1)], Some(first.endpoint(1)));
    let replicator = connect(&[&first]);
    assert!(block_on(replicator.replicate(mkdir("a"))).unwrap().is_ok());
    // The others come to addresses where they were not when the stream was opened.
    first
        .said
        .nodes
        .send_replace(vec![first.endpoint(1), moved.endpoint(2)]);
    wait_until("the mount has heard it", || first.said.nodes_told() > 0);
    // Whatever was sent before this answer has arrived before it.
    assert!(block_on(replicator.replicate(mkdir("b"))).unwrap().is_ok());
    drop(first);
    assert!(block_on(replicator.replicate(mkdir("c"))).unwrap().is_ok());
}

#[test]
fn an_idle_mount_finds_another_node_before_it_is_asked() {
    let state = State::new();
    let (first, second) = (state.leader(), state.leader());
    let replicator = connect(&[&first, &second]);
    let (used, other) = if first.streams() > 0 {
        (first, second)
    } else {
        (second, first)
    };
    drop(used);
    wait_until("it has a stream again", || other.streams() > 0);
    assert!(block_on(replicator.replicate(mkdir("a"))).unwrap().is_ok());
}

#[test]
fn a_leader_that_is_cut_off_and_does_not_know_it_is_left() {
    let state = State::new();
    let (first, second) = (state.leader(), state.leader());
    let mut timing = timing();
    timing.patience_first = Duration::from_millis(100);
    let mut options = options(&[&first]);
    options.addresses.push(second.address.clone());
    first.set_script(|_| Reaction::Silence);
    first.set_leader(Vec::new(), Some(first.endpoint(1)));
    let replicator = started(options, timing);
    assert!(block_on(replicator.replicate(mkdir("a"))).unwrap().is_ok());
    assert_eq!(ids(&second).len(), 1);
}

#[test]
fn a_volume_that_was_deleted_is_an_error_and_not_a_wait() {
    let state = State::new();
    let nodes = [state.leader(), state.leader()];
    let replicator = connect(&[&nodes[0], &nodes[1]]);
    for node in &nodes {
        node.set_script(refuse(Kind::NoSuchVolume, None));
    }
    let answer = block_on(replicator.replicate(mkdir("a")));
    assert!(
        matches!(answer, Err(ReplicateError::Fault(_))),
        "{answer:?}"
    );
    assert!(replicator.status().fault.is_some());
    let answer = block_on(replicator.query(Query::Statistics));
    assert!(
        matches!(answer, Err(ReplicateError::Fault(_))),
        "{answer:?}"
    );
    assert_eq!(block_on(replicator.stop()), Ok(()));
}

#[test]
fn another_volume_of_the_same_name_is_not_served() {
    let state = State::new();
    let node = state.leader();
    let replicator = connect(&[&node]);
    let mut opening = node.said.opening.lock().clone().unwrap();
    opening.volume += 1;
    *node.said.opening.lock() = Ok(opening);
    node.set_script(|_| Reaction::Break);
    let answer = block_on(replicator.query(Query::Statistics));
    assert!(
        matches!(answer, Err(ReplicateError::Fault(_))),
        "{answer:?}"
    );
}

#[test]
fn a_query_is_sent_again_until_it_is_answered() {
    let state = State::new();
    let behind = state.clone();
    let tries = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&tries);
    let node = FakeNode::start(move |request| {
        let mut tries = counted.lock().unwrap();
        *tries += 1;
        match *tries {
            3 => Reaction::Break,
            4 => Reaction::Refuse(Kind::Unavailable, None),
            _ => behind.answer(request),
        }
    });
    let replicator = connect(&[&node]);
    assert!(
        block_on(replicator.query(Query::Statistics))
            .unwrap()
            .is_ok()
    );
    assert_eq!(*tries.lock().unwrap(), 5, "two of them by the start");
    assert!(block_on(replicator.replicate(mkdir(&free_address()))).is_ok());
}
