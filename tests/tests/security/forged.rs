//! A client that says it is a node, or passes on calls as one: the certificate decides, not what a call says.

use std::path::Path;
use std::time::Duration;

use holdfast_metadata::{
    Command, Credentials, InodeId, LockMode, LockOwner, LockRange, LockSpace, Operation, Query,
    RequestId, SessionId, TestLock, Timestamp,
};
use holdfast_proto::admin_client::AdminClient;
use holdfast_proto::client_client::ClientClient;
use holdfast_proto::identity::Identity;
use holdfast_proto::raft_client::RaftClient;
use holdfast_proto::session_admin_client::SessionAdminClient;
use holdfast_proto::{
    Attend, CallRequest, CallRequests, JoinRequest, ListSessionsRequest, ProposeCatalogRequest,
    StatusRequest, VoteRequest, call_request, call_response, encode_command, encode_query, refusal,
};
use holdfast_replicator::{Tls, connect_lazy, explain};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use crate::mounts::{Mount, tls};
use crate::scene::{Scene, assert_says};

const ANSWER: Duration = Duration::from_secs(20);

pub(crate) fn channel(address: &str, tls: &Path, node: Option<u64>) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    connect_lazy(&endpoint, Some(&Tls::open(tls).unwrap()), node)
}

/// As this node would ask, or nobody.
pub(crate) fn request<T>(message: T, node: Option<u64>) -> Request<T> {
    let mut request = Request::new(message);
    let identity = Identity {
        cluster: None,
        node,
        program: "test",
    };
    identity.attach(request.metadata_mut());
    request.set_timeout(ANSWER);
    request
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, expected: &str) {
    let status = answer.unwrap_err();
    assert_eq!(status.code(), code, "{status}");
    assert_says(status.message(), expected);
}

#[tokio::test]
async fn no_client_speaks_as_a_node() {
    let scene = Scene::start(1);
    let address = scene.address(1);
    let channel = channel(&address, &scene.admin(), None);
    let no_node = "is not that of a node";
    let vote = VoteRequest::default();
    let voted = RaftClient::new(channel.clone())
        .request_vote(request(vote, None))
        .await;
    assert_refused(voted, Code::Unauthenticated, no_node);
    let mut admin = AdminClient::new(channel.clone());
    let join = JoinRequest {
        id: 7,
        address: "127.0.0.1:1".to_owned(),
        incarnation: vec![1; 16].into(),
        as_learner: true,
    };
    let joined = admin.join(request(join, None)).await;
    assert_refused(joined, Code::Unauthenticated, no_node);
    let proposal = ProposeCatalogRequest::default();
    let proposed = admin.propose_catalog(request(proposal, None)).await;
    assert_refused(proposed, Code::Unauthenticated, no_node);
    // It may ask this; but not in the name of a node.
    let asked = admin.status(request(StatusRequest {}, Some(1))).await;
    assert_refused(
        asked,
        Code::Unauthenticated,
        "says that it comes from node 1",
    );
    admin.status(request(StatusRequest {}, None)).await.unwrap();
}

#[tokio::test]
async fn a_node_speaks_for_itself_alone_and_only_the_one_that_is_meant_is_spoken_to() {
    let scene = Scene::start(1);
    let address = scene.address(1);
    let second = scene.issue(&["node", "2"]);
    let mut admin = AdminClient::new(channel(&address, &second, Some(1)));
    let join = JoinRequest {
        id: 3,
        address: "127.0.0.1:1".to_owned(),
        incarnation: vec![1; 16].into(),
        as_learner: true,
    };
    let joined = admin.join(request(join, Some(2))).await;
    assert_refused(joined, Code::Unauthenticated, "is not that of node 3");
    let asked = admin.status(request(StatusRequest {}, Some(3))).await;
    assert_refused(
        asked,
        Code::Unauthenticated,
        "says that it comes from node 3",
    );
    admin
        .status(request(StatusRequest {}, Some(2)))
        .await
        .unwrap();

    let mut elsewhere = AdminClient::new(channel(&address, &second, Some(3)));
    let status = elsewhere
        .status(request(StatusRequest {}, Some(2)))
        .await
        .unwrap_err();
    assert_says(&explain(&status).unwrap(), "node 3 was meant");
}

