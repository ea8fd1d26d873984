//! Whatever was done is there after the log is opened again, and is seen before that.

use openraft::storage::{RaftLogReader, RaftLogStorage};

use super::fixture::{GROUP, Place, all, append, begin_append, entries, entry, log_id};
use crate::raft::log::{GroupLog, LogDatabase, LogOptions};
use crate::raft::poison::Poison;
use crate::raft::type_config::{Entry, LogId, Vote};

/// What a group has.
#[derive(Debug, PartialEq)]
struct Contents {
    vote: Option<Vote>,
    committed: Option<LogId>,
    purged: Option<LogId>,
    last: Option<LogId>,
    entries: Vec<Entry>,
}

async fn contents(log: &mut GroupLog) -> Contents {
    let state = log.get_log_state().await.unwrap();
    Contents {
        vote: log.read_vote().await.unwrap(),
        committed: log.read_committed().await.unwrap(),
        purged: state.last_purged_log_id,
        last: state.last_log_id,
        entries: all(log).await,
    }
}

/// What is there, seen from memory, from the database, and after opening it again.
async fn contents_three_times(
    place: &Place,
    database: LogDatabase,
    log: &mut GroupLog,
) -> Contents {
    let seen = contents(log).await;
    database.close();
    let database = place.open();
    let mut log = database.group(GROUP).unwrap();
    assert_eq!(contents(&mut log).await, seen);
    seen
}

#[tokio::test]
async fn a_new_log_is_empty() {
    let place = Place::new();
    let database = place.open();
    let mut log = database.group(GROUP).unwrap();
    let seen = contents_three_times(&place, database, &mut log).await;
    let empty = Contents {
        vote: None,
        committed: None,
        purged: None,
        last: None,
        entries: Vec::new(),
    };
    assert_eq!(seen, empty);
}

#[tokio::test]
async fn entries_votes_and_the_committed_hint_are_kept() {
    let place = Place::new();
    let database = place.open();
    let mut log = database.group(GROUP).unwrap();
    append(&mut log, entries(1, 0..10)).await;
    log.save_vote(&Vote::new(2, 3)).await.unwrap();
    log.save_vote(&Vote::new_committed(3, 1)).await.unwrap();
    log.save_committed(Some(log_id(1, 8))).await.unwrap();
    let seen = contents_three_times(&place, database, &mut log).await;
    assert_eq!(seen.entries, entries(1, 0..10));
    assert_eq!(seen.vote, Some(Vote::new_committed(3, 1)));
    assert_eq!(seen.committed, Some(log_id(1, 8)));
    assert_eq!(seen.last, Some(log_id(1, 9)));
}

#[tokio::test]
async fn what_was_cut_is_gone_and_what_replaced_it_is_there() {
    let place = Place::new();
    let database = place.open();
    let mut log = database.group(GROUP).unwrap();
    append(&mut log, entries(1, 0..10)).await;
    log.truncate_after(Some(log_id(1, 4))).await.unwrap();
    assert_eq!(all(&mut log).await, entries(1, 0..5));
    append(&mut log, entries(2, 5..7)).await;
    let seen = contents_three_times(&place, database, &mut log).await;
    assert_eq!(seen.entries, [entries(1, 0..5), entries(2, 5..7)].concat());
    assert_eq!(seen.last, Some(log_id(2, 6)));
}

#[tokio::test]
async fn a_cut_without_an_append_is_kept() {
    let place = Place::new();
    let database = place.open();
    let mut log = database.group(GROUP).unwrap();
    append(&mut log, entries(1, 0..10)).await;
    log.truncate_after(None).await.unwrap();
    let seen = contents_three_times(&place, database, &mut log).await;
    assert_eq!((seen.last, seen.entries), (None, Vec::new()));
}

#[tokio::test]
async fn what_was_purged_is_gone() {
    let place = Place::new();
    let database = place.open();
    let mut log = database.group(GROUP).unwrap();
    append(&mut log, entries(1, 0..10)).await;
    log.purge(log_id(1, 3)).await.unwrap();
    assert_eq!(all(&mut log).await, entries(1, 4..10));
    let seen = contents_three_times(&place, database, &mut log).await;
    assert_eq!(seen.purged, Some(log_id(1, 3)));
    assert_eq!(seen.entries, entries(1, 4..10));
}

