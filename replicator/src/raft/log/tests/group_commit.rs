//! Many groups, few syncs.

use openraft::storage::RaftLogStorage;

use super::fixture::{GROUP, Place, append, begin_append, entries, log_id};
use crate::raft::type_config::{GroupId, Vote};

#[tokio::test(flavor = "multi_thread")]
async fn appends_of_many_groups_share_syncs() {
    let place = Place::new();
    let database = place.open();
    let appends = 50;
    let groups = 32;
    let mut tasks = Vec::new();
    for group in 0..groups {
        let mut log = database.group(GroupId(group)).unwrap();
        tasks.push(tokio::spawn(async move {
            for index in 0..appends {
                append(&mut log, entries(1, index..index + 1)).await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let metrics = database.metrics();
    assert_eq!(metrics.appends, groups * appends);
    assert_eq!(metrics.entries, groups * appends);
    assert_eq!(metrics.queued_bytes, 0);
    assert!(metrics.fsyncs >= appends, "{metrics:?}");
    assert!(metrics.fsyncs < groups * appends / 4, "{metrics:?}");
    let latencies: u64 = metrics.fsync_latency.buckets().map(|each| each.1).sum();
    assert_eq!(latencies, metrics.fsyncs);
}

#[tokio::test]
async fn what_nobody_waits_for_is_not_synced() {
    let place = Place::new();
    let database = place.open();
    let mut log = database.group(GROUP).unwrap();
    append(&mut log, entries(1, 0..10)).await;
    let before = database.metrics();
    log.save_committed(Some(log_id(1, 9))).await.unwrap();
    log.purge(log_id(1, 3)).await.unwrap();
    log.truncate_after(Some(log_id(1, 9))).await.unwrap();
    database.close();
    let after = database.metrics();
    assert_eq!(after.fsyncs, before.fsyncs);
    assert!(after.batches > before.batches);
}

#[tokio::test]
async fn what_was_asked_for_first_is_answered_first() {
    let place = Place::new();
    let database = place.open();
    let mut log = database.group(GROUP).unwrap();
    let mut answers = Vec::new();
    for index in 0..100 {
        answers.push(begin_append(&mut log, entries(1, index..index + 1)).await);
    }
    log.save_vote(&Vote::new(1, 1)).await.unwrap();
    for answer in answers {
        let answered = futures_util::FutureExt::now_or_never(answer);
        answered.unwrap().unwrap();
    }
}