/// Why each of these calls is refused.
pub(crate) async fn refusals(scene: &Scene, tls: &Path, calls: Vec<CallRequest>) -> Vec<String> {
    let count = calls.len();
    let batch = CallRequests {
        requests: calls,
        ..CallRequests::default()
    };
    let outgoing =
        tokio_stream::StreamExt::chain(tokio_stream::once(batch), tokio_stream::pending());
    let mut asked = request(outgoing, None);
    asked.set_timeout(ANSWER);
    let channel = channel(&scene.address(1), tls, None);
    let answers = ClientClient::new(channel).call(asked).await.unwrap();
    let mut answers = answers.into_inner();
    let mut refused = Vec::new();
    while refused.len() < count {
        let message = answers.message().await.unwrap().unwrap();
        for response in message.responses {
            let said = match response.body {
                Some(call_response::Body::Refusal(said)) => Ok(said),
                answer => Err(answer),
            };
            let said = said.unwrap();
            assert_eq!(said.kind(), refusal::Kind::Malformed, "{said:?}");
            refused.push((response.call, said.message));
        }
    }
    refused.sort();
    refused.into_iter().map(|(_, why)| why).collect()
}

#[tokio::test]
async fn a_call_that_looks_forwarded_is_checked_all_the_same() {
    let scene = Scene::start(1);
    let client = scene.issue(&["client", "alice", "--volumes", "home"]);
    let query = Query::Attributes { ino: InodeId::ROOT };
    let call = |call, forwarded| CallRequest {
        call,
        volume: 1,
        forwarded,
        body: Some(call_request::Body::Query(encode_query(&query))),
        ..CallRequest::default()
    };
    let calls = vec![call(1, true), call(2, false)];
    let refused = refusals(&scene, &client, calls).await;
    assert_says(&refused[0], "passes on a call, and is no node");
    assert_says(&refused[1], "no right to volume number 1");
    assert!(!refused[1].contains("default"), "it is told no name");
}

#[tokio::test]
async fn nobody_acts_or_asks_in_the_session_of_another_client() {
    let scene = Scene::start(1);
    let rights = ["--volumes", "default"];
    let [alice, mallory] =
        ["alice", "mallory"].map(|name| scene.issue(&[&["client", name][..], &rights].concat()));
    let mount = Mount::new(&scene, "alice", &tls(&alice));
    mount.shell("touch $M/file").success();
    // Who may use the volume may know of it ...
    let list = ListSessionsRequest {
        volume: "default".to_owned(),
    };
    let listed = SessionAdminClient::new(channel(&scene.address(1), &mallory, None))
        .list_sessions(request(list, None))
        .await
        .unwrap();
    let session = listed.into_inner().sessions[0].session;
    // ... and that is all.
    let close = Command {
        request: Some(RequestId {
            session: SessionId(session),
            sequence: 1 << 40,
            acknowledged: 1 << 40,
        }),
        now: Timestamp {
            seconds: 1,
            nanoseconds: 0,
        },
        credentials: Credentials::ROOT,
        squashed: false,
        operation: Operation::CloseSession,
    };
    let attend = Attend {
        session,
        ..Attend::default()
    };
    let ticket = Query::LockTicket {
        ino: InodeId::ROOT,
        session: SessionId(session),
        sequence: 1,
    };
    let test = Query::TestLock(TestLock {
        ino: InodeId::ROOT,
        space: LockSpace::Posix,
        session: SessionId(session),
        owner: LockOwner(1),
        range: LockRange { start: 0, end: 1 },
        mode: LockMode::Shared,
    });
    let query = |query| call_request::Body::Query(encode_query(query));
    let bodies = [
        call_request::Body::Command(encode_command(&close)),
        call_request::Body::Attend(attend),
        query(&ticket),
        query(&test),
    ];
    let calls = bodies.into_iter().zip(1..).map(|(body, call)| CallRequest {
        call,
        volume: 1,
        body: Some(body),
        ..CallRequest::default()
    });
    for why in refusals(&scene, &mallory, calls.collect()).await {
        assert_says(&why, "is not one of client/mallory");
    }
    mount.shell("touch $M/another").success();
}
