//! A node talks only to nodes of its own cluster.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use holdfast_proto::identity::Identity;
use openraft::async_runtime::WatchReceiver;
use openraft::network::RPCOption;
use openraft::raft::{AppendEntriesRequest, VoteRequest};
use openraft::{RaftNetworkFactory, RaftNetworkV2};

use super::super::Peers;
use super::node::{GROUP, Node, identity};
use crate::raft::type_config::{Peer, Vote};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_at_the_address_of_another_does_not_vote_for_it() {
    let node = Node::start(2).await;
    node.open_group(GROUP).await;
    let mut factory = Peers::new(identity(1), None).network(GROUP);
    let mut network = factory.new_client(3, &node.peer()).await;
    let vote = VoteRequest::new(Vote::new(9, 1), None);
    let option = RPCOption::new(Duration::from_secs(10));
    let error = network.vote(vote, option).await.unwrap_err().to_string();
    assert!(
        error.contains("this is node 2, and node 3 was meant"),
        "{error}"
    );
    let term = node.raft(GROUP).metrics().borrow_watched().current_term;
    assert_eq!(term, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_follows_its_peer_to_another_address() {
    let node = Node::start(2).await;
    node.open_group(GROUP).await;
    let peers = Peers::new(identity(1), None);
    let nowhere = Peer {
        address: "127.0.0.1:1".to_owned(),
    };
    let mut factory = peers.network(GROUP);
    let mut network = factory.new_client(2, &nowhere).await;
    let mut heartbeats = factory.new_heartbeat_client(2, &nowhere).await;
    let vote = || VoteRequest::new(Vote::new(9, 1), None);
    let option = || RPCOption::new(Duration::from_secs(10));
    network.vote(vote(), option()).await.unwrap_err();
    peers.learn([(2, node.peer().address)].into());
    assert!(network.vote(vote(), option()).await.unwrap().vote_granted);
    let request = || AppendEntriesRequest {
        vote: Vote::new_committed(9, 1),
        prev_log_id: None,
        entries: Vec::new(),
        leader_commit: None,
    };
    let answer = heartbeats.append_entries(request(), option()).await;
    answer.unwrap();
    let answers = network.stream_append(stream::iter([request()]), option());
    answers
        .await
        .unwrap()
        .next()
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_message_of_another_cluster_is_refused() {
    let node = Node::start(2).await;
    node.open_group(GROUP).await;
    let stranger = Identity {
        cluster: Some([0xab; 16]),
        ..identity(1)
    };
    let option = RPCOption::new(Duration::from_secs(10));
    let mut factory = Peers::new(stranger, None).network(GROUP);
    let mut network = factory.new_client(2, &node.peer()).await;
    let mut heartbeats = factory.new_heartbeat_client(2, &node.peer()).await;
    let vote = VoteRequest::new(Vote::new(9, 1), None);
    let request = || AppendEntriesRequest {
        vote: Vote::new_committed(9, 1),
        prev_log_id: None,
        entries: Vec::new(),
        leader_commit: None,
    };
    let errors = [
        network
            .vote(vote.clone(), option.clone())
            .await
            .unwrap_err(),
        network.pre_vote(vote, option.clone()).await.unwrap_err(),
        network
            .stream_append(stream::iter([request()]), option.clone())
            .await
            .unwrap()
            .next()
            .await
            .unwrap()
            .unwrap_err(),
        heartbeats
            .append_entries(request(), option)
            .await
            .unwrap_err(),
    ];
    for error in errors {
        let text = error.to_string();
        assert!(text.contains(&"ab".repeat(16)), "{text}");
        assert!(text.contains(&"01".repeat(16)), "{text}");
    }
    let term = node.raft(GROUP).metrics().borrow_watched().current_term;
    assert_eq!(term, 0);
}
