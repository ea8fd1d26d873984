//! Snapshots arrive whole, wherever their transfer was interrupted.

use std::sync::Arc;
use std::time::Duration;

use openraft::ChangeMembers;
use openraft::async_runtime::WatchReceiver;
use openraft::errors::{ReplicationClosed, StreamingError};
use openraft::network::RPCOption;
use openraft::{RaftNetworkFactory, RaftNetworkV2};

use super::super::snapshot_sender;
use super::PATIENCE;
use super::node::{GROUP, Node, leader, write};
use super::proxy::Mode;
use crate::raft::snapshot::SnapshotDirectory;
use crate::raft::type_config::{TypeConfig, Vote};

type Snapshot = openraft::alias::SnapshotOf<TypeConfig, SnapshotDirectory>;

const TTL: Duration = Duration::from_mins(1);

/// A node that leads alone, and its snapshot of several chunks.
async fn source() -> (Node, Snapshot) {
    let nodes = Node::cluster(1, GROUP).await;
    let raft = leader(&nodes, GROUP).await.raft(GROUP);
    write(&raft, 0..2000, 4000).await;
    raft.trigger().snapshot().await.unwrap();
    let wait = raft.wait(Some(PATIENCE));
    wait.metrics(|metrics| metrics.snapshot.is_some(), "a snapshot")
        .await
        .unwrap();
    let snapshot = raft.get_snapshot().await.unwrap().unwrap();
    (nodes.into_iter().next().unwrap(), snapshot)
}

fn vote_of(node: &Node) -> Vote {
    node.raft(GROUP).metrics().borrow_watched().vote
}

fn length(snapshot: &SnapshotDirectory) -> u64 {
    snapshot.files.iter().map(|(_, length)| length).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_goes_on_where_it_was_interrupted() {
    let (sender, snapshot) = source().await;
    let total = length(&snapshot.snapshot);
    assert!(total > 6 << 20, "{total} bytes");
    let receiver = Node::start(2).await;
    receiver.open_group(GROUP).await;
    let link = Arc::clone(
        &sender
            .peers
            .road(receiver.id, &receiver.peer().address)
            .link,
    );
    let vote = vote_of(&sender);

    receiver.proxy.set(Mode::BrokenAfter(total / 2));
    let interrupted = snapshot_sender::send(&link, GROUP, vote, snapshot.clone()).await;
    assert!(
        matches!(interrupted, Err(StreamingError::Unreachable(_))),
        "{interrupted:?}"
    );
    let before = receiver.proxy.bytes_to_node();
    receiver.proxy.set(Mode::Open);
    let index = snapshot.meta.last_log_id.unwrap().index;
    let response = loop {
        match snapshot_sender::send(&link, GROUP, vote, snapshot.clone()).await {
            Ok(response) => break response,
            // What was under way when the connection broke may still be being written.
            Err(StreamingError::Unreachable(_)) => {}
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(response.vote, vote);
    let again = receiver.proxy.bytes_to_node() - before;
    assert!(
        again < total * 3 / 4,
        "{again} of {total} bytes were sent again"
    );
    let expected = sender.digest_at(GROUP, index).await;
    assert_eq!(receiver.digest_at(GROUP, index).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_knows_a_later_vote_says_so() {
    let (sender, snapshot) = source().await;
    let receiver = Node::start(2).await;
    let raft = receiver.open_group(GROUP).await;
    let later = Vote::new(99, 3);
    let request = openraft::raft::VoteRequest::new(later, snapshot.meta.last_log_id);
    raft.vote(request).await.unwrap();
    let wait = raft.wait(Some(PATIENCE));
    wait.vote(later, "a later vote").await.unwrap();
    let link = Arc::clone(
        &sender
            .peers
            .road(receiver.id, &receiver.peer().address)
            .link,
    );
    let sent = snapshot_sender::send(&link, GROUP, vote_of(&sender), snapshot).await;
    assert_eq!(sent.unwrap().vote, later);
    assert!(receiver.proxy.bytes_to_node() < 1 << 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_ends_when_it_is_cancelled() {
    let (sender, snapshot) = source().await;
    let receiver = Node::start(2).await;
    receiver.open_group(GROUP).await;
    let mut factory = sender.peers.network(GROUP);
    let mut network = factory.new_snapshot_client(2, &receiver.peer()).await;
    receiver.proxy.set(Mode::HoldRequests);
    let cancel = std::future::ready(ReplicationClosed::new("enough"));
    let vote = vote_of(&sender);
    let sent = network
        .full_snapshot(vote, snapshot, cancel, RPCOption::new(TTL))
        .await;
    assert!(matches!(sent, Err(StreamingError::Closed(_))), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_node_gets_the_snapshot_of_what_was_purged() {
    let (leading, snapshot) = source().await;
    let raft = leading.raft(GROUP);
    let purged = snapshot.meta.last_log_id;
    raft.trigger()
        .purge_log(purged.unwrap().index)
        .await
        .unwrap();
    raft.wait(Some(PATIENCE))
        .purged(purged, "the purge")
        .await
        .unwrap();
    let new = Node::start(2).await;
    new.open_group(GROUP).await;
    let members = [(2, new.peer())].into_iter().collect();
    let added = raft
        .change_membership(ChangeMembers::AddNodes(members), true)
        .await;
    let last = added.unwrap().log_id.index;
    let expected = leading.digest_at(GROUP, last).await;
    assert_eq!(new.digest_at(GROUP, last).await, expected);
}
