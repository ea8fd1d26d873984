//! One stream against a node that does what it is told.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use holdfast_proto::identity::Identity;
use holdfast_proto::refusal::Kind;
use holdfast_proto::{Attend, Attended, CallRequest, call_request};
use tokio::runtime::Runtime;

use super::testing::{FakeNode, Reaction, wait_until};
use super::{AnswerBody, CallBody, CallLimits, CallStream, Kept, Line, Wire, queue, transport};
use crate::refusal::{Endpoint, Refusal};
use crate::replicator::Space;

const VOLUME: u64 = 7;
const CALLS_MAX: usize = 1024;

fn echo(request: &CallRequest) -> Reaction {
    match request.body.clone().unwrap() {
        call_request::Body::Command(bytes) => Reaction::Outcome(bytes),
        call_request::Body::Query(bytes) => Reaction::Reply(bytes),
        call_request::Body::Attend(_) => Reaction::Silence,
    }
}

fn silence(_request: &CallRequest) -> Reaction {
    Reaction::Silence
}

fn command(text: &str) -> CallBody {
    CallBody::Command(Bytes::copy_from_slice(text.as_bytes()))
}

fn open(runtime: &Runtime, node: &FakeNode) -> CallStream {
    let identity = Identity {
        cluster: None,
        node: None,
        program: "test",
    };
    let address = node.address.clone();
    runtime.block_on(async move {
        let channel = transport(&address).unwrap().connect_lazy();
        CallStream::open(channel, &identity, CallLimits::default())
            .await
            .unwrap()
    })
}

/// Polls a future once on this thread, which has no runtime.
fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn answers_find_who_waits_for_them_whatever_their_order() {
    let runtime = Runtime::new().unwrap();
    let node = FakeNode::start(echo);
    let stream = open(&runtime, &node);
    runtime.block_on(async {
        let calls: Vec<_> = (0..500)
            .map(|n| {
                let stream = stream.clone();
                tokio::spawn(async move {
                    let body = CallBody::Query(Bytes::from(format!("{n}")));
                    stream.call(VOLUME, false, body).await
                })
            })
            .collect();
        for (n, call) in calls.into_iter().enumerate() {
            let answer = call.await.unwrap().unwrap();
            assert_eq!(answer.body, AnswerBody::Reply(Bytes::from(format!("{n}"))));
            let space = Space {
                total: 1000,
                available: 900,
            };
            assert_eq!((answer.space, answer.leader), (Some(space), None));
        }
    });
    assert!(
        node.seen()
            .iter()
            .all(|request| request.volume == VOLUME && !request.forwarded)
    );
}

