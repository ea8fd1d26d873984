//! Groups share a database and nothing else.

use openraft::storage::{RaftLogReader, RaftLogStorage};

use super::fixture::{GROUP, OTHER, Place, all, append, entries, entry, log_id};
use crate::raft::type_config::{GroupId, Vote};

#[tokio::test]
async fn groups_do_not_see_each_other() {
    let place = Place::new();
    let database = place.open();
    // Neighbours, and those whose keys begin as the keys of the node do.
    let groups = [0, 6, 7, 8, 0x42 << 56, (0x56 << 56) - 1, u64::MAX].map(GroupId);
    for (number, group) in (1..).zip(groups) {
        let mut log = database.group(group).unwrap();
        append(&mut log, entries(number, 0..10 + number)).await;
        log.save_vote(&Vote::new(number, number)).await.unwrap();
    }
    let mut middle = database.group(GROUP).unwrap();
    middle.purge(log_id(3, 2)).await.unwrap();
    middle.truncate_after(Some(log_id(3, 8))).await.unwrap();
    database.close();

    let database = place.open();
    for (number, group) in (1..).zip(groups) {
        let mut log = database.group(group).unwrap();
        let vote = log.read_vote().await.unwrap();
        assert_eq!(vote, Some(Vote::new(number, number)));
        let expected = match group {
            GROUP => entries(number, 3..9),
            _ => entries(number, 0..10 + number),
        };
        assert_eq!(all(&mut log).await, expected);
    }
}

#[tokio::test]
async fn a_removed_group_is_gone_and_can_come_back_empty() {
    let place = Place::new();
    let database = place.open();
    let mut removed = database.group(GROUP).unwrap();
    let mut kept = database.group(OTHER).unwrap();
    removed.save_vote(&Vote::new(1, 1)).await.unwrap();
    append(&mut removed, entries(1, 0..10)).await;
    append(&mut kept, entries(1, 0..10)).await;
    database.remove_group(GROUP).await.unwrap();
    assert!(removed.try_get_log_entries(..).await.is_err());
    assert!(removed.save_vote(&Vote::new(2, 1)).await.is_err());

    let mut again = database.group(GROUP).unwrap();
    assert_eq!(again.read_vote().await.unwrap(), None);
    append(&mut again, entries(5, 0..2)).await;
    database.remove_group(GROUP).await.unwrap();
    // One that nobody has opened.
    database.remove_group(GroupId(99)).await.unwrap();
    database.close();

    let database = place.open();
    let mut removed = database.group(GROUP).unwrap();
    assert_eq!(all(&mut removed).await, []);
    assert_eq!(removed.read_vote().await.unwrap(), None);
    let mut kept = database.group(OTHER).unwrap();
    assert_eq!(all(&mut kept).await, entries(1, 0..10));
}

#[tokio::test]
async fn a_purge_gives_space_back() {
    let place = Place::new();
    let database = place.open();
    let mut log = database.group(GROUP).unwrap();
    let payload = vec![7; 10_000];
    // Batches much smaller than a memory table, so that there are many tables, which are merged.
    for first in (0..4000).step_by(20) {
        let indexes = first..first + 20;
        let entries = indexes.map(|index| entry(1, index, &payload));
        append(&mut log, entries.collect()).await;
    }
    let before = bytes(&place.path().join("store"));
    assert!(before > 20_000_000, "{before}");
    // What was merged after one purge goes with the next.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let mut next = 4000;
    while bytes(&place.path().join("store")) > 15_000_000 {
        assert!(std::time::Instant::now() < deadline);
        append(&mut log, entries(1, next..next + 1)).await;
        log.purge(log_id(1, next)).await.unwrap();
        next += 1;
    }
}

/// Of the files in a directory.
fn bytes(directory: &std::path::Path) -> u64 {
    let files = std::fs::read_dir(directory).unwrap();
    files
        .map(|file| file.unwrap().metadata().map_or(0, |data| data.len()))
        .sum()
}
