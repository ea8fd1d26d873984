//! A node that ends between two steps of something goes on with it when it is back.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use holdfast_metadata::InodeId;
use holdfast_replicator::FaultPoint;
use holdfast_tests::cluster::{ClusterSetup, VOLUME, ended_at};
use holdfast_tests::poll::becomes_true;
use holdfast_tests::{Cluster, Load, wait_until};

/// So small that the log is soon purged behind snapshots.
const SETTINGS: &str = "[snapshots]\nentries = 100\nspacing_seconds = 0\nkeep = 10\n";
const LIMIT: Duration = Duration::from_mins(1);

/// Between the steps of a command that is not begun by a node.
const OF_RECOVERY: [FaultPoint; 4] = [
    FaultPoint::RecoveryBegun,
    FaultPoint::RecoveryHalfDone,
    FaultPoint::RecoveryUnnamed,
    FaultPoint::RecoveryUnfinished,
];

#[test]
fn what_a_crash_interrupts_is_finished_afterwards() {
    let points = FaultPoint::ALL.iter();
    let points = points.filter(|point| !OF_RECOVERY.contains(point));
    finish_after_crashes(points, crash_at);
}

#[test]
fn a_recovery_that_was_cut_off_is_given_again() {
    finish_after_crashes(OF_RECOVERY.iter(), recover);
}

/// What the first node of a cluster does when it begins, done among three.
#[test]
fn a_volume_that_one_of_three_nodes_did_not_finish_is_finished() {
    let points = [
        FaultPoint::VolumeCommitted,
        FaultPoint::VolumeUninitialized,
        FaultPoint::VolumeUnserved,
    ];
    finish_after_crashes(points.iter(), create_volume);
}

#[test]
fn a_removal_of_a_node_whose_leader_ends_is_finished() {
    let points = [FaultPoint::MembershipDecided, FaultPoint::MembershipChanged];
    finish_after_crashes(points.iter(), remove_member);
}

fn finish_after_crashes<'a>(
    points: impl Iterator<Item = &'a FaultPoint>,
    crash_at: fn(FaultPoint) -> Cluster,
) {
    for point in points {
        println!("{}", point.name());
        let mut cluster = crash_at(*point);
        cluster.wait_settled();
        let client = cluster.client();
        client.create(InodeId::ROOT, "after").unwrap();
        cluster.assert_all_replicas_agree();
    }
}

/// A cluster whose node 1 or 2 has ended at this point, and was started again.
fn crash_at(point: FaultPoint) -> Cluster {
    match point {
        FaultPoint::BootstrapBegun
        | FaultPoint::BootstrapNamed
        | FaultPoint::BootstrapInitialized
        | FaultPoint::BootstrapWithoutVolume
        | FaultPoint::BootstrapUnfinished
        | FaultPoint::VolumeCommitted
        | FaultPoint::VolumeUninitialized
        | FaultPoint::VolumeUnserved => ClusterSetup::default().crash_at(point).start(1),
        FaultPoint::JoinUnasked | FaultPoint::JoinUnnoted => join(point),
        FaultPoint::DeletionBegun | FaultPoint::DeletionWithoutLog => delete_volume(point),
        FaultPoint::SnapshotDrafted => build_snapshot(point),
        FaultPoint::SnapshotReceived
        | FaultPoint::SnapshotAdopted
        | FaultPoint::SnapshotCopied
        | FaultPoint::SnapshotInstalled => install_snapshot(point),
        FaultPoint::MembershipDecided | FaultPoint::MembershipChanged => add_member(point),
        FaultPoint::RecoveryBegun
        | FaultPoint::RecoveryHalfDone
        | FaultPoint::RecoveryUnnamed
        | FaultPoint::RecoveryUnfinished => recover(point),
    }
}

fn join(point: FaultPoint) -> Cluster {
    let mut cluster = Cluster::start(1);
    cluster.add_node_that_crashes(2, point);
    cluster.wait_crash(2);
    cluster
}

/// Starts node 2 again, which will end there.
fn prepare(cluster: &mut Cluster, point: FaultPoint) {
    cluster.stop(2);
    cluster.node_mut(2).crash_at(point);
    cluster.restart(2);
    cluster.wait_settled();
}