#[test]
fn calls_that_wait_travel_together() {
    let runtime = Runtime::new().unwrap();
    let node = FakeNode::start(echo);
    let stream = open(&runtime, &node);
    let (calls, threads) = (200, 64);
    runtime.block_on(async {
        let callers: Vec<_> = (0..threads)
            .map(|_| {
                let stream = stream.clone();
                tokio::spawn(async move {
                    for _ in 0..calls {
                        stream.call(VOLUME, false, command("x")).await.unwrap();
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
    });
    let messages = node.said.messages.load(Ordering::SeqCst);
    let sent = node.seen().len();
    assert_eq!(sent, calls * threads);
    assert!(sent > messages * 2, "{sent} calls in {messages} messages");
}

#[test]
fn a_broken_stream_is_certain_about_queries_only() {
    let runtime = Runtime::new().unwrap();
    let node = FakeNode::start(|request| match &request.body {
        Some(call_request::Body::Command(bytes)) if bytes == "break" => Reaction::Break,
        _ => Reaction::Silence,
    });
    let stream = open(&runtime, &node);
    runtime.block_on(async {
        let lost = tokio::spawn({
            let stream = stream.clone();
            async move { stream.call(VOLUME, false, command("lost")).await }
        });
        let asked = tokio::spawn({
            let stream = stream.clone();
            async move {
                let body = CallBody::Query(Bytes::from_static(b"asked"));
                stream.call(VOLUME, false, body).await
            }
        });
        wait_until("both are sent", || node.seen().len() == 2);
        let broken = stream.call(VOLUME, false, command("break")).await;
        assert_eq!(broken, Err(Refusal::OutcomeUnknown));
        assert_eq!(lost.await.unwrap(), Err(Refusal::OutcomeUnknown));
        let reason = "the node ended the stream".to_owned();
        let unavailable = Err(Refusal::Unavailable { reason });
        assert_eq!(asked.await.unwrap(), unavailable);
        assert!(stream.is_closed());
        assert_eq!(
            stream.call(VOLUME, false, command("late")).await,
            unavailable
        );
    });
}

#[test]
fn a_command_that_was_not_sent_is_not_done() {
    let runtime = Runtime::new().unwrap();
    let node = FakeNode::start(silence);
    let stream = open(&runtime, &node);
    node.said.reads.send_replace(false);
    runtime.block_on(async {
        // More than the transport takes from a node that does not read.
        let large = CallBody::Command(Bytes::from(vec![0; 3 << 20]));
        let call = |body: CallBody| {
            let stream = stream.clone();
            tokio::spawn(async move { stream.call(VOLUME, false, body).await })
        };
        let first = call(large.clone());
        wait_until("the transport has taken a message", || {
            stream.queue().sent() > 0
        });
        let second = call(large);
        wait_until("the second is in its place", || {
            stream.queue().sent() + stream.queue().waiting() > 1
        });
        let calls = [first, second, call(command("waits"))];
        drop(node);
        stream.closed().await;
        let mut refusals = Vec::new();
        for call in calls {
            refusals.push(call.await.unwrap().unwrap_err());
        }
        assert_eq!(refusals[0], Refusal::OutcomeUnknown);
        assert!(
            matches!(refusals[2], Refusal::Unavailable { .. }),
            "{refusals:?}"
        );
    });
}

#[test]
fn a_call_that_is_dropped_before_it_is_sent_never_is() {
    let runtime = Runtime::new().unwrap();
    // Nothing is sent but what this test takes from the queue.
    let wire = Wire {
        queue: Arc::new(queue::Queue::new(CallLimits::default())),
        kept: Arc::new(Kept::new(8)),
        nodes: Arc::default(),
        reader: runtime.spawn(std::future::pending::<()>()).abort_handle(),
    };
    let stream = CallStream {
        line: Line::Wire(Arc::new(wire)),
    };
    let mut dropped = Box::pin(stream.call(VOLUME, false, command("dropped")));
    let mut after = Box::pin(stream.call(VOLUME, false, command("after")));
    assert!(poll(&mut dropped).is_pending());
    assert!(poll(&mut after).is_pending());
    assert_eq!(stream.queue().waiting(), 2);
    drop(dropped);
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(Some(message)) = stream.queue().poll_message(&mut context) else {
        panic!("there is a call");
    };
    let lengths: Vec<usize> = message.requests.iter().map(length).collect();
    assert_eq!(lengths, ["after".len()]);
}

fn length(request: &CallRequest) -> usize {
    match request.body.as_ref().unwrap() {
        call_request::Body::Command(bytes) | call_request::Body::Query(bytes) => bytes.len(),
        call_request::Body::Attend(_) => 0,
    }
}

#[test]
fn too_many_calls_wait_for_their_turn_and_go_on_when_others_end() {
    let runtime = Runtime::new().unwrap();
    let node = FakeNode::start(silence);
    let stream = open(&runtime, &node);
    let call = || Box::pin(stream.call(VOLUME, false, command("x")));
    let mut calls: Vec<_> = (0..CALLS_MAX).map(|_| call()).collect();
    for call in &mut calls {
        assert!(poll(call).is_pending());
    }
    wait_until("all are sent", || node.seen().len() == CALLS_MAX);
    let mut last = call();
    runtime.block_on(async {
        let waits = tokio::time::timeout(Duration::from_millis(50), &mut last).await;
        assert!(waits.is_err());
    });
    assert_eq!(node.seen().len(), CALLS_MAX, "it was not sent");
    node.set_script(echo);
    calls.pop();
    assert!(runtime.block_on(last).is_ok(), "a place became free");
}

#[test]
fn a_sign_of_life_waits_for_nothing() {
    let queue = Arc::new(queue::Queue::new(CallLimits::default()));
    let first = queue.push(VOLUME, false, command("first")).unwrap();
    let second = queue.push(VOLUME, false, command("second")).unwrap();
    let life = queue.push(VOLUME, false, CallBody::Attend(Attend::default()));
    let message = queue.poll_message(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Some(message)) = message else {
        panic!("there are three calls");
    };
    let order: Vec<u64> = message
        .requests
        .iter()
        .map(|request| request.call)
        .collect();
    assert_eq!(order, [3, 1, 2]);
    drop((first, second, life));

    let runtime = Runtime::new().unwrap();
    let node = FakeNode::start(silence);
    let stream = open(&runtime, &node);
    let call = |body| Box::pin(stream.call(VOLUME, false, body));
    let mut calls: Vec<_> = (0..CALLS_MAX).map(|_| call(command("x"))).collect();
    for call in &mut calls {
        assert!(poll(call).is_pending());
    }
    node.set_attendance(|_| Some(Attended::default()));
    let life = call(CallBody::Attend(Attend::default()));
    let answer = runtime.block_on(life).unwrap();
    assert_eq!(answer.body, AnswerBody::Attended(Attended::default()));
}

#[test]
fn refusals_arrive_as_what_they_are() {
    let runtime = Runtime::new().unwrap();
    let leader = holdfast_proto::Endpoint {
        id: 3,
        address: "host:1".to_owned(),
    };
    let mut kinds = [
        (Kind::NotLeader, Some(leader)),
        (Kind::NotLeader, None),
        (Kind::Overloaded, None),
        (Kind::OutcomeUnknown, None),
        (Kind::NoSuchVolume, None),
        (Kind::Unspecified, None),
    ]
    .into_iter();
    let node = FakeNode::start(move |_| {
        let (kind, leader) = kinds.next().unwrap();
        Reaction::Refuse(kind, leader)
    });
    let stream = open(&runtime, &node);
    let expected = [
        Refusal::NotLeader {
            leader: Some(Endpoint {
                id: 3,
                address: "host:1".to_owned(),
            }),
        },
        Refusal::NotLeader { leader: None },
        Refusal::Overloaded,
        Refusal::OutcomeUnknown,
        Refusal::NoSuchVolume,
        Refusal::OutcomeUnknown,
    ];
    for refusal in expected {
        let answer = runtime.block_on(stream.call(VOLUME, false, command("x")));
        assert_eq!(answer, Err(refusal));
    }
}

#[test]
fn the_last_caller_to_go_ends_the_stream() {
    let runtime = Runtime::new().unwrap();
    let node = FakeNode::start(echo);
    let stream = open(&runtime, &node);
    let queue = Arc::downgrade(stream.queue());
    let clone = stream.clone();
    drop(stream);
    assert!(
        runtime
            .block_on(clone.call(VOLUME, false, command("x")))
            .is_ok()
    );
    drop(clone);
    wait_until("nothing is left of it", || queue.upgrade().is_none());
}
