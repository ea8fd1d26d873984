//! Snapshots: what they hold, what replaces them, what they replace.

use std::fs;
use std::time::{Duration, Instant};

use openraft::storage::RaftStateMachine;

use super::fixture::{
    apply_range, build, copy_tree, index_of, install, open, receive, snapshot_index, tree,
    whole_index,
};

/// What is behind is removed by a thread that nobody waits for.
fn wait_for(mut reached: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !reached() {
        assert!(Instant::now() < deadline, "it does not happen");
        std::thread::yield_now();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_there_after_a_restart_and_replaces_the_one_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("1");
    let store = open(&path);
    assert_eq!(snapshot_index(&store).await, 0);
    apply_range(&store, 1, 5).await;
    build(&store).await.unwrap();
    apply_range(&store, 6, 9).await;
    let built = build(&store).await.unwrap();
    assert_eq!(index_of(&built), 9);
    assert_eq!(
        tree(&path),
        [
            "CURRENT",
            "incoming",
            "snapshots",
            "snapshots/1-1-9",
            "state-1"
        ]
    );
    let metrics = store.metrics();
    assert_eq!(
        (metrics.snapshots_built, metrics.snapshot_bytes),
        (2, built.length())
    );
    drop((store, built));
    let store = open(&path);
    assert_eq!((snapshot_index(&store).await, whole_index(&store)), (9, 9));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_snapshot_of_one_index_is_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("1"));
    apply_range(&store, 1, 5).await;
    let first = build(&store).await.unwrap();
    let second = build(&store).await.unwrap();
    assert_eq!(first.path, second.path);
    assert_eq!(snapshot_index(&store).await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_stays_as_long_as_somebody_reads_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("1"));
    apply_range(&store, 1, 5).await;
    let reader = build(&store).await.unwrap();
    let path = reader.path.clone();
    apply_range(&store, 6, 9).await;
    build(&store).await.unwrap();
    reader.verify().unwrap();
    drop(reader);
    wait_for(|| !path.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_applied_while_a_snapshot_is_built_and_it_knows_which_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("1"));
    apply_range(&store, 1, 1).await;
    let applying = tokio::spawn({
        let store = store.clone();
        async move {
            for first in (2..4000).step_by(10) {
                apply_range(&store, first, first + 9).await;
            }
        }
    });
    let mut indexes = Vec::new();
    while !applying.is_finished() || indexes.len() < 3 {
        let built = build(&store).await.unwrap();
        let other = open(&directory.path().join(format!("copy-{}", indexes.len())));
        install(&other, &built).await.unwrap();
        assert_eq!(whole_index(&other), index_of(&built));
        indexes.push(index_of(&built));
    }
    applying.await.unwrap();
    assert!(indexes.is_sorted(), "{indexes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installed_snapshot_replaces_the_state_for_good() {
    let directory = tempfile::tempdir().unwrap();
    let (leader, path) = (
        open(&directory.path().join("leader")),
        directory.path().join("1"),
    );
    apply_range(&leader, 1, 20).await;
    let sent = build(&leader).await.unwrap();
    let store = open(&path);
    apply_range(&store, 1, 3).await;
    build(&store).await.unwrap();
    let mut machine = store.state_machine();
    let received = receive(&store, &sent).unwrap();
    machine
        .install_snapshot(&sent.meta, received)
        .await
        .unwrap();
    let (last, _) = machine.applied_state().await.unwrap();
    assert_eq!(last, sent.meta.last_log_id);
    assert_eq!(
        (snapshot_index(&store).await, whole_index(&store)),
        (20, 20)
    );
    assert_eq!(
        tree(&path),
        [
            "CURRENT",
            "incoming",
            "snapshots",
            "snapshots/1-1-20",
            "state-2"
        ]
    );
    assert_eq!(store.metrics().snapshots_installed, 1);
    apply_range(&store, 21, 22).await;
    // The leader's files are shared with nobody who changes them.
    sent.verify().unwrap();
    store.close().unwrap();
    drop((store, machine, leader, sent));
    let store = open(&path);
    assert_eq!(
        (snapshot_index(&store).await, whole_index(&store)),
        (20, 22)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_state_stays_as_long_as_somebody_reads_it() {
    let directory = tempfile::tempdir().unwrap();
    let (leader, path) = (
        open(&directory.path().join("leader")),
        directory.path().join("1"),
    );
    apply_range(&leader, 1, 20).await;
    let sent = build(&leader).await.unwrap();
    let store = open(&path);
    apply_range(&store, 1, 3).await;
    let reader = store.machine();
    install(&store, &sent).await.unwrap();
    assert_eq!(super::fixture::made(&reader), [1, 2, 3]);
    assert!(path.join("state-1").exists());
    drop(reader);
    wait_for(|| !path.join("state-1").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_is_not_newer_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let leader = open(&directory.path().join("leader"));
    apply_range(&leader, 1, 5).await;
    let sent = build(&leader).await.unwrap();
    let store = open(&directory.path().join("1"));
    apply_range(&store, 1, 7).await;
    install(&store, &sent).await.unwrap();
    assert_eq!(whole_index(&store), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_snapshot_is_not_installed() {
    let directory = tempfile::tempdir().unwrap();
    let leader = open(&directory.path().join("leader"));
    apply_range(&leader, 1, 5).await;
    let sent = build(&leader).await.unwrap();
    let store = open(&directory.path().join("1"));
    let (name, _) = sent
        .files
        .iter()
        .find(|(name, _)| name.contains(".sst"))
        .unwrap();
    let mut bytes = fs::read(sent.path.join(name)).unwrap();
    bytes[0] ^= 1;
    fs::write(sent.path.join(name), bytes).unwrap();
    let error = install(&store, &sent).await.unwrap_err();
    assert!(error.to_string().contains(name), "{error}");
    assert_eq!((snapshot_index(&store).await, whole_index(&store)), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_lost_more_than_the_log_has_is_made_anew_from_the_snapshot() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("1");
    let store = open(&path);
    apply_range(&store, 1, 5).await;
    store.close().unwrap();
    drop(store);
    let old = directory.path().join("old");
    copy_tree(&path.join("state-1"), &old);
    let store = open(&path);
    apply_range(&store, 6, 9).await;
    build(&store).await.unwrap();
    drop(store);
    fs::remove_dir_all(path.join("state-1")).unwrap();
    fs::rename(old, path.join("state-1")).unwrap();
    let store = open(&path);
    assert_eq!((snapshot_index(&store).await, whole_index(&store)), (9, 9));
    assert_eq!(
        tree(&path),
        [
            "CURRENT",
            "incoming",
            "snapshots",
            "snapshots/1-1-9",
            "state-2"
        ]
    );
    apply_range(&store, 10, 12).await;
    store.close().unwrap();
    drop(store);
    assert_eq!(whole_index(&open(&path)), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_end_of_a_process_takes_is_the_end_and_the_position_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("1");
    let store = open(&path);
    apply_range(&store, 1, 5).await;
    build(&store).await.unwrap();
    apply_range(&store, 6, 9).await;
    // Nobody closes it.
    drop(store);
    let store = open(&path);
    assert_eq!((snapshot_index(&store).await, whole_index(&store)), (5, 5));
    apply_range(&store, 6, 9).await;
    store.close().unwrap();
    drop(store);
    assert_eq!(whole_index(&open(&path)), 9);
}
