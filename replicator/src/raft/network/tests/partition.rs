//! Connections on which nothing moves are noticed without being told.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use openraft::async_runtime::WatchReceiver;
use openraft::errors::RPCError;
use openraft::network::RPCOption;
use openraft::raft::{AppendEntriesRequest, StreamAppendResult};
use openraft::{Instant as _, RaftMetrics, RaftNetworkFactory, RaftNetworkV2};

use super::super::group_network::GroupNetwork;
use super::PATIENCE;
use super::node::{GROUP, Node, leader, write};
use super::proxy::Mode;
use crate::raft::type_config::{TypeConfig, Vote};

/// What openraft allows for one request.
const TTL: Duration = Duration::from_millis(100);

/// One request without entries, as openraft sends it.
async fn probe(
    network: &mut GroupNetwork,
    vote: Vote,
) -> Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>> {
    let request = AppendEntriesRequest {
        vote,
        prev_log_id: None,
        entries: Vec::new(),
        leader_commit: None,
    };
    let input = stream::iter([request]);
    let mut results = network.stream_append(input, RPCOption::new(TTL)).await?;
    results.next().await.unwrap()
}

async fn assert_noticed_and_healed(heartbeats: bool, silent: Mode, within: Duration) {
    let node = Node::start(2).await;
    node.open_group(GROUP).await;
    let sender = Node::start(1).await;
    let mut factory = sender.peers.network(GROUP);
    let mut network = if heartbeats {
        factory.new_heartbeat_client(node.id, &node.peer()).await
    } else {
        factory.new_client(node.id, &node.peer()).await
    };
    let vote = Vote::new_committed(1, 1);
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = probe(&mut network, vote).await {
        assert!(Instant::now() < deadline, "{error}");
    }

    node.proxy.set(silent);
    let begun = Instant::now();
    let noticed = probe(&mut network, vote).await;
    assert!(matches!(noticed, Err(RPCError::Timeout(_))), "{noticed:?}");
    assert!(begun.elapsed() < within, "{:?}", begun.elapsed());

    node.proxy.set(Mode::Open);
    while let Err(error) = probe(&mut network, vote).await {
        assert!(Instant::now() < deadline, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_that_do_not_arrive_are_noticed() {
    assert_noticed_and_healed(false, Mode::HoldRequests, Duration::from_secs(2)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_do_not_arrive_are_noticed() {
    assert_noticed_and_healed(false, Mode::HoldAnswers, Duration::from_secs(2)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_that_do_not_arrive_are_noticed() {
    assert_noticed_and_healed(true, Mode::HoldRequests, Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_connection_is_closed_and_made_anew() {
    let node = Node::start(2).await;
    node.open_group(GROUP).await;
    let sender = Node::start(1).await;
    let mut network = sender
        .peers
        .network(GROUP)
        .new_client(2, &node.peer())
        .await;
    let vote = Vote::new_committed(1, 1);
    probe(&mut network, vote).await.unwrap().unwrap();
    node.proxy.set(Mode::HoldAnswers);
    let deadline = Instant::now() + PATIENCE;
    // First requests time out; when the keep-alive has given the connection up, they cannot even begin.
    while !matches!(
        probe(&mut network, vote).await,
        Err(RPCError::Unreachable(_))
    ) {
        assert!(Instant::now() < deadline);
    }
    node.proxy.set(Mode::Open);
    while probe(&mut network, vote).await.is_err() {
        assert!(Instant::now() < deadline);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_hears_nothing_disturbs_nobody_and_comes_back() {
    let nodes = Node::cluster(3, GROUP).await;
    let leading = leader(&nodes, GROUP).await;
    let deaf = nodes.iter().find(|node| node.id != leading.id).unwrap();
    let first = write(&leading.raft(GROUP), 0..1, 10).await;
    deaf.digest_at(GROUP, first).await;
    let term = leading.raft(GROUP).metrics().borrow_watched().current_term;
    deaf.proxy.set(Mode::HoldRequests);
    let last = write(&leading.raft(GROUP), 1..10, 10).await;
    // Longer than it waits before it wants to lead.
    let silence = Duration::from_secs(5);
    let wait = leading.raft(GROUP).wait(Some(PATIENCE));
    let is_silent = |metrics: &RaftMetrics<TypeConfig>| {
        let heard = metrics.heartbeat.as_ref().and_then(|all| all.get(&deaf.id));
        heard.is_some_and(|last| last.is_some_and(|last| last.elapsed() > silence))
    };
    wait.metrics(is_silent, "the silence").await.unwrap();
    deaf.proxy.set(Mode::Open);
    let expected = leading.digest_at(GROUP, last).await;
    assert_eq!(deaf.digest_at(GROUP, last).await, expected);
    assert_eq!(
        leading.raft(GROUP).metrics().borrow_watched().current_term,
        term
    );
}
