//! Crashes after each step of everything that changes the directory of a group.

use std::future::Future;
use std::io;
use std::path::Path;

use super::fixture::{
    apply_range, build, copy_tree, install, open, open_on, receive, snapshot_index, tree,
    whole_index,
};
use crate::raft::machine::disk::Disk;
use crate::raft::machine::disk::crash::Kind;

/// Runs `change` on a copy of a group, crashing after each number of steps until it comes to its end, and
/// lets `check` look at what is there then; it is told whether the change had returned.
async fn crash_everywhere<F, G>(
    before: Option<&Path>,
    change: impl Fn(Disk, std::path::PathBuf) -> F,
    check: impl Fn(std::path::PathBuf, bool) -> G,
) where
    F: Future<Output = io::Result<()>>,
    G: Future<Output = ()>,
{
    for kind in [Kind::Kill, Kind::PowerFailure] {
        let mut steps = 0;
        loop {
            let scratch = tempfile::tempdir().unwrap();
            let path = scratch.path().join("1");
            if let Some(before) = before {
                copy_tree(before, &path);
            }
            let (disk, crash) = Disk::crashing(kind, steps);
            let done = change(disk, path.clone()).await;
            let crashed = crash.crashed();
            assert!(
                done.is_ok() || crashed,
                "{kind:?} after {steps} steps: {done:?}"
            );
            crash.strike();
            check(path, done.is_ok()).await;
            if !crashed {
                assert!(steps > 0, "nothing was done");
                break;
            }
            steps += 1;
        }
    }
}

fn assert_no_leftovers(path: &Path) {
    let kept = |name: &str| {
        name == "CURRENT" || name == "incoming" || name == "snapshots" || name.contains('-')
    };
    let names = tree(path);
    assert!(
        names
            .iter()
            .all(|name| kept(name) || name.starts_with("incoming/")),
        "{names:?}"
    );
    for prefix in ["state-", "snapshots/", "incoming/"] {
        let count = names.iter().filter(|name| name.starts_with(prefix)).count();
        assert!(count <= 1, "{names:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_was_not_made_to_the_end_is_made_anew() {
    crash_everywhere(
        None,
        |disk, path| async move { open_on(&disk, &path).map(drop) },
        |path, _| async move {
            let store = open(&path);
            assert_eq!((whole_index(&store), snapshot_index(&store).await), (0, 0));
            assert_no_leftovers(&path);
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_while_a_snapshot_is_built_leaves_the_last_one_or_this_one() {
    let before = tempfile::tempdir().unwrap();
    let before = before.path().join("1");
    let store = open(&before);
    apply_range(&store, 1, 3).await;
    build(&store).await.unwrap();
    apply_range(&store, 4, 8).await;
    store.close().unwrap();
    drop(store);
    crash_everywhere(
        Some(&before),
        |disk, path| async move {
            let store = open_on(&disk, &path)?;
            build(&store).await.map(drop)
        },
        |path, done| async move {
            let store = open(&path);
            assert_eq!(whole_index(&store), 8);
            let index = snapshot_index(&store).await;
            assert!(
                index == 8 || (index == 3 && !done),
                "a snapshot of index {index}, {done}"
            );
            assert_no_leftovers(&path);
            build(&store).await.unwrap();
            assert_eq!(snapshot_index(&store).await, 8);
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_while_a_snapshot_is_received_and_installed_leaves_the_old_state_or_the_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let leader = open(&directory.path().join("leader"));
    apply_range(&leader, 1, 8).await;
    let sent = build(&leader).await.unwrap();
    let before = directory.path().join("1");
    let store = open(&before);
    apply_range(&store, 1, 2).await;
    build(&store).await.unwrap();
    apply_range(&store, 3, 3).await;
    store.close().unwrap();
    drop(store);
    let sent = &sent;
    crash_everywhere(
        Some(&before),
        |disk, path| async move {
            let store = open_on(&disk, &path)?;
            let received = receive(&store, sent)?;
            install(&store, &received).await
        },
        |path, done| async move {
            let store = open(&path);
            let (state, snapshot) = (whole_index(&store), snapshot_index(&store).await);
            let expected = [(3, 2), (8, 8)];
            assert!(expected.contains(&(state, snapshot)), "{state}, {snapshot}");
            assert!(!done || state == 8);
            assert_no_leftovers(&path);
            let received = receive(&store, sent).unwrap();
            install(&store, &received).await.unwrap();
            assert_eq!((whole_index(&store), snapshot_index(&store).await), (8, 8));
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_while_a_state_is_made_from_the_snapshot_is_made_good_by_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let before = directory.path().join("1");
    let store = open(&before);
    apply_range(&store, 1, 3).await;
    store.close().unwrap();
    drop(store);
    let old = directory.path().join("old");
    copy_tree(&before.join("state-1"), &old);
    let store = open(&before);
    apply_range(&store, 4, 8).await;
    build(&store).await.unwrap();
    drop(store);
    std::fs::remove_dir_all(before.join("state-1")).unwrap();
    std::fs::rename(old, before.join("state-1")).unwrap();
    crash_everywhere(
        Some(&before),
        |disk, path| async move { open_on(&disk, &path).map(drop) },
        |path, _| async move {
            let store = open(&path);
            assert_eq!((whole_index(&store), snapshot_index(&store).await), (8, 8));
            assert_no_leftovers(&path);
        },
    )
    .await;
}
