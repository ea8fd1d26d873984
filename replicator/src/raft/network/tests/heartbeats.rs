//! Heartbeats of many groups travel together.

use futures_util::future::join_all;
use holdfast_proto as proto;
use holdfast_proto::append_response::Result as AppendResult;
use openraft::async_runtime::WatchReceiver;

use super::PATIENCE;
use super::node::{GROUP, Node, form};
use crate::raft::network::HeartbeatCounts;
use crate::raft::type_config::GroupId;

fn heartbeat(group: GroupId) -> proto::AppendRequest {
    proto::AppendRequest {
        group: group.0,
        vote: Some(proto::Vote {
            term: 1,
            node: 1,
            committed: true,
        }),
        previous: None,
        entries: Vec::new(),
        committed: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_at_one_moment_travels_in_one_message() {
    let node = Node::start(2).await;
    node.open_group(GROUP).await;
    let sender = Node::start(1).await;
    let heartbeats = sender.peers.road(node.id, &node.peer().address).heartbeats;
    let calls = (0..1000).map(|_| heartbeats.call(heartbeat(GROUP)));
    let answers = tokio::time::timeout(PATIENCE, join_all(calls))
        .await
        .unwrap();
    for answer in answers {
        assert!(matches!(
            answer.unwrap().result,
            Some(AppendResult::Matched(_))
        ));
    }
    let HeartbeatCounts {
        heartbeats: sent,
        batches,
    } = heartbeats.counts();
    assert_eq!(sent, 1000);
    assert!(batches < 100, "{batches} batches");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_groups_keep_their_leaders_over_one_stream() {
    let nodes = [Node::start(1).await, Node::start(2).await];
    for group in 1..=20 {
        form(&nodes, GroupId(group)).await;
    }
    let heartbeats = nodes[0]
        .peers
        .road(nodes[1].id, &nodes[1].peer().address)
        .heartbeats;
    let terms = || -> Vec<u64> {
        let rafts = (1..=20).map(|group| nodes[0].raft(GroupId(group)));
        rafts
            .map(|raft| raft.metrics().borrow_watched().current_term)
            .collect()
    };
    let (before, sent_before) = (terms(), heartbeats.counts().heartbeats);
    // A second of heartbeats: more than an election timeout. Each answer changes what one of the groups knows.
    let mut answers = nodes[0].raft(GroupId(1)).data_metrics();
    let enough = async {
        while heartbeats.counts().heartbeats < sent_before + 200 {
            answers.changed().await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, enough).await.unwrap();
    // Whether two are due at the same moment is chance; that those share a message is shown above.
    assert_eq!(terms(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_is_not_there_fails_alone() {
    let node = Node::start(2).await;
    node.open_group(GROUP).await;
    let sender = Node::start(1).await;
    let heartbeats = sender.peers.road(node.id, &node.peer().address).heartbeats;
    let mut malformed = heartbeat(GROUP);
    malformed.vote = None;
    let calls = [heartbeat(GroupId(99)), malformed, heartbeat(GROUP)];
    let answers = join_all(calls.map(|request| heartbeats.call(request))).await;
    let results: Vec<AppendResult> = answers
        .into_iter()
        .map(|answer| answer.unwrap().result.unwrap())
        .collect();
    assert!(
        matches!(&results[0], AppendResult::Failure(failure) if failure.message.contains("99"))
    );
    assert!(matches!(&results[1], AppendResult::Failure(_)));
    assert!(matches!(&results[2], AppendResult::Matched(_)));
}
