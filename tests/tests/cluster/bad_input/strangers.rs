//! Who speaks as a node and is none, of this cluster or of this group.

use std::time::Duration;

use holdfast_proto::raft_client::RaftClient;
use holdfast_proto::{
    AppendRequest, Entry, Heartbeat, HeartbeatBatch, LogId, Member, Membership, SnapshotChunk,
    SnapshotFile, SnapshotMeta, SnapshotOffer, StoredMembership, TransferLeaderRequest, Vote,
    VoteRequest, Voters, append_response, entry,
};
use holdfast_tests::Cluster;
use holdfast_tests::cluster::{CATALOG, VOLUME, channel, headers};
use holdfast_tests::poll::becomes_true;
use tonic::{Code, Request, Status};

use super::{Calm, GROWTH_BYTES, NO_VOLUME, among_three, lines, resident};

/// A number of no node.
const STRANGER: u64 = 66;
/// An election a second since the beginning of the world.
const FAR: u64 = 1 << 62;
const TIMES: usize = 20;
/// A node that keeps what it is sent has it by then.
const TO_GROW: Duration = Duration::from_secs(3);

#[expect(
    clippy::unnecessary_wraps,
    reason = "as the fields of the messages are"
)]
fn vote(term: u64, node: u64, committed: bool) -> Option<Vote> {
    Some(Vote {
        term,
        node,
        committed,
    })
}

/// Later than everything that was written.
#[expect(
    clippy::unnecessary_wraps,
    reason = "as the fields of the messages are"
)]
fn last(term: u64) -> Option<LogId> {
    Some(LogId {
        term,
        node: STRANGER,
        index: 1 << 40,
    })
}

fn from<T>(node: u64, message: T) -> Request<T> {
    let mut request = headers(message);
    request.metadata_mut().insert("holdfast-node", node.into());
    request
}

/// Says something to a node as often as it takes to be a nuisance; the last answer.
fn again<T: Send + 'static, F>(
    cluster: &Cluster,
    id: u64,
    say: impl Fn(RaftClient<tonic::transport::Channel>) -> F + Send + 'static,
) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>> + Send,
{
    let address = cluster.node(id).address().to_owned();
    cluster.speaker().run(async move {
        let client = RaftClient::new(channel(&address));
        for _ in 1..TIMES {
            say(client.clone()).await.ok();
        }
        say(client).await
    })
}

/// What a node says to entries of a leader; `None` when it hangs up without a word.
async fn append(
    mut client: RaftClient<tonic::transport::Channel>,
    request: AppendRequest,
) -> Result<Option<append_response::Result>, Status> {
    let requests = tokio_stream::iter([request]);
    let answers = client.append(from(STRANGER, requests)).await?;
    let answer = answers.into_inner().message().await?;
    Ok(answer.and_then(|answer| answer.result))
}

fn entries(group: u64, vote: Option<Vote>, previous: Option<LogId>) -> AppendRequest {
    let next = previous.map(|last| LogId {
        index: last.index + 1,
        ..last
    });
    AppendRequest {
        group,
        vote,
        previous,
        entries: vec![Entry {
            log_id: next,
            payload: Some(entry::Payload::Blank(holdfast_proto::Blank {})),
        }],
        committed: next,
    }
}

#[test]
fn a_stranger_with_a_later_term_deposes_nobody() {
    among_three(|cluster, calm| {
        for id in cluster.ids() {
            for group in [CATALOG, VOLUME] {
                for term in [1000, FAR] {
                    for leadership_transfer in [true, false] {
                        let request = VoteRequest {
                            group,
                            vote: vote(term, STRANGER, false),
                            last_log_id: last(term),
                            leadership_transfer,
                        };
                        let ask = move |mut client: RaftClient<_>| async move {
                            let answer = client.request_vote(from(STRANGER, request)).await?;
                            Ok(answer.into_inner().granted)
                        };
                        let refused = again(cluster, id, ask).unwrap_err();
                        assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
                    }
                    let leads = entries(group, vote(term, STRANGER, true), last(term));
                    let say = move |client| append(client, leads.clone());
                    let refused = again(cluster, id, say).unwrap_err();
                    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
                    let hand_over = TransferLeaderRequest {
                        group,
                        from: vote(term, STRANGER, true),
                        to: id,
                        last_log_id: None,
                    };
                    let say = move |mut client: RaftClient<_>| async move {
                        client.transfer_leader(from(STRANGER, hand_over)).await
                    };
                    let refused = again(cluster, id, say).unwrap_err();
                    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
                }
            }
            let said = lines(cluster, id, "refused: a stranger");
            assert_eq!(said, 1, "node {id}");
        }
        calm.assert_unharmed(cluster, "a stranger who wants to lead");
    });
}

#[test]
fn entries_of_an_old_term_are_answered_with_the_later_vote() {
    among_three(|cluster, calm| {
        for id in cluster.ids() {
            for node in cluster.ids() {
                let old = entries(VOLUME, vote(0, node, true), None);
                let mut old = old;
                old.entries.clear();
                let say = move |client| append(client, old.clone());
                let answer = again(cluster, id, say).unwrap();
                assert!(
                    matches!(answer, Some(append_response::Result::HigherVote(_))),
                    "{answer:?}"
                );
            }
        }
        calm.assert_unharmed(cluster, "a leader of the past");
    });
}

