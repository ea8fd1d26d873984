//! Proves what a replica does about its state and its log before it is started on them.

use std::path::Path;
use std::time::Duration;

use holdfast_metadata::Fault;
use openraft::EntryPayload;
use openraft::alias::LeaderIdOf;
use openraft::storage::{RaftLogStorage, RaftLogStorageExt};
use openraft::vote::RaftLeaderIdExt;
use tempfile::TempDir;

use super::check_state;
use crate::raft::group::Group;
use crate::raft::limits::Limits;
use crate::raft::log::{GroupLog, LogDatabase, LogOptions};
use crate::raft::machine::GroupStore;
use crate::raft::machine::tests::fixture::{
    apply, apply_range, build, entry, entry_of, log_id, membership, open, snapshot_index,
};
use crate::raft::network::Peers;
use crate::raft::node_disk::NodeDisk;
use crate::raft::options::{NodeOptions, ReadMode, SnapshotOptions, Start, Timing};
use crate::raft::poison::Poison;
use crate::raft::type_config::{GroupId, TypeConfig};
use holdfast_proto::identity::Identity;

const GROUP: GroupId = GroupId(7);
/// It leads within this, or never.
const PATIENCE: Duration = Duration::from_secs(30);

/// The disks of a node, as a power failure has left them: its only voter has applied up to 9 and taken a snapshot at 3, and
/// its log ends at `last`.
async fn left(last: u64) -> (TempDir, GroupStore, LogDatabase, GroupLog) {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("state"));
    let members = entry_of(1, EntryPayload::Membership(membership(&[1])));
    apply(&mut store.state_machine(), [members]).await.unwrap();
    apply_range(&store, 2, 3).await;
    build(&store).await.unwrap();
    apply_range(&store, 4, 9).await;
    let (database, mut log) = open_log(directory.path());
    log.blocking_append((1..=last).map(entry)).await.unwrap();
    (directory, store, database, log)
}

fn open_log(path: &Path) -> (LogDatabase, GroupLog) {
    let path = path.join("log");
    let database = LogDatabase::open(&path, &LogOptions::default(), Poison::new()).unwrap();
    let log = database.group(GROUP).unwrap();
    (database, log)
}

fn options(data: &Path) -> NodeOptions {
    NodeOptions {
        changes: 100,
        cache_bytes: 8 << 20,
        limits: Limits::DEFAULT,
        slow_operation: Duration::from_secs(1),
        tls: None,
        id: 1,
        data: data.to_owned(),
        listen: ([127, 0, 0, 1], 0).into(),
        advertise: String::new(),
        start: Start::Existing,
        timing: Timing {
            heartbeat: Duration::from_millis(50),
            election_min: Duration::from_millis(150),
            election_max: Duration::from_millis(300),
            session_lease: Duration::from_secs(3),
        },
        // None is due by itself.
        snapshots: SnapshotOptions {
            entries: 1_000_000,
            interval: Duration::from_hours(1),
            spacing: Duration::from_hours(1),
            keep: 10,
        },
        reads: ReadMode::ReadIndex,
        program: "test",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_whose_state_is_ahead_of_its_log_has_a_snapshot_for_its_followers() {
    let (directory, store, _database, mut log) = left(5).await;
    check_state(GROUP, &store, &mut log).await.unwrap();
    assert_eq!(snapshot_index(&store).await, 9);
    let peers = Peers::new(
        Identity {
            cluster: Some([1; 16]),
            node: Some(1),
            program: "test",
        },
        None,
    );
    let disk = NodeDisk::new(directory.path());
    let options = options(directory.path());
    let network = peers.network(GROUP);
    let group = Group::start(GROUP, &options, log, store, network, &disk);
    let group = group.await.unwrap();
    let wait = group.raft().wait(Some(PATIENCE));
    let metrics = wait
        .metrics(|metrics| metrics.current_leader == Some(1), "it leads")
        .await
        .unwrap();
    let begins = metrics.purged.map_or(0, |purged| purged.index);
    let held = metrics.snapshot.map_or(0, |snapshot| snapshot.index);
    assert!(
        held >= begins,
        "its log begins after {begins}, and its snapshot ends at {held}"
    );
    group.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_log_has_of_an_earlier_term_than_the_state_is_dropped() {
    let (_directory, store, _database, mut log) = left(0).await;
    let replaced = |index| {
        let mut entry = entry(index);
        entry.log_id.leader_id = LeaderIdOf::<TypeConfig>::new_committed(0, 2);
        entry
    };
    log.blocking_append((1..=12).map(replaced)).await.unwrap();
    check_state(GROUP, &store, &mut log).await.unwrap();
    assert_eq!(snapshot_index(&store).await, 9);
    assert_eq!(log.get_log_state().await.unwrap().last_log_id, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_is_not_ahead_of_its_log_starts_with_the_snapshot_it_has() {
    for last in [9, 12] {
        let (_directory, store, _database, mut log) = left(last).await;
        check_state(GROUP, &store, &mut log).await.unwrap();
        assert_eq!(snapshot_index(&store).await, 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_lacks_what_its_log_has_let_go_of_is_not_started() {
    let (_directory, store, _database, mut log) = left(12).await;
    log.purge(log_id(11)).await.unwrap();
    let refused = check_state(GROUP, &store, &mut log).await;
    assert!(matches!(refused, Err(Fault::Corrupt { .. })), "{refused:?}");
}
