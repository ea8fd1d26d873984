//! A client that says it is a node, or passes on calls as one: the certificate decides, not what a call says.

use std::path::Path;
use std::time::Duration;

use holdfast_metadata::{InodeId, Query};
use holdfast_proto::admin_client::AdminClient;
use holdfast_proto::client_client::ClientClient;
use holdfast_proto::identity::Identity;
use holdfast_proto::raft_client::RaftClient;
use holdfast_proto::{
    CallRequest, CallRequests, JoinRequest, ProposeCatalogRequest, StatusRequest, VoteRequest,
    call_request, call_response, refusal,
};
use holdfast_replicator::{Tls, connect_lazy, explain};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

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

#[tokio::test]
async fn a_call_that_looks_forwarded_is_checked_all_the_same() {
    let scene = Scene::start(1);
    let client = scene.issue(&["client", "alice", "--volumes", "home"]);
    let query = Query::Attributes { ino: InodeId::ROOT };
    let call = |call, forwarded| CallRequest {
        call,
        volume: 1,
        forwarded,
        body: Some(call_request::Body::Query(holdfast_proto::encode_query(
            &query,
        ))),
        ..CallRequest::default()
    };
    let batch = CallRequests {
        requests: vec![call(1, true), call(2, false)],
        ..CallRequests::default()
    };
    let outgoing =
        tokio_stream::StreamExt::chain(tokio_stream::once(batch), tokio_stream::pending());
    let mut asked = request(outgoing, None);
    asked.set_timeout(ANSWER);
    let channel = channel(&scene.address(1), &client, None);
    let answers = ClientClient::new(channel).call(asked).await.unwrap();
    let mut answers = answers.into_inner();
    let mut refused = Vec::new();
    while refused.len() < 2 {
        let message = answers.message().await.unwrap().unwrap();
        for response in message.responses {
            let Some(call_response::Body::Refusal(said)) = response.body else {
                panic!("an answer: {response:?}");
            };
            assert_eq!(said.kind(), refusal::Kind::Malformed, "{said:?}");
            refused.push((response.call, said.message));
        }
    }
    refused.sort();
    assert_says(&refused[0].1, "passes on a call, and is no node");
    assert_says(&refused[1].1, "no right to volume \"default\"");
}