#[tokio::test]
async fn a_purge_beyond_the_end_leaves_a_log_that_begins_there() {
    let place = Place::new();
    let database = place.open();
    let mut log = database.group(GROUP).unwrap();
    append(&mut log, entries(1, 0..10)).await;
    log.purge(log_id(3, 20)).await.unwrap();
    let state = log.get_log_state().await.unwrap();
    assert_eq!(state.last_log_id, Some(log_id(3, 20)));
    append(&mut log, entries(3, 21..23)).await;
    let seen = contents_three_times(&place, database, &mut log).await;
    assert_eq!(seen.purged, Some(log_id(3, 20)));
    assert_eq!(seen.entries, entries(3, 21..23));
}

#[tokio::test]
async fn an_entry_is_read_before_it_is_durable() {
    let place = Place::new();
    let database = place.open();
    let mut log = database.group(GROUP).unwrap();
    for index in 0..50 {
        let flushed = begin_append(&mut log, entries(1, index..index + 1)).await;
        assert_eq!(all(&mut log).await, entries(1, 0..index + 1));
        flushed.await.unwrap();
    }
}

#[tokio::test]
async fn a_reader_sees_no_mixture_while_the_end_is_replaced() {
    let place = Place::new();
    let database = place.open();
    let mut log = database.group(GROUP).unwrap();
    append(&mut log, entries(1, 0..100)).await;
    let mut reader = log.get_log_reader().await;
    let reading = tokio::spawn(async move {
        loop {
            let read = all(&mut reader).await;
            let indexes: Vec<u64> = read.iter().map(|entry| entry.log_id.index).collect();
            assert_eq!(indexes, (0..read.len() as u64).collect::<Vec<u64>>());
            let last = read.last().unwrap().log_id.leader_id.term;
            let of_last = read
                .iter()
                .filter(|entry| entry.log_id.leader_id.term == last);
            assert!(last == 1 || of_last.count() <= 50);
            if last == 40 {
                return;
            }
            tokio::task::yield_now().await;
        }
    });
    for term in 2..=40 {
        log.truncate_after(Some(log_id(1, 49))).await.unwrap();
        append(&mut log, entries(term, 50..100)).await;
    }
    reading.await.unwrap();
}

#[tokio::test]
async fn an_append_that_leaves_a_gap_is_refused() {
    let place = Place::new();
    let database = place.open();
    let mut log = database.group(GROUP).unwrap();
    append(&mut log, entries(1, 0..3)).await;
    let flushed = openraft::storage::IOFlushed::noop();
    assert!(log.append(entries(1, 4..5), flushed).await.is_err());
    assert_eq!(all(&mut log).await, entries(1, 0..3));
}

#[tokio::test]
async fn a_limited_answer_ends_with_the_bytes_and_holds_at_least_one_entry() {
    let place = Place::new();
    for recent_bytes in [0, 1 << 20] {
        let options = LogOptions {
            recent_bytes,
            answer_bytes_max: 2500,
            ..super::fixture::OPTIONS
        };
        let path = place.path().with_extension(recent_bytes.to_string());
        let database = LogDatabase::open(&path, &options, Poison::new()).unwrap();
        let mut log = database.group(GROUP).unwrap();
        for index in 0..2000 {
            drop(begin_append(&mut log, vec![entry(1, index, &[0; 1000])]).await);
        }
        append(&mut log, vec![entry(1, 2000, &[0; 5000])]).await;
        let lengths = [
            log.limited_get_log_entries(0, 2001).await.unwrap().len(),
            log.limited_get_log_entries(1998, 2001).await.unwrap().len(),
            log.limited_get_log_entries(1999, 2001).await.unwrap().len(),
            log.limited_get_log_entries(2000, 2001).await.unwrap().len(),
        ];
        assert_eq!(lengths, [2, 2, 1, 1]);
        let stream = log.entries_stream(0..2001).await;
        let streamed: Vec<_> = futures_util::StreamExt::collect(stream).await;
        assert_eq!(streamed.len(), 2001);
    }
}