fn create_volume(point: FaultPoint) -> Cluster {
    let mut cluster = Cluster::start(3);
    cluster.stop(2);
    // It starts the first volume, too.
    cluster.node_mut(2).crash_at_after_start(point);
    cluster.restart(2);
    cluster.wait_settled();
    cluster.holdfast(&["volume", "create", "second"]).success();
    cluster.wait_crash(2);
    cluster.wait_settled();
    let client = cluster.client_of("second", &cluster.addresses());
    client.create(InodeId::ROOT, "file").unwrap();
    cluster.assert_replicas_agree(VOLUME + 1);
    cluster
}

fn remove_member(point: FaultPoint) -> Cluster {
    // Without the leader, and the node that goes, there is a quorum of those that stay.
    let mut cluster = Cluster::start(4);
    prepare(&mut cluster, point);
    let lead = ["node", "transfer-leader", "--to", "2"];
    cluster.holdfast(&lead).success();
    wait_until("it leads", LIMIT, || cluster.leader() == 2);
    let remove = ["node", "remove", "3"];
    // Its leader dies meanwhile: it may end without knowing how.
    let first = cluster.holdfast(&remove);
    cluster.wait_crash(2);
    println!("{}: {}", point.name(), first.status);
    cluster.ask(&remove);
    cluster.forget(3);
    cluster
}

fn delete_volume(point: FaultPoint) -> Cluster {
    let mut cluster = Cluster::start(3);
    cluster.holdfast(&["volume", "create", "second"]).success();
    cluster.wait_settled();
    assert!(cluster.node(2).data().join("groups/2").exists());
    prepare(&mut cluster, point);
    let delete = ["volume", "delete", "--yes", "second"];
    cluster.holdfast(&delete).success();
    cluster.wait_crash(2);
    let gone = cluster.node(2).data().join("groups/2");
    wait_until("the rest is removed", LIMIT, || !gone.exists());
    cluster
}

fn build_snapshot(point: FaultPoint) -> Cluster {
    let mut cluster = ClusterSetup::default().settings(SETTINGS).start(3);
    prepare(&mut cluster, point);
    let client = cluster.client();
    let load = Load::start(&client, InodeId::ROOT, "file", 2);
    cluster.wait_crash(2);
    load.stop().assert_is_all_of(&client.names(InodeId::ROOT));
    cluster
}

fn install_snapshot(point: FaultPoint) -> Cluster {
    let mut cluster = ClusterSetup::default().settings(SETTINGS).start(3);
    let client = cluster.client();
    let had = cluster.replica(2, VOLUME).unwrap().last_log_index;
    cluster.stop(2);
    let load = Load::start(&client, InodeId::ROOT, "file", 2);
    let leader = cluster.leader();
    cluster.wait_replica("the log is purged", LIMIT, leader, |replica| {
        replica.purged_index > had + 100
    });
    cluster.node_mut(2).crash_at(point);
    cluster.restart(2);
    cluster.wait_crash(2);
    load.stop().assert_is_all_of(&client.names(InodeId::ROOT));
    cluster
}

fn add_member(point: FaultPoint) -> Cluster {
    let mut cluster = Cluster::start(1);
    cluster.stop(1);
    cluster.node_mut(1).crash_at(point);
    cluster.restart(1);
    cluster.wait_settled();
    cluster.add_node(2);
    cluster.wait_crash(1);
    cluster
}

fn recover(point: FaultPoint) -> Cluster {
    let mut cluster = ClusterSetup::default().settings(SETTINGS).start(3);
    let client = cluster.client();
    let load = Load::start_up_to(&client, InodeId::ROOT, "file", 2, 300).finish();
    drop(client);
    let leader = cluster.leader();
    cluster.kill(leader);
    cluster.lose_all_but(leader);
    let ended = cluster.force_new_cluster(leader, Some(point));
    assert_eq!(ended.status.signal(), Some(libc::SIGKILL), "{ended:?}");
    let is_said = ended.stderr.lines().any(|line| line == ended_at(point));
    assert!(is_said, "{ended:?}");
    // Half of it is not started.
    cluster.restart(leader);
    let refused = becomes_true(LIMIT, || cluster.node_mut(leader).ended().is_some());
    assert!(refused, "the node starts after half a recovery");
    cluster.kill(leader);
    let log = fs::read_to_string(cluster.node(leader).log()).unwrap();
    assert!(log.contains("--force-new-cluster again"), "{log}");
    let told = cluster.force_new_cluster(leader, None).success();
    assert!(told.contains("was cut off"), "{told}");
    cluster.restart(leader);
    cluster.wait_settled();
    let client = cluster.client();
    load.assert_is_all_of(&client.names(InodeId::ROOT));
    cluster
}
