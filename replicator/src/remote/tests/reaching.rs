//! The first contact with a cluster, and what is said when there is none.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use tonic::Status;

use super::super::options::Timing;
use super::super::{ConnectError, FailureReason, RemoteOptions, RemoteReplicator};
use super::fixture::{State, options, timing};
use crate::call::testing::free_address;

fn failure(addresses: Vec<String>) -> ConnectError {
    failure_within(Duration::from_millis(300), addresses)
}

fn failure_within(dial_max: Duration, addresses: Vec<String>) -> ConnectError {
    let timing = Timing {
        dial_max,
        ..timing()
    };
    RemoteReplicator::connect_with(RemoteOptions::new(addresses, "volume"), timing, None)
        .unwrap_err()
}

#[test]
fn every_node_that_cannot_be_used_is_named_with_its_reason() {
    let node = State::new().leader();
    let protocol = "protocol 1 (holdfast 0.1.0) cannot talk to protocol 2 (holdfast 0.2.0)";
    *node.said.opening.lock() = Err(Status::failed_precondition(protocol));
    // The kernel takes connections for it, and nobody answers.
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let deaf = deaf.local_addr().map(|address| (deaf, address)).unwrap();
    let dead = free_address();
    let addresses = vec![
        dead.clone(),
        deaf.1.to_string(),
        node.address.clone(),
        "no address".to_owned(),
    ];
    let error = failure(addresses);
    let ConnectError::Unreachable { nodes } = &error else {
        panic!("{error}");
    };
    let reason = |address: &str| {
        let node = nodes.iter().find(|node| node.address == address);
        node.map(|node| node.reason.clone()).unwrap()
    };
    assert_eq!(nodes.len(), 4);
    assert_eq!(reason(&dead), FailureReason::Refused);
    let limit = Duration::from_millis(300);
    assert_eq!(reason(&deaf.1.to_string()), FailureReason::TimedOut(limit));
    let other = FailureReason::OtherProtocol(protocol.to_owned());
    assert_eq!(reason(&node.address), other);
    assert_eq!(reason("no address"), FailureReason::InvalidAddress);
    let shown = error.to_string();
    assert!(
        shown.contains(&format!("{dead}: connection refused")),
        "{shown}"
    );
    assert!(shown.contains("no answer within 300 ms"), "{shown}");
    assert!(shown.contains(protocol), "{shown}");
}

/// What is said of a node where this happens to each connection.
fn reason_where(served: impl Fn(TcpStream) + Send + 'static) -> FailureReason {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        listener.incoming().flatten().for_each(served);
    });
    // Nothing here waits for it to be over.
    let failure = failure_within(Duration::from_mins(1), vec![address]);
    let ConnectError::Unreachable { mut nodes } = failure else {
        panic!("{failure}");
    };
    nodes.remove(0).reason
}

#[test]
fn a_node_that_is_killed_while_it_is_asked_is_not_taken_for_somebody_else() {
    // An empty frame of the kind SETTINGS, with which HTTP/2 begins.
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    for reads in [0, 1, 24, 64, 200] {
        for settings in [&[][..], SETTINGS] {
            let reason = reason_where(move |mut stream| {
                // Who has gone already is no failure of this test.
                stream.write_all(settings).ok();
                stream
                    .set_read_timeout(Some(Duration::from_millis(50)))
                    .ok();
                stream.read_exact(&mut vec![0; reads]).ok();
            });
            let text = reason.to_string();
            assert!(
                matches!(reason, FailureReason::Other(_)) && text.contains("closed"),
                "after {reads} bytes, settings {settings:?}: {reason:?}"
            );
        }
    }
}

#[test]
fn who_speaks_something_else_may_be_no_node() {
    let reason = reason_where(|mut stream| {
        let answer = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
        stream.write_all(answer.as_bytes()).ok();
        stream.read_to_end(&mut Vec::new()).ok();
    });
    // HTTP/2 tells only sometimes that the connection ended for what was said on it.
    assert!(reason.to_string().contains("a holdfast node"), "{reason:?}");
}

#[test]
fn a_volume_that_is_not_there_is_told_apart_from_a_cluster_that_is_not() {
    let node = State::new().leader();
    let reason = "there is no volume \"volume\"; there is: home, scratch";
    *node.said.opening.lock() = Err(Status::not_found(reason));
    let error = failure(vec![free_address(), node.address.clone()]);
    assert!(matches!(error, ConnectError::NoSuchVolume { .. }));
    assert_eq!(error.to_string(), reason);
}

#[test]
fn no_address_is_an_error() {
    assert!(matches!(failure(Vec::new()), ConnectError::NoAddress));
}

#[test]
fn one_node_that_answers_is_enough_even_from_within_a_runtime() {
    let node = State::new().leader();
    let mut options = options(&[&node]);
    options.addresses.insert(0, free_address());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let replicator = RemoteReplicator::connect_with(options, timing(), None).unwrap();
        drop(replicator);
    });
}
