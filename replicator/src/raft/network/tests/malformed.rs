//! Messages that no node sends are refused and change nothing.

use bytes::Bytes;
use holdfast_proto as proto;
use holdfast_proto::raft_client::RaftClient;
use tonic::transport::Channel;
use tonic::{Code, Request};

use super::node::{GROUP, Node, identity};
use crate::raft::convert::to_message;
use crate::raft::type_config::Vote;

fn request<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    identity(1).attach(request.metadata_mut());
    request
}

async fn receiver() -> (Node, RaftClient<Channel>) {
    let node = Node::start(2).await;
    node.open_group(GROUP).await;
    let channel = node.peers.channel_to_any(&node.proxy.address);
    (node, RaftClient::new(channel))
}

fn append(group: u64) -> proto::AppendRequest {
    proto::AppendRequest {
        group,
        vote: Some(to_message::vote(Vote::new_committed(1, 1))),
        ..proto::AppendRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_message_is_an_invalid_argument() {
    let (_node, mut client) = receiver().await;
    let vote = client
        .request_vote(request(proto::VoteRequest::default()))
        .await;
    assert_eq!(vote.unwrap_err().code(), Code::InvalidArgument);
    let vote = client
        .pre_vote(request(proto::VoteRequest::default()))
        .await;
    assert_eq!(vote.unwrap_err().code(), Code::InvalidArgument);
    let transfer = client
        .transfer_leader(request(proto::TransferLeaderRequest::default()))
        .await;
    assert_eq!(transfer.unwrap_err().code(), Code::InvalidArgument);
    let offer = client
        .offer_snapshot(request(proto::SnapshotOffer::default()))
        .await;
    assert_eq!(offer.unwrap_err().code(), Code::InvalidArgument);
    let chunks = tokio_stream::iter([proto::SnapshotChunk::default()]);
    let sent = client.send_snapshot(request(chunks)).await;
    assert_eq!(sent.unwrap_err().code(), Code::InvalidArgument);
    let nothing = tokio_stream::iter(Vec::<proto::SnapshotChunk>::new());
    let sent = client.send_snapshot(request(nothing)).await;
    assert_eq!(sent.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_before_a_malformed_request_is_answered() {
    let (_node, mut client) = receiver().await;
    for second in [proto::AppendRequest::default(), append(GROUP.0 + 1)] {
        let requests = tokio_stream::iter([append(GROUP.0), second]);
        let mut answers = client.append(request(requests)).await.unwrap().into_inner();
        assert!(answers.message().await.unwrap().is_some());
        let error = answers.message().await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_does_not_run_here_is_not_found() {
    let (_node, mut client) = receiver().await;
    let requests = tokio_stream::iter([append(99)]);
    let mut answers = client.append(request(requests)).await.unwrap().into_inner();
    assert_eq!(answers.message().await.unwrap_err().code(), Code::NotFound);
    let vote = proto::VoteRequest {
        group: 99,
        vote: Some(to_message::vote(Vote::new(1, 1))),
        ..proto::VoteRequest::default()
    };
    let error = client.request_vote(request(vote)).await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    assert!(error.message().contains("99"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_chunk_is_not_kept() {
    let (_node, mut client) = receiver().await;
    let opening = proto::SnapshotChunk {
        group: GROUP.0,
        vote: Some(to_message::vote(Vote::new_committed(1, 1))),
        last_log_id: Some(proto::LogId {
            term: 1,
            node: 1,
            index: 5,
        }),
        ..proto::SnapshotChunk::default()
    };
    let good = proto::SnapshotChunk {
        compressed: Bytes::from(lz4_flex::block::compress(b"bytes")),
        length: 5,
        checksum: crc32fast::hash(b"bytes"),
        ..proto::SnapshotChunk::default()
    };
    let damaged = [
        proto::SnapshotChunk {
            checksum: good.checksum ^ 1,
            ..good.clone()
        },
        proto::SnapshotChunk {
            length: 6,
            ..good.clone()
        },
        proto::SnapshotChunk {
            length: u32::MAX,
            ..good.clone()
        },
        proto::SnapshotChunk {
            compressed: Bytes::from_static(b"\xff\xff\xff"),
            ..good
        },
    ];
    for chunk in damaged {
        let chunks = tokio_stream::iter([opening.clone(), chunk]);
        let error = client.send_snapshot(request(chunks)).await.unwrap_err();
        assert_eq!(error.code(), Code::Aborted);
        assert!(error.message().contains("a chunk is"), "{error}");
    }
}