#[test]
fn groups_that_are_not_there_are_not_found() {
    let cluster = Cluster::start(1);
    let mut calm = Calm::of(&cluster);
    let request = VoteRequest {
        group: NO_VOLUME,
        vote: vote(7, 1, false),
        ..VoteRequest::default()
    };
    let ask = move |mut client: RaftClient<_>| async move {
        client.request_vote(from(1, request)).await.map(drop)
    };
    assert_eq!(again(&cluster, 1, ask).unwrap_err().code(), Code::NotFound);
    let say = |client| append(client, entries(NO_VOLUME, vote(7, 1, true), last(7)));
    assert_eq!(again(&cluster, 1, say).unwrap_err().code(), Code::NotFound);
    let say = |mut client: RaftClient<_>| async move {
        let chunk = SnapshotChunk {
            group: NO_VOLUME,
            vote: vote(7, 1, true),
            last_log_id: last(0),
            ..SnapshotChunk::default()
        };
        client
            .send_snapshot(from(1, tokio_stream::iter([chunk])))
            .await
    };
    assert_eq!(again(&cluster, 1, say).unwrap_err().code(), Code::NotFound);
    calm.assert_unharmed(&cluster, "groups that are not there");
}

#[test]
fn snapshots_that_nobody_asked_for_are_refused() {
    among_three(|cluster, calm| {
        let term = calm.terms.iter().map(|(_, term)| *term).max().unwrap();
        let leader = cluster.leader();
        let follower = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
        let leads = vote(term, leader, true);
        let place = Some(LogId {
            term,
            node: leader,
            index: 1 << 40,
        });
        let chunk = move |change: fn(&mut SnapshotChunk)| {
            let mut chunk = SnapshotChunk {
                group: VOLUME,
                vote: leads,
                last_log_id: place,
                compressed: vec![0x10, 7].into(),
                length: 1,
                ..SnapshotChunk::default()
            };
            change(&mut chunk);
            chunk
        };
        let changes: [fn(&mut SnapshotChunk); 5] = [
            |_| (),
            |chunk| chunk.checksum = 1,
            |chunk| chunk.offset = u64::MAX,
            |chunk| (chunk.length, chunk.file) = (u32::MAX, u32::MAX),
            |chunk| chunk.compressed = vec![0xff; 4096].into(),
        ];
        for change in changes {
            let say = move |mut client: RaftClient<_>| async move {
                let chunks = tokio_stream::iter([chunk(change), chunk(change)]);
                client.send_snapshot(from(leader, chunks)).await
            };
            let refused = again(cluster, follower, say).unwrap_err();
            assert_eq!(refused.code(), Code::Aborted, "{refused}");
        }
        // Files that are longer together than there are numbers.
        let offer = move || SnapshotOffer {
            group: VOLUME,
            vote: leads,
            meta: Some(SnapshotMeta {
                last_log_id: place,
                last_membership: Some(StoredMembership {
                    log_id: None,
                    membership: Some(Membership {
                        configurations: vec![Voters { ids: vec![1] }],
                        nodes: vec![Member {
                            id: 1,
                            address: String::new(),
                        }],
                    }),
                }),
            }),
            files: ["a", "b"]
                .map(|name| SnapshotFile {
                    name: name.to_owned(),
                    length: u64::MAX,
                })
                .to_vec(),
        };
        let say = move |mut client: RaftClient<_>| async move {
            client.offer_snapshot(from(leader, offer())).await
        };
        let refused = again(cluster, follower, say).unwrap_err();
        assert_eq!(refused.code(), Code::Aborted, "{refused}");
        assert_eq!(lines(cluster, follower, "panicked"), 0);
        calm.assert_unharmed(cluster, "snapshots that nobody asked for");
    });
}

#[test]
fn heartbeats_whose_answers_nobody_takes_are_bounded() {
    let cluster = Cluster::start(1);
    let mut calm = Calm::of(&cluster);
    let address = cluster.node(1).address().to_owned();
    let held = cluster.speaker().run(async move {
        let mut client = RaftClient::new(channel(&address));
        let heartbeats = vec![Heartbeat::default(); 100_000];
        let batches = vec![HeartbeatBatch { heartbeats }; 40];
        let answers = client.heartbeats(from(STRANGER, tokio_stream::iter(batches)));
        let mut answers = answers.await.unwrap().into_inner();
        let first = answers.message().await.unwrap().unwrap();
        assert!(!first.answers.is_empty());
        answers
    });
    let grows = || resident(&cluster) > calm.resident + GROWTH_BYTES;
    assert!(
        !becomes_true(TO_GROW, grows),
        "{} MiB",
        resident(&cluster) >> 20
    );
    calm.assert_unharmed(&cluster, "four million heartbeats");
    drop(held);
}

#[test]
fn another_cluster_and_another_protocol_are_refused_and_logged_once() {
    let cluster = Cluster::start(1);
    let mut calm = Calm::of(&cluster);
    let changes = [
        ("holdfast-cluster", "000102030405060708090a0b0c0d0e0f"),
        ("holdfast-protocol", "77"),
        ("holdfast-to", "77"),
    ];
    for (header, value) in changes {
        let ask = move |mut client: RaftClient<_>| async move {
            let mut request = from(1, VoteRequest::default());
            let value = tonic::metadata::MetadataValue::from_static(value);
            request.metadata_mut().insert(header, value);
            client.request_vote(request).await
        };
        let refused = again(&cluster, 1, ask).unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
    }
    assert_eq!(lines(&cluster, 1, "refused: a call of holdfast.v1.Raft"), 1);
    calm.assert_unharmed(&cluster, "strangers");
}
