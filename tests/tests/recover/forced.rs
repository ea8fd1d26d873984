//! What the new cluster has.

use std::time::Duration;

use holdfast_metadata::InodeId;
use holdfast_tests::cluster::{ClusterSetup, SETTLED, VOLUME, command, create};
use holdfast_tests::poll::becomes_true;
use holdfast_tests::{Cluster, Load, wait_until};

const TRIES: usize = 5;
/// How long a leader may take to have a create in its log.
const TAKEN: Duration = Duration::from_secs(10);
/// So small that the log is soon purged behind snapshots.
const SNAPSHOTS: &str = "[snapshots]\nentries = 100\nspacing_seconds = 0\nkeep = 10\n";

#[test]
fn all_that_the_leader_acknowledged_is_there_and_others_can_join() {
    let mut cluster = ClusterSetup::default().settings(SNAPSHOTS).start(3);
    cluster.holdfast(&["volume", "create", "second"]).success();
    cluster.wait_settled();
    let client = cluster.client();
    let load = Load::start_up_to(&client, InodeId::ROOT, "file", 2, 500);
    let acknowledged = load.finish();
    let second = cluster.client_of("second", &cluster.addresses());
    second.mkdir(InodeId::ROOT, "of-the-second").unwrap();
    // Whoever leads has all that was acknowledged.
    let leader = cluster.leader();
    let second_leads = cluster.leader_of(2);
    if second_leads != leader {
        let to = leader.to_string();
        cluster
            .holdfast(&["node", "transfer-leader", "--to", &to])
            .success();
    }
    wait_until("one node leads both", SETTLED, || {
        cluster.leader() == leader && cluster.leader_of(2) == leader
    });
    drop((client, second));
    cluster.kill(leader);
    cluster.lose_all_but(leader);
    let told = cluster.force_new_cluster(leader, None).success();
    assert!(told.contains("is the only one of cluster"), "{told}");
    cluster.restart(leader);
    cluster.wait_settled();
    let client = cluster.client();
    acknowledged.assert_is_all_of(&client.names(InodeId::ROOT));
    let second = cluster.client_of("second", &cluster.addresses());
    assert!(second.lookup(InodeId::ROOT, "of-the-second").is_ok());

    // The number of a lost node is never given again.
    let lost: Vec<u64> = (1..=3).filter(|id| *id != leader).collect();
    assert_eq!(cluster.status(leader).removed, lost);
    for id in [4, 5] {
        cluster.add_node(id);
    }
    cluster.wait_settled();
    client.create(InodeId::ROOT, "with-all-three").unwrap();
    cluster.assert_all_replicas_agree();
    cluster.assert_replicas_agree(2);
    // It has a quorum again that can do without any one of them.
    cluster.kill(leader);
    cluster.forget(leader);
    let client = cluster.client();
    client.create(InodeId::ROOT, "without-the-first").unwrap();
    let mut names = client.names(InodeId::ROOT);
    assert!(names.remove("with-all-three").is_some());
    assert!(names.remove("without-the-first").is_some());
    acknowledged.assert_is_all_of(&names);
}

#[test]
fn what_was_never_known_to_be_committed_counts() {
    let mut cluster = Cluster::start(3);
    let (leader, name) = log_at_the_leader_only(&mut cluster);
    // It ends in good order, or the entry may not be on its disk yet.
    cluster.stop(leader);
    cluster.lose_all_but(leader);
    cluster.force_new_cluster(leader, None).success();
    cluster.restart(leader);
    cluster.wait_settled();
    let names = cluster.client().names(InodeId::ROOT);
    assert!(names.contains_key(&name), "{names:?}");
}

/// The other nodes stand still, and the log of the leader has a create that they have not; answers with the leader and the name.
#[track_caller]
fn log_at_the_leader_only(cluster: &mut Cluster) -> (u64, String) {
    for attempt in 1..=TRIES {
        let leader = cluster.leader();
        let others = || (1..=3_u64).filter(|id| *id != leader);
        let last = || cluster.replica(leader, VOLUME).unwrap().last_log_index;
        let address = cluster.node(leader).address();
        let mut calls = cluster.speaker().calls_of_session(address, VOLUME);
        others().for_each(|id| cluster.pause(id));
        let before = last();
        let name = format!("uncommitted-{attempt}");
        let create = command(create(InodeId::ROOT, &name));
        calls.send_command(VOLUME, &create, false);
        if becomes_true(TAKEN, || last() > before) {
            return (leader, name);
        }
        // On a slow machine it had heard nobody for too long when it was asked.
        others().for_each(|id| cluster.resume(id));
        cluster.wait_settled();
    }
    panic!("no leader took a create without the others");
}

#[test]
fn a_learner_and_a_follower_will_do() {
    let mut cluster = Cluster::start(3);
    let leader = cluster.leader();
    let follower = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    cluster.client().create(InodeId::ROOT, "file").unwrap();
    cluster.wait_caught_up(follower);
    cluster.stop(follower);
    cluster.lose_all_but(follower);
    cluster.force_new_cluster(follower, None).success();
    cluster.restart(follower);
    cluster.wait_settled();
    assert!(cluster.client().lookup(InodeId::ROOT, "file").is_ok());
    cluster.add_learner(7);
    let client = cluster.client();
    client.create(InodeId::ROOT, "second").unwrap();
    wait_until("the learner has it", SETTLED, || {
        let behind = cluster
            .replica(7, VOLUME)
            .map(|replica| replica.applied_index);
        let ahead = cluster
            .replica(follower, VOLUME)
            .map(|replica| replica.applied_index);
        behind.is_some() && behind == ahead
    });
    drop(client);
    cluster.stop(7);
    cluster.kill(follower);
    cluster.forget(follower);
    let told = cluster.force_new_cluster(7, None).success();
    assert!(told.contains("node 7 is the only one"), "{told}");
    cluster.restart(7);
    cluster.wait_settled();
    let names = cluster.client().names(InodeId::ROOT);
    assert!(
        names.contains_key("file") && names.contains_key("second"),
        "{names:?}"
    );
}
