//! Entries reach every node, whatever happened to it.

use openraft::async_runtime::WatchReceiver;

use super::node::{GROUP, Node, leader, write};
use super::proxy::Mode;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_entries_reach_all_nodes() {
    let nodes = Node::cluster(3, GROUP).await;
    let last = write(&leader(&nodes, GROUP).await.raft(GROUP), 0..3000, 200).await;
    let expected = nodes[0].digest_at(GROUP, last).await;
    for node in &nodes {
        assert_eq!(node.digest_at(GROUP, last).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_longer_than_a_message_reach_a_node_that_was_away() {
    let nodes = Node::cluster(3, GROUP).await;
    let leading = leader(&nodes, GROUP).await;
    let away = nodes.iter().find(|node| node.id != leading.id).unwrap();
    away.proxy.set(Mode::Broken);
    let last = write(&leading.raft(GROUP), 0..6000, 4000).await;
    assert!(away.raft(GROUP).metrics().borrow_watched().last_log_index < Some(last));
    away.proxy.set(Mode::Open);
    let expected = leading.digest_at(GROUP, last).await;
    assert_eq!(away.digest_at(GROUP, last).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_starts_again_goes_on() {
    let nodes = Node::cluster(3, GROUP).await;
    let leading = leader(&nodes, GROUP).await;
    let other = nodes.iter().find(|node| node.id != leading.id).unwrap();
    write(&leading.raft(GROUP), 0..100, 100).await;
    other.close_group(GROUP).await;
    let last = write(&leading.raft(GROUP), 100..200, 100).await;
    other.open_group(GROUP).await;
    let expected = leading.digest_at(GROUP, last).await;
    assert_eq!(other.digest_at(GROUP, last).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_hands_over() {
    let nodes = Node::cluster(3, GROUP).await;
    let leading = leader(&nodes, GROUP).await;
    let next = nodes.iter().find(|node| node.id != leading.id).unwrap();
    leading
        .raft(GROUP)
        .trigger()
        .transfer_leader(next.id)
        .await
        .unwrap();
    let wait = leading.raft(GROUP).wait(Some(super::PATIENCE));
    wait.current_leader(next.id, "the handover").await.unwrap();
}
